//! `bench kernel`: one evaluation of a tangent kernel, or of the attribution of one step.

use super::counts::Counts;
use super::measure::{Product, median, numbers, seconds, settle};
use crate::compute::{Backend, Element, Entries, convert};
use crate::device::{DeviceOptions, Devices, LocalDevices, Work};
use crate::error::Error;
use crate::graph::{Block, Graph};
use crate::loss::{Aims, Loss, Targets};
use crate::path::{Evaluation, Rule, Setting, Spec, Tile};
use crate::plan::check_room;
use crate::readout::Readout;
use crate::run::Progress;
use crate::tangent::{self, Carried, Contraction, Sizes, choices, choose};
use crate::training::{Examples, TargetBuffer};
use serde::Serialize;

/// What to measure.
#[derive(Debug, Clone)]
pub struct KernelBench {
    /// Where.
    pub device: DeviceOptions,
    /// The network.
    pub network: Graph,
    /// Queries.
    pub queries: usize,
    /// Examples.
    pub examples: usize,
    /// Which entries; `Loss` is the attribution.
    pub entries: Entries,
    /// Evaluations that are timed.
    pub repeats: usize,
    /// Quadrature nodes: 1 is a tangent kernel, more are a step of the rule `gauss`.
    pub nodes: usize,
    /// A contraction for layers that allow it, in place of the cost model's choice.
    pub contraction: Option<(Layers, Contraction)>,
}

/// What progress calls it.
const MEASURING: &str = "measuring";

/// Seeds the weights.
const SEED: u64 = 0;

/// Which layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layers {
    /// All that have parameters.
    All,
    /// The one of an index.
    One(usize),
}

impl Layers {
    fn contains(self, layer: usize) -> bool {
        self == Layers::All || self == Layers::One(layer)
    }
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct KernelFigures {
    /// The device.
    pub device: String,
    /// `f32` or `f64`.
    pub precision: &'static str,
    /// The median of one evaluation, gradient factors included.
    pub seconds: f64,
    /// Operations that were done: two per multiply-add of forward, of backward and of each layer's contraction.
    pub flops: f64,
    /// `flops / seconds`.
    pub gflops: f64,
    /// The median rate of a plain matrix product, large enough to run at its best, measured between the evaluations.
    pub gemm_gflops: f64,
    /// `gflops / gemm_gflops`.
    pub fraction_of_gemm: f64,
    /// Operations of the same evaluation with all layers contracted in factors, whatever was done.
    pub effective_flops: f64,
    /// `effective_flops / seconds`.
    pub effective_gflops: f64,
    /// The contraction of each layer with parameters, by its index.
    pub contraction: Vec<(usize, Contraction)>,
    /// Every evaluation, in order.
    pub all_seconds: Vec<f64>,
}

impl KernelBench {
    /// Measures; `progress` is told of each evaluation.
    ///
    /// # Errors
    ///
    /// A device that fails.
    pub fn measure(&self, progress: &mut dyn Progress) -> Result<KernelFigures, Error> {
        self.check_memory()?;
        progress.begin(MEASURING, self.evaluations() as u64);
        LocalDevices::find(self.device.clone())?.on(0, Evaluate { bench: self, progress })
    }

    /// Seconds that measuring takes, roughly: the contractions of all evaluations, by the device's rates.
    ///
    /// # Errors
    ///
    /// A device that fails.
    pub fn expected(&self) -> Result<f64, Error> {
        self.check_memory()?;
        LocalDevices::find(self.device.clone())?.on(0, Expect(self))
    }

    /// Those that are timed, and one before: it wakes threads, builds pipelines and takes memory.
    fn evaluations(&self) -> usize {
        1 + self.repeats.max(1)
    }

