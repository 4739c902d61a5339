//! What belongs to steps, and how the sums agree with the network.

use super::blob::Blob;
use crate::report::contents::{Contents, Line};
use serde_json::{Map, Value, json};

/// Points of a curve; of more, evenly spread ones are kept.
const POINTS: usize = 1500;

/// A number of a step.
type OfLine = fn(&Line) -> Option<f64>;

/// The curves over steps that are known.
pub(super) fn curves(blob: &mut Blob, contents: &Contents) -> Value {
    let steps: Vec<usize> = thin(contents.metrics.len()).collect();
    let of: [(&str, OfLine); 4] = [
        ("loss", |line| line.loss),
        ("accuracy", |line| line.accuracy),
        ("residual", |line| line.residual),
        ("unexplained", |line| line.unexplained),
    ];
    let mut known = Map::new();
    for (name, of) in of {
        let values: Vec<Option<f64>> = steps.iter().map(|&step| of(&contents.metrics[step])).collect();
        if values.iter().any(Option::is_some) {
            known.insert(name.into(), blob.reals(values.into_iter().map(|value| value.unwrap_or(f64::NAN))));
        }
    }
    json!({ "steps": blob.places(steps), "of": known })
}

/// Each value of each query by the network and by the sum, of many evenly spread ones.
pub(super) fn agreement(blob: &mut Blob, contents: &Contents) -> Value {
    let terms = &contents.terms;
    let unexplained = |at: usize| terms.unexplained.as_ref().map_or(0.0, |parts| parts[at]);
    let shown: Vec<usize> = thin(terms.prediction.len()).collect();
    let sums = shown.iter().map(|&at| terms.prediction[at] - terms.residual[at] - unexplained(at));
    json!({
        "sums": blob.reals(sums),
        "network": blob.reals(shown.iter().map(|&at| terms.prediction[at])),
        "queries": blob.places(shown.iter().map(|&at| at / contents.values)),
    })
}

/// At most [`POINTS`] places, evenly spread, the last one with them.
fn thin(len: usize) -> impl Iterator<Item = usize> {
    let shown = len.min(POINTS);
    (0..shown).map(move |place| if shown < 2 { 0 } else { place * (len - 1) / (shown - 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_both_ends() {
        let kept: Vec<usize> = thin(4000).collect();
        assert_eq!((kept.len(), kept[0], kept[1499]), (1500, 0, 3999));
        assert_eq!(thin(3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(thin(0).count(), 0);
    }
}
