//! A run's plan: that of its problem, and what its directory takes.

use super::Inputs;
use super::process::options;
use crate::cache::Cache;
use crate::compute::Backend;
use crate::device::{Devices, LocalDevices, Work};
use crate::error::Error;
use crate::graph::Graph;
use crate::path::LIKELY_NODES;
use crate::plan::{Cut, Device, MeasuredPasses, Plan, size};
use crate::plural::counted;
use crate::run::keys::{RunFile, StoreKind};
use crate::run::store::Store;
use crate::tangent::Contraction;
use serde::Serialize;
use std::path::Path;

/// What a run costs.
#[derive(Debug, Clone)]
pub struct RunPlan {
    /// What its problem costs.
    pub plan: Plan,
    /// Bytes of the run directory at the most: arrays, tiles that they are put together from, recorded path and states.
    pub disk_bytes: u64,
    /// Bytes of the finished run directory: arrays and recorded path.
    pub final_bytes: u64,
    /// Seconds that training, integration and writing will take, roughly.
    pub seconds: [f64; 3],
    /// How the path is made, in words.
    path: String,
    /// What is integrated, in words.
    integral: String,
    /// How gradient rows are contracted, in words.
    contraction: Vec<String>,
    /// The device.
    pub(super) device: Device,
    /// Its name.
    name: String,
}

/// What a plan says in numbers: the output of `plan --json`, and `planned` in `summary.json`.
#[derive(Debug, Clone, Serialize)]
pub struct PlanFigures {
    /// How long it takes.
    pub seconds: Seconds,
    /// Bytes of memory at the most: a tile, the data and the program.
    pub memory: u64,
    /// Bytes of the run directory.
    pub disk: Disk,
    /// Tiles.
    pub tiles: usize,
    /// What had to be assumed, if anything.
    pub assumed: Option<String>,
}

/// Seconds of the parts of a run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Seconds {
    /// Of training.
    pub train: f64,
    /// Of integration.
    pub integrate: f64,
    /// Of putting the arrays into their final form.
    pub write: f64,
}

/// Bytes of a run directory.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Disk {
    /// At the most.
    pub most: u64,
    /// At the end.
    pub end: u64,
}

impl RunPlan {
    /// Plans a run for the first device that it asks for. Writes nothing but what it measures, where that is kept.
    ///
    /// # Errors
    ///
    /// There is no such device.
    pub fn for_device(run_file: &RunFile, inputs: &Inputs, cache: Cache) -> Result<Self, Error> {
        let cut = Cut::Into { at_least: 1 };
        LocalDevices::find(options(run_file, cache))?.on(0, Planning { run_file, inputs, cut, cache, passes: None })
    }

    fn new(run_file: &RunFile, network: &Graph, mut plan: Plan, device: Device, name: String) -> Self {
        if run_file.kernel.unchosen().is_some() {
            let likely = plan.assumed.take().unwrap_or_else(|| format!("{LIKELY_NODES} Gauss nodes on each step"));
            plan.assumed =
                Some(format!("{likely}; the rule is chosen when the path is there (kernel.rule = \"auto\")"));
        }
        // Tiles stay until the arrays that they are put together to are whole.
        let copies = if run_file.run.store == StoreKind::Npy { 2.0 } else { 1.0 };
        let (whole, listed) = match run_file.kernel.top {
            None => (plan.array_bytes, 0.0),
            Some(count) => {
                let values = plan.shapes[1] as f64 * run_file.kernel.values(network.outputs) as f64;
                let lists = [run_file.kernel.attribution, run_file.kernel.influence.is_some()];
                let lists = lists.iter().filter(|kept| **kept).count() as f64;
                let whole = plan.array_bytes - plan.attribution_bytes - plan.influence_bytes;
                (whole, lists * values * list_bytes(count, device.bytes))
            }
        };
        // Every tile along the examples has lists of its own.
        let across = plan.shapes[0].div_ceil(plan.sides[1].max(1)) as f64;
        let arrays = whole * copies + listed * (1.0 + across);
        let tiles = (plan.tiles.len() + plan.own_tiles.len() + plan.influence.tiles.len()) as f64;
        let [train, integrate] = plan.seconds;
        // The path of another weight is kept until its influences are there.
        let apart = run_file.kernel.influence.is_some_and(|influence| influence.weight != 1.0);
        let paths = if apart { 2.0 } else { 1.0 };
        Self {
            // A tile's state, and the next one beside it.
            disk_bytes: (arrays + paths * plan.path_bytes + 2.0 * plan.state_bytes as f64) as u64,
            final_bytes: (whole + listed + plan.path_bytes) as u64,
            seconds: [
                train + plan.path_bytes * WRITTEN,
                integrate + plan.path_bytes * READ * tiles,
                arrays * WRITTEN + tiles * KEPT,
            ],
            path: run_file.path_words(),
            integral: run_file.integral_words(),
            contraction: contraction_words(network, &plan.contraction),
            plan,
            device,
            name,
        }
    }

