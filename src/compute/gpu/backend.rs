//! What the GPU gives beside the operations: arrays, copies to the host, totals.

use super::blocks::{BlockArray, read, write};
use super::context::Bound;
use super::numbers::numbers;
use super::shaders::{INDEX, MATH, Shader};
use super::{Buffer, GpuBackend, Index, Ticket};
use crate::compute::operation::fit;
use crate::compute::*;
use crate::loss::Loss;

type In<'a> = Slice<'a, Buffer>;
type Out<'a> = SliceMut<'a, Buffer>;

numbers! {
    struct FoldNumbers { len: u32 }
}

numbers! {
    struct LossNumbers { rows: u32, width: u32, kind: u32, first: u32, count: u32 }
}

numbers! {
    struct ReadoutNumbers { len: u32, first: u32, rows: u32, width: u32, count: u32, kind: u32 }
}

/// The shaders that are not an operation's own.
pub(super) fn shaders() -> Vec<Shader> {
    macro_rules! source {
        ($name:literal) => {
            include_str!(concat!("../../../shaders/", $name, ".wgsl"))
        };
    }
    vec![
        Shader::new::<FoldNumbers>("fold", &[INDEX, source!("op/fold")]),
        Shader::new::<LossNumbers>("loss", &[INDEX, MATH, source!("loss")]),
        Shader::new::<ReadoutNumbers>("readout", &[INDEX, MATH, source!("readout")]),
    ]
}

/// The classes of a readout, one a row and each an output.
fn check_classes<'a>(batch: &ReadoutBatch<'a, GpuBackend>) -> Result<Bound<'a>> {
    let missing = || BackendError::Invalid("readout: there are no classes".into());
    let classes = batch.classes.ok_or_else(missing)?;
    let beyond = classes.values.iter().any(|&class| class as usize >= batch.width);
    let alone = batch.kind == ReadoutKind::Margin && batch.width < 2;
    fit("readout", &[(classes.values.len(), batch.rows), (usize::from(beyond || alone), 0)])?;
    Ok(GpuBackend::indices(classes))
}

impl Backend for GpuBackend {
    type Element = f32;
    type Buffer = Buffer;
    type Index = Index;
    type Total = Buffer;
    type Ticket = Ticket;

    fn name(&self) -> String {
        self.context.name.clone()
    }

    fn largest_buffer(&self) -> usize {
        self.context.binding
    }

    fn stretch(&self) -> usize {
        // Enough work for a dispatch; no more memory than another layer takes.
        self.context.binding.min(1 << 24)
    }

    fn fixed_rates(&self) -> Option<Rates> {
        None
    }

    fn enter(&self, phase: Phase) -> Phase {
        self.context.phase.replace(phase)
    }

    fn phase_seconds(&self) -> Option<[f64; Phase::COUNT]> {
        // A lost device shows in the next operation.
        self.seconds_by_phase().ok().flatten()
    }

    fn zeros(&self, len: usize) -> Result<Buffer> {
        self.context.array(len, true)
    }

    fn scratch(&self, len: usize) -> Result<Buffer> {
        self.context.array(len, false)
    }

    fn upload(&self, values: &[f32]) -> Result<Buffer> {
        self.context.upload(bytemuck::cast_slice(values))
    }

    fn write(&self, out: Out<'_>, values: &[f32]) -> Result<()> {
        fit("write", &[(values.len(), out.len)])?;
        let source = self.upload(values)?;
        self.copy(out, Slice::new(&source, 0, values.len()))
    }

    fn index(&self, values: &[u32]) -> Result<Index> {
        Ok(Index { buffer: self.context.upload(bytemuck::cast_slice(values))?, values: values.to_vec() })
    }

    fn download(&self, source: In<'_>) -> Result<Vec<f32>> {
        let ticket = self.download_later(source)?;
        self.collect(ticket)
    }

    fn download_later(&self, source: In<'_>) -> Result<Ticket> {
        self.context.read_later(read(source))
    }

    fn collect(&self, ticket: Ticket) -> Result<Vec<f32>> {
        self.context.finish_read(ticket)
    }

    fn totals(&self, len: usize) -> Result<Buffer> {
        self.zeros(len)
    }