    /// The sizes of an evaluation.
    fn sizes(&self) -> Sizes {
        Sizes {
            queries: self.queries,
            outputs: self.network.outputs,
            nodes: self.nodes,
            examples: self.examples,
            columns: self.examples,
            copies: self.network.outputs,
            entries: vec![self.entries],
            positions: None,
            carried: Carried::Nothing,
        }
    }
}

/// What was measured of a block of steps.
#[derive(Debug, Clone, Serialize)]
pub struct AccumulateFigures {
    /// The device.
    pub device: String,
    /// `f32` or `f64`.
    pub precision: &'static str,
    /// Steps of a block.
    pub steps: usize,
    /// The median of one block, gradient factors and the end of the block included.
    pub seconds: f64,
    /// Entries of the accumulator times steps, a second.
    pub entries_per_second: f64,
    /// As for one evaluation, of all steps.
    pub flops: f64,
    /// `flops / seconds`.
    pub gflops: f64,
    /// As for one evaluation, of all steps.
    pub effective_gflops: f64,
}

impl KernelBench {
    /// Measures blocks of `steps` steps that are added to an accumulator on the device; `progress` is told of each step.
    ///
    /// # Errors
    ///
    /// A device that fails.
    pub fn accumulate(&self, steps: usize, progress: &mut dyn Progress) -> Result<AccumulateFigures, Error> {
        self.check_memory()?;
        progress.begin(MEASURING, (self.evaluations() * steps) as u64);
        LocalDevices::find(self.device.clone())?.on(0, Accumulate { bench: self, steps, progress })
    }

    /// Fails where no memory would hold the weights and the data, before any is reserved.
    fn check_memory(&self) -> Result<(), Error> {
        let rows = (self.queries as u64).saturating_add(self.examples as u64);
        let width = (self.network.input_len() as u64).saturating_add(self.network.outputs as u64);
        let numbers = rows.saturating_mul(width).saturating_add(self.network.len as u64);
        // As they are drawn, and in the device's precision.
        check_room(
            "the weights and the data",
            numbers.saturating_mul(16),
            "make the layers, the queries or the examples fewer",
        )
    }

    /// The cost model's choice, or what is asked for.
    fn contraction<B: Backend>(&self, backend: &B) -> Result<Vec<Contraction>, Error> {
        let network = &self.network;
        let sizes = self.sizes();
        let rates = match backend.fixed_rates() {
            Some(rates) => rates,
            None => self.device.rates(backend)?,
        };
        let pick = |own: &Block| {
            let allows = |layers: Layers, wanted: Contraction| match wanted {
                Contraction::Directional => layers == Layers::All,
                _ => choices(network, own, Readout::Outputs, Carried::Nothing).contains(&wanted),
            };
            let wanted =
                self.contraction.filter(|&(layers, wanted)| layers.contains(own.layer) && allows(layers, wanted));
            wanted.map(|(_, wanted)| wanted).unwrap_or_else(|| choose(network, own, Readout::Outputs, &sizes, &rates))
        };
        Ok(network.blocks.iter().map(pick).collect())
    }

    /// Calls `work` with an evaluation of a network with drawn weights and data, and those weights.
    fn with_evaluation<B: Backend, T>(
        &self,
        backend: &B,
        contraction: &[Contraction],
        work: impl FnOnce(&mut Evaluation<'_, B>, &B::Buffer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let network = &self.network;
        let width = network.input_len();
        let weights: Vec<B::Element> = convert(&network.draw(SEED));
        let weights = backend.upload(&weights)?;
        let queries = numbers::<B::Element>(3, self.queries * width);
        let examples = Examples::new(backend, &numbers::<B::Element>(4, self.examples * width), width)?;
        let targets = Targets::Reals(numbers::<f64>(5, self.examples * network.outputs));
        let targets = TargetBuffer::new(backend, &Aims::new(&targets, self.examples, network.outputs))?;
        let attribution = self.entries == Entries::Loss;
        let spec = Spec {
            rule: if self.nodes == 1 { Rule::Left } else { Rule::Gauss { nodes: self.nodes } },
            attribution,
            kernel: (!attribution).then_some(self.entries),
            ..Spec::at_once(Loss::SquaredError)
        };
        let setting = Setting {
            backend,
            network,
            in_training: network.in_training(),
            spec: &spec,
            contraction,
            examples: &examples,
            queries: &queries,
            targets: &targets,
            groups: None,
            query_targets: None,
        };
        let tile = Tile { queries: 0..self.queries, examples: 0..self.examples };
        work(&mut Evaluation::new(&setting, &tile)?, &weights)
    }
}

/// Takes the time of evaluations beforehand.
struct Expect<'a>(&'a KernelBench);

impl Work for Expect<'_> {
    type Output = f64;

