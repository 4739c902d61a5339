//! The pieces of each query's segment: evaluated at the nodes of a rule, and cut where units flip.

use super::kinks::{Kink, Seen, View, flips};
use super::polynomial::{Section, sections};
use super::{Adaptive, Step, largest};
use crate::compute::{Backend, Element, Result, Slice, SliceMut, convert, widen};
use crate::graph::{Directional, Forward, Graph, Segment};
use crate::path::{Quadrature, gauss, larger};
use rayon::prelude::*;
use std::ops::Range;

/// Pieces of a query and step at the most, where each is exact: every flip is worth one.
const MOST_PIECES: usize = 1 << 16;
/// The same where more nodes may serve as well.
const MOST_INEXACT_PIECES: usize = 4096;
/// Rounding units of τ that are no piece of their own.
const SHORTEST: f64 = 64.0;
/// How often a piece is cut beyond what the network's layers ask for, where every flip that is found is one: for what roundings
/// make of flips that were cut at already.
const MORE_CUTS: usize = 4;
/// The same where polynomials are not exact, and show flips a little off.
const MORE_INEXACT_CUTS: usize = 24;
/// Rows of one pass: as many as there are queries, or where they are few so many for each of them, up to so many.
const ROWS_OF_A_QUERY: usize = 16;
const ROWS_AT_ONCE: usize = 256;
/// Elements that the values and derivatives of a pass's rows may have.
const ELEMENTS_AT_ONCE: usize = 1 << 25;

/// Directions along which values are derived: the step's, and one that tells flips.
const DIRECTIONS: usize = 2;

/// Elements of a row: its values, and their derivatives along so many directions.
fn of_row(network: &Graph, directions: usize) -> usize {
    (1 + directions) * network.forward_len()
}

/// Rows of one pass for so many queries, each of so many elements.
fn rows_at_once(queries: usize, each: usize) -> usize {
    let rows = queries.saturating_mul(ROWS_OF_A_QUERY).min(ROWS_AT_ONCE).max(queries);
    rows.min(ELEMENTS_AT_ONCE / each.max(1))
}

/// Elements that the search of so many queries' nodes holds at the most.
pub(crate) fn searched_at_once(network: &Graph, queries: usize) -> usize {
    let each = of_row(network, DIRECTIONS);
    rows_at_once(queries, each).max(1) * each
}

/// A Gauss rule for pieces, and how it sees flips.
#[derive(Debug)]
pub(super) struct Rule {
    quadrature: Quadrature,
    sections: Vec<Section>,
    /// Equal parts of the segment that are pieces before any flip.
    parts: usize,
}

/// What all pieces of a step share.
pub(super) struct Search<'a, B: Backend> {
    pub step: &'a Step<'a, B>,
    /// By layer with kinks; see [`Kink::sizes`].
    pub sizes: Vec<Vec<f64>>,
}

/// A part of a query's segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    /// Which of the active queries.
    place: usize,
    from: f64,
    to: f64,
    /// How often it was cut.
    cuts: usize,
}

/// What a query's pieces add up to.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Nodes and their weights.
    pub rows: Vec<(f64, f64)>,
    /// The integral of the readout's derivative, `[directions, R]`.
    pub integrals: Vec<f64>,
    /// The largest output and value of the readout at the nodes.
    pub largest: f64,
    /// The integral of the readout's largest derivative along the step: how far it goes, there and back.
    pub travelled: f64,
    /// How many, those that are still to be looked at among them.
    pieces: usize,
    /// Whether there would be more pieces than there may be.
    pub full: bool,
    /// Rows that were passed through the network for it.
    pub passed: usize,
}

/// What the nodes say of a piece.
struct Evaluated {
    /// Their τ, in order.
    flips: Vec<f64>,
    /// `[directions, R]`.
    integrals: Vec<f64>,
    largest: f64,
    travelled: f64,
}

