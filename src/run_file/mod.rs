/*!
The run description: what a run file says, checked, with every default filled in.

[`RunFile::load`] reads TOML and overrides; [`RunFile::to_toml`] writes what was understood. Anything unknown is an
error that names the nearest known word.
*/

mod bytes;
mod model;
mod parse;
mod record;
mod section;
mod training;
mod words;
mod write;
mod write_training;

pub use model::Model;
pub use section::RunFileError;
pub use training::{Batches, Training};
pub use write::difference;

use crate::device::Precision;
use crate::path::Rule;
use crate::readout::Readout;
use crate::tangent::Contraction;
use std::path::PathBuf;

/// A checked run file.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFile {
    /// Where and how to run.
    pub run: Run,
    /// The data.
    pub data: Data,
    /// The network.
    pub model: Model,
    /// How it is trained.
    pub training: Training,
    /// The recorded path.
    pub trajectory: Path,
    /// What is integrated.
    pub kernel: Kernel,
}

/// Where and how to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The run directory.
    pub directory: PathBuf,
    /// `auto`, `cpu`, `gpu`, `gpu:all`, or part of an adapter's name.
    pub device: String,
    /// Whether the CPU computes a tile at which a GPU keeps failing.
    pub fallback: bool,
    /// The arithmetic.
    pub precision: Precision,
    /// Bytes of memory that it may take; what is free decides without it.
    pub memory: Option<u64>,
    /// How the pair arrays are kept.
    pub store: StoreKind,
    /// Seeds weights and batches.
    pub seed: u64,
    /// Whether a device is measured, to pick what is fastest on it, where it was not measured before.
    pub tune: bool,
}

/// How a finished run keeps its pair arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// One .npy file an array.
    Npy,
    /// One Zarr array each, in chunks.
    Zarr,
}

impl StoreKind {
    /// Its name in a run file.
    pub fn name(self) -> &'static str {
        match self {
            StoreKind::Npy => "npy",
            StoreKind::Zarr => "zarr",
        }
    }
}

/// Training and query data. Paths can be used from the current directory.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Training inputs.
    pub inputs: String,
    /// Training targets.
    pub targets: String,
    /// Query inputs; without them the queries are the training set.
    pub query_inputs: Option<String>,
    /// Query targets.
    pub query_targets: Option<String>,
}

/// Where the path comes from, and how densely it is recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Checkpoints of a path recorded elsewhere: a pattern of files in their natural order, or one file with a leading
    /// axis of steps.
    pub import: Option<String>,
    /// Weights are recorded every so many steps, and the steps between are made again when they are needed.
    pub every: usize,
}

/// What is integrated.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    /// The rule on each step's segment.
    pub rule: Rule,
    /// Whether A is wanted.
    pub attribution: bool,
    /// Which entries of K.
    pub kernel: KernelShape,
    /// Whether the coefficients are wanted.
    pub coefficients: bool,
    /// Whether layers are kept apart as well.
    pub layers: bool,
    /// Whether the tangent kernel at both ends is wanted.
    pub tangent: bool,
    /// What of the outputs is taken apart.
    pub readout: Readout,
    /// Whether the weights' change is taken apart as well.
    pub superposition: bool,
    /// Examples whose part of the weights' change is wanted whole.
    pub superposition_vectors: Vec<u32>,
    /// How each layer that has parameters is contracted; the fastest without it.
    pub contraction: Option<Vec<Contraction>>,
}

/// Which entries of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelShape {
    /// None.
    None,
    /// The mean over outputs, `[n, m]`.
    Trace,
    /// Equal outputs, `[n, m, C]`.
    Diagonal,
    /// All pairs, `[n, m, C, C]`.
    Full,
}
