//! `pathkernel plan`.

use crate::cache::Cache;
use crate::run::keys::RunFile;
use crate::run::{Inputs, RunPlan};
use serde_json::json;
use std::path::Path;

/// Says what a run would take, by rates that are read from the cache or measured anew.
pub fn plan(file: &Path, overrides: &[String], cache: Cache, json: bool) -> anyhow::Result<()> {
    let description = RunFile::load(file, overrides)?;
    let inputs = Inputs::read(&description)?;
    let plan = RunPlan::for_device(&description, &inputs, cache)?;
    if json {
        println!("{:#}", json!(plan.figures()));
    } else {
        print!("device       {}\n{plan}", plan.device_name());
    }
    Ok(plan.check(&description.run.directory)?)
}
