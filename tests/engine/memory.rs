//! The library without a file system: what is trained and explained in memory has the bits of a run directory's arrays.

use pathkernel::activation::Activation;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Entries, Rates};
use pathkernel::formats;
use pathkernel::graph::Graph;
use pathkernel::layer::{Layer, LayerKind, Linear};
use pathkernel::loss::{Loss, Targets};
use pathkernel::optimizer::{Adam, Flow, Optimizer, Sgd};
use pathkernel::path::{Rule, Spec};
use pathkernel::plan::{Cut, Device, Plan};
use pathkernel::problem::{Explanation, Problem};
use pathkernel::random::numbers;
use pathkernel::readout::Readout;
use pathkernel::run::keys::RunFile;
use pathkernel::run::{self, Progress};
use pathkernel::tape::MemoryTape;
use pathkernel::training::draw_batches;
use std::path::Path;

const EXAMPLES: usize = 7;
const QUERIES: usize = 3;
const OUTPUTS: usize = 2;
const SEED: u64 = 5;

fn problem(optimizer: Optimizer) -> Problem {
    let layers = [
        LayerKind::Linear(Linear { features: 5, bias: true }),
        LayerKind::Activation(Activation::Tanh),
        LayerKind::Linear(Linear { features: OUTPUTS, bias: true }),
    ];
    let network = Graph::new(&[2], &layers.map(Layer::new)).expect("a network");
    let targets = Targets::Reals(numbers(2, EXAMPLES * OUTPUTS));
    Problem::new(network, Loss::SquaredError, optimizer, numbers(1, EXAMPLES * 2), targets)
}

fn explain(problem: &Problem) -> Explanation {
    let backend = CpuBackend::<f64>::new();
    let plan = problem.plan(&Device::new(&backend, Rates::CPU)).expect("a plan");
    let mut tape = MemoryTape::new(problem.recording());
    let initial = problem.network.draw(SEED);
    problem.train(&backend, &initial, &mut tape, &mut || Ok(())).expect("a path");
    let found = Explanation::of(problem, &backend, &tape, &plan, &mut || Ok(())).expect("an explanation");
    // The same in tiles of one query and two examples.
    let device = Device::new(&backend, Rates::CPU);
    let small = Plan::new(problem, &device, Cut::Recorded { sides: [1, 2], own: 0, influence: 0 });
    let tiled = Explanation::of(problem, &backend, &tape, &small, &mut || Ok(())).expect("an explanation");
    assert_eq!((&tiled.attribution, &tiled.kernel), (&found.attribution, &found.kernel));
    assert_eq!(tiled.account.prediction, found.account.prediction);
    found
}

struct Quiet;

impl Progress for Quiet {
    fn begin(&mut self, _: &str, _: u64) {}
    fn advance(&mut self) {}
}

/// Does the same in a run directory, and compares all arrays.
fn compare(words: &str, found: &Explanation) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let rows = |name: &str, seed, rows: usize, width: usize| {
        formats::write_npy(&file(name), &[rows, width], &numbers(seed, rows * width)).expect("an array");
    };
    rows("x.npy", 1, EXAMPLES, 2);
    rows("y.npy", 2, EXAMPLES, OUTPUTS);
    rows("q.npy", 3, QUERIES, 2);
    let text = format!(
        "run = {{ directory = {:?}, device = \"cpu\", precision = \"f64\", seed = {SEED}, tune = false }}\n\
         data.train = {{ inputs = \"x.npy\", targets = \"y.npy\" }}\nmodel.input = [2]\n\
         model.layers = [{{ type = \"linear\", features = 5 }}, {{ type = \"tanh\" }}, {{ type = \"linear\", features = 2 }}]\n\
         {words}",
        file("out").display().to_string()
    );
    // The rule of `Spec::new`, where the words name no other.
    let rule = if words.contains("rule") { None } else { Some("kernel.rule=gauss".to_owned()) };
    let run_file = RunFile::parse(&text, &file("run.toml"), rule.as_slice()).expect("a run file");
    run::run(&run_file, &mut Quiet).expect("a run");
    let array = |name: &str| {
        let path = file("out").join(name);
        Path::new(&path).exists().then(|| formats::read(&path.display().to_string()).expect("an array").to_f64())
    };
    let arrays = [
        ("attribution.npy", found.attribution.first()),
        ("kernel.npy", found.kernel.first()),
        ("tangent_initial.npy", found.tangent_initial.first()),
        ("tangent_final.npy", found.tangent_final.first()),
        ("initial.npy", Some(&found.account.initial)),
        ("prediction.npy", Some(&found.account.prediction)),
        ("regularizer.npy", Some(&found.account.regularizer)),
    ];
    for (name, values) in arrays {
        assert_eq!(array(name).as_ref(), values, "{name}");
    }
}

