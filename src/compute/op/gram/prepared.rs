//! The parts of a fused product, packed for the CPU's panels.

use super::left::Left;
use super::on_cpu::View;
use super::{Element, Gram, OuterRows, Part, Result, row_of};
use crate::compute::BackendError;
use crate::compute::cpu;
use crate::compute::cpu::kernel::{Weighting, panels};
use crate::compute::cpu::memory::Pool;
use crate::compute::cpu::pack::Packed;
use crate::compute::cpu::tiles::{Tile, add_lines};
use std::sync::Arc;

/// A part, packed for a view.
pub(super) enum Prepared<'a, E: Element> {
    /// Pairs of packed factors; with a Gram matrix, where each row's part of it begins, for each pair.
    Products { left: Vec<Left<E>>, right: Arc<Vec<Packed<E>>>, depth: usize, gram: Option<Products<'a, E>> },
    /// For each row's output, the column's entry; of the inputs' rows each has its own, or those of a query share one.
    Output { picked: cpu::Buffer<E>, inputs: &'a [E] },
    /// Rows of tables, δ, and where in a row each of an example's tokens begins.
    Picked { own: OuterRows, left: &'a [E], delta: &'a [E], places: Vec<usize> },
}

/// The Gram matrix of a part's inputs.
pub(super) struct Products<'a, E> {
    values: &'a [E],
    /// Where the rows begin, for each of `left`.
    rows: Vec<Vec<usize>>,
    examples: usize,
}

/// The examples' factors, packed once for parts that follow one another and share them: those of a layer at all nodes.
pub(super) struct Rights<'v, 'a, E: Element> {
    pool: &'v Arc<Pool<E>>,
    view: &'v View,
    last: Option<Right<'a, E>>,
}

/// Factors of examples, by position.
struct Right<'a, E: Element> {
    of: &'a [E],
    /// Positions and depth.
    size: [usize; 2],
    packed: Arc<Vec<Packed<E>>>,
}

impl<'v, 'a, E: Element> Rights<'v, 'a, E> {
    /// None yet, of a view.
    pub fn new(pool: &'v Arc<Pool<E>>, view: &'v View) -> Self {
        Self { pool, view, last: None }
    }

    /// Rows of so many positions and so deep, by position.
    fn of(&mut self, right: &'a [E], positions: usize, depth: usize) -> Result<Arc<Vec<Packed<E>>>> {
        match &self.last {
            Some(Right { of, size, packed }) if std::ptr::eq(*of, right) && *size == [positions, depth] => {
                return Ok(Arc::clone(packed));
            }
            _ => self.last = None,
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
        self.last = Some(Right { of: right, size: [positions, depth], packed: Arc::clone(&packed) });
        Ok(packed)
    }
}

/// Packs a part's factors for a view.
pub(super) fn prepare<'a, E: Element>(
    pool: &Arc<Pool<E>>,
    view: &View,
    shape: &Gram,
    part: &Part<'a, cpu::Buffer<E>, Vec<u32>>,
    rights: &mut Rights<'_, 'a, E>,
) -> Result<Prepared<'a, E>> {
    let (tall, _) = panels::<E>();
    match *part {
        Part::Factored { map, positions, depth, left, right, inputs, exchanges: _ } => {
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
            Ok(Prepared::Output { picked, inputs })
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

/// Adds the products of packed factors, each pair weighted by its part of a Gram matrix, to the sums of a tile.
pub(super) fn add_products<E: Element>(
    (left, right): (&[Left<E>], &[Packed<E>]),
    depth: usize,
    gram: Option<&Products<'_, E>>,
    tile: &Tile,
    sums: &mut [E],
) {
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
                let (rows, columns) = ((&left.packed, first * tall), (right, tile.columns.start));
                add_lines(&part, rows, columns, depth, weighting, sums);
            }
        }
    }
}

impl<E: Element> Prepared<'_, E> {
    /// Multiply-adds for each entry.
    pub fn depth(&self) -> usize {
        match self {
            Prepared::Products { left, right, depth, .. } => left.len() * right.len() * depth,
            Prepared::Output { .. } => 1,
            Prepared::Picked { own, .. } => own.positions * own.width,
        }
    }

    /// Adds a part to the sums of a tile.
    pub fn add(&self, view: &View, tile: &Tile, sums: &mut [E]) {
        match self {
            Prepared::Products { left, right, depth, gram } => {
                add_products((left, right), *depth, gram.as_ref(), tile, sums);
            }
            Prepared::Output { picked, inputs } => {
                let (queries, examples) = (view.queries, view.examples);
                let lines = inputs.len() / examples;
                for (row, sums) in tile.rows.clone().zip(sums.chunks_mut(tile.width)) {
                    let picked = &picked[row / queries * view.columns..][tile.columns.clone()];
                    let inputs = &inputs[view.left(row, 0) % lines * examples..][..examples];
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
