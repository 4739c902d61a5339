//! Goes back through the steps of a recorded path with the derivatives of a tile's readouts.

use super::Influence;
use super::columns::Pick;
use super::covector::Covector;
use super::results::{Results, Size};
use crate::compute::{self, Backend, Layout, MatMul, RowMap, Slice, SliceMut, Start, widen};
use crate::error::Error;
use crate::formats::StateWriter;
use crate::graph::primitive::fresh;
use crate::graph::{Factor, Segment, Turn, ones_but};
use crate::keeper::Keeper;
use crate::optimizer::{Passed, Vectors};
use crate::path::{Finished, Setting, Tile};
use crate::tangent::write_gradient;
use crate::tape::{Step, Tape};
use crate::training::{BatchPart, CLIP_EPS, Passage, Replay, Training};

/// The derivatives of readouts by the examples' weights, along a recorded path.
pub(crate) struct Differentiation<'a, B: Backend> {
    /// What tiles share.
    pub setting: Setting<'a, B>,
    /// The training that made the path, or that it was held against.
    pub training: Training<'a, B>,
    /// The same of the network that derivatives are taken of.
    pub derived: Training<'a, B>,
    /// The path.
    pub tape: &'a dyn Tape<B::Element>,
    /// What is asked.
    pub influence: Influence,
}

/// A tile under way.
struct State<B: Backend> {
    /// `[R, queries]`.
    covectors: Vec<Covector<B>>,
    results: Results<B>,
    /// Steps that are left.
    left: usize,
}

