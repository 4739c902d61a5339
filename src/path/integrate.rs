//! Integrates one tile of queries and examples along the recorded path: the last step first, and for some layers the first one.

use super::at::At;
use super::pass::Pass;
use super::readout::QueryTargets;
use super::saved::way_of;
use super::sums::{Certificate, State};
use super::sweep::Sweep;
use super::windows::Windows;
use super::{Account, Finished, Spec, Tile};
use crate::compute::{Backend, Entries, Result};
use crate::error::Error;
use crate::graph::Graph;
use crate::keeper::Keeper;
use crate::loss::Loss;
use crate::optimizer::{Optimizer, Sgd};
use crate::path::Rule;
use crate::readout::Readout;
use crate::tangent::Contraction;
use crate::tape::{Kept, Step, Tape};
use crate::training::{Examples, Groups, Leg, Recall, TargetBuffer, Training};
use std::ops::Range;

/// What all tiles share, but for the path.
pub struct Setting<'a, B: Backend> {
    /// The device.
    pub backend: &'a B,
    /// The network, as the queries meet it.
    pub network: &'a Graph,
    /// The same as the examples meet it; see [`Graph::in_training`].
    pub in_training: &'a Graph,
    /// What to compute.
    pub spec: &'a Spec,
    /// The contraction of each layer that has parameters.
    pub contraction: &'a [Contraction],
    /// The training inputs.
    pub examples: &'a Examples<B>,
    /// `[n, …]` query inputs, on the host.
    pub queries: &'a [B::Element],
    /// The training targets on the device.
    pub targets: &'a TargetBuffer<B>,
    /// The examples that share a column, where some do.
    pub groups: Option<&'a Groups>,
    /// The targets of the queries, for readouts that depend on them.
    pub query_targets: Option<&'a QueryTargets<B>>,
}

impl<B: Backend> Clone for Setting<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Backend> Copy for Setting<'_, B> {}

/// The path kernel of a recorded path.
pub struct Integration<'a, B: Backend> {
    /// What to integrate.
    pub setting: Setting<'a, B>,
    /// The recorded path.
    pub tape: &'a dyn Tape<B::Element>,
}

