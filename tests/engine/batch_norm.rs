//! Networks that normalise by their batches in training: the two ways to contributions through a batch, tiles, interruptions,
//! what is refused, and the path step by step as PyTorch takes it.

use crate::common::arrays::{read_npy, read_safetensors};
use crate::common::interrupt::Interrupt;
use crate::common::program::{pathkernel, stderr, succeeds};
use pathkernel::activation::Activation;
use pathkernel::compute::cpu::CpuBackend;
#[cfg(feature = "gpu")]
use pathkernel::compute::gpu::{Choice, GpuBackend};
use pathkernel::compute::{Backend, Entries, Rates};
use pathkernel::error::Error;
use pathkernel::graph::Graph;
use pathkernel::layer::{Add, AvgPool2d, BatchNorm, Conv2d, Flatten, Layer, LayerKind, Linear, Lower, Statistics};
use pathkernel::loss::{Loss, Targets};
use pathkernel::optimizer::{Adam, Flow, Lion, NAdam, Optimizer, RmsProp, Sgd};
use pathkernel::path::{Finished, Integration, Rule, Superposition, Tile};
use pathkernel::plan::Device;
use pathkernel::problem::{Explanation, Problem, QueryData, TrainingData};
use pathkernel::random::numbers;
use pathkernel::tangent::Contraction;
use pathkernel::tape::{Kept, MemoryTape, Tape};
use pathkernel::training::Groups;
use std::path::{Path, PathBuf};

const EXAMPLES: usize = 7;
const QUERIES: usize = 3;
const OUTPUTS: usize = 3;
const WIDTH: usize = 16;
/// Of several sizes; examples come twice in some.
const BATCHES: [&[u32]; 5] = [&[0, 3, 5, 3], &[6, 1], &[2, 4, 0, 1, 2, 2], &[5, 6, 3], &[1, 2, 3, 4]];

fn norm(affine: bool) -> Layer {
    Layer::new(BatchNorm { affine, statistics: Statistics::Batch, ..BatchNorm::START })
}

/// Images, a residual, and features of a single position.
fn network() -> Graph {
    let conv = |channels| Layer::new(Conv2d::square(channels, 3, 1, 1, true));
    let act = |kind| Layer::new(LayerKind::Activation(kind));
    let linear = |features| Layer::new(Linear { features, bias: true });
    let layers = [
        conv(2),
        norm(true),
        act(Activation::Tanh),
        conv(2),
        norm(false),
        act(Activation::Tanh),
        Layer::new(Add).reading(&[2]),
        Layer::new(AvgPool2d::square(2)),
        Layer::new(Flatten),
        linear(4),
        norm(true),
        act(Activation::Tanh),
        linear(OUTPUTS),
    ];
    Graph::new(&[1, 4, 4], &layers).expect("a network")
}

fn optimizers() -> [Optimizer; 7] {
    let sgd = Sgd { weight_decay: 0.02, ..Sgd::plain(0.05) };
    let (betas, eps, weight_decay) = ([0.8, 0.95], 1e-2, 0.02);
    let adam = Adam { learning_rate: 0.02, betas, eps, weight_decay, amsgrad: false, decoupled: true };
    let (alpha, momentum) = (0.9, 0.5);
    [
        Optimizer::Sgd(sgd),
        Optimizer::Sgd(Sgd { momentum: 0.9, ..sgd }),
        Optimizer::Sgd(Sgd { momentum: 0.6, nesterov: true, ..sgd }),
        Optimizer::Adam(adam),
        Optimizer::RmsProp(RmsProp { learning_rate: 0.005, alpha, eps, weight_decay, momentum, centered: false }),
        Optimizer::NAdam(NAdam {
            learning_rate: 0.02,
            betas,
            eps,
            weight_decay,
            momentum_decay: 0.004,
            decoupled_weight_decay: false,
        }),
        Optimizer::Lion(Lion { learning_rate: 0.005, betas: [0.8, 0.9], weight_decay }),
    ]
}

