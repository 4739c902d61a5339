//! The logarithms of the probabilities that the loss takes the outputs for.

use super::{Kind, OutputFunction, Sentences, Source, losses};
use crate::loss::{Loss, TargetKind};

pub(super) const KIND: Kind = Kind {
    name: "log_probabilities",
    help: "log softmax f with cross_entropy, the logarithm of each output's sigmoid with logistic; other losses have none",
    noun: "log-probability",
    words: "the logarithms of the probabilities",
    per_output: true,
    positions: false,
    all_positions: false,
    is_linear: false,
    needs_targets: false,
    roundings: |value, outputs| value.abs() + outputs,
    source,
    badness: |_, values, targets| Some(values.iter().zip(targets?).map(|(value, y)| (value.exp() - y).powi(2)).sum()),
    report: Sentences {
        value: |of| match of.loss.takes() {
            TargetKind::Classes => format!("the log-probability of {}", of.number),
            TargetKind::Reals if of.outputs == 1 => "the log-probability".into(),
            TargetKind::Reals => format!("the log-probability of output {}", of.number),
        },
        subject: "The logarithm of every probability that the trained network gives",
        unit: "where 0 is certainty",
        meaning: None,
        mean: Some("the mean over the query's log-probabilities, each with the example's output"),
    },
};

fn source(loss: Loss) -> Result<Source, String> {
    let function = match loss.probabilities() {
        Some(OutputFunction::Softmax) => OutputFunction::LogSoftmax,
        Some(OutputFunction::Sigmoid) => OutputFunction::LogSigmoid,
        _ => {
            let losses = losses(|loss| loss.probabilities().is_some()).join(" and ");
            return Err(format!("log_probabilities go with the losses {losses}"));
        }
    };
    Ok(Source::Function(function))
}
