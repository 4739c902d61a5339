//! Packing: the lines of a matrix in panels, `[panel][k][line]`, as the kernel reads them. Lines beyond the last are zero. Deep
//! panels are cut, `[stretch][panel][k][line]`, so that a tile reads neighbours in memory, which processors fetch ahead.

use super::kernel::WIDEST;
use super::memory::{Buffer, Pool};
use super::*;
use std::sync::Arc;

/// The depth that is summed in registers before it goes to the tile's sums. A constant, so that an entry's bits depend on nothing
/// else.
pub(in crate::compute) const STRETCH: usize = 256;
/// How much of the depth is turned at a time: the lines of a panel stay in the first-level cache.
const TURNED: usize = 128;

/// Turns lines into a panel; the width is known, so that the compiler sees every step.
fn turn<E: Element, const WIDTH: usize>(lines: &[[E; TURNED]; WIDEST], out: &mut [E]) {
    for (k, out) in out.as_chunks_mut::<WIDTH>().0.iter_mut().take(TURNED).enumerate() {
        for (out, line) in out.iter_mut().zip(lines) {
            *out = line[k];
        }
    }
}

/// Copies a line of a panel: of the widest as one value, without a call.
#[inline(always)]
pub(in crate::compute) fn copy_line<E: Element>(out: &mut [E], line: &[E]) {
    match (<&mut [E; WIDEST]>::try_from(&mut *out), <&[E; WIDEST]>::try_from(line)) {
        (Ok(out), Ok(line)) => *out = *line,
        _ => out.copy_from_slice(line),
    }
}

/// The elements from k on of a line that `last` follows.
pub(in crate::compute) fn put_line<E: Element>(line: &[E], last: E, k: usize, out: &mut [E]) {
    let (own, rest) = out.split_at_mut(out.len().min(line.len() - k));
    own.copy_from_slice(&line[k..][..own.len()]);
    rest.fill(last);
}

/// Some panels, from some k on.
#[derive(Clone, Copy)]
pub(in crate::compute) struct Panels<'a, E> {
    pub values: &'a [E],
    /// Elements from one panel to the next.
    pub panel: usize,
}

/// Panels of lines.
pub(in crate::compute) struct Packed<E: Element> {
    values: Buffer<E>,
    /// Lines of a panel, and how many panels there are.
    width: usize,
    count: usize,
    depth: usize,
    /// The depth of a stretch; the last may have less.
    stretch: usize,
}

impl<E: Element> Packed<E> {
    /// Packs `lines` lines of `depth` elements. `fill(line, k, part)` gives a line's elements from k on.
    pub fn lines(
        pool: &Arc<Pool<E>>,
        width: usize,
        size: (usize, usize),
        fill: impl Fn(usize, usize, &mut [E]) + Sync,
    ) -> Result<Self> {
        Self::lines_in(pool, width, size, STRETCH, fill)
    }

    /// The same in stretches of another depth.
    pub fn lines_in(
        pool: &Arc<Pool<E>>,
        width: usize,
        (lines, depth): (usize, usize),
        stretch: usize,
        fill: impl Fn(usize, usize, &mut [E]) + Sync,
    ) -> Result<Self> {
        Self::stretches(pool, width, (lines, depth), stretch, |first, k, panel| {
            let count = width.min(lines - first);
            let mut turned = [[E::ZERO; TURNED]; WIDEST];
            for (part, out) in panel.chunks_mut(TURNED * width).enumerate() {
                let length = out.len() / width;
                for (line, turned) in turned[..count].iter_mut().enumerate() {
                    fill(first + line, k + part * TURNED, &mut turned[..length]);
                }
                match width {
                    6 => turn::<E, 6>(&turned, out),
                    8 => turn::<E, 8>(&turned, out),
                    16 => turn::<E, 16>(&turned, out),
                    32 => turn::<E, 32>(&turned, out),
                    _ => {
                        for (k, out) in out.chunks_exact_mut(width).enumerate() {
                            out.iter_mut().zip(&turned).for_each(|(out, line)| *out = line[k]);
                        }
                    }
                }
            }
        })
    }

    /// Packs a matrix that lies with its lines side by side: `row(k)` gives element k of every line.
    pub fn columns<'a>(
        pool: &Arc<Pool<E>>,
        width: usize,
        (lines, depth): (usize, usize),
        row: impl Fn(usize) -> &'a [E] + Sync,
    ) -> Result<Self> {
        Self::stretches(pool, width, (lines, depth), STRETCH, |first, from, panel| {
            let count = width.min(lines - first);
            for (k, out) in panel.chunks_exact_mut(width).enumerate() {
                let row = row(from + k);
                if let Some(row) = row.get(first..first + width) {
                    copy_line(out, row);
                } else {
                    out[..count].copy_from_slice(&row[first..][..count]);
                    out[count..].fill(E::ZERO);
                }
            }
        })
    }

    /// Packs by `write(first line, panel)`, which writes every element of a panel, all of its depth.
    pub fn panels(
        pool: &Arc<Pool<E>>,
        width: usize,
        size: (usize, usize),
        write: impl Fn(usize, &mut [E]) + Sync,
    ) -> Result<Self> {
        Self::stretches(pool, width, size, size.1, |first, _, panel| write(first, panel))
    }

    /// Packs by `write(first line, k, panel)`, which writes a panel's elements of a stretch that begins with k.
    fn stretches(
        pool: &Arc<Pool<E>>,
        width: usize,
        (lines, depth): (usize, usize),
        stretch: usize,
        write: impl Fn(usize, usize, &mut [E]) + Sync,
    ) -> Result<Self> {
        let (count, stretch) = (lines.div_ceil(width), stretch.clamp(1, depth.max(1)));
        let mut values = pool.take(count * depth * width)?;
        let (whole, rest) = values.split_at_mut(depth / stretch * stretch * count * width);
        // A thread is not worth waking for less.
        let least = CHUNK.div_ceil(stretch * width);
        let rest = rest.par_chunks_mut((depth % stretch * width).max(1));
        whole.par_chunks_mut(stretch * width).chain(rest).with_min_len(least).enumerate().for_each(
            |(number, panel)| {
                write(number % count * width, number / count * stretch, panel);
            },
        );
        Ok(Self { values, width, count, depth, stretch })
    }

    /// The panels from the one that begins with a line on, each from k to the end of its stretch.
    pub fn stretch(&self, line: usize, k: usize) -> Panels<'_, E> {
        let first = k / self.stretch * self.stretch;
        let panel = self.stretch.min(self.depth - first) * self.width;
        let from = first * self.count * self.width + line / self.width * panel + (k - first) * self.width;
        Panels { values: &self.values[from..], panel }
    }
}
