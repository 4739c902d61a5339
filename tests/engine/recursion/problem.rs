//! A small problem of every structure of gradients, its paths and its tiles.

use pathkernel::activation::Activation;
use pathkernel::compute::Element;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::error::Error;
use pathkernel::graph::Graph;
use pathkernel::keeper::Keeper;
use pathkernel::layer::{Add, Embedding, Flatten, Layer, LayerKind, LayerNorm, Linear, Parameter, Scale};
use pathkernel::loss::{Aims, Loss, Targets};
use pathkernel::optimizer::{Adam, Lion, NAdam, Optimizer, OptimizerState, ParameterGroups, RmsProp, Sgd};
use pathkernel::path::{Finished, Integration, Rule, Setting, Spec, Tile};
use pathkernel::random::numbers;
use pathkernel::readout::Readout;
use pathkernel::tangent::{Carried, Contraction, choices};
use pathkernel::tape::{DiskRecorder, DiskTape, Recorder, Recording, Step, Tape};
use pathkernel::training::{Examples, TargetBuffer, Training, draw_batches};
use std::path::Path;

pub const EXAMPLES: usize = 9;
pub const QUERIES: usize = 3;
pub const WIDTH: usize = 4;
pub const OUTPUTS: usize = 3;

pub fn network() -> Graph {
    let linear = |features| LayerKind::Linear(Linear { features, bias: true });
    let tanh = || LayerKind::Activation(Activation::Tanh);
    // Rows of a table that four times a number in ±1 names, and a raw parameter, are added to the first layer.
    let layers = [
        Layer::new(Scale { by: 4.0 }),
        Layer::new(Embedding { count: 3, features: 2, padding_idx: None }),
        Layer::new(Flatten),
        Layer::new(Parameter { shape: vec![8] }),
        Layer::new(linear(8)).reading(&[-1]),
        Layer::new(tanh()),
        Layer::new(Add).reading(&[2, 3, 5]),
        Layer::new(linear(5)),
        Layer::new(tanh()),
        Layer::new(LayerNorm::default()),
        Layer::new(linear(OUTPUTS)),
    ];
    Graph::new(&[WIDTH], &layers).expect("a network")
}

pub fn sgd(momentum: f64, nesterov: bool) -> Optimizer {
    Optimizer::Sgd(Sgd { momentum, nesterov, weight_decay: 0.01, ..Sgd::plain(0.05) })
}

pub fn adam(decoupled: bool) -> Optimizer {
    Optimizer::Adam(Adam {
        learning_rate: 0.01,
        betas: [0.8, 0.95],
        eps: 1e-3,
        weight_decay: 0.02,
        amsgrad: false,
        decoupled,
    })
}

pub fn rmsprop() -> Optimizer {
    let (alpha, momentum) = (0.9, 0.8);
    Optimizer::RmsProp(RmsProp { learning_rate: 0.002, alpha, eps: 1e-2, weight_decay: 0.02, momentum, centered: true })
}

pub fn nadam() -> Optimizer {
    Optimizer::NAdam(NAdam {
        learning_rate: 0.01,
        betas: [0.8, 0.95],
        eps: 1e-3,
        weight_decay: 0.02,
        momentum_decay: 0.1,
        decoupled_weight_decay: false,
    })
}

pub fn lion(kept: f64) -> Optimizer {
    Optimizer::Lion(Lion { learning_rate: 0.002, betas: [0.8, kept], weight_decay: 0.02 })
}

pub struct Problem<E: Element> {
    pub network: Graph,
    pub backend: CpuBackend<E>,
    pub examples: Examples<CpuBackend<E>>,
    pub targets: TargetBuffer<CpuBackend<E>>,
    pub optimizer: Optimizer,
    /// What the optimizer kept of steps before, where it goes on from a state.
    pub before: Option<OptimizerState>,
    /// The first steps of a path, of a rate of their own.
    pub slow: (usize, f64),
}

impl<E: Element> Problem<E> {
    pub fn new(optimizer: Optimizer) -> Self {
        let backend = CpuBackend::<E>::new();
        let upload = |seed, len| convert_all::<E>(&numbers(seed, len));
        let examples = Examples::new(&backend, &upload(1, EXAMPLES * WIDTH), WIDTH).expect("examples");
        let targets = Targets::Reals(numbers(2, EXAMPLES * OUTPUTS));
        let targets = TargetBuffer::new(&backend, &Aims::new(&targets, EXAMPLES, OUTPUTS)).expect("targets");
        Self { network: network(), backend, examples, targets, optimizer, before: None, slow: (0, 0.0) }
    }

