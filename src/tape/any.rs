//! A recorded path, wherever it lies.

use super::{DiskTape, History, Kept, MemoryTape, Tape};
use crate::compute::{Element, convert};
use crate::error::Error;
use std::any::{Any, TypeId};
use std::borrow::Cow;

/// A recorded path on disk or in memory, which can be read in any precision.
#[derive(Debug)]
pub enum AnyTape {
    /// On disk.
    Disk(DiskTape),
    /// In memory, in single precision.
    Single(MemoryTape<f32>),
    /// In memory, in double precision.
    Double(MemoryTape<f64>),
}

impl AnyTape {
    /// Of a path in memory.
    pub fn of<E: Element>(tape: MemoryTape<E>) -> Self {
        if E::NAME == f64::NAME { Self::Double(tape.rounded()) } else { Self::Single(tape.rounded()) }
    }

    /// The steps and their metrics.
    pub fn history(&self) -> &History {
        match self {
            Self::Disk(tape) => &tape.history,
            Self::Single(tape) => &tape.history,
            Self::Double(tape) => &tape.history,
        }
    }

    /// The array and the row of it that is the first to differ in another recording of the same path.
    pub fn first_difference(&self, other: &Self) -> Option<(String, usize)> {
        match (self, other) {
            (Self::Disk(own), Self::Disk(other)) => own.first_difference(other),
            (Self::Single(own), Self::Single(other)) => own.first_difference(other),
            (Self::Double(own), Self::Double(other)) => own.first_difference(other),
            _ => Some((Kept::Weights.file(), 0)),
        }
    }
}

impl<E: Element> Tape<E> for AnyTape {
    fn history(&self) -> &History {
        self.history()
    }

    fn row(&self, kept: Kept, row: usize) -> Result<Cow<'_, [E]>, Error> {
        match self {
            Self::Disk(tape) => tape.row(kept, row),
            Self::Single(tape) => tape.values(kept, row).map(|row| rounded(row)),
            Self::Double(tape) => tape.values(kept, row).map(|row| rounded(row)),
        }
    }
}

/// A row in another precision; in the same one it is the row itself.
fn rounded<A: Element, E: Element>(row: &[A]) -> Cow<'_, [E]> {
    match bytemuck::try_cast_slice(row) {
        Ok(same) if TypeId::of::<A>() == TypeId::of::<E>() => Cow::Borrowed(same),
        _ => row.iter().map(|value| E::from_f64(value.to_f64())).collect(),
    }
}

/// The same of a row that is given away.
pub(super) fn into_rounded<A: Element, E: Element>(row: Vec<A>) -> Vec<E> {
    let row: Box<dyn Any> = Box::new(row);
    match row.downcast::<Vec<E>>() {
        Ok(same) => *same,
        Err(other) => other
            .downcast_ref::<Vec<A>>()
            .map_or_else(Vec::new, |row| convert::<E>(&row.iter().map(|value| value.to_f64()).collect::<Vec<f64>>())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::{Optimizer, Sgd};
    use crate::tape::{Recorder, Recording};

    fn tape<E: Element>(rows: &[[f64; 2]]) -> MemoryTape<E> {
        let mut tape = MemoryTape::new(Recording::new(&Optimizer::Sgd(Sgd::plain(0.1)), rows.len() - 1, 1));
        for (number, row) in rows.iter().enumerate() {
            tape.record(Kept::Weights, number, &convert::<E>(row)).expect("memory");
        }
        tape
    }

    #[test]
    fn rows_are_read_in_any_precision() -> Result<(), Error> {
        let rows = [[0.1, 0.2], [0.3, 0.4]];
        let (single, double) = (AnyTape::of(tape::<f32>(&rows)), AnyTape::of(tape::<f64>(&rows)));
        assert!(matches!((&single, &double), (AnyTape::Single(_), AnyTape::Double(_))));
        assert_eq!(*Tape::<f64>::row(&double, Kept::Weights, 1)?, [0.3, 0.4]);
        assert_eq!(*Tape::<f32>::row(&double, Kept::Weights, 1)?, [0.3f32, 0.4]);
        assert_eq!(*Tape::<f64>::row(&single, Kept::Weights, 1)?, [f64::from(0.3f32), f64::from(0.4f32)]);
        assert!(Tape::<f32>::row(&single, Kept::Weights, 2).is_err());
        assert!(Tape::<f32>::row(&single, Kept::Unexplained, 0).is_err());
        Ok(())
    }

    #[test]
    fn the_first_row_that_differs_is_found() {
        let of = |last: f64| AnyTape::of(tape::<f64>(&[[0.1, 0.2], [0.3, last]]));
        assert_eq!(of(0.4).first_difference(&of(0.4)), None);
        assert_eq!(of(0.4).first_difference(&of(0.5)), Some((Kept::Weights.file(), 1)));
        assert!(of(0.4).first_difference(&AnyTape::of(tape::<f32>(&[[0.1, 0.2], [0.3, 0.4]]))).is_some());
    }
}
