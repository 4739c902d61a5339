//! What of the queries' outputs is taken apart: its values, and the seeds of their gradients.

use super::adaptive::Read;
use super::{Setting, Spec};
use crate::compute::op::{self, ReadArrays};
use crate::compute::{Backend, BackendError, Element, Layout, MatMul, Result, Slice, SliceMut, Start, widen};
use crate::graph::{Graph, Segment};
use crate::readout::{Chosen, OutputFunction, Source, positions};
use crate::training::{TargetBuffer, rows_at_once};

/// The targets of the queries, for readouts that depend on them.
pub struct QueryTargets<B: Backend> {
    /// On the device.
    pub buffer: TargetBuffer<B>,
    /// On the host, `[n, T]`; empty where targets are reals.
    pub classes: Vec<u32>,
}

impl<B: Backend> Setting<'_, B> {
    /// R: values of the readout for each query.
    pub(crate) fn rows(&self) -> usize {
        self.spec.values(self.network.outputs)
    }

    /// `[n, R]`: the readout of all queries at some weights.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn readouts(&self, weights: &B::Buffer) -> Result<Vec<f64>> {
        let Self { backend, network, queries, .. } = *self;
        let width = network.input_len().max(1);
        let at_once = rows_at_once(network);
        let mut all = Vec::new();
        for (number, inputs) in queries.chunks(at_once * width).enumerate() {
            let (first, count) = (number * at_once, inputs.len() / width);
            let inputs = backend.upload(inputs)?;
            let inputs = Slice::new(&inputs, 0, count * width);
            let pass = network.forward(backend, Segment::at(weights), inputs, count)?;
            let numbers: Vec<u32> = (first as u32..(first + count) as u32).collect();
            let read = self.read(network.outputs(&pass), &numbers)?;
            all.extend(widen(&backend.download(Slice::new(&read.values, 0, count * self.rows()))?));
        }
        Ok(all)
    }

    /// The readout of outputs `[rows, C]`; row r is query `queries[r]`.
    pub(crate) fn read(&self, outputs: Slice<'_, B::Buffer>, queries: &[u32]) -> Result<Read<B>> {
        let Self { backend, network, spec, query_targets, .. } = *self;
        Reader { backend, network, spec, query_targets }.read(outputs, queries)
    }
}

/// Reads the outputs of queries.
pub(super) struct Reader<'a, B: Backend> {
    pub backend: &'a B,
    pub network: &'a Graph,
    pub spec: &'a Spec,
    /// The targets of all queries, for readouts that depend on them.
    pub query_targets: Option<&'a QueryTargets<B>>,
}

