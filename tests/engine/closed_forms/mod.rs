//! Linear models with squared error, whose whole training is known in closed form: the program in f64 against
//! formulas.
//!
//! With `X = (x, 1)` (without a bias `X = x`) the gradient of output c is X in row c of the weights, at all weights:
//! every rule on the segments gives the same. Residuals `r = f - y` of a batch move by `-ε share G r`, `G = X Xᵀ`.
//!
//! Tolerances count roundings: `n` of them on numbers that add up to at most `size` leave an error of at most
//! `n 2⁻⁵³ size`, as no rounding grows on its way: a step shrinks every residual, or keeps it.

mod problem;

use crate::common::arrays::Array;
use problem::{Problem, RULE, Rows, check, dot};

/// K is rate × steps × X · X' for equal outputs and 0 for different ones, whatever the rule; the tangent kernel is
/// X · X' at both ends.
#[test]
fn kernel_of_a_linear_model() {
    for bias in [true, false] {
        let problem = Problem::general(bias);
        let (n, m, outputs) = (problem.queries.len(), problem.inputs.len(), problem.outputs());
        let time = problem.rate * problem.steps as f64;
        for rule in ["rule = \"left\"", "nodes = 1", "nodes = 3", "nodes = 6"] {
            for (kind, shape) in
                [("trace", vec![n, m]), ("diagonal", vec![n, m, outputs]), ("full", vec![n, m, outputs, outputs])]
            {
                let done = problem.run(&format!("{rule}\nkernel = \"{kind}\"\ntangent = true"));
                let entry = |at: &[usize]| {
                    let (query, example) = (&problem.queries[at[0]], &problem.inputs[at[1]]);
                    let equal = if at.len() == 4 && at[2] != at[3] { 0.0 } else { 1.0 };
                    (equal * problem.product(query, example), problem.product_size(query, example))
                };
                // A product of d terms, the mean over outputs, the rule's weights; then a sum over steps.
                let roundings = problem.inputs[0].len() + outputs + RULE;
                let what = format!("{kind}, {rule}, bias {bias}: ");
                for name in ["tangent_initial", "tangent_final"] {
                    check(&format!("{what}{name}"), &done.arrays[name], &shape, roundings, entry);
                }
                check(&format!("{what}kernel"), &done.arrays["kernel"], &shape, roundings + problem.steps + 4, |at| {
                    let (value, size) = entry(at);
                    (time * value, time * size)
                });
            }
        }
    }
}

/// The corners of a tetrahedron: X · X' is 4 for one example with itself, else 0. So each residual shrinks by
/// `ρ = 1 - 4 ε share` a step, and `Σ_s ε share r_s = r_0 (1 - ρ^T) / 4`.
#[test]
fn attribution_and_coefficients_of_orthogonal_examples() {
    let corners = vec![vec![1.0, 1.0, 1.0], vec![1.0, -1.0, -1.0], vec![-1.0, 1.0, -1.0], vec![-1.0, -1.0, 1.0]];
    for sum in [false, true] {
        let general = Problem::general(true);
        let mut queries = general.queries.clone();
        queries.extend(corners.clone());
        let (inputs, targets) = (corners.clone(), general.targets[..4].to_vec());
        let problem = Problem { inputs, targets, queries, sum, ..general };
        let (n, m, outputs) = (problem.queries.len(), 4, problem.outputs());
        let share = if sum { 1.0 } else { 0.25 };
        let shrunk = (1.0 - 4.0 * problem.rate * share).powi(problem.steps as i32);
        let time = problem.rate * problem.steps as f64;
        let residual = |i: usize, c: usize| problem.initial(&problem.inputs[i], c) - problem.targets[i][c];
        let moved = |i: usize, c: usize| -residual(i, c) * (1.0 - shrunk) / 4.0;
        let product = |at: &[usize]| problem.product(&problem.queries[at[0]], &problem.inputs[at[1]]);
        let roundings = problem.roundings() + problem.steps + RULE;
        for (kind, shape) in [("diagonal", vec![n, m, outputs]), ("full", vec![n, m, outputs, outputs])] {
            let done = problem.run(&format!("kernel = \"{kind}\"\ncoefficients = true"));
            let what = format!("{kind}, sum {sum}: ");
            // What is summed: as many residuals as there are steps, each times ε share X · X'.
            let size = time * share * 4.0 * problem.size();
            check(&format!("{what}attribution"), &done.arrays["attribution"], &[n, m, outputs], roundings, |at| {
                (moved(at[1], at[2]) * product(at), size)
            });
            let (coefficients, kernel) = (&done.arrays["coefficients"], &done.arrays["kernel"]);
            assert_eq!(coefficients.shape, shape);
            let mut undefined = 0;
            let mut defined = Array { shape: vec![0], values: Vec::new() };
            let mut wanted = Vec::new();
            for (place, &value) in coefficients.values.iter().enumerate() {
                let pair = place / (coefficients.values.len() / (n * m));
                let (c, d) = if kind == "full" { (place / 2 % 2, place % 2) } else { (place % 2, place % 2) };
                let at = [pair / m, pair % m];
                if c != d || product(&at) == 0.0 {
                    let (k, largest) = (kernel.values[place], kernel.largest());
                    assert!(k.abs() < 1e-12 * largest, "{what}kernel{at:?} is {k}, its largest {largest}");
                    assert!(value.is_nan(), "{what}coefficients{at:?} is {value} where K is {k}");
                    undefined += 1;
                } else {
                    // The coefficient is the mean of -share r along the path: it knows nothing of the query.
                    defined.values.push(value);
                    wanted.push((moved(at[1], c) / time, product(&at)));
                }
            }
            assert!(undefined > 0 && done.undefined == undefined, "{undefined} are NaN, not {}", done.undefined);
            defined.shape = vec![wanted.len()];
            // A quotient: numerator and K are roundings × size off, so 2 × size / |K| relative to the coefficient.
            check(&format!("{what}coefficients"), &defined, &[wanted.len()], roundings, |at| {
                let (want, product) = wanted[at[0]];
                (want, 2.0 * size / (time * product.abs()))
            });
        }
    }
}

