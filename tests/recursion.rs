//! The recursion backwards in time, in every form in which ψ can be carried: each gives the same contributions, and they
//! add up to the change of the outputs.

mod common;

use common::interrupt::Interrupt;
use pathkernel::activation::Activation;
use pathkernel::compute::Element;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::error::Error;
use pathkernel::graph::Graph;
use pathkernel::keeper::Keeper;
use pathkernel::layer::{Add, Embedding, Flatten, Layer, LayerKind, LayerNorm, Linear, Parameter, Scale};
use pathkernel::loss::{Aims, Loss, Targets};
use pathkernel::optimizer::{Adam, Lion, NAdam, Optimizer, OptimizerState, ParameterGroups, RmsProp, Sgd};
use pathkernel::path::{Finished, Integration, Rule, Setting, Spec, Superposition, Tile};
use pathkernel::random::numbers;
use pathkernel::readout::Readout;
use pathkernel::tangent::{Carried, Contraction, choices};
use pathkernel::tape::{DiskRecorder, DiskTape, History, Kept, MemoryTape, Recorder, Recording, Step, Tape};
use pathkernel::training::{Examples, TargetBuffer, Training, draw_batches};
use std::path::Path;

const EXAMPLES: usize = 9;
const QUERIES: usize = 3;
const WIDTH: usize = 4;
const OUTPUTS: usize = 3;