    fn on<B: Backend>(self, backend: &B) -> Result<f64, Error> {
        let Self(bench) = self;
        let (contraction, rates) = (bench.contraction(backend)?, bench.device.rates(backend)?);
        let layers = bench.network.blocks.iter().zip(contraction);
        let one: f64 = layers.map(|(own, choice)| tangent::seconds(own, choice, &bench.sizes(), &rates)).sum();
        Ok(bench.evaluations() as f64 * one)
    }
}

/// Evaluations, beside plain products.
struct Evaluate<'a> {
    bench: &'a KernelBench,
    progress: &'a mut dyn Progress,
}

impl Work for Evaluate<'_> {
    type Output = KernelFigures;

    fn on<B: Backend>(self, backend: &B) -> Result<KernelFigures, Error> {
        let Self { bench, progress } = self;
        let network = &bench.network;
        let contraction = bench.contraction(backend)?;
        let copies = bench.entries.copies(network.outputs);
        let depth =
            network.blocks.iter().flat_map(|block| &block.uses).map(|one| one.structure.sides()[0]).max().unwrap_or(1);
        // Of a size at which products run at their best rate: a small one flatters what is measured beside it.
        let side = |rows: usize| rows.clamp(1024, 4096);
        let (rows, columns) = (side(bench.queries * network.outputs), side(bench.examples * copies));
        let mut product = Product::new(backend, rows, columns, depth.clamp(512, 2048))?;
        let (taken, plain) = bench.with_evaluation(backend, &contraction, |evaluation, weights| {
            let mut evaluate = || {
                let taken = seconds(&mut || {
                    evaluation.add(weights)?;
                    settle(backend, weights)
                });
                progress.advance();
                taken
            };
            evaluate()?;
            product.seconds()?;
            let (mut taken, mut plain) = (Vec::new(), Vec::new());
            for _ in 0..bench.repeats.max(1) {
                taken.push(evaluate()?);
                plain.push(product.seconds()?);
            }
            Ok((taken, plain))
        })?;
        let sizes = bench.sizes();
        let counts = Counts { network, sizes: &sizes };
        let (flops, effective_flops) = (counts.done(&contraction), counts.factored());
        let (all_seconds, seconds) = (taken.clone(), median(taken));
        let (gflops, gemm_gflops) = (flops / seconds / 1e9, product.flops() / median(plain) / 1e9);
        let layers = network.blocks.iter().map(|own| own.layer);
        Ok(KernelFigures {
            device: backend.name(),
            precision: <B::Element as Element>::NAME,
            seconds,
            flops,
            gflops,
            gemm_gflops,
            fraction_of_gemm: gflops / gemm_gflops,
            effective_flops,
            effective_gflops: effective_flops / seconds / 1e9,
            contraction: layers.zip(contraction).collect(),
            all_seconds,
        })
    }
}

/// Blocks of steps.
struct Accumulate<'a> {
    bench: &'a KernelBench,
    steps: usize,
    progress: &'a mut dyn Progress,
}

impl Work for Accumulate<'_> {
    type Output = AccumulateFigures;

    fn on<B: Backend>(self, backend: &B) -> Result<AccumulateFigures, Error> {
        let Accumulate { bench, steps, progress } = self;
        let network = &bench.network;
        let contraction = bench.contraction(backend)?;
        let taken = bench.with_evaluation(backend, &contraction, |evaluation, weights| {
            let mut block = || {
                seconds(&mut || {
                    (0..steps).try_for_each(|_| {
                        progress.advance();
                        evaluation.add(weights)
                    })?;
                    evaluation.fold()?;
                    settle(backend, weights)
                })
            };
            block()?;
            Ok((0..bench.repeats.max(1)).map(|_| block()).collect::<crate::compute::Result<Vec<f64>>>()?)
        })?;
        let seconds = median(taken);
        let sizes = bench.sizes();
        let counts = Counts { network, sizes: &sizes };
        let flops = steps as f64 * counts.done(&contraction);
        let entries = bench.entries.len(network.outputs, network.outputs, bench.queries, bench.examples);
        Ok(AccumulateFigures {
            device: backend.name(),
            precision: <B::Element as Element>::NAME,
            steps,
            seconds,
            entries_per_second: (steps * entries) as f64 / seconds,
            flops,
            gflops: flops / seconds / 1e9,
            effective_gflops: steps as f64 * counts.factored() / seconds / 1e9,
        })
    }
}
