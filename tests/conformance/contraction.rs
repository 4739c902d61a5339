//! Operations over a row map.

use crate::harness::*;
use pathkernel::backend::{Backend, Gram, GramFactors, Outer, RowMap};

/// A map of `outputs` outputs with 1, 2 or 3 rows each (every fifth has none), over `base` base rows.
fn ragged<B: Backend>(backend: &B, outputs: usize, base: usize) -> RowMap<B> {
    let mut offsets = vec![0u32];
    for output in 0..outputs {
        let rows = if output % 5 == 4 { 0 } else { output % 3 + 1 };
        offsets.push(offsets[output] + rows as u32);
    }
    let rows = offsets[outputs] as usize;
    let inputs: Vec<u32> = (0..rows).map(|row| (row * 3 % base) as u32).collect();
    RowMap::new(backend, &offsets, &inputs, &numbers(1, rows)).unwrap()
}

/// Outputs, base rows, positions, height, width, and whether there is a bias.
type OuterShape = (usize, usize, usize, usize, usize, bool);

fn materialised<B: Backend>(backend: &B, &(outputs, base, positions, height, width, bias): &OuterShape) -> Vec<f64> {
    let map = ragged(backend, outputs, base);
    let delta = Held::new(backend, &numbers(2, map.rows * positions * height));
    let input = Held::new(backend, &numbers(3, base * positions * width));
    let shape = Outer { height, width, positions, bias };
    let mut out = Held::output(backend, outputs * shape.row());
    backend.outer(&shape, &map, out.out(), delta.get(), input.get()).unwrap();
    out.values(backend)
}

fn of_entries<B: Backend>(backend: &B, &(outputs, base, positions, width): &(usize, usize, usize, usize)) -> Vec<f64> {
    let map = ragged(backend, outputs, base);
    let delta = Held::new(backend, &numbers(4, map.rows * positions * width));
    let input = Held::new(backend, &numbers(5, base * positions * width));
    let mut out = Held::output(backend, outputs * 2 * width);
    backend.outer_diagonal(width, positions, &map, out.out(), delta.get(), input.get()).unwrap();
    out.values(backend)
}

fn applied<B: Backend>(backend: &B, &(outputs, base, width): &(usize, usize, usize)) -> Vec<f64> {
    let map = ragged(backend, outputs, base);
    let delta = Held::new(backend, &numbers(6, map.rows * width));
    let values = Held::new(backend, &numbers(7, base * width));
    let mut out = Held::new(backend, &numbers(8, outputs));
    backend.row_dot(width, -0.7, &map, out.out(), delta.get(), values.get()).unwrap();
    out.values(backend)
}

#[test]
fn gradients_materialised_and_applied() {
    let devices = devices();
    for shape in [
        (1, 1, 1, 1, 1, true),
        (7, 3, 2, 5, 3, false),
        (6, 4, 3, 63, 30, true),
        (3, 5, 1, 65, 29, true),
        (4, 5, 3, 28, 64, true),
        (3, 2, 7, 27, 65, false),
        (300, 40, 2, 7, 11, true),
    ] {
        let terms = (3 * shape.2) as f64;
        agree!(&devices, materialised, shape, (terms + 2.0) * EPS * terms);
    }
    // One row of these is larger than a binding of the small device.
    for shape in [(6, 4, 3, 63, 64, true), (3, 5, 2, 130, 65, true)] {
        let terms = (3 * shape.2) as f64;
        agree!(devices.iter().take(1), materialised, shape, (terms + 2.0) * EPS * terms);
    }
    for shape in [(1, 1, 1, 1), (9, 4, 5, 7), (400, 30, 3, 11)] {
        let terms = (3 * shape.2) as f64;
        agree!(&devices, of_entries, shape, (terms + 2.0) * EPS * terms);
    }
    for shape in [(1, 1, 1), (9, 4, 255), (20, 6, 257), (700, 60, 31)] {
        let terms = (3 * shape.2) as f64;
        agree!(&devices, applied, shape, (terms + 4.0) * EPS * terms);
    }
}

#[derive(Debug, Clone, Copy)]
struct GramShape {
    outputs: usize,
    first: usize,
    examples: usize,
    copies: usize,
    positions: usize,
    depth: usize,
    weighted: bool,
}

const PLAIN: GramShape =
    GramShape { outputs: 7, first: 0, examples: 5, copies: 1, positions: 1, depth: 3, weighted: true };

/// The outputs from `first` on, with columns in reverse order and a gap beyond them.
fn fused<B: Backend>(backend: &B, shape: &GramShape) -> Vec<f64> {
    let base = 6;
    let &GramShape { outputs, first, examples, positions, depth, .. } = shape;
    let map = ragged(backend, outputs, base);
    let columns = shape.copies * examples;
    let stride = columns + 2;
    let left = Held::new(backend, &numbers(9, map.rows * positions * depth));
    let right = Held::new(backend, &numbers(10, columns * positions * depth));
    let products = Held::new(backend, &numbers(11, base * positions * examples * positions));
    let mut out = Held::new(backend, &numbers(12, (outputs - first) * stride));
    let order = backend.index(&(0..columns as u32).rev().collect::<Vec<_>>()).unwrap();
    let gram = Gram { first, outputs: outputs - first, columns, examples, positions, depth, stride, scale: 0.37 };
    let inputs = shape.weighted.then(|| products.get());
    let factors = GramFactors { left: left.get(), right: right.get(), inputs };
    backend.gram(&gram, &map, &order, out.out(), factors).unwrap();
    out.values(backend)
}

#[test]
fn fused_products() {
    let devices = devices();
    for shape in [
        GramShape { outputs: 1, examples: 1, depth: 1, ..PLAIN },
        PLAIN,
        GramShape { weighted: false, first: 2, ..PLAIN },
        GramShape { outputs: 63, examples: 65, depth: 17, ..PLAIN },
        GramShape { outputs: 65, examples: 16, copies: 4, depth: 16, first: 3, ..PLAIN },
        GramShape { outputs: 64, examples: 63, depth: 15, weighted: false, ..PLAIN },
        GramShape { outputs: 20, examples: 7, copies: 3, positions: 4, depth: 5, ..PLAIN },
        GramShape { outputs: 130, examples: 40, copies: 3, depth: 33, first: 11, ..PLAIN },
        GramShape { outputs: 9, examples: 3, copies: 70, positions: 3, depth: 20, ..PLAIN },
        GramShape { outputs: 30, examples: 90, positions: 2, depth: 9, ..PLAIN },
        GramShape { outputs: 800, examples: 3, depth: 40, weighted: false, ..PLAIN },
    ] {
        // Three rows of positions² products of `depth` terms.
        let terms = (3 * shape.positions * shape.positions * shape.depth) as f64;
        agree!(&devices, fused, shape, (terms + 4.0) * EPS * terms);
    }
}
