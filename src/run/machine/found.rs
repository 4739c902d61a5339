//! What spectra and machines are, as `spectrum.json` and `machine.json` say it.

use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;

/// What the kernels of a run know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spectra {
    /// The program's.
    pub version: String,
    /// m.
    pub examples: usize,
    /// In the order of `spectrum.npy`.
    pub kernels: Vec<KernelSpectrum>,
    /// How alike each two of them are.
    pub between: Vec<Alike>,
    /// Kernels that are left out, and why.
    pub notes: Vec<String>,
}

/// What one kernel knows: its mean over outputs, divided by its mean diagonal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KernelSpectrum {
    /// `path`, `tangent_initial` or `tangent_final`.
    pub kernel: String,
    /// exp of the entropy of the shares of the eigenvalues above 0.
    pub effective_rank: f64,
    /// (Σ λ)² / Σ λ², of those above 0.
    pub participation_ratio: f64,
    /// With the labels, centred, from -1 to 1; `None` where the targets are none that a machine is fitted to.
    pub alignment: Option<f64>,
    /// The share of the eigenvalues' sizes that is negative.
    pub negative: f64,
    /// What it was divided by.
    pub mean_diagonal: f64,
    /// The largest first; in `spectrum.npy`.
    #[serde(skip)]
    pub eigenvalues: Vec<f64>,
}

/// How alike two kernels are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alike {
    /// The two.
    pub kernels: [String; 2],
    /// Centred: 1 where one is a multiple of the other.
    pub alignment: f64,
    /// 1 less it.
    pub distance: f64,
}

/// Machines on the kernels of a run, beside the network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machines {
    /// The program's.
    pub version: String,
    /// `ridge`, `svm` or `logistic`.
    pub kind: String,
    /// What scores are: `accuracy`, or `rmse`, the root of the mean square.
    pub measure: String,
    /// Examples that have targets, to which the machines are fitted.
    pub examples: usize,
    /// In the order of `machine.npy`.
    pub kernels: Vec<KernelMachine>,
    /// The network's own scores.
    pub network: NetworkScores,
    /// The queries that were asked, where there were any.
    pub queries: Option<Queries>,
    /// Kernels that are left out, and why.
    pub notes: Vec<String>,
}

/// A machine on one kernel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KernelMachine {
    /// `path`, `tangent_initial` or `tangent_final`.
    pub kernel: String,
    /// How much the function's squared norm counts beside the losses, of the kernel divided by its mean diagonal.
    pub alpha: f64,
    /// Whether alpha was chosen by the examples left out.
    pub chosen: bool,
    /// `[C]`, beside the sums over examples. -∞ (null in JSON) of a class that is never the answer, since no example is of it.
    pub offset: Vec<f64>,
    /// How much of the kernel was negative, of the sizes of its eigenvalues, and left out.
    pub negative: f64,
    /// Examples that any output is a sum over, of a support vector machine.
    pub support_vectors: Option<usize>,
    /// The score on the training examples, each answered by a machine without it; `None` where there are too few.
    pub left_out: Option<f64>,
    /// The score on the queries.
    pub queries: Option<f64>,
}

/// How well the network itself answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NetworkScores {
    /// The score on the training examples, which it was trained on.
    pub training: Option<f64>,
    /// The score on the queries.
    pub queries: Option<f64>,
}

/// Queries that machines were asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Queries {
    /// The run directory that has them.
    pub directory: PathBuf,
    /// How many have targets.
    pub count: usize,
}

impl Spectra {
    /// What `spectrum.json` says.
    pub fn to_json(&self) -> serde_json::Value {
        json!(self)
    }
}

impl Machines {
    /// What `machine.json` says.
    pub fn to_json(&self) -> serde_json::Value {
        json!(self)
    }
}
