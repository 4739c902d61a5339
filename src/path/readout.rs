//! What of the queries' outputs is taken apart: its values, and the seeds of their gradients.

use super::Setting;
use super::adaptive::Read;
use crate::backend::{Backend, BackendError, LossBatch, ReadoutBatch, ReadoutKind, Result, Slice, SliceMut};
use crate::run_file::{Loss, Readout};
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
        let (backend, width, rows) = (self.backend, self.network.outputs, queries.len());
        let mut values = backend.scratch(rows * self.rows())?;
        let mut seeds = backend.scratch(rows * self.rows() * width)?;
        let value_len = rows * self.rows();
        let out = SliceMut::new(&mut seeds, 0, value_len * width);
        let kind = match (self.spec.readout, self.spec.loss) {
            (Readout::Outputs, _) => {
                backend.copy(SliceMut::new(&mut values, 0, value_len), outputs)?;
                backend.seed(rows, width, out, None)?;
                return Ok(Read { values, seeds });
            }
            (Readout::Loss, loss) => {
                self.read_loss(loss, outputs, queries, (&mut values, out))?;
                return Ok(Read { values, seeds });
            }
            (Readout::Probabilities, Loss::Logistic) => ReadoutKind::Sigmoid,
            (Readout::Probabilities, _) => ReadoutKind::Softmax,
            (Readout::Target, _) => ReadoutKind::Target,
            (Readout::Margin, _) => ReadoutKind::Margin,
        };
        let classes = self.query_targets.map(|targets| &targets.classes).filter(|classes| !classes.is_empty());
        let classes: Option<Vec<u32>> =
            classes.map(|classes| queries.iter().map(|&query| classes[query as usize]).collect());
        let classes = classes.map(|classes| backend.index(&classes)).transpose()?;
        let batch = ReadoutBatch { kind, rows, width, outputs, classes: classes.as_ref() };
        backend.readout(&batch, SliceMut::new(&mut values, 0, value_len), out)?;
        Ok(Read { values, seeds })
    }

    fn read_loss(
        &self,
        loss: Loss,
        outputs: Slice<'_, B::Buffer>,
        queries: &[u32],
        (values, seeds): (&mut B::Buffer, SliceMut<'_, B::Buffer>),
    ) -> Result<()> {
        let (backend, width, rows) = (self.backend, self.network.outputs, queries.len());
        let missing = || BackendError::Invalid("the readout needs the queries' targets".into());
        let targets = self.query_targets.ok_or_else(missing)?;
        let (share, examples) = (backend.scratch(rows)?, backend.index(queries)?);
        let mut share = share;
        backend.fill(SliceMut::new(&mut share, 0, rows), 1.0)?;
        let batch = LossBatch {
            loss,
            rows,
            width,
            outputs,
            targets: targets.buffer.targets(),
            examples: &examples,
            share: Slice::new(&share, 0, rows),
        };
        let mut statistics = backend.scratch(2 * rows)?;
        backend.loss(&batch, seeds, SliceMut::new(&mut statistics, 0, 2 * rows))?;
        let even: Vec<u32> = (0..rows as u32).map(|row| 2 * row).collect();
        let statistics = Slice::new(&statistics, 0, 2 * rows);
        backend.gather(SliceMut::new(values, 0, rows), statistics, &backend.index(&even)?, 1)
    }
}
