/*!
The operations, one file each: its numbers, its arrays, one check for every device, what the CPU does, what the GPU is
told, and a trial.

To add one: write its file and its shader, and put its name into [`for_each_operation`](crate::for_each_operation).
*/

mod accumulate;
mod activation;
mod adam;
mod adam_back;
mod average;
mod axpy;
mod batch_matmul;
mod bias;
mod center;
mod col2im;
mod convolve_backward;
mod convolve_backward_pooled;
pub(super) mod copy;
mod dropout;
pub(super) mod fill;
mod gather;
mod gram;
mod im2col;
mod lookup;
mod loss;
mod loss_curvature;
mod mask;
mod matches;
mod matmul;
mod maximum;
mod multiply;
mod normalize;
mod normalize_backward;
mod normalize_curvature;
mod outer;
mod outer_diagonal;
mod outer_pooled;
mod outer_rows;
mod pool;
mod pool_backward;
mod pool_directional;
mod preconditioned;
mod readout;
mod rearrange;
mod reciprocal;
mod row_dot;
mod scale;
mod scale_features;
mod seed;
mod softmax;
#[cfg(test)]
pub(super) mod testing;
mod transpose;

pub use accumulate::{Accumulate, AccumulateArrays};
pub use activation::Activate;
pub use adam::{Adam, AdamOut};
pub use adam_back::{AdamBack, AdamBackArrays};
pub use average::Average;
pub use axpy::Axpy;
pub use batch_matmul::{BatchMatMul, Strides};
pub use bias::Bias;
pub use center::{Center, CenterArrays};
pub use col2im::Col2im;
pub use convolve_backward::{Convolution, ConvolveBackward};
pub use convolve_backward_pooled::{ConvolveBackwardPooled, ConvolveBackwardPooledArrays};
pub use copy::Copy;
pub use dropout::Dropout;
pub use fill::Fill;
pub use gather::Gather;
pub use gram::{Accumulator, Entries, Gram, GramArrays, Part};
pub use im2col::Im2col;
pub use lookup::Lookup;
pub use loss::{BatchLoss, BatchLossArrays, LossBatch, Targets};
pub use loss_curvature::{LossCurvature, LossCurvatureArrays};
pub use mask::Mask;
pub use matches::Matches;
pub use matmul::{Layout, MatMul, MatMulArrays};
pub use maximum::Maximum;
pub use multiply::Multiply;
pub use normalize::Normalize;
pub use normalize_backward::NormalizeBackward;
pub use normalize_curvature::{NormalizeCurvature, NormalizeCurvatureArrays};
pub use outer::{Outer, OuterArrays};
pub use outer_diagonal::OuterDiagonal;
pub use outer_pooled::{OuterPooled, OuterPooledArrays};
pub use outer_rows::OuterRows;
pub use pool::{Pool, Pooling};
pub use pool_backward::PoolBackward;
pub use pool_directional::PoolDirectional;
pub use preconditioned::{Preconditioned, PreconditionedArrays};
pub use readout::{Read, ReadArrays};
pub use rearrange::Rearrange;
pub use reciprocal::{Reciprocal, SizeOf};
pub use row_dot::RowDot;
pub use scale::Scale;
pub use scale_features::ScaleFeatures;
pub use seed::Seed;
pub use softmax::{Softmax, Visible};
pub use transpose::Transpose;

use super::cpu::{self, CHUNK, CpuBackend, Parameters, view, view_mut, weight};
#[cfg(feature = "gpu")]
use super::gpu::{
    self, Along, BlockArray, Bound, Dispatch, GpuBackend, INDEX, Key, MapSizes, Mapped, Shader, Size, WindowNumbers,
    Words, numbers, read, start_numbers, write,
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
            Accumulate, Activate, Adam, AdamBack, Average, Axpy, BatchLoss, BatchMatMul, Bias, Center, Col2im, ConvolveBackward,
            ConvolveBackwardPooled, Copy, Dropout, Fill, Gather, Gram, Im2col, Lookup, LossCurvature, Mask, Matches, MatMul, Maximum,
            Multiply, Normalize, NormalizeBackward, NormalizeCurvature, Outer, OuterDiagonal, OuterPooled, OuterRows, Pool,
            PoolBackward, PoolDirectional, Preconditioned, Read, Rearrange, Reciprocal, RowDot, Scale, ScaleFeatures, Seed,
            Softmax, Transpose
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn listed() -> BTreeSet<&'static str> {
        macro_rules! names {
            ($($operation:ident),*) => { [$($operation::NAME),*].into() };
        }
        for_each_operation!(names)
    }

    /// A file that is not on the list would be neither compared nor timed.
    #[test]
    fn every_file_is_on_the_list() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/compute/op");
        let entries = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
        let names: BTreeSet<String> = entries.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
        let others = ["mod", "testing"].map(str::to_owned);
        assert_eq!(names, listed().into_iter().map(str::to_owned).chain(others).collect());
    }

    /// A trial writes something else than zeros, at every size.
    #[test]
    fn every_trial_runs() {
        macro_rules! run {
            ($($operation:ident),*) => {
                $(for size in [1, 30] {
                    let (cpu, mut calls) = (CpuBackend::<f64>::new(), 0);
                    let mut call = |run: &mut dyn FnMut() -> Result<()>| {
                        calls += 1;
                        run()
                    };
                    let mut trial = Trial::new(&cpu, size, &mut call);
                    $operation::trial(&mut trial).expect($operation::NAME);
                    let values = trial.into_values();
                    assert!(values.iter().any(|&value| value != 0.0), "{}", $operation::NAME);
                    assert!(calls > 0, "{}", $operation::NAME);
                })*
            };
        }
        for_each_operation!(run);
    }
}
