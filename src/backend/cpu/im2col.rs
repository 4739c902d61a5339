//! Images unfolded into patches.

use super::window::{Run, runs};
use super::*;

pub(super) fn im2col<E: Element>(shape: &Window, rows: usize, out: &mut [E], x: &[E]) -> Result<()> {
    let (positions, width) = (shape.positions(), shape.patch());
    check("im2col", &[(out.len(), rows * positions * width), (x.len(), rows * shape.image())])?;
    out.par_chunks_mut(positions * width).zip(x.par_chunks(shape.image())).for_each(|(out, image)| {
        if shape.padding > 0 {
            out.fill(E::ZERO);
        }
        for (position, out) in out.chunks_mut(width).enumerate() {
            for Run { entry, pixel, len } in runs(shape, position) {
                let pair = out[entry..entry + len].iter_mut().zip(&image[pixel..pixel + len]);
                pair.for_each(|(out, &pixel)| *out = pixel);
            }
        }
    });
    Ok(())
}