fn problem(optimizer: Optimizer) -> Problem {
    let classes = (0..EXAMPLES as u32).map(|example| example * 2 % OUTPUTS as u32).collect();
    let (inputs, queries) = (numbers(1, EXAMPLES * WIDTH), numbers(2, QUERIES * WIDTH));
    let mut problem = Problem::new(network(), Loss::CrossEntropy, optimizer, inputs, Targets::Classes(classes))
        .asking(queries, Some(Targets::Classes(vec![2, 0, 1])))
        .batches(BATCHES.iter().map(|batch| batch.to_vec()).collect());
    problem.spec.rule = Rule::Gauss { nodes: 16 };
    problem
}

/// The same problem, contracted in one way.
fn by(problem: &Problem, contraction: Contraction) -> Problem {
    Problem { contraction: Some(vec![contraction; problem.network.blocks.len()]), ..problem.clone() }
}

const WAYS: [Contraction; 2] = [Contraction::Materialised, Contraction::Directional];

fn trained<B: Backend>(backend: &B, problem: &Problem) -> MemoryTape<B::Element> {
    let mut tape = MemoryTape::new(problem.recording());
    problem.train(backend, &problem.network.draw(3), &mut tape, &mut || Ok(())).expect("a path");
    tape
}

fn explained<B: Backend>(backend: &B, problem: &Problem, tape: &MemoryTape<B::Element>) -> Explanation {
    let plan = problem.plan(&Device::new(backend, Rates::CPU)).expect("a plan");
    Explanation::of(problem, backend, tape, &plan, &mut || Ok(())).expect("an explanation")
}

fn tile<B: Backend>(
    backend: &B,
    problem: &Problem,
    tape: &MemoryTape<B::Element>,
    tile: &Tile,
    keeper: &mut dyn pathkernel::keeper::Keeper,
) -> Result<Finished, Error> {
    let data = TrainingData::new(backend, problem).expect("data");
    let queries = QueryData::new(backend, problem).expect("queries");
    let contraction = problem.contraction.clone().expect("a contraction");
    Integration { setting: data.setting(&contraction, &queries), tape }.tile(tile, keeper)
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

fn furthest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |furthest, (a, b)| furthest.max((a - b).abs()))
}

/// Gradients passed back through the batch, and derivatives of the batch along ψ, are two ways to the same numbers; all parts add
/// up to the change of the outputs, of which the running statistics make a large one.
#[test]
fn both_ways_give_the_same_and_all_parts_add_up() {
    let backend = CpuBackend::<f64>::new();
    for (number, optimizer) in optimizers().into_iter().enumerate() {
        let mut problem = problem(optimizer);
        if let Optimizer::Adam(adam) = optimizer {
            // Rounding of a gradient that is zero would be a step as large as any.
            problem.spec.optimizer = Optimizer::Adam(Adam { eps: 1e-12, ..adam }).into();
        }
        problem.spec.layers = number % 2 == 1;
        problem.clip_norm = if number % 3 == 0 { 0.5 } else { 0.0 };
        if number == 4 {
            problem = problem.grouped(Groups::new(&[5, 1, 5, 2, 1, 9, 9]));
        }
        let tape = trained(&backend, &problem);
        let [one, other] = WAYS.map(|way| explained(&backend, &by(&problem, way), &tape));
        let most = one.attribution.iter().map(|part| largest(part)).fold(0.0, f64::max);
        for (one, other) in one.attribution.iter().zip(&other.attribution) {
            // Some hundred products a sum: each rounding is of 1e-16.
            assert!(furthest(one, other) < 1e-12 * most, "{optimizer:?}: {:e}", furthest(one, other) / most);
        }
        let account = &one.account;
        let change = furthest(&account.prediction, &account.initial);
        assert!(change > 1e-2 && largest(&account.statistics) > 0.05 * change, "{optimizer:?}: {account:?}");
        assert!(largest(&one.residual()) < 1e-10 * change, "{optimizer:?}: {:e}", largest(&one.residual()) / change);
        // Whatever is not asked for, the plan takes one of the two ways.
        let plan = problem.plan(&Device::new(&backend, Rates::CPU)).expect("a plan");
        assert!(WAYS.iter().any(|way| plan.contraction.iter().all(|own| own == way)), "{:?}", plan.contraction);
    }
}

