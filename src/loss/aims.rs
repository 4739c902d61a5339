//! What a loss compares some rows of outputs with, and what each of them counts.

use super::{IGNORED, Loss, TargetKind, Targets};

/// The numbers of a loss.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Numbers {
    /// The share of each target of classes that is spread evenly over all of them, from 0 to 1.
    pub smoothing: f64,
    /// A number for each output of a position, or one for all; see [`Loss::number`]. Each is 1 without them.
    pub of_outputs: Option<Vec<f64>>,
}

/// The targets of some rows of outputs, and what their losses count: row i has the loss `Σ_t ω_it L_it` over its positions, and
/// counts `Σ_t ω_it` in a mean, where positions that have a class count by the class's weight as well.
#[derive(Debug, Clone, Copy)]
pub struct Aims<'a> {
    /// The targets.
    pub targets: &'a Targets,
    /// The numbers of the loss.
    pub numbers: &'a Numbers,
    /// ω, `[rows]` or `[rows, T]`; each is 1 without them.
    pub weights: Option<&'a [f64]>,
    /// How many rows there are.
    pub rows: usize,
    /// C.
    pub outputs: usize,
}

/// Those of a loss that says nothing of them.
static PLAIN: Numbers = Numbers { smoothing: 0.0, of_outputs: None };

impl<'a> Aims<'a> {
    /// Targets of so many rows, each of which counts once.
    pub fn new(targets: &'a Targets, rows: usize, outputs: usize) -> Self {
        Self { targets, numbers: &PLAIN, weights: None, rows, outputs }
    }

    /// T, the positions of a row.
    pub fn positions(&self) -> usize {
        self.targets.positions(self.rows, self.outputs).max(1)
    }

    /// The outputs of a position.
    pub fn width(&self) -> usize {
        self.outputs / self.positions()
    }

    /// The number of an output of a position.
    pub fn number(&self, output: usize) -> f64 {
        match self.numbers.of_outputs.as_deref() {
            None => 1.0,
            Some(&[one]) => one,
            Some(all) => all.get(output).copied().unwrap_or(1.0),
        }
    }

    /// The class of a position, all rows' in order.
    fn class(&self, place: usize) -> Option<u32> {
        match self.targets {
            Targets::Classes(classes) => classes.get(place).copied(),
            Targets::Reals(_) | Targets::Probabilities { .. } => None,
        }
    }

    /// ω of a position, all rows' in order; 0 where it has no class.
    pub fn weight(&self, place: usize) -> f64 {
        match self.weights {
            _ if self.class(place) == Some(IGNORED) => 0.0,
            None => 1.0,
            Some(all) if all.len() == self.rows => all.get(place / self.positions()).copied().unwrap_or(0.0),
            Some(all) => all.get(place).copied().unwrap_or(0.0),
        }
    }

    /// What a row counts in a mean.
    pub fn count(&self, row: usize) -> f64 {
        let positions = self.positions();
        let count = |place: usize| {
            let of_class = self.class(place).map_or(1.0, |class| self.number(class as usize));
            self.weight(place) * of_class
        };
        (row * positions..(row + 1) * positions).map(count).sum()
    }

    /// Whether the numbers and the weights are what a loss takes.
    ///
    /// # Errors
    ///
    /// The key that is wrong, and why.
    pub(crate) fn check(&self, loss: Loss) -> Result<(), (String, String)> {
        self.check_numbers(loss)?;
        self.check_weights(loss).map_err(|problem| ("data.train.weights".to_owned(), problem))
    }

    fn check_numbers(&self, loss: Loss) -> Result<(), (String, String)> {
        let wrong = |key: &str, problem: String| Err((format!("training.{key}"), problem));
        let (Numbers { smoothing, of_outputs }, width) = (self.numbers, self.width());
        if !(0.0..=1.0).contains(smoothing) || (*smoothing > 0.0 && loss.takes() != TargetKind::Classes) {
            return wrong("smoothing", format!("is {smoothing}; it is a share of targets of classes, from 0 to 1"));
        }
        let Some(numbers) = of_outputs else { return Ok(()) };
        let Some(key) = loss.number() else {
            return wrong("loss", format!("{} has no numbers of outputs", loss.name()));
        };
        if numbers.len() != 1 && numbers.len() != width {
            return wrong(key, format!("has {} numbers; give one, or {width}, one for each output", numbers.len()));
        }
        match numbers.iter().find(|number| !(number.is_finite() && **number >= 0.0)) {
            None => Ok(()),
            Some(number) => wrong(key, format!("holds {number}; each must be finite and not negative")),
        }
    }

