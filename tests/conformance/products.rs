//! Matrix products.

use crate::harness::*;
use pathkernel::backend::{Backend, Layout, MatMul, Position, Start};

/// Rows, columns, depth, and rows that share a factor (0: no factors).
type Shape = (usize, usize, usize, usize);

/// 1, primes, a tile and its neighbours, more than a binding of the small device on each side.
const SHAPES: [Shape; 12] = [
    (1, 1, 1, 0),
    (7, 13, 5, 0),
    (63, 65, 64, 3),
    (64, 64, 16, 1),
    (65, 63, 17, 5),
    (64, 64, 15, 0),
    (1, 2, 1437, 0),
    (130, 70, 33, 13),
    (300, 40, 50, 4),
    (2100, 3, 2, 7),
    (5, 1500, 3, 1),
    (40, 3, 700, 2),
];

fn product<B: Backend>(
    backend: &B,
    &((rows, columns, depth, share), layout, start): &(Shape, Layout, Start),
) -> Vec<f64> {
    let a = Held::new(backend, &numbers(1, rows * depth));
    let b = Held::new(backend, &numbers(2, depth * columns));
    let mut out = Held::new(backend, &numbers(3, rows * columns));
    // Factors begin anew after half the rows.
    let factors = rows.div_ceil(share.max(1)).div_ceil(2);
    let tau = Held::new(backend, &numbers(4, factors));
    let scale = (share > 0).then(|| Position { tau: tau.get(), positions: share });
    let shape = MatMul { rows, columns, depth, layout, start };
    backend.matmul(&shape, out.out(), a.get(), b.get(), scale).unwrap();
    out.values(backend)
}

#[test]
fn products_of_every_shape() {
    let devices = devices();
    for shape in SHAPES {
        for layout in [Layout::Plain, Layout::Transposed] {
            for start in [Start::Value(0.0), Start::Value(0.5), Start::Output] {
                // A sum of `depth` products in sequence, scaled and added.
                let depth = shape.2 as f64;
                agree!(&devices, product, (shape, layout, start), (depth + 3.0) * EPS * (depth + 1.0));
            }
        }
    }
}
