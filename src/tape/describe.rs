//! Files beside a recorded path's weights, for other programs: learning rates, clipping, batches, and where each tensor lies.

use super::Step;
use crate::error::Error;
use crate::formats::{NpyWriter, write_npy};
use crate::graph::{Graph, Tensor};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Writes into the folder `trajectory`:
///
/// - `learning_rates.npy`, `[steps]`; for gradient flow the lengths of the solver's steps;
/// - `clip.npy`, `[steps]`, the factor of each gradient, where any was clipped;
/// - `batches.npy`, `[steps, largest batch]`, filled up with -1, unless every step takes the full batch;
/// - `layout.json`, each tensor's offset and shape within a row of `weights.npy`, where aligned layers leave gaps.
///
/// # Errors
///
/// A file that cannot be written.
pub fn describe(directory: &Path, network: &Graph, steps: &[Step]) -> Result<(), Error> {
    let path = |name: &str| directory.join("trajectory").join(name);
    let rates: Vec<f64> = steps.iter().map(|step| step.learning_rate).collect();
    write_npy(&path("learning_rates.npy"), &[steps.len()], &rates)?;
    if steps.iter().any(|step| step.clip != 1.0) {
        let factors: Vec<f64> = steps.iter().map(|step| step.clip).collect();
        write_npy(&path("clip.npy"), &[steps.len()], &factors)?;
    }
    if steps.iter().any(|step| step.batch.is_some()) {
        let width = steps.iter().map(Step::batch_len).max().unwrap_or(0);
        let mut writer = NpyWriter::create(&path("batches.npy"), &[steps.len(), width])?;
        for (number, step) in steps.iter().enumerate() {
            let mut row: Vec<i64> = match &step.batch {
                None => (0..step.examples as i64).collect(),
                Some(batch) => batch.iter().copied().map(i64::from).collect(),
            };
            row.resize(width, -1);
            writer.write_at(number * width, &row)?;
        }
        writer.finish()?;
    }
    let place = |tensor: &Tensor| (tensor.name.clone(), json!({ "offset": tensor.offset, "shape": tensor.shape }));
    let layout: Map<String, Value> = network.tensors().map(place).collect();
    let (path, temporary) = (path("layout.json"), path("layout.json.tmp"));
    std::fs::write(&temporary, format!("{:#}\n", Value::Object(layout)))
        .and_then(|()| std::fs::rename(&temporary, &path))
        .map_err(|source| Error::file(&path, source))
}
