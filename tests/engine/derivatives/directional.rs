//! Derivatives along directions in the weights: against the Jacobian, and against finite differences.

use super::cases::{Case, cases};
use super::factors::{Array, Cpu, upload, whole};
use super::{ROWS, STEP, jacobian, largest, outputs};
use pathkernel::compute::Backend;
use pathkernel::graph::Segment;
use pathkernel::random::numbers;

const TAU: [f64; ROWS] = [0.0, 0.37, 1.0];

/// `[directions * rows, C]`.
pub fn derivatives(case: &Case, segment: Segment<'_, Array>, inputs: &[f64], directions: &[&Array]) -> Vec<f64> {
    let (backend, inputs) = (Cpu::new(), upload(inputs));
    let rows = inputs.len() / case.network.input_len();
    let pass = case.network.forward(&backend, segment, whole(&inputs), rows).expect("forward");
    let found = case.network.directional(&backend, segment, &pass, directions).expect("derivatives");
    backend.download(case.network.output_derivatives(&found).expect("outputs that are trained")).expect("values")
}

/// Each row at its own place on a segment, along the segment and along another direction at once.
#[test]
fn derivatives_are_the_jacobian_times_the_direction() {
    for (seed, case) in cases().into_iter().enumerate() {
        let (network, seed) = (&case.network, seed as u64);
        let inputs = numbers(seed + 500, ROWS * network.input_len());
        let change: Vec<f64> = numbers(seed + 900, network.len).iter().map(|value| 0.1 * value).collect();
        let other = numbers(seed + 950, network.len);
        let (start, step, taus) = (upload(&case.weights), upload(&change), upload(&TAU));
        let segment = Segment { weights: &start, step: Some((&step, whole(&taus))) };
        let got = derivatives(&case, segment, &inputs, &[&step, &upload(&other)]);
        let rows = jacobian(&case, segment, &inputs);
        let mut worst: f64 = 0.0;
        for (copy, direction) in [&change, &other].into_iter().enumerate() {
            for row in 0..ROWS {
                for output in 0..network.outputs {
                    let gradient = &rows[(output * ROWS + row) * network.len..][..network.len];
                    let terms = || gradient.iter().zip(direction).map(|(a, b)| a * b);
                    let (want, size) = (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>());
                    let error = (got[(copy * ROWS + row) * network.outputs + output] - want).abs();
                    // A hundred roundings of what is added up cover both ways through a few layers.
                    let near = error <= 100.0 * f64::EPSILON * size.max(1.0);
                    assert!(near, "{}: direction {copy}, row {row}, output {output}: {error:e} off", case.name);
                    worst = worst.max(error / size.max(1.0));
                }
            }
        }
        println!("{}: largest error {worst:.1e}", case.name);
    }
}

#[test]
fn derivatives_agree_with_finite_differences() {
    for (seed, case) in cases().into_iter().enumerate() {
        let (network, seed) = (&case.network, seed as u64);
        let inputs = numbers(seed + 500, ROWS * network.input_len());
        let direction = numbers(seed + 950, network.len);
        let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
        let direction: Vec<f64> = direction.iter().map(|x| x / length).collect();
        let weights = upload(&case.weights);
        let got = derivatives(&case, Segment::at(&weights), &inputs, &[&upload(&direction)]);
        let moved = |by: f64| {
            let weights: Vec<f64> = case.weights.iter().zip(&direction).map(|(w, d)| w + by * d).collect();
            outputs(&case, Segment::at(&upload(&weights)), &inputs)
        };
        let (up, down) = (moved(STEP), moved(-STEP));
        let size = largest(&up).max(1.0);
        let tolerance = 20.0 * (STEP * STEP + f64::EPSILON / STEP) * size;
        for (entry, (got, (up, down))) in got.iter().zip(up.iter().zip(&down)).enumerate() {
            let error = (got - (up - down) / (2.0 * STEP)).abs();
            assert!(error <= tolerance, "{}: entry {entry}: {got} is {error:e} off", case.name);
        }
        assert!(largest(&got) > 1e-3, "{}: the derivatives vanish", case.name);
    }
}
