//! How much memory, disk and arithmetic a run takes, and how it is cut into tiles.

use super::Inputs;
use super::cost::Cost;
use super::device::{Devices, RunDevices, Work, free_memory, rates};
use super::footprint::{Footprint, MOST_QUERIES, halved};
use crate::backend::{Backend, Element, Entries, Rates};
use crate::cache::Cache;
use crate::error::Error;
use crate::optimizer::Optimizer;
use crate::path::{Quadrature, Rule, Tile, examples_at_once, vectors_at_once};
use crate::run::keys::{KernelShape, Precision, RunFile, StoreKind};
use crate::store::Store;
use crate::tangent::{Carried, Contraction, Sizes, choose};
use std::path::Path;

/// A run's cost, and its tiles.
#[derive(Debug, Clone)]
pub struct Plan {
    /// m, n, C, trained numbers and steps.
    pub shapes: [usize; 5],
    /// The contraction of each layer with parameters.
    pub contraction: Vec<Contraction>,
    /// Queries and examples of a tile; those at the edges may have fewer.
    pub sides: [usize; 2],
    /// The tiles, in the order in which they are computed.
    pub tiles: Vec<Tile>,
    /// Bytes on the device at the most.
    pub device_bytes: u64,
    /// Bytes of the data and of the program on the host. The arrays are not among them: they lie in files.
    pub host_bytes: u64,
    /// Bytes of the state of a tile under way.
    pub state_bytes: u64,
    /// Bytes of the run directory: arrays, recorded path and states.
    pub disk_bytes: u64,
    /// Floating-point operations of the contractions.
    pub flops: f64,
    /// Floating-point operations of the forward and backward passes.
    pub pass_flops: f64,
    /// Seconds that training, integration and writing will take, roughly, by the device's rates.
    pub seconds: f64,
    /// How the path is made, in words.
    pub path: String,
    /// What is integrated, in words.
    pub integral: String,
    /// What had to be assumed, if anything: counts that only the run itself finds.
    pub assumed: Option<String>,
}

/// What the kernel's shape means for its entries.
pub(super) fn entries(shape: KernelShape) -> Option<Entries> {
    match shape {
        KernelShape::None => None,
        KernelShape::Trace => Some(Entries::Trace),
        KernelShape::Diagonal => Some(Entries::Diagonal),
        KernelShape::Full => Some(Entries::Full),
    }
}

