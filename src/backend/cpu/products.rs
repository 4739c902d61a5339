//! Matrix products, through the `gemm` crate.

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

/// `out = a b`, or `out += a b` with `keep`-style starts; `out` is dense `[rows, columns]`.
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

pub(super) fn outer<E: Element>(
    shape: &Outer,
    map: &RowMap<CpuBackend<E>>,
    out: &mut [E],
    delta: &[E],
    input: &[E],
) -> Result<()> {
    let (height, width, positions) = (shape.height, shape.width, shape.positions);
    check("outer", &[(out.len(), map.outputs * shape.row()), (delta.len(), map.rows * positions * height)])?;
    let parallelism = if map.outputs > 1 { Parallelism::None } else { Parallelism::Rayon(0) };
    out.par_chunks_mut(shape.row().max(1)).enumerate().try_for_each(|(output, out)| {
        let rows = map.offsets[output] as usize..map.offsets[output + 1] as usize;
        let count = rows.len() * positions;
        let (weights, biases) = out.split_at_mut(height * width);
        biases.fill(E::ZERO);
        // The weights are folded into delta, and the inputs that the rows name are brought together.
        let mut weighted = Vec::with_capacity(count * height);
        let mut inputs = Vec::with_capacity(count * width);
        for row in rows {
            let part = &delta[row * positions * height..][..positions * height];
            weighted.extend(part.iter().map(|&delta| map.weights[row] * delta));
            inputs.extend_from_slice(&input[map.inputs[row] as usize * positions * width..][..positions * width]);
        }
        if shape.bias {
            for delta in weighted.chunks(height) {
                for (bias, &delta) in biases.iter_mut().zip(delta) {
                    *bias += delta;
                }
            }
        }
        let left = Matrix { values: &weighted, row: 1, column: height };
        let right = Matrix { values: &inputs, row: width, column: 1 };
        product((height, width, count), weights, Start::Value(0.0), left, right, parallelism)
    })
}
