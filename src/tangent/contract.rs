//! Gradient rows of examples and queries, and their contraction into accumulators.

use super::Contraction;
use crate::backend::{Backend, Gram, GramFactors, Layout, MatMul, Outer, Result, RowMap, Slice, SliceMut, Start};
use crate::network::{Factor, Forward, Network, Parameters, Segment};

/// Which pairs of output rows an accumulator holds, and how they lie: `[C, n, m]`, `[n, m]`, `[C, n, m]`,
/// `[C, n, C, m]` (the query's output first, then the query, the example's output, the example).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// Every output of the query with the example's one row.
    Loss,
    /// The mean over equal outputs.
    Trace,
    /// Equal outputs.
    Diagonal,
    /// All pairs of outputs.
    Full,
}

impl Entries {
    /// Elements of an accumulator.
    pub fn len(&self, outputs: usize, queries: usize, examples: usize) -> usize {
        queries * examples * self.per_pair(outputs)
    }

    /// Elements of one pair of query and example.
    pub fn per_pair(&self, outputs: usize) -> usize {
        match self {
            Entries::Trace => 1,
            Entries::Loss | Entries::Diagonal => outputs,
            Entries::Full => outputs.saturating_mul(outputs),
        }
    }

    /// Gradient rows of an example.
    pub fn copies(&self, outputs: usize) -> usize {
        if *self == Entries::Loss { 1 } else { outputs }
    }
}

/// A sum over steps on the device: a block of steps, and the blocks before it.
#[derive(Debug)]
pub struct Sum<B: Backend + ?Sized> {
    block: B::Buffer,
    total: B::Total,
}

impl<B: Backend> Sum<B> {
    /// Zeros.
    pub fn new(backend: &B, len: usize) -> Result<Self> {
        Ok(Self { block: backend.zeros(len)?, total: backend.totals(len)? })
    }

    /// The block, to be added to.
    pub fn block(&mut self) -> &mut B::Buffer {
        &mut self.block
    }

    /// Ends a block of steps.
    pub fn fold(&mut self, backend: &B) -> Result<()> {
        backend.fold(&mut self.total, &mut self.block)
    }

    /// The whole sum; the last block must have been folded.
    pub fn download(&self, backend: &B) -> Result<Vec<f64>> {
        backend.download_totals(&self.total)
    }
}

/// A layer's gradient rows.
enum LayerRows<B: Backend + ?Sized> {
    /// δ; the inputs lie beside.
    Factored(B::Buffer),
    /// Whole rows.
    Materialised(B::Buffer),
}

/// Gradient rows of a set of examples at one step.
pub struct ExampleRows<B: Backend + ?Sized> {
    examples: usize,
    copies: usize,
    rows: Vec<Option<LayerRows<B>>>,
}

impl<B: Backend> ExampleRows<B> {
    /// Back-propagates `seed`, `[copies * examples, C]`, through a pass and keeps what the contraction of each layer
    /// needs.
    pub fn new(
        backend: &B,
        network: &Network,
        choice: &[Contraction],
        weights: &B::Buffer,
        pass: &Forward<'_, B>,
        seed: B::Buffer,
        copies: usize,
    ) -> Result<Self> {
        let map = each_row(backend, copies, pass.rows)?;
        let mut rows: Vec<Option<LayerRows<B>>> = network.parameters.iter().map(|_| None).collect();
        network.backward(backend, Segment::at(weights), pass, copies, seed, &mut |factor| {
            let own = &network.parameters[factor.index];
            rows[factor.index] = Some(match choice[factor.index] {
                Contraction::Materialised => LayerRows::Materialised(materialise(backend, own, &map, &factor)?),
                Contraction::Factored => {
                    let mut delta = backend.zeros(factor.delta.len)?;
                    backend.copy(SliceMut::new(&mut delta, 0, factor.delta.len), factor.delta)?;
                    LayerRows::Factored(delta)
                }
            });
            Ok(())
        })?;
        Ok(Self { examples: pass.rows, copies, rows })
    }
}

/// One output a row: the map that materialises every row on its own.
fn each_row<B: Backend>(backend: &B, copies: usize, base: usize) -> Result<RowMap<B>> {
    let rows = copies * base;
    let offsets: Vec<u32> = (0..=rows as u32).collect();
    let inputs: Vec<u32> = (0..rows).map(|row| (row % base.max(1)) as u32).collect();
    RowMap::new(backend, &offsets, &inputs, &vec![1.0; rows])
}

/// The gradient rows of a map's outputs, as long as the layer's parameters.
pub(crate) fn materialise<B: Backend>(
    backend: &B,
    own: &Parameters,
    map: &RowMap<B>,
    factor: &Factor<'_, B::Buffer>,
) -> Result<B::Buffer> {
    let len = map.outputs * own.len();
    let mut rows = backend.zeros(len)?;
    write_gradient(backend, own, map, factor, SliceMut::new(&mut rows, 0, len))?;
    Ok(rows)
}

/// As [`materialise`], into part of a buffer.
pub(crate) fn write_gradient<B: Backend>(
    backend: &B,
    own: &Parameters,
    map: &RowMap<B>,
    factor: &Factor<'_, B::Buffer>,
    out: SliceMut<'_, B::Buffer>,
) -> Result<()> {
    if own.is_norm() {
        return backend.outer_diagonal(own.width, own.positions, map, out, factor.delta, factor.input);
    }
    let shape = Outer { height: own.height, width: own.width, positions: own.positions, bias: own.bias > 0 };
    backend.outer(&shape, map, out, factor.delta, factor.input)
}

