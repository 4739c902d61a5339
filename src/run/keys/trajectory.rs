//! `[trajectory]`: where the path comes from, and how densely it is recorded.

use super::{RunFile, record};
use crate::key::{Count, Key, List, Number, OneOrMore, Optional, Path, at};

/// Where the path comes from, and how densely it is recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// Checkpoints of a path recorded elsewhere: a pattern of files in their natural order, or one file with a leading
    /// axis of steps.
    pub import: Option<String>,
    /// The losses that the program which recorded the path had.
    pub losses: Option<Vec<f64>>,
    /// Weights are recorded every so many steps, and the steps between are made again when they are needed.
    pub every: usize,
}

pub(super) const KEYS: &[Key<Trajectory>] = &[
    Key::new(
        "import",
        "follow a path recorded elsewhere ([pytorch.md](pytorch.md))",
        at!(
            Trajectory.import,
            Optional(Path { takes: "a pattern of checkpoints, or one file with a leading axis of steps" })
        ),
    ),
    Key::new("record", "with `import`: keys of `[training]` that the recording knows, and `losses`", &record::FORM),
    Key::new(
        "losses",
        "with `import`: the losses of the steps' batches that the recording program had, as it reduced them, or that of the first step \
         alone. The first is compared with that here; where they differ by more than `kernel.accept`, the verdict is `wrong_inputs`",
        at!(Trajectory.losses, Optional(OneOrMore(List { each: Number::Any, takes: "a number, or a list of one for each step" }))),
    )
    .unless(|trajectory| trajectory.import.is_none().then(|| "belongs to an imported path; set trajectory.import too".into())),
    Key::new(
        "every",
        "record the weights every so many steps, and make the steps between again",
        at!(Trajectory.every, Count::from(1)),
    ),
];

pub(super) fn start() -> Trajectory {
    Trajectory { import: None, losses: None, every: 1 }
}

impl RunFile {
    /// How the path is made, for people.
    pub fn path_words(&self) -> String {
        let training = self.training.words();
        match &self.trajectory.import {
            None => training,
            Some(pattern) => format!("imported from {pattern}, explained by {training}"),
        }
    }
}