impl<B: Backend> Integration<'_, B> {
    /// Integrates one tile, or goes on with one that was interrupted. `keeper` is told of each step. The numbers that belong to
    /// queries alone (regularizer, readouts, residuals) are computed for tiles that start at example 0, and for the rule
    /// `adaptive` for all.
    ///
    /// # Errors
    ///
    /// A device error, a trajectory that cannot be read, or an error of the keeper.
    pub fn tile(&self, tile: &Tile, keeper: &mut dyn Keeper) -> std::result::Result<Finished, Error> {
        let (setting, history) = (&self.setting, self.tape.history());
        let Setting { backend, spec, contraction, .. } = *setting;
        let (steps, training) = (history.steps.len(), setting.training());
        let mut recall = Recall::new(&training, self.tape);
        let mut state = State::new(setting, tile)?;
        if spec.windows > 0 {
            state.windows = Some(setting.windows(tile, history.windows(spec.windows)));
        }
        // What belongs to queries alone is of the first way: it may take the queries through all layers anyway.
        let certified = tile.examples.start == 0 || matches!(spec.rule, Rule::Adaptive { .. });
        let values = if certified { tile.queries.len() * setting.rows() } else { 0 };
        let mut finished = Finished { account: Account::new(values, steps), ..Finished::default() };
        let mut earlier = keeper.earlier()?;
        let sweeps = Sweep::all(contraction);
        let ways = sweeps.len();
        let first = earlier.as_mut().map(|earlier| way_of(earlier, ways)).transpose()?.unwrap_or(0);
        if earlier.is_none() && spec.tangent {
            finished.tangent_final = setting.tangent(tile, &recall.before(steps)?)?;
        }
        for (number, sweep) in sweeps.into_iter().enumerate().skip(first) {
            let mut pass = Pass::new(setting, tile, spec.triangle(&history.steps), sweep)?;
            pass.once = steps == 1 && !history.recording.keeps(Kept::Nodes);
            if certified && number == 0 {
                state.certificate = Some(Certificate::new(setting, tile.queries.len(), history.block())?);
            }
            if sweep == Sweep::Forwards {
                state.momentum = Some(pass.momentum()?);
            }
            let restore = |mut reader| state.restore(backend, spec, &mut finished, &mut reader);
            let done = earlier.take().map(restore).transpose()?.unwrap_or(0);
            let way = Way { sweep, number, of: ways, done };
            self.go(&pass, &mut state, (&way, &mut recall), &mut finished, keeper)?;
            state.end(backend, &mut finished)?;
        }
        if spec.tangent {
            finished.tangent_initial = setting.tangent(tile, &recall.before(0)?)?;
        }
        state.download(backend, &mut finished)?;
        finished.check(&history.steps)?;
        Ok(finished)
    }

    /// Goes one way along the path.
    fn go<'a>(
        &'a self,
        pass: &Pass<'a, B>,
        state: &mut State<'a, B>,
        (way, recall): (&Way, &mut Recall<'_, B>),
        finished: &mut Finished,
        keeper: &mut dyn Keeper,
    ) -> std::result::Result<(), Error> {
        let (backend, spec, history) = (self.setting.backend, self.setting.spec, self.tape.history());
        let (steps, &Way { sweep, number: place, of, mut done }) = (history.steps.len(), way);
        // Nodes of a query count once, whatever the number of ways.
        let mut beside = Account::new(0, steps);
        if steps == 0 {
            pass.read_values(state, 0, &recall.before(0)?)?;
            state.end_block(backend, 0, 0, &mut finished.account)?;
        }
        sweep.each(recall, sweep.left(steps, done), &mut |number, leg, next| {
            let account = if place == 0 { &mut finished.account } else { &mut beside };
            self.step(pass, state, (number, leg, next), account)?;
            let (block, window) = (self.block_of(number), state.windows.as_ref().and_then(|own| own.begins(number)));
            let left = sweep.leaves(&block, number);
            if (left || window.is_some()) && state.sums.first_not_finite(backend)?.is_some() {
                return Err(self.not_finite(pass.tile, sweep, block)?);
            }
            if left {
                state.end_block(backend, block.start, block.len(), account)?;
            }
            if let Some(window) = window {
                state.end_window(backend, window)?;
            }
            done += 1;
            let share = (place * steps + done) as f64 / (of * steps) as f64;
            keeper.step(share, &mut |writer| state.save(backend, spec, (place, done), finished, writer))
        })
    }

    /// The steps that are summed together with one.
    fn block_of(&self, number: usize) -> Range<usize> {
        let history = self.tape.history();
        let (block, steps) = (history.block(), history.steps.len());
        let first = number / block * block;
        first..steps.min(first + block)
    }

    /// Adds step `number`, which is a leg that ends at the weights `next`.
    fn step<'a>(
        &'a self,
        pass: &Pass<'a, B>,
        state: &mut State<'a, B>,
        (number, leg, next): (usize, &Leg<B>, &B::Buffer),
        account: &mut Account,
    ) -> std::result::Result<(), Error> {
        let (setting, history, block) = (&self.setting, self.tape.history(), self.block_of(number));
        let (step, place) = (&history.steps[number], number - block.start);
        // The neighbour in the block has read the values between them.
        match pass.sweep {
            Sweep::Backwards if number + 1 < block.end => {}
            _ => pass.read_values(state, place + 1, next)?,
        }
        match pass.sweep {
            Sweep::Forwards if place > 0 => {}
            _ => pass.read_values(state, place, &leg.weights)?,
        }
        if history.recording.keeps(Kept::Nodes) {
            for at in At::flow(setting, self.tape, (number, step), place)? {
                pass.step(state, &at, account)?;
            }
        } else {
            pass.step(state, &At::segment(setting, leg, next, (number, step), place)?, account)?;
        }
        Ok(())
    }

    /// Computes some steps again, one by one, to find the step and the layer in which a tile's numbers are no longer finite.
    /// It begins without ψ or momentum: what other steps have left of it was finite.
    fn not_finite(&self, tile: &Tile, sweep: Sweep, steps: Range<usize>) -> std::result::Result<Error, Error> {
        let setting = Setting { spec: &Spec { layers: true, ..self.setting.spec.clone() }, ..self.setting };
        let (integration, history) = (Integration { setting, tape: self.tape }, self.tape.history());
        let (backend, network, training) = (setting.backend, setting.network, setting.training());
        let mut recall = Recall::new(&training, self.tape);
        let pass = Pass::new(&integration.setting, tile, setting.spec.triangle(&history.steps), sweep)?;
        let mut state = State::new(&integration.setting, tile)?;
        state.certificate = Some(Certificate::new(&setting, tile.queries.len(), history.block())?);
        if sweep == Sweep::Forwards {
            state.momentum = Some(pass.momentum()?);
        }
        let mut account = Account::new(tile.queries.len() * setting.rows(), history.steps.len());
        let mut found = None;
        sweep.each(&mut recall, steps.clone(), &mut |number, leg, next| {
            if found.is_some() {
                return Ok(());
            }
            integration.step(&pass, &mut state, (number, leg, next), &mut account)?;
            found = state.sums.first_not_finite(backend)?.map(|group| (number, group));
            Ok(())
        })?;
        let (steps, layer) = match found {
            Some((number, group)) => (number..number + 1, Some(network.blocks[network.layers()[group].start].layer)),
            None => (steps, None),
        };
        Ok(Error::NotFinite { first: steps.start, last: steps.end - 1, layer })
    }
}

