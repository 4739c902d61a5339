//! What losses compare outputs with.

use super::Loss;

/// What a loss compares outputs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// One of the classes, a position; or their probabilities.
    Classes,
    /// A number for each output.
    Reals,
}

/// Stands for the class of a position that has none: its weight is 0.
pub const IGNORED: u32 = u32::MAX;

/// The targets of a set of rows. The positions of a row's outputs are those of its axes before the last, which has the classes.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// `[m]`, or `[m, T]` of T positions; some may be [`IGNORED`].
    Classes(Vec<u32>),
    /// `[m, C]`.
    Reals(Vec<f64>),
    /// `[m, T, classes]`: of each position the probability of every class.
    Probabilities {
        /// The probabilities.
        values: Vec<f64>,
        /// How many classes there are.
        classes: usize,
    },
}

impl Targets {
    /// T: of how many positions each of so many rows has a loss.
    pub fn positions(&self, rows: usize, outputs: usize) -> usize {
        match self {
            Targets::Classes(classes) => classes.len() / rows.max(1),
            Targets::Reals(_) => 1,
            Targets::Probabilities { classes, .. } => outputs / (*classes).max(1),
        }
    }

    /// Those of some rows, in their order, of so many.
    pub(crate) fn of_rows(&self, rows: &[u32], of: usize) -> Self {
        match self {
            Targets::Classes(classes) => Targets::Classes(of_rows(classes, rows, of)),
            Targets::Reals(values) => Targets::Reals(of_rows(values, rows, of)),
            Targets::Probabilities { values, classes } => {
                Targets::Probabilities { values: of_rows(values, rows, of), classes: *classes }
            }
        }
    }

    /// The class of each of so many rows, where each has one.
    pub fn classes(&self, rows: usize) -> Option<&[u32]> {
        match self {
            Targets::Classes(classes) if classes.len() == rows && !classes.contains(&IGNORED) => Some(classes),
            _ => None,
        }
    }

    /// The reals of a row, where there are some.
    pub fn reals(&self, row: usize, outputs: usize) -> Option<&[f64]> {
        match self {
            Targets::Reals(values) => values.get(row * outputs..(row + 1) * outputs),
            Targets::Classes(_) | Targets::Probabilities { .. } => None,
        }
    }

    /// Whether they are what a loss takes, for so many rows of outputs.
    ///
    /// # Errors
    ///
    /// What they are, and what the loss needs.
    pub(crate) fn check(&self, loss: Loss, rows: usize, outputs: usize) -> Result<(), String> {
        let values = match (self, loss.takes()) {
            (Targets::Classes(classes), TargetKind::Classes) => return check_classes(classes, rows, outputs),
            (Targets::Reals(_), TargetKind::Classes) => {
                return Err(format!("{} needs classes, or their probabilities", loss.name()));
            }
            (Targets::Classes(_) | Targets::Probabilities { .. }, TargetKind::Reals) => {
                return Err(format!("{} needs a real number for each output", loss.name()));
            }
            (Targets::Probabilities { classes, .. }, TargetKind::Classes)
                if *classes == 0 || !outputs.is_multiple_of(*classes) =>
            {
                return Err(format!("{classes} classes are no part of {outputs} outputs"));
            }
            (Targets::Reals(values), TargetKind::Reals)
            | (Targets::Probabilities { values, .. }, TargetKind::Classes) => values,
        };
        if values.len() != rows * outputs {
            return Err(format!("{} numbers are not [{rows}, {outputs}]", values.len()));
        }
        loss.check_labels(values)
    }
}

/// Some rows of an array, in their order, of so many.
pub(crate) fn of_rows<T: Copy>(values: &[T], rows: &[u32], of: usize) -> Vec<T> {
    let width = values.len() / of.max(1);
    rows.iter().flat_map(|&row| &values[row as usize * width..][..width]).copied().collect()
}

fn check_classes(classes: &[u32], rows: usize, outputs: usize) -> Result<(), String> {
    let positions = classes.len() / rows.max(1);
    if classes.is_empty() || classes.len() != rows * positions || !outputs.is_multiple_of(positions) {
        return Err(format!("are {} classes of {rows} rows of {outputs} outputs", classes.len()));
    }
    let count = outputs / positions;
    match classes.iter().find(|&&class| class != IGNORED && class as usize >= count) {
        None => Ok(()),
        Some(class) => Err(format!("has class {class}, and the model has {count} outputs")),
    }
}

impl Loss {
    /// Fails on the first real that is no target of the loss.
    pub(super) fn check_labels(self, values: &[f64]) -> Result<(), String> {
        let (labels, name) = (self.labels(), self.name());
        match values.iter().position(|value| !(labels.least..=labels.most).contains(value)) {
            None => Ok(()),
            Some(at) => {
                let (value, least, remedy) = (values[at], labels.least, labels.remedy);
                let range = if labels.most.is_finite() {
                    format!("from {least} to {}", labels.most)
                } else {
                    format!("of at least {least}")
                };
                Err(format!("entry {at} is {value}; {name} takes numbers {range}: {remedy}"))
            }
        }
    }
}
