/*!
The run directory: arrays that NumPy opens, and what is said about them.

Files are written beside their final name and renamed; `summary.json` comes last and marks a finished run.
*/

mod arrays;
mod export;
mod identity;
mod lock;
mod pairs;
mod parts;
mod place;
mod queries;
mod record;
mod zarr;

pub use arrays::Arrays;
pub use identity::{Fingerprint, Identity};
pub use lock::Lock;
pub use pairs::PairArray;
pub use parts::Parts;
pub use queries::Queries;
pub use record::{Effort, Record};
pub use zarr::{AnyTiled, Fill, Grid, Take, TiledArray};

use crate::backend::Phase;
use crate::data::{MappedArray, each_piece};
use crate::error::Error;
use crate::tangent::Contraction;
use crate::training::Metrics;
use identity::check_version;
use serde_json::json;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The folder of what an unfinished run keeps.
const STATE: &str = "state";
/// What it was begun with.
const IDENTITY: &str = "identity.json";
/// The file whose lock says that somebody works in a run directory.
const LOCK: &str = "run.lock";

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
    /// The largest share that the sums' rounding has of what it may have; beyond 1 a number is wrong.
    pub largest_rounding_share: f64,
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
    /// The input files, and what they held.
    pub inputs: BTreeMap<String, Fingerprint>,
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
                // A run that was killed before its run file had its name leaves these.
                let foreign = |entry: &std::io::Result<std::fs::DirEntry>| {
                    !entry.as_ref().is_ok_and(|entry| {
                        let name = entry.file_name();
                        name == "run.toml.tmp" || name == STATE || Path::new(&name).extension() == Some("lock".as_ref())
                    })
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

    /// Checks that a finished run is whole and its own: made by this version, from input files that hold what they did (as
    /// far as they are still there), and with files that hold what was written. Reads all of them.
    ///
    /// # Errors
    ///
    /// The file that is damaged or missing, or what differs.
    pub fn verify(&self, files: &[String]) -> Result<(), Error> {
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
        let Some(version) = summary["version"].as_str().filter(|_| summary["shapes"].is_object()) else {
            return Err(damaged(format!("{}: is not a run's summary", path.display())));
        };
        check_version(version, &self.directory)?;
        let inputs: BTreeMap<String, Fingerprint> =
            serde_json::from_value(summary["inputs"].clone()).unwrap_or_default();
        inputs.iter().try_for_each(|(key, input)| input.still_holds(key, &self.directory))?;
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
        let checksums: BTreeMap<String, String> =
            serde_json::from_value(summary["checksums"].clone()).unwrap_or_default();
        for (name, written) in checksums {
            let path = self.path(&name);
            if !path.is_file() {
                return Err(damaged(format!("{}: is missing", path.display())));
            }
            if checksum(&path)? != written {
                return Err(damaged(format!("{}: was changed after it was written", path.display())));
            }
        }
        Ok(())
    }

    /// A file of what an unfinished run keeps.
    pub fn state(&self, name: &str) -> PathBuf {
        self.path(STATE).join(name)
    }

    /// The file whose lock says that somebody works here.
    pub fn lock_path(&self) -> PathBuf {
        self.path(LOCK)
    }

    /// Makes the directory and the folder of what an unfinished run keeps; returns whether the directory is new.
    ///
    /// # Errors
    ///
    /// A directory that cannot be written.
    pub fn create(&self) -> Result<bool, Error> {
        let (new, state) = (!self.directory.exists(), self.path(STATE));
        std::fs::create_dir_all(&state).map_err(|source| Error::file(&state, source))?;
        Ok(new)
    }

    /// What an unfinished run was begun with; `None` where there is none that can be gone on with.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is damaged.
    pub fn identity(&self) -> Result<Option<Identity>, Error> {
        let path = self.state(IDENTITY);
        // Killed before its run file had its name, a run has done nothing yet.
        if !self.path("run.toml").is_file() {
            return Ok(None);
        }
        match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(&path, error)),
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|problem| {
                Error::Damaged(format!("{}: {problem}; remove {}", path.display(), self.directory.display()))
            }),
        }
    }

    /// Begins a run: empties the directory of an earlier one, and writes what it is begun with and the resolved run file.
    ///
    /// # Errors
    ///
    /// A directory that cannot be written.
    pub fn begin(&self, run_file: &str, identity: &Identity) -> Result<(), Error> {
        if self.path("run.toml").exists() {
            let directory = self.directory.display();
            tracing::warn!("{directory}: what it holds of an earlier run cannot be gone on with; it starts over");
        }
        self.empty()?;
        self.create()?;
        self.write(&format!("{STATE}/{IDENTITY}"), &format!("{:#}\n", json!(identity)))?;
        self.write("run.toml", run_file)
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
            remove(&self.lock_path())?;
            let _ = std::fs::remove_dir(&self.directory);
        }
        Ok(())
    }

    /// Removes what a finished run needs no more.
    ///
    /// # Errors
    ///
    /// A file that cannot be removed.
    pub fn clean(&self) -> Result<(), Error> {
        // Its own lock is removed by whoever finishes a run: nobody else can hold one then.
        let locks = std::fs::read_dir(&self.directory).into_iter().flatten().flatten().map(|entry| entry.path());
        let locks = locks.filter(|path| path.extension() == Some("lock".as_ref()) && *path != self.lock_path());
        locks.for_each(|path| drop(std::fs::remove_file(path)));
        self.temporaries().iter().try_for_each(|path| remove(path))
    }

    /// Whether a finished run was killed before it had removed what it needs no more.
    pub fn has_leftovers(&self) -> bool {
        self.lock_path().exists() || !self.temporaries().is_empty()
    }

    fn temporaries(&self) -> Vec<PathBuf> {
        let temporary = |path: &PathBuf| path.extension() == Some("tmp".as_ref()) || path.ends_with(STATE);
        self.results().into_iter().filter(temporary).collect()
    }

    /// Bytes of an earlier attempt, which the run that goes on with it does not need again.
    pub fn held_bytes(&self) -> u64 {
        if !self.path("run.toml").is_file() {
            return 0;
        }
        self.results().iter().map(|path| bytes(path)).sum()
    }

    /// The files and folders that runs write, but for their run file.
    fn results(&self) -> Vec<PathBuf> {
        let folders = [self.directory.clone(), self.path("trajectory")];
        let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
        let ours = |path: &PathBuf| {
            let is =
                |known: &[&str], name: Option<&OsStr>| name.is_some_and(|name| known.iter().any(|own| name == *own));
            if path.is_dir() {
                let tiles = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(".zarr"));
                return path.ends_with(STATE)
                    || is(&["zarr"], path.extension())
                    || (tiles && is(&["tmp"], path.extension()));
            }
            is(&["npy", "safetensors", "tmp", "jsonl", "html", "state"], path.extension())
                || is(&["summary.json", "layout.json"], path.file_name())
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
        let lasting =
            |path: &PathBuf| path.is_file() && ["tmp", "html"].iter().all(|end| path.extension() != Some(end.as_ref()));
        let mut checksums = BTreeMap::new();
        for path in self.results().into_iter().filter(lasting) {
            let name = path.strip_prefix(&self.directory).unwrap_or(&path).to_string_lossy().into_owned();
            checksums.insert(name, checksum(&path)?);
        }
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
            "largest_rounding_share": summary.largest_rounding_share,
            "nodes": summary.nodes(),
            "missed_tolerance": summary.missed_tolerance,
            "undefined_coefficients": summary.undefined_coefficients,
            "seconds": { "train": train, "integrate": integrate, "write": write },
            "phases": summary.phases(),
            "flops": summary.flops,
            "contraction": contraction,
            "tiles": summary.tiles,
            "inputs": summary.inputs,
            "checksums": checksums,
        });
        self.write("summary.json", &format!("{value:#}\n"))
    }
}

/// Removes a file, or a folder with all that it holds.
fn remove(path: &Path) -> Result<(), Error> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::file(path, source)),
        _ => Ok(()),
    }
}

/// Bytes of a file, or of all that a folder holds.
fn bytes(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| bytes(&entry.path())).sum(),
        Err(_) => std::fs::metadata(path).map_or(0, |data| data.len()),
    }
}

/// The CRC-32C of a file, in hexadecimal digits.
fn checksum(path: &Path) -> Result<String, Error> {
    let mut checksum = 0;
    each_piece(path, &mut |piece| checksum = crc32c::crc32c_append(checksum, piece))
        .map_err(|source| Error::file(path, source))?;
    Ok(format!("{checksum:08x}"))
}
