//! What was measured, as text for people.

use super::{Bench, Common, Kernel, compare, measured, operations};
use crate::bench::{DeviceFigures, Failed};

/// Measures and prints.
pub(super) fn print(bench: &Bench) -> anyhow::Result<()> {
    match bench {
        Bench::Kernel(kernel) => one_kernel(kernel),
        Bench::Accumulate { steps, kernel } => accumulate(*steps, kernel),
        Bench::Operations { size, common } => single_operations(size, common),
        Bench::Devices(kernel) => devices(kernel),
        Bench::Choice(common) => choice(common),
        Bench::Compare { other, this } => compare::compare(other, this.as_deref()),
        Bench::Run { words, .. } => whole_run(words),
    }
}

fn one_kernel(kernel: &Kernel) -> anyhow::Result<()> {
    let figures = measured::kernel(kernel)?;
    println!("device            {}", figures.device);
    println!("seconds           {:.5}, the median of {}", figures.seconds, figures.all_seconds.len());
    println!("operations        {:.3e}, forward, backward and contractions as they are done", figures.flops);
    println!("rate              {:.1} GFLOP/s", figures.gflops);
    println!(
        "matrix product    {:.1} GFLOP/s; the kernel runs at {:.2} of it",
        figures.gemm_gflops, figures.fraction_of_gemm
    );
    println!(
        "effective rate    {:.1} GFLOP/s, of the {:.3e} operations that contracting in factors would take",
        figures.effective_gflops, figures.effective_flops
    );
    for (layer, contraction) in &figures.contraction {
        println!("layer {layer:<11} {}", contraction.name());
    }
    Ok(())
}

fn accumulate(steps: usize, kernel: &Kernel) -> anyhow::Result<()> {
    let figures = measured::accumulate(steps, kernel)?;
    println!("device            {}", figures.device);
    println!("seconds           {:.5} for {} steps", figures.seconds, figures.steps);
    println!("entries           {:.3e} a second", figures.entries_per_second);
    println!("rate              {:.1} GFLOP/s", figures.gflops);
    println!("effective rate    {:.1} GFLOP/s", figures.effective_gflops);
    Ok(())
}

fn single_operations(size: &[usize], common: &Common) -> anyhow::Result<()> {
    let figures = operations(size, common)?.measure()?;
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

/// A line a device, as each is done.
fn devices(kernel: &Kernel) -> anyhow::Result<()> {
    let network = match &kernel.model {
        Some(path) => path.display().to_string(),
        None => kernel.layers.iter().map(usize::to_string).collect::<Vec<_>>().join("-"),
    };
    println!("pathkernel {}: full kernel and attribution of {network}; GFLOP/s\n", env!("CARGO_PKG_VERSION"));
    println!("| device | | sizes | seconds | kernel | attribution | matrix product |");
    println!("|---|---|---|---|---|---|---|");
    measured::devices(kernel, |found| println!("{}", device_line(&found)))
}

fn device_line(found: &Result<DeviceFigures, Failed>) -> String {
    match found {
        Ok(figures) => {
            let DeviceFigures { device, precision, sizes: [queries, examples], seconds, .. } = figures;
            let rates = [figures.kernel_gflops, figures.attribution_gflops, figures.gemm_gflops];
            let [kernel, attribution, product] = rates.map(|rate| format!("{rate:.1}"));
            format!(
                "| {device} | {precision} | {queries} x {examples} | {seconds:.4} | {kernel} | {attribution} | {product} |"
            )
        }
        Err((device, error)) => format!("| {device} | | | | | | {error} |"),
    }
}

fn choice(common: &Common) -> anyhow::Result<()> {
    let figures = measured::choice(common)?;
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

fn whole_run(words: &[String]) -> anyhow::Result<()> {
    let figures = measured::whole_run(words)?;
    println!("device            {}", figures.device);
    println!("steps             {:.1} a second, training and integration together", figures.steps_per_second);
    println!("seconds           {:.2} training, {:.2} integrating", figures.train, figures.integrate);
    println!("largest residual  {:.1e} of the change in output", figures.largest_relative_residual);
    Ok(())
}
