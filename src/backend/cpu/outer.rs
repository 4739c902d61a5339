//! Gradients of a weight matrix, materialised.

use super::product::{Matrix, product};
use super::*;
use gemm::Parallelism;

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
