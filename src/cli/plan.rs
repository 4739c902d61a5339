//! `pathkernel plan`.

use pathkernel::run::keys::RunFile;
use pathkernel::schedule::{Inputs, Plan, free_memory};
use std::path::Path;

/// Says what a run would take.
pub fn plan(file: &Path, overrides: &[String]) -> anyhow::Result<()> {
    let description = RunFile::load(file, overrides)?;
    let inputs = Inputs::read(&description)?;
    let (plan, device) = Plan::for_device(&description, &inputs)?;
    print!("device       {device}\n{plan}");
    Ok(plan.check(&description.run.directory, free_memory(), description.run.memory)?)
}
