//! Batches whose rows depend on each other, as those of batch norm do: a batch passes whole, whatever a tile has of it.
//!
//! What belongs to a column is the gradient of its rows' losses, through all rows of the batch.

use super::Setting;
use super::at::At;
use super::batch::loss_gradient;
use crate::compute::{Backend, Result, RowMap, Slice, SliceMut};
use crate::graph::{Forward, Graph, Segment};
use crate::training::Places;
use std::collections::BTreeMap;
use std::ops::Range;

/// The whole of a step's batch on the device, and which of its rows are a tile's.
pub(super) struct Coupled<B: Backend> {
    rows: usize,
    inputs: B::Buffer,
    /// The rows' numbers among all examples, where the network draws by them.
    drawn: Option<B::Index>,
    /// The number of the step.
    step: usize,
    places: Places<B>,
    /// The columns of the tile that the batch holds, ascending, each with its rows in the batch.
    columns: Vec<(u32, Vec<u32>)>,
}

/// The gradients of some columns' losses with respect to the outputs of the whole batch.
pub(super) struct Copies<B: Backend> {
    /// The columns, in the tile.
    pub columns: Vec<u32>,
    /// `[columns * rows, C]`: of each column's copy all rows but its own are zero.
    pub seed: B::Buffer,
    /// The map that adds up the rows of each copy.
    pub map: RowMap<B::Buffer, B::Index>,
}

/// Rows of a batch of which none has the column of another.
pub(super) struct Pick<B: Backend> {
    /// Their columns, ascending.
    pub columns: B::Index,
    /// The rows.
    pub rows: Vec<u32>,
    /// `[rows, C]`: the gradients of their losses.
    pub gradient: B::Buffer,
}

/// Elements that the gradients of some columns may take at once. It is a constant, so that results depend on no machine.
const ELEMENTS_AT_ONCE: usize = 1 << 25;

/// The number of columns whose gradients pass backward at once through a batch of so many rows.
pub(crate) fn columns_at_once(network: &Graph, rows: usize) -> usize {
    let rows = rows.saturating_mul(network.backward_len());
    (ELEMENTS_AT_ONCE / rows.saturating_add(network.len).max(1)).max(1)
}

impl<B: Backend> Coupled<B> {
    /// The batch of a step; `None` where it has nothing of a range of columns.
    pub fn new(setting: &Setting<'_, B>, range: &Range<usize>, at: &At<'_, B>) -> Result<Option<Self>> {
        let Setting { backend, in_training, examples: inputs, targets, groups, .. } = *setting;
        let held = at.step.rows();
        let mut columns: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (row, &(example, _)) in held.iter().enumerate() {
            let column = groups.map_or(example, |groups| groups.column(example));
            if range.contains(&column) {
                columns.entry(column).or_default().push(row as u32);
            }
        }
        if columns.is_empty() {
            return Ok(None);
        }
        let examples: Vec<u32> = held.iter().map(|&(example, _)| example as u32).collect();
        Ok(Some(Self {
            rows: held.len(),
            inputs: inputs.gather(backend, &examples)?,
            drawn: in_training.draws().then(|| backend.index(&examples)).transpose()?,
            step: at.number,
            places: targets.places(backend, &held)?,
            columns: columns.into_iter().map(|(column, rows)| ((column - range.start) as u32, rows)).collect(),
        }))
    }

