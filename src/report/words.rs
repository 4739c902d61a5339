//! What a report calls the values that were taken apart.

use super::contents::Contents;
use crate::loss::Loss;
use crate::readout::{Chosen, Readout, Value};
use crate::run::Names;
use crate::run::keys::Kernel;

/// Names of the readout's values.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    pub readout: Readout,
    chosen: Chosen,
    loss: Loss,
    /// C, the network's outputs.
    outputs: usize,
    names: &'a Names,
}

impl<'a> Words<'a> {
    pub fn of(contents: &'a Contents) -> Self {
        let outputs = contents.summary["shapes"]["outputs"].as_u64().unwrap_or(0) as usize;
        let Kernel { readout, chosen, .. } = &contents.run_file.kernel;
        let loss = contents.run_file.training.loss;
        Self { readout: *readout, chosen: chosen.clone(), loss, outputs, names: &contents.names }
    }

    /// One value of a query whose class is known or not.
    pub fn value(&self, number: usize, class: Option<u32>) -> String {
        let Chosen { positions, classes } = &self.chosen;
        let value = (self.readout.report().value)(Value { number, class, outputs: self.outputs, loss: self.loss });
        let of = classes.map_or(String::new(), |[a, b]| format!(" of outputs {a} and {b}"));
        let at = positions.as_ref().and_then(|positions| positions.get(number));
        let at = at.map_or(String::new(), |position| format!(" at position {position}"));
        let named = match self.readout {
            Readout::Target | Readout::Margin => class.map(|class| class as usize),
            readout => readout.is_per_output().then_some(number),
        };
        let name = named.and_then(|place| self.names.class(place));
        let name = name.map_or(String::new(), |name| format!(" ({name})"));
        format!("{value}{name}{of}{at}")
    }

    /// What a value is called where all are listed: its class or its position, or else its number.
    pub fn label(&self, number: usize) -> String {
        let position = self.chosen.positions.as_ref().and_then(|positions| positions.get(number));
        let class = self.names.class(number).filter(|_| self.readout.is_per_output());
        match (position, class) {
            (Some(position), _) => format!("position {position}"),
            (None, Some(class)) => class.to_owned(),
            (None, None) if self.readout.is_per_output() && self.outputs > 1 => number.to_string(),
            (None, None) => self.readout.noun().to_owned(),
        }
    }

    /// What else the change is made of beside the examples' amounts, as the end of a sentence's part; empty where that is all.
    pub fn others(contents: &Contents) -> String {
        let others = [
            (contents.has_decay(), "what weight decay added"),
            (contents.terms.statistics.is_some(), "what running statistics moved"),
            (contents.terms.earlier.is_some(), "what gradients from before the first step moved"),
            (contents.terms.unexplained.is_some(), "what is unexplained of the path"),
        ];
        let others: Vec<&str> = others.into_iter().filter(|(is_there, _)| *is_there).map(|(_, words)| words).collect();
        if others.is_empty() { String::new() } else { format!(", and with {}", others.join(" and ")) }
    }

    /// What the page takes apart, as the subject of a sentence.
    pub fn subject(&self) -> &'static str {
        self.readout.report().subject
    }

    /// What an amount is measured in.
    pub fn unit(&self) -> &'static str {
        self.readout.report().unit
    }

    /// What the readout is, where its name does not say it.
    pub fn meaning(&self) -> Option<&'static str> {
        self.readout.report().meaning
    }
}
