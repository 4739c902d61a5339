//! Networks made so that units flip where the test says.

use super::cases::{activation, linear, network, numbers, plain, relu};
use super::reference::{Line, distance, largest};
use super::{of, settle};
use pathkernel::activation::Activation;
use pathkernel::graph::Graph;
use pathkernel::layer::{Conv2d, Flatten, LayerKind, MaxPool2d};

/// A hidden unit z = x (w₀ + τ Δw₀) + ..., so that flips are where the test says: 2 inputs, `hidden` units, 3 outputs.
fn made(first: &[[f64; 3]], first_change: &[[f64; 3]]) -> (Graph, Vec<f64>, Vec<f64>) {
    let hidden = first.len();
    let network = network(&[2], vec![linear(hidden), relu(), linear(3)]);
    let (mut weights, mut change) = (numbers(5, network.len), numbers(6, network.len));
    let own = &network.blocks[0];
    for (unit, (row, step)) in first.iter().zip(first_change).enumerate() {
        for (values, row) in [(&mut weights, row), (&mut change, step)] {
            values[own.offset + 2 * unit..][..2].copy_from_slice(&row[..2]);
            values[own.offset + 2 * hidden + unit] = row[2];
        }
    }
    (network, weights, change)
}

fn nodes_and_error(network: &Graph, weights: &[f64], change: &[f64], x: &[f64], flips: &[f64]) -> (usize, f64) {
    let settled = settle::<f64>(network, weights, change, x, None, 1e-9);
    assert!(settled.missed.is_empty());
    let line = Line { network, weights, change, x };
    let v = numbers(9, network.len);
    let want = line.exact(&v, flips, 1);
    (settled.rows.len(), distance(&line.integral(&v, of(&settled, 0)), &want) / largest(&want).max(1e-300))
}

/// A unit that is dead, one that leaves zero at the start upward, one downward, one that arrives at zero, one that flips in
/// the middle, and no others: two pieces of one node.
#[test]
fn units_at_zero_flip_once_or_never() {
    let first = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, -0.25]];
    let change = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, -0.5], [0.0, 0.0, -0.5], [0.0, 0.0, 0.5]];
    let (network, weights, change) = made(&first, &change);
    let (nodes, error) = nodes_and_error(&network, &weights, &change, &[0.3, -0.7], &[0.5]);
    assert!(nodes == 2 && error < 1e-13, "{nodes} nodes, {error:e}");
}

/// A unit of relu6 that passes 0 and then 6, and one that stays above 6: three pieces of one node, which end at both kinks.
#[test]
fn units_flip_at_every_kink_of_their_activation() {
    let network = network(&[1], vec![linear(2), activation(Activation::Relu6), linear(3)]);
    let (mut weights, mut change) = (numbers(25, network.len), numbers(26, network.len));
    let own = network.blocks[0].offset;
    // z = -1 + 8 τ, which is 0 at 1/8 and 6 at 7/8; and 7 + τ.
    for (place, value, step) in [(own, 0.0, 0.0), (own + 1, 0.0, 0.0), (own + 2, -1.0, 8.0), (own + 3, 7.0, 1.0)] {
        (weights[place], change[place]) = (value, step);
    }
    let flips = [0.125, 0.875];
    let (nodes, error) = nodes_and_error(&network, &weights, &change, &[0.7], &flips);
    assert!(nodes == 3 && error < 1e-13, "{nodes} nodes, {error:e}");
    let settled = settle::<f64>(&network, &weights, &change, &[0.7], None, 1e-9);
    let lengths: Vec<f64> = of(&settled, 0).map(|(_, weight)| weight).collect();
    assert!(distance(&lengths, &[0.125, 0.75, 0.125]) < 1e-13, "{lengths:?}");
}

/// Two layers of relu6 whose units pass both kinks many times: pieces are polynomials, exact to rounding.
#[test]
fn layers_with_two_kinks_are_exact() {
    let layer = || activation(Activation::Relu6);
    let network = network(&[4], vec![linear(8), layer(), linear(8), layer(), linear(3)]);
    let weights: Vec<f64> = numbers(27, network.len).iter().map(|w| 6.0 * w).collect();
    let change: Vec<f64> = numbers(28, network.len).iter().map(|w| 8.0 * w).collect();
    let x = numbers(29, 4);
    let line = Line { network: &network, weights: &weights, change: &change, x: &x };
    let flips = line.flips(4000);
    let (nodes, error) = nodes_and_error(&network, &weights, &change, &x, &flips);
    // Of degree 3 between flips: two nodes each.
    assert!(flips.len() > 5 && nodes == 2 * (flips.len() + 1), "{} flips, {nodes} nodes", flips.len());
    assert!(error < 1e-11, "{nodes} nodes, {error:e}");
}