    /// The pass of the whole batch.
    pub fn pass(&self, setting: &Setting<'_, B>, weights: &B::Buffer) -> Result<Forward<'_, B>> {
        let Setting { backend, in_training: network, .. } = *setting;
        let input = Slice::new(&self.inputs, 0, self.rows * network.input_len());
        let draw = network.drawing(self.step, self.drawn.as_ref());
        network.forward_drawing(backend, Segment::at(weights), input, self.rows, draw)
    }

    /// `[rows + 1, C]`: the gradients of the losses with respect to the outputs, times each row's factor, and a row of zeros.
    fn gradient(&self, setting: &Setting<'_, B>, pass: &Forward<'_, B>) -> Result<B::Buffer> {
        let Setting { backend, in_training: network, spec, targets, .. } = *setting;
        let found = loss_gradient(backend, network, spec.loss, targets, pass, &self.places)?;
        let len = self.rows * network.outputs;
        let mut gradient = backend.zeros(len + network.outputs)?;
        backend.copy(SliceMut::new(&mut gradient, 0, len), Slice::new(&found, 0, len))?;
        Ok(gradient)
    }

    /// Shows the gradients of all columns to `visit`, some columns at a time.
    pub fn each_copies(
        &self,
        setting: &Setting<'_, B>,
        pass: &Forward<'_, B>,
        visit: &mut dyn FnMut(Copies<B>) -> Result<()>,
    ) -> Result<()> {
        let Setting { backend, in_training: network, .. } = *setting;
        let (rows, outputs) = (self.rows, network.outputs);
        let gradient = self.gradient(setting, pass)?;
        let gradient = Slice::new(&gradient, 0, (rows + 1) * outputs);
        for part in self.columns.chunks(columns_at_once(network, rows)) {
            let copies = part.len();
            let mut from = vec![rows as u32; copies * rows];
            for (copy, (_, own)) in part.iter().enumerate() {
                own.iter().for_each(|&row| from[copy * rows + row as usize] = row);
            }
            let len = copies * rows * outputs;
            let mut seed = backend.scratch(len)?;
            backend.gather(SliceMut::new(&mut seed, 0, len), gradient, &backend.index(&from)?, outputs)?;
            let offsets: Vec<u32> = (0..=copies).map(|copy| (copy * rows) as u32).collect();
            let inputs: Vec<u32> = (0..copies * rows).map(|row| (row % rows) as u32).collect();
            let map = RowMap::new(backend, &offsets, &inputs, &vec![1.0; copies * rows])?;
            visit(Copies { columns: part.iter().map(|&(column, _)| column).collect(), seed, map })?;
        }
        Ok(())
    }

    /// The rows of the tile's columns in picks: of a column that has several rows each is in another one.
    pub fn picks(&self, setting: &Setting<'_, B>, pass: &Forward<'_, B>) -> Result<Vec<Pick<B>>> {
        let Setting { backend, in_training: network, .. } = *setting;
        let gradient = self.gradient(setting, pass)?;
        let gradient = Slice::new(&gradient, 0, (self.rows + 1) * network.outputs);
        let most = self.columns.iter().map(|(_, rows)| rows.len()).max().unwrap_or(0);
        let pick = |number: usize| {
            let own = self.columns.iter().filter_map(|(column, rows)| Some((*column, *rows.get(number)?)));
            let (columns, rows): (Vec<u32>, Vec<u32>) = own.unzip();
            let len = rows.len() * network.outputs;
            let mut picked = backend.scratch(len)?;
            backend.gather(SliceMut::new(&mut picked, 0, len), gradient, &backend.index(&rows)?, network.outputs)?;
            Ok(Pick { columns: backend.index(&columns)?, rows, gradient: picked })
        };
        (0..most).map(pick).collect()
    }
}

impl<B: Backend> Pick<B> {
    /// Its rows of each of some copies of the whole batch, `[copies, rows of the batch, width]`.
    pub fn of_copies(
        &self,
        backend: &B,
        copies: Slice<'_, B::Buffer>,
        batch: usize,
        width: usize,
    ) -> Result<(B::Buffer, usize)> {
        let count = copies.len / (batch * width).max(1);
        let rows: Vec<u32> =
            (0..count).flat_map(|copy| self.rows.iter().map(move |&row| (copy * batch) as u32 + row)).collect();
        let len = rows.len() * width;
        let mut picked = backend.scratch(len)?;
        backend.gather(SliceMut::new(&mut picked, 0, len), copies, &backend.index(&rows)?, width)?;
        Ok((picked, len))
    }
}
