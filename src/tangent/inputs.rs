//! ψ of a last linear layer whose gradients are preconditioned.

use crate::compute::{Backend, Layout, MatMul, Result, Slice, SliceMut, Start};
use crate::graph::{Block, Matrix, Structure};

/// How it lies in one array: `[R, queries, width]` for the matrix, of which output c has row c alone, then `[R]` for the bias, which
/// is the same for all queries.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutputInputs {
    matrix: Matrix,
    queries: usize,
    /// Where the layer's parameters begin in a flat vector.
    offset: usize,
}

impl OutputInputs {
    /// Of a block, for so many queries; `None` where it is no matrix of one use.
    pub fn new(block: &Block, queries: usize) -> Option<Self> {
        let Structure::Outer(matrix) = block.only_use()?.structure else { return None };
        Some(Self { matrix, queries, offset: block.offset })
    }

    /// Elements of the matrix's part.
    fn rows(&self) -> usize {
        self.matrix.height * self.queries * self.matrix.width
    }

    /// Elements of the bias's part.
    fn biases(&self) -> usize {
        if self.matrix.bias { self.matrix.height } else { 0 }
    }

    /// Elements of all.
    pub fn len(&self) -> usize {
        self.rows() + self.biases()
    }

    /// Adds inputs, `[queries, width]`, times the preconditioner's row of each output.
    pub fn add<B: Backend>(
        &self,
        backend: &B,
        out: &mut B::Buffer,
        inputs: Slice<'_, B::Buffer>,
        preconditioner: &B::Buffer,
    ) -> Result<()> {
        let (Matrix { height, width, .. }, len) = (self.matrix, self.rows());
        let matrix = Slice::new(preconditioner, self.offset, height * width);
        let order: Vec<u32> = (0..height as u32).flat_map(|row| std::iter::repeat_n(row, self.queries)).collect();
        let (mut rows, mut product) = (backend.scratch(len)?, backend.scratch(len)?);
        backend.gather(SliceMut::new(&mut rows, 0, len), matrix, &backend.index(&order)?, width)?;
        backend.multiply(SliceMut::new(&mut product, 0, len), Slice::new(&rows, 0, len), inputs)?;
        backend.axpy(SliceMut::new(out, 0, len), 1.0, Slice::new(&product, 0, len))
    }

    /// Adds so much of the bias's input of 1, times the preconditioner.
    pub fn add_bias<B: Backend>(
        &self,
        backend: &B,
        out: &mut B::Buffer,
        one: f64,
        preconditioner: &B::Buffer,
    ) -> Result<()> {
        let (Matrix { height, width, .. }, len) = (self.matrix, self.biases());
        if len == 0 {
            return Ok(());
        }
        let biases = Slice::new(preconditioner, self.offset + height * width, len);
        backend.axpy(SliceMut::new(out, self.rows(), len), one, biases)
    }

    /// Its products with the inputs of examples, `[R, queries, examples]`, and their length.
    pub fn products<B: Backend>(
        &self,
        backend: &B,
        psi: &B::Buffer,
        inputs: Slice<'_, B::Buffer>,
        examples: usize,
    ) -> Result<(B::Buffer, usize)> {
        let (Matrix { height, width, .. }, rows) = (self.matrix, self.matrix.height * self.queries);
        let len = rows * examples;
        let mut out = backend.scratch(len)?;
        let layout = Layout::Transposed;
        let mut start = Start::Value(0.0);
        if self.matrix.bias {
            // Each output's bias for all of its pairs.
            let pairs = self.queries * examples;
            let mut ones = backend.scratch(pairs)?;
            backend.fill(SliceMut::new(&mut ones, 0, pairs), 1.0)?;
            let shape = MatMul { rows: height, columns: pairs, depth: 1, layout, start };
            let biases = Slice::new(psi, self.rows(), height);
            backend.matmul(&shape, SliceMut::new(&mut out, 0, len), biases, Slice::new(&ones, 0, pairs), None)?;
            start = Start::Output;
        }
        let shape = MatMul { rows, columns: examples, depth: width, layout, start };
        backend.matmul(&shape, SliceMut::new(&mut out, 0, len), Slice::new(psi, 0, self.rows()), inputs, None)?;
        Ok((out, len))
    }
}