fn network() -> Graph {
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

fn sgd(momentum: f64, nesterov: bool) -> Optimizer {
    Optimizer::Sgd(Sgd { momentum, nesterov, weight_decay: 0.01, ..Sgd::plain(0.05) })
}

fn adam(decoupled: bool) -> Optimizer {
    Optimizer::Adam(Adam {
        learning_rate: 0.01,
        betas: [0.8, 0.95],
        eps: 1e-3,
        weight_decay: 0.02,
        amsgrad: false,
        decoupled,
    })
}

fn rmsprop() -> Optimizer {
    let (alpha, momentum) = (0.9, 0.8);
    Optimizer::RmsProp(RmsProp { learning_rate: 0.002, alpha, eps: 1e-2, weight_decay: 0.02, momentum, centered: true })
}

fn nadam() -> Optimizer {
    Optimizer::NAdam(NAdam {
        learning_rate: 0.01,
        betas: [0.8, 0.95],
        eps: 1e-3,
        weight_decay: 0.02,
        momentum_decay: 0.1,
        decoupled_weight_decay: false,
    })
}

fn lion(kept: f64) -> Optimizer {
    Optimizer::Lion(Lion { learning_rate: 0.002, betas: [0.8, kept], weight_decay: 0.02 })
}

struct Problem<E: Element> {
    network: Graph,
    backend: CpuBackend<E>,
    examples: Examples<CpuBackend<E>>,
    targets: TargetBuffer<CpuBackend<E>>,
    optimizer: Optimizer,
    /// What the optimizer kept of steps before, where it goes on from a state.
    before: Option<OptimizerState>,
    /// The first steps of a path, of a rate of their own.
    slow: (usize, f64),
}

impl<E: Element> Problem<E> {
    fn new(optimizer: Optimizer) -> Self {
        let backend = CpuBackend::<E>::new();
        let upload = |seed, len| convert_all::<E>(&numbers(seed, len));
        let examples = Examples::new(&backend, &upload(1, EXAMPLES * WIDTH), WIDTH).expect("examples");
        let targets = Targets::Reals(numbers(2, EXAMPLES * OUTPUTS));
        let targets = TargetBuffer::new(&backend, &Aims::new(&targets, EXAMPLES, OUTPUTS)).expect("targets");
        Self { network: network(), backend, examples, targets, optimizer, before: None, slow: (0, 0.0) }
    }

    /// The same, going on from a state that is as large as the path's own gradients make one.
    fn going_on(optimizer: Optimizer) -> Self {
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

    fn groups(&self) -> ParameterGroups {
        let groups = ParameterGroups::from(self.optimizer);
        self.before.clone().map_or(groups.clone(), |state| groups.going_on(state))
    }

    fn train(&self, folder: &Path, steps: usize, every: usize) -> DiskTape {
        self.train_with(folder, steps, every, &mut || Ok(())).expect("training")
    }

    fn train_with(
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

    fn record(&self, steps: usize, recorder: &mut dyn Recorder<E>, keeper: &mut dyn Keeper) -> Result<(), Error> {
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

    fn tile(&self, tape: &dyn Tape<E>, choice: &[Contraction], tile: &Tile) -> Finished {
        self.tile_with(tape, choice, tile, &mut || Ok(())).expect("a tile")
    }

    fn tile_with(
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

    fn spec(&self) -> Spec {
        Spec { rule: Rule::Gauss { nodes: 12 }, ..Spec::new(Loss::SquaredError, self.groups()) }
    }

    fn setting<'a>(
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

fn convert_all<E: Element>(values: &[f64]) -> Vec<E> {
    values.iter().map(|&value| E::from_f64(value)).collect()
}

fn whole() -> Tile {
    Tile { queries: 0..QUERIES, examples: 0..EXAMPLES }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

fn furthest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

/// The outputs' change less contributions, decay and what was before, the largest of all.
fn residual(found: &Finished) -> f64 {
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
fn all_choices(network: &Graph, carried: Carried) -> Vec<Vec<Contraction>> {
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

/// Momentum of 0.3 is below a rounding of f64 after 31 steps, so that in 60 factors of single nodes are dropped.
#[test]
fn every_form_of_psi_gives_the_same_contributions() {
    const STEPS: usize = 60;
    for optimizer in
        [sgd(0.3, false), sgd(0.9, false), sgd(0.9, true), adam(false), adam(true), rmsprop(), nadam(), lion(0.9)]
    {
        let problem = Problem::<f64>::new(optimizer);
        let folder = tempfile::tempdir().expect("a folder");
        let tape = problem.train(folder.path(), STEPS, 1);
        assert!(
            tape.history.steps.iter().any(|step| step.clip < 1.0)
                && tape.history.steps.iter().any(|step| step.clip == 1.0)
        );
        let carried = Carried::new(&optimizer, &[0.1; STEPS], <f64 as Element>::ROUNDING);
        let all = all_choices(&problem.network, carried);
        assert!(all.len() > 4, "{all:?}");
        let rows = problem.tile(&tape, &all[0], &whole());
        let change = furthest(&rows.account.prediction, &rows.account.initial);
        assert!(residual(&rows) < 1e-7 * change, "{optimizer:?}: {} of {change}", residual(&rows));
        for choice in &all[1..] {
            let found = problem.tile(&tape, choice, &whole());
            let error = furthest(&rows.attribution[0], &found.attribution[0]) / largest(&rows.attribution[0]);
            // Sums of some hundred terms, each with a few roundings.
            assert!(error < 1e-13, "{optimizer:?}, {choice:?}: {error}");
        }
    }
}

/// After steps of a tiny rate, what a large one left of its factors counts long after its momentum is below a rounding.
#[test]
fn factors_are_held_as_long_as_their_rates_ask() {
    const STEPS: usize = 60;
    for slow in [1e-4, 1e-8, 0.0] {
        let problem = Problem::<f64> { slow: (50, slow), ..Problem::new(sgd(0.3, false)) };
        let folder = tempfile::tempdir().expect("a folder");
        let tape = problem.train(folder.path(), STEPS, 1);
        let carried = Carried::new(&problem.optimizer, &[0.05; STEPS], <f64 as Element>::ROUNDING);
        let all = all_choices(&problem.network, carried);
        let rows = problem.tile(&tape, &all[0], &whole());
        for choice in &all[1..] {
            let found = problem.tile(&tape, choice, &whole());
            let pairs = rows.attribution[0].iter().zip(&found.attribution[0]);
            // Example by example: those of the slow steps alone contribute little.
            let error = pairs.map(|(a, b)| (a - b).abs() / a.abs().max(1e-9)).fold(0.0, f64::max);
            assert!(error < 1e-10, "{slow:e}, {choice:?}: {error}");
        }
    }
}

/// A tile's entries have the bits that they have in the whole.
#[test]
fn tiles_agree_bit_by_bit() {
    for optimizer in [sgd(0.9, false), sgd(0.9, true), adam(true), rmsprop(), nadam(), lion(0.9), lion(0.0)] {
        let problem = Problem::<f32>::new(optimizer);
        let folder = tempfile::tempdir().expect("a folder");
        let tape = problem.train(folder.path(), 12, 1);
        let carried = Carried::new(&optimizer, &[0.1; 12], <f32 as Element>::ROUNDING);
        for choice in all_choices(&problem.network, carried) {
            let all = problem.tile(&tape, &choice, &whole());
            for (queries, examples) in [(0..1, 0..4), (1..3, 4..9), (0..3, 8..9)] {
                let part = problem.tile(&tape, &choice, &Tile { queries: queries.clone(), examples: examples.clone() });
                let (n, m) = (queries.len(), examples.len());
                for (place, value) in part.attribution[0].iter().enumerate() {
                    let (output, query, example) = (place / (n * m), place / m % n, place % m);
                    let at = (output * QUERIES + queries.start + query) * EXAMPLES + examples.start + example;
                    let want = all.attribution[0][at];
                    assert!(value.to_bits() == want.to_bits(), "{optimizer:?}, {choice:?}: {value} instead of {want}");
                }
            }
        }
    }
}

/// Steps that were not recorded are made again with the same bits.
#[test]
fn a_sparse_recording_gives_the_same_bits() {
    for optimizer in [sgd(0.0, false), sgd(0.9, true), adam(false), adam(true), rmsprop(), nadam(), lion(0.9)] {
        let problem = Problem::<f32>::new(optimizer);
        let choice = vec![Contraction::Materialised; problem.network.blocks.len()];
        let dense = tempfile::tempdir().expect("a folder");
        let dense = problem.train(dense.path(), 11, 1);
        let want = problem.tile(&dense, &choice, &whole());
        for every in [2, 4, 11, 30] {
            let folder = tempfile::tempdir().expect("a folder");
            let sparse = problem.train(folder.path(), 11, every);
            let rows = sparse.rows(Kept::Weights).expect("weights").count();
            assert_eq!(rows, 11usize.div_ceil(every) + 1);
            let found = problem.tile(&sparse, &choice, &whole());
            assert_eq!(found.attribution, want.attribution, "{optimizer:?}, every {every}");
            assert_eq!(found.account.regularizer, want.account.regularizer);
            assert_eq!(found.account.prediction, want.account.prediction);
        }
    }
}

/// A tile that is ended after any step, in whatever form ψ is carried, goes on to the same bits.
#[test]
fn an_interrupted_tile_goes_on_to_the_same_bits() {
    const STEPS: usize = 7;
    for optimizer in [sgd(0.0, false), sgd(0.9, false), sgd(0.9, true), adam(true), rmsprop(), nadam(), lion(0.9)] {
        let problem = Problem::<f32>::new(optimizer);
        let folder = tempfile::tempdir().expect("a folder");
        for every in [1, 3] {
            let tape = problem.train(&folder.path().join(every.to_string()), STEPS, every);
            let carried = Carried::new(&optimizer, &[0.1; STEPS], <f32 as Element>::ROUNDING);
            for choice in all_choices(&problem.network, carried) {
                let want = problem.tile(&tape, &choice, &whole());
                for after in 1..=STEPS {
                    let path = folder.path().join("tile.state");
                    let mut keeper = Interrupt::after(path.clone(), after);
                    let ended = problem.tile_with(&tape, &choice, &whole(), &mut keeper);
                    assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
                    let mut keeper = Interrupt::never(path.clone());
                    let found = problem.tile_with(&tape, &choice, &whole(), &mut keeper).expect("a tile");
                    assert_eq!(keeper.made, STEPS - after, "steps were made again");
                    assert_eq!(format!("{found:?}"), format!("{want:?}"), "{optimizer:?}, {choice:?}, after {after}");
                    std::fs::remove_file(path).expect("a state");
                }
            }
        }
    }
}

/// What was before the first step moves the outputs too, and is a term of its own; paths and tiles that are ended after any step,
/// and steps that are made again, have the same bits.
#[test]
fn a_given_state_is_a_term_of_its_own() {
    const STEPS: usize = 7;
    for optimizer in [sgd(0.9, false), sgd(0.9, true), adam(false), adam(true), rmsprop(), nadam(), lion(0.9)] {
        let problem = Problem::<f64>::going_on(optimizer);
        let choice = vec![Contraction::Materialised; problem.network.blocks.len()];
        let folder = tempfile::tempdir().expect("a folder");
        let tape = problem.train(&folder.path().join("whole"), STEPS, 1);
        let want = problem.tile(&tape, &choice, &whole());
        let change = furthest(&want.account.prediction, &want.account.initial);
        assert!(largest(&want.account.earlier) > 0.05 * change, "{optimizer:?}: {:?}", want.account.earlier);
        assert!(residual(&want) < 1e-7 * change, "{optimizer:?}: {} of {change}", residual(&want));
        let sparse = problem.train(&folder.path().join("sparse"), STEPS, 3);
        assert_eq!(format!("{:?}", problem.tile(&sparse, &choice, &whole())), format!("{want:?}"), "{optimizer:?}");
        for after in 1..=STEPS {
            let state = folder.path().join("path.state");
            let parts = folder.path().join(format!("{after}"));
            assert!(problem.train_with(&parts, STEPS, 1, &mut Interrupt::after(state.clone(), after)).is_err());
            let mut keeper = Interrupt::never(state);
            let tape = problem.train_with(&parts, STEPS, 1, &mut keeper).expect("training");
            let state = folder.path().join("tile.state");
            let ended = problem.tile_with(&tape, &choice, &whole(), &mut Interrupt::after(state.clone(), after));
            assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
            let found = problem.tile_with(&tape, &choice, &whole(), &mut Interrupt::never(state)).expect("a tile");
            assert_eq!(format!("{found:?}"), format!("{want:?}"), "{optimizer:?}, after {after}");
            for name in ["path.state", "tile.state"] {
                std::fs::remove_file(folder.path().join(name)).expect("a state");
            }
        }
    }
}

/// Without weight decay the weights change by what the examples add and what was before, whatever their layers are.
#[test]
fn the_weights_change_by_what_the_examples_add() {
    const STEPS: usize = 15;
    let Optimizer::Adam(kind) = adam(false) else { panic!("another kind") };
    let still = Optimizer::Adam(Adam { weight_decay: 0.0, ..kind });
    for optimizer in [Optimizer::Sgd(Sgd { momentum: 0.6, ..Sgd::plain(0.05) }), still] {
        let problem = Problem::<f64>::going_on(optimizer);
        let mut tape = MemoryTape::new(Recording::new(&optimizer, STEPS, 1));
        problem.record(STEPS, &mut tape, &mut Interrupt::never("unused".into())).expect("training");
        let spec = problem.spec();
        let superposition = Superposition { setting: problem.setting(&spec, &[], &[]), tape: &tape };
        let found = superposition.vectors(&(0..EXAMPLES), &mut || Ok(())).expect("vectors");
        let earlier = found.earlier.expect("a part of what was before");
        let (first, last) = (tape.row(Kept::Weights, 0).expect("weights"), tape.last().expect("weights"));
        for (block, (vectors, earlier)) in problem.network.blocks.iter().zip(found.examples.iter().zip(&earlier)) {
            let len = block.len();
            let change: Vec<f64> = (block.offset..block.offset + len).map(|at| last[at] - first[at]).collect();
            let added = |at: usize| vectors.chunks(len).map(|row| row[at]).sum::<f64>() + earlier[at];
            let added: Vec<f64> = (0..len).map(added).collect();
            assert!(largest(&change) > 1e-3 && largest(earlier) > 1e-3, "layer {}", block.layer);
            // Sums of some hundred terms.
            assert!(furthest(&change, &added) < 1e-13, "{optimizer:?}, layer {}", block.layer);
        }
    }
}

fn losses(history: &History) -> Vec<f64> {
    history.metrics.iter().map(|(metrics, _)| metrics.loss).collect()
}

/// A path in memory is the one on disk, and goes on from a state in which all of it was saved.
#[test]
fn a_path_in_memory_has_the_same_bits() {
    const STEPS: usize = 12;
    for optimizer in [sgd(0.9, true), adam(false)] {
        let problem = Problem::<f32>::new(optimizer);
        let choice = vec![Contraction::Materialised; problem.network.blocks.len()];
        for every in [1, 5] {
            let folder = tempfile::tempdir().expect("a folder");
            let disk = problem.train(folder.path(), STEPS, every);
            let want = problem.tile(&disk, &choice, &whole());
            let state = folder.path().join("memory.state");
            let tape = || MemoryTape::new(Recording::new(&optimizer, STEPS, every));
            for after in [1, 4, STEPS] {
                let ended = problem.record(STEPS, &mut tape(), &mut Interrupt::after(state.clone(), after));
                assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
                let (mut tape, mut keeper) = (tape(), Interrupt::never(state.clone()));
                problem.record(STEPS, &mut tape, &mut keeper).expect("training");
                assert_eq!((keeper.made, &tape.history.steps), (STEPS - after, &disk.history.steps));
                assert_eq!(losses(&tape.history), losses(&disk.history));
                let found = problem.tile(&tape, &choice, &whole());
                assert_eq!(format!("{found:?}"), format!("{want:?}"), "{optimizer:?}, every {every}, after {after}");
                std::fs::remove_file(&state).expect("a state");
            }
        }
    }
}

/// A path whose making is ended after any step goes on to the same bits.
#[test]
fn an_interrupted_path_goes_on_to_the_same_bits() {
    const STEPS: usize = 12;
    for optimizer in [sgd(0.0, false), sgd(0.9, true), adam(false), adam(true), rmsprop(), nadam(), lion(0.9)] {
        let problem = Problem::<f32>::new(optimizer);
        for every in [1, 5] {
            let folder = tempfile::tempdir().expect("a folder");
            let want = problem.train(&folder.path().join("whole"), STEPS, every);
            for after in 1..=STEPS {
                let (state, parts) = (folder.path().join("training.state"), folder.path().join(format!("{after}")));
                let mut keeper = Interrupt::after(state.clone(), after);
                assert!(problem.train_with(&parts, STEPS, every, &mut keeper).is_err());
                let mut keeper = Interrupt::never(state.clone());
                let found = problem.train_with(&parts, STEPS, every, &mut keeper).expect("training");
                assert_eq!((keeper.made, &found.history.steps), (STEPS - after, &want.history.steps));
                assert_eq!(losses(&found.history), losses(&want.history));
                for entry in std::fs::read_dir(folder.path().join("whole/trajectory")).expect("a path") {
                    let name = entry.expect("a file").file_name();
                    let bytes = |folder: &Path| std::fs::read(folder.join("trajectory").join(&name)).expect("a file");
                    let same = bytes(&folder.path().join("whole")) == bytes(&parts);
                    // One file says how long each step took.
                    assert!(same || name == "recorded.state", "{optimizer:?}, every {every}, after {after}: {name:?}");
                }
                std::fs::remove_file(state).expect("a state");
            }
        }
    }
}

/// Over many steps of one path f32 stays near f64: sums go in two levels, and what momentum carries forgets its roundings.
#[test]
fn a_thousand_steps_in_f32_stay_near_f64() {
    const STEPS: usize = 1000;
    for (optimizer, tolerance) in [(sgd(0.9, false), 2e-5), (sgd(0.9, true), 2e-5), (adam(true), 3e-4)] {
        let (wide, single) = (Problem::<f64>::new(optimizer), Problem::<f32>::new(optimizer));
        let choice = vec![Contraction::Materialised; wide.network.blocks.len()];
        let folder = tempfile::tempdir().expect("a folder");
        let tape = wide.train(folder.path(), STEPS, 1);
        let want = wide.tile(&tape, &choice, &whole());
        let found = single.tile(&tape, &choice, &whole());
        let error = furthest(&want.attribution[0], &found.attribution[0]) / largest(&want.attribution[0]);
        println!("{optimizer:?}: {error:.1e}");
        assert!(error < tolerance, "{optimizer:?}: {error}");
    }
}
