//! `pathkernel bench`: what can be measured, and where.

mod compare;
mod measured;
mod tables;

use crate::activation::Activation;
use crate::bench::{KernelBench, Layers, OperationsBench};
use crate::compute::Entries;
use crate::device::{DeviceOptions, Precision};
use crate::error::Error;
use crate::graph::Graph;
use crate::layer::{Layer, LayerKind, Linear};
use crate::run::keys::Model;
use crate::tangent::Contraction;
use clap::{Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// One evaluation of a tangent kernel, or of the attribution of a step, beside a plain matrix product.
    Kernel(Kernel),
    /// A block of steps, added to a path kernel that stays on the device.
    Accumulate {
        /// Steps of a block.
        #[arg(long, default_value_t = 16)]
        steps: usize,
        #[command(flatten)]
        kernel: Kernel,
    },
    /// Single operations: matrix products, the fused product, gradient rows, what goes through memory.
    Operations {
        /// Rows, columns and depth of the products.
        #[arg(long, value_delimiter = ',', default_value = "2048,2048,512")]
        size: Vec<usize>,
        #[command(flatten)]
        common: Common,
    },
    /// The same kernel on every adapter and on the CPU, in under a minute on most machines: a table to share.
    Devices(Kernel),
    /// Every contraction of some layers beside the one that the cost model picks.
    Choice(Common),
    /// What --json printed on another machine, or with another version, beside the same here.
    Compare {
        /// A file that `bench … --json` printed.
        other: PathBuf,
        /// A second one, in place of measuring the same here and now.
        this: Option<PathBuf>,
    },
    /// Steps a second of a whole run, in a temporary directory.
    Run {
        /// A run file, and overrides such as training.steps=50.
        #[arg(required = true, value_name = "FILE|KEY=VALUE")]
        words: Vec<String>,
        /// Print one JSON object, alone on standard output.
        #[arg(long)]
        json: bool,
    },
}

/// Where to measure, and how to say it.
#[derive(Debug, Args)]
pub struct Common {
    /// As run.device: auto, cpu, gpu, or part of an adapter's name.
    #[arg(long, default_value = "auto")]
    device: String,
    /// The arithmetic.
    #[arg(long, value_enum, default_value = "f32")]
    precision: Arithmetic,
    /// How many repeats to take the median of.
    #[arg(long, default_value_t = 7)]
    repeats: usize,
    /// Print one JSON object, alone on standard output.
    #[arg(long)]
    json: bool,
    /// Measure nothing beforehand: typical rates, and tiles from a table.
    #[arg(long)]
    no_tune: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Arithmetic {
    F32,
    F64,
    Mixed,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    Full,
    Diagonal,
    Trace,
    Attribution,
}

impl Common {
    fn device(&self) -> DeviceOptions {
        let precision = match self.precision {
            Arithmetic::F32 => Precision::F32,
            Arithmetic::F64 => Precision::F64,
            Arithmetic::Mixed => Precision::Mixed,
        };
        DeviceOptions { name: self.device.clone(), precision, tune: !self.no_tune, ..DeviceOptions::default() }
    }
}

/// The network and the sizes.
#[derive(Debug, Args)]
pub struct Kernel {
    /// Widths of a fully connected network: input, hidden layers, outputs.
    #[arg(long, value_delimiter = ',', default_value = "784,512,512,10", conflicts_with = "model")]
    layers: Vec<usize>,
    /// Its activation.
    #[arg(long, value_parser = activation, default_value = "tanh")]
    activation: Activation,
    /// A run file, whose model is taken instead.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Queries.
    #[arg(long, default_value_t = 256)]
    queries: usize,
    /// Examples.
    #[arg(long, default_value_t = 256)]
    examples: usize,
    /// Which entries.
    #[arg(long, value_enum, default_value = "full")]
    kernel: Wanted,
    /// Contract every layer that allows it in this way, in place of the fastest.
    #[arg(long, value_parser = contraction)]
    contraction: Option<Contraction>,
    /// Quadrature nodes: 1 is a tangent kernel, more are a step of the rule gauss.
    #[arg(long, default_value_t = 1)]
    nodes: usize,
    #[command(flatten)]
    common: Common,
}

fn activation(name: &str) -> Result<Activation, String> {
    Activation::named(name).ok_or_else(|| format!("one of {}", Activation::names().collect::<Vec<_>>().join(", ")))
}

fn contraction(name: &str) -> Result<Contraction, String> {
    let names = || Contraction::ALL.map(Contraction::name).join(", ");
    Contraction::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| format!("one of {}", names()))
}

impl Kernel {
    fn network(&self) -> Result<Graph, Error> {
        if let Some(path) = &self.model {
            return Model::load(path)?.build();
        }
        let (Some(&input), hidden) = (self.layers.first(), self.layers.len()) else {
            return Err(Error::Input("--layers: needs widths, such as 784,512,10".into()));
        };
        if hidden < 2 || self.layers.contains(&0) {
            return Err(Error::Input("--layers: needs two widths or more, each at least 1, such as 784,512,10".into()));
        }
        let layer = Layer::new;
        let mut layers = Vec::new();
        for (number, &features) in self.layers[1..].iter().enumerate() {
            if number > 0 {
                layers.push(layer(LayerKind::Activation(self.activation)));
            }
            layers.push(layer(LayerKind::Linear(Linear { features, bias: true })));
        }
        Ok(Graph::new(&[input], &layers)?)
    }
}

impl Kernel {
    fn bench(&self) -> Result<KernelBench, Error> {
        if self.queries == 0 || self.examples == 0 {
            return Err(Error::Input("--queries and --examples must be at least 1".into()));
        }
        Ok(KernelBench {
            device: self.common.device(),
            network: self.network()?,
            queries: self.queries,
            examples: self.examples,
            entries: match self.kernel {
                Wanted::Full => Entries::Full,
                Wanted::Diagonal => Entries::Diagonal,
                Wanted::Trace => Entries::Trace,
                Wanted::Attribution => Entries::Loss,
            },
            repeats: self.common.repeats,
            nodes: self.nodes.max(1),
            contraction: self.contraction.map(|contraction| (Layers::All, contraction)),
        })
    }
}

/// A bench of single operations; `size` is its rows, columns and depth.
fn operations(size: &[usize], common: &Common) -> Result<OperationsBench, Error> {
    let &[rows, columns, depth] = size else {
        return Err(Error::Input("--size: needs rows, columns and depth, such as 2048,2048,512".into()));
    };
    if size.contains(&0) {
        return Err(Error::Input("--size: every side must be at least 1".into()));
    }
    Ok(OperationsBench { device: common.device(), repeats: common.repeats, size: [rows, columns, depth] })
}

impl Bench {
    /// Whether one JSON object is asked for.
    fn json(&self) -> bool {
        match self {
            Bench::Kernel(kernel) | Bench::Accumulate { kernel, .. } | Bench::Devices(kernel) => kernel.common.json,
            Bench::Operations { common, .. } | Bench::Choice(common) => common.json,
            Bench::Run { json, .. } => *json,
            Bench::Compare { .. } => false,
        }
    }
}

/// Measures and prints; `words` are those of the command line.
pub fn bench(bench: &Bench, words: &[OsString]) -> anyhow::Result<()> {
    if bench.json() {
        println!("{:#}", measured::object(bench, &measured::arguments(words))?);
        return Ok(());
    }
    tables::print(bench)
}