#[test]
fn adam_in_batches_has_the_bits_of_a_run() {
    let optimizer = Adam {
        learning_rate: 0.05,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: 0.1,
        amsgrad: false,
        decoupled: true,
    };
    let problem = problem(Optimizer::Adam(optimizer))
        .asking(numbers(3, QUERIES * 2), None)
        .batches(draw_batches(SEED, EXAMPLES, 4, 9));
    let words = "data.query = { inputs = \"q.npy\" }\n\
         training = { loss = \"squared_error\", steps = 9, batch_size = 4, optimizer = { type = \"adamw\", \
         learning_rate = 0.05, weight_decay = 0.1 } }";
    let found = explain(&problem);
    compare(words, &found);
    let change = found.account.prediction.iter().zip(&found.account.initial).map(|(last, first)| (last - first).abs());
    let change = change.fold(0.0, f64::max);
    assert!(found.residual().iter().all(|rest| rest.abs() < 1e-6 * change), "{:?} of {change}", found.residual());
}

/// A kernel of pairs of outputs, between queries of their own and batches.
#[test]
fn a_kernel_has_the_bits_of_a_run() {
    let problem = problem(Optimizer::Sgd(Sgd::plain(0.1)))
        .asking(numbers(3, QUERIES * 2), None)
        .batches(draw_batches(SEED, EXAMPLES, 4, 9));
    let spec = Spec { kernel: Some(Entries::Full), tangent: true, ..problem.spec.clone() };
    let words = "data.query = { inputs = \"q.npy\" }\n\
         training = { loss = \"squared_error\", steps = 9, batch_size = 4, optimizer = { type = \"sgd\", learning_rate = 0.1 } }\n\
         kernel = { kernel = \"full\", tangent = true }";
    compare(words, &explain(&Problem { spec, ..problem }));
}

/// The queries are the training set, and half of each kernel is the other one.
#[test]
fn a_symmetric_kernel_has_the_bits_of_a_run() {
    let problem = problem(Optimizer::Sgd(Sgd::plain(0.1))).full_batches(8);
    let spec = Spec { rule: Rule::Left, kernel: Some(Entries::Full), tangent: true, ..problem.spec.clone() };
    let words = "training = { loss = \"squared_error\", steps = 8, optimizer = { type = \"sgd\", learning_rate = 0.1 } }\n\
         kernel = { kernel = \"full\", tangent = true, rule = \"left\" }";
    compare(words, &explain(&Problem { spec, ..problem }));
}

#[test]
fn a_flow_has_the_bits_of_a_run() {
    let problem = problem(Optimizer::Flow(Flow { time: 1.5, tolerance: 1e-6 }));
    let words =
        "training = { loss = \"squared_error\", optimizer = { type = \"flow\", time = 1.5, tolerance = 1e-6 } }";
    compare(words, &explain(&problem));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let problem = || problem(Optimizer::Sgd(Sgd::plain(0.1))).full_batches(2);
    let asked = |spec| Problem { spec, ..problem() };
    let wrong = [
        (Problem { inputs: vec![0.0; 3], ..problem() }, "inputs: 3 numbers"),
        (Problem { targets: Targets::Reals(vec![0.0; 3]), ..problem() }, "targets: 3 numbers"),
        (Problem { targets: Targets::Classes(vec![0; EXAMPLES]), ..problem() }, "targets: squared_error needs"),
        (problem().asking(vec![0.0; 5], None), "queries: 5 numbers"),
        (problem().batches(vec![vec![0], vec![9]]), "step 1 names example 9"),
        (problem().batches(vec![vec![]]), "step 0 has no example"),
        (Problem { queries: Some(vec![0.0; 2]), query_targets: None, ..problem() }, "spec.symmetric"),
        (Problem { contraction: Some(Vec::new()), ..problem() }, "names 0 layers"),
        (Problem { every: 0, ..problem() }, "every: must be at least 1"),
        (asked(Spec { coefficients: true, ..problem().spec }), "kernel.coefficients"),
        (asked(Spec { tangent: true, ..problem().spec }), "kernel.tangent"),
        (asked(Spec { readout: Readout::Margin, ..problem().spec }), "kernel.readout"),
    ];
    let device = Device::new(&CpuBackend::<f64>::new(), Rates::CPU);
    for (problem, word) in wrong {
        let refused = problem.plan(&device).expect_err(word).to_string();
        assert!(refused.contains(word), "{refused} instead of {word}");
    }
}
