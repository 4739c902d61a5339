//! The contraction of queries' gradient rows with examples', into accumulators.

use super::{ExampleRows, QueryFactors};
use crate::backend::{Accumulator, Backend, Gram, Layout, MatMul, Result, Slice, SliceMut, Start};
use crate::network::{Forward, Network, Parameters};
use std::collections::BTreeMap;

/// A sum over steps on the device: a block of steps, and the blocks before it.
#[derive(Debug)]
pub struct Sum<B: Backend + ?Sized> {
    block: B::Buffer,
    total: B::Total,
    len: usize,
}

impl<B: Backend> Sum<B> {
    /// Zeros.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(backend: &B, len: usize) -> Result<Self> {
        Ok(Self { block: backend.zeros(len)?, total: backend.totals(len)?, len })
    }

    /// The block, to be added to.
    pub fn block(&mut self) -> SliceMut<'_, B::Buffer> {
        SliceMut::new(&mut self.block, 0, self.len)
    }

    /// Ends a block of steps.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn fold(&mut self, backend: &B) -> Result<()> {
        backend.fold(&mut self.total, &mut self.block)
    }

    /// The whole sum; the last block must have been folded.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn download(&self, backend: &B) -> Result<Vec<f64>> {
        backend.download_totals(&self.total)
    }
}

/// Gram matrices of layer inputs, `[queries, P, P, examples]`: products of a layer's input at the queries and at the
/// examples, plus 1 where the layer has a bias.
pub struct Products<'a, B: Backend + ?Sized> {
    network: &'a Network,
    pass: &'a Forward<'a, B>,
    queries: usize,
    examples: usize,
    /// Of layers whose inputs are the same at all steps. Lent by the caller, who keeps it while queries and examples stay.
    constant: &'a mut BTreeMap<usize, B::Buffer>,
    kept: BTreeMap<usize, B::Buffer>,
}

impl<'a, B: Backend> Products<'a, B> {
    /// The products of `queries` queries with the examples of a pass.
    pub fn new(
        network: &'a Network,
        queries: usize,
        pass: &'a Forward<'a, B>,
        constant: &'a mut BTreeMap<usize, B::Buffer>,
    ) -> Self {
        Self { network, pass, queries, examples: pass.rows, constant, kept: BTreeMap::new() }
    }

    fn len(&self, own: &Parameters) -> usize {
        self.queries * own.positions * own.positions * self.examples
    }

    /// The Gram matrix of a layer's inputs.
    pub(super) fn of(&self, backend: &B, own: &Parameters, queries: Slice<'_, B::Buffer>) -> Result<B::Buffer> {
        let shape = MatMul {
            rows: self.queries * own.positions,
            columns: own.positions * self.examples,
            depth: own.width,
            layout: Layout::Transposed,
            start: Start::Value(if own.bias > 0 { 1.0 } else { 0.0 }),
        };
        let len = self.len(own);
        let mut out = backend.scratch(len)?;
        let inputs = self.network.factor_input(self.pass, own);
        if own.positions == 1 {
            backend.matmul(&shape, SliceMut::new(&mut out, 0, len), queries, inputs, None)?;
            return Ok(out);
        }
        // The examples of a position side by side.
        let order: Vec<u32> = (0..own.positions)
            .flat_map(|p| (0..self.examples).map(move |example| (example * own.positions + p) as u32))
            .collect();
        let mut turned = backend.scratch(inputs.len)?;
        backend.gather(SliceMut::new(&mut turned, 0, inputs.len), inputs, &backend.index(&order)?, own.width)?;
        let turned = Slice::new(&turned, 0, inputs.len);
        backend.matmul(&shape, SliceMut::new(&mut out, 0, len), queries, turned, None)?;
        Ok(out)
    }

    /// Computes and keeps the Gram matrix of a layer that needs one a step, unless it is known.
    pub(super) fn keep(
        &mut self,
        backend: &B,
        own: &Parameters,
        index: usize,
        queries: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        if self.kept(own, index).is_none() {
            let found = self.of(backend, own, queries)?;
            let constant = self.network.has_constant_input(own);
            if constant { &mut *self.constant } else { &mut self.kept }.insert(index, found);
        }
        Ok(())
    }

    /// What [`keep`](Self::keep) kept.
    pub(super) fn kept(&self, own: &Parameters, index: usize) -> Option<Slice<'_, B::Buffer>> {
        self.constant.get(&index).or_else(|| self.kept.get(&index)).map(|buffer| self.whole(own, buffer))
    }

    /// A layer's Gram matrix, whole.
    pub(super) fn whole<'b>(&self, own: &Parameters, buffer: &'b B::Buffer) -> Slice<'b, B::Buffer> {
        Slice::new(buffer, 0, self.len(own))
    }
}

/// One product to add: which rows of the examples, into what.
pub struct Term<'a, B: Backend + ?Sized> {
    /// Which pairs, and the shape of the accumulators.
    pub gram: Gram,
    /// The examples' rows.
    pub rows: &'a ExampleRows<B>,
    /// The column of each example.
    pub columns: &'a B::Index,
    /// The accumulators.
    pub into: Vec<Accumulator<'a, B::Buffer>>,
}

/// Adds the contraction of some layers of the queries with the same layers of the examples: one fused product.
///
/// # Errors
///
/// A device error.
pub fn contract<B: Backend>(
    backend: &B,
    layers: std::ops::Range<usize>,
    queries: &QueryFactors<'_, B>,
    products: &Products<'_, B>,
    term: &mut Term<'_, B>,
) -> Result<()> {
    let network = products.network;
    let mut parts = Vec::new();
    for index in layers {
        let own = &network.parameters[index];
        if let Some(right) = term.rows.layer(index) {
            let input = network.factor_input(products.pass, own);
            queries.parts(own, index, right, input, products, &mut parts);
        }
    }
    backend.gram(&term.gram, term.columns, &parts, &mut term.into)
}