    /// How long it takes, for people.
    pub fn time_words(&self) -> String {
        duration(self.seconds.iter().sum())
    }

    /// What it says in numbers.
    pub fn figures(&self) -> PlanFigures {
        let [train, integrate, write] = self.seconds;
        PlanFigures {
            seconds: Seconds { train, integrate, write },
            memory: self.plan.device_bytes.saturating_add(self.plan.host_bytes),
            disk: Disk { most: self.disk_bytes, end: self.final_bytes },
            tiles: self.plan.tiles.len(),
            assumed: self.plan.assumed.clone(),
        }
    }

    /// The device's name.
    pub fn device_name(&self) -> &str {
        &self.name
    }

    /// Checks the plan against the machine's free memory, what the run is allowed of it (where it says so), and the disk
    /// under the run directory, of which an interrupted run there holds a part already.
    ///
    /// # Errors
    ///
    /// What is short, by how much, and what to do.
    pub fn check(&self, directory: &Path) -> Result<(), Error> {
        self.plan.check_memory(&self.device)?;
        check_disk(self.disk_bytes, directory)
    }
}

fn check_disk(bytes: u64, directory: &Path) -> Result<(), Error> {
    let existing = directory.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let free = fs4::available_space(existing).map_err(|source| Error::file(existing, source))?;
    let free = free.saturating_add(Store::new(directory).held_bytes());
    if bytes > free {
        return Err(Error::DoesNotFit(format!(
            "the run writes {} to {}, and {} are free; name another run.directory, keep the largest attributions alone \
             (kernel.top), or take a smaller kernel.kernel or fewer training.steps",
            size(bytes),
            directory.display(),
            size(free)
        )));
    }
    Ok(())
}

/// Bytes of the lists of one value of a query, `count` contributions of each sign, each a number of so many bytes with its example.
fn list_bytes(count: usize, number: usize) -> f64 {
    // The sums of the rest, and how long the lists are.
    const BESIDE: f64 = 64.0;
    2.0 * count as f64 * (number as f64 + 8.0) + BESIDE
}

/// Seconds for each byte that goes to the disk.
const WRITTEN: f64 = 1.7e-9;

/// Seconds for each byte of the path that is read and held against its checksum, which every tile does.
const READ: f64 = 5e-10;
/// Seconds of keeping a tile in files of its own.
const KEPT: f64 = 3e-3;

/// Seconds for people.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "a second".into(),
        s if s < 120.0 => format!("{s:.0} seconds"),
        s if s < 7200.0 => format!("{:.1} minutes", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} hours", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

/// Plans, on the device of a run file.
pub(super) struct Planning<'a> {
    pub run_file: &'a RunFile,
    pub inputs: &'a Inputs,
    pub cut: Cut,
    /// What becomes of what is measured.
    pub cache: Cache,
    /// What was timed of the network's passes before.
    pub passes: Option<MeasuredPasses>,
}

impl Work for Planning<'_> {
    type Output = RunPlan;

    fn on<B: Backend>(self, backend: &B) -> Result<RunPlan, Error> {
        let Self { run_file, inputs, cut, cache, passes } = self;
        let options = options(run_file, cache);
        let rates = options.rates(backend)?;
        let passes = match passes {
            None if options.tune => Some(MeasuredPasses::of(backend, &inputs.problem.network, &rates)?),
            passes => passes,
        };
        let (allowed, threads) = (options.memory, backend.threads());
        let device = Device { allowed, passes, threads, ..Device::new(backend, rates) };
        let plan = Plan::new(&inputs.problem, &device, cut);
        Ok(RunPlan::new(run_file, &inputs.problem.network, plan, device, backend.name()))
    }
}

/// Runs of layers that a line names at the most.
const NAMED: usize = 8;