    fn fold(&self, total: &mut Buffer, block: &mut Buffer) -> Result<()> {
        let len = total.len();
        fit("fold", &[(block.len(), len)])?;
        let (total, block) = (SliceMut::new(total, 0, len), SliceMut::new(block, 0, len));
        self.each("fold", &[write(&total), write(&block)], &|len| FoldNumbers { len: len as u32 })
    }

    fn download_totals(&self, total: &Buffer) -> Result<Vec<f64>> {
        let values = self.download(Slice::new(total, 0, total.len()))?;
        Ok(values.into_iter().map(f64::from).collect())
    }

    fn upload_totals(&self, values: Vec<f64>) -> Result<Buffer> {
        self.upload(&values.into_iter().map(|value| value as f32).collect::<Vec<_>>())
    }

    fn run<O: Operation>(&self, operation: &O, arrays: O::Arrays<'_, Buffer, Index>) -> Result<()> {
        operation.check(&arrays)?;
        operation.gpu(self, arrays)
    }

    fn loss(&self, batch: &LossBatch<'_, Self>, gradient: Out<'_>, statistics: Out<'_>) -> Result<()> {
        let LossBatch { loss, outputs, targets, examples, share, .. } = *batch;
        let (rows, width) = (batch.rows, batch.width);
        let len = rows * width;
        fit("loss", &[(gradient.len, len), (outputs.len, len), (statistics.len, rows * 2)])?;
        fit("loss", &[(examples.values.len(), rows), (share.len, rows)])?;
        let kind = match loss {
            Loss::CrossEntropy => 0,
            Loss::SquaredError => 1,
            Loss::Logistic => 2,
            Loss::Poisson => 3,
        };
        let (classes, values, all) = match targets {
            Targets::Classes(classes) => (Self::indices(classes), self.nothing(), (Self::indices(classes), 1)),
            Targets::Reals(values) => (self.nothing(), read(values), (read(values), width)),
        };
        let count = all.0.len / all.1.max(1);
        for cut in self.cuts(&[BlockArray::rows(all.0, all.1)], count) {
            let parts = [
                BlockArray::rows(write(&gradient), width),
                BlockArray::rows(write(&statistics), 2),
                BlockArray::rows(read(outputs), width),
                BlockArray::shared(if kind == 0 { classes.part(cut.start, cut.len()) } else { classes }),
                BlockArray::shared(if kind == 0 { values } else { values.part(cut.start * width, cut.len() * width) }),
                BlockArray::rows(Self::indices(examples), 1),
                BlockArray::rows(read(share), 1),
            ];
            self.by_rows("loss", &parts, rows, 1, &|block| LossNumbers {
                rows: block.len() as u32,
                width: width as u32,
                kind,
                first: cut.start as u32,
                count: cut.len() as u32,
            })?;
        }
        Ok(())
    }

    fn readout(&self, batch: &ReadoutBatch<'_, Self>, values: Out<'_>, seeds: Out<'_>) -> Result<()> {
        let &ReadoutBatch { kind, rows, width, outputs, .. } = batch;
        let count = kind.count(width);
        let lengths = [(outputs.len, rows * width), (values.len, rows * count), (seeds.len, count * rows * width)];
        fit("readout", &lengths)?;
        let classes = if kind.has_classes() { check_classes(batch)? } else { self.nothing() };
        let number = match kind {
            ReadoutKind::Softmax => 0,
            ReadoutKind::Sigmoid => 1,
            ReadoutKind::Target => 2,
            ReadoutKind::Margin => 3,
        };
        let classes = if kind.has_classes() { BlockArray::repeated(classes, 1) } else { BlockArray::shared(classes) };
        let (values, outputs) =
            (BlockArray::repeated(write(&values), count), BlockArray::repeated(read(outputs), width));
        let parts = [BlockArray::rows(write(&seeds), width), values, outputs, classes];
        self.by_rows("readout", &parts, count * rows, 1, &|block| ReadoutNumbers {
            len: block.len() as u32,
            first: block.start as u32,
            rows: rows as u32,
            width: width as u32,
            count: count as u32,
            kind: number,
        })
    }
}
