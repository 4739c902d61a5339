/*!
The operations, one file each: its numbers, its arrays, one check for every device, what the CPU does, what the GPU is
told, and a trial.

To add one: write its file and its shader, and put its name into [`for_each_operation`](crate::for_each_operation).
*/

mod adam;
mod average;
mod axpy;
mod bias;
mod col2im;
mod convolve_backward;
pub(super) mod copy;
pub(super) mod fill;
mod gather;
mod gram;
mod im2col;
mod layer_norm;
mod layer_norm_backward;
mod matmul;
mod multiply;
mod outer;
mod outer_diagonal;
mod pool;
mod pool_backward;
mod pool_directional;
mod row_dot;
mod scale;
mod scale_shift;
mod seed;
mod transpose;

pub use adam::{Adam, AdamOut};
pub use average::Average;
pub use axpy::Axpy;
pub use bias::Bias;
pub use col2im::Col2im;
pub use convolve_backward::{Convolution, ConvolveBackward};
pub use copy::Copy;
pub use fill::Fill;
pub use gather::Gather;
pub use gram::{Accumulator, Entries, Gram, GramArrays, Part};
pub use im2col::Im2col;
pub use layer_norm::LayerNorm;
pub use layer_norm_backward::{LayerNormBackward, LayerNormBackwardArrays};
pub use matmul::{Layout, MatMul, MatMulArrays};
pub use multiply::Multiply;
pub use outer::{Outer, OuterArrays};
pub use outer_diagonal::OuterDiagonal;
pub use pool::{Pool, Pooling};
pub use pool_backward::PoolBackward;
pub use pool_directional::PoolDirectional;
pub use row_dot::RowDot;
pub use scale::Scale;
pub use scale_shift::ScaleShift;
pub use seed::Seed;
pub use transpose::Transpose;

use super::cpu::{self, CHUNK, CpuBackend, Parameters, view, view_mut, weight};
#[cfg(feature = "gpu")]
use super::gpu::{
    self, Along, BlockArray, Bound, Dispatch, GpuBackend, INDEX, MapSizes, Mapped, Shader, Size, WindowNumbers, Words,
    numbers, read, start_numbers, write,
};
use super::operation::{Indices, Operation, fit, require};
use super::trial::{Trial, front, front_mut};
use super::{Backend, Element, Position, Result, RowMap, Slice, SliceMut, Start, Weights, Window};
use rayon::prelude::*;

/// Calls a macro with every operation, in the order of their names: what is done with all of them is done by this list.
#[macro_export]
macro_rules! for_each_operation {
    ($call:ident) => {
        $call! {
            Adam, Average, Axpy, Bias, Col2im, ConvolveBackward, Copy, Fill, Gather, Gram, Im2col, LayerNorm,
            LayerNormBackward, MatMul, Multiply, Outer, OuterDiagonal, Pool, PoolBackward, PoolDirectional, RowDot, Scale,
            ScaleShift, Seed, Transpose
        }
    };
}
