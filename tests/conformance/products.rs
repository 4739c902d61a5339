//! Matrix products.

use crate::harness::*;
use pathkernel::compute::{Backend, Layout, MatMul, Position, Start};

/// Rows, columns, depth, and rows that share a factor (0: no factors).
type Shape = (usize, usize, usize, usize);

/// 1, primes, a tile and its neighbours, more than a binding of the small device on each side.
const SHAPES: [Shape; 16] = [
    (1, 1, 1, 0),
    (7, 13, 5, 0),
    (63, 65, 64, 3),
    (64, 64, 16, 1),
    (65, 63, 17, 5),
    (64, 64, 15, 0),
    (31, 33, 7, 2),
    (32, 32, 8, 0),
    (127, 129, 9, 11),
    (129, 128, 25, 0),
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
    let devices = devices_of_every_tile();
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

#[test]
fn the_size_of_tiles_changes_nothing() {
    let devices = whole_devices_of_every_tile();
    for shape in SHAPES {
        for layout in [Layout::Plain, Layout::Transposed] {
            let values: Vec<Vec<f64>> =
                devices.iter().map(|device| product(device, &(shape, layout, Start::Output))).collect();
            assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "{shape:?} {layout:?}");
        }
    }
}

/// What is measured leaves no trace in the result.
#[test]
fn measured_tiles_change_nothing() {
    let Some(measuring) = measuring_device() else { return };
    let fixed = whole_devices_of_every_tile();
    for shape in [(100, 70, 300, 0), (300, 40, 50, 4)] {
        let wanted = (shape, Layout::Transposed, Start::Output);
        let want = product(&fixed[0], &wanted);
        // The first may measure, the second knows.
        assert_eq!(product(&measuring, &wanted), want);
        assert_eq!(product(&measuring, &wanted), want);
    }
}
