//! What losses compare outputs with, and how it is read.

use super::Loss;
use crate::formats::Array;

/// What a loss compares outputs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// One of the outputs, an example.
    Classes,
    /// A number for each output.
    Reals,
}

/// The targets of a set of examples.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// `[m]`.
    Classes(Vec<u32>),
    /// `[m, C]`.
    Reals(Vec<f64>),
}

impl TargetKind {
    /// The targets of a loss from an array of finite numbers.
    pub(super) fn read(self, loss: Loss, array: &Array, examples: usize, outputs: usize) -> Result<Targets, String> {
        match self {
            TargetKind::Classes => classes(loss, array, examples, outputs).map(Targets::Classes),
            TargetKind::Reals => reals(array, examples, outputs).map(Targets::Reals),
        }
    }
}

impl Targets {
    /// Whether they are what a loss takes, for so many rows of outputs.
    ///
    /// # Errors
    ///
    /// What they are, and what the loss needs.
    pub(crate) fn check(&self, loss: Loss, rows: usize, outputs: usize) -> Result<(), String> {
        match (self, loss.takes()) {
            (Targets::Classes(classes), TargetKind::Classes) if classes.len() != rows => {
                Err(format!("are {} classes of {rows} rows", classes.len()))
            }
            (Targets::Classes(classes), TargetKind::Classes) => {
                match classes.iter().find(|&&class| class as usize >= outputs) {
                    None => Ok(()),
                    Some(class) => Err(format!("has class {class}, and the model has {outputs} outputs")),
                }
            }
            (Targets::Reals(values), TargetKind::Reals) if values.len() == rows * outputs => Ok(()),
            (Targets::Reals(values), TargetKind::Reals) => {
                Err(format!("{} numbers are not [{rows}, {outputs}]", values.len()))
            }
            (Targets::Reals(_), TargetKind::Classes) => Err(format!("{} needs classes", loss.name())),
            (Targets::Classes(_), TargetKind::Reals) => {
                Err(format!("{} needs a real number for each output", loss.name()))
            }
        }
    }
}

fn classes(loss: Loss, array: &Array, examples: usize, outputs: usize) -> Result<Vec<u32>, String> {
    let name = loss.name();
    if array.shape.len() > 2 || array.len() != examples {
        return Err(format!("has shape {:?}; {name} needs one class an example, [{examples}]", array.shape));
    }
    if !array.is_integer() {
        return Err(format!("holds real numbers; {name} needs integer classes"));
    }
    let class = |(row, value): (usize, f64)| {
        if value.fract() == 0.0 && value >= 0.0 && value < outputs as f64 {
            return Ok(value as u32);
        }
        Err(format!(
            "entry {row} is {value}; classes are whole numbers from 0 to {} (the model has {outputs} output{})",
            outputs - 1,
            if outputs == 1 { "" } else { "s" }
        ))
    };
    array.to_f64().into_iter().enumerate().map(class).collect()
}

fn reals(array: &Array, examples: usize, outputs: usize) -> Result<Vec<f64>, String> {
    if array.len() != examples * outputs || (array.shape.len() == 1 && outputs != 1) {
        return Err(format!(
            "has shape {:?}; this loss needs [{examples}, {outputs}], a target for each output",
            array.shape
        ));
    }
    Ok(array.to_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Values;

    fn read(loss: Loss, shape: &[usize], values: Values) -> Result<Targets, String> {
        loss.read_targets(&Array { shape: shape.to_vec(), values }, 4, 2)
    }

    #[test]
    fn classes_are_whole_numbers_of_outputs() {
        let classes =
            |shape: &[usize], values: &[i64]| read(Loss::CrossEntropy, shape, Values::Integer(values.to_vec()));
        assert_eq!(classes(&[4], &[0, 1, 1, 0]), Ok(Targets::Classes(vec![0, 1, 1, 0])));
        assert_eq!(classes(&[4, 1], &[0, 1, 1, 0]), Ok(Targets::Classes(vec![0, 1, 1, 0])));
        let problem = classes(&[4], &[0, 1, 2, 0]).expect_err("2 is no output");
        assert!(problem.contains("entry 2 is 2") && problem.contains("from 0 to 1"), "{problem}");
        assert!(classes(&[4], &[0, -1, 1, 0]).is_err());
        assert!(classes(&[4, 2], &[0; 8]).is_err());
        let reals = read(Loss::CrossEntropy, &[4], Values::Real64(vec![0.0; 4]));
        assert!(reals.expect_err("reals are no classes").contains("integer classes"));
    }

    #[test]
    fn reals_are_one_an_output() {
        for loss in [Loss::SquaredError, Loss::Logistic, Loss::Poisson] {
            let reals = |shape: &[usize]| read(loss, shape, Values::Real64(vec![0.5; shape.iter().product()]));
            assert_eq!(reals(&[4, 2]), Ok(Targets::Reals(vec![0.5; 8])));
            assert!(reals(&[8]).expect_err("a flat array").contains("[4, 2]"));
            assert!(reals(&[4, 3]).is_err());
        }
    }
}
