//! Gradients through a convolution, some images at a time: their patches, folded.

use super::GpuBackend;
use crate::compute::{Backend, BackendError, Convolution, Layout, MatMul, Result, Slice, SliceMut, Start, Transpose};

impl GpuBackend {
    /// See [`Backend::convolve_backward`]: a transpose, a product and `col2im`, in blocks that bound the patches.
    pub(super) fn convolution_back(
        &self,
        shape: &Convolution,
        out: SliceMut<'_, <Self as Backend>::Buffer>,
        delta: Slice<'_, <Self as Backend>::Buffer>,
        weight: Slice<'_, <Self as Backend>::Buffer>,
    ) -> Result<()> {
        let Convolution { window, channels, rows } = *shape;
        let (positions, patch, image) = (window.positions(), window.patch(), window.image());
        let fits = out.len == rows * image
            && delta.len == rows * channels * positions
            && weight.len == channels * patch
            && window.stride == 1
            && window.padding < window.kernel;
        if !fits {
            return Err(BackendError::Invalid(format!("convolve_backward: arrays that do not fit {shape:?}")));
        }
        let at_once = (self.stretch() / (positions * patch).max(1)).clamp(1, rows.max(1));
        let mut turned = self.scratch(at_once * positions * channels)?;
        let mut patches = self.scratch(at_once * positions * patch)?;
        let SliceMut { buffer, offset, .. } = out;
        for first in (0..rows).step_by(at_once) {
            let count = at_once.min(rows - first);
            let (deltas, unfolded) = (count * positions * channels, count * positions * patch);
            let part = delta.part(first * channels * positions, deltas);
            let order = Transpose { batches: count, rows: channels, columns: positions };
            self.transpose(&order, SliceMut::new(&mut turned, 0, deltas), part)?;
            let product = MatMul {
                rows: count * positions,
                columns: patch,
                depth: channels,
                layout: Layout::Plain,
                start: Start::Value(0.0),
            };
            let left = Slice::new(&turned, 0, deltas);
            self.matmul(&product, SliceMut::new(&mut patches, 0, unfolded), left, weight, None)?;
            let image = SliceMut::new(&mut *buffer, offset + first * image, count * image);
            self.col2im(&window, count, image, Slice::new(&patches, 0, unfolded))?;
        }
        Ok(())
    }
}
