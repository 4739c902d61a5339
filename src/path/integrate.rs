//! One tile of queries and examples, integrated along the recorded path.

use super::batch::{Batch, Held, StepRows};
use super::sums::{Certificate, State};
use super::{Finished, Quadrature, Spec, Tile};
use crate::backend::{Accumulator, Backend, Entries, Gram, Phase, Result, RowMap, Slice, SliceMut};
use crate::error::Error;
use crate::network::{Factor, Network, Parameters, Segment, along};
use crate::tangent::{Products, QueryFactors, QueryRows, Term, contract};
use crate::training::{Examples, Step, TargetBuffer, Trajectory};

/// Everything that tiles share but the path.
pub struct Setting<'a, B: Backend> {
    /// The device.
    pub backend: &'a B,
    /// The network.
    pub network: &'a Network,
    /// What to compute.
    pub spec: &'a Spec,
    /// The training inputs.
    pub examples: &'a Examples<B>,
    /// `[n, …]` query inputs, on the host.
    pub queries: &'a [B::Element],
    /// The training targets on the device.
    pub targets: &'a TargetBuffer<B>,
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
    pub trajectory: &'a Trajectory,
}

impl<B: Backend> Integration<'_, B> {
    /// Integrates one tile. `progress` is called after each step. The numbers that belong to queries alone
    /// (regularizer, outputs, residuals) are computed for tiles that start at example 0.
    ///
    /// # Errors
    ///
    /// A device error, or a trajectory that cannot be read.
    pub fn tile(
        &self,
        tile: &Tile,
        progress: &mut dyn FnMut() -> std::result::Result<(), Error>,
    ) -> std::result::Result<Finished, Error> {
        let (setting, trajectory) = (&self.setting, self.trajectory);
        let Setting { backend, network, spec, .. } = *setting;
        let pass = Pass::new(setting, tile, spec.triangle(&trajectory.steps))?;
        let mut state = State::new(setting, tile)?;
        let (steps, block) = (trajectory.steps.len(), trajectory.block());
        if tile.examples.start == 0 {
            state.certificate = Some(Certificate::new(backend, tile.queries.len(), network.outputs, block)?);
        }
        let mut finished = Finished::default();
        let mut weights = backend.upload(&trajectory.weights::<B::Element>(0)?)?;
        if spec.tangent {
            finished.tangent_initial = setting.tangent(tile, &weights)?;
        }
        for (number, step) in trajectory.steps.iter().enumerate() {
            let next = backend.upload(&trajectory.weights::<B::Element>(number + 1)?)?;
            pass.step(&mut state, number % block, step, &weights, &next)?;
            weights = next;
            if (number + 1) % block == 0 || number + 1 == steps {
                pass.end_block(&mut state, number % block + 1, &weights, &mut finished)?;
            }
            progress()?;
        }
        if steps == 0 {
            pass.end_block(&mut state, 0, &weights, &mut finished)?;
        }
        if spec.tangent {
            finished.tangent_final = setting.tangent(tile, &weights)?;
        }
        finished.attribution = state.attribution.download(backend)?;
        finished.kernel = state.kernel.download(backend)?;
        finished.numerator = state.numerator.download(backend)?;
        if let Some(certificate) = &state.certificate {
            finished.regularizer = certificate.regularizer.download(backend)?;
        }
        finished.check(&trajectory.steps)?;
        Ok(finished)
    }
}

impl<'a, B: Backend> Setting<'a, B> {
    /// The tangent kernel of a tile at some weights.
    fn tangent(&self, tile: &Tile, weights: &B::Buffer) -> Result<Vec<Vec<f64>>> {
        let spec = Spec {
            quadrature: Quadrature { nodes: vec![0.0], weights: vec![1.0] },
            attribution: false,
            coefficients: false,
            tangent: false,
            layers: false,
            ..self.spec.clone()
        };
        let setting = Setting { spec: &spec, ..*self };
        let mut evaluation = Evaluation::new(&setting, tile)?;
        evaluation.add(weights)?;
        evaluation.fold()?;
        evaluation.state.kernel.download(self.backend)
    }
}

/// Evaluations at single weights, added to accumulators that stay on the device: a tangent kernel, or the loss gradients'.
pub struct Evaluation<'a, B: Backend> {
    pass: Pass<'a, B>,
    state: State<B>,
    step: Step,
}

impl<'a, B: Backend> Evaluation<'a, B> {
    /// Zeros. The rule should be `left`.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(setting: &'a Setting<'a, B>, tile: &'a Tile) -> Result<Self> {
        let step = Step { learning_rate: 1.0, batch: None, examples: setting.examples.count(), share: 1.0 };
        let triangle = setting.spec.triangle(std::slice::from_ref(&step));
        Ok(Self { pass: Pass::new(setting, tile, triangle)?, state: State::new(setting, tile)?, step })
    }

    /// Adds the kernel (and attributions) at some weights, times 1.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn add(&mut self, weights: &B::Buffer) -> Result<()> {
        self.pass.step(&mut self.state, 0, &self.step, weights, weights)
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

