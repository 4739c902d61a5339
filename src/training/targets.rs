//! Targets on the device, and the losses of outputs.

use crate::compute::op::{self, BatchLoss, BatchLossArrays, LossBatch, LossCurvature, LossCurvatureArrays};
use crate::compute::{Backend, Element, Layout, MatMul, Result, Slice, SliceMut, Start, convert};
use crate::loss::{Aims, IGNORED, Loss, Targets};

/// What a loss compares outputs with and its numbers, on the device.
pub struct TargetBuffer<B: Backend> {
    values: Values<B>,
    /// `[rows, T]`: ω.
    weights: B::Buffer,
    /// How many of them there are.
    places: usize,
    /// `[width]`.
    numbers: B::Buffer,
    smoothing: f64,
    /// T.
    positions: usize,
    width: usize,
}

enum Values<B: Backend> {
    /// `[rows, T]`.
    Classes(B::Index),
    /// `[rows, T, width]`, and their number.
    Reals(B::Buffer, usize),
}

/// Rows of a pass, on the device: the place of each position among all targets, and the factor of its loss.
pub struct Places<B: Backend> {
    numbers: B::Index,
    share: B::Buffer,
    len: usize,
    /// How many of them add up to a row's loss.
    each: usize,
}

/// The losses of the rows of a pass, position by position.
pub(crate) struct Losses<B: Backend> {
    /// The gradients of the outputs, times each row's factor.
    pub gradient: B::Buffer,
    /// `[places, 2]`: each position's loss and its hit, times ω.
    statistics: B::Buffer,
    /// Places that add up to a row.
    each: usize,
    rows: usize,
}

impl<B: Backend> TargetBuffer<B> {
    /// Uploads the targets of some rows, with their weights and the loss's numbers.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(backend: &B, aims: &Aims<'_>) -> Result<Self> {
        let (positions, width) = (aims.positions(), aims.width());
        let places = aims.rows * positions;
        let weights: Vec<f64> = (0..places).map(|place| aims.weight(place)).collect();
        let numbers: Vec<f64> = (0..width).map(|output| aims.number(output)).collect();
        let values = match aims.targets {
            Targets::Classes(classes) => {
                // What has no class has no weight, and takes any.
                let known = |&class: &u32| if class == IGNORED { 0 } else { class };
                Values::Classes(backend.index(&classes.iter().map(known).collect::<Vec<_>>())?)
            }
            Targets::Reals(values) | Targets::Probabilities { values, .. } => {
                Values::Reals(backend.upload(&convert::<B::Element>(values))?, values.len())
            }
        };
        Ok(Self {
            values,
            weights: backend.upload(&convert::<B::Element>(&weights))?,
            places,
            numbers: backend.upload(&convert::<B::Element>(&numbers))?,
            smoothing: aims.numbers.smoothing,
            positions,
            width,
        })
    }

    /// T and the outputs of a position.
    pub(crate) fn of_row(&self) -> (usize, usize) {
        (self.positions, self.width)
    }

    /// Where rows of a pass find their targets: each comes with its example and the factor of its loss.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn places(&self, backend: &B, held: &[(usize, f64)]) -> Result<Places<B>> {
        let all: Vec<u32> = (0..self.positions as u32).collect();
        Ok(Places { each: self.positions, ..self.places_at(backend, held, &all)? })
    }

    /// The same of rows each of which is one of some positions of an example.
    pub(crate) fn places_at(&self, backend: &B, held: &[(usize, f64)], positions: &[u32]) -> Result<Places<B>> {
        let of = |&(example, share): &(usize, f64)| {
            positions.iter().map(move |&position| ((example * self.positions) as u32 + position, share))
        };
        let (numbers, share): (Vec<u32>, Vec<f64>) = held.iter().flat_map(of).unzip();
        let share = backend.upload(&convert::<B::Element>(&share))?;
        Ok(Places { len: numbers.len(), numbers: backend.index(&numbers)?, share, each: 1 })
    }

    /// A loss as operations take it.
    fn of(&self, loss: Loss) -> BatchLoss {
        BatchLoss { loss, width: self.width, smoothing: self.smoothing }
    }

    /// What the losses of outputs are made of whose rows are at some places.
    fn batch<'a>(&'a self, outputs: Slice<'a, B::Buffer>, places: &'a Places<B>) -> LossBatch<'a, B::Buffer, B::Index> {
        LossBatch {
            outputs,
            targets: match &self.values {
                Values::Classes(classes) => op::Targets::Classes(classes),
                Values::Reals(values, len) => op::Targets::Reals(Slice::new(values, 0, *len)),
            },
            weights: Slice::new(&self.weights, 0, self.places),
            numbers: Slice::new(&self.numbers, 0, self.width),
            places: &places.numbers,
            share: Slice::new(&places.share, 0, places.len),
        }
    }

    /// How the gradients of [`losses`](Self::losses) change as the outputs move along a direction, like them `[places, width]`.
    pub(crate) fn curvature(
        &self,
        backend: &B,
        loss: Loss,
        outputs: Slice<'_, B::Buffer>,
        direction: Slice<'_, B::Buffer>,
        places: &Places<B>,
    ) -> Result<B::Buffer> {
        let mut change = backend.scratch(outputs.len)?;
        let arrays = LossCurvatureArrays {
            change: SliceMut::new(&mut change, 0, outputs.len),
            along: direction,
            batch: self.batch(outputs, places),
        };
        backend.run(&LossCurvature { of: self.of(loss) }, arrays)?;
        Ok(change)
    }

    /// The losses of outputs whose rows are at some places.
    pub(crate) fn losses(
        &self,
        backend: &B,
        loss: Loss,
        outputs: Slice<'_, B::Buffer>,
        places: &Places<B>,
    ) -> Result<Losses<B>> {
        let (mut gradient, mut statistics) = (backend.scratch(outputs.len)?, backend.scratch(2 * places.len)?);
        let arrays = BatchLossArrays {
            gradient: SliceMut::new(&mut gradient, 0, outputs.len),
            statistics: SliceMut::new(&mut statistics, 0, 2 * places.len),
            batch: self.batch(outputs, places),
        };
        backend.run(&self.of(loss), arrays)?;
        Ok(Losses { gradient, statistics, each: places.each, rows: places.len / places.each })
    }
}

impl<B: Backend> Losses<B> {
    /// Adds `[loss, hits]` of all rows, times their factors, to `out`.
    pub fn add_sums(&self, backend: &B, places: &Places<B>, out: SliceMut<'_, B::Buffer>) -> Result<()> {
        let sum = MatMul { rows: 1, columns: 2, depth: places.len, layout: Layout::Plain, start: Start::Output };
        let statistics = Slice::new(&self.statistics, 0, 2 * places.len);
        backend.matmul(&sum, out, Slice::new(&places.share, 0, places.len), statistics, None)
    }

    /// `[rows]`: the loss of each row, without its factor.
    pub fn of_rows(&self, backend: &B) -> Result<B::Buffer> {
        let (rows, depth) = (self.rows, 2 * self.each);
        let pick: Vec<B::Element> = [B::Element::ONE, B::Element::ZERO].repeat(self.each);
        let (pick, mut out) = (backend.upload(&pick)?, backend.scratch(rows)?);
        let shape = MatMul { rows, columns: 1, depth, layout: Layout::Transposed, start: Start::Value(0.0) };
        let statistics = Slice::new(&self.statistics, 0, rows * depth);
        backend.matmul(&shape, SliceMut::new(&mut out, 0, rows), statistics, Slice::new(&pick, 0, depth), None)?;
        Ok(out)
    }
}
