//! Convolutions whose values an elementwise function and a mean over windows alone read.
//!
//! Their δ is `δ[r, j, p] = D[r, j, P(p)] s[b, j, p] / area`: D is the δ of the pooled values, of every row r, P(p) the window that
//! holds position p, and s the slopes of the function at the base row b of r. All copies of a base row share s, so that gradient rows
//! are formed, and the images' δ found, without an array of every copy's δ at every position.

use super::primitive::{Convolve, Kind, fresh};
use super::{Forward, Graph, NodeId};
use crate::compute::{Backend, Pooling, Result, Slice, SliceMut, Window};
use std::collections::BTreeMap;

/// What a δ that is held at pooled positions becomes before pooling.
#[derive(Debug)]
pub struct Pooled<'a, T> {
    /// The window, whose places cut the positions into parts.
    pub window: Window,
    /// The slopes at every position, `[base rows, height, positions]`.
    pub slopes: Slice<'a, T>,
}

impl<T> Clone for Pooled<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Pooled<'_, T> {}

impl<T> Pooled<'_, T> {
    /// Elements of a row's δ.
    pub fn delta_len(&self) -> usize {
        self.window.channels * self.window.positions()
    }

    /// Of values `[base rows, height, positions]`, what meets δ: `Σ_p δ_p v_p = Σ_P D_P v̄_P` with v̄ the means of the slopes' products
    /// with v.
    ///
    /// # Errors
    ///
    /// A device error.
    pub(crate) fn met<B: Backend<Buffer = T>>(&self, backend: &B, values: Slice<'_, T>) -> Result<T> {
        let rows = values.len / self.window.image().max(1);
        let products = fresh(backend, values.len, |out| backend.multiply(out, self.slopes, values))?;
        fresh(backend, rows * self.delta_len(), |out| {
            backend.pool(&self.window, Pooling::Average, rows, out, Slice::new(&products, 0, values.len))
        })
    }
}

/// A convolution and what alone reads its values.
pub(super) struct Chain {
    /// The node whose function it is.
    function: usize,
    /// The window of the mean.
    pub window: Window,
}

impl Graph {
    /// The convolutions whose gradient rows `forms` says are formed and whose δ is better held pooled, by the node of the pool and of
    /// their own.
    pub(super) fn pooled(&self, copies: usize, forms: &dyn Fn(usize) -> bool) -> BTreeMap<usize, (usize, Chain)> {
        let chain = |(index, node): (usize, &super::Node)| {
            let Kind::Convolve(convolve) = &node.kind else { return None };
            if node.used.held || !forms(node.used.block) {
                return None;
            }
            let function = self.only_reader(index + 1)?;
            let Kind::Pointwise(_) = &self.nodes[function].kind else { return None };
            let pool = self.only_reader(function + 1)?;
            let Kind::Pool(own) = &self.nodes[pool].kind else { return None };
            let window = own.window();
            let gains = own.pooling() == Pooling::Average && is_shorter(convolve, &window, copies);
            gains.then_some((pool, (index, Chain { function, window })))
        };
        self.nodes.iter().enumerate().filter_map(chain).collect()
    }

    /// The slopes of a chain's function in a pass.
    pub(super) fn slopes<B: Backend>(&self, backend: &B, pass: &Forward<'_, B>, chain: &Chain) -> Result<B::Buffer> {
        let seen = self.seen(pass, chain.function);
        let (Kind::Pointwise(own), [x, ..]) = (&self.nodes[chain.function].kind, seen.inputs.as_slice()) else {
            return backend.zeros(0);
        };
        fresh(backend, x.len, |out: SliceMut<'_, B::Buffer>| backend.activation_slope(own.function(), out, *x))
    }

    /// The node that alone reads a value, in whatever shape.
    fn only_reader(&self, node: NodeId) -> Option<usize> {
        let own = self.storage(node);
        let nodes = self.nodes.iter().enumerate().filter(|(index, node)| node.storage == index + 1);
        let mut readers = nodes.flat_map(|(index, node)| node.inputs.iter().map(move |&input| (index, input)));
        let mut reader = readers.by_ref().filter(|&(_, input)| self.storage(input) == own).map(|(index, _)| index);
        let only = reader.next().filter(|_| self.storage(self.output()) != own)?;
        reader.next().is_none().then_some(only)
    }
}

/// Whether what the copies of a base row share is shorter than their δ at all positions.
fn is_shorter(convolve: &Convolve, window: &Window, copies: usize) -> bool {
    let matrix = convolve.matrix();
    let fits = window.channels == matrix.height && window.height * window.width == matrix.positions && window.cuts();
    fits && window.positions() * (matrix.width + 1) <= copies * matrix.positions
}
