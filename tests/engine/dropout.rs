//! Dropout: what is drawn depends on the step and the example alone, so that results depend on no cut, and everything adds up.

use pathkernel::activation::Activation;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Entries, Rates};
use pathkernel::error::Error;
use pathkernel::graph::Graph;
use pathkernel::layer::{Dropout, Layer, LayerKind, Linear};
use pathkernel::loss::{Loss, Targets};
use pathkernel::optimizer::{Adam, Flow, Optimizer, Sgd};
use pathkernel::path::{Rule, Superposition, Tile};
use pathkernel::plan::Device;
use pathkernel::problem::{Explanation, Problem, QueryData, TrainingData};
use pathkernel::random::numbers;
use pathkernel::tangent::{Carried, Contraction, choices};
use pathkernel::tape::{Kept, MemoryTape, Tape};

const EXAMPLES: usize = 7;
const QUERIES: usize = 3;
const WIDTH: usize = 5;

type Cpu = CpuBackend<f64>;

/// Dropout of the inputs and behind the activation, with another share there.
fn network(second: f64) -> Graph {
    let linear = |features| LayerKind::from(Linear { features, bias: true });
    let drop = |p| LayerKind::from(Dropout { p });
    let kinds = [drop(0.2), linear(6), LayerKind::Activation(Activation::Tanh), drop(second), linear(3)];
    Graph::new(&[WIDTH], &kinds.map(Layer::new)).expect("a network").seeded(11)
}

fn momentum(momentum: f64) -> Optimizer {
    Optimizer::Sgd(Sgd { momentum, ..Sgd::plain(0.3) })
}

fn adam() -> Optimizer {
    let (betas, eps) = ([0.9, 0.999], 1e-8);
    Optimizer::Adam(Adam { learning_rate: 0.05, betas, eps, weight_decay: 0.0, amsgrad: false, decoupled: false })
}

fn problem(optimizer: Optimizer) -> Problem {
    let targets = Targets::Classes((0..EXAMPLES as u32).map(|row| row % 3).collect());
    let mut problem = Problem::new(network(0.4), Loss::CrossEntropy, optimizer, numbers(1, EXAMPLES * WIDTH), targets)
        .asking(numbers(2, QUERIES * WIDTH), None);
    problem.spec.rule = Rule::Gauss { nodes: 8 };
    problem
}

fn with_batches(problem: Problem) -> Problem {
    problem.batches(vec![vec![0, 1, 2], vec![6, 3, 3], vec![4, 5, 0], vec![2, 2, 1], vec![1, 6, 4]])
}

fn path(problem: &Problem) -> MemoryTape<f64> {
    let mut tape = MemoryTape::new(problem.recording());
    problem.train(&Cpu::new(), &problem.network.draw(3), &mut tape, &mut || Ok(())).expect("a path");
    tape
}

/// Tiles begin at these queries and examples.
fn explained(problem: &Problem, tape: &MemoryTape<f64>, queries: &[usize], examples: &[usize]) -> Explanation {
    let backend = Cpu::new();
    let mut plan = problem.plan(&Device::new(&backend, Rates::CPU)).expect("a plan");
    let parts = |cuts: &[usize], end: usize| {
        let ends = cuts[1..].iter().copied().chain([end]);
        cuts.iter().copied().zip(ends).map(|(start, end)| start..end).collect::<Vec<_>>()
    };
    let examples = parts(examples, EXAMPLES);
    let tiles = parts(queries, QUERIES).into_iter();
    plan.tiles = tiles
        .flat_map(|queries| {
            examples.iter().map(move |examples| Tile { queries: queries.clone(), examples: examples.clone() })
        })
        .collect();
    Explanation::of(problem, &backend, tape, &plan, &mut || Ok(())).expect("an explanation")
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |top, value| value.abs().max(top))
}

/// Every sum is whole, and tiles, parts of the path that are made again, and what is kept of full batches change no bit of it.
#[test]
fn results_depend_on_no_cut() {
    for optimizer in [momentum(0.0), momentum(0.9), adam()] {
        for batches in [false, true] {
            let plain = !optimizer.has_memory();
            let problem = problem(optimizer);
            let mut problem = if batches { with_batches(problem) } else { problem.full_batches(5) };
            problem.spec.kernel = plain.then_some(Entries::Full);
            problem.spec.coefficients = plain;
            let tape = path(&problem);
            let whole = explained(&problem, &tape, &[0], &[0]);
            let change: Vec<f64> =
                whole.account.prediction.iter().zip(&whole.account.initial).map(|(a, b)| a - b).collect();
            assert!(largest(&change) > 1e-2);
            assert!(largest(&whole.residual()) < 1e-11 * largest(&change), "{:?}", whole.residual());
            let cut = explained(&problem, &tape, &[0, 1], &[0, 2, 3]);
            assert_eq!(cut.attribution, whole.attribution);
            assert_eq!((&cut.kernel, &cut.numerator), (&whole.kernel, &whole.numerator));

            problem.every = 2;
            let again = path(&problem);
            assert_eq!(again.last().expect("weights"), tape.last().expect("weights"));
            let again = explained(&problem, &again, &[0], &[0]);
            assert_eq!(again.attribution, whole.attribution);
            assert_eq!(again.account.initial, whole.account.initial);
        }
    }
}

