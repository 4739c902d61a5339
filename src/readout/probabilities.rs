//! The probabilities that the loss takes the outputs for.

use super::{Kind, Source, Sentences, losses};
use crate::loss::{Loss, TargetKind};

pub(super) const KIND: Kind = Kind {
    name: "probabilities",
    help: "softmax f with cross_entropy, the sigmoid of each output with logistic; other losses have none",
    noun: "probability",
    words: "the probabilities",
    per_output: true,
    positions: false,
    all_positions: false,
    is_linear: false,
    needs_targets: false,
    roundings: |value, outputs| value.abs() * (1.0 + outputs),
    source,
    badness: |_, values, targets| Some(values.iter().zip(targets?).map(|(p, y)| (p - y).powi(2)).sum()),
    report: Sentences {
        value: |of| match of.loss.takes() {
            TargetKind::Classes => format!("the probability of {}", of.number),
            TargetKind::Reals if of.outputs == 1 => "the probability".into(),
            TargetKind::Reals => format!("the probability of output {}", of.number),
        },
        subject: "Every probability that the trained network gives",
        unit: "where 1 is certainty",
        meaning: None,
        mean: Some("the mean over the query's probabilities, each with the example's output"),
    },
};

fn source(loss: Loss) -> Result<Source, String> {
    let losses = || losses(|loss| loss.probabilities().is_some()).join(" and ");
    loss.probabilities()
        .map(Source::Function)
        .ok_or_else(|| format!("probabilities go with the losses {}", losses()))
}
