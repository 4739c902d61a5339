/*!
The run directory: arrays that NumPy opens, and what is said about them.

Files are written beside their final name and renamed; `summary.json` comes last and marks a finished run.
*/

mod arrays;
mod groups;
mod parts;
mod place;

pub use arrays::Arrays;
pub use parts::Parts;

use crate::backend::Phase;
use crate::data::MappedArray;
use crate::error::Error;
use crate::tangent::Contraction;
use crate::training::Metrics;
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A run directory.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
}

/// What a finished run says of itself.
#[derive(Debug)]
pub struct Summary {
    /// The optimizer's name.
    pub optimizer: &'static str,
    /// The readout's name.
    pub readout: &'static str,
    /// What it ran on.
    pub device: String,
    /// `f32` or `f64`.
    pub precision: &'static str,
    /// m, n, C, trained numbers and steps.
    pub shapes: [usize; 5],
    /// The share of the queries classified right, where that is known.
    pub query_accuracy: Option<f64>,
    /// The largest residual, relative to the largest change of an output.
    pub largest_relative_residual: f64,
    /// What of an imported path no optimizer made, relative to the same; `None` of other paths.
    pub largest_relative_unexplained: Option<f64>,
    /// Quadrature nodes of each step, summed over the queries.
    pub nodes: Vec<usize>,
    /// Steps of queries that the rule `adaptive` could not explain to its tolerance; `None` for other rules.
    pub missed_tolerance: Option<usize>,
    /// Coefficients that are not a number.
    pub undefined_coefficients: usize,
    /// Seconds of training, integration and writing.
    pub seconds: [f64; 3],
    /// Seconds of each phase of the integration, where the device can tell.
    pub phases: Option<[f64; Phase::COUNT]>,
    /// Floating-point operations of the contractions.
    pub flops: f64,
    /// Floating-point operations of the forward and backward passes, roughly.
    pub pass_flops: f64,
    /// The contraction of each layer with parameters.
    pub contraction: Vec<(usize, Contraction)>,
    /// Tiles.
    pub tiles: usize,
}

impl Summary {
    /// Quadrature nodes for each query and step: the mean, and that of the step that took most.
    pub fn nodes_each(&self) -> [f64; 2] {
        let [_, queries, _, _, steps] = self.shapes;
        let each = |nodes: usize| nodes as f64 / queries.max(1) as f64;
        let (all, largest) = (self.nodes.iter().sum::<usize>(), self.nodes.iter().max().copied().unwrap_or(0));
        [each(all) / steps.max(1) as f64, each(largest)]
    }

    fn nodes(&self) -> serde_json::Value {
        let [each, largest] = self.nodes_each();
        json!({ "per_query_and_step": each, "of_largest_step": largest })
    }

    /// The integration's time by phase, with each phase's share and its operations a second.
    fn phases(&self) -> serde_json::Value {
        let Some(seconds) = self.phases else { return serde_json::Value::Null };
        let all: f64 = seconds.iter().sum();
        let one = |phase: Phase, flops: Option<f64>| {
            let seconds = seconds[phase as usize];
            json!({ "seconds": seconds, "share": seconds / all, "gflops": flops.map(|flops| flops / seconds / 1e9) })
        };
        json!({
            "passes": one(Phase::Passes, Some(self.pass_flops)),
            "contraction": one(Phase::Contraction, Some(self.flops)),
            "rest": one(Phase::Rest, None),
        })
    }
}

impl Store {
    /// The store of a directory, which need not exist.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The run file that the directory holds.
    ///
    /// # Errors
    ///
    /// A directory that cannot be read, or that is in use for something else.
    pub fn run_file(&self) -> Result<Option<String>, Error> {
        let path = self.path("run.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // A run that was killed before its run file had its name leaves this one.
                let foreign = |entry: &std::io::Result<std::fs::DirEntry>| {
                    !entry.as_ref().is_ok_and(|entry| entry.file_name() == "run.toml.tmp")
                };
                match std::fs::read_dir(&self.directory).map(|entries| entries.filter(foreign).count()) {
                    Ok(1..) => Err(Error::Input(format!(
                        "{}: is not empty and holds no run; name another run.directory",
                        self.directory.display()
                    ))),
                    _ => Ok(None),
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                Err(Error::Input(format!("{}: is a file; name another run.directory", self.directory.display())))
            }
            Err(error) => Err(Error::file(&path, error)),
        }
    }

    /// Whether the run is finished.
    pub fn is_finished(&self) -> bool {
        self.path("summary.json").is_file()
    }

