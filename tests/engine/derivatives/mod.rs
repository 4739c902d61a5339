//! Per-example Jacobians of every kind of layer, through the library on the CPU in f64: against finite differences
//! of the outputs, and contracted in every way against plain loops.

mod attention;
mod cases;
mod contraction;
mod directional;
mod factors;
mod hessian;
mod parts;
mod random;

use cases::{Case, cases};
use factors::{Array, Cpu, factors, upload, whole};
use pathkernel::compute::{Backend, RowMap, Start};
use pathkernel::graph::Segment;
use pathkernel::random::numbers;

/// Examples of every case.
const ROWS: usize = 3;
/// The step of the central differences: about ε^(1/3), where truncation and rounding are equal.
const STEP: f64 = 6e-6;

/// `[C * rows, parameters]`, the gaps between layers left 0.
fn jacobian(case: &Case, segment: Segment<'_, Array>, inputs: &[f64]) -> Vec<f64> {
    let (backend, network) = (Cpu::new(), &case.network);
    let base = inputs.len() / network.input_len();
    let map = RowMap::each(&backend, network.outputs, base, 1.0).expect("a map");
    let mut all = vec![0.0; map.rows * network.len];
    for layer in factors(case, segment, &upload(inputs)) {
        let block = &network.blocks[layer.block];
        let len = layer.structure.len();
        let mut part = upload(&vec![0.0; map.rows * len]);
        layer.write_rows(&map, Start::Value(0.0), &mut part);
        for (row, part) in part.chunks(len).enumerate() {
            let all = &mut all[row * network.len + block.offset..][..len];
            all.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
        }
    }
    all
}

/// `[rows, C]`.
fn outputs(case: &Case, segment: Segment<'_, Array>, inputs: &[f64]) -> Vec<f64> {
    let (backend, inputs) = (Cpu::new(), upload(inputs));
    let rows = inputs.len() / case.network.input_len();
    let pass = case.network.forward(&backend, segment, whole(&inputs), rows).expect("forward");
    backend.download(case.network.outputs(&pass)).expect("outputs")
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |top, value| value.abs().max(top))
}

/// `(f(w + h) - f(w - h)) / 2h` is off by h² / 6 times a third derivative, and by the rounding of f over h. With
/// weights and inputs in [-1, 1], a few dozen roundings and third derivatives of the size of f (of layer_norm's
/// scales: some ten times that) the factor 20 covers both.
#[test]
fn jacobians_agree_with_finite_differences() {
    for (seed, case) in cases().into_iter().enumerate() {
        let network = &case.network;
        let inputs = numbers(seed as u64 + 500, ROWS * network.input_len());
        let weights = upload(&case.weights);
        let rows = jacobian(&case, Segment::at(&weights), &inputs);
        let size = largest(&outputs(&case, Segment::at(&weights), &inputs)).max(1.0);
        let tolerance = 20.0 * (STEP * STEP + f64::EPSILON / STEP) * size;
        let mut worst: f64 = 0.0;
        for own in &network.blocks {
            let mut top: f64 = 0.0;
            for place in own.offset..own.offset + own.len() {
                let moved = |by: f64| {
                    let mut weights = case.weights.clone();
                    weights[place] += by;
                    (weights[place], outputs(&case, Segment::at(&upload(&weights)), &inputs))
                };
                let ((above, up), (below, down)) = (moved(STEP), moved(-STEP));
                for (entry, (up, down)) in up.iter().zip(&down).enumerate() {
                    let (row, output) = (entry / network.outputs, entry % network.outputs);
                    let got = rows[(output * ROWS + row) * network.len + place];
                    // The two weights' true distance: 2h, rounded.
                    let error = (got - (up - down) / (above - below)).abs();
                    let near = error <= tolerance;
                    assert!(
                        near,
                        "{}: layer {}, parameter {}, example {row}, output {output}: {got} is {error:e} off",
                        case.name,
                        own.layer,
                        place - own.offset
                    );
                    worst = worst.max(error);
                    top = top.max(got.abs());
                }
            }
            assert!(top > 1e-3, "{}: the gradients of layer {} vanish", case.name, own.layer);
        }
        println!("{}: largest error {worst:.1e} of {tolerance:.1e}", case.name);
    }
}

/// Rows with a τ of their own: outputs and Jacobian as at the fixed weights `w + τ Δw`. Both round each weight's own
/// product once or twice more than the other; a hundred roundings of what a row adds up cover that.
#[test]
fn rows_on_a_segment_are_rows_at_their_weights() {
    let tau = [0.0, 0.37, 1.0];
    for (seed, case) in cases().into_iter().enumerate() {
        let network = &case.network;
        let inputs = numbers(seed as u64 + 500, ROWS * network.input_len());
        let change: Vec<f64> = numbers(seed as u64 + 900, network.len).iter().map(|value| 0.1 * value).collect();
        let (start, step, taus) = (upload(&case.weights), upload(&change), upload(&tau));
        let segment = Segment { weights: &start, step: Some((&step, whole(&taus))) };
        let (values, rows) = (outputs(&case, segment, &inputs), jacobian(&case, segment, &inputs));
        let (size, steepest) = (largest(&values).max(1.0), largest(&rows).max(1.0));
        let mut worst: f64 = 0.0;
        for (row, tau) in tau.iter().enumerate() {
            let weights: Vec<f64> = case.weights.iter().zip(&change).map(|(w, d)| w + tau * d).collect();
            let width = network.input_len();
            let alone = inputs[row * width..][..width].to_vec();
            let weights = upload(&weights);
            let want = outputs(&case, Segment::at(&weights), &alone);
            let one = jacobian(&case, Segment::at(&weights), &alone);
            for output in 0..network.outputs {
                let value = (values[row * network.outputs + output] - want[output]).abs() / size;
                let got = &rows[(output * ROWS + row) * network.len..][..network.len];
                let want = &one[output * network.len..][..network.len];
                let slope = got.iter().zip(want).fold(0.0f64, |top, (a, b)| top.max((a - b).abs())) / steepest;
                let near = value <= 100.0 * f64::EPSILON && slope <= 100.0 * f64::EPSILON;
                assert!(near, "{}: τ {tau}, output {output}: {value:e} and {slope:e} off", case.name);
                worst = worst.max(value).max(slope);
            }
        }
        println!("{}: largest error {worst:.1e}", case.name);
    }
}
