/*!
The run directory: arrays that NumPy opens, and what is said about them.

Files are written beside their final name and renamed; `summary.json` comes last and marks a finished run.
*/

mod arrays;

pub use arrays::Arrays;

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
    /// Coefficients that are not a number.
    pub undefined_coefficients: usize,
    /// Seconds of training, integration and writing.
    pub seconds: [f64; 3],
    /// Floating-point operations of the contractions.
    pub flops: f64,
    /// The contraction of each layer with parameters.
    pub contraction: Vec<(usize, Contraction)>,
    /// Tiles.
    pub tiles: usize,
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

    /// Makes the directory, empties it of an interrupted run, and writes the resolved run file.
    ///
    /// # Errors
    ///
    /// A directory that cannot be written.
    pub fn begin(&self, run_file: &str) -> Result<(), Error> {
        std::fs::create_dir_all(&self.directory).map_err(|source| Error::file(&self.directory, source))?;
        let entries = std::fs::read_dir(&self.directory).map_err(|source| Error::file(&self.directory, source))?;
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let ours = path
                .extension()
                .is_some_and(|end| ["npy", "safetensors", "tmp", "jsonl", "html"].iter().any(|e| end == *e));
            if path.is_file() && ours {
                std::fs::remove_file(&path).map_err(|source| Error::file(&path, source))?;
            }
        }
        self.write("run.toml", run_file)
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
            "precision": summary.precision,
            "shapes": { "examples": examples, "queries": queries, "outputs": outputs, "parameters": parameters, "steps": steps },
            "query_accuracy": summary.query_accuracy,
            "largest_relative_residual": summary.largest_relative_residual,
            "undefined_coefficients": summary.undefined_coefficients,
            "seconds": { "train": train, "integrate": integrate, "write": write },
            "flops": summary.flops,
            "contraction": contraction,
            "tiles": summary.tiles,
        });
        self.write("summary.json", &format!("{value:#}\n"))
    }
}
