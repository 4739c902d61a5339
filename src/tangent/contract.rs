//! The contraction of queries' gradient rows with examples', into accumulators.

use super::ExampleRows;
use super::inputs::OutputInputs;
use super::queries::{ConstantInputs, QueryFactors, Side};
use crate::compute::{
    Accumulator, Backend, BackendError, Element, Gram, Layout, MatMul, Result, RowMap, Slice, SliceMut, Start,
};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use crate::graph::{Forward, Graph, Matrix};
use std::collections::BTreeMap;

/// A sum over steps on the device: a block of steps, and the blocks before it.
#[derive(Debug)]
pub struct Sum<B: Backend + ?Sized> {
    block: B::Buffer,
    /// None as long as there is one block alone.
    total: Option<B::Total>,
    len: usize,
    /// Whether something may have been added since the last block ended.
    begun: bool,
}

impl<B: Backend> Sum<B> {
    /// Zeros.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(backend: &B, len: usize) -> Result<Self> {
        Ok(Self { block: backend.zeros(len)?, total: None, len, begun: false })
    }

    /// The block, to be added to.
    pub fn block(&mut self) -> SliceMut<'_, B::Buffer> {
        self.begun = true;
        SliceMut::new(&mut self.block, 0, self.len)
    }

    /// Ends a block of steps, after which another one may begin.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn fold(&mut self, backend: &B) -> Result<()> {
        self.begun = false;
        let total = match &mut self.total {
            Some(total) => total,
            none => none.insert(backend.totals(self.len)?),
        };
        backend.fold(total, &mut self.block)
    }

    /// Takes what was summed, after which another sum may begin.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn take(&mut self, backend: &B) -> Result<Vec<f64>> {
        if self.begun && self.total.is_some() {
            self.fold(backend)?;
        }
        let values = self.download(backend)?;
        self.total = None;
        self.begun = false;
        backend.fill(SliceMut::new(&mut self.block, 0, self.len), 0.0)?;
        Ok(values)
    }

    /// Writes the sum as it stands.
    ///
    /// # Errors
    ///
    /// A device error, or a file that cannot be written.
    pub fn save(&self, backend: &B, writer: &mut StateWriter) -> std::result::Result<(), Error> {
        let total = self.total.as_ref().map(|total| backend.download_totals(total)).transpose()?;
        writer.put("total", &total.unwrap_or_default())?;
        let len = if self.begun { self.len } else { 0 };
        Ok(writer.put("block", &backend.download(Slice::new(&self.block, 0, len))?)?)
    }

    /// Takes a sum of the same length that was [saved](Self::save).
    ///
    /// # Errors
    ///
    /// A device error, or a file that holds something else.
    pub fn restore(&mut self, backend: &B, reader: &mut StateReader) -> std::result::Result<(), Error> {
        self.total = reader.take_any("total", self.len)?.map(|total| backend.upload_totals(total)).transpose()?;
        let block: Option<Vec<B::Element>> = reader.take_any("block", self.len)?;
        self.begun = block.is_some();
        if let Some(block) = block {
            self.block = backend.upload(&block)?;
        }
        Ok(())
    }

    /// Whether every number of the block is finite: 0 times them adds up to 0.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn is_finite(&self, backend: &B) -> Result<bool> {
        let zeros = backend.zeros(STRIP)?;
        let (rows, rest) = (self.len / STRIP, self.len % STRIP);
        let mut strips = backend.zeros(rows + 1)?;
        let add_up = |from: usize, rows: usize, depth: usize, x: Slice<'_, B::Buffer>, out: &mut B::Buffer| {
            let shape = MatMul { rows, columns: 1, depth, layout: Layout::Transposed, start: Start::Value(0.0) };
            backend.matmul(&shape, SliceMut::new(out, from, rows), x, Slice::new(&zeros, 0, depth), None)
        };
        if rows > 0 {
            add_up(0, rows, STRIP, Slice::new(&self.block, 0, rows * STRIP), &mut strips)?;
        }
        if rest > 0 {
            add_up(rows, 1, rest, Slice::new(&self.block, rows * STRIP, rest), &mut strips)?;
        }
        let strips = backend.download(Slice::new(&strips, 0, rows + 1))?;
        Ok(strips.into_iter().all(|strip| strip.to_f64() == 0.0))
    }

    /// The whole sum; the last block must have been folded, unless it is the only one.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn download(&self, backend: &B) -> Result<Vec<f64>> {
        if let Some(total) = &self.total {
            return backend.download_totals(total);
        }
        // Piece by piece: the copy in the device's own numbers is short-lived.
        let mut sum = Vec::with_capacity(self.len);
        for from in (0..self.len).step_by(PIECE) {
            let piece = backend.download(Slice::new(&self.block, from, PIECE.min(self.len - from)))?;
            sum.extend(piece.iter().map(|value| value.to_f64()));
        }
        Ok(sum)
    }
}

/// Numbers that are copied to the host together.
const PIECE: usize = 1 << 20;

/// Numbers that are looked at together.
const STRIP: usize = 4096;

/// Gram matrices of layer inputs, `[base rows, P, P, examples]`: products of a layer's input at the queries' rows and at
/// the examples of a pass, with 1 more where the layer has a bias.
pub struct Products<'a, B: Backend + ?Sized> {
    network: &'a Graph,
    pass: &'a Forward<'a, B>,
    /// By block, one for each node, each with its length.
    found: Vec<Vec<(B::Buffer, usize)>>,
    /// Those that no step changes, by block.
    constant: &'a BTreeMap<usize, (B::Buffer, usize)>,
}

