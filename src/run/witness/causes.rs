//! Why outputs or a loss differ from those that were recorded: what makes them the same, where something does.

use super::orders::Pair;
use super::relative;
use super::spread::other_scale;
use crate::error::Error;
use crate::path::larger;
use crate::problem::Problem;
use crate::training::Reduction;

/// An end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    First,
    Last,
}

/// The outputs of some queries at an end of the path.
type Evaluator<'a> = dyn Fn(&[f64], Point) -> Result<Vec<f64>, Error> + 'a;

/// The network's outputs of the queries, and those that were recorded.
pub(super) struct Compared<'a> {
    pub problem: &'a Problem,
    pub outputs: &'a [f64],
    pub recorded: &'a [f64],
    /// The largest difference that is none, relative to the largest recorded output.
    pub accept: f64,
}

/// Levels of a pixel.
const LEVELS: f64 = 255.0;

impl Compared<'_> {
    /// The largest difference, relative to the largest recorded output.
    pub fn difference(&self) -> f64 {
        difference(self.outputs, self.recorded)
    }

    fn fits(&self, outputs: &[f64], recorded: &[f64]) -> bool {
        difference(outputs, recorded) <= self.accept
    }

    /// What makes the outputs the same, or what usually makes them differ.
    pub fn causes(&self, evaluate: &Evaluator<'_>) -> Result<Vec<String>, Error> {
        let mut causes: Vec<String> = self.order().into_iter().chain(self.function().map(str::to_owned)).collect();
        if causes.is_empty() {
            causes = self.other_inputs(evaluate)?;
        }
        let found = !causes.is_empty();
        causes.extend(other_scale(self.problem));
        if !found {
            causes.push(
                "no other order of classes or queries, no softmax or sigmoid, no other order of axes and no factor of 255 makes them \
                 the same; what is left are inputs that were normalised otherwise, weights of another moment or model, a model that \
                 was not in evaluation mode (dropout, batch norm), and, where little differs, arithmetic of fewer bits (TF32, autocast)"
                    .into(),
            );
        }
        Ok(causes)
    }

    /// Classes of each position.
    fn classes(&self) -> usize {
        let network = &self.problem.network;
        network.shape(network.output()).last().copied().unwrap_or(1).max(1)
    }

    fn order(&self) -> Option<String> {
        let bound = self.accept * largest(self.recorded);
        let pair = |width| Pair { ours: self.outputs, theirs: self.recorded, width, bound };
        if let Some(order) = pair(self.classes()).columns() {
            let (ours, theirs) = moved(&order);
            return Some(format!(
                "with the classes in another order they are the same: output {ours} here is column {theirs} there, and so on; number \
                 the classes as the recorded model does"
            ));
        }
        let (ours, theirs) = moved(&pair(self.problem.network.outputs).lines()?);
        Some(format!(
            "with the rows in another order they are the same: query {ours} here is row {theirs} there, and so on; save both in one \
             order"
        ))
    }

    fn function(&self) -> Option<&'static str> {
        let of = |values: &[f64], function: fn(&[f64]) -> Vec<f64>| -> Vec<f64> {
            values.chunks(self.classes()).flat_map(function).collect()
        };
        if self.fits(&of(self.outputs, softmax), self.recorded) {
            Some("softmax was taken of the recorded ones: save the outputs before it, the logits")
        } else if self.fits(&of(self.outputs, log_softmax), self.recorded) {
            Some("log_softmax was taken of the recorded ones: save the outputs before it, the logits")
        } else if self.fits(&of(self.outputs, sigmoid), self.recorded) {
            Some("sigmoid was taken of the recorded ones: save the outputs before it, the logits")
        } else if self.fits(self.outputs, &of(self.recorded, softmax)) {
            Some("the model here ends with a softmax, and the recorded ones are from before it")
        } else if self.fits(self.outputs, &of(self.recorded, log_softmax)) {
            Some("the model here ends with a log_softmax, and the recorded ones are from before it")
        } else {
            None
        }
    }

    /// What makes the outputs the same when the network is asked again, of other inputs or elsewhere.
    fn other_inputs(&self, evaluate: &Evaluator<'_>) -> Result<Vec<String>, Error> {
        let queries = self.problem.queries();
        let fits = |queries: &[f64], point| Ok::<_, Error>(self.fits(&evaluate(queries, point)?, self.recorded));
        let mut causes = Vec::new();
        if fits(queries, Point::First)? {
            causes.push("they are those of the first weights of the path, not of the last".to_owned());
        }
        let [only] = self.problem.network.inputs.as_slice() else { return Ok(causes) };
        let scaled = |factor: f64| queries.iter().map(|value| value * factor).collect::<Vec<f64>>();
        if fits(&scaled(1.0 / LEVELS), Point::Last)? {
            causes.push(
                "of queries divided by 255 they are the same: data.query.inputs hold pixels that were not scaled"
                    .into(),
            );
        } else if fits(&scaled(LEVELS), Point::Last)? {
            causes.push(
                "of queries times 255 they are the same: the recorded model was given pixels that were not scaled"
                    .into(),
            );
        }
        if let Some(turned) = channels_first(queries, &only.shape)
            && fits(&turned, Point::Last)?
        {
            causes.push(
                "of queries whose channels are moved from the last axis to the first they are the same: write \
                 numpy.moveaxis(x, -1, 1) to data.query.inputs"
                    .into(),
            );
        }
        Ok(causes)
    }
}