/// Recorded batches that repeat examples and leave some out: K counts the steps that hold an example, attribution
/// and weights count how often each holds it.
#[test]
fn batches_of_a_linear_model() {
    let steps = 30;
    let batches: Vec<Vec<usize>> = (0..steps).map(|s| vec![2 * s % 5, (3 * s + 1) % 5, s * s % 5]).collect();
    let problem = Problem { steps, batches: Some(batches.clone()), ..Problem::general(true) };
    let (n, m, outputs) = (problem.queries.len(), problem.inputs.len(), problem.outputs());
    // Σ_s share r_s of each example, by the recursion of the residuals alone: no weights.
    let mut residuals: Rows = (0..m)
        .map(|i| (0..outputs).map(|c| problem.initial(&problem.inputs[i], c) - problem.targets[i][c]).collect())
        .collect();
    let (mut sums, mut held) = (vec![vec![0.0; outputs]; m], vec![0.0; m]);
    for batch in &batches {
        let before = residuals.clone();
        (0..m).filter(|i| batch.contains(i)).for_each(|i| held[i] += 1.0);
        for &i in batch {
            for c in 0..outputs {
                let moved = before[i][c] / batch.len() as f64;
                sums[i][c] += moved;
                for (j, residual) in residuals.iter_mut().enumerate() {
                    residual[c] -= problem.rate * problem.product(&problem.inputs[j], &problem.inputs[i]) * moved;
                }
            }
        }
    }
    assert!(held.iter().any(|&count| count != held[0]), "{held:?}");
    let done = problem.run("kernel = \"trace\"\nnodes = 2");
    let pair = |at: &[usize]| {
        let (query, example) = (&problem.queries[at[0]], &problem.inputs[at[1]]);
        (problem.rate * problem.product(query, example), problem.rate * problem.product_size(query, example))
    };
    check("batches: kernel", &done.arrays["kernel"], &[n, m], 3 + outputs + RULE + steps + 4, |at| {
        let (value, size) = pair(at);
        (held[at[1]] * value, steps as f64 * size)
    });
    // Both the program's residuals and those here have been rounded.
    let roundings = 2 * problem.roundings() + steps + RULE;
    check("batches: attribution", &done.arrays["attribution"], &[n, m, outputs], roundings, |at| {
        let (value, size) = pair(at);
        (-sums[at[1]][at[2]] * value, steps as f64 * size * problem.size())
    });
    let size = problem.rate * (steps * m) as f64 * problem.size();
    let moved = |c: usize, x: &dyn Fn(usize) -> f64| problem.rate * (0..m).map(|i| sums[i][c] * x(i)).sum::<f64>();
    check("batches: weight", &done.weights["0.weight"], &[outputs, 3], roundings, |at| {
        (problem.weight[at[0]][at[1]] - moved(at[0], &|i| problem.inputs[i][at[1]]), size)
    });
    check("batches: bias", &done.weights["0.bias"], &[outputs], roundings, |at| {
        (problem.bias[at[0]] - moved(at[0], &|_| 1.0), size)
    });
}