/// What a tile's steps share.
struct Pass<'a, B: Backend> {
    setting: &'a Setting<'a, B>,
    tile: &'a Tile,
    inputs: B::Buffer,
    rows: QueryRows<B>,
    triangle: bool,
}

impl<'a, B: Backend> Pass<'a, B> {
    fn new(setting: &'a Setting<'a, B>, tile: &'a Tile, triangle: bool) -> Result<Self> {
        let (backend, network) = (setting.backend, setting.network);
        let width = network.input_len();
        Ok(Self {
            setting,
            tile,
            inputs: backend.upload(&setting.queries[tile.queries.start * width..tile.queries.end * width])?,
            rows: QueryRows::new(backend, network.outputs, tile.queries.len(), &setting.spec.quadrature.weights)?,
            triangle,
        })
    }

    /// Folds the sums and reads the certificate of a block of `count` steps that ended at `weights`.
    fn end_block(
        &self,
        state: &mut State<B>,
        count: usize,
        weights: &B::Buffer,
        finished: &mut Finished,
    ) -> Result<()> {
        state.fold(self.setting.backend)?;
        if let Some(certificate) = &mut state.certificate {
            self.query_values(certificate, count, weights)?;
            certificate.settle(self.setting.backend, count, finished)?;
        }
        Ok(())
    }

