//! `pathkernel plan`.

use pathkernel::run::keys::RunFile;
use pathkernel::run::{Inputs, RunPlan};
use std::path::Path;

/// Says what a run would take.
pub fn plan(file: &Path, overrides: &[String]) -> anyhow::Result<()> {
    let description = RunFile::load(file, overrides)?;
    let inputs = Inputs::read(&description)?;
    let plan = RunPlan::for_device(&description, &inputs)?;
    print!("device       {}\n{plan}", plan.device_name());
    Ok(plan.check(&description.run.directory)?)
}