/// Each contraction that is taken, by its word in a run file, with the layers that take it for any of their parameters. Layers
/// that follow one another among those that have parameters are a run.
fn contraction_words(network: &Graph, choices: &[Contraction]) -> Vec<String> {
    let layers: Vec<(usize, &[Contraction])> =
        network.layers().into_iter().map(|blocks| (network.blocks[blocks.start].layer, &choices[blocks])).collect();
    let mut lines = Vec::new();
    for choice in Contraction::ALL {
        let mut runs: Vec<[usize; 2]> = Vec::new();
        let mut before = false;
        for (layer, own) in &layers {
            let takes = own.contains(&choice);
            match runs.last_mut().filter(|_| before && takes) {
                Some(run) => run[1] = *layer,
                None if takes => runs.push([*layer; 2]),
                None => {}
            }
            before = takes;
        }
        if runs.is_empty() {
            continue;
        }
        let run =
            |&[first, last]: &[usize; 2]| if first == last { first.to_string() } else { format!("{first} to {last}") };
        let named: Vec<String> = runs.iter().take(NAMED).map(run).collect();
        let more = runs.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more runs of layers") } else { String::new() };
        let noun = if matches!(runs.as_slice(), [[first, last]] if first == last) { "layer" } else { "layers" };
        lines.push(format!("{} in {noun} {}{more}", choice.name(), named.join(", ")));
    }
    lines
}

impl std::fmt::Display for RunPlan {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Plan { shapes: [m, n, outputs, parameters, steps], tiles, flops, .. } = &self.plan;
        let steps = if *steps == 0 { "the solver's steps".to_owned() } else { counted(*steps, "step") };
        writeln!(out, "path         {}", self.path)?;
        writeln!(out, "integral     {}", self.integral)?;
        let counts = [(m, "example"), (n, "query"), (outputs, "output"), (parameters, "parameter")];
        let counts = counts.map(|(&count, one)| counted(count, one)).join(", ");
        writeln!(out, "shapes       {counts}, {steps}")?;
        if let Some(assumed) = &self.plan.assumed {
            writeln!(out, "assumed      {assumed}")?;
        }
        let own = match self.plan.own_tiles.len() {
            0 => String::new(),
            count => format!(", and {count} of {} for own.npy", counted(self.plan.own_side, "example")),
        };
        let slices = &self.plan.influence;
        let influence = match slices.tiles.len() {
            0 => String::new(),
            count => format!(", and {count} of {} for the influence", counted(slices.side, "query")),
        };
        let workers = self.plan.workers;
        let at_once = if workers > 1 { format!(", {workers} at once") } else { String::new() };
        writeln!(out, "tiles        {}{at_once}{own}{influence}", tiles.len())?;
        writeln!(
            out,
            "memory       {} for a tile, {} for the data and the program",
            size(self.plan.device_bytes),
            size(self.plan.host_bytes)
        )?;
        writeln!(out, "disk         {} at the most, {} at the end", size(self.disk_bytes), size(self.final_bytes))?;
        writeln!(out, "time         about {}", self.time_words())?;
        if let Some(cheaper) = &self.plan.cheaper {
            writeln!(out, "cheaper      {cheaper}")?;
        }
        for (number, words) in self.contraction.iter().enumerate() {
            writeln!(out, "{:<13}{words}", if number == 0 { "contraction" } else { "" })?;
        }
        writeln!(out, "{:<13}{flops:.3e} floating-point operations", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::layer::{Layer, LayerKind, Linear};

    #[test]
    fn contractions_are_said_with_their_layers() -> Result<(), Box<dyn std::error::Error>> {
        use Contraction::{Factored, Materialised, Output};
        let layer = || Layer::new(Linear { features: 2, bias: true });
        let relu = || Layer::new(LayerKind::Activation(Activation::Relu));
        let network = Graph::new(&[2], &[layer(), relu(), layer(), layer(), relu(), layer()])?;
        let words = contraction_words(&network, &[Factored, Factored, Materialised, Output]);
        assert_eq!(words, ["factored in layers 0 to 2", "output in layer 5", "materialised in layer 3"]);
        let words = contraction_words(&network, &[Factored, Materialised, Factored, Materialised]);
        assert_eq!(words, ["factored in layers 0, 3", "materialised in layers 2, 5"]);
        Ok(())
    }

    /// Arrays lie in files, so that only the disk bounds them.
    #[test]
    fn more_than_the_disk_holds_is_refused() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        check_disk(8 << 20, &folder.path().join("out"))?;
        let refused = check_disk(1 << 62, folder.path()).err().ok_or("it fits")?;
        assert!(matches!(&refused, Error::DoesNotFit(problem) if problem.contains("writes 4.0 EiB")), "{refused}");
        Ok(())
    }
}
