//! The influence of examples, against training again with other weights of theirs.

mod common;

use pathkernel::compute::cpu::CpuBackend;
use pathkernel::influence::Influence;
use pathkernel::problem::{InfluenceTiles, Problem};
use pathkernel::random::numbers;
use pathkernel::run::Inputs;
use pathkernel::run::keys::RunFile;
use pathkernel::tape::MemoryTape;
use std::path::{Path, PathBuf};

type Cpu = CpuBackend<f64>;

/// Whether steps have a derivative that says what other gradients would do to them.
fn has_derivative(problem: &Problem) -> bool {
    !["flow", "lion"].contains(&problem.spec.optimizer.whole().name())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A fixture's inputs, asking for the influence.
fn inputs(name: &str) -> Inputs {
    let run_file = RunFile::load(&folder().join(name).join("run.toml"), &[]).expect("a run file");
    let mut inputs = Inputs::read(&run_file).expect(name);
    if has_derivative(&inputs.problem) {
        inputs.problem.influence = Some(Influence::default());
    }
    inputs
}

/// `[n, m, R]`.
fn influence(Inputs { problem, initial, checkpoints, .. }: &Inputs, name: &str) -> Vec<f64> {
    let (backend, mut tape) = (Cpu::new(), MemoryTape::new(problem.recording()));
    match checkpoints {
        None => problem.train(&backend, initial, &mut tape, &mut || Ok(())).expect(name),
        Some(checkpoints) => {
            problem.follow(&backend, &mut |number| checkpoints.weights(number), &mut tape, &mut || Ok(())).expect(name);
        }
    }
    let path = problem.influence_problem();
    InfluenceTiles::new(&path).of(&backend, &tape, 2, &mut || Ok(())).expect(name).0
}

/// Σ_i v_i I_i of every value of every query, against the central difference of retraining along v.
#[test]
fn influences_are_differences_of_retraining() {
    let names = std::fs::read_dir(folder()).expect("fixtures").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().expect("a name")).collect();
    names.sort();
    let only = std::env::var("ONLY").ok();
    for name in names.iter().filter(|name| only.as_ref().is_none_or(|only| name.starts_with(only))) {
        let inputs = inputs(name);
        let problem = &inputs.problem;
        if !has_derivative(problem) || problem.imported || name.starts_with("people_") {
            continue;
        }
        let found = influence(&inputs, name);
        let (columns, rows) = (problem.columns(), problem.spec.values(problem.network.outputs));
        let v = numbers(3, columns);
        let at = |h: f64| {
            let factors: Vec<f64> = v.iter().map(|v| 1.0 + h * v).collect();
            problem.retrain(&Cpu::new(), &inputs.initial, &factors, &mut || Ok(())).expect(name)
        };
        let difference =
            |h: f64| -> Vec<f64> { at(h).iter().zip(at(-h)).map(|(up, down)| (up - down) / (2.0 * h)).collect() };
        let (near, far) = (difference(1e-4), difference(2e-4));
        let size = near.iter().fold(0.0f64, |top, value| top.max(value.abs()));
        let (mut worst, mut truncation) = (0.0f64, 0.0f64);
        for (at, near) in near.iter().enumerate() {
            let (query, row) = (at / rows, at % rows);
            let sum: f64 = (0..columns).map(|i| v[i] * found[(query * columns + i) * rows + row]).sum();
            worst = worst.max((sum - near).abs() / size);
            truncation = truncation.max((far[at] - near).abs() / size);
        }
        println!("{name:32} {worst:.1e} {truncation:.1e} of {size:.1e}");
    }
}
