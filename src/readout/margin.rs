//! By how much the query's class leads the others.

use super::{Kind, OutputFunction, Sentences, of_class, of_classes};

const NAME: &str = "margin";

pub(super) const KIND: Kind = Kind {
    name: NAME,
    help: "f_y - log Σ_{c≠y} e^{f_c}, the output of the query's class less the others'; needs two outputs",
    noun: "margin",
    words: "the margin of each query's class",
    per_output: false,
    positions: true,
    all_positions: false,
    is_linear: false,
    needs_targets: true,
    roundings: |value, outputs| value.abs() + outputs,
    source: |loss| of_classes(NAME, OutputFunction::Margin, loss),
    badness: |_, values, _| values.first().map(|value| -value),
    report: Sentences {
        value: |of| of_class("margin", of.class),
        subject: "The margin by which the trained network knows the class of every query",
        unit: "in the unit of the outputs: above zero, the example helped",
        meaning: Some(
            "The margin is the output of the query's class less the logarithm of the sum of the others' exponentials: \
             above zero the class has more than half of the probability.",
        ),
        mean: None,
    },
};
