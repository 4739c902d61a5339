//! How much memory, disk and arithmetic a run takes, and how it is cut into tiles.

use super::Inputs;
use super::device::{Work, free_memory, on_device, product_rate};
use crate::backend::Backend;
use crate::error::Error;
use crate::path::{Quadrature, Tile};
use crate::run_file::{KernelShape, Precision, RunFile};
use crate::tangent::{Contraction, Entries, Sizes, choose, factored_flops, materialised_flops};
use std::path::Path;

/// A run's cost, and its tiles.
#[derive(Debug, Clone)]
pub struct Plan {
    /// m, n, C, trained numbers and steps.
    pub shapes: [usize; 5],
    /// The contraction of each layer with parameters.
    pub contraction: Vec<Contraction>,
    /// The tiles, in the order in which they are computed.
    pub tiles: Vec<Tile>,
    /// Bytes on the device at the most.
    pub device_bytes: u64,
    /// Bytes of the arrays on the host.
    pub host_bytes: u64,
    /// Bytes of the run directory.
    pub disk_bytes: u64,
    /// Floating-point operations of the contractions.
    pub flops: f64,
    /// Floating-point operations of the forward and backward passes.
    pub pass_flops: f64,
    /// Seconds that the run will take, roughly; known where the device was measured.
    pub seconds: Option<f64>,
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
    /// Plans a run for a device with `memory` bytes, whose buffers have at most `largest` elements.
    pub fn new(run_file: &RunFile, inputs: &Inputs, memory: u64, largest: usize) -> Self {
        let (network, kernel) = (&inputs.network, &run_file.kernel);
        let (m, n, outputs) = (inputs.examples, inputs.query_count(), network.outputs);
        let nodes = Quadrature::new(&kernel.rule).nodes.len();
        let bytes: usize = if run_file.run.precision == Precision::F64 { 8 } else { 4 };
        let batch = inputs.steps.first().map_or(m, |step| step.batch_len().min(m));
        let copies = if kernel.kernel == KernelShape::None { 1 } else { outputs };
        let sizes = Sizes { queries: n.min(256), outputs, nodes, examples: batch, copies };
        let contraction: Vec<Contraction> = network.parameters.iter().map(|own| choose(own, &sizes)).collect();

        let pair = entries(kernel.kernel).map_or(0, |entries| entries.per_pair(outputs));
        let attribution = if kernel.attribution { outputs } else { 0 };
        let groups = if kernel.layers { network.parameters.len() } else { 1 };
        // Counts that may be beyond any machine, so in floating point.
        let real = |count: usize| count as f64;
        let sums = real(groups) * (real(attribution) + real(pair)) + if kernel.coefficients { real(pair) } else { 0.0 };
        let sums = sums.max(1.0);
        // Elements of the device per query, per example and per pair of a tile.
        let widest = network.parameters.iter().map(|own| own.len()).max().unwrap_or(0);
        let positions = network.parameters.iter().map(|own| own.positions).max().unwrap_or(1);
        let backward = real(network.backward_len());
        let query =
            real(nodes) * (real(network.forward_len()) + real(outputs) * backward) + real(outputs) * real(widest);
        let total: f64 = network.parameters.iter().map(|own| real(own.len().max(own.positions * own.height))).sum();
        let example = real(network.forward_len()) + 3.0 * real(copies) * (backward + total);
        let square = real(positions) * real(positions) * real(nodes);
        let need = |queries: usize, examples: usize| {
            let batch = examples.min(batch);
            let (queries, examples, batch) = (real(queries), real(examples), real(batch));
            let elements = queries * query + batch * example + queries * (examples * sums * 2.0 + batch * square);
            ((elements + 4.0 * real(network.len)) * real(bytes) * 1.5) as u64
        };
        let largest_of = |queries: usize, examples: usize| {
            let (queries, batch, examples) = (real(queries), real(examples.min(batch)), real(examples));
            let rows = queries * real(nodes) * real(outputs) * backward.max(real(outputs));
            let columns = batch * real(copies) * (total + backward);
            rows.max(columns).max(queries * examples * real(pair.max(outputs))).max(queries * batch * square)
        };
        let fits =
            |queries, examples| need(queries, examples) <= memory && largest_of(queries, examples) <= real(largest);
        let (mut across, mut down) = (m, n.min(256));
        while !fits(down, across) && (down > 1 || across > 1) {
            if across > 2 * down || down == 1 {
                across = across.div_ceil(2);
            } else {
                down = down.div_ceil(2);
            }
        }
        let fits = fits(down, across);
        // Tiles of one query and one example could be very many; a plan that does not fit has none.
        let (tiled, columns) = if fits { (n, m) } else { (0, 0) };
        let ranges =
            |len: usize, side: usize| (0..len).step_by(side.max(1)).map(move |from| from..(from + side).min(len));
        let tiles = ranges(tiled, down)
            .flat_map(|queries| {
                ranges(columns, across).map(move |examples| Tile { queries: queries.clone(), examples })
            })
            .collect();
        let tangent = if kernel.tangent { 2.0 * real(pair) } else { 0.0 };
        let arrays = real(n) * real(m) * (sums + tangent) * real(bytes);
        let path = (real(inputs.steps.len()) + 1.0) * real(network.len) * real(bytes);
        let whole = Sizes { queries: n, ..sizes };
        let flops: f64 = network
            .parameters
            .iter()
            .zip(&contraction)
            .map(|(own, choice)| match choice {
                Contraction::Factored => factored_flops(own, &whole),
                Contraction::Materialised => materialised_flops(own, &whole),
            })
            .sum();
        // Two operations for each weight, position and row, forward once and backward once a gradient row, and each
        // element that a pass keeps costs as much as some dozens.
        let products: f64 = network.parameters.iter().map(|own| 2.0 * (own.len() * own.positions) as f64).sum();
        let row = products + ELEMENT * network.forward_len() as f64;
        // Queries pass once for every tile of examples, and examples once for every tile of queries.
        let query_rows = (n * nodes * (2 + outputs) + n) * m.div_ceil(across.max(1));
        let example_rows = batch * (1 + copies) * n.div_ceil(down.max(1)) + 3 * batch;
        let pass_flops = row * (query_rows + example_rows) as f64;
        Self {
            shapes: [m, n, outputs, network.parameter_count(), inputs.steps.len()],
            contraction,
            tiles,
            device_bytes: need(down, across),
            host_bytes: (arrays + real(m + n) * real(network.input_len()) * real(8 + bytes)) as u64,
            disk_bytes: (arrays + path) as u64,
            flops: flops * inputs.steps.len() as f64,
            pass_flops: pass_flops * inputs.steps.len() as f64,
            seconds: None,
        }
    }