    /// The queries' inputs.
    fn query_inputs(&self) -> Slice<'_, B::Buffer> {
        Slice::new(&self.inputs, 0, self.tile.queries.len() * self.setting.network.input_len())
    }

    /// The queries' outputs at the weights of a place in the block.
    fn query_values(&self, certificate: &mut Certificate<B>, place: usize, weights: &B::Buffer) -> Result<()> {
        let (backend, network) = (self.setting.backend, self.setting.network);
        let queries = self.tile.queries.len();
        let pass = network.forward(backend, Segment::at(weights), self.query_inputs(), queries)?;
        let size = queries * network.outputs;
        backend.copy(SliceMut::new(&mut certificate.values, place * size, size), network.outputs(&pass))
    }

    /// Adds one step; the device's time is told apart by phases.
    fn step(
        &self,
        state: &mut State<B>,
        place: usize,
        step: &Step,
        weights: &B::Buffer,
        next: &B::Buffer,
    ) -> Result<()> {
        let before = self.setting.backend.enter(Phase::Passes);
        self.add(state, place, step, weights, next)?;
        self.setting.backend.enter(before);
        Ok(())
    }

    fn add(
        &self,
        state: &mut State<B>,
        place: usize,
        step: &Step,
        weights: &B::Buffer,
        next: &B::Buffer,
    ) -> Result<()> {
        let (backend, network) = (self.setting.backend, self.setting.network);
        let whole = step.batch.is_none();
        let batch = match state.full.take().filter(|_| whole) {
            None => Batch::new(backend, self.setting.examples, &self.tile.examples, step)?,
            batch => batch,
        };
        match &mut state.certificate {
            Some(certificate) => self.query_values(certificate, place, weights)?,
            None if batch.is_none() => return Ok(()),
            None => {}
        }
        let mut change = backend.scratch(network.len)?;
        backend.copy(SliceMut::new(&mut change, 0, network.len), Slice::new(next, 0, network.len))?;
        backend.axpy(SliceMut::new(&mut change, 0, network.len), -1.0, Slice::new(weights, 0, network.len))?;
        let at = Place { number: place, rate: step.learning_rate, weights, change: &change };
        let Some(mut batch) = batch else {
            return self.queries(&mut state.certificate, &at, &mut |_, _| Ok(()));
        };
        self.meet(state, &at, &mut batch)?;
        state.full = whole.then_some(batch);
        Ok(())
    }

    /// The gradient rows of the queries, contracted with those of a batch's examples.
    fn meet(&self, state: &mut State<B>, at: &Place<'_, B>, batch: &mut Batch<B>) -> Result<()> {
        let Setting { backend, network, spec, targets, .. } = *self.setting;
        let (queries, outputs) = (self.tile.queries.len(), network.outputs);
        let Batch { count, columns, examples, share, inputs, constant } = batch;
        let input = Slice::new(inputs, 0, *count * network.input_len());
        let pass = network.forward(backend, Segment::at(at.weights), input, *count)?;
        let held = Held { examples, share };
        let rows = StepRows::new(backend, network, spec, targets, at.weights, &pass, &held)?;

        let mut products = Products::new(network, queries, &pass, constant);
        let mut factors = QueryFactors::new(network, &self.rows, &spec.contraction);
        self.queries(&mut state.certificate, at, &mut |node, factor| {
            factors.add(backend, &network.parameters[factor.index], node, factor, &mut products)
        })?;
        let before = backend.enter(Phase::Contraction);
        factors.finish(backend, network, &mut products)?;

        let layers = network.parameters.len();
        let together = if spec.layers { 1 } else { layers.max(1) };
        let gram = Gram {
            entries: Entries::Loss,
            outputs,
            queries,
            examples: *count,
            stride: self.tile.examples.len(),
            triangle: None,
        };
        for (group, first) in (0..layers).step_by(together).enumerate() {
            let layers = first..first + together;
            if let (Some(rows), Some(into)) = (&rows.loss, state.attribution.of(group, -at.rate)) {
                let mut term = Term { gram, rows, columns, into: vec![into] };
                contract(backend, layers.clone(), &factors, &products, &mut term)?;
            }
            if let (Some(rows), Some(entries)) = (&rows.kernel, spec.kernel) {
                // A tile whose examples begin after its queries is computed whole.
                let Tile { queries, examples } = self.tile;
                let triangle = queries.start.checked_sub(examples.start).filter(|_| self.triangle);
                let numerator = state.numerator.of(group, -at.rate).zip(rows.weights.as_ref());
                let numerator = numerator.map(|(into, weights)| Accumulator {
                    weights: Some(Slice::new(weights, 0, outputs * *count)),
                    ..into
                });
                let into = state.kernel.of(group, at.rate).into_iter().chain(numerator).collect();
                let gram = Gram { entries, triangle, ..gram };
                let mut term = Term { gram, rows: &rows.rows, columns, into };
                contract(backend, layers, &factors, &products, &mut term)?;
            }
        }
        backend.enter(before);
        Ok(())
    }

    /// The gradients of the queries at the nodes of a step: what belongs to them alone, and each layer's factor to
    /// `take`, with the number of the node.
    fn queries(
        &self,
        certificate: &mut Option<Certificate<B>>,
        at: &Place<'_, B>,
        take: &mut Take<'_, B>,
    ) -> Result<()> {
        let Setting { backend, network, spec, .. } = *self.setting;
        let (queries, outputs) = (self.tile.queries.len(), network.outputs);
        let size = outputs * queries;
        for (number, (node, &tau)) in self.rows.nodes.iter().zip(&spec.quadrature.nodes).enumerate() {
            let moved = at.moved(backend, network, tau)?;
            let weights = moved.as_ref().unwrap_or(at.weights);
            let pass = network.forward(backend, Segment::at(weights), self.query_inputs(), queries)?;
            let mut seed = backend.scratch(size * outputs)?;
            backend.seed(queries, outputs, SliceMut::new(&mut seed, 0, size * outputs), None)?;
            network.backward(backend, Segment::at(weights), &pass, outputs, seed, &mut |factor| {
                let own = &network.parameters[factor.index];
                if let Some(certificate) = certificate {
                    let out = SliceMut::new(&mut certificate.explained, at.number * size, size);
                    apply(backend, own, &node.map, &factor, at.change, 1.0, out)?;
                    if spec.weight_decay != 0.0 {
                        let scale = -spec.weight_decay * at.rate;
                        apply(backend, own, &node.map, &factor, at.weights, scale, certificate.regularizer.block())?;
                    }
                }
                let before = backend.enter(Phase::Contraction);
                take(number, factor)?;
                backend.enter(before);
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Is given each layer's factor at each node, with the node's number.
type Take<'a, B> = dyn FnMut(usize, Factor<'_, <B as Backend>::Buffer>) -> Result<()> + 'a;

/// Where on the path a step is.
struct Place<'a, B: Backend> {
    /// Its number in its block.
    number: usize,
    /// ε.
    rate: f64,
    weights: &'a B::Buffer,
    change: &'a B::Buffer,
}

impl<B: Backend> Place<'_, B> {
    /// `w + τ Δw`; `None` at the start.
    fn moved(&self, backend: &B, network: &Network, tau: f64) -> Result<Option<B::Buffer>> {
        if tau == 0.0 {
            return Ok(None);
        }
        let mut moved = backend.scratch(network.len)?;
        backend.copy(SliceMut::new(&mut moved, 0, network.len), Slice::new(self.weights, 0, network.len))?;
        backend.axpy(SliceMut::new(&mut moved, 0, network.len), tau, Slice::new(self.change, 0, network.len))?;
        Ok(Some(moved))
    }
}

/// `out[o] += scale ∇f_o · direction`, one layer's part.
fn apply<B: Backend>(
    backend: &B,
    own: &Parameters,
    map: &RowMap<B>,
    factor: &Factor<'_, B::Buffer>,
    direction: &B::Buffer,
    scale: f64,
    out: SliceMut<'_, B::Buffer>,
) -> Result<()> {
    let base = factor.input.len / (own.positions * own.width);
    let values = along(backend, own, direction, base, factor.input)?;
    let width = own.positions * if own.is_norm() { own.width } else { own.height };
    backend.row_dot(width, scale, map, out, factor.delta(), Slice::new(&values, 0, base * width))
}
