//! Operations over a row map.

use crate::harness::*;
use pathkernel::compute::{Backend, Outer, OuterDiagonal, RowMap, Start};

/// A map of `outputs` outputs with 1, 2 or 3 rows each (every fifth has none), over `base` base rows.
fn ragged<B: Backend>(backend: &B, outputs: usize, base: usize) -> RowMap<B::Buffer, B::Index> {
    let mut offsets = vec![0u32];
    for output in 0..outputs {
        let rows = if output % 5 == 4 { 0 } else { output % 3 + 1 };
        offsets.push(offsets[output] + rows as u32);
    }
    let rows = offsets[outputs] as usize;
    let inputs: Vec<u32> = (0..rows).map(|row| (row * 3 % base) as u32).collect();
    RowMap::new(backend, &offsets, &inputs, &numbers(1, rows)).unwrap()
}

/// Outputs, base rows, positions, height, width, whether there is a bias, and what is added to.
type OuterShape = (usize, usize, usize, usize, usize, bool, Start);

const NEW: Start = Start::Value(0.25);
const PRECONDITIONED: [bool; 2] = [false, true];

fn materialised<B: Backend>(
    backend: &B,
    &((outputs, base, positions, height, width, bias, start), preconditioned): &(OuterShape, bool),
) -> Vec<f64> {
    let map = ragged(backend, outputs, base);
    let delta = Held::new(backend, &numbers(2, map.rows * positions * height));
    let input = Held::new(backend, &numbers(3, base * positions * width));
    let shape = Outer { height, width, positions, bias, start };
    let factors = Held::new(backend, &numbers(9, shape.row()));
    let mut out = Held::output(backend, outputs * shape.row());
    let factors = preconditioned.then(|| factors.get());
    backend.outer(&shape, &map, out.out(), delta.get(), input.get(), factors).unwrap();
    out.values(backend)
}

fn of_entries<B: Backend>(
    backend: &B,
    &((outputs, base, positions, width, start), preconditioned, shift): &(
        (usize, usize, usize, usize, Start),
        bool,
        bool,
    ),
) -> Vec<f64> {
    let map = ragged(backend, outputs, base);
    let delta = Held::new(backend, &numbers(4, map.rows * positions * width));
    let input = Held::new(backend, &numbers(5, base * positions * width));
    let shape = OuterDiagonal { width, positions, shift, start };
    let factors = Held::new(backend, &numbers(9, shape.row()));
    let mut out = Held::output(backend, outputs * shape.row());
    let factors = preconditioned.then(|| factors.get());
    backend.outer_diagonal(&shape, &map, out.out(), delta.get(), input.get(), factors).unwrap();
    out.values(backend)
}

fn averaged<B: Backend>(backend: &B, &(outputs, width, start): &(usize, usize, Start)) -> Vec<f64> {
    let map = ragged(backend, outputs, 1);
    let x = Held::new(backend, &numbers(4, map.rows * width));
    let mut out = Held::output(backend, outputs * width);
    backend.average(width, start, &map, out.out(), x.get()).unwrap();
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
fn gradients_materialised() {
    let devices = devices_of_every_tile();
    for shape in [
        (1, 1, 1, 1, 1, true, NEW),
        (7, 3, 2, 5, 3, false, Start::Output),
        (6, 4, 3, 63, 30, true, Start::Output),
        (3, 5, 1, 65, 29, true, NEW),
        (4, 5, 3, 28, 64, true, NEW),
        (3, 2, 7, 27, 65, false, NEW),
        (300, 40, 2, 7, 11, true, Start::Output),
    ] {
        for preconditioned in PRECONDITIONED {
            let terms = (3 * shape.2) as f64;
            agree!(&devices, materialised, (shape, preconditioned), (terms + 4.0) * EPS * (terms + 4.0));
        }
    }
    // One row of these is larger than a binding of the small device.
    let devices = whole_devices_of_every_tile();
    for shape in [(6, 4, 3, 63, 64, true, NEW), (3, 5, 2, 130, 65, true, Start::Output), (2, 3, 11, 31, 127, true, NEW)]
    {
        for preconditioned in PRECONDITIONED {
            let (terms, shape) = ((3 * shape.2) as f64, (shape, preconditioned));
            agree!(&devices, materialised, shape, (terms + 4.0) * EPS * (terms + 4.0));
            let values: Vec<Vec<f64>> = devices.iter().map(|device| materialised(device, &shape)).collect();
            assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "the size of tiles changes {shape:?}");
        }
    }
}

#[test]
fn gradients_of_scales_averaged_and_applied() {
    let devices = devices();
    for shape in [(1, 1, 1, 1, NEW), (9, 4, 5, 7, Start::Output), (400, 30, 3, 11, Start::Output)] {
        for preconditioned in PRECONDITIONED {
            let terms = (3 * shape.2) as f64;
            for shift in [false, true] {
                agree!(&devices, of_entries, (shape, preconditioned, shift), (terms + 4.0) * EPS * (terms + 4.0));
            }
        }
    }
    for shape in [(1, 1, NEW), (9, 7, Start::Output), (20, 257, NEW), (700, 31, Start::Output)] {
        agree!(&devices, averaged, shape, 6.0 * EPS * 7.0);
    }
    for shape in [(1, 1, 1), (9, 4, 255), (20, 6, 257), (700, 60, 31)] {
        let terms = (3 * shape.2) as f64;
        agree!(&devices, applied, shape, (terms + 4.0) * EPS * terms);
    }
}