    /// Checks the plan against the machine's free memory and the disk under `directory`.
    ///
    /// # Errors
    ///
    /// What is short, by how much, and what to do.
    pub fn check(&self, directory: &Path, memory: u64) -> Result<(), Error> {
        if self.tiles.is_empty() {
            return Err(Error::DoesNotFit(format!(
                "one query with one example already needs {} of the device's memory, or an array larger than its \
                 largest; choose a smaller kernel.kernel or make model.layers smaller",
                size(self.device_bytes)
            )));
        }
        let need = self.device_bytes.saturating_add(self.host_bytes);
        if need > memory {
            return Err(Error::DoesNotFit(format!(
                "the run needs {} of memory, and {} are free; use fewer queries, or a smaller kernel.kernel",
                size(need),
                size(memory)
            )));
        }
        let existing = directory.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
        let free = fs4::available_space(existing).map_err(|source| Error::file(existing, source))?;
        if self.disk_bytes > free {
            return Err(Error::DoesNotFit(format!(
                "the run writes {} to {}, and {} are free; name another run.directory, or fewer training.steps",
                size(self.disk_bytes),
                directory.display(),
                size(free)
            )));
        }
        Ok(())
    }
}

/// The rate of a whole run, as a share of a matrix product's: measured on the examples.
const EFFICIENCY: f64 = 0.5;

/// What an element of a pass costs, in operations of a product: measured on the examples.
const ELEMENT: f64 = 50.0;

/// Seconds for people.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "a second".into(),
        s if s < 120.0 => format!("{s:.0} seconds"),
        s if s < 7200.0 => format!("{:.0} minutes", s / 60.0),
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

/// Plans, on the device of a run file.
struct Planning<'a>(&'a RunFile, &'a Inputs);

impl Work for Planning<'_> {
    type Output = (Plan, String);

    fn on<B: Backend>(self, backend: &B) -> Result<(Plan, String), Error> {
        let mut plan = Plan::new(self.0, self.1, free_memory() / 2, backend.largest_buffer());
        plan.seconds = Some((plan.flops + plan.pass_flops) / (EFFICIENCY * product_rate(backend)?));
        Ok((plan, backend.name()))
    }
}

impl Plan {
    /// Plans a run for the device that it asks for, and names the device. Measures a matrix product there, for the time.
    ///
    /// # Errors
    ///
    /// There is no such device.
    pub fn for_device(run_file: &RunFile, inputs: &Inputs) -> Result<(Self, String), Error> {
        on_device(run_file, Planning(run_file, inputs))
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [m, n, outputs, parameters, steps] = self.shapes;
        writeln!(
            out,
            "shapes       {m} examples, {n} queries, {outputs} outputs, {parameters} parameters, {steps} steps"
        )?;
        writeln!(out, "tiles        {}", self.tiles.len())?;
        writeln!(
            out,
            "memory       {} for a tile, {} for arrays and data",
            size(self.device_bytes),
            size(self.host_bytes)
        )?;
        writeln!(out, "disk         {}", size(self.disk_bytes))?;
        if let Some(seconds) = self.seconds {
            writeln!(out, "time         about {}", duration(seconds))?;
        }
        writeln!(out, "contraction  {:?}, {:.3e} floating-point operations", self.contraction, self.flops)
    }
}
