//! Matrix products of whole arrays.

use super::kernel::{Weighting, panels};
use super::memory::Pool;
use super::pack::Packed;
use super::tiles::{Shared, add, each_tile};
use super::*;
use std::sync::Arc;

pub(super) fn matmul<E: Element>(
    pool: &Arc<Pool<E>>,
    shape: &MatMul,
    out: &mut [E],
    a: &[E],
    b: &[E],
    scale: Option<(&[E], usize)>,
) -> Result<()> {
    let &MatMul { rows, columns, depth, .. } = shape;
    check("matmul", &[(out.len(), rows * columns), (a.len(), rows * depth), (b.len(), depth * columns)])?;
    let (tall, wide) = panels::<E>();
    let a = Packed::lines(pool, tall, (rows, depth), |row, k, part| {
        part.copy_from_slice(&a[row * depth + k..][..part.len()]);
        if let Some((tau, positions)) = scale {
            let tau = tau[(row / positions) % tau.len()];
            part.iter_mut().for_each(|a| *a = tau * *a);
        }
    })?;
    let b = match shape.layout {
        Layout::Transposed => Packed::lines(pool, wide, (columns, depth), |column, k, part| {
            part.copy_from_slice(&b[column * depth + k..][..part.len()]);
        }),
        Layout::Plain => Packed::columns(pool, wide, (columns, depth), |k| &b[k * columns..][..columns]),
    }?;
    let out = Shared::new(out);
    each_tile(pool, (rows, columns, depth), |tile, sums| {
        add(tile, (&a, &b), depth, Weighting::One, sums);
        for (row, sums) in tile.rows.clone().zip(sums.chunks(tile.width)) {
            let from = row * columns;
            // SAFETY: tiles do not overlap.
            let out = unsafe { out.part(from + tile.columns.start..from + tile.columns.end) };
            put(shape.start, out, sums);
        }
    })
}

/// `out = start + sums`.
pub(super) fn put<E: Element>(start: Start, out: &mut [E], sums: &[E]) {
    match start {
        Start::Value(value) => {
            let value = E::from_f64(value);
            out.iter_mut().zip(sums).for_each(|(out, &sum)| *out = value + sum);
        }
        Start::Output => out.iter_mut().zip(sums).for_each(|(out, &sum)| *out += sum),
    }
}
