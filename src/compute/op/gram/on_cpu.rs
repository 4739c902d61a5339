//! The fused product of a contraction: a tile of the accumulator goes through all parts before it is written.

use super::applied::{Applied, half};
use super::left::Left;
use super::{Accumulator, Element, Entries, Gram, OuterRows, Part, Result, SliceMut, row_of, view};
use crate::compute::BackendError;
use crate::compute::cpu::kernel::{Weighting, panels};
use crate::compute::cpu::memory::Pool;
use crate::compute::cpu::pack::Packed;
use crate::compute::cpu::tiles::{Shared, Tile, add_panels, each_tile};
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
    output: usize,
    /// Queries and examples: rows and columns of one output.
    queries: usize,
    examples: usize,
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

/// A part, packed for a view.
enum Prepared<'a, E: Element> {
    /// Pairs of packed factors; with a Gram matrix, where each row's part of it begins, for each pair.
    Products { left: Vec<Left<E>>, right: Arc<Vec<Packed<E>>>, depth: usize, gram: Option<Products<'a, E>> },
    /// For each row's output, the column's entry.
    Output { picked: cpu::Buffer<E>, outputs: usize, inputs: &'a [E] },
    /// Rows of tables, δ, and where in a row each of an example's tokens begins.
    Picked { own: OuterRows, left: &'a [E], delta: &'a [E], places: Vec<usize> },
}

/// The Gram matrix of a part's inputs.
struct Products<'a, E> {
    values: &'a [E],
    /// Where the rows begin, for each of `left`.
    rows: Vec<Vec<usize>>,
    examples: usize,
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
    for view in views(shape) {
        let prepared = parts.iter().filter(|part| !matches!(part, Part::Half { .. }));
        let mut rights = Rights { pool, view: &view, packed: Vec::new() };
        let prepared: Vec<Prepared<'_, E>> =
            prepared.map(|part| prepare(pool, &view, shape, part, &mut rights)).collect::<Result<_>>()?;
        let call = Call { shape, columns, view: &view, outs: &outs };
        let depth: usize = prepared.iter().map(Prepared::depth).sum();
        if depth > 0 {
            each_tile(pool, (view.rows, view.columns, depth), |tile, sums| {
                if call.wanted(tile) {
                    prepared.iter().for_each(|part| part.add(&view, tile, sums));
                    call.write(tile, sums);
                }
            })?;
        }
        for part in parts {
            if let &Part::Half { shape: own, left, delta, input } = part {
                let part =
                    Applied { own, left: super::view(left)?, delta: super::view(delta)?, input: super::view(input)? };
                half(pool, &call, &part)?;
            }
        }
    }
    Ok(())
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

    /// Adds the sums of a tile to every accumulator.
    pub fn write(&self, tile: &Tile, sums: &[E]) {
        let view = self.view;
        for Out { out, scale, weights } in self.outs {
            for (row, sums) in tile.rows.clone().zip(sums.chunks(tile.width)) {
                for (run, first, columns) in view.runs(&tile.columns, self.columns, self.shape.stride) {
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

/// The examples' factors, packed once for all parts that share them: those of a layer at all nodes.
struct Rights<'v, 'a, E: Element> {
    pool: &'v Arc<Pool<E>>,
    view: &'v View,
    packed: Vec<(&'a [E], [usize; 2], Arc<Vec<Packed<E>>>)>,
}

impl<'a, E: Element> Rights<'_, 'a, E> {
    /// Rows of so many positions and so deep, by position.
    fn of(&mut self, right: &'a [E], positions: usize, depth: usize) -> Result<Arc<Vec<Packed<E>>>> {
        let same = |own: &[E], size: &[usize; 2]| std::ptr::eq(own, right) && *size == [positions, depth];
        if let Some((.., packed)) = self.packed.iter().find(|(own, size, _)| same(own, size)) {
            return Ok(Arc::clone(packed));
        }
        let (view, (_, wide)) = (self.view, panels::<E>());
        let position = |p: usize| {
            Packed::lines(self.pool, wide, (view.columns, view.terms * depth), |column, k, part| {
                each_term(k, depth, part, |term, k, part| {
                    let from = (view.right(column, term) * positions + p) * depth + k;
                    part.copy_from_slice(&right[from..][..part.len()]);
                });
            })
        };
        let packed = Arc::new((0..positions).map(position).collect::<Result<Vec<_>>>()?);
        self.packed.push((right, [positions, depth], Arc::clone(&packed)));
        Ok(packed)
    }
}

/// Packs a part's factors for a view.
fn prepare<'a, E: Element>(
    pool: &Arc<Pool<E>>,
    view: &View,
    shape: &Gram,
    part: &Part<'a, cpu::Buffer<E>, Vec<u32>>,
    rights: &mut Rights<'_, 'a, E>,
) -> Result<Prepared<'a, E>> {
    let (tall, _) = panels::<E>();
    match *part {
        Part::Factored { map, positions, depth, left, right, inputs } => {
            let (left, right, values) = (super::view(left)?, super::view(right)?, super::view(inputs)?);
            let total = view.terms * depth;
            let rows_of = |output: usize| map.offsets[output] as usize..map.offsets[output + 1] as usize;
            let mut packed = Vec::with_capacity(map.longest * positions);
            let mut starts = Vec::with_capacity(map.longest * positions);
            for round in 0..map.longest {
                for p in 0..positions {
                    let has_factors =
                        |row: usize| (0..view.terms).any(|term| rows_of(view.left(row, term)).len() > round);
                    packed.push(Left::new(pool, (view.rows, total), has_factors, |row, k, part| {
                        each_term(k, depth, part, |term, k, part| {
                            let found = rows_of(view.left(row, term)).nth(round);
                            let Some(found) = found else { return part.fill(E::ZERO) };
                            let values = &left[(found * positions + p) * depth + k..][..part.len()];
                            let omega = map.weights[found];
                            part.iter_mut().zip(values).for_each(|(part, &value)| *part = omega * value);
                        });
                    })?);
                    let start = |row: usize| {
                        let found = rows_of(view.left(row, 0)).nth(round);
                        let base = found.map_or(0, |found| map.inputs[found] as usize);
                        (base * positions + p) * positions * shape.examples
                    };
                    let mut rows: Vec<usize> = (0..view.rows).map(start).collect();
                    rows.resize(view.rows.next_multiple_of(tall), 0);
                    starts.push(rows);
                }
            }
            let gram = Some(Products { values, rows: starts, examples: shape.examples });
            let right = rights.of(right, positions, depth)?;
            Ok(Prepared::Products { left: packed, right, depth: total, gram })
        }
        Part::Rows { depth, left, right } => {
            let (left, right) = (super::view(left)?, super::view(right)?);
            let total = view.terms * depth;
            let left = Left::new(
                pool,
                (view.rows, total),
                |_| true,
                |row, k, part| {
                    each_term(k, depth, part, |term, k, part| {
                        part.copy_from_slice(&left[view.left(row, term) * depth + k..][..part.len()]);
                    });
                },
            )?;
            let right = rights.of(right, 1, depth)?;
            Ok(Prepared::Products { left: vec![left], right, depth: total, gram: None })
        }
        Part::Output { right, inputs } => {
            let (right, inputs) = (super::view(right)?, super::view(inputs)?);
            // Rows of one output, or of all; for each, the column's entry, summed over terms.
            let outputs = view.rows / view.queries;
            let mut picked = pool.take(outputs * view.columns)?;
            for (place, picked) in picked.iter_mut().enumerate() {
                let (output, column) = (place / view.columns, place % view.columns);
                let entry = |term: usize| right[view.right(column, term) * shape.outputs + view.output + output + term];
                *picked = (0..view.terms).map(entry).sum::<E>();
            }
            Ok(Prepared::Output { picked, outputs: view.queries, inputs })
        }
        Part::Picked { shape: own, left, delta, tokens } => {
            let places = super::view(tokens)?.iter().map(|&token| row_of(token, own.count) * own.width).collect();
            Ok(Prepared::Picked { own, left: super::view(left)?, delta: super::view(delta)?, places })
        }
        Part::Half { .. } => Err(BackendError::Invalid("gram: a half part is not packed".into())),
    }
}

/// Cuts `part`, the elements from k on of a row of terms one after another, at the terms' ends.
pub(super) fn each_term<E>(k: usize, depth: usize, mut part: &mut [E], mut fill: impl FnMut(usize, usize, &mut [E])) {
    let mut k = k;
    while !part.is_empty() {
        let (term, within) = (k / depth, k % depth);
        let (now, later) = part.split_at_mut(part.len().min(depth - within));
        k += now.len();
        fill(term, within, now);
        part = later;
    }
}

impl<E: Element> Prepared<'_, E> {
    /// Multiply-adds for each entry.
    fn depth(&self) -> usize {
        match self {
            Prepared::Products { left, right, depth, .. } => left.len() * right.len() * depth,
            Prepared::Output { .. } => 1,
            Prepared::Picked { own, .. } => own.positions * own.width,
        }
    }

    /// Adds a part to the sums of a tile.
    fn add(&self, view: &View, tile: &Tile, sums: &mut [E]) {
        match self {
            Prepared::Products { left, right, depth, gram } => {
                let (tall, _) = panels::<E>();
                for (number, left) in left.iter().enumerate() {
                    for (first, rows) in left.runs(tile) {
                        let sums = &mut sums[(rows.start - tile.rows.start) * tile.width..];
                        let part = Tile { rows, columns: tile.columns.clone(), width: tile.width };
                        for (p, right) in right.iter().enumerate() {
                            let weighting = match gram {
                                None => Weighting::One,
                                Some(gram) => Weighting::Gram {
                                    values: &gram.values[p * gram.examples..],
                                    rows: &gram.rows[number][part.rows.start..],
                                    first: tile.columns.start,
                                    columns: tile.columns.len(),
                                    examples: gram.examples,
                                },
                            };
                            let panels = (left.packed.stretch(first * tall, 0), right.stretch(tile.columns.start, 0));
                            add_panels(&part, panels, *depth, weighting, sums);
                        }
                    }
                }
            }
            Prepared::Output { picked, outputs: queries, inputs } => {
                let examples = view.examples;
                for (row, sums) in tile.rows.clone().zip(sums.chunks_mut(tile.width)) {
                    let picked = &picked[row / queries * view.columns..][tile.columns.clone()];
                    let inputs = &inputs[row % queries * examples..][..examples];
                    let mut column = tile.columns.start;
                    while column < tile.columns.end {
                        let end = (column / examples + 1).saturating_mul(examples).min(tile.columns.end);
                        let place = column - tile.columns.start;
                        let inputs = &inputs[column % examples..][..end - column];
                        let run = sums[place..].iter_mut().zip(&picked[place..]).zip(inputs);
                        run.for_each(|((sum, &picked), &input)| *sum += input * picked);
                        column = end;
                    }
                }
            }
            Prepared::Picked { own, left, delta, places } => {
                let &OuterRows { width, positions, .. } = own;
                for (row, sums) in tile.rows.clone().zip(sums.chunks_mut(tile.width)) {
                    for (column, sum) in tile.columns.clone().zip(sums) {
                        let places = &places[column % view.examples * positions..][..positions];
                        for term in 0..view.terms {
                            let left = &left[view.left(row, term) * own.row()..][..own.row()];
                            let delta = &delta[view.right(column, term) * positions * width..][..positions * width];
                            for (&place, delta) in places.iter().zip(delta.chunks(width)) {
                                *sum += left[place..].iter().zip(delta).map(|(&a, &b)| a * b).sum::<E>();
                            }
                        }
                    }
                }
            }
        }
    }
}
