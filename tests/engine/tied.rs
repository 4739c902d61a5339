//! Weights that two layers share: what a tile attributes adds up to the change, cross terms between the uses included, whichever
//! way whole rows are contracted.

use pathkernel::activation::Activation;
use pathkernel::compute::Rates;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::graph::Graph;
use pathkernel::graph::primitive::{Affine, Lookup, Parameter, Pointwise, Rearrange};
use pathkernel::loss::{Loss, Targets};
use pathkernel::optimizer::{Adam, Optimizer, Sgd};
use pathkernel::path::Rule;
use pathkernel::plan::Device;
use pathkernel::problem::{Explanation, Problem};
use pathkernel::random::numbers;
use pathkernel::readout::Readout;
use pathkernel::tangent::{Carried, Contraction, choices};
use pathkernel::tape::MemoryTape;

const WIDTH: usize = 4;
const VOCABULARY: usize = 5;
const STEPS: usize = 40;
const EXAMPLES: usize = 5;
/// The ways in which the queries' rows are whole.
const WHOLE: [Contraction; 3] = [Contraction::Materialised, Contraction::Half, Contraction::Directional];

/// Two linear layers of one square matrix and one bias, and one that makes the output.
fn network() -> Graph {
    let mut graph = Graph::empty(&[WIDTH]);
    let (square, tanh) = (|| Affine::new(&[WIDTH], WIDTH, true), || Pointwise::new(&[WIDTH], Activation::Tanh));
    let first = graph.add(0, square(), &[0]).expect("a layer");
    let first = graph.add(1, tanh(), &[first]).expect("a layer");
    let second = graph.add_tied(0, square(), &[first]).expect("the same weights");
    let second = graph.add(3, tanh(), &[second]).expect("a layer");
    graph.add(4, Affine::new(&[WIDTH], 1, true), &[second]).expect("a layer");
    graph
}

#[test]
fn shared_weights_are_one_block_of_two_uses() {
    let graph = network();
    let names: Vec<&str> = graph.tensors().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["0.weight", "0.bias", "4.weight", "4.bias"]);
    assert_eq!(graph.blocks[0].uses.len(), 2);
    let allowed = choices(&graph, &graph.blocks[0], Readout::Outputs, Carried::Nothing);
    assert_eq!(allowed, [Contraction::Materialised, Contraction::Half]);
    let refused = network().add_tied(0, Affine::new(&[WIDTH], 3, true), &[0]);
    assert!(refused.is_err_and(|problem| problem.contains("[4, 4]") && problem.contains("[3, 4]")));
}

/// A table that two tokens look up and that is the last matrix as well, and raw positions: a small language model.
fn language() -> Graph {
    let shape = [2, WIDTH];
    let mut graph = Graph::empty(&[2]);
    let rows = graph.add(0, Lookup::new(&[2], VOCABULARY, WIDTH).expect("a table"), &[0]).expect("a layer");
    let places = graph.add(1, Parameter::new(&shape).expect("a shape"), &[]).expect("a layer");
    let sum = graph.add(2, Rearrange::add(&[&shape, &shape]).expect("a sum"), &[rows, places]).expect("a layer");
    let value = graph.add(3, Pointwise::new(&shape, Activation::Tanh), &[sum]).expect("a layer");
    let mean = graph.add(4, Rearrange::mean(&shape, &[0], false).expect("a mean"), &[value]).expect("a layer");
    graph.add_tied(0, Affine::new(&[WIDTH], VOCABULARY, false), &[mean]).expect("the same weights");
    graph
}

/// The language model, trained on the first token's row.
fn spoken(optimizer: Optimizer, contraction: Contraction) -> Problem {
    let tokens: Vec<f64> = (0..2 * EXAMPLES).map(|at| (at * 3 % VOCABULARY) as f64).collect();
    let targets = Targets::Reals(numbers(4, EXAMPLES * VOCABULARY));
    let network = language();
    let contraction = Some(vec![contraction; network.blocks.len()]);
    let mut problem = Problem::new(network, Loss::SquaredError, optimizer, tokens, targets)
        .asking(vec![1.0, 4.0], None)
        .full_batches(STEPS);
    problem.spec.rule = Rule::Gauss { nodes: 8 };
    Problem { contraction, ..problem }
}