/// A readout of the rows of a pass, on the host.
struct ReadRows {
    /// `[rows, R]`.
    values: Vec<f64>,
    /// Gradients, `[R, rows, C]`.
    seeds: Vec<f64>,
}

impl Rule {
    /// With polynomials through `together` nodes at the most.
    pub fn new(nodes: usize, parts: usize, together: usize) -> Self {
        let quadrature = gauss(nodes);
        let sections = sections(&quadrature.nodes, together);
        Self { quadrature, sections, parts }
    }

    fn count(&self) -> usize {
        self.quadrature.nodes.len()
    }
}

impl Piece {
    pub fn length(&self) -> f64 {
        self.to - self.from
    }

    /// τ at a place in the piece, from 0 to 1.
    pub fn at(&self, place: f64) -> f64 {
        self.from + place * self.length()
    }

    /// Whether both parts before and after τ are longer than the roundings of τ.
    pub fn can_be_cut(&self, tau: f64, rounding: f64) -> bool {
        let shortest = SHORTEST * rounding;
        tau - self.from > shortest && self.to - tau > shortest
    }

    fn nodes<'r>(&self, rule: &'r Rule) -> impl Iterator<Item = (f64, f64)> + 'r {
        let (from, length) = (self.from, self.length());
        let pairs = rule.quadrature.nodes.iter().zip(&rule.quadrature.weights);
        pairs.map(move |(node, weight)| (from + length * node, length * weight))
    }

    /// The parts between flips. Of flips nearer to each other than the roundings of τ, the first counts for all.
    fn cut(&self, flips: &[f64], rounding: f64) -> Vec<Piece> {
        let mut parts = Vec::new();
        let mut rest = Piece { cuts: self.cuts + 1, ..*self };
        for &tau in flips {
            if rest.can_be_cut(tau, rounding) {
                parts.push(Piece { to: tau, ..rest });
                rest = Piece { from: tau, ..rest };
            }
        }
        parts.push(rest);
        parts
    }
}