/// How the gradient rows of queries, `C × base rows`, make up the outputs `C × queries`.
pub struct QueryRows<B: Backend + ?Sized> {
    /// From gradient rows to outputs.
    pub map: RowMap<B>,
    averaged: RowMap<B>,
    queries: usize,
    outputs: usize,
}

impl<B: Backend> QueryRows<B> {
    /// Every query with the same quadrature weights, one base row a node.
    pub fn new(backend: &B, outputs: usize, queries: usize, weights: &[f64]) -> Result<Self> {
        let nodes = weights.len();
        let base = queries * nodes;
        let offsets: Vec<u32> = (0..=outputs * queries).map(|output| (output * nodes) as u32).collect();
        let inputs: Vec<u32> = (0..outputs * base).map(|row| (row % base.max(1)) as u32).collect();
        let each: Vec<f64> = (0..outputs * base).map(|row| weights[row % nodes]).collect();
        Ok(Self {
            map: RowMap::new(backend, &offsets, &inputs, &each)?,
            averaged: each_row(backend, outputs, queries)?,
            queries,
            outputs,
        })
    }

    /// Adds `scale` times the contraction of one layer of the queries with one layer of the examples.
    ///
    /// `inputs` are the examples' inputs of the layer, `columns` the column of each example (for `Full`, of each copy
    /// and example), `stride` the columns of `out`.
    pub fn contract(
        &self,
        backend: &B,
        own: &Parameters,
        factor: &Factor<'_, B::Buffer>,
        terms: &mut [Term<'_, B>],
        inputs: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        let Some(first) = terms.first() else {
            return Ok(());
        };
        let examples = first.rows.examples;
        let base = self.map.rows / self.outputs.max(1);
        match &first.rows.rows[factor.index] {
            Some(LayerRows::Factored(_)) => {
                let shape = MatMul {
                    rows: base * own.positions,
                    columns: examples * own.positions,
                    depth: own.width,
                    layout: Layout::Transposed,
                    start: Start::Value(if own.bias > 0 { 1.0 } else { 0.0 }),
                };
                let len = shape.rows * shape.columns;
                let mut products = backend.zeros(len)?;
                backend.matmul(&shape, SliceMut::new(&mut products, 0, len), factor.input, inputs, None)?;
                let products = Some(Slice::new(&products, 0, len));
                let left = Left {
                    map: &self.map,
                    rows: factor.delta,
                    positions: own.positions,
                    depth: own.height,
                    inputs: products,
                };
                terms.iter_mut().try_for_each(|term| self.add(backend, term, factor.index, &left))
            }
            _ => {
                let rows = materialise(backend, own, &self.map, factor)?;
                let rows = Slice::new(&rows, 0, self.averaged.rows * own.len());
                let left = Left { map: &self.averaged, rows, positions: 1, depth: own.len(), inputs: None };
                terms.iter_mut().try_for_each(|term| self.add(backend, term, factor.index, &left))
            }
        }
    }

    fn add(&self, backend: &B, term: &mut Term<'_, B>, index: usize, left: &Left<'_, B>) -> Result<()> {
        let &Left { map, rows: left, positions, depth, inputs } = left;
        let Some(LayerRows::Factored(right) | LayerRows::Materialised(right)) = &term.rows.rows[index] else {
            return Ok(());
        };
        let examples = term.rows.examples;
        let width = positions * depth;
        let whole = Gram {
            first: 0,
            outputs: self.outputs * self.queries,
            columns: term.rows.copies * examples,
            examples,
            positions,
            depth,
            stride: term.stride,
            scale: term.scale,
        };
        if matches!(term.entries, Entries::Loss | Entries::Full) {
            let out = SliceMut::new(term.out, 0, whole.outputs * whole.stride);
            let right = Slice::new(right, 0, whole.columns * width);
            return backend.gram(&whole, map, term.columns, out, GramFactors { left, right, inputs });
        }
        let size = self.queries * term.stride;
        for output in 0..self.outputs {
            let (offset, scale) = match term.entries {
                Entries::Trace => (0, term.scale / self.outputs as f64),
                _ => (output * size, term.scale),
            };
            let shape = Gram { first: output * self.queries, outputs: self.queries, columns: examples, scale, ..whole };
            let right = Slice::new(right, output * examples * width, examples * width);
            let out = SliceMut::new(term.out, offset, size);
            backend.gram(&shape, map, term.columns, out, GramFactors { left, right, inputs })?;
        }
        Ok(())
    }
}

/// The query side of a product.
struct Left<'a, B: Backend + ?Sized> {
    map: &'a RowMap<B>,
    rows: Slice<'a, B::Buffer>,
    positions: usize,
    depth: usize,
    inputs: Option<Slice<'a, B::Buffer>>,
}

/// One product to add: which rows of the examples, into what.
pub struct Term<'a, B: Backend + ?Sized> {
    /// Which pairs.
    pub entries: Entries,
    /// The examples' rows.
    pub rows: &'a ExampleRows<B>,
    /// The column of each of `rows`' examples (`Full`: of each copy and example).
    pub columns: &'a B::Index,
    /// Columns of `out`.
    pub stride: usize,
    /// What the product is multiplied by.
    pub scale: f64,
    /// The accumulator's block.
    pub out: &'a mut B::Buffer,
}