impl<'a, B: Backend> Products<'a, B> {
    /// Computes what the contraction of some queries with the examples of a pass takes. `constant` keeps, for one set of
    /// examples, what no step changes.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn new(
        backend: &B,
        network: &'a Graph,
        queries: &QueryFactors<'_, B>,
        inputs: &ConstantInputs<B>,
        pass: &'a Forward<'a, B>,
        constant: &'a mut BTreeMap<usize, (B::Buffer, usize)>,
    ) -> Result<Self> {
        let mut found = Vec::with_capacity(network.blocks.len());
        for (index, block) in network.blocks.iter().enumerate() {
            let Some(structure) = block.only_use().map(|one| one.structure) else {
                found.push(Vec::new());
                continue;
            };
            let of = |rows: usize, left: &B::Buffer, one: f64| {
                let left = Slice::new(left, 0, rows * structure.input_len());
                let right = network.factor_input(pass, index, 0);
                structure.products(backend, one, (left, right), (rows, pass.rows))
            };
            found.push(match queries.side(index) {
                None | Some(Side::Rows(..)) => Vec::new(),
                Some(Side::Nodes(nodes)) => {
                    nodes.iter().map(|kept| of(kept.node.rows, &kept.inputs, 1.0)).collect::<Result<_>>()?
                }
                Some(Side::Input(mean, _)) => vec![of(queries.queries(), mean, queries.total(index))?],
                Some(Side::Inputs(psi, _)) => {
                    let inputs = OutputInputs::new(block, queries.queries());
                    let missing = || BackendError::Invalid(format!("layer {}: no last layer", block.layer));
                    let examples = network.factor_input(pass, index, 0);
                    vec![inputs.ok_or_else(missing)?.products(backend, psi, examples, pass.rows)?]
                }
                Some(Side::Delta(..)) => {
                    if let Some(left) = inputs.of(index).filter(|_| !constant.contains_key(&index)) {
                        constant.insert(index, of(queries.queries(), left, 1.0)?);
                    }
                    Vec::new()
                }
            });
        }
        Ok(Self { network, pass, found, constant })
    }

    /// The input of a block's factors at the examples, at one of its uses.
    pub(super) fn input(&self, block: usize, place: usize) -> Slice<'_, B::Buffer> {
        self.network.factor_input(self.pass, block, place)
    }

    /// A block's, in the order of its nodes.
    pub(super) fn of(&self, index: usize) -> impl Iterator<Item = Slice<'_, B::Buffer>> {
        let all = self.found[index].iter().chain(self.constant.get(&index));
        all.map(|(buffer, len)| Slice::new(buffer, 0, *len))
    }
}

/// The Gram matrix of a layer's inputs at `rows` base rows and `examples` examples, and its length. The bias has an input
/// of 1, of which the rows hold `one`.
pub(super) fn gram<B: Backend>(
    backend: &B,
    (own, one): (&Matrix, f64),
    left: Slice<'_, B::Buffer>,
    right: Slice<'_, B::Buffer>,
    (rows, examples): (usize, usize),
) -> Result<(B::Buffer, usize)> {
    let shape = MatMul {
        rows: rows * own.positions,
        columns: own.positions * examples,
        depth: own.width,
        layout: Layout::Transposed,
        start: Start::Value(if own.bias { one } else { 0.0 }),
    };
    let len = shape.rows * shape.columns;
    let mut out = backend.scratch(len)?;
    if own.positions == 1 {
        backend.matmul(&shape, SliceMut::new(&mut out, 0, len), left, right, None)?;
        return Ok((out, len));
    }
    // The examples of a position side by side.
    let order: Vec<u32> = (0..own.positions)
        .flat_map(|p| (0..examples).map(move |example| (example * own.positions + p) as u32))
        .collect();
    let mut turned = backend.scratch(right.len)?;
    backend.gather(SliceMut::new(&mut turned, 0, right.len), right, &backend.index(&order)?, own.width)?;
    let turned = Slice::new(&turned, 0, right.len);
    backend.matmul(&shape, SliceMut::new(&mut out, 0, len), left, turned, None)?;
    Ok((out, len))
}

/// One product to add: which rows of the examples, into what.
pub struct Term<'a, B: Backend + ?Sized> {
    /// Which pairs, and the shape of the accumulators.
    pub gram: Gram,
    /// The examples' rows.
    pub rows: &'a ExampleRows<B>,
    /// One row an output: what is averaged already.
    pub averaged: &'a RowMap<B::Buffer, B::Index>,
    /// The column of each example.
    pub columns: &'a B::Index,
    /// The accumulators.
    pub into: Vec<Accumulator<'a, B::Buffer>>,
}

/// Adds the contraction of some blocks of the queries with the same blocks of the examples: one fused product.
///
/// # Errors
///
/// A device error.
pub fn contract<B: Backend>(
    backend: &B,
    blocks: impl IntoIterator<Item = usize>,
    queries: &QueryFactors<'_, B>,
    products: &Products<'_, B>,
    term: &mut Term<'_, B>,
) -> Result<()> {
    let mut parts = Vec::new();
    for block in blocks {
        queries.parts(block, term.averaged, term.rows, products, &mut parts);
    }
    backend.gram(&term.gram, term.columns, &parts, &mut term.into)
}
