//! By how much one output leads another.

use super::{Kind, Sentences, Source};

pub(super) const KIND: Kind = Kind {
    name: "difference",
    help: "f_a - f_b of two outputs: { type = \"difference\", classes = [a, b] }",
    noun: "difference",
    words: "the difference of two outputs",
    per_output: false,
    positions: true,
    all_positions: false,
    is_linear: true,
    needs_targets: false,
    roundings: |value, outputs| value.abs() + outputs,
    source: |_| Ok(Source::Difference),
    badness: |_, _, _| None,
    report: Sentences {
        value: |_| "the difference".into(),
        subject: "The difference of two of the trained network's outputs for every query",
        unit: "in the output's own unit",
        meaning: None,
        mean: None,
    },
};