/// A way along the path, its number and of how many, and the steps of it that are done.
struct Way {
    sweep: Sweep,
    number: usize,
    of: usize,
    done: usize,
}

impl<'a, B: Backend> Setting<'a, B> {
    /// Columns of the arrays.
    pub(super) fn columns(&self) -> usize {
        self.groups.map_or(self.examples.count(), Groups::count)
    }

    /// Nothing yet of the windows of training between some borders, of a tile.
    fn windows(&self, tile: &Tile, borders: Vec<usize>) -> Windows {
        let groups = if self.spec.layers { self.network.layers().len() } else { 1 };
        Windows::new(borders, groups, Entries::Loss.len(self.rows(), 1, tile.queries.len(), tile.examples.len()))
    }

    /// The training that made the path. Each step has its own factor of clipping, so `clip_norm` is not needed.
    pub(super) fn training(&self) -> Training<'a, B> {
        Training {
            backend: self.backend,
            network: self.in_training,
            loss: self.spec.loss,
            optimizer: self.spec.optimizer.clone(),
            clip_norm: 0.0,
            examples: self.examples,
            targets: self.targets,
        }
    }

    /// The tangent kernel of a tile at some weights. It is of no step of training, so the examples meet the network as the
    /// queries do.
    fn tangent(&self, tile: &Tile, weights: &B::Buffer) -> Result<Vec<Vec<f64>>> {
        let spec = Spec {
            kernel: self.spec.kernel,
            symmetric: self.spec.symmetric,
            readout: self.spec.readout,
            chosen: self.spec.chosen.clone(),
            attribution: false,
            ..Spec::at_once(self.spec.loss)
        };
        let setting = Setting { spec: &spec, in_training: self.network, ..*self };
        let mut evaluation = Evaluation::new(&setting, tile)?;
        evaluation.add(weights)?;
        evaluation.fold()?;
        evaluation.state.sums.kernel.download(self.backend)
    }
}

impl Spec {
    /// The attribution of a step of learning rate 1, at a single point.
    pub fn at_once(loss: Loss) -> Self {
        let optimizer = Optimizer::Sgd(Sgd::plain(1.0));
        Self { rule: Rule::Left, readout: Readout::Outputs, ..Self::new(loss, optimizer) }
    }
}

/// Evaluations at single weights, added to accumulators that stay on the device: a tangent kernel, or the loss gradients'.
pub struct Evaluation<'a, B: Backend> {
    pass: Pass<'a, B>,
    state: State<'a, B>,
    step: Step,
}

impl<'a, B: Backend> Evaluation<'a, B> {
    /// Begins with zeros. The optimizer should be one without memory.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(setting: &'a Setting<'a, B>, tile: &'a Tile) -> Result<Self> {
        let examples = setting.examples.count();
        let step = Step { learning_rate: 1.0, batch: None, examples, share: 1.0, total: examples as f64, clip: 1.0 };
        let triangle = setting.spec.triangle(std::slice::from_ref(&step));
        Ok(Self {
            pass: Pass::new(setting, tile, triangle, Sweep::Backwards)?,
            state: State::new(setting, tile)?,
            step,
        })
    }

    /// Adds the kernel (and attributions) at some weights, times 1.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn add(&mut self, weights: &B::Buffer) -> Result<()> {
        let at = At::single(weights, &self.step);
        self.pass.step(&mut self.state, &at, &mut Account::new(0, 1))
    }

    /// Ends a block of evaluations.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn fold(&mut self) -> Result<()> {
        self.state.fold(self.pass.setting.backend)
    }
}