/// The rule that splits steps holds its promise with statistics that move along them.
#[test]
fn the_adaptive_rule_explains_what_statistics_do() {
    let backend = CpuBackend::<f64>::new();
    let mut problem = problem(optimizers()[1]);
    problem.spec.rule = Rule::Adaptive { tolerance: 1e-8 };
    let tape = trained(&backend, &problem);
    let found = explained(&backend, &problem, &tape);
    let change = furthest(&found.account.prediction, &found.account.initial);
    assert!(largest(&found.residual()) < 1e-7 * change, "{:e}", largest(&found.residual()) / change);
}

#[test]
fn tiles_agree_bit_by_bit() {
    let backend = CpuBackend::<f32>::new();
    for optimizer in [optimizers()[1], optimizers()[3]] {
        for way in WAYS {
            let problem = by(&problem(optimizer), way);
            let tape = trained(&backend, &problem);
            let whole = Tile { queries: 0..QUERIES, examples: 0..EXAMPLES };
            let all = tile(&backend, &problem, &tape, &whole, &mut || Ok(())).expect("a tile");
            for (queries, examples) in [(0..1, 0..4), (1..3, 4..7), (0..3, 6..7), (2..3, 0..7)] {
                let part = Tile { queries: queries.clone(), examples: examples.clone() };
                let part = tile(&backend, &problem, &tape, &part, &mut || Ok(())).expect("a tile");
                let (n, m) = (queries.len(), examples.len());
                for (place, value) in part.attribution[0].iter().enumerate() {
                    let (output, query, example) = (place / (n * m), place / m % n, place % m);
                    let at = (output * QUERIES + queries.start + query) * EXAMPLES + examples.start + example;
                    assert_eq!(value.to_bits(), all.attribution[0][at].to_bits(), "{optimizer:?}, {way:?}, {at}");
                }
                if examples.start == 0 {
                    let own = queries.start * OUTPUTS..queries.end * OUTPUTS;
                    assert_eq!(part.account.statistics, all.account.statistics[own]);
                }
            }
        }
    }
}

/// Whatever is interrupted goes on to the same bits, and so do steps that were not recorded.
#[test]
fn interruptions_and_sparse_recordings_give_the_same_bits() {
    let backend = CpuBackend::<f32>::new();
    let folder = tempfile::tempdir().expect("a folder");
    for optimizer in [optimizers()[2], optimizers()[3]] {
        for way in WAYS {
            let dense = by(&problem(optimizer), way);
            let whole = Tile { queries: 0..QUERIES, examples: 0..EXAMPLES };
            let tape = trained(&backend, &dense);
            let want = tile(&backend, &dense, &tape, &whole, &mut || Ok(())).expect("a tile");
            for (every, after) in [(1, 1), (1, 3), (2, 2), (3, 4)] {
                let problem = Problem { every, ..dense.clone() };
                let (initial, state) = (problem.network.draw(3), folder.path().join("state"));
                let mut ended = MemoryTape::new(problem.recording());
                let mut keeper = Interrupt::after(state.clone(), after);
                let stopped = problem.train(&backend, &initial, &mut ended, &mut keeper);
                assert!(matches!(stopped, Err(Error::Stopped)));
                let mut again = MemoryTape::new(problem.recording());
                let mut keeper = Interrupt::never(state.clone());
                problem.train(&backend, &initial, &mut again, &mut keeper).expect("a path");
                assert_eq!(keeper.made, BATCHES.len() - after);
                assert_eq!(again.last().expect("weights"), tape.last().expect("weights"));
                std::fs::remove_file(&state).expect("a state");
                let mut keeper = Interrupt::after(state.clone(), after);
                let stopped = tile(&backend, &problem, &again, &whole, &mut keeper);
                assert!(matches!(stopped, Err(Error::Stopped)));
                let mut keeper = Interrupt::never(state.clone());
                let found = tile(&backend, &problem, &again, &whole, &mut keeper).expect("a tile");
                assert_eq!(format!("{found:?}"), format!("{want:?}"), "{optimizer:?}, {way:?}, {every}, {after}");
                std::fs::remove_file(&state).expect("a state");
            }
        }
    }
}