    /// The same, going on from a state that is as large as the path's own gradients make one.
    pub fn going_on(optimizer: Optimizer) -> Self {
        let problem = Self::new(optimizer);
        let blocks: Vec<_> = problem.network.blocks.iter().map(|own| own.offset..own.offset + own.len()).collect();
        let vector = |(seed, name): (usize, &'static str)| {
            let is_square = name.ends_with("_sq") || name == "square_avg";
            // RMSprop sums gradients that are divided by their sizes.
            let size = if optimizer.name() == "rmsprop" && name == "momentum_buffer" { 3.0 } else { 0.1 };
            let drawn = numbers(20 + seed as u64, problem.network.len).into_iter().enumerate();
            let of = |(at, number): (usize, f64)| match blocks.iter().any(|block| block.contains(&at)) {
                true if is_square => 0.02 + 0.01 * number * number,
                true => size * number,
                false => 0.0,
            };
            (name.to_owned(), drawn.map(of).collect())
        };
        let vectors = optimizer.state_names().into_iter().enumerate().map(vector).collect();
        Self { before: Some(OptimizerState { steps: 4, vectors }), ..problem }
    }

    pub fn groups(&self) -> ParameterGroups {
        let groups = ParameterGroups::from(self.optimizer);
        self.before.clone().map_or(groups.clone(), |state| groups.going_on(state))
    }

    pub fn train(&self, folder: &Path, steps: usize, every: usize) -> DiskTape {
        self.train_with(folder, steps, every, &mut || Ok(())).expect("training")
    }

    pub fn train_with(
        &self,
        folder: &Path,
        steps: usize,
        every: usize,
        keeper: &mut dyn Keeper,
    ) -> Result<DiskTape, Error> {
        let recording = Recording::new(&self.optimizer, steps, every);
        let mut recorder = DiskRecorder::create(folder, recording, self.network.len).expect("a recorder");
        self.record(steps, &mut recorder, keeper)?;
        recorder.finish()
    }

    pub fn record(&self, steps: usize, recorder: &mut dyn Recorder<E>, keeper: &mut dyn Keeper) -> Result<(), Error> {
        let step = |(number, batch)| {
            let learning_rate = if number < self.slow.0 { self.slow.1 } else { self.optimizer.learning_rate() };
            Step { learning_rate, batch: Some(batch), examples: EXAMPLES, share: 0.25, total: 4.0, clip: 1.0 }
        };
        let batches: Vec<Step> = draw_batches(3, EXAMPLES, 4, steps).into_iter().enumerate().map(step).collect();
        let training = Training {
            backend: &self.backend,
            network: &self.network,
            loss: Loss::SquaredError,
            optimizer: self.groups(),
            clip_norm: 0.7,
            examples: &self.examples,
            targets: &self.targets,
        };
        let initial = convert_all::<E>(&self.network.draw(4));
        training.run(&initial, &batches, recorder, keeper)
    }

    pub fn tile(&self, tape: &dyn Tape<E>, choice: &[Contraction], tile: &Tile) -> Finished {
        self.tile_with(tape, choice, tile, &mut || Ok(())).expect("a tile")
    }

    pub fn tile_with(
        &self,
        tape: &dyn Tape<E>,
        choice: &[Contraction],
        tile: &Tile,
        keeper: &mut dyn Keeper,
    ) -> Result<Finished, Error> {
        let queries = convert_all::<E>(&numbers(5, QUERIES * WIDTH));
        let spec = self.spec();
        Integration { setting: self.setting(&spec, choice, &queries), tape }.tile(tile, keeper)
    }

    pub fn spec(&self) -> Spec {
        Spec { rule: Rule::Gauss { nodes: 12 }, ..Spec::new(Loss::SquaredError, self.groups()) }
    }

    pub fn setting<'a>(
        &'a self,
        spec: &'a Spec,
        contraction: &'a [Contraction],
        queries: &'a [E],
    ) -> Setting<'a, CpuBackend<E>> {
        let Self { backend, network, examples, targets, .. } = self;
        Setting {
            backend,
            network,
            in_training: network,
            spec,
            contraction,
            examples,
            queries,
            targets,
            groups: None,
            query_targets: None,
        }
    }
}

pub fn convert_all<E: Element>(values: &[f64]) -> Vec<E> {
    values.iter().map(|&value| E::from_f64(value)).collect()
}

pub fn whole() -> Tile {
    Tile { queries: 0..QUERIES, examples: 0..EXAMPLES }
}

pub fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

pub fn furthest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

/// The outputs' change less contributions, decay and what was before, the largest of all.
pub fn residual(found: &Finished) -> f64 {
    let mut largest = 0.0f64;
    for query in 0..QUERIES {
        for output in 0..OUTPUTS {
            let place = query * OUTPUTS + output;
            let row = &found.attribution[0][(output * QUERIES + query) * EXAMPLES..][..EXAMPLES];
            let explained = row.iter().sum::<f64>() + found.account.regularizer[place] + found.account.earlier[place];
            largest = largest.max((found.account.prediction[place] - found.account.initial[place] - explained).abs());
        }
    }
    largest
}

/// Ways to contract the layers: one layer departing from whole rows at a time, and passes along ψ.
pub fn all_choices(network: &Graph, carried: Carried) -> Vec<Vec<Contraction>> {
    let rows = vec![Contraction::Materialised; network.blocks.len()];
    let mut all = vec![rows.clone()];
    for (index, own) in network.blocks.iter().enumerate() {
        for choice in choices(network, own, Readout::Outputs, carried) {
            let mut choices = rows.clone();
            choices[index] = choice;
            all.push(choices);
        }
    }
    all.push(vec![Contraction::Directional; network.blocks.len()]);
    all
}
