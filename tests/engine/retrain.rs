//! Training again with other weights of the examples: with all at 1 the run itself, and else what plain loops give.

use crate::common::problem::{explained, path};
use pathkernel::activation::Activation;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::error::Error;
use pathkernel::graph::Graph;
use pathkernel::layer::{BatchNorm, Dropout, Layer, LayerKind, Linear, Lower, Statistics};
use pathkernel::loss::{Loss, Targets};
use pathkernel::optimizer::{Adam, Flow, Optimizer, Sgd};
use pathkernel::problem::Problem;
use pathkernel::random::numbers;
use pathkernel::readout::Readout;
use pathkernel::training::{Groups, Reduction};

const EXAMPLES: usize = 6;
const QUERIES: usize = 3;
const WIDTH: usize = 4;
const BATCHES: [&[u32]; 5] = [&[0, 1, 2], &[5, 3, 3], &[4, 5, 0, 1], &[2, 2, 1], &[1, 3, 4]];

fn linear(features: usize) -> Layer {
    Layer::new(Linear { features, bias: true })
}

fn momentum(momentum: f64) -> Optimizer {
    Optimizer::Sgd(Sgd { momentum, weight_decay: 0.01, ..Sgd::plain(0.3) })
}

fn adam() -> Optimizer {
    let (betas, eps) = ([0.9, 0.999], 1e-8);
    Optimizer::Adam(Adam { learning_rate: 0.05, betas, eps, weight_decay: 0.0, amsgrad: false, decoupled: false })
}

fn network(between: &[LayerKind]) -> Graph {
    let between = between.iter().cloned().map(Layer::new);
    let layers: Vec<Layer> = [linear(5)].into_iter().chain(between).chain([linear(3)]).collect();
    Graph::new(&[WIDTH], &layers).expect("a network").seeded(11)
}

fn classes(network: Graph, optimizer: Optimizer) -> Problem {
    let targets = |count: usize| Targets::Classes((0..count as u32).map(|row| row % 3).collect());
    Problem::new(network, Loss::CrossEntropy, optimizer, numbers(1, EXAMPLES * WIDTH), targets(EXAMPLES))
        .asking(numbers(2, QUERIES * WIDTH), Some(targets(QUERIES)))
}

fn in_batches(problem: Problem) -> Problem {
    problem.batches(BATCHES.map(<[u32]>::to_vec).to_vec())
}

fn retrained(problem: &Problem, factors: &[f64]) -> Vec<f64> {
    let (backend, initial) = (CpuBackend::<f64>::new(), problem.network.draw(3));
    problem.retrain(&backend, &initial, factors, &mut || Ok(())).expect("readouts")
}

/// What a run says that it predicts.
fn predicted(problem: &Problem) -> Vec<f64> {
    explained(problem, &path::<f64>(problem), [QUERIES, EXAMPLES]).account.prediction
}

#[test]
fn where_nothing_is_changed_the_run_itself_comes_again() {
    let (tanh, drop) = (LayerKind::Activation(Activation::Tanh), LayerKind::from(Dropout { p: 0.3 }));
    let norm = LayerKind::from(BatchNorm { statistics: Statistics::Batch, ..BatchNorm::START });
    let plain = || network(std::slice::from_ref(&tanh));
    let clipped = Problem { clip_norm: 0.1, ..in_batches(classes(plain(), momentum(0.9))) };
    let weighted = Problem { weights: Some(vec![0.5, 1.0, 2.0, 0.0, 1.0, 3.0]), ..classes(plain(), momentum(0.9)) };
    let mut margin = in_batches(classes(network(&[norm, tanh.clone()]), adam()));
    margin.spec.readout = Readout::Margin;
    let flow = Optimizer::Flow(Flow { time: 2.0, tolerance: 1e-8 });
    let problems = [
        clipped,
        in_batches(weighted),
        margin,
        in_batches(classes(network(&[tanh.clone(), drop]), adam())),
        in_batches(classes(plain(), momentum(0.0))).grouped(Groups::new(&[7, -2, 7, 30, -2, 7])),
        classes(plain(), flow),
    ];
    for problem in problems {
        assert_eq!(retrained(&problem, &vec![1.0; problem.columns()]), predicted(&problem));
    }
}