/// The first place that an order changes, and what it has there.
fn moved(order: &[usize]) -> (usize, usize) {
    order.iter().copied().enumerate().find(|(ours, theirs)| ours != theirs).unwrap_or((0, 0))
}

fn largest(values: &[f64]) -> f64 {
    values.iter().map(|value| value.abs()).fold(0.0, f64::max)
}

/// The largest difference of two arrays, relative to the largest of the second; no number where one is.
fn difference(outputs: &[f64], recorded: &[f64]) -> f64 {
    let differences = outputs.iter().zip(recorded).map(|(own, other)| (own - other).abs());
    relative(differences.fold(0.0, larger), largest(recorded))
}

fn softmax(values: &[f64]) -> Vec<f64> {
    log_softmax(values).into_iter().map(f64::exp).collect()
}

fn log_softmax(values: &[f64]) -> Vec<f64> {
    let top = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum = top + values.iter().map(|value| (value - top).exp()).sum::<f64>().ln();
    values.iter().map(|value| value - sum).collect()
}

fn sigmoid(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| 1.0 / (1.0 + (-value).exp())).collect()
}

/// Rows of a shape, had the values been written with the first axis last; `None` where that is no other order.
fn channels_first(rows: &[f64], shape: &[usize]) -> Option<Vec<f64>> {
    let (&channels, rest) = shape.split_first()?;
    let places: usize = rest.iter().product();
    if channels < 2 || places < 2 {
        return None;
    }
    let turn = |row: &[f64]| -> Vec<f64> {
        (0..channels).flat_map(|channel| row.iter().skip(channel).step_by(channels).copied()).collect()
    };
    Some(rows.chunks(channels * places).flat_map(turn).collect())
}

/// Why a loss differs: the batch has so many examples, and each so many outputs.
pub(super) fn of_loss(loss: f64, recorded: f64, [batch, outputs]: [usize; 2], reduction: Reduction) -> String {
    let is = |factor: f64| relative(recorded - loss * factor, recorded) <= LOSS;
    let (batch, outputs) = (batch as f64, outputs as f64);
    let other = match reduction {
        Reduction::Mean => "sum",
        Reduction::Sum => "mean",
    };
    let start = format!("the loss that was recorded for the first step is {recorded:?}, and {loss:?} here");
    let cause = if batch > 1.0 && (is(batch) || is(1.0 / batch)) {
        format!("they differ by the number of examples: training.reduction = {other:?} may be what was meant")
    } else if outputs > 1.0 && (is(outputs) || is(1.0 / outputs)) {
        "they differ by the number of outputs: one of them is a mean over them (mse is, squared_error is not)"
            .to_owned()
    } else if is(2.0 / outputs) || is(outputs / 2.0) || is(2.0) || is(0.5) {
        "they differ as mse and squared_error do, which is ½ Σ (f - y)²: take the loss that was meant".to_owned()
    } else {
        "the usual causes are training inputs that were normalised otherwise, classes in another order, another first batch, and \
         another loss or other numbers of it (smoothing, weights, a weight decay that is a term of it)"
            .to_owned()
    };
    format!("{start}; {cause}")
}

/// Losses that are this near are the same.
const LOSS: f64 = 1e-3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_of_the_largest() {
        assert_eq!(difference(&[1.0, -3.0], &[1.0, -4.0]), 0.25);
        assert_eq!(difference(&[0.0, 0.0], &[0.0, 0.0]), 0.0);
        assert_eq!(difference(&[0.0, 1.0], &[0.0, 0.0]), f64::INFINITY);
        assert!(difference(&[f64::NAN, 1.0], &[0.0, 1.0]).is_nan());
    }

    #[test]
    fn channels_are_moved_to_the_front() {
        // Two pixels of three channels.
        let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(channels_first(&rows, &[3, 1, 2]), Some(vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
        assert_eq!(channels_first(&rows, &[1, 6]), None);
        assert_eq!(channels_first(&rows, &[6]), None);
    }

    #[test]
    fn losses_tell_their_reductions() {
        let cause = |loss, recorded, reduction| of_loss(loss, recorded, [20, 3], reduction);
        assert!(cause(0.5, 10.0, Reduction::Mean).contains("training.reduction = \"sum\""));
        assert!(cause(10.0, 0.5, Reduction::Sum).contains("training.reduction = \"mean\""));
        assert!(cause(0.9, 0.3, Reduction::Mean).contains("the number of outputs"));
        assert!(cause(0.9, 0.6, Reduction::Mean).contains("mse and squared_error"));
        assert!(cause(0.9, 0.77, Reduction::Mean).contains("the usual causes"));
    }
}
