//! Linear maps between rows that walk along axes: what copies, sums, broadcasts and places parts of arrays is one of these.

/// The most axes of a [`Strided`], neighbours taken together.
pub const MOST_AXES: usize = 8;

/// An axis to walk along, and how far a step of it goes in a row of each array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Steps.
    pub extent: usize,
    /// Elements from one step to the next where it writes; 0: the steps are summed.
    pub to: usize,
    /// Elements from one step to the next where it reads; 0: the steps see the same.
    pub from: usize,
}

/// Where a walk begins in each row of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// Its first element.
    pub start: usize,
    /// Elements of a row.
    pub width: usize,
}

/// `out[to] = factor Σ x[from]` in every row: for each place of the axes that write, the sum over those that do not.
#[derive(Debug, Clone, PartialEq)]
pub struct Strided {
    axes: Vec<Axis>,
    to: Side,
    from: Side,
    factor: f64,
}

impl Strided {
    /// The map of these axes, in any order; no element may be written by two places of them.
    ///
    /// # Errors
    ///
    /// More than [`MOST_AXES`] axes when neighbours are taken together, and a walk that leaves a row.
    pub fn new(axes: Vec<Axis>, to: Side, from: Side, factor: f64) -> Result<Self, String> {
        let axes = merged(axes);
        if axes.len() > MOST_AXES {
            return Err(format!(
                "{} axes stay apart there; at most {MOST_AXES} can be taken in one layer, so do it in two",
                axes.len()
            ));
        }
        let inside = |side: Side, step: fn(&Axis) -> usize| {
            let walk =
                |last: usize, axis: &Axis| last.checked_add(axis.extent.checked_sub(1)?.checked_mul(step(axis))?);
            let last = axes.iter().try_fold(side.start, walk);
            last.is_some_and(|last| last < side.width)
        };
        if !inside(to, |axis| axis.to) || !inside(from, |axis| axis.from) {
            return Err(format!("a walk along {axes:?} leaves its rows, of {} and {} elements", to.width, from.width));
        }
        Ok(Self { axes, to, from, factor })
    }

    /// All of `len` elements, each in its place.
    pub fn whole(len: usize) -> Self {
        let (axes, side) = (merged(vec![Axis { extent: len, to: 1, from: 1 }]), Side { start: 0, width: len });
        Self { axes, to: side, from: side, factor: 1.0 }
    }

    /// The same, times a factor.
    pub fn times(self, factor: f64) -> Self {
        Self { factor: self.factor * factor, ..self }
    }

    /// The map back: reading and writing exchanged.
    pub fn transposed(&self) -> Self {
        let axes = self.axes.iter().map(|&Axis { extent, to, from }| Axis { extent, to: from, from: to }).collect();
        Self { axes: merged(axes), to: self.from, from: self.to, factor: self.factor }
    }

    /// The axes that write, the one of the smallest steps last.
    pub fn kept(&self) -> &[Axis] {
        self.axes.split_at(self.first_summed()).0
    }

    /// The axes that are summed, the one of the smallest steps last.
    pub fn summed(&self) -> &[Axis] {
        self.axes.split_at(self.first_summed()).1
    }

    fn first_summed(&self) -> usize {
        self.axes.iter().position(|axis| axis.to == 0).unwrap_or(self.axes.len())
    }

    /// Where it writes.
    pub fn to(&self) -> Side {
        self.to
    }

    /// Where it reads.
    pub fn from(&self) -> Side {
        self.from
    }

    /// What sums are multiplied by.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Whether every element of an output row is written.
    pub fn covers(&self) -> bool {
        places(self.kept()) == self.to.width
    }

    /// Whether every element stays in its place, but for the factor.
    pub fn is_in_place(&self) -> bool {
        *self == Self::whole(self.to.width).times(self.factor)
    }
}

/// How many places axes have.
pub(super) fn places(axes: &[Axis]) -> usize {
    axes.iter().map(|axis| axis.extent).product()
}

/// The same walk in as few axes as can be: those that write first, each part from large steps to small ones.
fn merged(mut axes: Vec<Axis>) -> Vec<Axis> {
    axes.retain(|axis| axis.extent != 1);
    axes.sort_by_key(|axis| (axis.to == 0, std::cmp::Reverse((axis.to, axis.from))));
    let mut merged: Vec<Axis> = Vec::with_capacity(axes.len());
    for axis in axes {
        let follows = |step: usize, next: usize| next.checked_mul(axis.extent) == Some(step);
        match merged.last_mut() {
            Some(outer) if follows(outer.to, axis.to) && follows(outer.from, axis.from) => {
                *outer = Axis { extent: outer.extent * axis.extent, ..axis };
            }
            _ => merged.push(axis),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(extent: usize, to: usize, from: usize) -> Axis {
        Axis { extent, to, from }
    }

    fn side(start: usize, width: usize) -> Side {
        Side { start, width }
    }

    #[test]
    fn neighbours_are_taken_together() {
        let map = Strided::new(
            vec![axis(2, 12, 12), axis(1, 5, 7), axis(3, 4, 4), axis(4, 1, 1)],
            side(0, 24),
            side(0, 24),
            1.0,
        );
        assert_eq!(map, Ok(Strided::whole(24)));
        // [2, 3] in the other order: two axes, whichever way.
        let map = Strided::new(vec![axis(2, 1, 3), axis(3, 2, 1)], side(0, 6), side(0, 6), 1.0).expect("a map");
        assert_eq!(map.kept(), [axis(3, 2, 1), axis(2, 1, 3)]);
        assert_eq!(map.transposed().kept(), [axis(2, 3, 1), axis(3, 1, 2)]);
        assert!(map.covers() && !map.is_in_place());
    }

    #[test]
    fn sums_and_broadcasts_are_each_other_s_way_back() {
        let sum = Strided::new(vec![axis(4, 1, 5), axis(5, 0, 1)], side(0, 4), side(0, 20), 0.2).expect("a map");
        assert_eq!((sum.kept(), sum.summed()), (&[axis(4, 1, 5)][..], &[axis(5, 0, 1)][..]));
        let back = sum.transposed();
        assert_eq!((back.kept(), back.summed()), (&[axis(4, 5, 1), axis(5, 1, 0)][..], &[][..]));
        assert!(back.covers());
        assert_eq!(back.transposed(), sum);
    }

    #[test]
    fn walks_stay_in_their_rows() {
        let walk = |extent, start| Strided::new(vec![axis(extent, 1, 2)], side(0, 9), side(start, 9), 1.0);
        assert!(walk(4, 2).is_ok());
        assert!(walk(4, 3).is_err());
        assert!(walk(usize::MAX, 0).is_err());
        assert!(Strided::new(vec![axis(usize::MAX, 2, usize::MAX)], side(9, 9), side(0, 9), 1.0).is_err());
        let many = (0..9).map(|place| axis(2, 3usize.pow(place), 5usize.pow(place))).collect();
        let problem = Strided::new(many, side(0, 1 << 20), side(0, 1 << 20), 1.0).err();
        assert!(problem.is_some_and(|problem| problem.starts_with("9 axes stay apart")));
    }
}