impl<B: Backend> Adaptive<'_, B> {
    /// One attempt for each of some queries: pieces between flips, as the rule sees them.
    pub(super) fn attempt(&self, search: &Search<'_, B>, rule: &Rule, queries: &[u32]) -> Result<Vec<Attempt>> {
        let parts = rule.parts as f64;
        let whole = |place: usize| {
            let part = move |part: usize| [part, part + 1].map(|end| end as f64 / parts);
            (0..rule.parts).map(part).map(move |[from, to]| Piece { place, from, to, cuts: 0 })
        };
        let mut pending: Vec<Piece> = (0..queries.len()).flat_map(whole).collect();
        let mut attempts: Vec<Attempt> = queries.iter().map(|_| self.no_pieces(rule)).collect();
        let (most_pieces, more_cuts) =
            if self.exact { (MOST_PIECES, MORE_CUTS) } else { (MOST_INEXACT_PIECES, MORE_INEXACT_CUTS) };
        let most_cuts = self.kinks.iter().map(Kink::cuts).sum::<usize>() + more_cuts;
        while !pending.is_empty() {
            let mut next = Vec::new();
            for (piece, evaluated) in pending.iter().zip(self.evaluate(search, rule, queries, &pending)?) {
                let parts = piece.cut(&evaluated.flips, B::Element::ROUNDING);
                let attempt = &mut attempts[piece.place];
                attempt.passed += rule.count();
                let count = attempt.pieces + parts.len() - 1;
                let full = count > most_pieces;
                if parts.len() == 1 || piece.cuts >= most_cuts || full {
                    attempt.full |= full;
                    attempt.take(rule, piece, &evaluated);
                } else {
                    attempt.pieces = count;
                    next.extend(parts);
                }
            }
            pending = next;
        }
        attempts.iter_mut().for_each(|attempt| attempt.rows.sort_by(|a, b| a.0.total_cmp(&b.0)));
        Ok(attempts)
    }

    /// An attempt before its first piece.
    fn no_pieces(&self, rule: &Rule) -> Attempt {
        let integrals = vec![0.0; self.directions() * self.count()];
        Attempt {
            rows: Vec::new(),
            integrals,
            largest: 0.0,
            travelled: 0.0,
            pieces: rule.parts,
            full: false,
            passed: 0,
        }
    }

    /// Pieces in passes of a bounded number of rows.
    fn evaluate(
        &self,
        search: &Search<'_, B>,
        rule: &Rule,
        queries: &[u32],
        pieces: &[Piece],
    ) -> Result<Vec<Evaluated>> {
        let rows = rows_at_once(search.step.queries, of_row(self.network, self.directions()));
        let at_once = (rows / rule.count()).max(1);
        let mut all = Vec::with_capacity(pieces.len());
        for pieces in pieces.chunks(at_once) {
            let owners: Vec<u32> =
                pieces.iter().flat_map(|piece| std::iter::repeat_n(queries[piece.place], rule.count())).collect();
            let tau: Vec<f64> = pieces.iter().flat_map(|piece| piece.nodes(rule).map(|(tau, _)| tau)).collect();
            all.extend(self.pass(search, rule, pieces, &owners, &tau)?);
        }
        Ok(all)
    }

    fn pass(
        &self,
        Search { step, sizes }: &Search<'_, B>,
        rule: &Rule,
        pieces: &[Piece],
        owners: &[u32],
        tau: &[f64],
    ) -> Result<Vec<Evaluated>> {
        let (backend, network, rows) = (self.backend, self.network, tau.len());
        let width = network.input_len();
        let mut inputs = backend.scratch(rows * width)?;
        let out = SliceMut::new(&mut inputs, 0, rows * width);
        backend.gather(out, Slice::new(step.inputs, 0, step.queries * width), &backend.index(owners)?, width)?;
        let tau = backend.upload(&convert::<B::Element>(tau))?;
        let segment = Segment { weights: step.weights, step: Some((step.change, Slice::new(&tau, 0, rows))) };
        let pass = network.forward(backend, segment, Slice::new(&inputs, 0, rows * width), rows)?;
        let directions: Vec<&B::Buffer> = [Some(step.change), self.signs.as_ref()].into_iter().flatten().collect();
        let found = network.directional(backend, segment, &pass, &directions)?;

        let outputs = widen(&backend.download(network.outputs(&pass))?);
        let read = self.read(&pass, owners)?;
        let mut slopes = Vec::new();
        for direction in 0..directions.len() {
            slopes.push(self.readout_slopes(
                rows,
                &found,
                direction,
                read.as_ref().map(|read| read.seeds.as_slice()),
            )?);
        }
        let seen = self.seen(&pass, &found)?;
        let (kinks, count, width) = (&self.kinks, self.count(), network.outputs);
        let one = |(number, piece): (usize, &Piece)| {
            let rows = number * rule.count()..(number + 1) * rule.count();
            let weights: Vec<f64> = piece.nodes(rule).map(|(_, weight)| weight).collect();
            let sum = |slopes: &Vec<f64>| sum(slopes.chunks(count).skip(rows.start), &weights, count);
            let along = slopes[0].chunks(count).skip(rows.start).zip(&weights);
            let values = read.as_ref().map_or(&[][..], |read| &read.values[rows.start * count..rows.end * count]);
            Evaluated {
                integrals: slopes.iter().flat_map(sum).collect(),
                largest: largest(&outputs[rows.start * width..rows.end * width]).max(largest(values)),
                travelled: along.map(|(slopes, weight)| weight * largest(slopes)).sum(),
                flips: piece_flips::<B::Element>(kinks, rule, piece, (&seen, sizes), rows),
            }
        };
        Ok(pieces.par_iter().enumerate().map(one).collect())
    }

    /// The inputs of the layers with kinks and their derivatives along the step, on the host.
    fn seen(&self, pass: &Forward<'_, B>, found: &Directional<B>) -> Result<Vec<[Vec<f64>; 2]>> {
        let (backend, network) = (self.backend, self.network);
        let mut tickets = Vec::new();
        for kink in &self.kinks {
            let values = network.value(pass, kink.node);
            tickets.push(backend.download_later(values)?);
            if let Some(slopes) = network.derivative(found, kink.node) {
                tickets.push(backend.download_later(slopes.part(0, values.len))?);
            }
        }
        let mut arrays = tickets.into_iter().map(|ticket| Ok(widen(&backend.collect(ticket)?)));
        let mut next = || arrays.next().unwrap_or_else(|| Ok(Vec::new()));
        self.kinks.iter().map(|_| Ok([next()?, next()?])).collect()
    }

    /// A readout that is not the outputs, on the host.
    fn read(&self, pass: &Forward<'_, B>, owners: &[u32]) -> Result<Option<ReadRows>> {
        let Some(readout) = &self.readout else {
            return Ok(None);
        };
        let read = readout.read(self.backend, self.network.outputs(pass), owners)?;
        let len = self.count() * pass.rows;
        let host = |buffer, len| Ok(widen(&self.backend.download(Slice::new(buffer, 0, len))?));
        Ok(Some(ReadRows { values: host(&read.values, len)?, seeds: host(&read.seeds, len * self.network.outputs)? }))
    }

    /// The readout's derivatives along a direction, `[rows, R]`.
    fn readout_slopes(
        &self,
        rows: usize,
        found: &Directional<B>,
        direction: usize,
        seeds: Option<&[f64]>,
    ) -> Result<Vec<f64>> {
        let (backend, network) = (self.backend, self.network);
        let len = rows * network.outputs;
        let slopes = match network.output_derivatives(found) {
            Some(slopes) => widen(&backend.download(slopes.part(direction * len, len))?),
            None => vec![0.0; len],
        };
        let Some(seeds) = seeds else {
            return Ok(slopes);
        };
        let (count, width) = (self.count(), network.outputs);
        let one = |row: usize, number: usize| -> f64 {
            let seed = &seeds[(number * rows + row) * width..][..width];
            seed.iter().zip(&slopes[row * width..]).map(|(a, b)| a * b).sum()
        };
        Ok((0..rows).flat_map(|row| (0..count).map(move |number| (row, number))).map(|(r, n)| one(r, n)).collect())
    }
}