impl<B: Backend> Differentiation<'_, B> {
    /// The influences of a tile, or goes on with one that was interrupted. `keeper` is told of each step.
    ///
    /// # Errors
    ///
    /// A device error, a trajectory that cannot be read, numbers that are not finite, or an error of the keeper.
    pub fn tile(&self, tile: &Tile, keeper: &mut dyn Keeper) -> Result<Finished, Error> {
        let (backend, steps) = (self.setting.backend, &self.tape.history().steps);
        let mut replay = Replay::new(&self.training, self.tape);
        let mut state = self.begin(tile, &mut replay, keeper)?;
        // A block ahead costs its steps' gradients, going back through a step as many again for each vector.
        let vectors = state.covectors.len();
        let share = move |ahead: (usize, usize), left: usize| {
            let ahead = if ahead.1 == 0 { 1.0 } else { ahead.0 as f64 / ahead.1 as f64 };
            let back = 1.0 - left as f64 / steps.len().max(1) as f64;
            (ahead + vectors as f64 * back) / (1 + vectors) as f64
        };
        while replay.ahead().0 < replay.ahead().1 {
            replay.advance()?;
            keeper.step(share(replay.ahead(), state.left), &mut |writer| self.save(&replay, &state, writer))?;
        }
        let (mut after, heard) = (replay.before(state.left)?, self.heard()?);
        while state.left > 0 {
            let number = state.left - 1;
            let passage = replay.passage(number)?;
            self.step(&mut state, (number, &passage), &after, heard.as_ref())?;
            (after, state.left) = (passage.leg.weights, number);
            keeper.step(share(replay.ahead(), number), &mut |writer| self.save(&replay, &state, writer))?;
        }
        state.results.finish(backend, &steps.iter().map(|step| step.learning_rate).collect::<Vec<_>>())
    }

    /// A tile of which no step is done, or what the keeper has of it.
    fn begin(&self, tile: &Tile, replay: &mut Replay<'_, B>, keeper: &mut dyn Keeper) -> Result<State<B>, Error> {
        let (setting, backend, steps) = (&self.setting, self.setting.backend, self.tape.history().steps.len());
        let (rows, queries, columns) = (setting.rows(), tile.queries.len(), tile.examples.len());
        let mut results = Results::new(backend, Size { rows, queries, columns, steps })?;
        if let Some(mut reader) = keeper.earlier()? {
            let left = reader.take_counts("steps left", 1)?[0].min(steps);
            replay.restore(&mut reader)?;
            let mut covectors = Covector::zeros(setting, tile)?;
            covectors.iter_mut().try_for_each(|own| own.restore(backend, &mut reader))?;
            results.restore(backend, &mut reader)?;
            return Ok(State { covectors, results, left });
        }
        let covectors = Covector::last(setting, tile, &backend.upload(&self.tape.last()?)?)?;
        for (value, own) in covectors.iter().enumerate() {
            results.put_length(backend, (value, steps), self.vectors().all(&own.adjoint.weights))?;
        }
        Ok(State { covectors, results, left: steps })
    }

    fn save(&self, replay: &Replay<'_, B>, state: &State<B>, writer: &mut StateWriter) -> Result<(), Error> {
        let Setting { backend, network, .. } = self.setting;
        writer.put_counts("steps left", &[state.left])?;
        replay.save(writer)?;
        state.covectors.iter().try_for_each(|own| own.save(backend, network, writer))?;
        state.results.save(backend, writer)
    }

    /// Flat vectors of the trained weights.
    fn vectors(&self) -> Vectors<'_, B> {
        Vectors { backend: self.setting.backend, len: self.setting.network.trained_len }
    }

    /// Ones, and zeros where no example's loss has a gradient; `None` where all may have one.
    fn heard(&self) -> Result<Option<B::Buffer>, Error> {
        let network = self.training.network;
        Ok(ones_but(self.setting.backend, network.trained_len, &network.without_gradient())?)
    }

    /// Goes back through a step, which ends at the weights `after`.
    fn step(
        &self,
        state: &mut State<B>,
        (number, passage): (usize, &Passage<B>),
        after: &B::Buffer,
        heard: Option<&B::Buffer>,
    ) -> Result<(), Error> {
        let (backend, vectors, history) = (self.setting.backend, self.vectors(), self.tape.history());
        let (step, weights) = (&history.steps[number], &passage.leg.weights);
        let mut change = vectors.difference(after, weights)?;
        if let Some(unexplained) = &passage.leg.unexplained {
            vectors.add(&mut change, -1.0, unexplained)?;
        }
        let clip = Clip::of(&vectors, step, passage)?;
        let mut along = Vec::new();
        for (value, own) in state.covectors.iter_mut().enumerate() {
            let lambda = vectors.all(&own.adjoint.weights);
            state.results.put_moved(backend, (value, number), lambda, vectors.all(&change))?;
            let (rate, eps) = (step.learning_rate, self.influence.eps);
            let passed = Passed { number, rate, weights, kept: passage.kept(), eps };
            let psi = self.training.optimizer.back(&vectors, &passed, &mut own.adjoint)?;
            let mut q = clip.through(&vectors, psi)?;
            if let Some(heard) = heard {
                q = vectors.product(&q, heard)?;
            }
            along.push(self.training.whole(q, None)?);
        }
        for held in self.training.parts(step) {
            self.add(state, &BatchPart::new(&self.derived, number, &held)?, &held, weights, &along)?;
        }
        for (value, own) in state.covectors.iter_mut().enumerate() {
            if let Some(running) = &mut own.running {
                self.training.network.back_to_earlier_statistics(backend, running)?;
            }
            state.results.put_length(backend, (value, number), vectors.all(&own.adjoint.weights))?;
        }
        let block = history.block();
        if number.is_multiple_of(block) && block < history.steps.len() {
            state.results.influence.fold(backend)?;
        }
        Ok(())
    }

    /// Adds what a part of a step's batch has along q of each value: the influences of its rows, and what its gradients owe to the
    /// weights.
    fn add(
        &self,
        state: &mut State<B>,
        part: &BatchPart<B>,
        held: &[(usize, f64)],
        weights: &B::Buffer,
        along: &[B::Buffer],
    ) -> Result<(), Error> {
        let Training { backend, network, loss, targets, .. } = self.derived;
        let (segment, rows, width) = (Segment::at(weights), part.rows, network.outputs);
        let mut pass = part.pass(&self.derived, weights)?;
        network.keep_slopes(backend, &mut pass)?;
        let outputs = network.outputs(&pass);
        let gradient = targets.losses(backend, loss, outputs, &part.places)?.gradient;
        let whole = Slice::new(&gradient, 0, rows * width);
        let picks = Pick::all(backend, self.setting.groups, held)?;
        let gradients: Vec<_> =
            picks.iter().map(|pick| pick.of(backend, whole, width)).collect::<compute::Result<_>>()?;
        let back = network.deltas(backend, segment, &pass, (1, backend.copied(whole)?))?;
        let all: Vec<u32> = (0..rows as u32).collect();
        let less = RowMap::new(backend, &[0, rows as u32], &all, &vec![-1.0; rows])?;
        let scale = -1.0 / self.influence.weight;
        for (value, direction) in along.iter().enumerate() {
            let derivatives = network.directional(backend, segment, &pass, &[direction])?;
            let Some(moved) = network.output_derivatives(&derivatives) else { return Ok(()) };
            for (pick, gradient) in picks.iter().zip(&gradients) {
                let own = pick.of(backend, moved, width)?;
                let pair = [pick.slice(gradient, whole), pick.slice(&own, moved)];
                state.results.add(backend, (value, scale), pick, pair)?;
            }
            let change = targets.curvature(backend, loss, outputs, moved, &part.places)?;
            let own = &mut state.covectors[value];
            let mut changes = vec![(network.output(), change)];
            if let Some(running) = &own.running {
                changes.extend(network.back_from_statistics(backend, &pass, running, -1.0)?);
            }
            let turn = Turn { direction, derivatives: &derivatives, changes };
            network.tangent_of_backward(backend, segment, (&pass, &back), turn, &mut |factor| {
                let factor = Factor { structure: factor.structure.unpadded(), ..factor };
                let (offset, len) = (network.blocks[factor.block].offset, factor.structure.len());
                let out = SliceMut::new(&mut own.adjoint.weights, offset, len);
                write_gradient(backend, &less, None, &factor, Start::Output, out)
            })?;
        }
        Ok(())
    }
}

