//! What a validation found, as `validation.json` says it.

use super::agreement::Agreement;
use crate::error::Error;
use crate::run::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The file of a run directory.
pub const FILE: &str = "validation.json";

/// How well scores of examples predict what training without them gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// The program's.
    pub version: String,
    /// What is predicted, as the run's readout is called.
    pub readout: String,
    /// m, or groups of examples.
    pub examples: usize,
    /// n.
    pub queries: usize,
    /// R, values of each query.
    pub values: usize,
    /// Steps of a retraining.
    pub steps: usize,
    /// Subsets for each share and seed.
    pub subsets: usize,
    /// The seeds that drew them.
    pub seeds: Vec<u64>,
    /// Retrainings, the one without a change among them.
    pub retrainings: usize,
    /// Those that left the finite numbers; they count nowhere.
    pub diverged: usize,
    /// How far training again without a change is from the run's readouts, as a share of the largest change in training.
    pub reproduces: f64,
    /// What dropping means.
    pub dropping: String,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// Of random subsets, by the share that is dropped.
    pub drops: Vec<Compared>,
    /// Of single examples, where asked for.
    pub leave_one_out: Option<Compared>,
}

/// Retrainings that each drop as many examples, held against what scores say of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The share of the examples that was asked for; `None` of single ones.
    pub share: Option<f64>,
    /// How many examples each retraining drops.
    pub dropped: usize,
    /// Retrainings that were compared.
    pub retrainings: usize,
    /// How far the readouts moved: the root of the mean square over retrainings, queries and values.
    pub change: f64,
    /// By the scores' names.
    pub scores: Vec<Scored>,
}

/// How well some scores predict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// What they are called.
    pub name: String,
    /// How well their changes agree with the actual ones.
    #[serde(flatten)]
    pub agreement: Agreement,
}

impl Validation {
    /// That of a run directory; `None` where none was made.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or holds something else.
    pub fn read(store: &Store) -> Result<Option<Self>, Error> {
        let path = store.path(FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|source| Error::file(&path, source))?,
        };
        serde_json::from_str(&text).map(Some).map_err(|problem| {
            Error::Damaged(format!("{}: {problem}; remove it, and pathkernel validate writes it again", path.display()))
        })
    }

    /// Writes it into a run directory.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub(super) fn write(&self, store: &Store) -> Result<(), Error> {
        store.write(FILE, &format!("{:#}\n", self.to_json()))
    }

    /// What `validation.json` says.
    pub fn to_json(&self) -> serde_json::Value {
        json!(self)
    }

    /// All that was compared, the smallest drops first.
    pub fn compared(&self) -> impl Iterator<Item = &Compared> {
        self.leave_one_out.iter().chain(&self.drops)
    }
}

impl Compared {
    /// What was dropped, for people.
    pub fn what(&self) -> String {
        let Self { share, dropped, retrainings, .. } = self;
        match share {
            None => format!("leave-one-out, {retrainings} examples"),
            Some(share) => format!("{}% dropped ({dropped}), {retrainings} subsets", percent(*share)),
        }
    }
}

/// A share in percent, without digits that say nothing.
fn percent(share: f64) -> String {
    let text = format!("{:.3}", 100.0 * share);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
