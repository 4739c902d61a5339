//! One step of a tile: the queries' gradients at its nodes, contracted with those of the examples.

use super::at::At;
use super::batch::{Batch, examples_at_once};
use super::coupled::Coupled;
use super::earlier::{Earlier, EarlierPart};
use super::integrate::Setting;
use super::meet::Meeting;
use super::rounding::{EachRow, add_reach};
use super::rows::{Finder, Rows, Tau};
use super::sums::{Certificate, State};
use super::sweep::Sweep;
use super::{Account, Tile};
use crate::compute::{Backend, Phase, Result, RowMap, Slice, SliceMut};
use crate::graph::{Block, Factor, Role, Segment, ones_but};
use crate::optimizer::Meets;
use crate::tangent::{ConstantInputs, Node, QueryFactors, along};
use crate::tape::Step;

/// What a tile's steps share.
pub(super) struct Pass<'a, B: Backend> {
    pub setting: &'a Setting<'a, B>,
    pub tile: &'a Tile,
    inputs: B::Buffer,
    pub constant: ConstantInputs<B>,
    /// The map from the queries' rows, averaged over nodes, to their outputs: one row an output.
    pub averaged: RowMap<B::Buffer, B::Index>,
    /// The numbers of the tile's queries among all queries.
    numbers: Vec<u32>,
    finder: Finder<'a, B>,
    /// The rows of a pass that takes all queries once.
    each: EachRow<B>,
    /// The blocks that are summed together, those of one group of the optimizer, each set with the number of its sum.
    pub sets: Vec<(usize, Vec<usize>)>,
    pub triangle: bool,
    /// The way along the path, and the blocks that are contracted on it.
    pub sweep: Sweep,
    pub wanted: Vec<bool>,
    /// Whether there is one step alone, so that nothing is kept of its batch.
    pub once: bool,
    /// Ones, and zeros where no example has a gradient; `None` where all may have one.
    silencing: Option<B::Buffer>,
    /// The momentum that the path begins with, where some is given.
    earlier: Option<Earlier<B>>,
}

/// What the gradients of a step's queries are held against.
pub(super) struct Certifying<'a, B: Backend> {
    certificate: &'a mut Certificate<B>,
    /// The squared lengths of the step's vectors.
    lengths: B::Buffer,
    /// The step's part that gradients before the first step make.
    earlier: Option<EarlierPart<'a, B>>,
}

impl<'a, B: Backend> Pass<'a, B> {
    pub fn new(setting: &'a Setting<'a, B>, tile: &'a Tile, triangle: bool, sweep: Sweep) -> Result<Self> {
        let Setting { backend, network, contraction, .. } = *setting;
        let (width, queries) = (network.input_len(), tile.queries.len());
        let inputs = backend.upload(&setting.queries[tile.queries.start * width..tile.queries.end * width])?;
        let zeros = backend.zeros(network.len)?;
        let input = Slice::new(&inputs, 0, queries * width);
        // Constant inputs depend on no weights, so any weights will do.
        let choice = if contraction.iter().any(|own| own.takes_constant_inputs()) { queries } else { 0 };
        let pass = network.forward(backend, Segment::at(&zeros), input.part(0, choice * width), choice)?;
        let constant = ConstantInputs::new(backend, network, contraction, &pass)?;
        drop(pass);
        let wanted = sweep.wanted(contraction);
        Ok(Self {
            setting,
            tile,
            constant,
            averaged: RowMap::each(backend, setting.rows(), queries, 1.0)?,
            numbers: (tile.queries.start as u32..tile.queries.end as u32).collect(),
            finder: Finder::new(setting, tile.queries.start, queries)?,
            each: EachRow::new(backend, setting.rows(), queries)?,
            sets: sets(setting, &wanted),
            triangle,
            sweep,
            wanted,
            once: false,
            silencing: silencing(setting)?,
            earlier: Earlier::new(setting)?,
            inputs,
        })
    }

    /// The readouts of all queries, from their outputs.
    pub fn read(&self, outputs: Slice<'_, B::Buffer>) -> Result<super::adaptive::Read<B>> {
        self.setting.read(outputs, &self.numbers)
    }

