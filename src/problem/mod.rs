/*!
A problem in memory: a network, how it is trained, on what, and what is asked of its predictions.

[`Problem::plan`] counts what the answer costs, [`Problem::train`] makes the path, and [`Problem::explain`] takes the predictions
apart along it. None of them reads or writes a file: paths go to any [`Recorder`] and come from any [`Tape`], and finished tiles
go to whoever asks, for instance to an [`Explanation`].
*/

mod check;
mod choose;
mod data;
mod evaluate;
mod explanation;
mod influence;
mod own;
mod retrain;

pub use data::{QueryData, TrainingData};
pub use evaluate::{Evaluated, Evaluation};
pub use explanation::Explanation;
pub use influence::InfluenceTiles;
pub use own::SelfAttribution;

use crate::compute::{Backend, convert};
use crate::error::Error;
use crate::graph::Graph;
use crate::influence::Influence;
use crate::keeper::Keeper;
use crate::loss::{Aims, Loss, Numbers, Targets};
use crate::optimizer::{Motion, Optimizer, OptimizerState};
use crate::path::{Finished, Integration, Quadrature, Spec, Tile};
use crate::plan::{Cut, Device, Plan};
use crate::tangent::Contraction;
use crate::tape::{Recorder, Recording, Step, Tape};
use crate::training::{Groups, Recorded, Reduction};

/// What the rule `adaptive` takes for a query and step, on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Nodes.
    pub nodes: usize,
    /// Rows that the search for them passes.
    pub searched: f64,
}

/// A network, how it is trained, on what, and what is asked of its predictions.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The network.
    pub network: Graph,
    /// The loss, the optimizer, and what is asked.
    pub spec: Spec,
    /// How each layer that has parameters is contracted; the plan chooses without it.
    pub contraction: Option<Vec<Contraction>>,
    /// What the rule `adaptive` is expected to take for a query and step, where some were looked at; the plan assumes it otherwise.
    pub expected: Option<Expected>,
    /// `[m, …]` training inputs.
    pub inputs: Vec<f64>,
    /// The training targets.
    pub targets: Targets,
    /// Examples that share a column of the arrays, where some do.
    pub groups: Option<Groups>,
    /// The numbers of the loss.
    pub numbers: Numbers,
    /// ω, `[m]`, or `[m, T]` of targets of T positions: what each counts in the loss; each is 1 without them.
    pub weights: Option<Vec<f64>>,
    /// `[n, …]` query inputs, where they are not the training set.
    pub queries: Option<Vec<f64>>,
    /// Targets of the queries, where known.
    pub query_targets: Option<Targets>,
    /// The steps; none of gradient flow, which takes its own.
    pub steps: Vec<Step>,
    /// How a batch's losses are combined.
    pub reduction: Reduction,
    /// The largest norm of the loss gradient; 0: not clipped.
    pub clip_norm: f64,
    /// The path is recorded every so many steps, and the steps between are made again when they are needed.
    pub every: usize,
    /// Whether the path was recorded elsewhere, so that the optimizer may not explain all of it.
    pub imported: bool,
    /// Whether the weights' change is taken apart as well.
    pub superposition: bool,
    /// Examples whose part of the weights' change is wanted whole.
    pub superposition_vectors: Vec<u32>,
    /// Whether what each example contributed to its own readout is wanted; see [`SelfAttribution`].
    pub own: bool,
    /// What is asked of the influence, where it is; see [`InfluenceTiles`].
    pub influence: Option<Influence>,
}

impl Problem {
    /// A network that is trained on some examples, which are the queries as well. [`Spec::new`] says what is asked, and no step
    /// is taken yet.
    pub fn new(network: Graph, loss: Loss, optimizer: Optimizer, inputs: Vec<f64>, targets: Targets) -> Self {
        let symmetric = !network.differs_in_training();
        Self {
            network,
            spec: Spec { symmetric, ..Spec::new(loss, optimizer) },
            contraction: None,
            expected: None,
            inputs,
            query_targets: Some(targets.clone()),
            targets,
            groups: None,
            numbers: Numbers::default(),
            weights: None,
            queries: None,
            steps: Vec::new(),
            reduction: Reduction::Mean,
            clip_norm: 0.0,
            every: 1,
            imported: false,
            superposition: false,
            superposition_vectors: Vec::new(),
            own: false,
            influence: None,
        }
    }

    /// The same with queries `[n, …]` of their own, and their targets where known.
    pub fn asking(mut self, queries: Vec<f64>, targets: Option<Targets>) -> Self {
        self.spec.symmetric = false;
        Self { queries: Some(queries), query_targets: targets, ..self }
    }

    /// The same with a column of the arrays for each group of examples.
    pub fn grouped(mut self, groups: Groups) -> Self {
        self.spec.symmetric = false;
        Self { groups: Some(groups), ..self }
    }

    /// The same on a path that starts in the middle: the optimizer goes on from a state, whose part of the answer is
    /// [`Account::earlier`](crate::path::Account::earlier).
    pub fn going_on(self, state: OptimizerState) -> Self {
        let spec = Spec { optimizer: self.spec.optimizer.clone().going_on(state), ..self.spec };
        Self { spec, ..self }
    }

    /// The same with so many steps of all examples, at the optimizer's own rate.
    pub fn full_batches(self, steps: usize) -> Self {
        let step = self.step(self.spec.optimizer.learning_rate(), None);
        Self { steps: vec![step; steps], ..self }
    }

    /// The same with a step for each batch, at the optimizer's own rate.
    pub fn batches(self, batches: Vec<Vec<u32>>) -> Self {
        let step = |batch| self.step(self.spec.optimizer.learning_rate(), Some(batch));
        let steps = batches.into_iter().map(step).collect();
        Self { steps, ..self }
    }

