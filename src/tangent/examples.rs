//! Gradient rows of examples.

use super::{Contraction, write_gradient};
use crate::compute::{Backend, Result, RowMap, Slice, SliceMut, Start};
use crate::graph::{Forward, Graph, Segment};

/// Gradient rows of a set of examples at one step, by block.
pub struct ExampleRows<B: Backend + ?Sized> {
    rows: Vec<Held<B>>,
    /// Whether an example's rows are those of its outputs.
    of_outputs: bool,
}

/// The gradients of a block.
enum Held<B: Backend + ?Sized> {
    /// No output depends on it.
    Nothing,
    /// Whole rows, and their length together.
    Rows(B::Buffer, usize),
    /// δ of each use, and their length together; `None` for a use that no output depends on.
    Deltas(Vec<Option<(B::Buffer, usize)>>),
}

impl<B: Backend> ExampleRows<B> {
    /// Back-propagates `seed`, `[copies * examples, C]`, through a pass and keeps what the contraction of each block
    /// needs: a row for each row of the seed.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn new(
        backend: &B,
        network: &Graph,
        choice: &[Contraction],
        weights: &B::Buffer,
        pass: &Forward<'_, B>,
        seed: B::Buffer,
        copies: usize,
    ) -> Result<Self> {
        let map = RowMap::each(backend, copies, pass.rows, 1.0)?;
        let all = vec![true; network.blocks.len()];
        Self::mapped(backend, network, (choice, &all), weights, pass, (seed, copies), &map)
    }

    /// The same of the blocks that are wanted, with a row for each output of a map, where whole rows are kept: what its rows of the
    /// seed add up to.
    ///
    /// # Errors
    ///
    /// A device error.
    pub(crate) fn mapped(
        backend: &B,
        network: &Graph,
        (choice, wanted): (&[Contraction], &[bool]),
        weights: &B::Buffer,
        pass: &Forward<'_, B>,
        (seed, copies): (B::Buffer, usize),
        map: &RowMap<B::Buffer, B::Index>,
    ) -> Result<Self> {
        let mut rows: Vec<Held<B>> = network.blocks.iter().map(|_| Held::Nothing).collect();
        let forms = |block: usize| choice[block] == Contraction::Materialised;
        let (seed, blocks) = ((copies, seed), (wanted, &forms as &dyn Fn(usize) -> bool));
        network.backward_to(backend, Segment::at(weights), pass, seed, blocks, &mut |factor| {
            let block = &network.blocks[factor.block];
            let held = std::mem::replace(&mut rows[factor.block], Held::Nothing);
            rows[factor.block] = match (choice[factor.block], held) {
                (Contraction::Materialised, held) => {
                    let len = map.outputs * block.len();
                    let (mut rows, start) = match held {
                        Held::Rows(rows, _) => (rows, Start::Output),
                        Held::Nothing | Held::Deltas(_) => (backend.scratch(len)?, Start::Value(0.0)),
                    };
                    write_gradient(backend, map, None, &factor, start, SliceMut::new(&mut rows, 0, len))?;
                    Held::Rows(rows, len)
                }
                // No row of an example is formed.
                (Contraction::Directional, _) => Held::Nothing,
                (_, held) => {
                    let mut deltas = match held {
                        Held::Deltas(deltas) => deltas,
                        Held::Nothing | Held::Rows(..) => block.uses.iter().map(|_| None).collect(),
                    };
                    deltas[factor.place] = Some((factor.delta, factor.len));
                    Held::Deltas(deltas)
                }
            };
            Ok(())
        })?;
        Ok(Self { rows, of_outputs: false })
    }

    /// The same, of a seed that made the rows those of the outputs.
    pub(crate) fn of_outputs(self) -> Self {
        Self { of_outputs: true, ..self }
    }

    /// Whether an example's rows are those of its outputs.
    pub(super) fn are_of_outputs(&self) -> bool {
        self.of_outputs
    }

    /// A block's whole rows, where it is materialised.
    pub(super) fn whole(&self, block: usize) -> Option<Slice<'_, B::Buffer>> {
        let Held::Rows(rows, len) = &self.rows[block] else { return None };
        Some(Slice::new(rows, 0, *len))
    }

    /// A block's δ by use, where they are kept; of uses that no output depends on there is none.
    pub(super) fn deltas(&self, block: usize) -> impl Iterator<Item = (usize, Slice<'_, B::Buffer>)> {
        let deltas = if let Held::Deltas(deltas) = &self.rows[block] { deltas.as_slice() } else { &[] };
        let held = deltas.iter().enumerate();
        held.filter_map(|(place, delta)| delta.as_ref().map(|(delta, len)| (place, Slice::new(delta, 0, *len))))
    }
}
