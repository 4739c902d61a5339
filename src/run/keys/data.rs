//! `[data.train]` and `[data.query]`: training data and queries.

use crate::key::{Key, Keys, Optional, Path, at};

/// Training and query data. Paths can be used from the current directory.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Training inputs.
    pub inputs: String,
    /// Training targets.
    pub targets: String,
    /// What each training example counts in the loss.
    pub weights: Option<String>,
    /// Query inputs; without them the queries are the training set.
    pub query_inputs: Option<String>,
    /// Query targets.
    pub query_targets: Option<String>,
}

pub(super) const KEYS: &[Key<Data>] = &[
    Key::section("train", "the training set", &Keys(TRAIN)),
    Key::new("query", "the queries; without it they are the training set", &Keys(QUERY)),
];

const FORMATS: &str = "`.npy`, `.npz:key`, `.csv`, `.idx`, `.idx.gz`";

const TRAIN: &[Key<Data>] = &[
    Key::required("inputs", "[m, …]: floats, integers of any width, bool", at!(Data.inputs, Path { takes: FORMATS })),
    Key::required(
        "targets",
        "[m] integer classes, or [m, C] reals; with one output also [m]. With cross_entropy also [m, T] classes of outputs [T, V], \
         and reals of the outputs' shape: probabilities of the classes",
        at!(Data.targets, Path { takes: FORMATS }),
    ),
    Key::new(
        "weights",
        "[m], or of targets [m, T] also [m, T]: what each counts in the loss, at least 0; a mean divides by their sum over the batch",
        at!(Data.weights, Optional(Path { takes: FORMATS })),
    ),
];

const QUERY: &[Key<Data>] = &[
    Key::required("inputs", "[n, …]", at!(Data.query_inputs, Optional(Path { takes: FORMATS }))),
    Key::new("targets", "as those of the training set", at!(Data.query_targets, Optional(Path { takes: FORMATS }))),
];

pub(super) fn start() -> Data {
    Data { inputs: String::new(), targets: String::new(), weights: None, query_inputs: None, query_targets: None }
}
