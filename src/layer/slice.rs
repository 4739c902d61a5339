//! `slice`: a part of an axis.

use super::axes::axis;
use super::{Lower, Reads, only};
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Key, Optional, Whole, at};
use std::ops::Range;

/// A part of an axis, as Python slices it.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// The axis of an example.
    pub axis: i64,
    /// The first place, from the end where it is negative.
    pub start: i64,
    /// The place before which it ends, from the end where it is negative; the end of the axis without it.
    pub stop: Option<i64>,
    /// From one place to the next.
    pub step: usize,
}

impl Lower for Slice {
    const NAME: &'static str = "slice";
    const HELP: &'static str = "a part of an axis, as Python slices it: x[start:stop:step]";
    const START: Self = Slice { axis: 0, start: 0, stop: None, step: 1 };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("axis", "the axis of an example, from 0", at!(Slice.axis, Whole)),
        Key::new("start", "the first place", at!(Slice.start, Whole)),
        Key::new("stop", "the place before which it ends; without it, the end", at!(Slice.stop, Optional(Whole))),
        Key::new("step", "from one place to the next", at!(Slice.step, Count::from(1))),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = graph.shape(input);
        let axis = axis(shape, self.axis)?;
        let slice = Rearrange::slice(shape, axis, self.range(shape[axis])?, self.step)?;
        graph.add(owner, slice, &[input])
    }
}

impl Slice {
    /// The places of an axis of some length, cut off at its ends.
    fn range(&self, length: usize) -> Result<Range<usize>, String> {
        let place = |place: i64| {
            let from_first = if place < 0 { place.saturating_add_unsigned(length as u64) } else { place };
            usize::try_from(from_first).unwrap_or(0).min(length)
        };
        let range = place(self.start)..self.stop.map_or(length, place);
        if range.is_empty() {
            let stop = self.stop.map_or(String::new(), |stop| format!(" and stop = {stop}"));
            return Err(format!("start = {}{stop} leave nothing of an axis of {length}", self.start));
        }
        Ok(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_as_python_takes_them() {
        let range = |start, stop| Slice { start, stop, ..Slice::START }.range(10);
        assert_eq!(range(0, None), Ok(0..10));
        assert_eq!(range(-3, None), Ok(7..10));
        assert_eq!(range(2, Some(-1)), Ok(2..9));
        assert_eq!(range(i64::MIN, Some(i64::MAX)), Ok(0..10));
        assert!(range(4, Some(4)).is_err_and(|problem| problem.contains("start = 4 and stop = 4 leave nothing")));
        assert!(range(12, None).is_err());
    }
}