/// Steps differ on the same batch at rate 0, and another seed, too.
#[test]
fn every_step_draws() {
    let still = || Problem { network: network(0.4), ..problem(Optimizer::Sgd(Sgd::plain(0.0))).full_batches(3) };
    let losses =
        |problem: &Problem| path(problem).history.metrics.iter().map(|(metrics, _)| metrics.loss).collect::<Vec<_>>();
    let first = losses(&still());
    assert!(first[0] != first[1] && first[1] != first[2] && first[0] != first[2], "{first:?}");
    assert_eq!(losses(&still()), first);
    assert_ne!(losses(&Problem { network: network(0.4).seeded(12), ..still() }), first);
}

/// An example that a batch repeats has one mask: a batch of it alone is the same step however often it is in it.
#[test]
fn a_repeated_example_has_one_mask() {
    let last =
        |batch: &[u32]| path(&problem(momentum(0.0)).batches(vec![batch.to_vec()])).last().expect("weights").to_vec();
    assert_eq!(last(&[4, 4]), last(&[4]));
    assert_ne!(last(&[4, 5]), last(&[4]));
}

/// Behind dropout no input is the same in every step, so that none is averaged over the path; what is chosen in its place agrees
/// with whole gradient rows.
#[test]
fn dropped_inputs_are_not_taken_as_constant() {
    let mut problem = problem(momentum(0.0)).full_batches(4);
    let tape = path(&problem);
    let of = |block: usize| {
        choices(&problem.network, &problem.network.blocks[block], problem.spec.readout, Carried::Nothing)
    };
    assert!(!of(0).contains(&Contraction::Averaged) && of(0).contains(&Contraction::Factored));
    assert!(of(1).contains(&Contraction::Output));
    let mut found = Vec::new();
    for first in of(0) {
        for second in [Contraction::Materialised, Contraction::Output] {
            problem.contraction = Some(vec![first, second]);
            found.push(explained(&problem, &tape, &[0], &[0]).attribution.concat());
        }
    }
    for other in &found[1..] {
        let off: Vec<f64> = other.iter().zip(&found[0]).map(|(a, b)| a - b).collect();
        assert!(largest(&off) < 1e-13 * largest(&found[0]));
    }
    problem.contraction = Some(vec![Contraction::Averaged, Contraction::Materialised]);
    assert!(problem.check().is_err_and(|error| error.to_string().contains("averaged")));
}

/// The examples' parts of the weights' change, whose gradients go through the masks, add up to it.
#[test]
fn the_weights_are_taken_apart() {
    for optimizer in [momentum(0.9), adam()] {
        let problem = with_batches(problem(optimizer));
        let (backend, tape) = (Cpu::new(), path(&problem));
        let plan = problem.plan(&Device::new(&backend, Rates::CPU)).expect("a plan");
        let (data, queries) = (TrainingData::new(&backend, &problem).expect("data"), QueryData::none());
        let superposition = Superposition { setting: data.setting(&plan.contraction, &queries), tape: &tape };
        let vectors = superposition.vectors(&(0..EXAMPLES), &mut || Ok(())).expect("vectors").examples;
        let (first, last) = (tape.row(Kept::Weights, 0).expect("weights"), tape.last().expect("weights"));
        for (block, parts) in problem.network.blocks.iter().zip(&vectors) {
            for at in 0..block.len() {
                let sum: f64 = parts.iter().skip(at).step_by(block.len()).sum();
                let change = last[block.offset + at] - first[block.offset + at];
                assert!((sum - change).abs() < 1e-12, "{sum}, not {change}");
            }
        }
    }
}

/// A path whose masks are the generator's is explained; one of other masks is not, and what they did is told apart.
#[test]
fn imported_masks() {
    let own = with_batches(problem(momentum(0.9)));
    let tape = path(&own);
    let unexplained = |seed: u64| {
        let problem = Problem { network: network(0.4).seeded(seed), imported: true, ..own.clone() };
        let mut followed = MemoryTape::new(problem.recording());
        let mut weights = |row: usize| Ok::<_, Error>(tape.row(Kept::Weights, row)?.to_vec());
        problem.follow(&Cpu::new(), &mut weights, &mut followed, &mut || Ok(())).expect("a path");
        let found = explained(&problem, &followed, &[0], &[0]);
        assert!(largest(&found.residual()) < 1e-10);
        largest(&found.account.unexplained)
    };
    assert!(unexplained(11) < 1e-13);
    assert!(unexplained(12) > 1e-2);
}

#[test]
fn a_flow_is_refused() {
    let flow = problem(Optimizer::Flow(Flow { time: 1.0, tolerance: 1e-8 }));
    assert!(flow.check().is_err_and(|error| error.to_string().contains("dropout")));
}