impl<B: Backend> Reader<'_, B> {
    /// R: values of the readout for each query.
    pub fn rows(&self) -> usize {
        self.spec.values(self.network.outputs)
    }

    /// The readout of outputs `[rows, C]`; row r is query `queries[r]`.
    pub fn read(&self, outputs: Slice<'_, B::Buffer>, queries: &[u32]) -> Result<Read<B>> {
        let source = self.spec.readout.source(self.spec.loss).map_err(BackendError::Invalid)?;
        match (source, &self.spec.chosen.positions) {
            (Source::Outputs, _) => self.read_outputs(outputs),
            (Source::Difference, _) => self.read_difference(outputs, queries.len()),
            (Source::Loss, None) => self.read_loss(outputs, queries, None),
            (Source::Function(kind), None) => self.read_function(kind, outputs, queries, &[0]),
            (Source::Loss, Some(positions)) => {
                let (picked, len) = self.pick(outputs, positions)?;
                let read = self.read_loss(Slice::new(&picked, 0, len), queries, Some(positions))?;
                self.spread(read, queries.len(), positions)
            }
            (Source::Function(kind), Some(positions)) => {
                let (picked, len) = self.pick(outputs, positions)?;
                let read = self.read_function(kind, Slice::new(&picked, 0, len), queries, positions)?;
                self.spread(read, queries.len(), positions)
            }
        }
    }

    /// Positions of the outputs, and outputs of each.
    fn position(&self) -> (usize, usize) {
        positions(self.network.shape(self.network.output()))
    }

    /// `[rows, positions, V]` of outputs `[rows, T, V]`, and their number.
    fn pick(&self, outputs: Slice<'_, B::Buffer>, positions: &[u32]) -> Result<(B::Buffer, usize)> {
        let (backend, (all, width)) = (self.backend, self.position());
        let rows = outputs.len / (all * width);
        let order: Vec<u32> =
            (0..rows).flat_map(|row| positions.iter().map(move |&position| (row * all) as u32 + position)).collect();
        let len = order.len() * width;
        let mut out = backend.scratch(len)?;
        backend.gather(SliceMut::new(&mut out, 0, len), outputs, &backend.index(&order)?, width)?;
        Ok((out, len))
    }

    /// A readout of positions, with the seeds of each made those of all outputs.
    fn spread(&self, read: Read<B>, rows: usize, positions: &[u32]) -> Result<Read<B>> {
        Ok(Read { seeds: each_alone(self.backend, &read.seeds, rows, self.position(), positions)?, ..read })
    }

    /// A function of some positions of every query, whose outputs are `[rows, positions, V]`.
    fn read_function(
        &self,
        kind: OutputFunction,
        outputs: Slice<'_, B::Buffer>,
        queries: &[u32],
        positions: &[u32],
    ) -> Result<Read<B>> {
        let (backend, rows) = (self.backend, queries.len() * positions.len());
        let width = outputs.len / rows.max(1);
        let classes = self.query_targets.map(|targets| &targets.classes).filter(|classes| !classes.is_empty());
        let classes = classes.map(|classes| {
            let all = if self.spec.chosen.positions.is_some() { self.position().0 } else { 1 };
            let of =
                |&query: &u32| positions.iter().map(move |&position| classes[query as usize * all + position as usize]);
            queries.iter().flat_map(of).collect::<Vec<u32>>()
        });
        let classes = classes.map(|classes| backend.index(&classes)).transpose()?;
        let len = rows * kind.count(width);
        let (mut values, mut seeds) = (backend.scratch(len)?, backend.scratch(len * width)?);
        let arrays = ReadArrays {
            values: SliceMut::new(&mut values, 0, len),
            seeds: SliceMut::new(&mut seeds, 0, len * width),
            outputs,
            classes: classes.as_ref(),
        };
        backend.run(&op::Read { kind, rows, width }, arrays)?;
        Ok(Read { values, seeds })
    }

    fn read_outputs(&self, outputs: Slice<'_, B::Buffer>) -> Result<Read<B>> {
        let (backend, width) = (self.backend, self.network.outputs);
        let len = outputs.len * width;
        let mut seeds = backend.scratch(len)?;
        backend.seed(outputs.len / width, width, SliceMut::new(&mut seeds, 0, len), None)?;
        Ok(Read { values: backend.copied(outputs)?, seeds })
    }

    /// One output of each position less another: products with rows that hold 1 and -1, which are its seeds.
    fn read_difference(&self, outputs: Slice<'_, B::Buffer>, rows: usize) -> Result<Read<B>> {
        let (backend, count) = (self.backend, self.rows());
        let (all, mut width) = (self.network.outputs, self.network.outputs);
        let Chosen { positions, classes } = &self.spec.chosen;
        let [plus, minus] = classes.ok_or_else(|| BackendError::Invalid("a difference needs two classes".into()))?;
        if positions.is_some() {
            width = self.position().1;
        }
        let mut each = vec![B::Element::ZERO; count * all];
        for (row, &position) in each.chunks_mut(all).zip(positions.as_deref().unwrap_or(&[0])) {
            row[position as usize * width + plus as usize] = B::Element::ONE;
            row[position as usize * width + minus as usize] = -B::Element::ONE;
        }
        let each = backend.upload(&each)?;
        let (mut values, mut seeds) = (backend.scratch(rows * count)?, backend.scratch(count * rows * all)?);
        let shape = MatMul { rows, columns: count, depth: all, layout: Layout::Transposed, start: Start::Value(0.0) };
        let rows_of_each = Slice::new(&each, 0, count * all);
        backend.matmul(&shape, SliceMut::new(&mut values, 0, rows * count), outputs, rows_of_each, None)?;
        let order: Vec<u32> = (0..count as u32).flat_map(|which| std::iter::repeat_n(which, rows)).collect();
        let out = SliceMut::new(&mut seeds, 0, count * rows * all);
        backend.gather(out, rows_of_each, &backend.index(&order)?, all)?;
        Ok(Read { values, seeds })
    }

    /// The loss of every query, or of some positions of it, whose outputs are then `[rows, positions, V]`.
    fn read_loss(&self, outputs: Slice<'_, B::Buffer>, queries: &[u32], positions: Option<&[u32]>) -> Result<Read<B>> {
        let backend = self.backend;
        let missing = || BackendError::Invalid("the readout needs the queries' targets".into());
        let targets = &self.query_targets.ok_or_else(missing)?.buffer;
        let held: Vec<(usize, f64)> = queries.iter().map(|&query| (query as usize, 1.0)).collect();
        let places = match positions {
            None => targets.places(backend, &held)?,
            Some(positions) => targets.places_at(backend, &held, positions)?,
        };
        let losses = targets.losses(backend, self.spec.loss, outputs, &places)?;
        Ok(Read { values: losses.of_rows(backend)?, seeds: losses.gradient })
    }
}

/// `[positions * rows, T, V]` of gradients `[rows, positions, V]`: each is of its own position alone, and 0 elsewhere. `all` and
/// `width` are T and V.
pub(super) fn each_alone<B: Backend>(
    backend: &B,
    gradients: &B::Buffer,
    rows: usize,
    (all, width): (usize, usize),
    positions: &[u32],
) -> Result<B::Buffer> {
    // One row of zeros after them.
    let own = rows * positions.len();
    let mut from = backend.zeros((own + 1) * width)?;
    backend.copy(SliceMut::new(&mut from, 0, own * width), Slice::new(gradients, 0, own * width))?;
    let mut order = vec![own as u32; own * all];
    for (which, &position) in positions.iter().enumerate() {
        for row in 0..rows {
            order[(which * rows + row) * all + position as usize] = (row * positions.len() + which) as u32;
        }
    }
    let (len, index) = (order.len() * width, backend.index(&order)?);
    let mut seeds = backend.scratch(len)?;
    backend.gather(SliceMut::new(&mut seeds, 0, len), Slice::new(&from, 0, (own + 1) * width), &index, width)?;
    Ok(seeds)
}