/// How a step's loss gradient G was clipped: by a factor that depends on its norm.
struct Clip<'a, B: Backend> {
    factor: f64,
    /// The gradient as clipped, and what it is multiplied by along itself; `None` where nothing was clipped.
    along: Option<(&'a B::Buffer, f64)>,
}

impl<'a, B: Backend> Clip<'a, B> {
    fn of(vectors: &Vectors<'_, B>, step: &Step, passage: &'a Passage<B>) -> Result<Self, Error> {
        let Some(gradient) = passage.gradient.as_ref().filter(|_| step.clip != 1.0) else {
            return Ok(Self { factor: 1.0, along: None });
        };
        let values = vectors.backend.download(vectors.all(gradient))?;
        let norm = widen(&values).iter().map(|value| value * value).sum::<f64>().sqrt() / step.clip;
        let along = (norm > 0.0).then(|| (gradient, -1.0 / (step.clip * (norm + CLIP_EPS) * norm)));
        Ok(Self { factor: step.clip, along })
    }

    /// From ψ, minus the derivative of a number by the clipped gradient, minus that by the gradient itself:
    /// `c ψ - c / ((‖G‖ + eps) ‖G‖) (ψ · G) G`.
    fn through(&self, vectors: &Vectors<'_, B>, mut psi: B::Buffer) -> Result<B::Buffer, Error> {
        let Some((gradient, scale)) = self.along else { return Ok(psi) };
        let (backend, len) = (vectors.backend, vectors.len);
        let dot = fresh(backend, 1, |out| {
            let shape =
                MatMul { rows: 1, columns: 1, depth: len, layout: Layout::Transposed, start: Start::Value(0.0) };
            backend.matmul(&shape, out, vectors.all(&psi), vectors.all(gradient), None)
        })?;
        let along = fresh(backend, len, |out| {
            let shape = MatMul { rows: len, columns: 1, depth: 1, layout: Layout::Plain, start: Start::Value(0.0) };
            backend.matmul(&shape, out, vectors.all(gradient), Slice::new(&dot, 0, 1), None)
        })?;
        vectors.blend(&mut psi, self.factor, scale, &along)?;
        Ok(psi)
    }
}