/// A problem whose blocks are all contracted in one way.
fn problem(momentum: f64, contraction: Contraction) -> Problem {
    let optimizer = Optimizer::Sgd(Sgd { momentum, ..Sgd::plain(0.1) });
    let network = network();
    let (inputs, targets) = (numbers(1, EXAMPLES * WIDTH), Targets::Reals(numbers(2, EXAMPLES)));
    let contraction = Some(vec![contraction; network.blocks.len()]);
    let mut problem = Problem::new(network, Loss::SquaredError, optimizer, inputs, targets)
        .asking(numbers(3, WIDTH), None)
        .full_batches(STEPS);
    problem.spec.rule = Rule::Gauss { nodes: 8 };
    Problem { contraction, ..problem }
}

/// What each example contributes, and the change of the prediction.
fn attributed(problem: &Problem) -> Result<(Vec<f64>, f64), Box<dyn std::error::Error>> {
    let found = explained(problem)?;
    Ok((found.attribution[0].clone(), found.account.prediction[0] - found.account.initial[0]))
}

fn explained(problem: &Problem) -> Result<Explanation, Box<dyn std::error::Error>> {
    let backend = CpuBackend::<f64>::new();
    let plan = problem.plan(&Device::new(&backend, Rates::CPU))?;
    let mut tape = MemoryTape::new(problem.recording());
    problem.train(&backend, &problem.network.draw(3), &mut tape, &mut || Ok(()))?;
    Ok(Explanation::of(problem, &backend, &tape, &plan, &mut || Ok(()))?)
}

#[test]
fn what_examples_contribute_adds_up_to_the_change() {
    for momentum in [0.0, 0.6] {
        let found = WHOLE.map(|contraction| attributed(&problem(momentum, contraction)).expect("an explanation"));
        for (attribution, change) in &found {
            let explained: f64 = attribution.iter().sum();
            assert!(change.abs() > 0.05, "{change}");
            assert!((change - explained).abs() < 1e-11, "momentum {momentum}: {explained} of {change}");
        }
        for other in &found[1..] {
            for (a, b) in found[0].0.iter().zip(&other.0) {
                assert!((a - b).abs() < 1e-13, "momentum {momentum}: {a} and {b}");
            }
        }
    }
}

/// Rows that are looked up and products with the same table have cross terms; with Adam entry by entry.
#[test]
fn a_table_that_is_a_matrix_as_well_adds_up() {
    let adam = Adam {
        learning_rate: 0.01,
        betas: [0.8, 0.95],
        eps: 1e-3,
        weight_decay: 0.0,
        amsgrad: false,
        decoupled: false,
    };
    let sgd = |momentum| Optimizer::Sgd(Sgd { momentum, ..Sgd::plain(0.03) });
    for optimizer in [sgd(0.0), sgd(0.6), Optimizer::Adam(adam)] {
        let found = WHOLE.map(|contraction| attributed(&spoken(optimizer, contraction)).expect("an explanation"));
        for (attribution, change) in &found {
            let explained: f64 = attribution.iter().step_by(VOCABULARY).sum();
            assert!(change.abs() > 0.01, "{change}");
            assert!((change - explained).abs() < 1e-11, "{optimizer:?}: {explained} of {change}");
        }
        for other in &found[1..] {
            for (a, b) in found[0].0.iter().zip(&other.0) {
                assert!((a - b).abs() < 1e-13, "{optimizer:?}: {a} and {b}");
            }
        }
    }
}

/// Blocks of tables and of raw parameters are layers like others.
#[test]
fn parts_by_layer_add_up_to_the_whole() {
    let problem = || spoken(Optimizer::Sgd(Sgd::plain(0.03)), Contraction::Half);
    let mut apart = problem();
    apart.spec.layers = true;
    let (whole, parts) = (explained(&problem()).expect("a whole"), explained(&apart).expect("parts"));
    assert_eq!((whole.attribution.len(), parts.attribution.len()), (1, 2));
    for (at, whole) in whole.attribution[0].iter().enumerate() {
        let [table, places] = [0, 1].map(|layer| parts.attribution[layer][at]);
        assert!(
            (table + places - whole).abs() < 1e-14 && table != 0.0 && places != 0.0,
            "{table} + {places}, not {whole}"
        );
    }
}

/// Tokens are looked at before anything runs.
#[test]
fn tokens_beyond_the_table_are_refused() {
    let problem = spoken(Optimizer::Sgd(Sgd::plain(0.1)), Contraction::Half).asking(vec![1.0, 5.0], None);
    let refused = attributed(&problem);
    assert!(refused.is_err_and(|error| error.to_string().contains("queries: example 0 holds 5")));
}

/// A contraction that knows nothing of cross terms is refused.
#[test]
fn products_of_single_uses_are_refused() {
    let refused = attributed(&problem(0.0, Contraction::Factored));
    assert!(refused.is_err_and(|error| error.to_string().contains("layer 0 cannot be factored")));
}
