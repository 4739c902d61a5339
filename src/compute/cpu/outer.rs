//! Gradients of a weight matrix, materialised.

use super::kernel::{Weighting, panels};
use super::matmul::put;
use super::memory::Pool;
use super::pack::Packed;
use super::tiles::{Shared, add, each_tile};
use super::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What gradients are made of.
pub(super) struct Factors<'a, E> {
    pub delta: &'a [E],
    pub input: &'a [E],
    /// What every row is multiplied by.
    pub preconditioner: Option<&'a [E]>,
}

impl<E: Element> Factors<'_, E> {
    /// Multiplies some sums, whose places in a row begin at `from`.
    pub fn precondition(&self, from: usize, sums: &mut [E]) {
        if let Some(factors) = self.preconditioner {
            sums.iter_mut().zip(&factors[from..]).for_each(|(sum, &factor)| *sum = factor * *sum);
        }
    }
}

pub(super) fn outer<E: Element>(
    pool: &Arc<Pool<E>>,
    shape: &Outer,
    map: &RowMap<CpuBackend<E>>,
    out: &mut [E],
    factors: Factors<'_, E>,
) -> Result<()> {
    let Factors { delta, input, preconditioner } = factors;
    let base = map.inputs.iter().max().map_or(0, |&row| row as usize + 1);
    check(
        "outer",
        &[
            (out.len(), map.outputs * shape.row()),
            (delta.len(), map.rows * shape.positions * shape.height),
            (usize::from(input.len() < base * shape.positions * shape.width), 0),
            (preconditioner.map_or(shape.row(), <[E]>::len), shape.row()),
        ],
    )?;
    let call = Call { pool, shape, map, factors, out: Shared::new(out) };
    let groups: Vec<Vec<usize>> = groups(map).into_values().collect();
    groups.par_iter().try_for_each(|outputs| call.group(outputs))
}

/// The rows of an output.
fn rows<E: Element>(map: &RowMap<CpuBackend<E>>, output: usize) -> Range<usize> {
    map.offsets[output] as usize..map.offsets[output + 1] as usize
}

/// Outputs whose rows have the same inputs: one product serves them all.
fn groups<E: Element>(map: &RowMap<CpuBackend<E>>) -> BTreeMap<&[u32], Vec<usize>> {
    let mut groups: BTreeMap<&[u32], Vec<usize>> = BTreeMap::new();
    for output in 0..map.outputs {
        groups.entry(&map.inputs[rows(map, output)]).or_default().push(output);
    }
    groups
}

struct Call<'a, E: Element> {
    pool: &'a Arc<Pool<E>>,
    shape: &'a Outer,
    map: &'a RowMap<CpuBackend<E>>,
    factors: Factors<'a, E>,
    out: Shared<'a, E>,
}

impl<E: Element> Call<'_, E> {
    /// Writes the gradients of outputs that share their inputs: the product of their δ, one below the other and each
    /// times its row's weight, with those inputs.
    fn group(&self, outputs: &[usize]) -> Result<()> {
        let &Outer { height, width, positions, .. } = self.shape;
        let (tall, wide) = panels::<E>();
        let inputs = rows(self.map, outputs[0]);
        let depth = inputs.len() * positions;
        let lines = outputs.len() * height;
        let left = Packed::panels(self.pool, tall, (lines, depth), |first, panel| {
            // Neighbouring lines of one output lie side by side.
            let mut line = first;
            while line < (first + tall).min(lines) {
                let end = (line / height * height + height).min(first + tall);
                let start = self.map.offsets[outputs[line / height]] as usize;
                for (number, out) in panel.chunks_exact_mut(tall * positions).enumerate() {
                    let row = start + number;
                    let omega = self.map.weights[row];
                    let delta =
                        self.factors.delta[row * positions * height..][..positions * height].chunks_exact(height);
                    for (out, delta) in out.chunks_exact_mut(tall).zip(delta) {
                        let delta = &delta[line % height..][..end - line];
                        let out = &mut out[line - first..end - first];
                        out.iter_mut().zip(delta).for_each(|(out, &delta)| *out = omega * delta);
                    }
                }
                line = end;
            }
            let filled = lines.saturating_sub(first).min(tall);
            panel.chunks_exact_mut(tall).for_each(|out| out[filled..].fill(E::ZERO));
        })?;
        let right = Packed::columns(self.pool, wide, (width, depth), |k| {
            let base = self.map.inputs[inputs.start + k / positions] as usize;
            &self.factors.input[(base * positions + k % positions) * width..][..width]
        })?;
        each_tile(self.pool, (lines, width, depth), |tile, sums| {
            add(tile, (&left, &right), depth, Weighting::One, sums);
            for (line, sums) in tile.rows.clone().zip(sums.chunks_mut(tile.width)) {
                let within = line % height * width;
                self.factors.precondition(within + tile.columns.start, &mut sums[..tile.columns.len()]);
                let from = outputs[line / height] * self.shape.row() + within;
                // SAFETY: tiles do not overlap, and an output is in one group.
                let out = unsafe { self.out.part(from + tile.columns.start..from + tile.columns.end) };
                put(self.shape.start, out, sums);
            }
        })?;
        if self.shape.bias {
            outputs.iter().for_each(|&output| self.biases(output));
        }
        Ok(())
    }

    /// The sums of an output's δ.
    fn biases(&self, output: usize) {
        let &Outer { height, positions, .. } = self.shape;
        let mut sums = vec![E::ZERO; height];
        for row in rows(self.map, output) {
            let omega = self.map.weights[row];
            for delta in self.factors.delta[row * positions * height..][..positions * height].chunks(height) {
                sums.iter_mut().zip(delta).for_each(|(sum, &delta)| *sum += omega * delta);
            }
        }
        self.factors.precondition(self.shape.row() - height, &mut sums);
        let end = (output + 1) * self.shape.row();
        // SAFETY: beyond the weights of the output, which is in one group.
        put(self.shape.start, unsafe { self.out.part(end - height..end) }, &sums);
    }
}
