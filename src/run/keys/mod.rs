/*!
What a run file says, checked, with every default filled in.

Each section is one file: what it holds, and its keys ([`crate::key`]). The tables of keys read a run file, write it back,
name the keys whose values are paths, tell which keys change no result, and make the tables of `docs/run-file.md`. What
several keys do not allow together stands in one file of its own.

[`RunFile::load`] reads TOML and overrides; [`RunFile::to_toml`] writes what was understood. An unknown key or word is an
error that names the nearest known one.
*/

mod check;
mod data;
mod difference;
#[cfg(test)]
mod docs;
mod file;
mod graph;
mod influence;
mod kernel;
mod memory;
mod model;
mod optimizer;
mod reading;
mod record;
mod report;
mod rule;
mod run;
#[cfg(test)]
mod tests;
mod toml;
mod training;
mod trajectory;

pub use crate::error::RunFileError;
pub use data::{Data, InputFiles};
pub use difference::difference;
pub use graph::GraphFile;
pub use kernel::{Kernel, KernelShape};
pub use model::Model;
pub(super) use optimizer::RATE;
pub use optimizer::{NamedGroup, Numbers};
pub use reading::{Header, Reading};
pub use report::Report;
pub use rule::{AskedRule, Measured};
pub use run::{Run, StoreKind};
pub use training::{Batches, Training};
pub use trajectory::Trajectory;

use crate::error::Error;
use crate::graph::Graph;
use crate::key::{self, Entry, Key, Keys, at};

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
    /// Where the path comes from, and how densely it is recorded.
    pub trajectory: Trajectory,
    /// What is integrated.
    pub kernel: Kernel,
    /// How examples are shown and called.
    pub report: Report,
}

impl RunFile {
    /// The network, whose blocks have the roles that the optimizer's groups give them.
    ///
    /// # Errors
    ///
    /// What does not fit, with the layer or the key, in the file that says it.
    pub fn build(&self) -> Result<Graph, Error> {
        let mut design = self.model.design();
        design.roles.groups = self.training.groups.iter().map(|group| group.parameters.clone()).collect();
        self.model.built(&design)
    }
}

const KEYS: &[Key<RunFile>] = &[
    Key::section("run", "where and how to run", at!(RunFile.run, Keys(run::KEYS))),
    Key::section("data", "training data and queries", at!(RunFile.data, Keys(data::KEYS))),
    Key::section("model", "the network", at!(RunFile.model, Keys(model::KEYS))),
    Key::section("training", "how the network is trained", at!(RunFile.training, Keys(training::KEYS))),
    Key::section("trajectory", "the recorded path", at!(RunFile.trajectory, Keys(trajectory::KEYS))),
    Key::section("kernel", "what is integrated along the path", at!(RunFile.kernel, Keys(kernel::KEYS))),
    Key::section("report", "how examples are shown and called", at!(RunFile.report, Keys(report::KEYS))).incidental(),
];

/// A run file of which nothing was read yet: every default, and a place for what must be given.
fn start() -> RunFile {
    RunFile {
        run: run::start(),
        data: data::start(),
        model: model::start(),
        training: training::start(),
        trajectory: trajectory::start(),
        kernel: kernel::start(),
        report: Report::default(),
    }
}

/// Every key of a run file, by section.
pub fn entries() -> Vec<Entry> {
    key::entries(KEYS, &start())
}