    /// The queries' inputs.
    pub fn query_inputs(&self) -> Slice<'_, B::Buffer> {
        Slice::new(&self.inputs, 0, self.tile.queries.len() * self.setting.network.input_len())
    }

    /// Takes the queries' readouts at the weights of a place in the block, where the tile has a certificate.
    pub fn read_values(&self, state: &mut State<'_, B>, place: usize, weights: &B::Buffer) -> Result<()> {
        let Some(certificate) = &mut state.certificate else { return Ok(()) };
        let (backend, network) = (self.setting.backend, self.setting.network);
        let queries = self.tile.queries.len();
        let pass = network.forward(backend, Segment::at(weights), self.query_inputs(), queries)?;
        let reading = self.read(network.outputs(&pass))?;
        let size = queries * self.setting.rows();
        if !self.setting.spec.readout.is_identity() {
            let lengths = (&mut certificate.outputs, place * queries);
            self.each.squares(backend, network.outputs(&pass), network.outputs, lengths)?;
        }
        let out = SliceMut::new(&mut certificate.values, place * size, size);
        backend.copy(out, Slice::new(&reading.values, 0, size))
    }

    /// Adds one step. The device's time in it is counted by phases.
    pub fn step(&self, state: &mut State<'a, B>, at: &At<'_, B>, account: &mut Account) -> Result<()> {
        let before = self.setting.backend.enter(Phase::Passes);
        match self.sweep {
            Sweep::Forwards => self.add_forwards(state, at, account)?,
            Sweep::Backwards => self.add(state, at, account)?,
        }
        self.setting.backend.enter(before);
        Ok(())
    }

    fn add(&self, state: &mut State<'a, B>, at: &At<'_, B>, account: &mut Account) -> Result<()> {
        let Setting { backend, network, spec, .. } = *self.setting;
        let recursions = spec.optimizer.recursions(at.number, at.rate, at.step.clip);
        let of = |block: usize| &recursions[spec.optimizer.group_of(block)];
        let couples = self.setting.in_training.couples_rows();
        let coupled = if couples { Coupled::new(self.setting, &self.tile.examples, at)? } else { None };
        let mut batches = if couples { Vec::new() } else { self.batches(state, at.step)? };
        if batches.is_empty() && coupled.is_none() && state.certificate.is_none() && !spec.optimizer.carries() {
            return Ok(());
        }
        let added: Vec<f64> = recursions.iter().map(|own| own.add).collect();
        let rows = self.rows(state, at, &added, account)?;
        let none =
            || QueryFactors::new(network, self.setting.contraction, self.setting.rows(), self.tile.queries.len());
        let mut fresh = none();
        // Groups differ in numbers alone.
        let meets = recursions.first().map_or(Meets::Carried, |own| own.meets);
        let (into, share) = (|block: usize| of(block).meets.entering(), |block: usize| of(block).meets.share());
        // Where φ acts by itself as well, it is kept apart from ψ.
        let (psi, held) = match meets {
            Meets::Carried => (&mut state.psi, at.preconditioner()),
            Meets::Preconditioned => (&mut state.psi, None),
            Meets::Ahead { .. } | Meets::Behind { .. } => (&mut fresh, at.preconditioner()),
        };
        psi.begin(backend, |block| (of(block).keep, of(block).add), held)?;
        let mut certifying = self.certifying(&mut state.certificate, at)?;
        for rows in &rows {
            self.query_gradients(&mut certifying, at, rows, &mut |factor| {
                psi.add(backend, &rows.nodes[spec.optimizer.group_of(factor.block)], factor, held)
            })?;
        }
        let met = match meets {
            Meets::Carried => None,
            Meets::Preconditioned => match at.preconditioner() {
                Some(preconditioner) => Some(state.psi.times(backend, preconditioner)?),
                None => None,
            },
            Meets::Ahead { .. } => {
                state.psi.begin(backend, |block| (of(block).keep, 0.0), None)?;
                state.psi.axpy(backend, into, &fresh)?;
                fresh.axpy(backend, share, &state.psi)?;
                Some(fresh)
            }
            Meets::Behind { .. } => {
                let mut met = none();
                met.axpy(backend, share, &state.psi)?;
                met.axpy(backend, |_| 1.0, &fresh)?;
                state.psi.begin(backend, |block| (of(block).keep, 0.0), None)?;
                state.psi.axpy(backend, into, &fresh)?;
                Some(met)
            }
        };
        let psi = met.as_ref().unwrap_or(&state.psi);
        if spec.attribution || spec.kernel.is_some() {
            let meeting = Meeting { pass: self, psi, at, recursions: &recursions };
            let sums = &mut state.sums;
            if self.once {
                // Memory of a batch serves the next one.
                batches.drain(..).try_for_each(|mut batch| meeting.examples(sums, &mut batch))?;
            } else {
                batches.iter_mut().try_for_each(|batch| meeting.examples(sums, batch))?;
            }
        }
        if let Some(coupled) = &coupled {
            let heard = self.silencing.as_ref().map(|silencing| psi.times(backend, silencing)).transpose()?;
            let meeting = Meeting { pass: self, psi: heard.as_ref().unwrap_or(psi), at, recursions: &recursions };
            meeting.coupled(&mut state.sums, coupled)?;
        }
        if at.step.batch.is_none() && self.setting.groups.is_none() && !self.once {
            state.full = Some(batches);
        }
        Ok(())
    }

    /// The rows of queries at the nodes of a step; `added` is what it adds to ψ, in each group of parameters.
    pub fn rows(
        &self,
        state: &mut State<'_, B>,
        at: &At<'_, B>,
        added: &[f64],
        account: &mut Account,
    ) -> Result<Vec<Rows<B>>> {
        self.finder.rows(state, &self.inputs, at, added, account)
    }

    /// What the gradients of a step's queries are held against, where the tile has a certificate.
    pub fn certifying<'c>(
        &'c self,
        certificate: &'c mut Option<Certificate<B>>,
        at: &At<'_, B>,
    ) -> Result<Option<Certifying<'c, B>>> {
        let Some(certificate) = certificate else { return Ok(None) };
        let earlier = self.earlier.as_ref().map(|earlier| earlier.part(self.setting, at)).transpose()?;
        let lengths = self.squared_lengths(at, earlier.as_ref())?;
        Ok(Some(Certifying { certificate, lengths, earlier }))
    }

    /// The tile's examples in a step's batch. A full batch is the same in every step, and is kept.
    pub fn batches(&self, state: &mut State<'_, B>, step: &Step) -> Result<Vec<Batch<B>>> {
        if let Some(full) = state.full.take_if(|_| step.batch.is_none()) {
            return Ok(full);
        }
        let Setting { in_training: network, spec, contraction, .. } = *self.setting;
        let at_once = examples_at_once(network, contraction, spec.copies(network.outputs));
        Batch::all(self.setting, &self.tile.examples, step, at_once)
    }

    /// Takes the gradients of some rows of queries: adds their products with the step's vectors to the certificate, and gives each
    /// layer's factor to `take`, of the layers that are contracted on this way.
    pub fn query_gradients(
        &self,
        certifying: &mut Option<Certifying<'_, B>>,
        at: &At<'_, B>,
        rows: &Rows<B>,
        take: &mut dyn FnMut(Factor<'_, B::Buffer>) -> Result<()>,
    ) -> Result<()> {
        let Setting { backend, network, spec, .. } = *self.setting;
        let node = &rows.nodes[0];
        let count = node.rows;
        let moved = if let Tau::Same(tau) = rows.tau { at.moved(backend, network, tau)? } else { None };
        let segment = match (&rows.tau, at.change()) {
            (Tau::Each(tau), Some((change, _))) => {
                Segment { weights: at.weights(), step: Some((change, Slice::new(tau, 0, count))) }
            }
            _ => Segment::at(moved.as_ref().unwrap_or(at.weights())),
        };
        let width = network.input_len();
        let gathered = match &rows.queries {
            None => None,
            Some(queries) => {
                let mut inputs = backend.scratch(count * width)?;
                let out = SliceMut::new(&mut inputs, 0, count * width);
                backend.gather(out, self.query_inputs(), &backend.index(queries)?, width)?;
                Some(inputs)
            }
        };
        let inputs = gathered.as_ref().map_or(self.query_inputs(), |inputs| Slice::new(inputs, 0, count * width));
        let numbers: Option<Vec<u32>> =
            rows.queries.as_ref().map(|queries| queries.iter().map(|&query| self.numbers[query as usize]).collect());
        let pass = network.forward(backend, segment, inputs, count)?;
        let reading = self.setting.read(network.outputs(&pass), numbers.as_ref().unwrap_or(&self.numbers))?;
        let size = self.setting.rows() * self.tile.queries.len();
        let own_rows = if certifying.is_none() || count == self.each.base_rows() {
            None
        } else {
            Some(EachRow::new(backend, self.setting.rows(), count)?)
        };
        let (each, certified) = (own_rows.as_ref().unwrap_or(&self.each), certifying.is_some());
        let mut visit = |factor: Factor<'_, B::Buffer>| {
            let block = network.block_of(&factor);
            if let Some(Certifying { certificate, lengths, earlier }) = certifying {
                let along = |direction: Option<(&B::Buffer, f64)>, out: SliceMut<'_, B::Buffer>| match direction {
                    Some((direction, scale)) => apply(backend, block, node, &factor, direction, scale, out),
                    None => Ok(()),
                };
                let explained = SliceMut::new(&mut certificate.explained, at.place * size, size);
                along(at.change(), explained)?;
                along(
                    at.decay(&spec.optimizer, factor.block).filter(|_| !factor.held),
                    certificate.regularizer.block(),
                )?;
                let unexplained = SliceMut::new(&mut certificate.unexplained, at.place * size, size);
                along(at.unexplained(), unexplained)?;
                along(
                    earlier.as_ref().map(|part| part.of(&spec.optimizer, factor.block)).filter(|_| !factor.held),
                    certificate.earlier.block(),
                )?;
                if block.role == Role::Running {
                    along(at.change(), certificate.statistics.block())?;
                }
                let reached = SliceMut::new(&mut certificate.reached, at.place * size, size);
                let lengths = Slice::new(lengths, factor.block + if factor.held { network.blocks.len() } else { 0 }, 1);
                add_reach(backend, (node, each), &factor, lengths, reached)?;
            }
            if factor.held || !self.wanted[factor.block] {
                return Ok(());
            }
            let before = backend.enter(Phase::Contraction);
            take(factor)?;
            backend.enter(before);
            Ok(())
        };
        let seeds = (self.setting.rows(), reading.seeds);
        let forms = |block: usize| self.setting.contraction[block].takes_whole_rows();
        if certified {
            return network.backward_of_all(backend, segment, &pass, seeds, &forms, &mut visit);
        }
        network.backward_to(backend, segment, &pass, seeds, (&self.wanted, &forms), &mut visit)
    }
}

