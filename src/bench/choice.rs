//! `bench choice`: whether the cost model picks the fastest contraction.

use super::{KernelBench, Layers};
use crate::activation::Activation;
use crate::compute::Entries;
use crate::device::DeviceOptions;
use crate::error::Error;
use crate::graph::{Block, Graph};
use crate::layer::{AvgPool2d, Conv2d, Flatten, Layer, LayerKind, Linear};
use crate::readout::Readout;
use crate::run::Progress;
use crate::tangent::{Carried, Contraction, choices};
use serde::Serialize;

/// One layer of one network.
#[derive(Debug, Clone, Serialize)]
pub struct ChoiceFigures {
    /// The network.
    pub network: &'static str,
    /// Queries, examples, nodes and entries.
    pub step: String,
    /// The layer's index.
    pub layer: usize,
    /// Seconds of a whole step with the layer contracted in each possible way, the others as picked.
    pub seconds: Vec<(Contraction, f64)>,
    /// What the cost model picks.
    pub picked: Contraction,
    /// The picked one's seconds over the fastest one's.
    pub ratio: f64,
}

/// A network and a step.
struct Case {
    name: &'static str,
    input: Vec<usize>,
    layers: Vec<LayerKind>,
    queries: usize,
    examples: usize,
    nodes: usize,
    entries: Entries,
}

fn linear(features: usize) -> LayerKind {
    LayerKind::Linear(Linear { features, bias: true })
}

fn conv(channels: usize) -> LayerKind {
    LayerKind::Conv2d(Conv2d::square(channels, 3, 1, 1, true))
}

const TANH: LayerKind = LayerKind::Activation(Activation::Tanh);

/// Wide and narrow, few and many positions, one and many nodes, few and many outputs.
fn cases() -> Vec<Case> {
    let mlp = |hidden: usize, outputs: usize| vec![linear(hidden), TANH, linear(hidden), TANH, linear(outputs)];
    let cnn = |channels: usize, pool: usize| {
        let pool = LayerKind::AvgPool2d(AvgPool2d::square(pool));
        vec![conv(channels), TANH, conv(channels), TANH, pool, LayerKind::Flatten(Flatten), linear(10)]
    };
    let case = |name, input: &[usize], layers, (queries, examples), nodes, entries| Case {
        name,
        input: input.to_vec(),
        layers,
        queries,
        examples,
        nodes,
        entries,
    };
    vec![
        case("256-256-256-10", &[256], mlp(256, 10), (64, 128), 1, Entries::Full),
        case("256-256-256-10", &[256], mlp(256, 10), (64, 512), 3, Entries::Loss),
        case("16-16-16-100", &[16], mlp(16, 100), (16, 64), 3, Entries::Full),
        case("64-24-24-10", &[64], mlp(24, 10), (64, 256), 16, Entries::Trace),
        case(
            "[16, 32]-32-32-flat-10",
            &[16, 32],
            vec![linear(32), TANH, linear(32), TANH, LayerKind::Flatten(Flatten), linear(10)],
            (32, 64),
            3,
            Entries::Full,
        ),
        case("conv 8, 8 on 8 x 8", &[1, 8, 8], cnn(8, 2), (32, 64), 3, Entries::Full),
        case("conv 32, 32 on 8 x 8", &[3, 8, 8], cnn(32, 8), (16, 32), 1, Entries::Full),
        case("conv 16, 16 on 4 x 4", &[16, 4, 4], cnn(16, 4), (32, 256), 3, Entries::Loss),
    ]
}

/// A kernel of each network, with its name.
fn benches(device: &DeviceOptions, repeats: usize) -> Result<Vec<(&'static str, KernelBench)>, Error> {
    let bench = |case: Case| {
        let layers: Vec<Layer> = case.layers.into_iter().map(Layer::new).collect();
        let (network, device) = (Graph::new(&case.input, &layers)?, device.clone());
        let Case { name, queries, examples, nodes, entries, .. } = case;
        Ok((name, KernelBench { device, network, queries, examples, entries, nodes, repeats, contraction: None }))
    };
    cases().into_iter().map(bench).collect()
}

impl KernelBench {
    /// The same with one block contracted in each possible way.
    fn each_way(&self, own: &Block) -> Vec<(Contraction, Self)> {
        let with = |contraction| {
            (contraction, Self { contraction: Some((Layers::One(own.layer), contraction)), ..self.clone() })
        };
        choices(&self.network, own, Readout::Outputs, Carried::Nothing).into_iter().map(with).collect()
    }
}

/// Seconds that [`measure_choices`] takes, roughly.
///
/// # Errors
///
/// A device that fails.
pub fn expected_of_choices(device: &DeviceOptions, repeats: usize) -> Result<f64, Error> {
    let mut seconds = 0.0;
    for (_, bench) in benches(device, repeats)? {
        seconds += bench.expected()?;
        for own in &bench.network.blocks {
            for (_, way) in bench.each_way(own) {
                seconds += way.expected()?;
            }
        }
    }
    Ok(seconds)
}

/// Shows nothing: one of many measurements.
struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _: &str, _: u64) {}

    fn advance(&mut self) {}
}

/// Measures every possible contraction of every layer of some networks; `progress` is told of each.
///
/// # Errors
///
/// A device that fails.
pub fn measure_choices(
    device: &DeviceOptions,
    repeats: usize,
    progress: &mut dyn Progress,
) -> Result<Vec<ChoiceFigures>, Error> {
    let mut all = Vec::new();
    let benches = benches(device, repeats)?;
    let ways = |bench: &KernelBench| bench.network.blocks.iter().map(|own| bench.each_way(own).len()).sum::<usize>();
    progress.begin("measuring", benches.iter().map(|(_, bench)| ways(bench) as u64).sum());
    for (network, bench) in benches {
        let picked = bench.measure(&mut Silent)?.contraction;
        let KernelBench { queries, examples, nodes, entries, .. } = bench;
        let words = format!("{entries:?}").to_lowercase();
        let step = format!("{queries} x {examples}, {nodes} nodes, {words}");
        for (own, (layer, picked)) in bench.network.blocks.iter().zip(picked) {
            let mut one = |(contraction, bench): (Contraction, KernelBench)| {
                let seconds = bench.measure(&mut Silent)?.seconds;
                progress.advance();
                Ok((contraction, seconds))
            };
            let seconds = bench.each_way(own).into_iter().map(&mut one).collect::<Result<Vec<_>, Error>>()?;
            let fastest = seconds.iter().map(|(_, seconds)| *seconds).fold(f64::INFINITY, f64::min);
            let taken =
                seconds.iter().find(|(contraction, _)| *contraction == picked).map_or(f64::NAN, |found| found.1);
            all.push(ChoiceFigures { network, step: step.clone(), layer, seconds, picked, ratio: taken / fastest });
        }
    }
    Ok(all)
}
