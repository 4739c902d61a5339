//! Packing: the lines of a matrix in panels, `[panel][k][line]`, as the kernel reads them. Lines beyond the last are zero.

use super::kernel::WIDEST;
use super::memory::{Buffer, Pool};
use super::*;
use std::sync::Arc;

/// How much of the depth is packed at a time: the lines of a panel stay in the first-level cache.
const STRETCH: usize = 128;

/// Turns lines into a panel; the width is known, so that the compiler sees every step.
fn turn<E: Element, const WIDTH: usize>(lines: &[[E; STRETCH]; WIDEST], out: &mut [E]) {
    for (k, out) in out.as_chunks_mut::<WIDTH>().0.iter_mut().take(STRETCH).enumerate() {
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
    /// Lines of a panel.
    width: usize,
    /// Elements of a panel.
    panel: usize,
}

impl<E: Element> Packed<E> {
    /// Packs `lines` lines of `depth` elements. `fill(line, k, part)` gives a line's elements from k on.
    pub fn lines(
        pool: &Arc<Pool<E>>,
        width: usize,
        (lines, depth): (usize, usize),
        fill: impl Fn(usize, usize, &mut [E]) + Sync,
    ) -> Result<Self> {
        Self::panels(pool, width, (lines, depth), |first, panel| {
            let count = width.min(lines - first);
            let mut stretch = [[E::ZERO; STRETCH]; WIDEST];
            for (part, out) in panel.chunks_mut(STRETCH * width).enumerate() {
                let length = out.len() / width;
                for (line, stretch) in stretch[..count].iter_mut().enumerate() {
                    fill(first + line, part * STRETCH, &mut stretch[..length]);
                }
                match width {
                    8 => turn::<E, 8>(&stretch, out),
                    16 => turn::<E, 16>(&stretch, out),
                    32 => turn::<E, 32>(&stretch, out),
                    _ => {
                        for (k, out) in out.chunks_exact_mut(width).enumerate() {
                            out.iter_mut().zip(&stretch).for_each(|(out, line)| *out = line[k]);
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
        Self::panels(pool, width, (lines, depth), |first, panel| {
            let count = width.min(lines - first);
            for (k, out) in panel.chunks_exact_mut(width).enumerate() {
                let row = row(k);
                if let Some(row) = row.get(first..first + width) {
                    copy_line(out, row);
                } else {
                    out[..count].copy_from_slice(&row[first..][..count]);
                    out[count..].fill(E::ZERO);
                }
            }
        })
    }

    /// Packs by `write(first line, panel)`, which writes every element of a panel.
    pub fn panels(
        pool: &Arc<Pool<E>>,
        width: usize,
        (lines, depth): (usize, usize),
        write: impl Fn(usize, &mut [E]) + Sync,
    ) -> Result<Self> {
        let panel = depth * width;
        let count = lines.div_ceil(width);
        let mut values = pool.take(count * panel)?;
        if panel > 0 {
            // A thread is not worth waking for less.
            let least = CHUNK.div_ceil(panel);
            values
                .par_chunks_mut(panel)
                .with_min_len(least)
                .enumerate()
                .for_each(|(number, panel)| write(number * width, panel));
        }
        Ok(Self { values, width, panel })
    }

    /// The panels from the one that begins with a line on, each from k on.
    pub fn stretch(&self, line: usize, k: usize) -> Panels<'_, E> {
        Panels { values: &self.values[line / self.width * self.panel + k * self.width..], panel: self.panel }
    }
}