/// One example: the residual shrinks by `ρ = 1 - ε X · X` a step, also where a step overshoots (ρ < 0).
#[test]
fn one_example_is_a_geometric_series() {
    let general = Problem::general(true);
    let (x, y) = (general.inputs[1].clone(), general.targets[1].clone());
    let own = general.product(&x, &x);
    for ratio in [0.7, -0.6] {
        let (inputs, targets) = (vec![x.clone()], vec![y.clone()]);
        let problem = Problem { inputs, targets, rate: (1.0 - ratio) / own, steps: 12, ..Problem::general(true) };
        let (n, outputs, steps) = (problem.queries.len(), problem.outputs(), problem.steps);
        // The rate is a number that f64 holds, so the ratio is not quite 0.7.
        let ratio = 1.0 - problem.rate * own;
        let residual: Vec<f64> = (0..outputs).map(|c| problem.initial(&x, c) - y[c]).collect();
        let moved = |c: usize| residual[c] * (1.0 - ratio.powi(steps as i32)) / own;
        let done = problem.run("kernel = \"none\"\nnodes = 2");
        let roundings = problem.roundings() + steps + RULE;
        let size = problem.rate * steps as f64 * problem.size();
        let at_query = |q: usize| problem.product(&problem.queries[q], &x);
        let what = format!("one example, ratio {ratio:.1}: ");
        check(&format!("{what}attribution"), &done.arrays["attribution"], &[n, 1, outputs], roundings, |at| {
            (-moved(at[2]) * at_query(at[0]), size * own)
        });
        check(&format!("{what}initial"), &done.arrays["initial"], &[n, outputs], roundings, |at| {
            (problem.initial(&problem.queries[at[0]], at[1]), problem.size())
        });
        check(&format!("{what}prediction"), &done.arrays["prediction"], &[n, outputs], roundings, |at| {
            let first = problem.initial(&problem.queries[at[0]], at[1]);
            (first - moved(at[1]) * at_query(at[0]), problem.size() + size * own)
        });
        check(&format!("{what}residual"), &done.arrays["residual"], &[n, outputs], roundings, |_| {
            (0.0, problem.size() + size * own)
        });
        check(&format!("{what}weight"), &done.weights["0.weight"], &[outputs, 3], roundings, |at| {
            (problem.weight[at[0]][at[1]] - moved(at[0]) * x[at[1]], problem.size() + size)
        });
        check(&format!("{what}bias"), &done.weights["0.bias"], &[outputs], roundings, |at| {
            (problem.bias[at[0]] - moved(at[0]), problem.size() + size)
        });
        let losses = Array { shape: vec![done.losses.len()], values: done.losses.clone() };
        let first = 0.5 * dot(&residual, &residual);
        // A square: an error of the residual counts twice, times the residual.
        check(&format!("{what}loss"), &losses, &[steps], 2 * roundings, |at| {
            (first * ratio.powi(2 * at[0] as i32), outputs as f64 * problem.size() * problem.size())
        });
    }
}

/// One weight, one example, weight decay λ: `w_s = w* + ρ^s (w_0 - w*)` with `ρ = 1 - ε (x² + λ)` and
/// `w* = x y / (x² + λ)`; the loss moves a query by `-Σ_s ε q x (w_s x - y)`, decay by `-λ Σ_s ε q w_s`.
#[test]
fn weight_decay_of_one_weight() {
    let (x, y, first, decay, rate, steps) = (0.8, 1.3, -0.4, 0.35, 0.45, 15);
    let problem = Problem {
        inputs: vec![vec![x]],
        targets: vec![vec![y]],
        queries: vec![vec![0.9], vec![-1.7], vec![0.0]],
        weight: vec![vec![first]],
        bias: Vec::new(),
        rate,
        steps,
        decay,
        sum: false,
        batches: None,
    };
    let end = x * y / (x * x + decay);
    let ratio: f64 = 1.0 - rate * (x * x + decay);
    let shrunk = ratio.powi(steps as i32);
    let sum = steps as f64 * end + (first - end) * (1.0 - shrunk) / (1.0 - ratio);
    let query = |q: usize| problem.queries[q][0];
    let roundings = problem.roundings() + steps + RULE;
    let size = rate * steps as f64 * problem.size();
    for rule in ["rule = \"left\"", "nodes = 3"] {
        let done = problem.run(rule);
        let what = format!("decay, {rule}: ");
        check(&format!("{what}attribution"), &done.arrays["attribution"], &[3, 1, 1], roundings, |at| {
            (-rate * query(at[0]) * x * (x * sum - steps as f64 * y), query(at[0]).abs() * size)
        });
        check(&format!("{what}regularizer"), &done.arrays["regularizer"], &[3, 1], roundings, |at| {
            (-decay * rate * query(at[0]) * sum, query(at[0]).abs() * size)
        });
        check(&format!("{what}prediction"), &done.arrays["prediction"], &[3, 1], roundings, |at| {
            (query(at[0]) * (end + shrunk * (first - end)), query(at[0]).abs() * problem.size())
        });
        check(&format!("{what}weight"), &done.weights["0.weight"], &[1, 1], roundings, |_| {
            (end + shrunk * (first - end), problem.size())
        });
    }
}
