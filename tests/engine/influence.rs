//! The influence of examples: against autograd through all of training, and against training again with other weights of theirs.

use crate::common::arrays::read_npy;
use crate::common::interrupt::Interrupt;
use pathkernel::compute::cpu::CpuBackend;
#[cfg(feature = "gpu")]
use pathkernel::compute::gpu::{Choice, GpuBackend};
use pathkernel::compute::{Backend, Element};
use pathkernel::error::Error;
use pathkernel::influence::Influence;
use pathkernel::optimizer::{Flow, Lion, Optimizer};
use pathkernel::path::{Effects, Finished};
use pathkernel::problem::{InfluenceTiles, Problem, QueryData, TrainingData};
use pathkernel::random::numbers;
use pathkernel::run::Inputs;
use pathkernel::run::keys::RunFile;
use pathkernel::tape::{Kept, MemoryTape, Tape};
use std::path::{Path, PathBuf};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The names in a folder, without an ending, of those that have it.
fn names(folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(tests().join(folder)).expect("a folder").map(|entry| entry.expect("an entry"));
    let names = entries.filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(ending)?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert!(!names.is_empty(), "{folder}");
    names
}

/// A fixture's inputs, asking for the influence; `None` where steps have no derivative.
fn inputs(name: &str) -> Option<Inputs> {
    let run_file = RunFile::load(&tests().join("fixtures").join(name).join("run.toml"), &[]).expect("a run file");
    let mut inputs = Inputs::read(&run_file).expect(name);
    let has_derivative = !["flow", "lion"].contains(&inputs.problem.spec.optimizer.whole().name());
    inputs.problem.influence = has_derivative.then(Influence::default);
    has_derivative.then_some(inputs)
}

/// The path of a fixture.
fn path<B: Backend>(backend: &B, Inputs { problem, initial, checkpoints, .. }: &Inputs) -> MemoryTape<B::Element> {
    let mut tape = MemoryTape::new(problem.recording());
    let made = match checkpoints {
        None => problem.train(backend, initial, &mut tape, &mut || Ok(())),
        Some(checkpoints) => {
            let mut weights = |number| {
                let weights: Vec<f64> = checkpoints.weights(number)?;
                Ok(weights.into_iter().map(B::Element::from_f64).collect())
            };
            problem.follow(backend, &mut weights, &mut tape, &mut || Ok(()))
        }
    };
    made.expect("a path");
    tape
}

/// `[n, m, R]` and its effects.
fn influence<B: Backend>(backend: &B, inputs: &Inputs) -> (Vec<f64>, Effects) {
    let path = path(backend, inputs);
    InfluenceTiles::new(&inputs.problem).of(backend, &path, 2, &mut || Ok(())).expect("the influence")
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |top, value| value.abs().max(top))
}

/// How far two arrays are from each other, relative to the largest entry of the second.
fn distance(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let differences: Vec<f64> = got.iter().zip(want).map(|(got, want)| got - want).collect();
    assert!(differences.iter().all(|difference| difference.is_finite()));
    largest(&differences) / largest(want)
}

