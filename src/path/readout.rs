//! What of the queries' outputs is taken apart: its values, and the seeds of their gradients.

use super::Setting;
use super::adaptive::Read;
use crate::compute::op::{self, ReadArrays};
use crate::compute::{Backend, BackendError, Result, Slice, SliceMut};
use crate::readout::{OutputFunction, Source};
use crate::training::TargetBuffer;

/// The targets of the queries, for readouts that depend on them.
pub struct QueryTargets<B: Backend> {
    /// On the device.
    pub buffer: TargetBuffer<B>,
    /// On the host; empty where targets are reals.
    pub classes: Vec<u32>,
}

impl<B: Backend> Setting<'_, B> {
    /// R: values of the readout for each query.
    pub(super) fn rows(&self) -> usize {
        self.spec.readout.len(self.network.outputs)
    }

    /// The readout of outputs `[rows, C]`; row r is query `queries[r]`.
    pub(super) fn read(&self, outputs: Slice<'_, B::Buffer>, queries: &[u32]) -> Result<Read<B>> {
        match self.spec.readout.source(self.spec.loss).map_err(BackendError::Invalid)? {
            Source::Outputs => self.read_outputs(outputs),
            Source::Loss => self.read_loss(outputs, queries),
            Source::Function(kind) => self.read_function(kind, outputs, queries),
        }
    }

    fn read_function(&self, kind: OutputFunction, outputs: Slice<'_, B::Buffer>, queries: &[u32]) -> Result<Read<B>> {
        let (backend, width, rows) = (self.backend, self.network.outputs, queries.len());
        let classes = self.query_targets.map(|targets| &targets.classes).filter(|classes| !classes.is_empty());
        let classes: Option<Vec<u32>> =
            classes.map(|classes| queries.iter().map(|&query| classes[query as usize]).collect());
        let classes = classes.map(|classes| backend.index(&classes)).transpose()?;
        let len = rows * self.rows();
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

    fn read_loss(&self, outputs: Slice<'_, B::Buffer>, queries: &[u32]) -> Result<Read<B>> {
        let backend = self.backend;
        let missing = || BackendError::Invalid("the readout needs the queries' targets".into());
        let targets = self.query_targets.ok_or_else(missing)?;
        let held: Vec<(usize, f64)> = queries.iter().map(|&query| (query as usize, 1.0)).collect();
        let places = targets.buffer.places(backend, &held)?;
        let losses = targets.buffer.losses(backend, self.spec.loss, outputs, &places)?;
        Ok(Read { values: losses.of_rows(backend)?, seeds: losses.gradient })
    }
}
