//! What the GPU gives beside the operations: arrays, copies to the host, totals.

use super::blocks::{read, write};
use super::numbers::numbers;
use super::shaders::{INDEX, Shader};
use super::{Buffer, GpuBackend, Index, Ticket};
use crate::compute::operation::fit;
use crate::compute::*;

type In<'a> = Slice<'a, Buffer>;
type Out<'a> = SliceMut<'a, Buffer>;

numbers! {
    struct FoldNumbers { len: u32 }
}

/// The shaders that are not an operation's own.
pub(super) fn shaders() -> Vec<Shader> {
    macro_rules! source {
        ($name:literal) => {
            include_str!(concat!("../../../shaders/", $name, ".wgsl"))
        };
    }
    vec![Shader::new::<FoldNumbers>("fold", &[INDEX, source!("op/fold")])]
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
}
