//! The query's own loss.

use super::{Kind, Source, Sentences};

pub(super) const KIND: Kind = Kind {
    name: "loss",
    help: "the query's own loss",
    noun: "loss",
    words: "each query's loss",
    per_output: false,
    positions: true,
    all_positions: true,
    is_linear: false,
    needs_targets: true,
    roundings: |value, outputs| value.abs() * (1.0 + outputs) + outputs,
    source: |_| Ok(Source::Loss),
    badness: |_, values, _| values.first().copied(),
    report: Sentences {
        value: |_| "its loss".into(),
        subject: "The trained network's loss of every query",
        unit: "in the unit of the loss: below zero, the example helped",
        meaning: None,
        mean: None,
    },
};