/// A path whose losses have other weights, though its steps divide by what the first ones add up to.
#[test]
fn factors_are_weights_of_the_same_steps() {
    let problem = in_batches(classes(network(&[LayerKind::Activation(Activation::Silu)]), adam()));
    let factors = [0.0, 1.5, 1.0, 0.25, 0.0, 1.0];
    let weighted = Problem { weights: Some(factors.to_vec()), ..problem.clone() };
    assert_eq!(retrained(&problem, &factors), predicted(&weighted));
    // And of examples that have weights before, and share columns.
    let before = vec![2.0, 1.0, 0.5, 1.0, 4.0, 1.0];
    let problem = Problem { weights: Some(before), ..problem }.grouped(Groups::new(&[1, 0, 1, 2, 0, 1]));
    let weighted = Problem { weights: Some(vec![1.0, 0.0, 0.25, 3.0, 0.0, 0.5]), ..problem.clone() };
    assert_eq!(retrained(&problem, &[0.0, 0.5, 3.0]), predicted(&weighted));
}

/// Without an example, where losses are added up, training is that of the others.
#[test]
fn an_example_of_no_weight_is_left_out() {
    let problem = |rows: &[usize]| {
        let inputs = numbers(1, EXAMPLES * WIDTH);
        let kept = rows.iter().flat_map(|&row| inputs[row * WIDTH..][..WIDTH].to_vec()).collect();
        let targets = Targets::Classes(rows.iter().map(|&row| row as u32 % 3).collect());
        let network = network(&[LayerKind::Activation(Activation::Tanh)]);
        let problem = Problem::new(network, Loss::CrossEntropy, momentum(0.9), kept, targets)
            .asking(numbers(2, QUERIES * WIDTH), None);
        Problem { reduction: Reduction::Sum, ..problem }.full_batches(6)
    };
    let without = retrained(&problem(&[0, 1, 2, 3, 4, 5]), &[1.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    for (got, want) in without.iter().zip(predicted(&problem(&[0, 1, 3, 5]))) {
        // Sums of six instead of four terms, whose roundings six steps carry on.
        assert!((got - want).abs() < 1e-13 * (1.0 + want.abs()), "{got} instead of {want}");
    }
}

/// A linear map with weight decay and momentum, in loops that share nothing with the engine.
#[test]
fn plain_loops_give_the_same() {
    let (inputs, queries) = (numbers(1, EXAMPLES * WIDTH), numbers(2, QUERIES * WIDTH));
    let targets = numbers(5, EXAMPLES);
    let layer = Layer::new(Linear { features: 1, bias: false });
    let network = Graph::new(&[WIDTH], &[layer]).expect("a network");
    let problem =
        Problem::new(network, Loss::SquaredError, momentum(0.9), inputs.clone(), Targets::Reals(targets.clone()))
            .asking(queries.clone(), None);
    let problem = in_batches(problem);
    let factors = [0.0, 1.0, 2.5, 1.0, 0.0, 0.5];
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (mut weights, mut velocity) = (problem.network.draw(3), vec![0.0; WIDTH]);
    for (number, batch) in BATCHES.iter().enumerate() {
        let mut gradient: Vec<f64> = weights.iter().map(|weight| 0.01 * weight).collect();
        for &example in *batch {
            let input = &inputs[example as usize * WIDTH..][..WIDTH];
            let miss = dot(&weights, input) - targets[example as usize];
            let share = factors[example as usize] / batch.len() as f64;
            gradient.iter_mut().zip(input).for_each(|(sum, input)| *sum += share * miss * input);
        }
        let kept = if number == 0 { 0.0 } else { 0.9 };
        velocity.iter_mut().zip(&gradient).for_each(|(v, g)| *v = kept * *v + g);
        weights.iter_mut().zip(&velocity).for_each(|(w, v)| *w -= 0.3 * v);
    }
    let want = queries.chunks(WIDTH).map(|query| dot(&weights, query));
    for (got, want) in retrained(&problem, &factors).into_iter().zip(want) {
        assert!((got - want).abs() < 1e-13 * (1.0 + want.abs()), "{got} instead of {want}");
    }
}

#[test]
fn what_cannot_be_is_said() {
    let problem = in_batches(classes(network(&[]), momentum(0.0)));
    let (backend, initial) = (CpuBackend::<f64>::new(), problem.network.draw(3));
    let refused = problem.retrain(&backend, &initial, &[1.0; 5], &mut || Ok(())).expect_err("five factors");
    assert!(refused.to_string().contains("5 numbers; give one for each of 6 columns"), "{refused}");
    let stopped = problem.retrain(&backend, &initial, &[1.0; 6], &mut || Err(Error::Stopped));
    assert!(matches!(stopped, Err(Error::Stopped)));
    let lost = problem.retrain(&backend, &initial, &[1e300; 6], &mut || Ok(()));
    assert!(matches!(lost, Err(Error::Diverged { .. })), "{lost:?}");
}
