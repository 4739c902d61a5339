//! One tile of queries and examples, integrated along the recorded path.

use super::Quadrature;
use crate::backend::{Backend, LossBatch, Result, RowMap, Slice, SliceMut};
use crate::error::Error;
use crate::network::{Forward, Network, Segment, along};
use crate::run_file::Loss;
use crate::tangent::{Contraction, Entries, ExampleRows, QueryRows, Sum, Term};
use crate::training::{Examples, Step, TargetBuffer, Trajectory};
use std::ops::Range;
use std::rc::Rc;

/// What to integrate.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The loss.
    pub loss: Loss,
    /// λ.
    pub weight_decay: f64,
    /// The rule on each segment.
    pub quadrature: Quadrature,
    /// Whether to sum attributions.
    pub attribution: bool,
    /// Which entries of the kernel, if any.
    pub kernel: Option<Entries>,
    /// Whether to sum the coefficients' numerators.
    pub coefficients: bool,
    /// Whether to take the tangent kernel at both ends.
    pub tangent: bool,
    /// Whether to keep the layers apart.
    pub layers: bool,
    /// The contraction of each layer.
    pub contraction: Vec<Contraction>,
}

/// A range of queries and a range of examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Queries.
    pub queries: Range<usize>,
    /// Examples.
    pub examples: Range<usize>,
}

/// A finished tile. Arrays per layer where asked, else one; each laid out as [`Entries`] says.
#[derive(Debug, Default)]
pub struct Finished {
    /// Attribution.
    pub attribution: Vec<Vec<f64>>,
    /// Path kernel.
    pub kernel: Vec<Vec<f64>>,
    /// `-Σ_s ε_s share_s (φ_s · J) ∂L/∂f`, the coefficients times the kernel.
    pub numerator: Vec<Vec<f64>>,
    /// Tangent kernel at the first weights.
    pub tangent_initial: Vec<Vec<f64>>,
    /// Tangent kernel at the last weights.
    pub tangent_final: Vec<Vec<f64>>,
    /// `[C, queries]`: the term of weight decay.
    pub regularizer: Vec<f64>,
    /// `[queries, C]`: outputs at the first weights.
    pub initial: Vec<f64>,
    /// `[queries, C]`: outputs at the last weights.
    pub prediction: Vec<f64>,
    /// `[queries, C]`: `Σ_s f(w_{s+1}) - f(w_s) - φ_s · Δw_s`, what the quadrature misses.
    pub missed: Vec<f64>,
    /// The largest `|f(w_{s+1}) - f(w_s) - φ_s · Δw_s|` of each step.
    pub residuals: Vec<f64>,
}

/// Everything that tiles share.
pub struct Integration<'a, B: Backend> {
    /// The device.
    pub backend: &'a B,
    /// The network.
    pub network: &'a Network,
    /// The recorded path.
    pub trajectory: &'a Trajectory,
    /// What to compute.
    pub spec: &'a Spec,
    /// The training inputs.
    pub examples: &'a Examples<B>,
    /// `[n, …]` query inputs, on the host.
    pub queries: &'a [B::Element],
    /// The training targets on the device.
    pub targets: &'a TargetBuffer<B>,
}

/// The sums that one kind of output needs: one for all layers, or one a layer.
struct Sums<B: Backend>(Vec<Sum<B>>);

impl<B: Backend> Sums<B> {
    fn new(backend: &B, wanted: bool, groups: usize, len: usize) -> Result<Self> {
        let count = if wanted { groups } else { 0 };
        Ok(Self((0..count).map(|_| Sum::new(backend, len)).collect::<Result<_>>()?))
    }

    fn fold(&mut self, backend: &B) -> Result<()> {
        self.0.iter_mut().try_for_each(|sum| sum.fold(backend))
    }

    fn download(&self, backend: &B) -> Result<Vec<Vec<f64>>> {
        self.0.iter().map(|sum| sum.download(backend)).collect()
    }

    fn block(&mut self, layer: usize) -> Option<&mut B::Buffer> {
        let group = if self.0.len() > 1 { layer } else { 0 };
        self.0.get_mut(group).map(Sum::block)
    }
}

