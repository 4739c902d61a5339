//! What each contraction does with the structure of a gradient: the one place that tells structures apart.

use super::Contraction;
use super::contract::gram;
use crate::compute::op::{OuterArrays, OuterPooled, OuterPooledArrays};
use crate::compute::{
    Backend, BackendError, Matches, Outer, OuterDiagonal, OuterRows, Part, Result, RowMap, Slice, SliceMut, Start,
    Transpose,
};
use crate::graph::primitive::{Site, Used, fresh, raw};
use crate::graph::{Diagonal, Factor, Matrix, Pooled, Segment, Structure, Table};

impl Structure {
    /// The ways in which gradients of one use can be contracted, whatever their inputs. Those of a diagonal are short.
    pub(super) fn contractions(&self) -> &'static [Contraction] {
        match self {
            Structure::Outer(_) => &Contraction::OF_LAYERS,
            Structure::Diagonal(_) => &[Contraction::Materialised],
            // Rows of queries are picked whatever they are of, so that the padding's would be too.
            Structure::Rows(Table { padding: Some(_), .. }) => {
                &[Contraction::Factored, Contraction::Averaged, Contraction::Materialised]
            }
            Structure::Rows(_) => {
                &[Contraction::Factored, Contraction::Averaged, Contraction::Materialised, Contraction::Half]
            }
            // δ is the row: halves are whole.
            Structure::Dense(_) => &[Contraction::Materialised, Contraction::Half],
        }
    }

    /// Whole rows of the queries, applied to the factors of the examples; `None` where the structure does not allow that.
    pub(super) fn applied<'a, T, I>(
        &self,
        left: Slice<'a, T>,
        delta: Slice<'a, T>,
        input: Slice<'a, T>,
    ) -> Option<Part<'a, T, I>> {
        match self {
            Structure::Outer(matrix) => {
                Some(Part::Half { shape: outer(*matrix, Start::Value(0.0)), left, delta, input })
            }
            Structure::Diagonal(_) | Structure::Rows(Table { padding: Some(_), .. }) => None,
            Structure::Rows(table) => {
                Some(Part::Picked { shape: outer_rows(*table, Start::Value(0.0)), left, delta, tokens: input })
            }
            Structure::Dense(depth) => Some(Part::Rows { depth: *depth, left, right: delta }),
        }
    }

    /// The Gram matrix of inputs at `rows` base rows and `examples` examples, `[rows, P, P, examples]`, and its length. What
    /// stands for a bias is an input of 1, of which the rows hold `one`.
    ///
    /// # Errors
    ///
    /// A device error; a structure whose gradients are no products around one.
    pub(super) fn products<B: Backend>(
        &self,
        backend: &B,
        one: f64,
        (left, right): (Slice<'_, B::Buffer>, Slice<'_, B::Buffer>),
        counts: (usize, usize),
    ) -> Result<(B::Buffer, usize)> {
        match self {
            Structure::Outer(matrix) => gram(backend, (matrix, one), left, right, counts),
            &Structure::Rows(Table { count, positions, padding, .. }) => {
                let (len, matches) = (left.len * right.len, Matches { count, positions, examples: counts.1, padding });
                Ok((fresh(backend, len, |out| backend.run(&matches, (out, left, right)))?, len))
            }
            Structure::Diagonal(_) | Structure::Dense(_) => {
                Err(BackendError::Invalid(format!("{self:?} is not contracted around products of inputs")))
            }
        }
    }

    /// Elements of a base row's input by whose sizes δ is multiplied.
    pub(crate) fn multiplied(&self) -> usize {
        match self {
            Structure::Outer(_) | Structure::Diagonal(_) => self.input_len(),
            Structure::Rows(_) | Structure::Dense(_) => 0,
        }
    }

    /// What δ is multiplied by beside them, such as the 1 of a bias and the unit vector that a token stands for: the sum of
    /// its squares.
    pub(crate) fn squares_of_ones(&self) -> f64 {
        let (one, positions) = match *self {
            Structure::Outer(Matrix { bias, positions, .. }) => (bias, positions),
            Structure::Diagonal(Diagonal { shift, positions, .. }) => (shift, positions),
            Structure::Rows(Table { positions, .. }) => (true, positions),
            Structure::Dense(_) => (true, 1),
        };
        if one { positions as f64 } else { 0.0 }
    }

    /// Features of δ by which pairs of rows are multiplied, and of the input.
    pub(crate) fn sides(&self) -> [usize; 2] {
        match self {
            Structure::Outer(Matrix { height, width, .. }) => [*height, *width],
            Structure::Diagonal(Diagonal { width, .. }) => [1, *width],
            Structure::Rows(Table { width, .. }) => [*width, 1],
            Structure::Dense(len) => [*len, 0],
        }
    }
}

