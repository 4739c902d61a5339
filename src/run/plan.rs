//! A run's plan: that of its problem, and what its directory takes.

use super::Inputs;
use super::process::options;
use crate::cache::Cache;
use crate::compute::Backend;
use crate::device::{Devices, LocalDevices, Work};
use crate::error::Error;
use crate::plan::{Cut, Device, Plan, size};
use crate::run::keys::{RunFile, StoreKind};
use crate::run::store::Store;
use std::path::Path;

/// What a run costs.
#[derive(Debug, Clone)]
pub struct RunPlan {
    /// What its problem costs.
    pub plan: Plan,
    /// Bytes of the run directory: arrays, recorded path and states.
    pub disk_bytes: u64,
    /// Seconds that training, integration and writing will take, roughly.
    pub seconds: f64,
    /// How the path is made, in words.
    path: String,
    /// What is integrated, in words.
    integral: String,
    /// The device.
    device: Device,
    /// Its name.
    name: String,
}

impl RunPlan {
    /// Plans a run for the first device that it asks for. Writes nothing.
    ///
    /// # Errors
    ///
    /// There is no such device.
    pub fn for_device(run_file: &RunFile, inputs: &Inputs) -> Result<Self, Error> {
        let (cut, cache) = (Cut::Into { at_least: 1 }, Cache::ReadOnly);
        LocalDevices::find(options(run_file, cache))?.on(0, Planning { run_file, inputs, cut, cache })
    }

    fn new(run_file: &RunFile, plan: Plan, device: Device, name: String) -> Self {
        // Tiles stay until the arrays that they are put together to are whole.
        let copies = if run_file.run.store == StoreKind::Npy { 2.0 } else { 1.0 };
        let arrays = plan.array_bytes * copies;
        Self {
            // A tile's state, and the next one beside it.
            disk_bytes: (arrays + plan.path_bytes + 2.0 * plan.state_bytes as f64) as u64,
            seconds: plan.seconds + arrays * WRITTEN,
            path: run_file.path_words(),
            integral: run_file.integral_words(),
            plan,
            device,
            name,
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
            "the run writes {} to {}, and {} are free; name another run.directory, or take a smaller kernel.kernel \
             or fewer training.steps",
            size(bytes),
            directory.display(),
            size(free)
        )));
    }
    Ok(())
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

/// Plans, on the device of a run file.
pub(super) struct Planning<'a> {
    pub run_file: &'a RunFile,
    pub inputs: &'a Inputs,
    pub cut: Cut,
    /// What becomes of what is measured.
    pub cache: Cache,
}

impl Work for Planning<'_> {
    type Output = RunPlan;

    fn on<B: Backend>(self, backend: &B) -> Result<RunPlan, Error> {
        let Self { run_file, inputs, cut, cache } = self;
        let options = options(run_file, cache);
        let device = Device { allowed: options.memory, ..Device::new(backend, options.rates(backend)?) };
        Ok(RunPlan::new(run_file, Plan::new(&inputs.problem, &device, cut), device, backend.name()))
    }
}

impl std::fmt::Display for RunPlan {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Plan { shapes: [m, n, outputs, parameters, steps], tiles, contraction, flops, .. } = &self.plan;
        let steps = if *steps == 0 { "the solver's steps".to_owned() } else { format!("{steps} steps") };
        writeln!(out, "path         {}", self.path)?;
        writeln!(out, "integral     {}", self.integral)?;
        writeln!(out, "shapes       {m} examples, {n} queries, {outputs} outputs, {parameters} parameters, {steps}")?;
        if let Some(assumed) = &self.plan.assumed {
            writeln!(out, "assumed      {assumed}")?;
        }
        writeln!(out, "tiles        {}", tiles.len())?;
        writeln!(
            out,
            "memory       {} for a tile, {} for the data and the program",
            size(self.plan.device_bytes),
            size(self.plan.host_bytes)
        )?;
        writeln!(out, "disk         {}", size(self.disk_bytes))?;
        writeln!(out, "time         about {}", duration(self.seconds))?;
        writeln!(out, "contraction  {contraction:?}, {flops:.3e} floating-point operations")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
