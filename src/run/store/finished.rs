//! What a finished run consists of, and whether it is whole.

use super::identity::{Fingerprint, check_version};
use super::summary::checksum;
use super::{AnyTiled, Of, Store};
use crate::error::Error;
use crate::formats::MappedArray;
use crate::run::keys::{KernelShape, RunFile};
use std::collections::BTreeMap;

/// The files that a run writes, but for its summary, its report and the rest of the recorded path.
pub fn file_names(run_file: &RunFile) -> Vec<String> {
    let kernel = &run_file.kernel;
    let goes_on = run_file.training.optimizer_state.is_some();
    let has_kernel = kernel.kernel != KernelShape::None;
    let pairs = [
        ("attribution", kernel.attribution && kernel.top.is_none()),
        ("attribution_layers", kernel.attribution && kernel.layers),
        ("attribution_windows", kernel.windows > 0),
        ("attribution_positions", kernel.positions),
        ("attribution_positions_layers", kernel.positions && kernel.layers),
        ("kernel", has_kernel),
        ("kernel_layers", has_kernel && kernel.layers),
        ("coefficients", kernel.coefficients),
        ("tangent_initial", kernel.tangent),
        ("tangent_final", kernel.tangent),
        ("influence", kernel.influence.is_some() && kernel.top.is_none()),
        ("influence_rates", kernel.influence.is_some()),
    ];
    let names = [
        ("initial.npy", true),
        ("prediction.npy", true),
        ("regularizer.npy", true),
        ("residual.npy", true),
        ("statistics.npy", run_file.build().is_ok_and(|network| network.has_running())),
        ("earlier.npy", goes_on),
        ("unexplained.npy", run_file.trajectory.import.is_some()),
        ("own.npy", kernel.own),
        ("windows.npy", kernel.windows > 0),
        ("superposition.npy", kernel.superposition),
        ("superposition_earlier.npy", kernel.superposition && goes_on),
        ("influence_certificate.npy", kernel.influence.is_some()),
        ("superposition.safetensors", !kernel.superposition_vectors.is_empty()),
        ("trajectory/weights.npy", true),
        ("weights_final.safetensors", true),
        ("metrics.jsonl", true),
    ];
    let end = run_file.run.store.name();
    let pairs = pairs.into_iter().filter(|(_, written)| *written).map(|(name, _)| format!("{name}.{end}"));
    let listed = [(Of::Attribution, kernel.attribution), (Of::Influence, kernel.influence.is_some())];
    let listed = listed.into_iter().filter(|(_, asked)| kernel.top.is_some() && *asked).flat_map(|(of, _)| of.files());
    pairs
        .chain(listed)
        .chain(names.into_iter().filter(|(_, written)| *written).map(|(name, _)| name.to_owned()))
        .collect()
}

impl Store {
    /// Whether the run is finished.
    pub fn is_finished(&self) -> bool {
        self.path("summary.json").is_file()
    }

    /// Fails where the directory holds no finished run.
    ///
    /// # Errors
    ///
    /// The directory, and what to do.
    pub fn check_finished(&self) -> Result<(), Error> {
        if self.is_finished() {
            return Ok(());
        }
        Err(Error::Input(format!(
            "{}: holds no finished run (there is no summary.json); name a run directory, such as runs/digits",
            self.directory.display()
        )))
    }

    /// What a finished run says of itself.
    ///
    /// # Errors
    ///
    /// A file that is missing, or is no JSON.
    pub fn summary(&self) -> Result<serde_json::Value, Error> {
        let path = self.path("summary.json");
        let damaged = |problem: &dyn std::fmt::Display| self.damaged(&format!("{}: {problem}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|problem| damaged(&problem))?;
        serde_json::from_str(&text).map_err(|problem| damaged(&problem))
    }

    /// Checks that a finished run is whole and its own: made by this version, from input files that hold what they did (as
    /// far as they are still there), and with files that hold what was written. Reads all of them.
    ///
    /// # Errors
    ///
    /// The file that is damaged or missing, or what differs.
    pub fn verify(&self, files: &[String]) -> Result<(), Error> {
        let damaged = |problem: String| self.damaged(&problem);
        let path = self.path("summary.json");
        let summary = self.summary()?;
        let Some(version) = summary["version"].as_str().filter(|_| summary["shapes"].is_object()) else {
            return Err(damaged(format!("{}: is not a run's summary", path.display())));
        };
        check_version(version, &self.directory)?;
        self.check_inputs(&summary)?;
        for name in files {
            let path = self.path(name);
            if !path.exists() {
                return Err(damaged(format!("{}: is missing", path.display())));
            }
            if name.ends_with(".npy") {
                MappedArray::open(&path).map_err(|problem| damaged(problem.to_string()))?;
            } else if name.ends_with(".zarr") {
                AnyTiled::open(&path)?.verify()?;
            }
        }
        self.verify_checksums(&summary, |_, _| true)
    }

    /// Checks that the input files that a summary names hold what they did, as far as they are still there.
    ///
    /// # Errors
    ///
    /// The file that differs.
    pub fn check_inputs(&self, summary: &serde_json::Value) -> Result<(), Error> {
        let inputs: BTreeMap<String, Fingerprint> =
            serde_json::from_value(summary["inputs"].clone()).unwrap_or_default();
        inputs.iter().try_for_each(|(key, input)| input.still_holds(key, &self.directory))
    }

    /// Holds files against the checksums of a summary: those that `which` picks by their names and bytes, which missing ones have
    /// none of.
    ///
    /// # Errors
    ///
    /// The file that is missing or was changed.
    pub fn verify_checksums(
        &self,
        summary: &serde_json::Value,
        which: impl Fn(&str, Option<u64>) -> bool,
    ) -> Result<(), Error> {
        let checksums: BTreeMap<String, String> =
            serde_json::from_value(summary["checksums"].clone()).unwrap_or_default();
        for (name, written) in checksums {
            let path = self.path(&name);
            let len = std::fs::metadata(&path).ok().filter(|data| data.is_file()).map(|data| data.len());
            if !which(&name, len) {
                continue;
            }
            if len.is_none() {
                return Err(self.damaged(&format!("{}: is missing", path.display())));
            }
            if checksum(&path)? != written {
                return Err(self.damaged(&format!("{}: was changed after it was written", path.display())));
            }
        }
        Ok(())
    }

    /// What is said of a damaged directory.
    fn damaged(&self, problem: &str) -> Error {
        let directory = self.directory.display();
        Error::Input(format!(
            "{problem}; the run directory is damaged: remove {directory}, and the same run makes it again"
        ))
    }

    /// The run file that a finished run keeps; `overrides` are `dotted.key=value`.
    ///
    /// # Errors
    ///
    /// A file that is missing or no run file.
    pub fn finished_run_file(&self, overrides: &[String]) -> Result<RunFile, Error> {
        let path = self.path("run.toml");
        match path.is_file() {
            true => Ok(RunFile::load(&path, overrides)?),
            false => Err(self.damaged(&format!("{}: is missing", path.display()))),
        }
    }
}