impl Plan {
    /// Plans a run for a device.
    pub fn new(run_file: &RunFile, inputs: &Inputs, device: &Device<'_>, cut: &Cut) -> Self {
        let rates = device.rates;
        let (network, kernel) = (&inputs.network, &run_file.kernel);
        let (m, n, outputs) = (inputs.examples, inputs.query_count(), network.outputs);
        let flow = matches!(run_file.training.optimizer, Optimizer::Flow(_));
        let nodes = match kernel.rule {
            // Gradient flow takes its nodes one by one.
            Rule::Gauss { nodes } if !flow => nodes,
            Rule::Adaptive { .. } => ADAPTIVE_NODES,
            _ => 1,
        };
        let bytes: usize = if run_file.run.precision == Precision::F64 { 8 } else { 4 };
        let batch = inputs.steps.iter().map(|step| step.batch_len().min(m)).max().unwrap_or(m);
        let copies = if kernel.kernel == KernelShape::None { 1 } else { outputs };
        let rows = kernel.readout.len(outputs);
        let steps = if flow { FLOW_STEPS * flow_nodes(&kernel.rule) } else { inputs.steps.len() };
        let rounding = if bytes == 8 { <f64 as Element>::ROUNDING } else { <f32 as Element>::ROUNDING };
        let taken: Vec<f64> = inputs.steps.iter().map(|step| step.learning_rate).collect();
        let carried = Carried::new(&run_file.training.optimizer, &taken, rounding);
        let wanted = kernel.attribution.then_some(Entries::Loss).into_iter().chain(entries(kernel.kernel)).collect();
        let queries = n.min(MOST_QUERIES);
        let sizes = Sizes { queries, outputs: rows, copies: outputs, nodes, examples: batch, entries: wanted, carried };
        let pick = |own| choose(network, own, kernel.readout, &sizes, device.choosing);
        let contraction = kernel.contraction.clone();
        let contraction = contraction.unwrap_or_else(|| network.parameters.iter().map(pick).collect());

        let pair = entries(kernel.kernel).map_or(0, |entries| entries.per_pair(rows, outputs));
        let attribution = if kernel.attribution { rows } else { 0 };
        let groups = if kernel.layers { network.parameters.len() } else { 1 };
        // Counts that may be beyond any machine, so in floating point.
        let real = |count: usize| count as f64;
        let sums = real(groups) * (real(attribution) + real(pair)) + if kernel.coefficients { real(pair) } else { 0.0 };
        // The inputs, those of a full batch once more, and the steps that are made again: their weights, and what their decomposition needs.
        let again = if run_file.trajectory.every > 1 { run_file.trajectory.every.min(inputs.steps.len()) } else { 0 };
        let held = 2.0 * real(m) * real(network.input_len()) + 3.0 * real(again) * real(network.len);
        let at_once = Sizes { examples: batch.min(examples_at_once(network, copies)), ..sizes.clone() };
        // Tangent kernels wait on the host for the rest of their tile.
        let tangent = if kernel.tangent { 2.0 * real(pair) } else { 0.0 };
        let footprint =
            Footprint::new(network, &contraction, &at_once, sums.max(1.0), held, bytes).keeping(8.0 * tangent);
        let superposing =
            if kernel.superposition { vectors_at_once(network, m) as u64 * (bytes as u64 + 16) } else { 0 };
        let data = real(m + n) * real(network.input_len()) * real(8 + 2 * bytes) + 7.0 * 8.0 * real(n) * real(rows);
        let room = match run_file.run.memory {
            Some(allowed) => allowed.saturating_sub(data as u64 + PROGRAM),
            None => device.memory,
        };
        let tile = match *cut {
            Cut::Into { at_least } => {
                footprint.tile((n, m), room, device.largest).map(|sides| cut_sides(sides, [n, m], at_least))
            }
            Cut::Recorded(sides) => Some(sides),
        };
        let [down, across] = tile.unwrap_or([1, 1]).map(|side| side.max(1));
        // Tiles of one query and one example could be very many; a plan that does not fit has none.
        let tiles = if tile.is_some() { tiles([n, m], [down, across]) } else { Vec::new() };
        let [down, across] = [down.min(n), across.min(m)];
        // The whole, its parts by layer, and for the coefficients their numerators and themselves.
        let parts = if kernel.layers { 1.0 + real(groups) } else { 1.0 };
        let coefficients = if kernel.coefficients { 2.0 * real(pair) } else { 0.0 };
        let pairs = parts * (real(attribution) + real(pair)) + coefficients + tangent;
        // Of each example and layer a norm and a share, and the vectors asked for.
        let vectors = kernel.superposition_vectors.len();
        let superposed = real(vectors) * real(network.len)
            + if kernel.superposition { 2.0 * real(m) * real(network.parameters.len()) } else { 0.0 };
        let arrays = (real(n) * real(m) * pairs + 5.0 * real(n) * real(rows) + superposed) * real(bytes);
        let vectors = if flow {
            real(FLOW_STEPS * (1 + 2 * flow_nodes(&kernel.rule)))
        } else {
            real(inputs.recording(run_file).vectors())
        };
        // Tiles stay until the arrays that they are put together to are whole.
        let copies_on_disk = if run_file.run.store == StoreKind::Npy { 2.0 } else { 1.0 };
        let state_bytes = footprint.state_bytes(down, across);
        let path = (vectors + 2.0) * real(network.len) * real(bytes);
        let cost = Cost {
            network,
            contraction: &contraction,
            rates,
            sizes: Sizes { queries: n, ..sizes },
            examples: m,
            tiles: [n.div_ceil(down), m.div_ceil(across)],
            copies,
        };
        let steps = real(steps);
        let superposing_step = if kernel.superposition { cost.superposing() } else { 0.0 };
        let tangents = entries(kernel.kernel).filter(|_| kernel.tangent).map_or(0.0, |entries| cost.tangents(entries));
        let (flops, pass_flops) = (cost.flops() * steps, cost.pass_flops() * steps);
        let writing = arrays * copies_on_disk * WRITTEN;
        let seconds = (cost.step(sums) + superposing_step) * steps + tangents + cost.folding(sums, steps) + writing;
        let assumed = match kernel.rule {
            _ if flow => Some(format!("{FLOW_STEPS} steps: how many the solver takes shows only when it runs")),
            Rule::Adaptive { .. } => Some(format!(
                "{ADAPTIVE_NODES} nodes for each query and step: how many it takes shows only when it runs"
            )),
            _ => None,
        };
        Self {
            path: run_file.path_words(),
            integral: run_file.integral_words(),
            assumed,
            shapes: [m, n, outputs, network.parameter_count(), inputs.steps.len()],
            contraction,
            sides: [down, across],
            tiles,
            device_bytes: footprint.bytes(down, across).max(superposing),
            host_bytes: data as u64 + PROGRAM,
            state_bytes,
            // A tile's state, and the next one beside it.
            disk_bytes: (arrays * copies_on_disk + path + 2.0 * state_bytes as f64) as u64,
            flops,
            pass_flops,
            seconds,
        }
    }

