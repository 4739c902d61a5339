//! Patches summed back into images.

use super::window::{Run, runs};
use super::*;

pub(super) fn col2im<E: Element>(shape: &Window, rows: usize, out: &mut [E], patches: &[E]) -> Result<()> {
    let (positions, width) = (shape.positions(), shape.patch());
    check("col2im", &[(patches.len(), rows * positions * width), (out.len(), rows * shape.image())])?;
    out.par_chunks_mut(shape.image()).zip(patches.par_chunks(positions * width)).for_each(|(image, patches)| {
        image.fill(E::ZERO);
        for (position, values) in patches.chunks(width).enumerate() {
            for Run { entry, pixel, len } in runs(shape, position) {
                let pair = image[pixel..pixel + len].iter_mut().zip(&values[entry..entry + len]);
                pair.for_each(|(pixel, &value)| *pixel += value);
            }
        }
    });
    Ok(())
}