/// The examples of a tile that a step's batch holds, on the device.
struct Batch<B: Backend> {
    count: usize,
    columns: B::Index,
    all_columns: B::Index,
    examples: B::Index,
    share: B::Buffer,
    inputs: B::Buffer,
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
        Pass::new(self, tile)?.run(progress)
    }
}

/// The state of one tile's integration.
struct Pass<'a, B: Backend> {
    shared: &'a Integration<'a, B>,
    tile: &'a Tile,
    query_inputs: B::Buffer,
    node_inputs: B::Buffer,
    tau: B::Buffer,
    rows: QueryRows<B>,
    /// The batch that holds every example, once a step has asked for it.
    full: Option<Rc<Batch<B>>>,
    attribution: Sums<B>,
    kernel: Sums<B>,
    numerator: Sums<B>,
    regularizer: Sum<B>,
    explained: B::Buffer,
    values: B::Buffer,
}

impl<'a, B: Backend> Pass<'a, B> {
    fn new(shared: &'a Integration<'a, B>, tile: &'a Tile) -> Result<Self> {
        let (backend, spec, network) = (shared.backend, shared.spec, shared.network);
        let (queries, examples, outputs) = (tile.queries.len(), tile.examples.len(), network.outputs);
        let (width, nodes) = (network.input_len(), spec.quadrature.nodes.len());
        let inputs = &shared.queries[tile.queries.start * width..tile.queries.end * width];
        let query_inputs = backend.upload(inputs)?;
        let repeated: Vec<u32> = (0..queries * nodes).map(|row| (row / nodes) as u32).collect();
        let mut node_inputs = backend.zeros(queries * nodes * width)?;
        backend.gather(
            SliceMut::new(&mut node_inputs, 0, queries * nodes * width),
            Slice::new(&query_inputs, 0, queries * width),
            &backend.index(&repeated)?,
            width,
        )?;
        let tau: Vec<B::Element> =
            (0..queries * nodes).map(|row| element::<B>(spec.quadrature.nodes[row % nodes])).collect();
        let groups = if spec.layers { network.parameters.len() } else { 1 };
        let kernel_len = spec.kernel.map_or(0, |entries| entries.len(outputs, queries, examples));
        let attribution_len = Entries::Loss.len(outputs, queries, examples);
        let block = shared.trajectory.block();
        Ok(Self {
            shared,
            tile,
            query_inputs,
            node_inputs,
            tau: backend.upload(&tau)?,
            rows: QueryRows::new(backend, outputs, queries, &spec.quadrature.weights)?,
            full: None,
            attribution: Sums::new(backend, spec.attribution, groups, attribution_len)?,
            kernel: Sums::new(backend, spec.kernel.is_some(), groups, kernel_len)?,
            numerator: Sums::new(backend, spec.coefficients, 1, kernel_len)?,
            regularizer: Sum::new(backend, outputs * queries)?,
            explained: backend.zeros(block * outputs * queries)?,
            values: backend.zeros((block + 1) * outputs * queries)?,
        })
    }

    fn run(
        mut self,
        progress: &mut dyn FnMut() -> std::result::Result<(), Error>,
    ) -> std::result::Result<Finished, Error> {
        let (backend, trajectory) = (self.shared.backend, self.shared.trajectory);
        let steps = trajectory.steps.len();
        let block = trajectory.block();
        let mut finished = Finished::default();
        let mut weights = backend.upload(&trajectory.weights::<B::Element>(0)?)?;
        if self.shared.spec.tangent {
            finished.tangent_initial = self.tangent(&weights)?;
        }
        for (number, step) in trajectory.steps.iter().enumerate() {
            let next = backend.upload(&trajectory.weights::<B::Element>(number + 1)?)?;
            self.step(number % block, step, &weights, &next)?;
            weights = next;
            if (number + 1) % block == 0 || number + 1 == steps {
                self.end_block(number % block + 1, &weights, &mut finished)?;
            }
            progress()?;
        }
        if steps == 0 {
            self.end_block(0, &weights, &mut finished)?;
        }
        if self.shared.spec.tangent {
            finished.tangent_final = self.tangent(&weights)?;
        }
        finished.attribution = self.attribution.download(backend)?;
        finished.kernel = self.kernel.download(backend)?;
        finished.numerator = self.numerator.download(backend)?;
        finished.regularizer = self.regularizer.download(backend)?;
        Ok(finished)
    }