/// A unit of the second layer that crosses zero twice between two nodes with the same sign: z₂ = (τ - 0.45)(τ - 0.55) is
/// a product of a first unit 1 - τ and a weight.
#[test]
fn double_crossings_between_nodes_are_seen() {
    let network = network(&[1], vec![linear(1), relu(), linear(2), relu(), linear(3)]);
    let (mut weights, mut change) = (numbers(15, network.len), numbers(16, network.len));
    let [first, second] = [network.blocks[0].offset, network.blocks[1].offset];
    // The first unit is 2 - τ; (2 - τ)(a + b τ) + c + d τ = (τ - 0.45)(τ - 0.55): b = -1, 2b - a + d = -1, 2a + c = 0.2475.
    let entries = [
        (first, 0.0, 0.0),
        (first + 1, 2.0, -1.0),
        (second, 0.5, -1.0),
        (second + 2, 0.2475 - 1.0, 1.5),
        // Another unit that stays on.
        (second + 1, 1.0, 0.0),
        (second + 3, 1.0, 0.3),
    ];
    for (place, value, step) in entries {
        (weights[place], change[place]) = (value, step);
    }
    let line = Line { network: &network, weights: &weights, change: &change, x: &[0.7] };
    let found = line.flips(1000);
    assert!(found.len() == 2 && (found[0] - 0.45).abs() < 1e-12 && (found[1] - 0.55).abs() < 1e-12, "{found:?}");
    let (nodes, error) = nodes_and_error(&network, &weights, &change, &[0.7], &[0.45, 0.55]);
    assert!(nodes == 6 && error < 1e-12, "{nodes} nodes, {error:e}");
}

/// A window of four units z = τ x - 1, all off at first: while all are zero the tie flips nothing, and the first that turns on
/// wins; the winner of two changes nowhere.
#[test]
fn ties_of_zeros_in_a_window_are_no_flips() {
    let layers = vec![
        plain(LayerKind::Conv2d(Conv2d::square(1, 1, 1, 0, true))),
        relu(),
        plain(LayerKind::MaxPool2d(MaxPool2d::square(2))),
        plain(LayerKind::Flatten(Flatten)),
        linear(3),
    ];
    let network = network(&[1, 2, 2], layers);
    let (mut weights, mut change) = (numbers(25, network.len), numbers(26, network.len));
    let first = network.blocks[0].offset;
    for (place, value, step) in [(first, 0.0, 1.0), (first + 1, -1.0, 0.0)] {
        (weights[place], change[place]) = (value, step);
    }
    for (x, flips) in [([0.5, 0.8, 1.6, 0.9], vec![0.625]), ([0.5, 2.5, 2.0, 0.9], vec![0.4, 0.5]), ([0.9; 4], vec![])]
    {
        let (nodes, error) = nodes_and_error(&network, &weights, &change, &x, &flips);
        assert!(nodes == flips.len() + 1 && error < 1e-13, "{x:?}: {nodes} nodes, {error:e}");
    }
}

/// f = cos(6 τ - 3) changes by nothing, and so says every symmetric rule: only that two rules agree along another direction
/// tells how many nodes it takes.
#[test]
fn a_certificate_that_cancels_is_not_trusted() {
    let network = network(&[1], vec![linear(1), activation(Activation::Sin), linear(1)]);
    let (mut weights, mut change) = (vec![0.0; network.len], vec![0.0; network.len]);
    let [first, last] = [network.blocks[0].offset, network.blocks[1].offset];
    (weights[first], weights[first + 1], weights[last]) = (-3.0, std::f64::consts::FRAC_PI_2, 1.0);
    (change[first], change[last + 1]) = (6.0, 0.0);
    let settled = settle::<f64>(&network, &weights, &change, &[1.0], None, 1e-9);
    assert!(settled.missed.is_empty());
    let line = Line { network: &network, weights: &weights, change: &change, x: &[1.0] };
    let v = numbers(35, network.len);
    let error = distance(&line.integral(&v, of(&settled, 0)), &line.exact(&v, &[], 200));
    assert!(error < 1e-8, "{} nodes, {error:e}", settled.rows.len());
}

/// More waves than the last rule has nodes: reported, with the best of the nodes.
#[test]
fn what_is_too_much_is_reported() {
    let network = network(&[2], vec![linear(4), activation(Activation::Sin), linear(3)]);
    let (weights, mut change) = (numbers(45, network.len), numbers(46, network.len));
    change.iter_mut().for_each(|change| *change *= 3000.0);
    let settled = settle::<f64>(&network, &weights, &change, &[0.9, 0.8, 0.0, 0.0], None, 1e-9);
    assert!(settled.missed.contains(&0), "{:?}", settled.missed);
}

/// A window whose winner changes three times: its entries are lines of growing slopes, of which the largest is the winner.
/// Where entries that do not win cross, nothing happens.
#[test]
fn a_window_flips_where_its_winner_changes() {
    let layers = vec![
        plain(LayerKind::Conv2d(Conv2d::square(1, 1, 1, 0, true))),
        plain(LayerKind::MaxPool2d(MaxPool2d::square(2))),
        plain(LayerKind::Flatten(Flatten)),
        linear(3),
    ];
    let network = network(&[2, 2, 2], layers);
    let (mut weights, mut change) = (numbers(55, network.len), numbers(56, network.len));
    let first = network.blocks[0].offset;
    for (place, value, step) in [(first, 0.0, 1.0), (first + 1, 1.0, 0.0), (first + 2, 0.0, 0.0)] {
        (weights[place], change[place]) = (value, step);
    }
    let x = [2.0, 0.0, 3.5, 1.0, -0.3, 0.0, -1.35, -0.1];
    let (nodes, error) = nodes_and_error(&network, &weights, &change, &x, &[0.1, 0.2, 0.7]);
    assert!(nodes == 4 && error < 1e-13, "{nodes} nodes, {error:e}");
}
