//! What an example counts and which column it has: weights are repetitions, and a group's column is the sum of its rows'.

use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Entries, Rates};
use pathkernel::graph::Graph;
use pathkernel::layer::{Layer, LayerKind, Linear};
use pathkernel::loss::{IGNORED, Loss, Targets};
use pathkernel::optimizer::{Optimizer, Sgd};
use pathkernel::path::{Superposition, Tile};
use pathkernel::plan::Device;
use pathkernel::problem::{Explanation, Problem, QueryData, TrainingData};
use pathkernel::random::numbers;
use pathkernel::tape::MemoryTape;
use pathkernel::training::Groups;

const EXAMPLES: usize = 6;
const WIDTH: usize = 4;
const OF_ROWS: [i64; EXAMPLES] = [7, -2, 7, 30, -2, 7];
/// The rows of each group, in the order of their numbers.
const ROWS: [&[usize]; 3] = [&[1, 4], &[0, 2, 5], &[3]];

fn problem(targets: Vec<u32>, momentum: f64) -> Problem {
    let layer = |features| Layer::new(LayerKind::Linear(Linear { features, bias: true }));
    let tanh = Layer::new(LayerKind::Activation(pathkernel::activation::Activation::Tanh));
    let network = Graph::new(&[WIDTH], &[layer(5), tanh, layer(3)]).expect("a network");
    let optimizer = Optimizer::Sgd(Sgd { momentum, ..Sgd::plain(0.3) });
    let mut problem =
        Problem::new(network, Loss::CrossEntropy, optimizer, numbers(1, EXAMPLES * WIDTH), Targets::Classes(targets))
            .asking(numbers(3, 2 * WIDTH), None);
    if momentum == 0.0 {
        problem.spec.kernel = Some(Entries::Full);
        (problem.spec.coefficients, problem.spec.tangent) = (true, true);
    }
    problem
}

/// The arrays of pairs, and the parts of the weights' change for each column; tiles begin at the columns `cuts`.
fn explained(problem: &Problem, cuts: &[usize]) -> (Explanation, Vec<Vec<f64>>) {
    let backend = CpuBackend::<f64>::new();
    let mut plan = problem.plan(&Device::new(&backend, Rates::CPU)).expect("a plan");
    let ends = cuts[1..].iter().copied().chain([problem.columns()]);
    plan.tiles = cuts.iter().zip(ends).map(|(&start, end)| Tile { queries: 0..2, examples: start..end }).collect();
    let mut tape = MemoryTape::new(problem.recording());
    problem.train(&backend, &problem.network.draw(3), &mut tape, &mut || Ok(())).expect("a path");
    let found = Explanation::of(problem, &backend, &tape, &plan, &mut || Ok(())).expect("an explanation");
    let (data, queries) = (TrainingData::new(&backend, problem).expect("data"), QueryData::none());
    let superposition = Superposition { setting: data.setting(&plan.contraction, &queries), tape: &tape };
    let sets = superposition.sets();
    assert_eq!(sets.last().map(|set| set.end), Some(problem.columns()));
    let vectors = superposition.vectors(&sets[0], &mut || Ok(())).expect("vectors").examples;
    (found, vectors)
}

/// Sums of an array `[outer, EXAMPLES, inner]` over the rows of each group.
fn summed(array: &[f64], inner: usize) -> Vec<f64> {
    let outer = array.chunks(EXAMPLES * inner);
    let column = |all: &[f64], rows: &[usize], at: usize| rows.iter().map(|row| all[row * inner + at]).sum::<f64>();
    outer.flat_map(|all| ROWS.iter().flat_map(move |rows| (0..inner).map(move |at| column(all, rows, at)))).collect()
}

#[track_caller]
fn close(name: &str, got: &[f64], want: &[f64]) {
    let size = want.iter().fold(1e-3, |size: f64, value| size.max(value.abs()));
    assert_eq!(got.len(), want.len(), "{name}");
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() < 1e-12 * size, "{name}: {got} instead of {want}");
    }
}

#[test]
fn a_groups_column_is_the_sum_of_its_rows() {
    let batches = vec![vec![0, 1, 2], vec![3, 4, 4], vec![5, 2, 0], vec![1, 3, 5]];
    for (momentum, full) in [(0.0, false), (0.0, true), (0.6, false)] {
        let problem = || {
            let problem = problem(vec![0, 2, 1, 1, 0, 2], momentum);
            if full { problem.full_batches(4) } else { problem.batches(batches.clone()) }
        };
        let (rows, vectors) = explained(&problem(), &[0]);
        let grouped = problem().grouped(Groups::new(&OF_ROWS));
        for cuts in [&[0][..], &[0, 2], &[0, 1, 2]] {
            let (groups, grouped_vectors) = explained(&grouped, cuts);
            close("attribution", &groups.attribution[0], &summed(&rows.attribution[0], 3));
            for (group, row) in [
                (&groups.kernel, &rows.kernel),
                (&groups.numerator, &rows.numerator),
                (&groups.tangent_initial, &rows.tangent_initial),
                (&groups.tangent_final, &rows.tangent_final),
            ] {
                group.iter().zip(row).for_each(|(group, row)| close("a kernel", group, &summed(row, 9)));
            }
            for (group, row) in grouped_vectors.iter().zip(&vectors) {
                close("the weights' change", group, &summed(row, row.len() / EXAMPLES));
            }
        }
    }
}

/// Whole weights are repetitions of examples in a batch, and a target that is ignored is an example that is not there.
#[test]
fn weights_are_repetitions() {
    let classes = vec![0, 2, 1, 1, 0, 2];
    let repeated = vec![vec![0, 1, 1, 3, 3, 3, 5]; 4];
    let (repeated, repeated_vectors) = explained(&problem(classes.clone(), 0.0).batches(repeated), &[0]);
    let weights = vec![1.0, 2.0, 4.0, 3.0, 0.0, 1.0];
    let ignored = vec![0, 2, IGNORED, 1, 0, 2];
    let weighted = Problem { weights: Some(weights), ..problem(ignored, 0.0) }.full_batches(4);
    let (weighted, weighted_vectors) = explained(&weighted, &[0]);
    close("attribution", &weighted.attribution[0], &repeated.attribution[0]);
    close("the numerators", &weighted.numerator[0], &repeated.numerator[0]);
    close("prediction", &weighted.account.prediction, &repeated.account.prediction);
    weighted_vectors.iter().zip(&repeated_vectors).for_each(|(a, b)| close("the weights' change", a, b));
}

/// A batch without any weight has no mean.
#[test]
fn a_batch_without_weight_is_refused() {
    let weights = Some(vec![1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    let problem = Problem { weights, ..problem(vec![0, 2, 1, 1, 0, 2], 0.0) };
    let problem = problem.batches(vec![vec![0, 2], vec![2, 3]]);
    let refused = problem.check().expect_err("no weight").to_string();
    assert!(refused.contains("step 1's batch add up to 0"), "{refused}");
}