    /// Whether this tile also computes what belongs to its queries alone.
    fn leads(&self) -> bool {
        self.tile.examples.start == 0
    }

    /// Folds the sums and reads the certificate of a block of `count` steps that ended at `weights`.
    fn end_block(&mut self, count: usize, weights: &B::Buffer, finished: &mut Finished) -> Result<()> {
        let backend = self.shared.backend;
        self.attribution.fold(backend)?;
        self.kernel.fold(backend)?;
        self.numerator.fold(backend)?;
        self.regularizer.fold(backend)?;
        if !self.leads() {
            return Ok(());
        }
        self.query_values(count, weights)?;
        let (queries, outputs) = (self.tile.queries.len(), self.shared.network.outputs);
        let size = queries * outputs;
        let values = widen::<B>(&backend.download(Slice::new(&self.values, 0, (count + 1) * size))?);
        let explained =
            widen::<B>(&backend.download(Slice::new(&self.explained, 0, self.shared.trajectory.block() * size))?);
        finished.missed.resize(size, 0.0);
        for step in 0..count {
            let mut largest = 0.0f64;
            for (entry, missed) in finished.missed.iter_mut().enumerate() {
                let (query, output) = (entry / outputs, entry % outputs);
                let change = values[(step + 1) * size + entry] - values[step * size + entry];
                let rest = change - explained[step * size + output * queries + query];
                *missed += rest;
                largest = largest.max(rest.abs());
            }
            finished.residuals.push(largest);
        }
        backend.fill(SliceMut::new(&mut self.explained, 0, self.shared.trajectory.block() * size), 0.0)?;
        if finished.initial.is_empty() {
            finished.initial = values[..size].to_vec();
        }
        finished.prediction = values[count * size..].to_vec();
        Ok(())
    }

    /// The queries' outputs at the weights of a place in the block.
    fn query_values(&mut self, place: usize, weights: &B::Buffer) -> Result<()> {
        let (backend, network) = (self.shared.backend, self.shared.network);
        let queries = self.tile.queries.len();
        let inputs = Slice::new(&self.query_inputs, 0, queries * network.input_len());
        let pass = network.forward(backend, Segment::at(weights), inputs, queries)?;
        let size = queries * network.outputs;
        backend.copy(SliceMut::new(&mut self.values, place * size, size), network.outputs(&pass))
    }

    fn step(&mut self, place: usize, step: &Step, weights: &B::Buffer, next: &B::Buffer) -> Result<()> {
        let (backend, network, spec) = (self.shared.backend, self.shared.network, self.shared.spec);
        let batch = self.batch(step)?;
        if self.leads() {
            self.query_values(place, weights)?;
        } else if batch.is_none() {
            return Ok(());
        }
        let mut change = backend.zeros(network.len)?;
        backend.copy(SliceMut::new(&mut change, 0, network.len), Slice::new(next, 0, network.len))?;
        backend.axpy(SliceMut::new(&mut change, 0, network.len), -1.0, Slice::new(weights, 0, network.len))?;

        let Some(batch) = batch else {
            return self.queries(place, step, weights, &change, None);
        };
        let inputs = Slice::new(&batch.inputs, 0, batch.count * network.input_len());
        let pass = network.forward(backend, Segment::at(weights), inputs, batch.count)?;
        let examples = self.examples(spec, weights, &batch, &pass)?;
        self.queries(place, step, weights, &change, Some((&batch, &pass, &examples)))
    }

