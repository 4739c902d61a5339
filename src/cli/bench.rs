//! `pathkernel bench`.

use super::is_override;
use super::progress::Course;
use clap::{Args, Subcommand, ValueEnum};
use pathkernel::activation::Activation;
use pathkernel::bench::{
    DeviceFigures, KernelBench, Layers, OperationsBench, expected_of_choices, measure_choices, measure_devices,
    measure_run,
};
use pathkernel::cache::Cache;
use pathkernel::compute::Entries;
use pathkernel::device::{DeviceOptions, Precision};
use pathkernel::error::Error;
use pathkernel::graph::Graph;
use pathkernel::layer::{Layer, LayerKind, Linear};
use pathkernel::run::keys::{Model, RunFile};
use pathkernel::run::{Inputs, RunPlan, duration};
use pathkernel::tangent::Contraction;
use serde_json::json;
use std::path::{Path, PathBuf};

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
    /// The same kernel on every adapter and on the CPU: a table to share.
    Devices(Kernel),
    /// Every contraction of some layers beside the one that the cost model picks.
    Choice(Common),
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

/// Measures and prints.
pub fn bench(bench: &Bench) -> anyhow::Result<()> {
    match bench {
        Bench::Kernel(kernel) => one_kernel(kernel),
        Bench::Accumulate { steps, kernel } => accumulate(*steps, kernel),
        Bench::Operations { size, common } => operations(size, common),
        Bench::Devices(kernel) => devices(kernel),
        Bench::Choice(common) => choice(common),
        Bench::Run { words, json } => whole_run(words, *json),
    }
}

/// From so many seconds on it is said beforehand how many they are.
const LONG: f64 = 30.0;

/// Says about how long it will take, where that is long.
fn announce(seconds: f64) {
    if seconds >= LONG {
        eprintln!("this takes about {}", duration(seconds));
    }
}

/// Measures, and shows how it gets on.
fn measuring<T>(work: impl FnOnce(&mut Course) -> T) -> T {
    let mut course = Course::new(false);
    let done = work(&mut course);
    course.clear();
    done
}

