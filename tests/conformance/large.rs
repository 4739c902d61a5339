//! More workgroups than one dimension of a dispatch holds, and shapes that do not fit together.

use crate::harness::*;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Accumulator, Backend, BackendError, Entries, Gram, Layout, MatMul, Part, RowMap, Start};

/// Just above 65,535 workgroups of 256.
const ELEMENTS: usize = 65_536 * 256 + 77;

fn filled<B: Backend>(backend: &B, &len: &usize) -> Vec<f64> {
    let mut out = Held::output(backend, len);
    backend.fill(out.out(), 0.375).unwrap();
    let values = out.values(backend);
    // The whole would take long to compare: its sum, and its ends.
    vec![values.iter().sum(), values[0], values[len - 1]]
}

fn product<B: Backend>(backend: &B, &rows: &usize) -> Vec<f64> {
    let a = Held::new(backend, &numbers(1, rows));
    let b = Held::new(backend, &numbers(2, 1));
    let mut out = Held::output(backend, rows);
    let shape = MatMul { rows, columns: 1, depth: 1, layout: Layout::Plain, start: Start::Value(0.0) };
    backend.matmul(&shape, out.out(), a.get(), b.get(), None).unwrap();
    out.values(backend)
}

/// A fused product of one column.
fn fused<B: Backend>(backend: &B, &queries: &usize) -> Vec<f64> {
    let gram = Gram { entries: Entries::Loss, outputs: 1, copies: 1, queries, examples: 1, stride: 1, triangle: None };
    let (left, right) = (Held::new(backend, &numbers(6, queries)), Held::new(backend, &numbers(7, 1)));
    let part = Part::Rows { depth: 1, left: left.get(), right: right.get() };
    let mut out = Held::output(backend, queries);
    let columns = backend.index(&[0]).unwrap();
    backend.gram(&gram, &columns, &[part], &mut [Accumulator { out: out.out(), scale: 1.0, weights: None }]).unwrap();
    out.values(backend)
}

/// A dot product for each of `outputs` outputs: one workgroup each.
fn applied<B: Backend>(backend: &B, &outputs: &usize) -> Vec<f64> {
    let offsets: Vec<u32> = (0..=outputs as u32).collect();
    let inputs: Vec<u32> = (0..outputs as u32).map(|row| row % 7).collect();
    let map = RowMap::new(backend, &offsets, &inputs, &numbers(3, outputs)).unwrap();
    let (delta, values) = (Held::new(backend, &numbers(4, outputs)), Held::new(backend, &numbers(5, 7)));
    let mut out = Held::output(backend, outputs);
    backend.row_dot(1, 1.0, &map, out.out(), delta.get(), values.get()).unwrap();
    out.values(backend)
}

#[test]
fn more_workgroups_than_a_dimension_holds() {
    let devices: Vec<_> = devices().into_iter().take(1).collect();
    agree!(&devices, filled, ELEMENTS, 0.0);
    // Of the smallest tiles, which one column has.
    agree!(&devices, product, 32 * 65_536 + 1, 2.0 * EPS);
    agree!(&devices, fused, 32 * 65_536 + 1, 6.0 * EPS);
    agree!(&devices, applied, 65_537, 6.0 * EPS);
}

/// What every backend says of arrays that do not fit together.
fn misfits<B: Backend>(backend: &B) -> Vec<Result<(), BackendError>> {
    let three = Held::new(backend, &[1.0, 2.0, 3.0]);
    let mut two = Held::output(backend, 2);
    let square = MatMul { rows: 2, columns: 1, depth: 2, layout: Layout::Plain, start: Start::Value(0.0) };
    let map = RowMap::new(backend, &[0, 1], &[0], &[1.0]).unwrap();
    let gram =
        Gram { entries: Entries::Loss, outputs: 1, copies: 1, queries: 1, examples: 2, stride: 2, triangle: None };
    let columns = backend.index(&[0]).unwrap();
    let part = Part::Rows { depth: 1, left: three.get(), right: three.get() };
    let mut wrong = Held::output(backend, 2);
    vec![
        backend.copy(two.out(), three.get()),
        backend.matmul(&square, two.out(), three.get(), three.get(), None),
        backend.row_dot(2, 1.0, &map, two.out(), three.get(), three.get()),
        backend.gram(&gram, &columns, &[part], &mut [Accumulator { out: wrong.out(), scale: 1.0, weights: None }]),
        RowMap::new(backend, &[0, 2], &[0], &[1.0]).map(drop),
    ]
}

#[test]
fn arrays_that_do_not_fit_together_are_refused() {
    let refused = |results: Vec<Result<(), BackendError>>| {
        for (number, result) in results.into_iter().enumerate() {
            assert!(matches!(result, Err(BackendError::Invalid(_))), "misfit {number}: {result:?}");
        }
    };
    refused(misfits(&CpuBackend::<f64>::new()));
    for device in &devices() {
        refused(misfits(device));
    }
}
