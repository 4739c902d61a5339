//! Images unfolded into patches.

use super::window::patch;
use super::*;

pub(super) fn im2col<E: Element>(shape: &Window, rows: usize, out: &mut [E], x: &[E]) -> Result<()> {
    let (positions, width) = (shape.positions(), shape.patch());
    check("im2col", &[(out.len(), rows * positions * width), (x.len(), rows * shape.image())])?;
    out.par_chunks_mut(positions * width).zip(x.par_chunks(shape.image())).for_each(|(out, image)| {
        for (position, out) in out.chunks_mut(width).enumerate() {
            for (entry, pixel) in patch(shape, position) {
                out[entry] = pixel.map_or(E::ZERO, |pixel| image[pixel]);
            }
        }
    });
    Ok(())
}