    /// Checks that a finished run is whole: its summary can be read, and the files that it must have written are there,
    /// arrays as long as their headers say.
    ///
    /// # Errors
    ///
    /// The file that is damaged or missing.
    pub fn verify(&self, files: &[&str]) -> Result<(), Error> {
        let damaged = |problem: String| {
            let directory = self.directory.display();
            Error::Input(format!(
                "{problem}; the run directory is damaged: remove {directory}, and the same run makes it again"
            ))
        };
        let path = self.path("summary.json");
        let text =
            std::fs::read_to_string(&path).map_err(|problem| damaged(format!("{}: {problem}", path.display())))?;
        let summary = serde_json::from_str(&text);
        let summary: serde_json::Value =
            summary.map_err(|problem| damaged(format!("{}: {problem}", path.display())))?;
        if !summary["shapes"].is_object() {
            return Err(damaged(format!("{}: is not a run's summary", path.display())));
        }
        for name in files {
            let path = self.path(name);
            if !path.is_file() {
                return Err(damaged(format!("{}: is missing", path.display())));
            }
            if name.ends_with(".npy") {
                MappedArray::open(&path).map_err(|problem| damaged(problem.to_string()))?;
            }
        }
        Ok(())
    }

    /// Makes the directory, empties it of an interrupted run, and writes the resolved run file. Returns whether it made
    /// the directory.
    ///
    /// # Errors
    ///
    /// A directory that cannot be written.
    pub fn begin(&self, run_file: &str) -> Result<bool, Error> {
        let new = !self.directory.exists();
        std::fs::create_dir_all(&self.directory).map_err(|source| Error::file(&self.directory, source))?;
        self.empty()?;
        self.write("run.toml", run_file)?;
        Ok(new)
    }

    /// Removes what a failed run wrote, none of which is of use, and the directory where the run made it.
    ///
    /// # Errors
    ///
    /// A file that cannot be removed.
    pub fn discard(&self, made: bool) -> Result<(), Error> {
        self.empty()?;
        // The folders stay where they hold something else.
        let _ = std::fs::remove_dir(self.path("trajectory"));
        remove(&self.path("run.toml"))?;
        if made {
            let _ = std::fs::remove_dir(&self.directory);
        }
        Ok(())
    }

    /// Bytes of an earlier attempt, which [`begin`](Self::begin) gives back.
    pub fn held_bytes(&self) -> u64 {
        if !self.path("run.toml").is_file() {
            return 0;
        }
        self.results().iter().filter_map(|path| std::fs::metadata(path).ok()).map(|data| data.len()).sum()
    }

    /// The files that runs write, but for their run file.
    fn results(&self) -> Vec<PathBuf> {
        let folders = [self.directory.clone(), self.path("trajectory")];
        let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
        let ours = |path: &PathBuf| {
            let ends = ["npy", "safetensors", "tmp", "jsonl", "html"];
            let names = ["summary.json", "layout.json"];
            let ends = path.extension().is_some_and(|end| ends.iter().any(|known| end == *known));
            (ends || path.file_name().is_some_and(|name| names.iter().any(|known| name == *known))) && path.is_file()
        };
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(ours).collect()
    }

    fn empty(&self) -> Result<(), Error> {
        self.results().iter().try_for_each(|path| remove(path))
    }

    /// Writes a text file beside its name, then renames it.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let (path, temporary) = (self.path(name), self.path(&format!("{name}.tmp")));
        std::fs::write(&temporary, text).map_err(|source| Error::file(&temporary, source))?;
        std::fs::rename(&temporary, &path).map_err(|source| Error::file(&path, source))
    }

    /// Writes `metrics.jsonl`, a line a step.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write_metrics(&self, metrics: &[(Metrics, f64)], residuals: &[f64], classes: bool) -> Result<(), Error> {
        let mut text = String::new();
        for (step, ((metrics, seconds), residual)) in metrics.iter().zip(residuals).enumerate() {
            let accuracy = classes.then_some(metrics.accuracy);
            let line = json!({ "step": step, "loss": metrics.loss, "accuracy": accuracy, "time": seconds, "residual": residual });
            writeln!(text, "{line}").unwrap_or_default();
        }
        self.write("metrics.jsonl", &text)
    }

    /// Writes `summary.json`: from then on the run is finished.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn finish(&self, summary: &Summary) -> Result<(), Error> {
        let [examples, queries, outputs, parameters, steps] = summary.shapes;
        let [train, integrate, write] = summary.seconds;
        let contraction: serde_json::Map<String, serde_json::Value> =
            summary.contraction.iter().map(|(layer, choice)| (layer.to_string(), json!(choice))).collect();
        let value = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "device": summary.device,
            "optimizer": summary.optimizer,
            "readout": summary.readout,
            "precision": summary.precision,
            "shapes": { "examples": examples, "queries": queries, "outputs": outputs, "parameters": parameters, "steps": steps },
            "query_accuracy": summary.query_accuracy,
            "largest_relative_residual": summary.largest_relative_residual,
            "largest_relative_unexplained": summary.largest_relative_unexplained,
            "nodes": summary.nodes(),
            "missed_tolerance": summary.missed_tolerance,
            "undefined_coefficients": summary.undefined_coefficients,
            "seconds": { "train": train, "integrate": integrate, "write": write },
            "phases": summary.phases(),
            "flops": summary.flops,
            "contraction": contraction,
            "tiles": summary.tiles,
        });
        self.write("summary.json", &format!("{value:#}\n"))
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::file(path, source)),
        _ => Ok(()),
    }
}
