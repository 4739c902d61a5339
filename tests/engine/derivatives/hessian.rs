//! Second derivatives, and random graphs: outputs, gradients and how gradients change, against differences.

use super::cases::{Case, cases};
use super::directional::derivatives;
use super::factors::{Cpu, held, seeds, upload, whole};
use super::random::graphs;
use super::{ROWS, STEP, jacobian, largest, outputs};
use pathkernel::compute::{RowMap, Start};
use pathkernel::graph::{Segment, Turn};
use pathkernel::random::numbers;

/// `[C * rows, parameters]`: how the Jacobian changes along a direction.
pub fn turned(case: &Case, inputs: &[f64], direction: &[f64]) -> Vec<f64> {
    let (backend, network) = (Cpu::new(), &case.network);
    let base = inputs.len() / network.input_len();
    let (inputs, weights, direction) = (upload(inputs), upload(&case.weights), upload(direction));
    let segment = Segment::at(&weights);
    let pass = network.forward(&backend, segment, whole(&inputs), base).expect("forward");
    let seed = seeds(case, base);
    let changes = vec![(network.output(), upload(&vec![0.0; seed.len()]))];
    let derivatives = network.directional(&backend, segment, &pass, &[&direction]).expect("derivatives");
    let back = network.deltas(&backend, segment, &pass, (network.outputs, seed)).expect("deltas");
    let turn = Turn { direction: &direction, derivatives: &derivatives, changes };
    let map = RowMap::each(&backend, network.outputs, base, 1.0).expect("a map");
    let mut all = vec![0.0; map.rows * network.len];
    let visited = network.tangent_of_backward(&backend, segment, (&pass, &back), turn, &mut |factor| {
        let factors = held(&factor);
        let len = factors.structure.len();
        let mut part = upload(&vec![0.0; map.rows * len]);
        factors.write_rows(&map, Start::Value(0.0), &mut part);
        let offset = network.blocks[factors.block].offset;
        for (row, part) in part.chunks(len).enumerate() {
            let all = &mut all[row * network.len + offset..][..len];
            all.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
        }
        Ok(())
    });
    visited.expect("second derivatives");
    all
}

/// A function of the weights and its central differences along a direction, once with a step and once with twice the step.
/// What the two differ by is three times what truncation makes of the first.
pub fn differences(case: &Case, direction: &[f64], of: &dyn Fn(&Case) -> Vec<f64>) -> Vec<(f64, f64)> {
    let moved = |by: f64| {
        let weights = case.weights.iter().zip(direction).map(|(w, d)| w + by * d).collect();
        of(&Case { name: case.name.clone(), network: case.network.clone(), weights })
    };
    let central = |by: f64| -> Vec<f64> {
        let (up, down) = (moved(by), moved(-by));
        up.iter().zip(&down).map(|(up, down)| (up - down) / (2.0 * by)).collect()
    };
    let size = largest(&of(case)).max(1.0);
    let (near, far) = (central(STEP), central(2.0 * STEP));
    let tolerance = |near: f64, far: f64| (near - far).abs() + 20.0 * (STEP * STEP + f64::EPSILON / STEP) * size;
    near.iter().zip(&far).map(|(&near, &far)| (near, tolerance(near, far))).collect()
}

pub fn agree(what: &str, got: &[f64], want: &[(f64, f64)]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (entry, (got, (want, tolerance))) in got.iter().zip(want).enumerate() {
        let error = (got - want).abs();
        assert!(error <= *tolerance, "{what}, entry {entry}: {got} is {error:e} off, more than {tolerance:e}");
    }
}

/// Directions of length 1: one that moves everything, and one for each tensor alone.
pub fn directions(case: &Case, seed: u64) -> Vec<(String, Vec<f64>)> {
    let all = numbers(seed, case.network.len);
    let alone = case.network.tensors().map(|tensor| {
        let within = tensor.offset..tensor.offset + tensor.len();
        let of = all.iter().enumerate().map(|(at, &x)| if within.contains(&at) { x } else { 0.0 });
        (tensor.name.clone(), of.collect())
    });
    let every: Vec<(String, Vec<f64>)> = std::iter::once(("everything".to_owned(), all.clone())).chain(alone).collect();
    let unit = |direction: Vec<f64>| {
        let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
        direction.into_iter().map(|x| x / length).collect()
    };
    every.into_iter().map(|(name, direction)| (name, unit(direction))).collect()
}

fn check_gradients_turn(case: &Case, seed: u64) {
    let inputs = numbers(seed + 500, ROWS * case.network.input_len());
    let gradients = |case: &Case| jacobian(case, Segment::at(&upload(&case.weights)), &inputs);
    for (name, direction) in directions(case, seed + 950) {
        let want = differences(case, &direction, &gradients);
        agree(&format!("{}, gradients along {name}", case.name), &turned(case, &inputs, &direction), &want);
    }
}

#[test]
fn gradients_turn_as_their_differences_say() {
    for (seed, case) in cases().into_iter().enumerate() {
        check_gradients_turn(&case, seed as u64);
    }
}

#[test]
fn random_graphs_agree_with_differences() {
    let (graphs, counts) = graphs();
    println!("{counts:?}");
    assert!(counts.len() == 16 && counts.values().all(|&count| count >= 5), "{counts:?}");
    for (seed, case) in graphs.iter().enumerate() {
        let seed = seed as u64;
        let inputs = numbers(seed + 500, ROWS * case.network.input_len());
        let values = |case: &Case| outputs(case, Segment::at(&upload(&case.weights)), &inputs);
        let weights = upload(&case.weights);
        let rows = jacobian(case, Segment::at(&weights), &inputs);
        for (name, direction) in directions(case, seed + 950) {
            let want = differences(case, &direction, &values);
            let got = derivatives(case, Segment::at(&weights), &inputs, &[&upload(&direction)]);
            agree(&format!("{}, outputs along {name}", case.name), &got, &want);
            let (len, count) = (case.network.len, case.network.outputs);
            let along = |row: usize| rows[row * len..][..len].iter().zip(&direction).map(|(a, b)| a * b).sum::<f64>();
            let got: Vec<f64> = (0..ROWS * count).map(|entry| along(entry % count * ROWS + entry / count)).collect();
            agree(&format!("{}, Jacobian along {name}", case.name), &got, &want);
        }
        check_gradients_turn(case, seed);
    }
}