    /// The tile's part of a step's batch.
    fn batch(&mut self, step: &Step) -> Result<Option<Rc<Batch<B>>>> {
        if step.batch.is_some() {
            return Ok(self.gather_batch(step)?.map(Rc::new));
        }
        if self.full.is_none() {
            self.full = self.gather_batch(step)?.map(Rc::new);
        }
        Ok(self.full.clone())
    }

    fn gather_batch(&self, step: &Step) -> Result<Option<Batch<B>>> {
        let (backend, network) = (self.shared.backend, self.shared.network);
        let (start, size) = (self.tile.examples.start, self.tile.examples.len());
        let held: Vec<(usize, f64)> = step.shares(&self.tile.examples);
        if held.is_empty() {
            return Ok(None);
        }
        let columns: Vec<u32> = held.iter().map(|&(example, _)| (example - start) as u32).collect();
        let examples: Vec<u32> = held.iter().map(|&(example, _)| example as u32).collect();
        let share: Vec<B::Element> = held.iter().map(|&(_, share)| element::<B>(share)).collect();
        let all_columns: Vec<u32> = (0..network.outputs)
            .flat_map(|copy| columns.iter().map(move |&column| (copy * size) as u32 + column))
            .collect();
        Ok(Some(Batch {
            count: held.len(),
            inputs: self.shared.examples.gather(backend, &examples)?,
            columns: backend.index(&columns)?,
            all_columns: backend.index(&all_columns)?,
            examples: backend.index(&examples)?,
            share: backend.upload(&share)?,
        }))
    }

    /// The gradient rows of a batch that the outputs ask for.
    fn examples(
        &self,
        spec: &Spec,
        weights: &B::Buffer,
        batch: &Batch<B>,
        pass: &Forward<'_, B>,
    ) -> Result<StepRows<B>> {
        let (backend, network) = (self.shared.backend, self.shared.network);
        let outputs = network.outputs;
        let size = batch.count * outputs;
        let mut gradient = backend.zeros(size)?;
        let mut statistics = backend.zeros(2 * batch.count)?;
        let losses = LossBatch {
            loss: spec.loss,
            rows: batch.count,
            width: outputs,
            outputs: network.outputs(pass),
            targets: self.shared.targets.targets(),
            examples: &batch.examples,
            share: Slice::new(&batch.share, 0, batch.count),
        };
        let statistics = SliceMut::new(&mut statistics, 0, 2 * batch.count);
        backend.loss(&losses, SliceMut::new(&mut gradient, 0, size), statistics)?;
        let rows = |seed, copies| ExampleRows::new(backend, network, &spec.contraction, weights, pass, seed, copies);
        let seeds = |scale| -> Result<B::Buffer> {
            let mut seed = backend.zeros(size * outputs)?;
            backend.seed(batch.count, outputs, SliceMut::new(&mut seed, 0, size * outputs), scale)?;
            Ok(seed)
        };
        let kernel = spec.kernel.map(|_| rows(seeds(None)?, outputs)).transpose()?;
        let weighted =
            if spec.coefficients { Some(rows(seeds(Some(Slice::new(&gradient, 0, size)))?, outputs)?) } else { None };
        let loss = if spec.attribution { Some(rows(gradient, 1)?) } else { None };
        Ok(StepRows { loss, kernel, weighted })
    }

