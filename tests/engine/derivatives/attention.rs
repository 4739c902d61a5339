//! Attention over many positions: its scores pass in several tiles.

use super::cases::Case;
use super::directional::derivatives;
use super::factors::upload;
use super::hessian::{agree, differences, directions, turned};
use super::{jacobian, outputs};
use pathkernel::graph::{Graph, Segment};
use pathkernel::layer::{Attention, Flatten, Layer, LayerKind, Linear};
use pathkernel::random::numbers;

const ROWS: usize = 9;
const POSITIONS: usize = 256;

/// Scores of 9 rows, 2 heads and 256 × 256 pairs are more than are held at once.
#[test]
fn long_sequences_agree_with_differences() {
    let linear = |features| LayerKind::from(Linear { features, bias: true });
    let attention = LayerKind::from(Attention { heads: 2, causal: true, kv_heads: None, scale: None, dropout: 0.0 });
    let layers = [
        Layer::new(linear(4)),
        Layer::new(linear(4)).reading(&[-1]),
        Layer::new(linear(2)).reading(&[-1]),
        Layer::new(attention).reading(&[0, 1, 2]),
        Layer::new(linear(1)),
        Layer::new(Flatten),
        Layer::new(linear(2)),
    ];
    let network = Graph::new(&[POSITIONS, 3], &layers).expect("a network");
    let weights = numbers(1, network.len);
    let case = Case { name: "long attention".to_owned(), network, weights };
    let inputs = numbers(2, ROWS * case.network.input_len());
    let (at, count, len) = (upload(&case.weights), case.network.outputs, case.network.len);
    let direction = directions(&case, 3).swap_remove(0).1;
    let want = differences(&case, &direction, &|case| outputs(case, Segment::at(&upload(&case.weights)), &inputs));
    agree("outputs", &derivatives(&case, Segment::at(&at), &inputs, &[&upload(&direction)]), &want);
    let rows = jacobian(&case, Segment::at(&at), &inputs);
    let along = |row: usize| rows[row * len..][..len].iter().zip(&direction).map(|(a, b)| a * b).sum::<f64>();
    let got: Vec<f64> = (0..ROWS * count).map(|entry| along(entry % count * ROWS + entry / count)).collect();
    agree("the Jacobian", &got, &want);
    let want = differences(&case, &direction, &|case| jacobian(case, Segment::at(&upload(&case.weights)), &inputs));
    agree("gradients", &turned(&case, &inputs, &direction), &want);
}
