//! `pathkernel plan`.

use pathkernel::error::Error;
use pathkernel::run_file::RunFile;
use pathkernel::schedule::{Inputs, Plan};
use std::path::Path;

/// Says what a run would take.
pub fn plan(file: &Path, overrides: &[String]) -> Result<(), Error> {
    let description = RunFile::load(file, overrides)?;
    let inputs = Inputs::read(&description)?;
    let (plan, device) = Plan::for_device(&description, &inputs)?;
    print!("device       {device}\n{plan}");
    Ok(())
}
