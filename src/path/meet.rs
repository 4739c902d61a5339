//! ψ of a tile's queries meets the gradient rows of a step's examples.

use super::Tile;
use super::at::At;
use super::batch::{Batch, OutputGradients, StepRows};
use super::coupled::{Copies, Coupled};
use super::integrate::Setting;
use super::pass::Pass;
use super::sums::PairSums;
use crate::compute::{Accumulator, Backend, Entries, Gram, Phase, Result, Slice};
use crate::graph::{Forward, Segment};
use crate::optimizer::Recursion;
use crate::tangent::{
    Along, AlongTerm, ExampleRows, Products, QueryFactors, Term, add_along, contract, contract_along, is_directional,
};
use std::collections::BTreeMap;

/// What the examples of a step meet.
pub(super) struct Meeting<'m, 'a, B: Backend> {
    pub pass: &'m Pass<'a, B>,
    pub psi: &'m QueryFactors<'a, B>,
    pub at: &'m At<'m, B>,
    /// Of each group of parameters.
    pub recursions: &'m [Recursion],
}

impl<B: Backend> Meeting<'_, '_, B> {
    /// Contracts ψ with the gradient rows of some examples, and adds the products to the sums.
    pub fn examples(&self, sums: &mut PairSums<B>, batch: &mut Batch<B>) -> Result<()> {
        let Setting { backend, in_training: network, contraction, .. } = *self.pass.setting;
        let input = Slice::new(&batch.inputs, 0, batch.count * network.input_len());
        let draw = network.drawing(self.at.number, batch.drawn.as_ref());
        let pass = network.forward_drawing(backend, Segment::at(self.at.weights()), input, batch.count, draw)?;
        if is_directional(contraction) {
            return self.along(sums, batch, &pass);
        }
        let Batch { count, columns, places, constant, .. } = batch;
        let rows = StepRows::new(self.pass.setting, &self.pass.wanted, self.at.weights(), &pass, places)?;
        let before = backend.enter(Phase::Contraction);
        let products = Products::new(backend, network, self.psi, &self.pass.constant, &pass, constant)?;
        let Pairs { losses: of_losses, positions: of_positions, outputs: of_outputs } = self.pairs(*count);
        let averaged = &self.pass.averaged;
        let weights = rows.kernel.as_ref().and_then(|rows| rows.weights.as_ref());
        for set in &self.pass.sets {
            let blocks = || set.1.iter().copied();
            let Sinks { losses, positions, outputs } = self.sinks(sums, set, weights, *count);
            if let (Some(rows), Some(into)) = (&rows.loss, losses) {
                let mut term = Term { gram: of_losses, rows, averaged, columns, into: vec![into] };
                contract(backend, blocks(), self.psi, &products, &mut term)?;
            }
            if let (Some(rows), Some(gram), Some(into)) = (&rows.positions, of_positions, positions) {
                let mut term = Term { gram, rows, averaged, columns, into: vec![into] };
                contract(backend, blocks(), self.psi, &products, &mut term)?;
            }
            if let (Some(rows), Some(gram)) = (&rows.kernel, of_outputs) {
                let mut term = Term { gram, rows: &rows.rows, averaged, columns, into: outputs };
                contract(backend, blocks(), self.psi, &products, &mut term)?;
            }
        }
        backend.enter(before);
        Ok(())
    }

    /// The same by derivatives of the examples' pass along ψ.
    fn along(&self, sums: &mut PairSums<B>, batch: &Batch<B>, pass: &Forward<'_, B>) -> Result<()> {
        let Setting { backend, in_training: network, .. } = *self.pass.setting;
        let Batch { count, columns, places, .. } = batch;
        let OutputGradients { gradient, weights } = OutputGradients::new(self.pass.setting, pass, places)?;
        let gradient = gradient.as_ref().map(|gradient| Slice::new(gradient, 0, *count * network.outputs));
        let before = backend.enter(Phase::Contraction);
        let Pairs { losses: of_losses, positions: of_positions, outputs: of_outputs } = self.pairs(*count);
        for set in &self.pass.sets {
            let Sinks { losses, positions, outputs } = self.sinks(sums, set, weights.as_ref(), *count);
            let losses = losses.map(|into| AlongTerm { gram: of_losses, gradient, into: vec![into] });
            let positions =
                of_positions.zip(positions).map(|(gram, into)| AlongTerm { gram, gradient, into: vec![into] });
            let outputs = of_outputs.map(|gram| AlongTerm { gram, gradient: None, into: outputs });
            let mut terms: Vec<AlongTerm<'_, B>> = losses.into_iter().chain(positions).chain(outputs).collect();
            let pass = Along { network, segment: Segment::at(self.at.weights()), pass };
            contract_along(backend, &set.1, self.psi, &pass, columns, &mut terms)?;
        }
        backend.enter(before);
        Ok(())
    }

