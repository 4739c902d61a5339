//! Axes as a user names them: those of one example from 0, the batch not counted, negative ones from the end.

use crate::key::{List, OneOrMore, Whole};

/// The form of several axes.
pub(super) const AXES: OneOrMore<Whole> = OneOrMore(List {
    each: Whole,
    takes: "axes of an example from 0 (the batch is not counted), or negative ones from the last",
});

/// The number of an axis of a shape.
///
/// # Errors
///
/// An axis that is not there.
pub(super) fn axis(shape: &[usize], named: i64) -> Result<usize, String> {
    let count = shape.len() as i64;
    let from_first = if named < 0 { named.saturating_add(count) } else { named };
    usize::try_from(from_first).ok().filter(|&axis| axis < shape.len()).ok_or_else(|| {
        format!(
            "the input has shape {shape:?}; its axes are 0 to {}, or -1 to -{count} from the end, not {named}",
            count - 1
        )
    })
}

/// The numbers of some axes.
///
/// # Errors
///
/// As [`axis`].
pub(super) fn axes(shape: &[usize], named: &[i64]) -> Result<Vec<usize>, String> {
    named.iter().map(|&named| axis(shape, named)).collect()
}

/// The numbers of some axes; without them, of all.
///
/// # Errors
///
/// As [`axis`].
pub(super) fn some_or_all(shape: &[usize], named: Option<&[i64]>) -> Result<Vec<usize>, String> {
    named.map_or_else(|| Ok((0..shape.len()).collect()), |named| axes(shape, named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_axes_count_from_the_end() {
        assert_eq!(axes(&[4, 5, 6], &[-1, 0, -3]), Ok(vec![2, 0, 0]));
        assert_eq!((axis(&[4, 5, 6], -1), axis(&[4, 5, 6], 0)), (Ok(2), Ok(0)));
        for wrong in [3, -4, i64::MIN, i64::MAX] {
            assert!(axis(&[4, 5, 6], wrong).is_err_and(|problem| problem.contains("0 to 2, or -1 to -3")));
        }
    }
}