    /// The shapes, with the number of steps that were taken.
    pub fn shapes_of(&self, steps: usize) -> [usize; 5] {
        let [m, n, outputs, parameters, _] = self.shapes;
        [m, n, outputs, parameters, steps]
    }

    /// Checks the plan against the machine's free memory, what the run is allowed of it (where it says so), and the disk
    /// under the run directory, of which an interrupted run there holds a part already.
    ///
    /// # Errors
    ///
    /// What is short, by how much, and what to do.
    pub fn check(&self, directory: &Path, memory: u64, allowed: Option<u64>) -> Result<(), Error> {
        if self.tiles.is_empty() {
            let room = allowed.map_or(String::new(), |allowed| {
                let (allowed, host) = (size(allowed), size(self.host_bytes));
                format!(" (run.memory allows {allowed}, of which data and program take {host})")
            });
            return Err(Error::DoesNotFit(format!(
                "one query with one example already needs {} of the device's memory, or an array larger than its \
                 largest{room}; choose a smaller kernel.kernel, make model.layers smaller, or allow more memory",
                size(self.device_bytes)
            )));
        }
        let need = self.device_bytes.saturating_add(self.host_bytes);
        let (have, word) = match allowed {
            Some(allowed) if allowed < memory => (allowed, "allowed (run.memory)"),
            _ => (memory, "free"),
        };
        if need > have {
            return Err(Error::DoesNotFit(format!(
                "the run needs {} of memory, and {} are {word}; allow more, make model.layers smaller, or ask for less in \
                 [kernel]",
                size(need),
                size(have)
            )));
        }
        let existing = directory.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
        let free = fs4::available_space(existing).map_err(|source| Error::file(existing, source))?;
        let free = free.saturating_add(Store::new(directory).held_bytes());
        if self.disk_bytes > free {
            return Err(Error::DoesNotFit(format!(
                "the run writes {} to {}, and {} are free; name another run.directory, or take a smaller kernel.kernel \
                 or fewer training.steps",
                size(self.disk_bytes),
                directory.display(),
                size(free)
            )));
        }
        Ok(())
    }
}

/// Nodes of a query and step that the rule `adaptive` is expected to take.
const ADAPTIVE_NODES: usize = 6;
/// Steps that gradient flow is expected to take; how many it does take shows only then.
const FLOW_STEPS: usize = 64;

/// Nodes within a step of gradient flow.
fn flow_nodes(rule: &Rule) -> usize {
    Quadrature::of_flow(rule).nodes.len()
}

/// Seconds for each byte that goes to the disk.
const WRITTEN: f64 = 1.7e-9;

/// Seconds for people.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "a second".into(),
        s if s < 120.0 => format!("{s:.0} seconds"),
        s if s < 7200.0 => format!("{:.1} minutes", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} hours", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// What a plan needs to know of a device.
#[derive(Debug, Clone, Copy)]
pub struct Device<'a> {
    /// How fast it is.
    pub rates: &'a Rates,
    /// Rates by which contractions are chosen.
    pub choosing: &'a Rates,
    /// Bytes that a tile may take, where the run file does not say.
    pub memory: u64,
    /// Elements of its largest buffer.
    pub largest: usize,
}

/// How a run is cut into tiles. An entry's value does not depend on it.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// Into as large ones as fit, and at least so many, where there are as many pairs.
    Into {
        /// How many.
        at_least: usize,
    },
    /// As an earlier attempt did: queries and examples of a tile.
    Recorded([usize; 2]),
}

/// Smaller tiles, where more of them are wanted; of sides that the arrays' parts divide.
fn cut_sides(mut sides: [usize; 2], pairs: [usize; 2], at_least: usize) -> [usize; 2] {
    let count = |sides: [usize; 2]| pairs[0].div_ceil(sides[0]).saturating_mul(pairs[1].div_ceil(sides[1]));
    while count(sides) < at_least {
        match halved(sides) {
            Some(smaller) => sides = smaller,
            None => break,
        }
    }
    [even(sides[0], pairs[0]), even(sides[1], pairs[1])]
}

/// A side of tiles of nearly the same size, no larger than `side`, that parts divide.
fn even(side: usize, all: usize) -> usize {
    if side >= all {
        return all;
    }
    let equal = all.div_ceil(all.div_ceil(side)).next_multiple_of(PART);
    if equal <= side { equal } else { (side / PART * PART).max(1 << side.min(PART).ilog2()) }
}

