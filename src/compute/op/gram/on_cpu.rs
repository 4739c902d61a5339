//! The fused product of a contraction: a tile of the accumulator goes through all parts before it is written.

use super::applied::{Applied, half};
use super::exchanged::{add_exchanged, exchanges};
use super::prepared::{Prepared, Rights, prepare};
use super::{Accumulator, Element, Entries, Gram, Part, Result, SliceMut, view};
use crate::compute::Padding;
use crate::compute::cpu::kernel::panels;
use crate::compute::cpu::memory::Pool;
use crate::compute::cpu::tiles::{Shared, Tile, each_tile};
use crate::compute::cpu::{self, outside};
use std::ops::Range;
use std::sync::Arc;

/// Rows and columns that a product takes together: all of them, or those of one output. A row may have `terms` rows of
/// factors, one an output, whose products with the column's are summed.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub rows: usize,
    pub columns: usize,
    pub terms: usize,
    /// The output of the first row.
    pub output: usize,
    /// Queries and examples: rows and columns of one output.
    pub queries: usize,
    pub examples: usize,
    /// Where the rows begin in an accumulator, and elements from one to the next.
    start: usize,
    stride: usize,
}

/// The products that make up a call.
pub(super) fn views(shape: &Gram) -> Vec<View> {
    let &Gram { entries, outputs, copies, queries, examples, stride, .. } = shape;
    let whole = View {
        rows: outputs * queries,
        columns: shape.columns(),
        terms: 1,
        output: 0,
        queries,
        examples,
        start: 0,
        stride,
    };
    let one = View { rows: queries, columns: examples, ..whole };
    match entries {
        Entries::Loss => vec![whole],
        Entries::Full => vec![View { stride: copies * stride, ..whole }],
        Entries::Trace => vec![View { terms: outputs, ..one }],
        Entries::Diagonal => {
            (0..outputs).map(|output| View { output, start: output * queries * stride, ..one }).collect()
        }
    }
}

impl View {
    /// The rows and columns of one output.
    pub fn of_output(&self, output: usize) -> Self {
        Self { rows: self.queries, columns: self.examples, output, ..*self }
    }

    /// The row `(c, q)` of factors of a row's term.
    pub fn left(&self, row: usize, term: usize) -> usize {
        (self.output + term) * self.queries + row
    }

    /// The row `(d, i)` of factors of a column's term.
    pub fn right(&self, column: usize, term: usize) -> usize {
        (self.output + term) * self.examples + column
    }

    /// The columns of a tile, each run within one output: first column, and where it lies in an accumulator's row.
    fn runs<'a>(
        &'a self,
        tile: &'a Range<usize>,
        columns: &'a [u32],
        stride: usize,
    ) -> impl Iterator<Item = (Range<usize>, usize, &'a [u32])> {
        let copies = tile.start / self.examples..tile.end.div_ceil(self.examples);
        copies.map(move |copy| {
            let run = tile.start.max(copy * self.examples)..tile.end.min((copy + 1) * self.examples);
            let columns = &columns[run.start - copy * self.examples..run.end - copy * self.examples];
            (run, copy * stride, columns)
        })
    }
}

