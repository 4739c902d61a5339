//! Factors in half the memory.

use super::*;

/// Elements that a workgroup of `largest.wgsl` looks at.
const LOOKED_AT: usize = 256 * 16;
impl GpuBackend {
    /// An array in pairs of 16-bit numbers, scaled by a power of two: half the memory to read in a product, at half the
    /// digits (11 bits).
    pub(super) fn packed(&self, array: Bound<'_>) -> Result<Buffer> {
        let largest = self.context.array(1, true)?;
        self.context.dispatch(&Dispatch {
            shader: Key::plain("largest"),
            arrays: &[Bound { written: true, ..Bound::whole(&largest) }, array],
            numbers: Length { len: array.len as u32 }.words(),
            groups: array.len.div_ceil(LOOKED_AT),
            work: array.len as f64,
        })?;
        let pairs = array.len.div_ceil(2);
        let packed = self.context.array(1 + pairs, false)?;
        self.context.dispatch(&Dispatch {
            shader: Key::plain("pack_f16"),
            arrays: &[Bound { written: true, ..Bound::whole(&packed) }, array, Bound::whole(&largest)],
            numbers: Length { len: array.len as u32 }.words(),
            groups: pairs.div_ceil(256),
            work: array.len as f64,
        })?;
        Ok(packed)
    }
}
