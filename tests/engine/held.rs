//! Parameters that training leaves as they are: no gradient, step or weight decay moves them, and where a path that was recorded
//! elsewhere moves them all the same, their part of the change is unexplained.

use pathkernel::activation::Activation;
use pathkernel::compute::Rates;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::graph::{Design, Graph, GraphError, Role, Roles};
use pathkernel::layer::{Layer, LayerKind, Linear};
use pathkernel::loss::{Loss, Targets};
use pathkernel::optimizer::{Adam, Flow, Optimizer, Sgd};
use pathkernel::path::Rule;
use pathkernel::plan::Device;
use pathkernel::problem::{Explanation, Problem};
use pathkernel::tape::{MemoryTape, Tape};

const WIDTH: usize = 4;
const STEPS: usize = 12;
const EXAMPLES: usize = 5;

fn layers() -> Vec<Layer> {
    let linear = |features| Layer::new(LayerKind::Linear(Linear { features, bias: true }));
    let tanh = || Layer::new(LayerKind::Activation(Activation::Tanh));
    vec![linear(3), tanh(), linear(4), tanh(), linear(1)]
}

fn network(frozen: &[&str]) -> Result<Graph, GraphError> {
    let frozen = frozen.iter().map(|&pattern| pattern.to_owned()).collect();
    Design { roles: Roles { frozen, ..Roles::default() }, ..Design::new(&[WIDTH], &layers()) }.build()
}

fn numbers(count: usize, rate: f64) -> Vec<f64> {
    (0..count).map(|at| (rate * (at + 1) as f64).sin()).collect()
}

fn problem(network: Graph, optimizer: Optimizer) -> Problem {
    let (inputs, targets) = (numbers(EXAMPLES * WIDTH, 0.7), Targets::Reals(numbers(EXAMPLES, 1.3)));
    let mut problem = Problem::new(network, Loss::SquaredError, optimizer, inputs, targets)
        .asking(numbers(2 * WIDTH, 0.4), None)
        .full_batches(STEPS);
    problem.spec.rule = Rule::Gauss { nodes: 8 };
    problem
}

/// The values of the tensors whose names begin so.
fn values(graph: &Graph, flat: &[f64], name: &str) -> Vec<f64> {
    let own = graph.tensors().filter(|tensor| tensor.name.starts_with(name));
    own.flat_map(|tensor| flat[tensor.offset..tensor.offset + tensor.len()].to_vec()).collect()
}

fn explain(problem: &Problem, tape: &MemoryTape<f64>) -> Explanation {
    let backend = CpuBackend::<f64>::new();
    let plan = problem.plan(&Device::new(&backend, Rates::CPU)).expect("a plan");
    Explanation::of(problem, &backend, tape, &plan, &mut || Ok(())).expect("an explanation")
}

fn train(problem: &Problem, initial: &[f64]) -> MemoryTape<f64> {
    let mut tape = MemoryTape::new(problem.recording());
    problem.train(&CpuBackend::<f64>::new(), initial, &mut tape, &mut || Ok(())).expect("a path");
    tape
}

fn optimizers() -> [Optimizer; 3] {
    let adam = Adam {
        learning_rate: 0.05,
        betas: [0.8, 0.95],
        eps: 1e-3,
        weight_decay: 0.2,
        decoupled: false,
        amsgrad: false,
    };
    let sgd = Sgd { momentum: 0.6, weight_decay: 0.1, ..Sgd::plain(0.1) };
    [Optimizer::Sgd(sgd), Optimizer::Adam(adam), Optimizer::Adam(Adam { decoupled: true, ..adam })]
}

/// Freezing moves tensors within the flat vector, and changes no value that is drawn.
#[test]
fn frozen_tensors_lie_behind_the_trained_ones() {
    let (free, held) = (network(&[]).expect("a graph"), network(&["0.*", "4.*"]).expect("a graph"));
    assert_eq!((free.blocks.len(), free.held.len()), (3, 0));
    assert_eq!((held.blocks.len(), held.held.len()), (1, 2));
    assert!(held.held.iter().all(|block| block.role == Role::Frozen && block.offset >= held.trained_len));
    assert_eq!((free.len, held.len), (192, 192));
    let names = |graph: &Graph| graph.tensors().map(|tensor| tensor.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&free), names(&held));
    for name in names(&free) {
        assert_eq!(values(&free, &free.draw(3), &name), values(&held, &held.draw(3), &name));
    }
}

