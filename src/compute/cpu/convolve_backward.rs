//! Gradients through a convolution of stride 1, without its patches.

use super::kernel::{Weighting, panels};
use super::memory::Pool;
use super::pack::{Packed, copy_line};
use super::tiles::{Shared, add, each_tile};
use super::*;
use std::sync::Arc;

/// The image's gradient is the correlation of δ with the turned weights. δ is laid out with a margin of zeros, so that
/// for every weight the pixels of all rows, margins included, are one run of neighbours: what the product's columns need.
pub(super) fn convolve_backward<E: Element>(
    pool: &Arc<Pool<E>>,
    shape: &Convolution,
    out: &mut [E],
    delta: &[E],
    weight: &[E],
) -> Result<()> {
    let Convolution { window, channels, rows } = shape;
    let (side, positions) = (window.kernel, window.positions());
    check(
        "convolve_backward",
        &[
            (out.len(), rows * window.image()),
            (delta.len(), rows * channels * positions),
            (weight.len(), channels * window.patch()),
            (window.stride, 1),
            (usize::from(window.padding >= side), 0),
        ],
    )?;
    let (tall, wide) = panels::<E>();
    let square = side * side;
    let depth = channels * square;
    let weights = Packed::lines(pool, tall, (window.channels, depth), |channel, k, part| {
        for (k, part) in (k..).zip(part) {
            *part = weight[k / square * window.patch() + channel * square + k % square];
        }
    })?;
    let grid = Grid::new(window);
    let columns = window.height * grid.width;
    // Where each weight meets the first pixel.
    let start = |k: usize| {
        let (row, column) = (k % square / side, k % side);
        k / square * grid.len + (side - 1 - row) * grid.width + side - 1 - column
    };
    let starts: Vec<usize> = (0..depth).map(start).collect();
    let each = out.par_chunks_mut(window.image()).zip(delta.par_chunks(channels * positions));
    each.try_for_each(|(image, delta)| {
        let spread = grid.spread(pool, delta, *channels)?;
        let pixels = Packed::panels(pool, wide, (columns, depth), |first, panel| {
            for (out, &start) in panel.chunks_exact_mut(wide).zip(&starts) {
                copy_line(out, &spread[first + start..][..wide]);
            }
        })?;
        let image = Shared::new(image);
        each_tile(pool, (window.channels, columns, depth), |tile, sums| {
            add(tile, (&weights, &pixels), depth, Weighting::One, sums);
            for (channel, sums) in tile.rows.clone().zip(sums.chunks(tile.width)) {
                let (mut column, end) = (tile.columns.start, tile.columns.end);
                while column < end {
                    let (y, x) = (column / grid.width, column % grid.width);
                    let next = (column - x + grid.width).min(end);
                    // What lies in the margin is not a pixel.
                    let len = (next - column).min(window.width.saturating_sub(x));
                    let from = (channel * window.height + y) * window.width + x.min(window.width);
                    // SAFETY: tiles do not overlap.
                    let pixels = unsafe { image.part(from..from + len) };
                    pixels.copy_from_slice(&sums[column - tile.columns.start..][..len]);
                    column = next;
                }
            }
        })
    })
}

/// One channel of δ with its margin.
struct Grid {
    /// Of the window's output.
    out: (usize, usize),
    margin: usize,
    width: usize,
    /// Elements of a channel, with what the last panel reads beyond its end.
    len: usize,
}

impl Grid {
    fn new(window: &Window) -> Self {
        let width = window.width + window.kernel - 1;
        let rows = window.height + window.kernel - 1;
        let margin = window.kernel - 1 - window.padding;
        Self {
            out: (window.out_height(), window.out_width()),
            margin,
            width,
            len: rows * width + window.kernel + kernel::WIDEST,
        }
    }

    fn spread<E: Element>(&self, pool: &Arc<Pool<E>>, delta: &[E], channels: usize) -> Result<Buffer<E>> {
        let mut spread = pool.take(channels * self.len)?;
        spread.fill(E::ZERO);
        let (height, width) = self.out;
        for (channel, delta) in spread.chunks_mut(self.len).zip(delta.chunks(height * width)) {
            for (row, delta) in delta.chunks(width).enumerate() {
                channel[(row + self.margin) * self.width + self.margin..][..width].copy_from_slice(delta);
            }
        }
        Ok(spread)
    }
}
