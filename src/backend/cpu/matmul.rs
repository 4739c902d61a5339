//! Matrix products of whole arrays.

use super::product::{Matrix, product};
use super::*;
use gemm::Parallelism;

pub(super) fn matmul<E: Element>(
    shape: &MatMul,
    out: &mut [E],
    a: &[E],
    b: &[E],
    scale: Option<(&[E], usize)>,
) -> Result<()> {
    check(
        "matmul",
        &[
            (out.len(), shape.rows * shape.columns),
            (a.len(), shape.rows * shape.depth),
            (b.len(), shape.depth * shape.columns),
        ],
    )?;
    let scaled: Vec<E>;
    let a = match scale {
        None => a,
        Some((tau, positions)) => {
            scaled = a
                .chunks(shape.depth.max(1))
                .enumerate()
                .flat_map(|(row, a)| {
                    let tau = tau[(row / positions) % tau.len()];
                    a.iter().map(move |&a| tau * a)
                })
                .collect();
            &scaled
        }
    };
    let b = match shape.layout {
        Layout::Transposed => Matrix { values: b, row: 1, column: shape.depth },
        Layout::Plain => Matrix { values: b, row: shape.columns, column: 1 },
    };
    let a = Matrix { values: a, row: shape.depth, column: 1 };
    product((shape.rows, shape.columns, shape.depth), out, shape.start, a, b, Parallelism::Rayon(0))
}