pub(super) fn gram<E: Element>(
    pool: &Arc<Pool<E>>,
    shape: &Gram,
    columns: &[u32],
    parts: &[Part<'_, cpu::Buffer<E>, Vec<u32>>],
    into: &mut [Accumulator<'_, cpu::Buffer<E>>],
) -> Result<()> {
    if shape.columns() == 0 || shape.queries == 0 {
        return Ok(());
    }
    let mut outs = Vec::with_capacity(into.len());
    for accumulator in into {
        let weights = accumulator.weights.map(view).transpose()?;
        let SliceMut { buffer, offset, len } = &mut accumulator.out;
        let out = buffer.get_mut(*offset..*offset + *len).ok_or_else(|| outside(*offset, *len))?;
        let scale = accumulator.scale / if shape.entries == Entries::Trace { shape.outputs as f64 } else { 1.0 };
        outs.push(Out { out: Shared::new(out), scale: E::from_f64(scale), weights });
    }
    let (exchanged, others): (Vec<_>, Vec<_>) = parts.iter().copied().partition(|part| exchanges(shape, part));
    let parts = others.as_slice();
    for view in views(shape) {
        let call = Call { shape, columns, view: &view, outs: &outs };
        if !exchanged.is_empty() {
            add_exchanged(pool, &call, &exchanged)?;
        }
        if is_small::<E>(&view) {
            one_by_one(pool, &call, parts)?;
            halves(pool, &call, parts)?;
            continue;
        }
        let prepared = parts.iter().filter(|part| !matches!(part, Part::Half { .. }));
        let mut rights = Rights::new(pool, &view);
        let prepared: Vec<Prepared<'_, E>> =
            prepared.map(|part| prepare(pool, &view, shape, part, &mut rights)).collect::<Result<_>>()?;
        let depth: usize = prepared.iter().map(Prepared::depth).sum();
        if depth > 0 {
            each_tile(pool, (view.rows, view.columns, depth), |tile, sums| {
                if call.wanted(tile) {
                    prepared.iter().for_each(|part| part.add(&view, tile, sums));
                    call.write(tile, sums);
                }
            })?;
        }
        halves(pool, &call, parts)?;
    }
    Ok(())
}

/// Whether a view has one panel of rows and one of columns, on the machines with the widest vectors.
fn is_small<E: Element>(view: &View) -> bool {
    let Padding { rows, columns, .. } = Padding::of_cpu(size_of::<E>());
    view.rows <= rows && view.columns <= columns
}

/// Goes through the parts one after another: of few rows, what each packs is mostly padding, and all of it together could be many
/// times what is multiplied.
fn one_by_one<E: Element>(
    pool: &Arc<Pool<E>>,
    call: &Call<'_, E>,
    parts: &[Part<'_, cpu::Buffer<E>, Vec<u32>>],
) -> Result<()> {
    let (view, (tall, wide)) = (call.view, panels::<E>());
    let width = view.columns.next_multiple_of(wide);
    let tile = Tile { rows: 0..view.rows, columns: 0..view.columns, width };
    if !call.wanted(&tile) || parts.iter().all(|part| matches!(part, Part::Half { .. })) {
        return Ok(());
    }
    let len = view.rows.next_multiple_of(tall) * width;
    let mut sums = pool.take(len)?;
    sums.fill(E::ZERO);
    let mut rights = Rights::new(pool, view);
    for part in parts.iter().filter(|part| !matches!(part, Part::Half { .. })) {
        prepare(pool, view, call.shape, part, &mut rights)?.add(view, &tile, &mut sums);
    }
    call.write(&tile, &sums);
    Ok(())
}

/// Adds the parts whose whole rows are applied to the examples' factors.
fn halves<E: Element>(
    pool: &Arc<Pool<E>>,
    call: &Call<'_, E>,
    parts: &[Part<'_, cpu::Buffer<E>, Vec<u32>>],
) -> Result<()> {
    parts.iter().try_for_each(|part| {
        let &Part::Half { shape: own, left, delta, input } = part else { return Ok(()) };
        half(pool, call, &Applied { own, left: view(left)?, delta: view(delta)?, input: view(input)? })
    })
}

/// An accumulator that tiles are added to.
pub(super) struct Out<'a, E> {
    out: Shared<'a, E>,
    scale: E,
    weights: Option<&'a [E]>,
}

/// What all tiles of a view share.
pub(super) struct Call<'a, E> {
    pub shape: &'a Gram,
    columns: &'a [u32],
    pub view: &'a View,
    outs: &'a [Out<'a, E>],
}

impl<E: Element> Call<'_, E> {
    /// Whether any entry of a tile is wanted.
    pub fn wanted(&self, tile: &Tile) -> bool {
        let (rows, columns) = (&tile.rows, &tile.columns);
        let (queries, examples) = (self.view.queries, self.view.examples);
        let one_output = rows.start / queries == (rows.end - 1) / queries
            && columns.start / examples == (columns.end - 1) / examples;
        let last = self.columns[(columns.end - 1) % examples] as usize;
        !self.shape.triangle.is_some_and(|first| one_output && last < first + rows.start % queries)
    }

    /// Of columns, which ascend, those that the triangle leaves out for a row.
    fn left_out(&self, row: usize, columns: &[u32]) -> usize {
        let Some(first) = self.shape.triangle else { return 0 };
        columns.partition_point(|&column| (column as usize) < first + row % self.view.queries)
    }

    /// Adds the sums of a tile to every accumulator. What the triangle leaves out is left as it is, whatever the tiles of a part:
    /// others may have others.
    pub fn write(&self, tile: &Tile, sums: &[E]) {
        let view = self.view;
        for Out { out, scale, weights } in self.outs {
            for (row, sums) in tile.rows.clone().zip(sums.chunks(tile.width)) {
                for (run, first, columns) in view.runs(&tile.columns, self.columns, self.shape.stride) {
                    let left_out = self.left_out(row, columns);
                    let (run, columns) = (run.start + left_out..run.end, &columns[left_out..]);
                    let sums = &sums[run.start - tile.columns.start..][..run.len()];
                    let (Some(&low), Some(&high)) = (columns.first(), columns.last()) else { continue };
                    let start = view.start + row * view.stride + first;
                    // SAFETY: tiles do not overlap, and columns ascend: runs of different tiles are apart.
                    let out = unsafe { out.part(start + low as usize..start + high as usize + 1) };
                    let weights = weights.map(|weights| &weights[view.right(run.start, 0)..][..run.len()]);
                    match weights {
                        None if out.len() == sums.len() => {
                            out.iter_mut().zip(sums).for_each(|(out, &sum)| *out += *scale * sum);
                        }
                        _ => {
                            for (place, (&sum, &column)) in sums.iter().zip(columns).enumerate() {
                                let weight = weights.map_or(E::ONE, |weights| weights[place]);
                                out[(column - low) as usize] += *scale * weight * sum;
                            }
                        }
                    }
                }
            }
        }
    }
}