/// A matrix as `outer` takes it.
pub(super) fn outer(matrix: Matrix, start: Start) -> Outer {
    let Matrix { height, width, positions, bias } = matrix;
    Outer { height, width, positions, bias, start }
}

/// A table as the operation on rows takes it.
fn outer_rows(table: Table, start: Start) -> OuterRows {
    let Table { count, width, positions, padding } = table;
    OuterRows { count, width, positions, padding, start }
}

/// `out = start +` the gradient rows of a map's outputs, each as long as the factor's structure, times a preconditioner.
///
/// # Errors
///
/// A device error.
pub(crate) fn write_gradient<B: Backend>(
    backend: &B,
    map: &RowMap<B::Buffer, B::Index>,
    preconditioner: Option<Slice<'_, B::Buffer>>,
    factor: &Factor<'_, B::Buffer>,
    start: Start,
    out: SliceMut<'_, B::Buffer>,
) -> Result<()> {
    match (factor.structure, factor.pooled) {
        (Structure::Outer(matrix), Some(Pooled { window, slopes })) => {
            let (delta, input) = (factor.delta(), factor.input);
            let rows = OuterArrays { map, out, delta, input, preconditioner };
            let shape = OuterPooled { outer: outer(matrix, start), window };
            backend.run(&shape, OuterPooledArrays { rows, slopes })
        }
        (Structure::Outer(matrix), None) => {
            backend.outer(&outer(matrix, start), map, out, factor.delta(), factor.input, preconditioner)
        }
        (Structure::Diagonal(Diagonal { width, positions, shift }), _) => {
            let shape = OuterDiagonal { width, positions, shift, start };
            backend.outer_diagonal(&shape, map, out, factor.delta(), factor.input, preconditioner)
        }
        (Structure::Rows(table), _) => {
            let (delta, input) = (factor.delta(), factor.input);
            backend.run(&outer_rows(table, start), OuterArrays { map, out, delta, input, preconditioner })
        }
        (Structure::Dense(len), _) => {
            let Some(factors) = preconditioner else { return backend.average(len, start, map, out, factor.delta()) };
            let SliceMut { buffer, offset, len: size } = out;
            let mean = fresh(backend, size, |mean| backend.average(len, Start::Value(0.0), map, mean, factor.delta()))?;
            let rows = fresh(backend, size, |rows| backend.multiply(rows, Slice::new(&mean, 0, size), factors))?;
            if let Start::Value(value) = start {
                backend.fill(SliceMut::new(&mut *buffer, offset, size), value)?;
            }
            backend.axpy(SliceMut::new(buffer, offset, size), 1.0, Slice::new(&rows, 0, size))
        }
    }
}

/// A use's map from its input to its node's values, linear in the parameters, at `direction`, where they start at `offset`:
/// what a gradient row's δ, as it is held, is multiplied with to give ∇f · direction.
pub(crate) fn along<B: Backend>(
    backend: &B,
    offset: usize,
    direction: &B::Buffer,
    rows: usize,
    factor: &Factor<'_, B::Buffer>,
) -> Result<B::Buffer> {
    let used = Used { offset, ..Used::default() };
    let site = Site { backend, segment: Segment::at(direction), used, rows, draw: None };
    let len = rows * factor.structure.delta_len();
    let values = fresh(backend, len, |out| match factor.structure {
        Structure::Outer(matrix) => matrix.values(&site, out, factor.input),
        Structure::Diagonal(diagonal) => diagonal.values(&site, out, factor.input),
        Structure::Rows(table) => table.values(&site, out, factor.input),
        Structure::Dense(len) => raw(&site, out, len),
    })?;
    let Some(pooled) = factor.pooled else { return Ok(values) };
    let order = Transpose { batches: rows, rows: factor.structure.positions(), columns: pooled.window.channels };
    let turned = fresh(backend, len, |out| backend.transpose(&order, out, Slice::new(&values, 0, len)))?;
    pooled.met(backend, Slice::new(&turned, 0, len))
}
