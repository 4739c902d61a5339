//! What the values of an ONNX graph are here, and where the batch lies in them.

use super::constant::Constant;
use crate::graph::View;

/// A value that a node reads.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// An array that is known.
    Known(Constant),
    /// A part of a tensor of the file.
    Weight(Weight),
    /// Such parts one below the other, in a shape.
    Stack(Vec<Weight>, Vec<usize>),
    /// What a layer gives.
    Flow(Flow),
    /// A list of values.
    List(Vec<Value>),
    /// What a node that is refused would give: whoever reads it is refused without a word.
    Lost,
}

/// A part of a tensor of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weight {
    pub view: View,
    pub shape: Vec<usize>,
    /// Its shape before it was given another.
    natural: Vec<usize>,
    /// Whether it is a parameter, and no buffer.
    pub trained: bool,
}

impl Weight {
    pub fn whole(name: &str, shape: &[usize], trained: bool) -> Self {
        let view = View { tensor: name.to_owned(), ..View::default() };
        Self { view, shape: shape.to_vec(), natural: shape.to_vec(), trained }
    }

    /// The same elements in another shape.
    pub fn reshaped(&self, shape: &[usize]) -> Self {
        let mut weight = Self { shape: shape.to_vec(), ..self.clone() };
        weight.view.reshape = (shape != self.natural).then(|| shape.to_vec());
        weight
    }

    /// With its two axes exchanged, where it has two and no other shape than in the file.
    pub fn transposed(&self) -> Option<Self> {
        let (&[rows, columns], None) = (self.shape.as_slice(), &self.view.reshape) else { return None };
        let view = View { transposed: !self.view.transposed, ..self.view.clone() };
        let shape = vec![columns, rows];
        Some(Self { view, natural: shape.clone(), shape, trained: self.trained })
    }

    /// Some of its rows, where these are rows of the file's tensor too.
    pub fn rows(&self, start: usize, stop: usize) -> Option<Self> {
        if self.view.transposed || self.view.reshape.is_some() || start >= stop {
            return None;
        }
        let first = self.view.rows.map_or(0, |[first, _]| first);
        let mut shape = self.shape.clone();
        let count = std::mem::replace(shape.first_mut()?, stop - start);
        let rows = (stop - start < count || self.view.rows.is_some()).then_some([first + start, first + stop]);
        Some(Self { view: View { rows, ..self.view.clone() }, natural: shape.clone(), shape, trained: self.trained })
    }

    /// With rows that follow it in the same tensor, of which there are so many in all.
    pub fn joined(&self, next: &Self, all: usize) -> Option<Self> {
        let ([start, stop], [first, end]) = (self.view.rows?, next.view.rows?);
        let follows = first == stop
            && Weight { view: View { rows: self.view.rows, ..next.view.clone() }, ..self.clone() } == *self;
        if !follows || self.view.transposed || self.view.reshape.is_some() {
            return None;
        }
        let mut shape = self.shape.clone();
        *shape.first_mut()? = end - start;
        let rows = (end - start < all).then_some([start, end]);
        Some(Self { view: View { rows, ..self.view.clone() }, natural: shape.clone(), shape, trained: self.trained })
    }

    /// Whether two parts have elements in common.
    pub fn meets(&self, other: &Self) -> bool {
        let apart = match (self.view.rows, other.view.rows) {
            (Some([a, b]), Some([c, d])) => b <= c || d <= a,
            _ => false,
        };
        self.view.tensor == other.view.tensor && !apart
    }
}

/// A value of the network: of each example, or the same for all of them.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    pub place: Place,
    /// Its sides in the file; that of the batch's axis is what is left of it for one example.
    pub shape: Vec<usize>,
    pub batch: Option<Batch>,
    /// Whether it is of whole numbers.
    pub whole: bool,
}

/// What a layer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Input(usize),
    Step(usize),
}

/// Where the batch is: in an axis, after as many places of it as `before`. An axis may hold others beside the batch, as
/// `[B * T, C]` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Batch {
    pub axis: usize,
    pub before: usize,
}

impl Flow {
    /// The shape of one example. An axis of the batch alone is not there.
    pub fn own(&self) -> Vec<usize> {
        own(&self.shape, self.batch)
    }

    /// The axis of an example that an axis is; `None` of the batch's.
    pub fn own_axis(&self, axis: usize) -> Option<usize> {
        match self.alone() {
            Some(batch) if batch == axis => None,
            Some(batch) if batch < axis => Some(axis - 1),
            _ => Some(axis),
        }
    }

    /// The axis that is the batch's alone.
    pub fn alone(&self) -> Option<usize> {
        self.batch.map(|batch| batch.axis).filter(|&axis| self.shape[axis] == 1)
    }

    /// Whether the batch lies in an axis.
    pub fn is_batch(&self, axis: usize) -> bool {
        self.batch.is_some_and(|batch| batch.axis == axis)
    }

    pub fn axes(&self) -> usize {
        self.shape.len()
    }
}

/// The shape of one example of a shape.
pub(super) fn own(shape: &[usize], batch: Option<Batch>) -> Vec<usize> {
    let mut own = shape.to_vec();
    if let Some(Batch { axis, .. }) = batch
        && own[axis] == 1
    {
        own.remove(axis);
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_tensors_are_views() {
        let whole = Weight::whole("w", &[6, 2], true);
        let rows = whole.rows(2, 6).and_then(|rows| rows.rows(1, 3)).expect("rows");
        assert_eq!((rows.view.rows, rows.shape.as_slice()), (Some([3, 5]), &[2, 2][..]));
        let turned = rows.transposed().expect("two axes");
        assert!(turned.view.transposed && turned.transposed() == Some(rows.clone()) && turned.rows(0, 1).is_none());
        assert!(rows.meets(&whole) && !rows.meets(&whole.rows(0, 3).expect("rows")));
        assert!(whole.reshaped(&[6, 2]).view.reshape.is_none() && whole.reshaped(&[12]).transposed().is_none());
        assert_eq!(whole.rows(0, 6).expect("rows"), whole);
    }

    #[test]
    fn an_axis_of_the_batch_alone_is_not_an_examples() {
        let flow = |shape: &[usize], axis| {
            let batch = Some(Batch { axis, before: 1 });
            Flow { place: Place::Input(0), shape: shape.to_vec(), batch, whole: false }
        };
        let turned = flow(&[5, 1, 4], 1);
        assert_eq!((turned.own(), turned.own_axis(2), turned.own_axis(1)), (vec![5, 4], Some(1), None));
        let merged = flow(&[5, 4], 0);
        assert_eq!((merged.own(), merged.own_axis(0)), (vec![5, 4], Some(0)));
    }
}
