//! Targets from a file's array.

use super::{IGNORED, Loss, TargetKind, Targets};
use crate::formats::Array;

/// An array of finite numbers that shall be targets.
pub(crate) struct TargetArray<'a> {
    pub loss: Loss,
    pub array: &'a Array,
    pub rows: usize,
    /// The shape of a row's outputs.
    pub shape: &'a [usize],
    /// The number that stands for no class.
    pub ignore: Option<i64>,
}

/// How far the probabilities of a position may be from adding up to 1: they may be rounded to 16 bits.
const SLACK: f64 = 0.01;

impl TargetArray<'_> {
    /// The targets.
    ///
    /// # Errors
    ///
    /// What is wrong with the array's shape or values, and what to do.
    pub fn read(&self) -> Result<Targets, String> {
        match self.loss.takes() {
            TargetKind::Reals => self.reals().map(Targets::Reals),
            TargetKind::Classes if self.array.is_integer() || self.are_whole() => self.classes().map(Targets::Classes),
            TargetKind::Classes => self.probabilities(),
        }
    }

    /// Whether there is one number a row, or one a position, and each is whole: classes as `numpy.savetxt` writes them.
    fn are_whole(&self) -> bool {
        let (positions, classes) = self.axes();
        let of_positions = classes > 1 && self.array.len() == self.rows * positions;
        (self.array.len() == self.rows || of_positions) && self.array.to_f64().iter().all(|value| value.fract() == 0.0)
    }

    /// C.
    fn outputs(&self) -> usize {
        self.shape.iter().product()
    }

    /// Positions of the outputs, and classes of each.
    fn axes(&self) -> (usize, usize) {
        let classes = self.shape.last().copied().unwrap_or(1);
        (self.outputs() / classes.max(1), classes)
    }

    fn classes(&self) -> Result<Vec<u32>, String> {
        let Self { loss, array, rows, .. } = self;
        let ((positions, last), name) = (self.axes(), loss.name());
        let of_positions = positions > 1 && array.len() == rows * positions;
        if !of_positions && (array.shape.len() > 2 || array.len() != *rows) {
            let positions =
                if positions > 1 { format!(", or one a position, [{rows}, {positions}]") } else { String::new() };
            let one_hot = if array.len() == rows * self.outputs() {
                "; rows of zeros and a one are the probabilities of the classes where they are reals: save them as float32, or the \
                 classes alone (y.argmax(1))"
            } else {
                ""
            };
            return Err(format!(
                "has shape {:?}; {name} needs one class an example, [{rows}]{positions}{one_hot}",
                array.shape
            ));
        }
        let count = if of_positions { last } else { self.outputs() };
        let values = array.to_f64();
        let counted = |&value: &f64| !self.is_ignored(value);
        let from_one = values.iter().filter(|value| counted(value)).all(|&value| value >= 1.0 && value <= count as f64);
        let class = |(row, &value): (usize, &f64)| {
            if self.is_ignored(value) {
                return Ok(IGNORED);
            }
            if value >= 0.0 && value < count as f64 {
                return Ok(value as u32);
            }
            let s = if count == 1 { "" } else { "s" };
            let range = format!("classes are whole numbers from 0 to {} (the model has {count} output{s})", count - 1);
            let remedy = if from_one {
                "these count from 1: subtract 1".to_owned()
            } else if value < 0.0 || value == 255.0 {
                format!("if it stands for no class, set training.ignore = {value}")
            } else {
                "correct it, or give the model as many outputs as there are classes".to_owned()
            };
            Err(format!("entry {row} is {value}; {range}; {remedy}"))
        };
        values.iter().enumerate().map(class).collect()
    }

    fn is_ignored(&self, value: f64) -> bool {
        self.ignore.is_some_and(|ignore| value == ignore as f64)
    }

    fn probabilities(&self) -> Result<Targets, String> {
        let Self { loss, array, rows, shape, ignore } = self;
        let ((_, last), name, outputs) = (self.axes(), loss.name(), self.outputs());
        if array.len() == *rows {
            let values = array.to_f64();
            let (at, value) = values.iter().enumerate().find(|(_, value)| value.fract() != 0.0).unwrap_or((0, &0.0));
            return Err(format!("entry {at} is {value}; {name} needs integer classes"));
        }
        if array.len() != rows * outputs || (array.shape.len() != 2 && array.shape[1..] != **shape) {
            return Err(format!(
                "has shape {:?} of real numbers; {name} needs integer classes, [{rows}], or the probabilities of all, of the \
                 outputs' shape {shape:?} an example",
                array.shape
            ));
        }
        if ignore.is_some() {
            return Err(
                "holds probabilities, of which training.ignore has no meaning; remove that, or give their examples \
                        the weight 0 (data.train.weights)"
                    .into(),
            );
        }
        let (values, classes) = (array.to_f64(), if array.shape.len() == 2 { outputs } else { last });
        loss.check_labels(&values)?;
        let sums = values.chunks(classes).map(|position| position.iter().sum::<f64>());
        match sums.enumerate().find(|(_, sum)| (sum - 1.0).abs() > SLACK) {
            None => Ok(Targets::Probabilities { values, classes }),
            Some((position, sum)) => Err(format!(
                "the probabilities of row {position} add up to {sum}, not 1; divide them by their sum, and give the row a \
                 weight (data.train.weights) if it is to count otherwise"
            )),
        }
    }

    fn reals(&self) -> Result<Vec<f64>, String> {
        let Self { loss, array, rows, .. } = self;
        let outputs = self.outputs();
        if array.len() != rows * outputs || (array.shape.len() == 1 && outputs != 1) {
            return Err(format!(
                "has shape {:?}; this loss needs [{rows}, {outputs}], a target for each output",
                array.shape
            ));
        }
        let values = array.to_f64();
        loss.check_labels(&values)?;
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Values;

    fn read_with(
        ignore: Option<i64>,
        outputs: &[usize],
        loss: Loss,
        shape: &[usize],
        values: Values,
    ) -> Result<Targets, String> {
        let array = Array { shape: shape.to_vec(), values };
        TargetArray { loss, array: &array, rows: 4, shape: outputs, ignore }.read()
    }

    fn read(loss: Loss, shape: &[usize], values: Values) -> Result<Targets, String> {
        read_with(None, &[2], loss, shape, values)
    }

    fn classes(shape: &[usize], values: &[i64]) -> Result<Targets, String> {
        read(Loss::CrossEntropy, shape, Values::Integer(values.to_vec()))
    }

    #[test]
    fn classes_are_whole_numbers_of_outputs() {
        assert_eq!(classes(&[4], &[0, 1, 1, 0]), Ok(Targets::Classes(vec![0, 1, 1, 0])));
        assert_eq!(classes(&[4, 1], &[0, 1, 1, 0]), Ok(Targets::Classes(vec![0, 1, 1, 0])));
        let problem = classes(&[4], &[0, 1, 2, 0]).expect_err("2 is no output");
        assert!(problem.contains("entry 2 is 2") && problem.contains("from 0 to 1"), "{problem}");
        assert!(classes(&[4, 2], &[0; 8]).is_err());
        let reals = |values: [f64; 4]| read(Loss::CrossEntropy, &[4], Values::Real64(values.to_vec()));
        assert_eq!(reals([0.0, 1.0, 1.0, 0.0]), classes(&[4], &[0, 1, 1, 0]));
        assert_eq!(reals([1.0, 2.0, 1.0, 2.0]), classes(&[4], &[1, 2, 1, 2]));
        assert!(reals([0.0, 1.0, 0.5, 0.0]).expect_err("no class").contains("entry 2 is 0.5"));
        let one_hot = classes(&[4, 2], &[0, 1, 1, 0, 0, 1, 0, 1]).expect_err("no classes");
        assert!(one_hot.contains("save them as float32, or the classes alone (y.argmax(1))"), "{one_hot}");
    }

    #[test]
    fn what_is_no_class_comes_with_a_remedy() {
        for (values, remedy) in [
            ([1, 2, 1, 2], "subtract 1"),
            ([0, -1, 1, 0], "training.ignore = -1"),
            ([0, 255, 1, 0], "training.ignore = 255"),
            ([0, 7, 1, 0], "as many outputs"),
        ] {
            let problem = classes(&[4], &values).expect_err("no class");
            assert!(problem.contains(remedy), "{problem}");
        }
        let ignored = read_with(Some(-1), &[2], Loss::CrossEntropy, &[4], Values::Integer(vec![0, -1, 1, 0]));
        assert_eq!(ignored, Ok(Targets::Classes(vec![0, IGNORED, 1, 0])));
    }

    #[test]
    fn positions_have_classes_or_probabilities() {
        let of = |shape: &[usize], values| read_with(None, &[2, 3], Loss::CrossEntropy, shape, values);
        let targets = of(&[4, 2], Values::Integer(vec![0, 1, 2, 0, 1, 2, 0, 1])).expect("classes");
        assert_eq!(targets.positions(4, 6), 2);
        assert!(of(&[4, 2], Values::Integer(vec![0, 1, 2, 0, 1, 3, 0, 1])).is_err());
        assert!(of(&[4], Values::Integer(vec![0, 1, 5, 0])).expect("a class of all outputs").positions(4, 6) == 1);
        let probabilities = of(&[4, 2, 3], Values::Real64([0.5, 0.25, 0.25].repeat(8))).expect("probabilities");
        assert_eq!(probabilities.positions(4, 6), 2);
        assert!(of(&[4, 3, 2], Values::Real64([0.5, 0.25, 0.25].repeat(8))).is_err());
        assert!(
            of(&[4, 2, 3], Values::Real64([0.5, 0.5, 0.25].repeat(8))).expect_err("1.25").contains("add up to 1.25")
        );
    }

    #[test]
    fn reals_are_one_an_output() {
        for loss in [Loss::SquaredError, Loss::Logistic, Loss::Poisson, Loss::Mse, Loss::Huber] {
            let reals = |shape: &[usize]| read(loss, shape, Values::Real64(vec![0.5; shape.iter().product()]));
            assert_eq!(reals(&[4, 2]), Ok(Targets::Reals(vec![0.5; 8])));
            assert!(reals(&[8]).expect_err("a flat array").contains("[4, 2]"));
            assert!(reals(&[4, 3]).is_err());
        }
    }

    #[test]
    fn labels_are_in_their_losses_range() {
        let one = |loss, label: i64| read(loss, &[4, 2], Values::Integer(vec![0, 1, 1, 0, 0, label, 0, 0]));
        for (loss, label, remedy) in
            [(Loss::Logistic, -1, "(y + 1) / 2"), (Loss::Logistic, 255, "y / 255"), (Loss::Poisson, -2, "not negative")]
        {
            let problem = one(loss, label).expect_err("no label");
            assert!(problem.contains(&format!("entry 5 is {label}")) && problem.contains(remedy), "{problem}");
        }
        assert!(one(Loss::SquaredError, -7).is_ok() && one(Loss::Poisson, 9).is_ok());
    }
}