    fn check_weights(&self, loss: Loss) -> Result<(), String> {
        let Some(weights) = self.weights else { return Ok(()) };
        let (rows, positions) = (self.rows, self.positions());
        if weights.len() != rows && weights.len() != rows * positions {
            let positions =
                if positions > 1 { format!(", or one a position, [{rows}, {positions}]") } else { String::new() };
            let name = loss.name();
            return Err(format!("are {} numbers; {name} takes one an example, [{rows}]{positions}", weights.len()));
        }
        if let Some(at) = weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
            return Err(format!("entry {at} is {}; weights are finite and not negative", weights[at]));
        }
        if weights.iter().all(|&weight| weight == 0.0) {
            return Err("are all 0; there is nothing to train on".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_count_by_weights_and_classes() {
        let (targets, plain) = (Targets::Classes(vec![0, 2, IGNORED, 1, 1, 0]), Numbers::default());
        let aims = Aims { targets: &targets, numbers: &plain, weights: None, rows: 3, outputs: 6 };
        assert_eq!((aims.positions(), aims.width()), (2, 3));
        let counts = |aims: Aims<'_>| [0, 1, 2].map(|row| aims.count(row));
        assert_eq!(counts(aims), [2.0, 1.0, 2.0]);
        assert_eq!(counts(Aims { weights: Some(&[0.5, 2.0, 0.0]), ..aims }), [1.0, 2.0, 0.0]);
        let of_positions = [0.5, 1.0, 4.0, 0.25, 0.0, 3.0];
        assert_eq!(counts(Aims { weights: Some(&of_positions), ..aims }), [1.5, 0.25, 3.0]);
        let numbers = Numbers { of_outputs: Some(vec![2.0, 0.5, 0.0]), ..Numbers::default() };
        assert_eq!(counts(Aims { numbers: &numbers, ..aims }), [2.0, 0.5, 2.5]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let (targets, plain) = (Targets::Reals(vec![0.5; 6]), Numbers::default());
        let aims = Aims { targets: &targets, numbers: &plain, weights: None, rows: 3, outputs: 2 };
        let key = |aims: Aims<'_>, loss| aims.check(loss).map_err(|(key, _)| key);
        assert_eq!(key(aims, Loss::Mse), Ok(()));
        for weights in [&[1.0; 2][..], &[1.0; 6], &[0.0; 3], &[1.0, -1.0, 1.0], &[1.0, f64::NAN, 1.0]] {
            assert_eq!(key(Aims { weights: Some(weights), ..aims }, Loss::Mse), Err("data.train.weights".into()));
        }
        let numbers = |of_outputs: &[f64]| Numbers { of_outputs: Some(of_outputs.to_vec()), ..Numbers::default() };
        assert_eq!(key(Aims { numbers: &numbers(&[1.0, 2.0]), ..aims }, Loss::Logistic), Ok(()));
        assert_eq!(key(Aims { numbers: &numbers(&[1.0; 3]), ..aims }, Loss::Huber), Err("training.delta".into()));
        assert_eq!(key(Aims { numbers: &numbers(&[-1.0]), ..aims }, Loss::Logistic), Err("training.pos_weight".into()));
        assert_eq!(key(Aims { numbers: &numbers(&[1.0]), ..aims }, Loss::Mse), Err("training.loss".into()));
        let smooth = Numbers { smoothing: 0.1, ..Numbers::default() };
        assert_eq!(key(Aims { numbers: &smooth, ..aims }, Loss::Mse), Err("training.smoothing".into()));
    }
}
