//! ψ met with the examples' gradient rows by passes of the examples along it: no gradient row of an example is formed.

use super::Contraction;
use super::queries::{QueryFactors, Side};
use crate::compute::op::{Accumulate, AccumulateArrays};
use crate::compute::{Accumulator, Backend, BackendError, Gram, Indices, Result, Slice, SliceMut};
use crate::graph::{Directional, Forward, Graph, Segment};

/// Elements that directions, and the derivatives along them, may take at once. It is a constant: no device bounds how many
/// directions pass together.
const ELEMENTS_AT_ONCE: usize = 1 << 24;

/// Directions that pass at once with so many examples.
pub(crate) fn directions_at_once(network: &Graph, examples: usize) -> usize {
    (ELEMENTS_AT_ONCE / (network.len + examples * network.forward_len()).max(1)).max(1)
}

/// Whether a network is contracted by passes along ψ: a way for all of its layers together.
pub fn is_directional(choice: &[Contraction]) -> bool {
    choice.contains(&Contraction::Directional)
}

/// One of ψ's rows: an output of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PsiRow {
    /// The output.
    pub output: usize,
    /// The query.
    pub query: usize,
}

/// Takes derivatives along some rows of one output: the first of them, and `[rows, rows of the pass, C]`.
type Visit<'v, B> = dyn FnMut(PsiRow, Slice<'_, <B as Backend>::Buffer>) -> Result<()> + 'v;

/// A pass whose derivatives along ψ are taken.
pub struct Along<'a, B: Backend> {
    /// The network, as the pass met it.
    pub network: &'a Graph,
    /// The weights of the pass.
    pub segment: Segment<'a, B::Buffer>,
    /// The pass.
    pub pass: &'a Forward<'a, B>,
}

/// What derivatives along ψ are added to.
pub struct AlongTerm<'a, B: Backend + ?Sized> {
    /// Which pairs, and the shape of the accumulators.
    pub gram: Gram,
    /// `[examples, C]`: the gradients of the losses with respect to the outputs, for a term of losses.
    pub gradient: Option<Slice<'a, B::Buffer>>,
    /// The accumulators.
    pub into: Vec<Accumulator<'a, B::Buffer>>,
}

impl<B: Backend> AlongTerm<'_, B> {
    /// How many queries, from the first on, meet an example at all.
    fn wanted(&self, columns: &[u32]) -> usize {
        let all = self.gram.queries;
        match (self.gram.triangle, columns.last()) {
            (None, _) => all,
            (Some(first), Some(&last)) => (last as usize + 1).saturating_sub(first).min(all),
            (Some(_), None) => 0,
        }
    }
}

impl<B: Backend> QueryFactors<'_, B> {
    /// One of ψ's rows as a flat vector: zeros outside of `blocks`.
    ///
    /// # Errors
    ///
    /// A device error; a block whose rows are not whole.
    fn vector(&self, backend: &B, row: PsiRow, blocks: &[usize]) -> Result<B::Buffer> {
        let mut vector = backend.zeros(self.network.len)?;
        for &index in blocks {
            let block = &self.network.blocks[index];
            match &self.sides[index] {
                None => {}
                Some(Side::Rows(rows, _)) => {
                    let start = (row.output * self.queries + row.query) * block.len();
                    let out = SliceMut::new(&mut vector, block.offset, block.len());
                    backend.copy(out, Slice::new(rows, start, block.len()))?;
                }
                Some(_) => {
                    let problem = format!("layer {}: ψ is not whole, where another layer is directional", block.layer);
                    return Err(BackendError::Invalid(problem));
                }
            }
        }
        Ok(vector)
    }

    /// The derivatives of a pass along some of ψ's rows, as far as these lie in `blocks`: those of its outputs are ψ · ∇f.
    ///
    /// # Errors
    ///
    /// A device error; a block whose rows are not whole.
    pub fn along(
        &self,
        backend: &B,
        along: &Along<'_, B>,
        rows: &[PsiRow],
        blocks: &[usize],
    ) -> Result<Directional<B>> {
        let vectors = rows.iter().map(|&row| self.vector(backend, row, blocks)).collect::<Result<Vec<_>>>()?;
        along.network.directional(backend, along.segment, along.pass, &vectors.iter().collect::<Vec<_>>())
    }

    /// Shows the derivatives of a pass's outputs along the rows of the first `wanted` queries to `visit`, some rows of one output
    /// at a time, with the first of them: `[rows, rows of the pass, C]`.
    ///
    /// # Errors
    ///
    /// A device error, or one of `visit`; a block whose rows are not whole.
    pub(crate) fn each_along(
        &self,
        backend: &B,
        along: &Along<'_, B>,
        blocks: &[usize],
        wanted: usize,
        visit: &mut Visit<'_, B>,
    ) -> Result<()> {
        if blocks.iter().all(|&block| self.side(block).is_none()) {
            return Ok(());
        }
        let network = along.network;
        let of_output = |output| (0..wanted).map(move |query| PsiRow { output, query });
        let rows: Vec<PsiRow> = (0..self.outputs).flat_map(of_output).collect();
        for rows in rows.chunks(directions_at_once(network, along.pass.rows)) {
            let found = self.along(backend, along, rows, blocks)?;
            let Some(derivatives) = network.output_derivatives(&found) else { return Ok(()) };
            let each = along.pass.rows * network.outputs;
            let mut first = 0;
            for run in rows.chunk_by(|one, next| one.output == next.output) {
                visit(run[0], derivatives.part(first * each, run.len() * each))?;
                first += run.len();
            }
        }
        Ok(())
    }
}

/// Adds what [`contract`](super::contract) adds, by the derivatives of a pass of the examples along ψ. `columns` are those of the
/// examples.
///
/// # Errors
///
/// A device error; a block whose rows are not whole.
pub fn contract_along<B: Backend>(
    backend: &B,
    blocks: &[usize],
    queries: &QueryFactors<'_, B>,
    along: &Along<'_, B>,
    columns: &B::Index,
    terms: &mut [AlongTerm<'_, B>],
) -> Result<()> {
    let wanted = terms.iter().map(|term| term.wanted(columns.values())).max().unwrap_or(0);
    queries.each_along(backend, along, blocks, wanted, &mut |row, derivatives| {
        terms.iter_mut().try_for_each(|term| add_along(backend, along.network.outputs, row, columns, derivatives, term))
    })
}

/// Adds the derivatives along rows of one output, from a query on, to a term's accumulators.
pub(crate) fn add_along<B: Backend>(
    backend: &B,
    width: usize,
    PsiRow { output, query }: PsiRow,
    columns: &B::Index,
    derivatives: Slice<'_, B::Buffer>,
    term: &mut AlongTerm<'_, B>,
) -> Result<()> {
    let (gram, gradient) = (term.gram, term.gradient);
    term.into.iter_mut().try_for_each(|into| {
        let arrays = AccumulateArrays { columns, derivatives, gradient, into: into.reborrow() };
        backend.run(&Accumulate { gram, width, output, query }, arrays)
    })
}
