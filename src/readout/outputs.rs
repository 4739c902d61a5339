//! The outputs themselves.

use super::{Kind, Source, Sentences};

pub(super) const KIND: Kind = Kind {
    name: "outputs",
    help: "f itself",
    noun: "output",
    words: "the outputs",
    per_output: true,
    positions: false,
    all_positions: true,
    is_linear: true,
    needs_targets: false,
    roundings: |value, _| value.abs(),
    source: |_| Ok(Source::Outputs),
    badness: |loss, values, targets| values.iter().zip(targets?).map(|(&f, &y)| loss.of_one(f, y)).sum(),
    report: Sentences {
        value: |of| if of.outputs == 1 { "the output".into() } else { format!("output {}", of.number) },
        subject: "Every prediction of the trained network",
        unit: "in the output's own unit",
        meaning: None,
        mean: Some("the mean over the outputs"),
    },
};