/// The sets of a [`Pass`], of the blocks that are wanted: where results are split by layer, a block at a time.
fn sets<B: Backend>(setting: &Setting<'_, B>, wanted: &[bool]) -> Vec<(usize, Vec<usize>)> {
    let Setting { network, spec, .. } = *setting;
    if spec.layers {
        let layers = network.layers().into_iter().enumerate();
        return layers
            .flat_map(|(layer, blocks)| blocks.filter(|&block| wanted[block]).map(move |block| (layer, vec![block])))
            .collect();
    }
    let group_of = |&block: &usize| spec.optimizer.group_of(block);
    let of = |group| {
        (0..network.blocks.len()).filter(|block| wanted[*block] && group_of(block) == group).collect::<Vec<_>>()
    };
    (0..spec.optimizer.count()).map(|group| (0, of(group))).filter(|(_, blocks)| !blocks.is_empty()).collect()
}

/// What ψ is multiplied by, entry by entry, so that rounding gives no example a part where it has none.
pub(super) fn silencing<B: Backend>(setting: &Setting<'_, B>) -> Result<Option<B::Buffer>> {
    let Setting { backend, in_training: network, .. } = *setting;
    ones_but(backend, network.len, &network.silent())
}

/// `out[o] += scale ∇f_o · direction`, the part of one use of a block.
fn apply<B: Backend>(
    backend: &B,
    block: &Block,
    node: &Node<B>,
    factor: &Factor<'_, B::Buffer>,
    direction: &B::Buffer,
    scale: f64,
    out: SliceMut<'_, B::Buffer>,
) -> Result<()> {
    let values = along(backend, block.offset, direction, node.rows, factor)?;
    let width = factor.delta_len();
    backend.row_dot(width, scale, &node.mean, out, factor.delta(), Slice::new(&values, 0, node.rows * width))
}
