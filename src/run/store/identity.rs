//! What a run directory was begun with: the version, the tiles, and a hash of every input file.

use crate::error::Error;
use crate::formats::{DataError, each_piece, files_of_tensors};
use crate::key::{Value, dotted};
use crate::layer::LayerKind;
use crate::plan::{Cut, Plan};
use crate::run::Checkpoints;
use crate::run::keys::{Batches, InputFiles, RunFile};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An input file, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The file.
    pub path: PathBuf,
    /// The SHA-256 of its bytes, in hexadecimal digits, as `sha256sum` gives it.
    pub sha256: String,
}

/// What a run directory was begun with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The program's version.
    pub version: String,
    /// Queries and examples of a tile.
    pub tile: [usize; 2],
    /// Examples of a tile of self-attributions.
    pub own: usize,
    /// Queries of a tile of influences.
    pub influence: usize,
    /// By key of the run file.
    pub inputs: BTreeMap<String, Fingerprint>,
}

/// The files that a run file names, by key.
///
/// # Errors
///
/// An index of files that cannot be read.
fn files(run_file: &RunFile, checkpoints: Option<&Checkpoints>) -> Result<Vec<(String, PathBuf)>, DataError> {
    // An array of an archive is named after a colon.
    let file = |name: &str| match name.rsplit_once(".npz:") {
        Some((archive, _)) => PathBuf::from(format!("{archive}.npz")),
        None => PathBuf::from(name),
    };
    let data = &run_file.data;
    let inputs = |key: &str, inputs: &InputFiles| -> Vec<(String, PathBuf)> {
        let own = |name: Option<&str>| name.map_or(key.to_owned(), |name| dotted(key, name));
        inputs.all().into_iter().map(|(name, path)| (own(name), file(path))).collect()
    };
    let mut all = inputs("data.train.inputs", &data.inputs);
    all.extend(data.query_inputs.iter().flat_map(|files| inputs("data.query.inputs", files)));
    let mut files = Vec::new();
    files.extend(data.targets.as_deref().map(|name| ("data.train.targets", file(name))));
    files.extend(data.exclude.as_deref().map(|name| ("data.train.exclude", file(name))));
    files.extend(data.groups.as_deref().map(|name| ("data.train.groups", file(name))));
    files.extend(data.weights.as_deref().map(|name| ("data.train.weights", file(name))));
    files.extend(data.query_targets.as_deref().map(|name| ("data.query.targets", file(name))));
    files.extend(data.query_outputs.as_deref().map(|name| ("data.query.outputs", file(name))));
    if let Some(Batches::File(name)) = &run_file.training.batches {
        files.push(("training.batches", file(name)));
    }
    all.extend(files.into_iter().map(|(key, path)| (key.to_owned(), path)));
    if let Some(path) = &run_file.model.weights {
        all.extend(tensors("model.weights".into(), path)?);
    }
    if let Some(path) = &run_file.training.optimizer_state {
        all.extend(tensors("training.optimizer_state".into(), path)?);
    }
    let constants = run_file.model.layers.iter().enumerate().filter_map(|(index, layer)| match &layer.kind {
        LayerKind::Constant(constant) => Some((format!("model.layers[{index}].values"), file(&constant.values))),
        _ => None,
    });
    all.extend(constants);
    let changing = run_file.training.changing.0.iter().filter_map(|(key, value)| match value {
        Value::Text(name) => Some((format!("training.optimizer.{key}"), file(name))),
        _ => None,
    });
    all.extend(changing);
    for (number, path) in checkpoints.iter().flat_map(|checkpoints| checkpoints.files().enumerate()) {
        all.extend(tensors(format!("trajectory.import {number}"), path)?);
    }
    Ok(all)
}

/// A file of tensors, and those that it is the index of.
fn tensors(key: String, path: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let named = |(number, file): (usize, PathBuf)| match number {
        0 => (key.clone(), file),
        _ => (format!("{key} {}", file.file_name().unwrap_or_default().to_string_lossy()), file),
    };
    Ok(files_of_tensors(path)?.into_iter().enumerate().map(named).collect())
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    each_piece(path, &mut |piece| hash.update(piece))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Identity {
    /// Of a run that begins now. Reads every input file once.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub fn new(run_file: &RunFile, checkpoints: Option<&Checkpoints>, plan: &Plan) -> Result<Self, Error> {
        let mut inputs = BTreeMap::new();
        for (key, path) in files(run_file, checkpoints)? {
            let sha256 = sha256(&path).map_err(|source| Error::file(&path, source))?;
            inputs.insert(key, Fingerprint { path, sha256 });
        }
        let version = env!("CARGO_PKG_VERSION").into();
        Ok(Self { version, tile: plan.sides, own: plan.own_side, influence: plan.influence.side, inputs })
    }

    /// The same, of a run that is cut as another plan says.
    pub fn cut_by(&mut self, plan: &Plan) {
        (self.tile, self.own, self.influence) = (plan.sides, plan.own_side, plan.influence.side);
    }

    /// How it was cut into tiles.
    pub fn cut(&self) -> Cut {
        Cut::Recorded { sides: self.tile, own: self.own, influence: self.influence }
    }

    /// Fails where a directory was begun by another version, or with other data.
    ///
    /// # Errors
    ///
    /// What differs.
    pub fn check(&self, now: &Identity, directory: &Path) -> Result<(), Error> {
        check_version(&self.version, directory)?;
        for (key, had) in &self.inputs {
            if let Some(has) = now.inputs.get(key) {
                had.check(&has.sha256, key, directory)?;
            }
        }
        Ok(())
    }
}

/// Fails where a directory was made by another version.
///
/// # Errors
///
/// Both versions.
pub fn check_version(version: &str, directory: &Path) -> Result<(), Error> {
    let own = env!("CARGO_PKG_VERSION");
    if version == own {
        return Ok(());
    }
    Err(Error::Input(format!(
        "{}: was made by version {version} of pathkernel, and this is {own}; use that version, or name another \
         run.directory",
        directory.display()
    )))
}

impl Fingerprint {
    fn check(&self, now: &str, key: &str, directory: &Path) -> Result<(), Error> {
        if self.sha256 == now {
            return Ok(());
        }
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        Err(Error::Input(format!(
            "{}: was begun with other data: {key} ({}) had the SHA-256 {}… and has {}… now; put the file back, or name \
             another run.directory",
            directory.display(),
            self.path.display(),
            short(&self.sha256),
            short(now)
        )))
    }

    /// Fails where the file is there and holds something else than it did.
    ///
    /// # Errors
    ///
    /// Both hashes.
    pub fn still_holds(&self, key: &str, directory: &Path) -> Result<(), Error> {
        // A finished run needs its data no more.
        sha256(&self.path).map_or(Ok(()), |now| self.check(&now, key, directory))
    }
}