/// Without weight decay the trained weights change by what the examples add.
#[test]
fn the_weights_change_by_what_the_examples_add() {
    let backend = CpuBackend::<f64>::new();
    let (betas, eps) = ([0.8, 0.95], 1e-2);
    let adam = Adam { learning_rate: 0.02, betas, eps, weight_decay: 0.0, amsgrad: false, decoupled: true };
    for optimizer in [Optimizer::Sgd(Sgd { momentum: 0.6, ..Sgd::plain(0.05) }), Optimizer::Adam(adam)] {
        let problem = problem(optimizer);
        let tape = trained(&backend, &problem);
        let data = TrainingData::new(&backend, &problem).expect("data");
        let queries = QueryData::none();
        let superposition = Superposition { setting: data.setting(&[], &queries), tape: &tape };
        let parts =
            [0..2, 2..EXAMPLES].map(|set| superposition.vectors(&set, &mut || Ok(())).expect("vectors").examples);
        let (first, last) = (tape.row(Kept::Weights, 0).expect("weights"), tape.last().expect("weights"));
        for (number, block) in problem.network.blocks.iter().enumerate() {
            let len = block.len();
            let change: Vec<f64> = (block.offset..block.offset + len).map(|at| last[at] - first[at]).collect();
            let rows = || parts.iter().flat_map(|part| part[number].chunks(len));
            let added: Vec<f64> = (0..len).map(|at| rows().map(|row| row[at]).sum()).collect();
            assert!(furthest(&change, &added) < 1e-13, "{optimizer:?}, layer {}", block.layer);
        }
    }
}

#[test]
fn what_has_no_meaning_is_refused_with_words() {
    let plain = problem(Optimizer::Sgd(Sgd::plain(0.1)));
    let words = |problem: Problem| problem.check().expect_err("a refusal").to_string();
    let mut kernel = plain.clone();
    kernel.spec.kernel = Some(Entries::Full);
    let said = words(kernel);
    assert!(said.contains("kernel.kernel") && said.contains("kernel.kernel = \"none\""), "{said}");
    let said = words(by(&plain, Contraction::Half));
    assert!(said.contains("cannot be half; one of materialised, directional"), "{said}");
    let said = words(plain.clone().batches(vec![vec![0, 1], vec![4]]));
    assert!(said.contains("the batch of step 1 is one example") && said.contains("two examples"), "{said}");
    let flow = Optimizer::Flow(Flow { time: 1.0, tolerance: 1e-6 });
    let said = words(Problem { steps: Vec::new(), ..problem(flow) });
    assert!(said.contains("training.optimizer: gradient flow"), "{said}");
    // One example of several positions is a batch.
    let layers = [norm(true), Layer::new(Flatten), Layer::new(Linear { features: OUTPUTS, bias: true })];
    let network = Graph::new(&[1, 4, 4], &layers).expect("a network");
    Problem { network, ..plain }.batches(vec![vec![4]]).check().expect("sixteen positions");
}