    /// The query side of a step: gradients at the nodes, contracted layer by layer with the examples'.
    fn queries(
        &mut self,
        place: usize,
        step: &Step,
        weights: &B::Buffer,
        change: &B::Buffer,
        examples: Option<(&Batch<B>, &Forward<'_, B>, &StepRows<B>)>,
    ) -> Result<()> {
        let leads = self.leads();
        let Pass {
            shared, tile, node_inputs, tau, rows, attribution, kernel, numerator, regularizer, explained, ..
        } = self;
        let (backend, network, spec) = (shared.backend, shared.network, shared.spec);
        let (queries, outputs) = (tile.queries.len(), network.outputs);
        let base = queries * spec.quadrature.nodes.len();
        let at_start = spec.quadrature.nodes == [0.0];
        let segment = Segment { weights, step: (!at_start).then(|| (change, Slice::new(tau, 0, base))) };
        let inputs = Slice::new(node_inputs, 0, base * network.input_len());
        let pass = network.forward(backend, segment, inputs, base)?;
        let mut seed = backend.zeros(base * outputs * outputs)?;
        backend.seed(base, outputs, SliceMut::new(&mut seed, 0, base * outputs * outputs), None)?;
        let size = outputs * queries;
        let rate = step.learning_rate;
        network.backward(backend, segment, &pass, outputs, seed, &mut |factor| {
            let own = &network.parameters[factor.index];
            if leads {
                let out = SliceMut::new(&mut *explained, place * size, size);
                apply(backend, own, &rows.map, &factor, change, 1.0, out)?;
                if spec.weight_decay != 0.0 {
                    let out = SliceMut::new(regularizer.block(), 0, size);
                    apply(backend, own, &rows.map, &factor, weights, -spec.weight_decay * rate, out)?;
                }
            }
            let Some((batch, example_pass, examples)) = examples else {
                return Ok(());
            };
            let stride = tile.examples.len();
            let mut terms = Vec::with_capacity(3);
            if let (Some(rows), Some(out)) = (&examples.loss, attribution.block(factor.index)) {
                terms.push(Term { entries: Entries::Loss, rows, columns: &batch.columns, stride, scale: -rate, out });
            }
            let entries = spec.kernel.unwrap_or(Entries::Trace);
            let (columns, stride) = if entries == Entries::Full {
                (&batch.all_columns, stride * outputs)
            } else {
                (&batch.columns, stride)
            };
            if let (Some(rows), Some(out)) = (&examples.kernel, kernel.block(factor.index)) {
                terms.push(Term { entries, rows, columns, stride, scale: rate, out });
            }
            if let (Some(rows), Some(out)) = (&examples.weighted, numerator.block(factor.index)) {
                terms.push(Term { entries, rows, columns, stride, scale: -rate, out });
            }
            let inputs = network.factor_input(example_pass, own);
            rows.contract(backend, own, &factor, &mut terms, inputs)
        })
    }

    /// The tangent kernel of the whole tile at some weights.
    fn tangent(&self, weights: &B::Buffer) -> std::result::Result<Vec<Vec<f64>>, Error> {
        let spec = Spec {
            quadrature: Quadrature { nodes: vec![0.0], weights: vec![1.0] },
            attribution: false,
            coefficients: false,
            tangent: false,
            layers: false,
            ..self.shared.spec.clone()
        };
        let shared = Integration { spec: &spec, ..*self.shared };
        let mut pass = Pass::new(&shared, self.tile)?;
        let step = Step { learning_rate: 1.0, batch: None, examples: self.shared.trajectory.examples, share: 1.0 };
        pass.step(0, &step, weights, weights)?;
        pass.kernel.fold(self.shared.backend)?;
        Ok(pass.kernel.download(self.shared.backend)?)
    }
}

/// The gradient rows of one step's examples.
struct StepRows<B: Backend> {
    loss: Option<ExampleRows<B>>,
    kernel: Option<ExampleRows<B>>,
    weighted: Option<ExampleRows<B>>,
}

/// `out[o] += scale ∇f_o · direction`, one layer's part.
fn apply<B: Backend>(
    backend: &B,
    own: &crate::network::Parameters,
    map: &RowMap<B>,
    factor: &crate::network::Factor<'_, B::Buffer>,
    direction: &B::Buffer,
    scale: f64,
    out: SliceMut<'_, B::Buffer>,
) -> Result<()> {
    let base = factor.input.len / (own.positions * own.width);
    let values = along(backend, own, direction, base, factor.input)?;
    let width = own.positions * if own.is_norm() { own.width } else { own.height };
    backend.row_dot(width, scale, map, out, factor.delta, Slice::new(&values, 0, base * width))
}

fn element<B: Backend>(value: f64) -> B::Element {
    crate::backend::Element::from_f64(value)
}

fn widen<B: Backend>(values: &[B::Element]) -> Vec<f64> {
    values.iter().map(|&value| crate::backend::Element::to_f64(value)).collect()
}