    /// A step at a learning rate; without a batch it takes every example once.
    pub fn step(&self, learning_rate: f64, batch: Option<Vec<u32>>) -> Step {
        let (examples, aims) = (self.examples(), self.aims());
        let total: f64 = match &batch {
            None => (0..examples).map(|example| aims.count(example)).sum(),
            Some(batch) => batch.iter().map(|&example| aims.count(example as usize)).sum(),
        };
        Step { learning_rate, batch, examples, share: self.reduction.share(total), total, clip: 1.0 }
    }

    /// What the loss compares the outputs of the examples with, and what each counts.
    pub fn aims(&self) -> Aims<'_> {
        Aims {
            targets: &self.targets,
            numbers: &self.numbers,
            weights: self.weights.as_deref(),
            rows: self.examples(),
            outputs: self.network.outputs,
        }
    }

    /// The same of the queries, where their targets are known: each of their positions counts once.
    pub fn query_aims(&self) -> Option<Aims<'_>> {
        let targets = self.query_targets.as_ref()?;
        Some(Aims { targets, weights: None, rows: self.query_count(), ..self.aims() })
    }

    /// The same of the examples as queries.
    pub(crate) fn own_aims(&self) -> Aims<'_> {
        Aims { weights: None, ..self.aims() }
    }

    /// m.
    pub fn examples(&self) -> usize {
        self.inputs.len() / self.network.input_len().max(1)
    }

    /// Columns of the arrays: examples, or groups of them.
    pub fn columns(&self) -> usize {
        self.groups.as_ref().map_or_else(|| self.examples(), Groups::count)
    }

    /// The column of an example.
    pub(crate) fn column(&self, example: usize) -> usize {
        self.groups.as_ref().map_or(example, |groups| groups.column(example))
    }

    /// The queries, be they the training set or their own.
    pub fn queries(&self) -> &[f64] {
        self.queries.as_deref().unwrap_or(&self.inputs)
    }

    /// Whether the queries are the training examples.
    pub(crate) fn asks_itself(&self) -> bool {
        self.queries() == self.inputs.as_slice()
    }

    /// n.
    pub fn query_count(&self) -> usize {
        self.queries().len() / self.network.input_len().max(1)
    }

    /// What is recorded of the path.
    pub fn recording(&self) -> Recording {
        if self.imported {
            Recording::imported(self.spec.optimizer.whole(), self.steps.len())
        } else {
            Recording::new(self.spec.optimizer.whole(), self.steps.len(), self.every)
        }
    }

    /// Counts what the answer costs on a device, chooses contractions, and cuts it into tiles.
    ///
    /// # Errors
    ///
    /// Numbers that do not fit together (see [`check`](Self::check)), or more than the memory that is free.
    pub fn plan(&self, device: &Device) -> Result<Plan, Error> {
        self.check()?;
        let plan = Plan::new(self, device, Cut::Into { at_least: 1 });
        plan.check_memory(device)?;
        Ok(plan)
    }

    /// Makes the path from `initial`, flat as [`Graph::draw`] gives them, or goes on where the keeper's earlier attempt was left.
    ///
    /// # Errors
    ///
    /// Divergence (naming the step), a flow that the solver cannot follow, a device error, what the recorder refuses, or what the
    /// keeper ends it with.
    pub fn train<B: Backend>(
        &self,
        backend: &B,
        initial: &[f64],
        recorder: &mut dyn Recorder<B::Element>,
        keeper: &mut dyn Keeper,
    ) -> Result<(), Error> {
        let inside = Quadrature::of_flow(&self.spec.rule);
        self.make(&TrainingData::new(backend, self)?, (initial, &inside), recorder, keeper)
    }

    /// Makes the path of some training data from the first weights, recording gradient flow at some nodes inside its steps.
    fn make<B: Backend>(
        &self,
        data: &TrainingData<'_, B>,
        (initial, inside): (&[f64], &Quadrature),
        recorder: &mut dyn Recorder<B::Element>,
        keeper: &mut dyn Keeper,
    ) -> Result<(), Error> {
        let initial = convert(initial);
        match self.spec.optimizer.whole().motion() {
            Motion::Solved { time, tolerance } => {
                data.training().flow(&initial, (time, tolerance), inside, &self.step(1.0, None), recorder, keeper)
            }
            Motion::Steps => data.training().run(&initial, &self.steps, recorder, keeper),
        }
    }

    /// Follows a path that was recorded elsewhere: `weights` gives the weights before each step and after the last. What the
    /// optimizer does not explain of them is recorded as well.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train), and weights that cannot be read.
    pub fn follow<B: Backend>(
        &self,
        backend: &B,
        weights: &mut Recorded<'_, B::Element>,
        recorder: &mut dyn Recorder<B::Element>,
        keeper: &mut dyn Keeper,
    ) -> Result<(), Error> {
        TrainingData::new(backend, self)?.training().follow(weights, &self.steps, recorder, keeper)
    }

    /// Takes the predictions of all queries apart along a recorded path, tile by tile; `sink` takes each tile as it is finished.
    ///
    /// # Errors
    ///
    /// A device error, a tape that cannot be read, or what the keeper or the sink ends it with.
    pub fn explain<B: Backend>(
        &self,
        backend: &B,
        tape: &dyn Tape<B::Element>,
        plan: &Plan,
        keeper: &mut dyn Keeper,
        sink: &mut dyn FnMut(&Tile, Finished) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (data, queries) = (TrainingData::new(backend, self)?, QueryData::new(backend, self)?);
        let integration = Integration { setting: data.setting(&plan.contraction, &queries), tape };
        plan.tiles.iter().try_for_each(|tile| sink(tile, integration.tile(tile, keeper)?))
    }
}