/// One JSON object, alone on standard output.
fn print_json(value: &impl serde::Serialize) {
    println!("{:#}", json!(value));
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

fn one_kernel(kernel: &Kernel) -> anyhow::Result<()> {
    let bench = kernel.bench()?;
    announce(bench.expected()?);
    let figures = measuring(|course| bench.measure(course))?;
    if kernel.common.json {
        let contraction: serde_json::Map<String, serde_json::Value> =
            figures.contraction.iter().map(|(layer, choice)| (layer.to_string(), json!(choice))).collect();
        let mut value = json!(figures);
        value["contraction"] = contraction.into();
        print_json(&value);
        return Ok(());
    }
    println!("device            {}", figures.device);
    println!("seconds           {:.5}, the median of {}", figures.seconds, figures.all_seconds.len());
    println!("operations        {:.3e}, of the factored contraction, forward and backward", figures.flops);
    println!("rate              {:.1} GFLOP/s", figures.gflops);
    println!(
        "matrix product    {:.1} GFLOP/s; the kernel runs at {:.2} of it",
        figures.gemm_gflops, figures.fraction_of_gemm
    );
    for (layer, contraction) in &figures.contraction {
        println!("layer {layer:<11} {}", contraction.name());
    }
    Ok(())
}

fn accumulate(steps: usize, kernel: &Kernel) -> anyhow::Result<()> {
    if steps == 0 {
        return Err(Error::Input("--steps must be at least 1".into()).into());
    }
    let bench = kernel.bench()?;
    announce(steps as f64 * bench.expected()?);
    let figures = measuring(|course| bench.accumulate(steps, course))?;
    if kernel.common.json {
        print_json(&figures);
        return Ok(());
    }
    println!("device            {}", figures.device);
    println!("seconds           {:.5} for {} steps", figures.seconds, figures.steps);
    println!("entries           {:.3e} a second", figures.entries_per_second);
    println!("rate              {:.1} GFLOP/s", figures.gflops);
    Ok(())
}

fn operations(size: &[usize], common: &Common) -> anyhow::Result<()> {
    let &[rows, columns, depth] = size else {
        return Err(Error::Input("--size: needs rows, columns and depth, such as 2048,2048,512".into()).into());
    };
    if size.contains(&0) {
        return Err(Error::Input("--size: every side must be at least 1".into()).into());
    }
    let bench = OperationsBench { device: common.device(), repeats: common.repeats, size: [rows, columns, depth] };
    let figures = bench.measure()?;
    if common.json {
        print_json(&figures);
        return Ok(());
    }
    println!("{}", figures.device);
    for figure in &figures.operations {
        let rate = match (figure.gflops, figure.gigabytes_per_second) {
            (Some(gflops), _) => format!("{gflops:10.1} GFLOP/s"),
            (_, Some(rate)) => format!("{rate:10.1} GB/s"),
            _ => String::new(),
        };
        println!("  {:<24} {:10.6} s {rate}", figure.operation, figure.seconds);
    }
    Ok(())
}

fn devices(kernel: &Kernel) -> anyhow::Result<()> {
    let bench = kernel.bench()?;
    let found = measuring(|course| measure_devices(&bench, course));
    if kernel.common.json {
        let each = |found: &Result<DeviceFigures, (String, Error)>| match found {
            Ok(figures) => json!(figures),
            Err((device, error)) => json!({ "device": device, "error": error.to_string() }),
        };
        print_json(&json!({ "devices": found.iter().map(each).collect::<Vec<_>>() }));
        return Ok(());
    }
    println!("{:>10} {:>12} {:>10}  device (GFLOP/s)", "kernel", "attribution", "product");
    for found in &found {
        match found {
            Ok(figures) => println!(
                "{:10.1} {:12.1} {:10.1}  {}",
                figures.kernel_gflops, figures.attribution_gflops, figures.gemm_gflops, figures.device
            ),
            Err((device, error)) => println!("{:>10} {:>12} {:>10}  {device}: {error}", "-", "-", "-"),
        }
    }
    Ok(())
}

fn choice(common: &Common) -> anyhow::Result<()> {
    let (device, repeats) = (common.device(), common.repeats);
    announce(expected_of_choices(&device, repeats)?);
    let figures = measuring(|course| measure_choices(&device, repeats, course))?;
    if common.json {
        print_json(&json!({ "layers": figures }));
        return Ok(());
    }
    println!("| network | step | layer | seconds of a step, by contraction of the layer | picked | of the fastest |");
    println!("|---|---|---|---|---|---|");
    for figure in &figures {
        let each: Vec<String> = figure
            .seconds
            .iter()
            .map(|(contraction, seconds)| format!("{} {seconds:.4}", contraction.name()))
            .collect();
        let (network, step, layer, ratio) = (figure.network, &figure.step, figure.layer, figure.ratio);
        println!("| {network} | {step} | {layer} | {} | {} | {ratio:.2} |", each.join(", "), figure.picked.name());
    }
    Ok(())
}

fn whole_run(words: &[String], json: bool) -> anyhow::Result<()> {
    let (overrides, files): (Vec<String>, Vec<String>) = words.iter().cloned().partition(|word| is_override(word));
    let [file] = files.as_slice() else {
        return Err(Error::Input("bench run takes one run file, and overrides".into()).into());
    };
    let run_file = RunFile::load(Path::new(file), &overrides)?;
    let plan = RunPlan::for_device(&run_file, &Inputs::read(&run_file)?, Cache::ReadOnly)?;
    announce(plan.seconds.iter().sum());
    let figures = measuring(|course| measure_run(&run_file, course))?;
    if json {
        print_json(&figures);
        return Ok(());
    }
    println!("device            {}", figures.device);
    println!("steps             {:.1} a second, training and integration together", figures.steps_per_second);
    println!("seconds           {:.2} training, {:.2} integrating", figures.train, figures.integrate);
    println!("largest residual  {:.1e} of the change in output", figures.largest_relative_residual);
    Ok(())
}
