/*!
The run directory: arrays that NumPy opens, and what is said about them.

Files are written beside their final name and renamed; `summary.json` comes last and marks a finished run.
*/

mod arrays;
mod exact;
mod finished;
mod held;
mod identity;
mod influence;
mod largest;
mod layered;
mod listed;
mod lock;
mod named;
mod pairs;
mod parts;
mod queries;
mod record;
mod stored;
mod summary;
mod terms;
mod top;
mod zarr;

pub use arrays::Arrays;
pub use finished::file_names;
pub use held::{Place, Tiles};
pub use identity::{Fingerprint, Identity};
pub use influence::InfluenceArrays;
pub use largest::Largest;
pub use layered::LayeredArray;
pub use listed::Listed;
pub use lock::Lock;
pub use named::{Named, Numbers};
pub use pairs::PairArray;
pub use parts::Parts;
pub use queries::{Doubt, Queries};
pub use record::{Effort, Lengths, Record};
pub use summary::Summary;
pub use terms::Terms;
pub use top::{Each, Of, TopLists};
pub use zarr::{AnyTiled, Fill, Grid, Take, TiledArray};

use crate::error::Error;
use crate::tape::Metrics;
use serde_json::json;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The folder of what an unfinished run keeps.
const STATE: &str = "state";
/// Folders of what a run is made from, which whoever begins it may put there before.
const BESIDE: [&str; 2] = ["inputs", "recorded"];
/// The folder of the retrainings that a finished run is validated by.
pub const VALIDATION: &str = "validation";
/// What it was begun with.
const IDENTITY: &str = "identity.json";
/// The file whose lock says that somebody works in a run directory.
const LOCK: &str = "run.lock";

/// A run directory.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
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
                        let given = BESIDE.iter().any(|known| name == *known);
                        given
                            || name == "run.toml.tmp"
                            || name == STATE
                            || Path::new(&name).extension() == Some("lock".as_ref())
                    })
                };
                match std::fs::read_dir(&self.directory).map(|entries| entries.filter(foreign).count()) {
                    // Another process has begun the run since.
                    Ok(1..) if path.exists() => self.run_file(),
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
        self.note(run_file, identity)
    }

    /// Notes what a run is, before its first tile: the resolved run file comes last, and says that the rest is there.
    ///
    /// # Errors
    ///
    /// A directory that cannot be written.
    pub fn note(&self, run_file: &str, identity: &Identity) -> Result<(), Error> {
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
                    || path.ends_with(VALIDATION)
                    || is(&["zarr"], path.extension())
                    || (tiles && is(&["tmp"], path.extension()));
            }
            is(&["npy", "safetensors", "tmp", "jsonl", "html", "state"], path.extension())
                || is(
                    &["summary.json", "layout.json", "validation.json", "spectrum.json", "machine.json"],
                    path.file_name(),
                )
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

    /// Writes `metrics.jsonl`, a line a step: what training said of it, and what is known of it.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write_metrics(
        &self,
        metrics: &[(Metrics, f64)],
        of_steps: &OfSteps<'_>,
        classes: bool,
    ) -> Result<(), Error> {
        let mut text = String::new();
        for line in metrics_lines(metrics, of_steps, classes) {
            writeln!(text, "{line}").unwrap_or_default();
        }
        self.write("metrics.jsonl", &text)
    }

    /// The place of its arrays.
    pub fn place(&self) -> Place<'_> {
        Place::Directory(self)
    }
}

/// What is known of the steps beside what training said of them.
#[derive(Debug, Clone, Copy)]
pub struct OfSteps<'a> {
    /// The largest residual of each.
    pub residuals: &'a [f64],
    /// Of an imported path the largest unexplained part of each.
    pub unexplained: Option<&'a [f64]>,
    /// How much larger the derivatives of the influence are before each than at the end; empty without influences.
    pub growth: &'a [f64],
}

impl<'a> OfSteps<'a> {
    /// Of what the queries' tiles add up to.
    pub fn of(queries: &'a Queries, growth: &'a [f64]) -> Self {
        Self { residuals: queries.residuals(), unexplained: queries.unexplained_steps(), growth }
    }
}

/// What `metrics.jsonl` says of each step.
pub fn metrics_lines(
    metrics: &[(Metrics, f64)],
    of_steps: &OfSteps<'_>,
    classes: bool,
) -> impl Iterator<Item = serde_json::Value> {
    let OfSteps { residuals, unexplained, growth } = *of_steps;
    metrics.iter().zip(residuals).enumerate().map(move |(step, ((metrics, seconds), residual))| {
        let accuracy = classes.then_some(metrics.accuracy);
        let mut line =
            json!({ "step": step, "loss": metrics.loss, "accuracy": accuracy, "time": seconds, "residual": residual });
        if let Some(unexplained) = unexplained {
            line["unexplained"] = json!(unexplained[step]);
        }
        if let Some(growth) = growth.get(step) {
            line["growth"] = json!(growth);
        }
        line
    })
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