/// Autograd through all of training: tests/reference/models/influence.py.
#[test]
fn influences_are_those_of_autograd() {
    let mut failed = Vec::new();
    for name in names("influence", "_influence.npy") {
        let inputs = inputs(&name).expect("steps with a derivative");
        let (found, effects) = influence(&CpuBackend::<f64>::new(), &inputs);
        let want =
            |what: &str| read_npy(&tests().join(format!("influence/{name}_{what}.npy"))).expect("an array").values;
        let errors = [distance(&found, &want("influence")), distance(&effects.rates, &want("rates"))];
        if errors.iter().any(|error| *error > 1e-10) {
            failed.push(format!("{name}: {errors:?}"));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// `Σ_i v_i I_i` of every value of every query, against the central difference of training again with weights `1 ± h v`. Of two widths
/// the wider one shows what truncation makes of the narrower: a third of what they differ by. Rounding makes about ε/h of it.
#[test]
fn influences_are_differences_of_training_again() {
    const H: f64 = 1e-4;
    let mut failed = Vec::new();
    for name in names("fixtures", "") {
        // Large networks take long, and their layers are those of the others.
        let Some(inputs) = inputs(&name).filter(|own| !own.problem.imported && !name.starts_with("people_")) else {
            continue;
        };
        let (backend, problem) = (CpuBackend::<f64>::new(), &inputs.problem);
        let (found, _) = influence(&backend, &inputs);
        let (columns, rows) = (problem.columns(), problem.spec.values(problem.network.outputs));
        let along = numbers(3, columns);
        let at = |h: f64| {
            let factors: Vec<f64> = along.iter().map(|v| 1.0 + h * v).collect();
            problem.retrain(&backend, &inputs.initial, &factors, &mut || Ok(())).expect(&name)
        };
        let difference =
            |h: f64| -> Vec<f64> { at(h).iter().zip(at(-h)).map(|(up, down)| (up - down) / (2.0 * h)).collect() };
        let (near, far) = (difference(H), difference(2.0 * H));
        let of = |query: usize, row: usize| {
            (0..columns).map(|i| along[i] * found[(query * columns + i) * rows + row]).sum::<f64>()
        };
        let got: Vec<f64> = (0..near.len()).map(|at| of(at / rows, at % rows)).collect();
        let (error, truncation) = (distance(&got, &near), distance(&far, &near));
        if error > truncation + 1e-9 {
            failed.push(format!("{name}: {error:.1e}, of truncation {truncation:.1e}"));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Influences in single precision. Each step rounds λ, the weights and the gradients by some units of 6e-8, and steps amplify that; of
/// Adam and its like the step divides by the size of gradients, which are sums that cancel.
#[test]
fn single_precision_is_near() {
    for (name, tolerance) in [("momentum_decay", 1e-5), ("adamw_batches", 3e-4), ("batch_norm_momentum", 1e-4)] {
        let inputs = inputs(name).expect("steps with a derivative");
        let (want, _) = influence(&CpuBackend::<f64>::new(), &inputs);
        let (got, _) = influence(&CpuBackend::<f32>::new(), &inputs);
        let error = distance(&got, &want);
        assert!(error < tolerance, "{name}: {error:e}");
    }
}

/// Where there is no GPU the test says that it goes without.
#[cfg(feature = "gpu")]
#[test]
fn gpu_is_near() {
    let backend = match GpuBackend::open(&Choice::Any) {
        Ok(backend) => backend,
        Err(error) => {
            let required = std::env::var("PATHKERNEL_REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "PATHKERNEL_REQUIRE_GPU=1, but: {error}");
            println!("skipped: {error}");
            return;
        }
    };
    for (name, tolerance) in [("clip_momentum", 1e-5), ("adam_amsgrad", 3e-4), ("batch_norm_momentum", 1e-4)] {
        let inputs = inputs(name).expect("steps with a derivative");
        let (want, wanted) = influence(&CpuBackend::<f64>::new(), &inputs);
        let (got, effects) = influence(&backend, &inputs);
        let errors = [distance(&got, &want), distance(&effects.rates, &wanted.rates)];
        assert!(errors.iter().all(|error| *error < tolerance), "{name}: {errors:?}");
    }
}

/// A tile that is ended after every step goes on to the same bits, whatever is carried from step to step.
#[test]
fn interrupted_tiles_have_the_same_bits() {
    let names = [
        "momentum_decay",
        "clip_adam",
        "every_adam",
        "batch_norm_adamw",
        "import_tampered_momentum",
        "groups_nesterov",
    ];
    for name in names {
        let inputs = inputs(name).expect("steps with a derivative");
        let (backend, folder) = (CpuBackend::<f64>::new(), tempfile::tempdir().expect("a folder"));
        let (problem, tape) = (&inputs.problem, path(&backend, &inputs));
        let (data, queries) =
            (TrainingData::new(&backend, problem).expect("data"), QueryData::new(&backend, problem).expect("queries"));
        let tiles = InfluenceTiles::new(problem);
        let tile = &tiles.tiles(2)[0];
        let go =
            |keeper: &mut Interrupt| -> Result<Finished, Error> { tiles.tile(&data, &queries, &tape, tile, keeper) };
        let whole = go(&mut Interrupt::never(folder.path().join("none"))).expect("a tile");
        let (state, mut attempts) = (folder.path().join("state"), 0);
        let parts = loop {
            attempts += 1;
            match go(&mut Interrupt::after(state.clone(), 1)) {
                Err(Error::Stopped) => {}
                other => break other.expect("a tile"),
            }
        };
        assert!(attempts > problem.steps.len(), "{name}: {attempts}");
        assert_eq!((whole.influence, whole.effects), (parts.influence, parts.effects), "{name}");
    }
}

/// The tile's sides and the two halves of a tile change nothing.
#[test]
fn tiles_are_parts_of_the_whole() {
    let inputs = inputs("adamw_batches").expect("steps with a derivative");
    let (backend, problem) = (CpuBackend::<f64>::new(), &inputs.problem);
    let (tape, tiles) = (path(&backend, &inputs), InfluenceTiles::new(problem));
    let of = |side| tiles.of(&backend, &tape, side, &mut || Ok(())).expect("the influence");
    let whole = of(problem.query_count());
    assert_eq!(whole, of(1));
    let [first, second] = tiles.halves(&tiles.tiles(problem.query_count())[0]).expect("halves");
    assert_eq!((first.queries.start, first.queries.end), (0, second.queries.start));
    assert_eq!((second.queries.end, &second.examples), (problem.query_count(), &first.examples));
    assert!(tiles.halves(&tiles.tiles(1)[0]).is_none());
}

/// With every example at weight ½ the path is another, and influences are by the weights there.
#[test]
fn at_another_weight_it_is_the_derivative_there() {
    let mut inputs = inputs("decay_batches_sum").expect("steps with a derivative");
    inputs.problem.influence = Some(Influence { weight: 0.5, ..Influence::default() });
    let (backend, steps) = (CpuBackend::<f64>::new(), inputs.problem.steps.clone());
    let problem = inputs.problem.influence_problem().into_owned();
    assert_eq!(problem.steps, steps);
    let (found, _) = influence(&backend, &Inputs { problem, ..inputs_of(&inputs) });
    let problem = &inputs.problem;
    let (columns, rows) = (problem.columns(), problem.spec.values(problem.network.outputs));
    let along = numbers(3, columns);
    let at = |h: f64| {
        let factors: Vec<f64> = along.iter().map(|v| 0.5 + h * v).collect();
        problem.retrain(&backend, &inputs.initial, &factors, &mut || Ok(())).expect("readouts")
    };
    let want: Vec<f64> = at(1e-4).iter().zip(at(-1e-4)).map(|(up, down)| (up - down) / 2e-4).collect();
    let of = |at: usize| (0..columns).map(|i| along[i] * found[(at / rows * columns + i) * rows + at % rows]).sum();
    let got: Vec<f64> = (0..want.len()).map(of).collect();
    assert!(distance(&got, &want) < 1e-7, "{:e}", distance(&got, &want));
}

/// The same but for the problem.
fn inputs_of(inputs: &Inputs) -> Inputs {
    Inputs {
        problem: inputs.problem.clone(),
        initial: inputs.initial.clone(),
        checkpoints: None,
        outputs: None,
        notes: Vec::new(),
    }
}

#[test]
fn what_has_no_derivative_is_refused() {
    let inputs = inputs("momentum").expect("steps with a derivative");
    let problem = |influence, optimizer: Option<Optimizer>| {
        let mut problem = Problem { influence: Some(influence), ..inputs.problem.clone() };
        if let Some(optimizer) = optimizer {
            problem.spec.optimizer = optimizer.into();
        }
        problem.check().expect_err("a refusal").to_string()
    };
    let plain = Influence::default();
    let lion = Lion { learning_rate: 0.01, betas: [0.9, 0.99], weight_decay: 0.0 };
    let flow = Flow { time: 1.0, tolerance: 1e-8 };
    for (optimizer, name) in [(Optimizer::Lion(lion), "lion"), (Optimizer::Flow(flow), "flow")] {
        let said = problem(plain, Some(optimizer));
        assert!(said.contains("kernel.influence") && said.contains(name), "{said}");
    }
    for (wrong, key) in [
        (Influence { weight: 0.0, ..plain }, "weight"),
        (Influence { weight: f64::NAN, ..plain }, "weight"),
        (Influence { eps: -1.0, ..plain }, "eps"),
        (Influence { smooth: -0.5, ..plain }, "smooth"),
    ] {
        let said = problem(wrong, None);
        assert!(said.contains(&format!("kernel.influence.{key}")), "{said}");
    }
}

/// With smooth slopes the derivative along a path of relu is that of a network of smooth layers along the same weights, which is told that
/// another one made them.
#[test]
fn smooth_slopes_are_those_of_smooth_layers() {
    let mut inputs = inputs("mlp_relu").expect("steps with a derivative");
    let backend = CpuBackend::<f64>::new();
    let made = path(&backend, &inputs);
    let (plain, _) = influence(&backend, &inputs);
    inputs.problem.influence = Some(Influence { smooth: 0.2, ..Influence::default() });
    let (got, _) = influence(&backend, &inputs);

    let file = tests().join("fixtures/mlp_relu/run.toml");
    let text = std::fs::read_to_string(&file).expect("a run file");
    let text = text.replace("type = \"relu\"", "type = \"smooth_relu\", width = 0.2");
    let mut smooth = Inputs::read(&RunFile::parse(&text, &file, &[]).expect("a run file")).expect("inputs");
    smooth.problem.imported = true;
    let (problem, mut followed) = (&smooth.problem, MemoryTape::new(smooth.problem.recording()));
    let mut weights = |number| made.row(Kept::Weights, number).map(|row| row.into_owned());
    problem.follow(&backend, &mut weights, &mut followed, &mut || Ok(())).expect("a path");
    let (want, _) = InfluenceTiles::new(problem).of(&backend, &followed, 2, &mut || Ok(())).expect("the influence");
    assert!(distance(&got, &want) < 1e-12, "{:e}", distance(&got, &want));
    assert!(distance(&got, &plain) > 1e-3);
}
