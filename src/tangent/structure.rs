//! What each contraction does with the structure of a gradient: the one place that tells structures apart.

use super::Contraction;
use crate::compute::{Backend, Outer, OuterDiagonal, Result, RowMap, Slice, SliceMut, Start};
use crate::graph::primitive::{Site, Used, fresh};
use crate::graph::{Diagonal, Factor, Matrix, Segment, Structure};

impl Structure {
    /// The ways in which gradients of one use can be contracted, whatever their inputs. Those of a diagonal are short.
    pub(super) fn contractions(&self) -> &'static [Contraction] {
        match self {
            Structure::Outer(_) => &Contraction::ALL,
            Structure::Diagonal(_) => &[Contraction::Materialised],
        }
    }

    /// The matrix that whole rows are applied to in halves, or that δ and inputs are products around; `None` for a structure
    /// that allows neither.
    pub(super) fn matrix(&self) -> Option<Matrix> {
        match self {
            Structure::Outer(matrix) => Some(*matrix),
            Structure::Diagonal(_) => None,
        }
    }

    /// Of a base row's input, what stands for the bias: the sum of its squares.
    pub(crate) fn squares_of_ones(&self) -> f64 {
        let (one, positions) = match self {
            Structure::Outer(Matrix { bias, positions, .. }) => (bias, positions),
            Structure::Diagonal(Diagonal { shift, positions, .. }) => (shift, positions),
        };
        if *one { *positions as f64 } else { 0.0 }
    }

    /// Features of δ by which pairs of rows are multiplied, and of the input.
    pub(crate) fn sides(&self) -> [usize; 2] {
        match self {
            Structure::Outer(Matrix { height, width, .. }) => [*height, *width],
            Structure::Diagonal(Diagonal { width, .. }) => [1, *width],
        }
    }
}

/// A matrix as `outer` takes it.
pub(super) fn outer(matrix: Matrix, start: Start) -> Outer {
    let Matrix { height, width, positions, bias } = matrix;
    Outer { height, width, positions, bias, start }
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
    match factor.structure {
        Structure::Outer(matrix) => {
            backend.outer(&outer(matrix, start), map, out, factor.delta(), factor.input, preconditioner)
        }
        Structure::Diagonal(Diagonal { width, positions, shift }) => {
            let shape = OuterDiagonal { width, positions, shift, start };
            backend.outer_diagonal(&shape, map, out, factor.delta(), factor.input, preconditioner)
        }
    }
}

/// A use's map from its input to its node's values, linear in the parameters, at `direction`, where they start at `offset`:
/// what a gradient row's δ is multiplied with to give ∇f · direction.
pub(crate) fn along<B: Backend>(
    backend: &B,
    offset: usize,
    direction: &B::Buffer,
    rows: usize,
    factor: &Factor<'_, B::Buffer>,
) -> Result<B::Buffer> {
    let used = Used { offset, ..Used::default() };
    let site = Site { backend, segment: Segment::at(direction), used, rows };
    fresh(backend, rows * factor.structure.delta_len(), |out| match factor.structure {
        Structure::Outer(matrix) => matrix.values(&site, out, factor.input),
        Structure::Diagonal(diagonal) => diagonal.values(&site, out, factor.input),
    })
}