/// All tiles of some pairs.
fn tiles([n, m]: [usize; 2], [down, across]: [usize; 2]) -> Vec<Tile> {
    let ranges = |len: usize, side: usize| (0..len).step_by(side).map(move |from| from..(from + side).min(len));
    let row = |queries: std::ops::Range<usize>| {
        ranges(m, across).map(move |examples| Tile { queries: queries.clone(), examples })
    };
    ranges(n, down).flat_map(row).collect()
}

/// What larger sides of tiles are multiples of, so that they have parts of sensible sides.
const PART: usize = 16;
/// Bytes of the program itself: its code and stacks, and what is measured and kept at its start.
const PROGRAM: u64 = 48 << 20;

/// Plans, on the device of a run file.
pub(super) struct Planning<'a> {
    pub run_file: &'a RunFile,
    pub inputs: &'a Inputs,
    pub cut: Cut,
    /// What becomes of what is measured.
    pub cache: Cache,
}

impl Work for Planning<'_> {
    type Output = (Plan, String);

    fn on<B: Backend>(self, backend: &B) -> Result<(Plan, String), Error> {
        let rates = rates(backend, &self.run_file.run, self.cache)?;
        let choosing = backend.fixed_rates().unwrap_or(rates);
        let device =
            Device { rates: &rates, choosing: &choosing, memory: free_memory() / 2, largest: backend.largest_buffer() };
        Ok((Plan::new(self.run_file, self.inputs, &device, &self.cut), backend.name()))
    }
}

impl Plan {
    /// Plans a run for the device that it asks for, and names the device. Writes nothing.
    ///
    /// # Errors
    ///
    /// There is no such device.
    pub fn for_device(run_file: &RunFile, inputs: &Inputs) -> Result<(Self, String), Error> {
        let (cut, cache) = (Cut::Into { at_least: 1 }, Cache::ReadOnly);
        RunDevices::with_cache(&run_file.run, cache)?.on(0, Planning { run_file, inputs, cut, cache })
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [m, n, outputs, parameters, steps] = self.shapes;
        let steps = if steps == 0 { "the solver's steps".to_owned() } else { format!("{steps} steps") };
        writeln!(out, "path         {}", self.path)?;
        writeln!(out, "integral     {}", self.integral)?;
        writeln!(out, "shapes       {m} examples, {n} queries, {outputs} outputs, {parameters} parameters, {steps}")?;
        if let Some(assumed) = &self.assumed {
            writeln!(out, "assumed      {assumed}")?;
        }
        writeln!(out, "tiles        {}", self.tiles.len())?;
        writeln!(
            out,
            "memory       {} for a tile, {} for the data and the program",
            size(self.device_bytes),
            size(self.host_bytes)
        )?;
        writeln!(out, "disk         {}", size(self.disk_bytes))?;
        writeln!(out, "time         about {}", duration(self.seconds))?;
        writeln!(out, "contraction  {:?}, {:.3e} floating-point operations", self.contraction, self.flops)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(host_bytes: u64, disk_bytes: u64) -> Plan {
        Plan {
            shapes: [1; 5],
            contraction: Vec::new(),
            sides: [1, 1],
            tiles: vec![Tile { queries: 0..1, examples: 0..1 }],
            device_bytes: 1 << 20,
            host_bytes,
            state_bytes: 0,
            disk_bytes,
            flops: 0.0,
            pass_flops: 0.0,
            seconds: 1.0,
            path: String::new(),
            integral: String::new(),
            assumed: None,
        }
    }

    #[test]
    fn tiles_are_even_and_no_larger_than_they_may_be() {
        assert_eq!((even(256, 360), even(719, 1437), even(479, 1437)), (192, 719 / 16 * 16, 479 / 16 * 16));
        assert_eq!((even(500, 400), even(1, 5), even(15, 40), even(256, 1000)), (400, 1, 8, 256));
        for all in 1..300 {
            for side in 1..=all {
                assert!((1..=side).contains(&even(side, all)), "{side} of {all}");
            }
        }
    }

    /// Arrays lie in files, so that only the disk bounds them.
    #[test]
    fn arrays_may_be_larger_than_memory_and_not_than_the_disk() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        plan(1 << 20, 8 << 20).check(&folder.path().join("out"), 4 << 20, None)?;
        for (plan, word) in [(plan(4 << 20, 1), "of memory"), (plan(1, 1 << 62), "writes 4.0 EiB")] {
            let refused = plan.check(folder.path(), 4 << 20, None).err().ok_or("it fits")?;
            assert!(matches!(&refused, Error::DoesNotFit(problem) if problem.contains(word)), "{refused}");
        }
        let refused = plan(2 << 20, 1).check(folder.path(), 4 << 20, Some(2 << 20)).err().ok_or("it fits")?;
        assert!(refused.to_string().contains("2.0 MiB are allowed (run.memory)"), "{refused}");
        Ok(())
    }
}