#[test]
fn frozen_tensors_stay_and_the_rest_adds_up() {
    for frozen in ["0.*", "2.*", "4.*"] {
        for optimizer in optimizers() {
            let problem = problem(network(&[frozen]).expect("a graph"), optimizer);
            let (graph, initial) = (&problem.network, problem.network.draw(3));
            let tape = train(&problem, &initial);
            // Steps that are made again are the same.
            let sparse = explain(
                &Problem { every: 5, ..problem.clone() },
                &train(&Problem { every: 5, ..problem.clone() }, &initial),
            );
            let last = tape.last().expect("weights");
            for layer in ["0.", "2.", "4."] {
                let moved = values(graph, &last, layer) != values(graph, &initial, layer);
                assert_eq!(moved, !frozen.starts_with(layer), "{frozen} {layer}");
            }
            let found = explain(&problem, &tape);
            assert!(found.residual().iter().all(|rest| rest.abs() < 1e-11), "{frozen}: {:?}", found.residual());
            assert_eq!(found.attribution, sparse.attribution);
        }
    }
}

#[test]
fn gradient_flow_leaves_frozen_tensors_as_they_are() {
    let flow = Optimizer::Flow(Flow { time: 1.0, tolerance: 1e-9 });
    let mut problem = problem(network(&["2.*"]).expect("a graph"), flow);
    problem.steps.clear();
    let (graph, initial) = (&problem.network, problem.network.draw(3));
    let tape = train(&problem, &initial);
    let last = tape.last().expect("weights");
    assert_eq!(values(graph, &last, "2."), values(graph, &initial, "2."));
    assert_ne!(values(graph, &last, "0."), values(graph, &initial, "0."));
    let found = explain(&problem, &tape);
    assert!(found.residual().iter().all(|rest| rest.abs() < 1e-8), "{:?}", found.residual());
}

/// A path on which the frozen tensors move too: what they do to the readout is in `unexplained`, and nothing is left.
#[test]
fn what_frozen_tensors_do_on_an_imported_path_is_unexplained() {
    for frozen in ["0.*", "2.*"] {
        for rule in [Rule::Gauss { nodes: 8 }, Rule::Adaptive { tolerance: 1e-9 }] {
            let optimizer = Optimizer::Sgd(Sgd { weight_decay: 0.1, ..Sgd::plain(0.1) });
            let mut problem = problem(network(&[frozen]).expect("a graph").following_held(), optimizer);
            (problem.imported, problem.spec.rule) = (true, rule);
            let graph = &problem.network;
            let mut own = self::problem(network(&[frozen]).expect("a graph"), optimizer);
            own.spec.rule = rule;
            let tape = train(&own, &graph.draw(3));
            // The optimizer's own path, along which the frozen tensors drift.
            let drift = |step: usize, mut flat: Vec<f64>| {
                flat[graph.trained_len..].iter_mut().for_each(|value| *value *= 1.0 + 0.01 * step as f64);
                flat
            };
            let row =
                |step: usize| drift(step, tape.row(pathkernel::tape::Kept::Weights, step).expect("a row").into_owned());
            let mut followed = MemoryTape::new(problem.recording());
            let backend = CpuBackend::<f64>::new();
            problem.follow(&backend, &mut |step| Ok(row(step)), &mut followed, &mut || Ok(())).expect("a path");
            let found = explain(&problem, &followed);
            let change = found.account.prediction[0] - found.account.initial[0];
            assert!(found.account.unexplained[0].abs() > 1e-3, "{:?} of {change}", found.account.unexplained);
            assert!(found.residual().iter().all(|rest| rest.abs() < 1e-10), "{frozen}: {:?}", found.residual());
        }
    }
}

#[test]
fn patterns_that_say_nothing_or_everything_are_refused() {
    let refused = |frozen: &[&str]| network(frozen).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(
        refused(&["0.wieght"]),
        Err("model.frozen: \"0.wieght\" is the name of no tensor; did you mean \"0.weight\"?".into())
    );
    assert_eq!(refused(&["*"]), Err("model.frozen: every parameter is frozen; there is nothing to train".into()));
}
