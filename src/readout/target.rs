//! The output of the query's class.

use super::{Kind, OutputFunction, Sentences, of_class, of_classes};

const NAME: &str = "target";

pub(super) const KIND: Kind = Kind {
    name: NAME,
    help: "f_y, the output of the query's class",
    noun: "output",
    words: "the output of each query's class",
    per_output: false,
    positions: true,
    all_positions: false,
    is_linear: true,
    needs_targets: true,
    roundings: |value, outputs| value.abs() + outputs,
    source: |loss| of_classes(NAME, OutputFunction::Target, loss),
    badness: |_, values, _| values.first().map(|value| -value),
    report: Sentences {
        value: |of| of_class("output", of.class),
        subject: "The trained network's output for the class of every query",
        unit: "in the output's own unit",
        meaning: None,
        mean: None,
    },
};