    /// The same with a batch whose rows depend on each other, which has no kernel.
    pub fn coupled(&self, sums: &mut PairSums<B>, coupled: &Coupled<B>) -> Result<()> {
        let Setting { backend, in_training: network, contraction, .. } = *self.pass.setting;
        let pass = coupled.pass(self.pass.setting, self.at.weights())?;
        if is_directional(contraction) {
            return self.coupled_along(sums, coupled, &pass);
        }
        let (mut constant, chosen) = (BTreeMap::new(), (contraction, self.pass.wanted.as_slice()));
        let products = Products::new(backend, network, self.psi, &self.pass.constant, &pass, &mut constant)?;
        coupled.each_copies(self.pass.setting, &pass, &mut |Copies { columns, seed, map }| {
            let count = columns.len();
            let rows = ExampleRows::mapped(backend, network, chosen, self.at.weights(), &pass, (seed, count), &map)?;
            let before = backend.enter(Phase::Contraction);
            let gram = self.pairs(count).losses;
            let columns = backend.index(&columns)?;
            for set in &self.pass.sets {
                let Sinks { losses, .. } = self.sinks(sums, set, None, count);
                let into = losses.into_iter().collect();
                let mut term = Term { gram, rows: &rows, averaged: &self.pass.averaged, columns: &columns, into };
                contract(backend, set.1.iter().copied(), self.psi, &products, &mut term)?;
            }
            backend.enter(before);
            Ok(())
        })
    }

    /// The same by derivatives of the batch's pass along ψ.
    fn coupled_along(&self, sums: &mut PairSums<B>, coupled: &Coupled<B>, pass: &Forward<'_, B>) -> Result<()> {
        let Setting { backend, in_training: network, .. } = *self.pass.setting;
        let picks = coupled.picks(self.pass.setting, pass)?;
        let before = backend.enter(Phase::Contraction);
        let along = Along { network, segment: Segment::at(self.at.weights()), pass };
        let (queries, outputs) = (self.pass.tile.queries.len(), network.outputs);
        for set in &self.pass.sets {
            self.psi.each_along(backend, &along, &set.1, queries, &mut |row, derivatives| {
                picks.iter().try_for_each(|pick| {
                    let count = pick.rows.len();
                    let (picked, len) = pick.of_copies(backend, derivatives, pass.rows, outputs)?;
                    let Sinks { losses, .. } = self.sinks(sums, set, None, count);
                    let gradient = Some(Slice::new(&pick.gradient, 0, count * outputs));
                    let mut term =
                        AlongTerm { gram: self.pairs(count).losses, gradient, into: losses.into_iter().collect() };
                    add_along(backend, outputs, row, &pick.columns, Slice::new(&picked, 0, len), &mut term)
                })
            })?;
        }
        backend.enter(before);
        Ok(())
    }

    /// Which pairs of the queries and so many examples are summed.
    fn pairs(&self, examples: usize) -> Pairs {
        let Setting { network, spec, .. } = *self.pass.setting;
        let Tile { queries, examples: columns } = self.pass.tile;
        let losses = Gram {
            entries: Entries::Loss,
            outputs: self.pass.setting.rows(),
            copies: 1,
            queries: queries.len(),
            examples,
            stride: columns.len(),
            triangle: None,
        };
        // A tile whose examples begin after its queries is computed whole.
        let triangle = queries.start.checked_sub(columns.start).filter(|_| self.pass.triangle);
        Pairs {
            losses,
            positions: spec.positions.map(|copies| Gram { entries: Entries::Full, copies, ..losses }),
            outputs: spec.kernel.map(|entries| Gram { entries, copies: network.outputs, triangle, ..losses }),
        }
    }

    /// What a set of blocks is added to in a step; `weights` are those of the coefficients' numerator.
    fn sinks<'s>(
        &self,
        sums: &'s mut PairSums<B>,
        &(sum, ref blocks): &(usize, Vec<usize>),
        weights: Option<&'s B::Buffer>,
        examples: usize,
    ) -> Sinks<'s, B> {
        let Setting { network, spec, .. } = *self.pass.setting;
        let group = spec.optimizer.group_of(blocks[0]);
        let (gradient, rate) =
            (self.recursions[group].gradient, spec.optimizer.rate(group, self.at.number, self.at.rate));
        let numerator = sums.numerator.of(sum, -gradient).zip(weights).map(|(into, weights)| Accumulator {
            weights: Some(Slice::new(weights, 0, network.outputs * examples)),
            ..into
        });
        Sinks {
            losses: sums.attribution.of(sum, -gradient),
            positions: sums.positions.of(sum, -gradient),
            outputs: sums.kernel.of(sum, rate).into_iter().chain(numerator).collect(),
        }
    }
}

/// Which pairs are summed, and how they lie.
struct Pairs {
    /// Of queries and the losses of examples.
    losses: Gram,
    /// Of queries and the positions of these losses, where they are kept apart.
    positions: Option<Gram>,
    /// Of queries and the outputs of examples, where there is a kernel.
    outputs: Option<Gram>,
}

/// What a set of blocks is added to.
struct Sinks<'s, B: Backend> {
    /// The attribution.
    losses: Option<Accumulator<'s, B::Buffer>>,
    /// The attribution of each position.
    positions: Option<Accumulator<'s, B::Buffer>>,
    /// The kernel, and the coefficients' numerator.
    outputs: Vec<Accumulator<'s, B::Buffer>>,
}
