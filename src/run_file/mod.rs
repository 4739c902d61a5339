/*!
The run description: what a run file says, checked, with every default filled in.

[`RunFile::load`] reads TOML and overrides; [`RunFile::to_toml`] writes what was understood. Anything unknown is an
error that names the nearest known word.
*/

mod model;
mod parse;
mod section;
mod write;

pub use model::{Activation, Layer, LayerKind, Model};
pub use section::RunFileError;
pub use write::difference;

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
    /// What is integrated.
    pub kernel: Kernel,
}

/// Where and how to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The run directory.
    pub directory: PathBuf,
    /// `auto`, `cpu`, `gpu`, or part of an adapter's name.
    pub device: String,
    /// The arithmetic.
    pub precision: Precision,
    /// Seeds weights and batches.
    pub seed: u64,
    /// Whether a device is measured, to pick what is fastest on it, where it was not measured before.
    pub tune: bool,
}

/// The arithmetic of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Single.
    F32,
    /// Double, on the CPU.
    F64,
    /// Single, on a GPU, with the factors of fused products stored in 16 bits.
    Mixed,
}

impl Precision {
    /// Its name in a run file.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
            Precision::Mixed => "mixed",
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

/// How the network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// The loss.
    pub loss: Loss,
    /// Mean or sum over the batch.
    pub reduction: Reduction,
    /// ε.
    pub learning_rate: f64,
    /// λ.
    pub weight_decay: f64,
    /// Steps.
    pub steps: usize,
    /// Examples a step; the whole set without it.
    pub batch_size: Option<usize>,
    /// The recorded order.
    pub batches: Option<String>,
}

/// A loss function of outputs f and a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// -log softmax(f) of the class.
    CrossEntropy,
    /// ½ Σ (f - y)².
    SquaredError,
    /// Σ log(1 + e^f) - y f.
    Logistic,
    /// Σ e^f - y f.
    Poisson,
}

/// How a batch's losses are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Over the batch's own size.
    Mean,
    /// Added.
    Sum,
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
    /// How each layer that has parameters is contracted; the fastest without it.
    pub contraction: Option<Vec<Contraction>>,
}

/// The quadrature rule on a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Gauss-Legendre.
    Gauss {
        /// Its number of nodes.
        nodes: usize,
    },
    /// The gradient at the step's start.
    Left,
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
