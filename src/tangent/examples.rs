//! Gradient rows of examples.

use super::Contraction;
use crate::compute::{Backend, Outer, OuterDiagonal, Result, RowMap, Slice, SliceMut, Start};
use crate::graph::{Factor, Forward, Graph, Parameters, Segment};

/// Gradient rows of a set of examples at one step: of each layer δ, or whole rows where the layer is materialised.
pub struct ExampleRows<B: Backend + ?Sized> {
    rows: Vec<Option<(B::Buffer, usize)>>,
}

impl<B: Backend> ExampleRows<B> {
    /// Back-propagates `seed`, `[copies * examples, C]`, through a pass and keeps what the contraction of each layer
    /// needs.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn new(
        backend: &B,
        network: &Graph,
        choice: &[Contraction],
        weights: &B::Buffer,
        pass: &Forward<'_, B>,
        seed: B::Buffer,
        copies: usize,
    ) -> Result<Self> {
        let map = RowMap::each(backend, copies, pass.rows, 1.0)?;
        let mut rows: Vec<Option<(B::Buffer, usize)>> = network.parameters.iter().map(|_| None).collect();
        network.backward(backend, Segment::at(weights), pass, copies, seed, &mut |factor| {
            let own = &network.parameters[factor.index];
            rows[factor.index] = Some(match choice[factor.index] {
                Contraction::Materialised => {
                    let len = map.outputs * own.len();
                    let mut rows = backend.scratch(len)?;
                    let out = SliceMut::new(&mut rows, 0, len);
                    write_gradient(backend, own, &map, None, &factor, Start::Value(0.0), out)?;
                    (rows, len)
                }
                _ => (factor.delta, factor.len),
            });
            Ok(())
        })?;
        Ok(Self { rows })
    }

    /// A layer's rows; `None` where no output depends on it.
    pub(super) fn layer(&self, index: usize) -> Option<Slice<'_, B::Buffer>> {
        self.rows[index].as_ref().map(|(buffer, len)| Slice::new(buffer, 0, *len))
    }
}

/// `out = start +` the gradient rows of a map's outputs, each as long as the layer's parameters, times a preconditioner.
pub(crate) fn write_gradient<B: Backend>(
    backend: &B,
    own: &Parameters,
    map: &RowMap<B::Buffer, B::Index>,
    preconditioner: Option<Slice<'_, B::Buffer>>,
    factor: &Factor<'_, B::Buffer>,
    start: Start,
    out: SliceMut<'_, B::Buffer>,
) -> Result<()> {
    if own.is_norm() {
        let shape = OuterDiagonal { width: own.width, positions: own.positions, start };
        return backend.outer_diagonal(&shape, map, out, factor.delta(), factor.input, preconditioner);
    }
    backend.outer(&outer(own, start), map, out, factor.delta(), factor.input, preconditioner)
}

/// A layer's shape as `outer` takes it.
pub(super) fn outer(own: &Parameters, start: Start) -> Outer {
    Outer { height: own.height, width: own.width, positions: own.positions, bias: own.bias > 0, start }
}
