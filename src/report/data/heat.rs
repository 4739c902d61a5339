//! The kernel as a map, queries and examples sorted by class.

use super::blob::Blob;
use crate::error::Error;
use crate::report::contents::Contents;
use crate::run::store::PairArray;
use serde_json::{Value, json};

/// Rows and columns at the most; of more, evenly spread ones are shown.
const SIDE: usize = 240;

/// The map of a run's kernel: for each pair the mean over equal outputs. Where a query has one value, that of the example's own
/// class, or without classes the mean over the example's outputs.
///
/// # Errors
///
/// A kernel that cannot be read.
pub(super) fn heat(blob: &mut Blob, contents: &Contents, kernel: &PairArray) -> Result<Value, Error> {
    let rows = sorted(contents.queries, contents.query_classes());
    let columns = sorted(contents.examples, contents.example_classes());
    // The equal outputs of a full kernel lie C + 1 apart.
    let (step, outputs) = match *kernel.shape() {
        [_, _, values, outputs] if values == outputs => (outputs + 1, outputs),
        _ => (1, kernel.entry()),
    };
    let classes = contents.example_classes().filter(|_| contents.values == 1 && kernel.shape().len() == 4);
    let mut values = vec![0.0; rows.len() * columns.len()];
    kernel.pairs(&rows, &columns, &mut |row, column, pair| {
        values[row * columns.len() + column] = match classes {
            Some(classes) => pair.get(classes[columns[column]] as usize).copied().unwrap_or_default(),
            None => pair.iter().step_by(step).sum::<f64>() / outputs as f64,
        };
    })?;
    let (white, full) = range(&values);
    let class = |classes: Option<&[u32]>, places: &[usize]| {
        classes.map(|classes| places.iter().map(|&place| classes[place]).collect::<Vec<u32>>())
    };
    Ok(json!({
        "white": white,
        "full": full,
        "values": blob.reals(values),
        "query_classes": class(contents.query_classes(), &rows),
        "example_classes": class(contents.example_classes(), &columns),
        "queries": blob.places(rows),
        "examples": blob.places(columns),
    }))
}

/// The values that are white and of full colour: 0 and the size of the largest, or, where no value is negative, the
/// smallest and the largest. A hundredth at each end is left out, so that a few shall not make the rest pale.
fn range(values: &[f64]) -> (f64, f64) {
    let mut order: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    order.sort_by(f64::total_cmp);
    let at = |hundredth: usize| order.get(order.len().saturating_sub(1) * hundredth / 100).copied().unwrap_or(0.0);
    let negative = order.first().is_some_and(|&least| least < 0.0);
    let (white, full) = if negative { (0.0, at(99).abs().max(at(1).abs())) } else { (at(1), at(99)) };
    (white, if full > white { full } else { white + 1.0 })
}

/// At most [`SIDE`] numbers below `count`, by class where there are classes.
fn sorted(count: usize, classes: Option<&[u32]>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    if let Some(classes) = classes {
        order.sort_by_key(|&place| classes[place]);
    }
    let shown = count.min(SIDE);
    (0..shown).map(|place| order[place * count / shown]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_by_class_and_thinned() {
        assert_eq!(sorted(4, Some(&[2, 0, 1, 0])), [1, 3, 2, 0]);
        assert_eq!(sorted(3, None), [0, 1, 2]);
        assert_eq!(sorted(1000, None).len(), SIDE);
    }

    #[test]
    fn colours_span_the_values() {
        assert_eq!(range(&[3.0, 5.0, 4.0]), (3.0, 4.0));
        assert_eq!(range(&[-8.0, 2.0, 4.0]), (0.0, 8.0));
        assert_eq!(range(&[0.0, 0.0]), (0.0, 1.0));
        assert_eq!(range(&[]), (0.0, 1.0));
    }
}
