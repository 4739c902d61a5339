//! The matrix product that operations share, through the `gemm` crate.

use super::*;
use gemm::Parallelism;

/// A matrix to read: its elements and the steps between rows and between columns.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a, E> {
    pub values: &'a [E],
    pub row: usize,
    pub column: usize,
}

impl<E> Matrix<'_, E> {
    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || (rows - 1) * self.row + (columns - 1) * self.column < self.values.len()
    }
}

/// `out = start + a b`; `out` is dense `[rows, columns]`.
pub(super) fn product<E: Element>(
    (rows, columns, depth): (usize, usize, usize),
    out: &mut [E],
    start: Start,
    a: Matrix<'_, E>,
    b: Matrix<'_, E>,
    parallelism: Parallelism,
) -> Result<()> {
    if out.len() != rows * columns || !a.holds(rows, depth) || !b.holds(depth, columns) {
        return Err(BackendError::Invalid(format!("a product of {rows} x {columns} x {depth} leaves its arrays")));
    }
    if let Start::Value(value) = start
        && value != 0.0
    {
        out.fill(E::from_f64(value));
    }
    let keep = start != Start::Value(0.0);
    // SAFETY: `holds` and the length of `out` bound every element that the product reads or writes; `out` is borrowed
    // mutably, so nothing else touches it.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            out.as_mut_ptr(),
            1,
            columns as isize,
            keep,
            a.values.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.values.as_ptr(),
            b.column as isize,
            b.row as isize,
            E::ONE,
            E::ONE,
            false,
            false,
            false,
            parallelism,
        );
    }
    Ok(())
}
