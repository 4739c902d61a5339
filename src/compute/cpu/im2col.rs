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
                let (out, image) = (&mut out[entry..entry + len], &image[pixel..pixel + len]);
                // The usual widths as one value: a loop of three is all overhead.
                match len {
                    3 => copy::<E, 3>(out, image),
                    5 => copy::<E, 5>(out, image),
                    _ => out.copy_from_slice(image),
                }
            }
        }
    });
    Ok(())
}

#[inline(always)]
fn copy<E: Element, const LEN: usize>(out: &mut [E], image: &[E]) {
    if let (Some(out), Some(image)) = (out.first_chunk_mut::<LEN>(), image.first_chunk::<LEN>()) {
        *out = *image;
    }
}