impl Attempt {
    fn take(&mut self, rule: &Rule, piece: &Piece, evaluated: &Evaluated) {
        self.rows.extend(piece.nodes(rule));
        self.integrals.iter_mut().zip(&evaluated.integrals).for_each(|(sum, part)| *sum += part);
        self.largest = larger(self.largest, evaluated.largest);
        self.travelled += evaluated.travelled;
    }
}

/// The flips in a piece whose nodes are some rows of a pass.
fn piece_flips<E: Element>(
    kinks: &[Kink],
    rule: &Rule,
    piece: &Piece,
    (seen, sizes): (&[[Vec<f64>; 2]], &[Vec<f64>]),
    rows: Range<usize>,
) -> Vec<f64> {
    let mut own = Vec::new();
    for (kink, [values, slopes]) in kinks.iter().zip(seen) {
        let part = rows.start * kink.len..rows.end * kink.len;
        own.push(Seen { values: &values[part.clone()], slopes: &slopes[part] });
    }
    let view = View {
        piece: *piece,
        nodes: &rule.quadrature.nodes,
        sections: &rule.sections,
        seen: &own,
        sizes,
        rounding: E::ROUNDING,
    };
    flips(kinks, &view)
}

/// The weighted sum of rows.
fn sum<'a>(rows: impl Iterator<Item = &'a [f64]>, weights: &[f64], width: usize) -> Vec<f64> {
    let mut sum = vec![0.0; width];
    for (row, weight) in rows.zip(weights) {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
    }
    sum
}