fn in_single_precision<B: Backend>(backend: &B) {
    for optimizer in [optimizers()[1], optimizers()[3]] {
        let problem = problem(optimizer);
        let tape = trained(backend, &problem);
        let [one, other] = WAYS.map(|way| explained(backend, &by(&problem, way), &tape));
        let error = furthest(&one.attribution[0], &other.attribution[0]) / largest(&one.attribution[0]);
        // Some hundred roundings.
        assert!(error < 2e-5, "{optimizer:?}, on {}: {error:e}", backend.name());
    }
}

#[test]
fn in_single_precision_on_the_cpu() {
    in_single_precision(&CpuBackend::<f32>::new());
}

/// Where there is no GPU the test says that it goes without.
#[cfg(feature = "gpu")]
#[test]
fn in_single_precision_on_the_gpu() {
    match GpuBackend::open(&Choice::Any) {
        Ok(gpu) => in_single_precision(&gpu),
        Err(error) => {
            let required = std::env::var("PATHKERNEL_REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "PATHKERNEL_REQUIRE_GPU=1, but: {error}");
            println!("skipped on the GPU: {error}");
        }
    }
}

/// The fixtures that PyTorch trained in training mode.
fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let entries = std::fs::read_dir(folder).expect("fixtures").map(|entry| entry.expect("a fixture").path());
    let mut all: Vec<PathBuf> = entries.filter(|path| path.join("path.safetensors").is_file()).collect();
    all.sort();
    assert!(all.len() >= 6, "{all:?}");
    all
}

/// Weights and running statistics are PyTorch's after every step, whichever way the contributions are computed.
#[test]
fn paths_are_pytorchs_step_by_step() {
    let scratch = tempfile::tempdir().expect("a folder");
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for fixture in fixtures() {
        let name = fixture.file_name().expect("a name").to_string_lossy().into_owned();
        let directory = scratch.path().join(&name);
        succeeds(
            pathkernel(cache)
                .arg("run")
                .arg(fixture.join("run.toml"))
                .arg(format!("run.directory={}", directory.display()))
                // Where the path is imported, some of it is unexplained on purpose.
                .args(["run.device=cpu", "run.precision=f64", "trajectory.every=1", "kernel.accept=10"]),
        );
        let text = std::fs::read_to_string(directory.join("trajectory/layout.json")).expect("a layout");
        let layout: serde_json::Value = serde_json::from_str(&text).expect("a layout");
        let rows = read_npy(&directory.join("trajectory/weights.npy")).expect("weights");
        let path = read_safetensors(&fixture.join("path.safetensors")).expect("a path");
        assert_eq!(layout.as_object().map(|layout| layout.len()), Some(path.len()), "{name}");
        for (tensor, want) in &path {
            let offset = layout[tensor]["offset"].as_u64().expect("an offset") as usize;
            let len = want.values.len() / want.shape[0];
            for step in 0..want.shape[0] {
                let have = &rows.values[step * rows.shape[1] + offset..][..len];
                let want = &want.values[step * len..][..len];
                let error = furthest(have, want);
                // A few steps, each with sums of some ten terms.
                assert!(error < 1e-12, "{name}, {tensor}, after {step} steps: {error:e}");
            }
        }
    }
}

/// What a run file cannot ask for ends with exit code 2 and a sentence.
#[test]
fn run_files_are_refused_with_words() {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let scratch = tempfile::tempdir().expect("a folder");
    let fixture = &fixtures()[0];
    for (setting, said) in [
        ("kernel.contraction=[\"half\", \"half\"]", "kernel.contraction"),
        ("training.batches=[[0], [1], [2], [3]]", "one example"),
    ] {
        let mut command = pathkernel(cache);
        let directory = format!("run.directory={}", scratch.path().join("out").display());
        let output = command.arg("run").arg(fixture.join("run.toml")).arg(directory).arg(setting).output();
        let output = output.expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "{setting}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{setting}: {}", stderr(&output));
    }
}
