//! What a report calls the values that were taken apart.

use super::contents::Contents;
use crate::loss::Loss;
use crate::readout::Readout;

/// Names of the readout's values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub readout: Readout,
    loss: Loss,
    /// C, the network's outputs.
    outputs: usize,
}

impl Words {
    pub fn of(contents: &Contents) -> Self {
        let outputs = contents.summary["shapes"]["outputs"].as_u64().unwrap_or(0) as usize;
        Self { readout: contents.run_file.kernel.readout, loss: contents.run_file.training.loss, outputs }
    }

    /// One value of a query whose class is known or not.
    pub fn value(&self, place: usize, class: Option<u32>) -> String {
        let of_class = |noun: &str| match class {
            Some(class) => format!("the {noun} of class {class}"),
            None => format!("the {noun} of its class"),
        };
        match self.readout {
            Readout::Outputs if self.outputs == 1 => "the output".into(),
            Readout::Outputs => format!("output {place}"),
            Readout::Probabilities if self.loss == Loss::CrossEntropy => format!("the probability of {place}"),
            Readout::Probabilities if self.outputs == 1 => "the probability".into(),
            Readout::Probabilities => format!("the probability of output {place}"),
            Readout::Loss => "its loss".into(),
            Readout::Target => of_class("output"),
            Readout::Margin => of_class("margin"),
        }
    }

    /// What the page takes apart, as the subject of a sentence.
    pub fn subject(&self) -> &'static str {
        match self.readout {
            Readout::Outputs => "Every prediction of the trained network",
            Readout::Probabilities => "Every probability that the trained network gives",
            Readout::Loss => "The trained network's loss of every query",
            Readout::Target => "The trained network's output for the class of every query",
            Readout::Margin => "The margin by which the trained network knows the class of every query",
        }
    }

    /// What an amount is measured in.
    pub fn unit(&self) -> &'static str {
        match self.readout {
            Readout::Outputs | Readout::Target => "in the output's own unit",
            Readout::Probabilities => "where 1 is certainty",
            Readout::Loss => "in the unit of the loss: below zero, the example helped",
            Readout::Margin => "in the unit of the outputs: above zero, the example helped",
        }
    }

    /// What the readout is, where its name does not say it.
    pub fn meaning(&self) -> Option<&'static str> {
        match self.readout {
            Readout::Margin => Some(
                "The margin is the output of the query's class less the logarithm of the sum of the others' exponentials: \
                 above zero the class has more than half of the probability.",
            ),
            _ => None,
        }
    }

    /// In which order queries are shown, where there is one.
    pub fn order(&self, contents: &Contents) -> Option<&'static str> {
        let known = contents.problem.as_ref().is_ok_and(|problem| problem.query_targets.is_some());
        match self.readout {
            Readout::Loss => Some("Those with the largest loss come first."),
            Readout::Margin => Some("Those with the smallest margin come first."),
            Readout::Target => Some("Those whose class has the smallest output come first."),
            _ if contents.query_classes().is_some() => Some("Those that the network gets wrong come first."),
            _ if known => Some("Those with the largest error come first."),
            _ => None,
        }
    }
}
