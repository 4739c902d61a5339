//! Second derivatives: how the gradients of a backward pass change as the weights move along a direction.

use super::primitive::{Back, Primitive, Site, Turning};
use super::{Factor, Forward, Graph, Segment};
use crate::compute::{Backend, Result, Slice};

/// The seeds of a backward pass, and how they change along a direction.
pub struct Seeds<B: Backend> {
    /// Gradient rows of each base row.
    pub copies: usize,
    /// `[copies * rows, C]`.
    pub seed: B::Buffer,
    /// The same shape: zeros for functions that are linear in the outputs.
    pub change: B::Buffer,
}

impl Graph {
    /// The derivative along `direction`, a flat vector like the parameters, of the gradients that
    /// [`backward`](Self::backward) shows: with the gradient of a loss, a product with its Hessian. The sum over all factors
    /// that `visit` gets is the derivative; some of them make up the weight's part of a block alone. `segment` is the one
    /// that the pass was made with. Costs about three backward passes, and a [directional](Self::directional) one.
    ///
    /// # Errors
    ///
    /// A device error, or one of `visit`.
    pub fn tangent_of_backward<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        direction: &B::Buffer,
        seeds: Seeds<B>,
        visit: &mut dyn FnMut(Factor<'_, B::Buffer>) -> Result<()>,
    ) -> Result<()> {
        let mut trained = |factor: Factor<'_, B::Buffer>| if factor.held { Ok(()) } else { visit(factor) };
        let derivatives = self.directional(backend, segment, pass, &[direction])?;
        let Seeds { copies, seed, change } = seeds;
        let rows = copies * pass.rows;
        let none = || (0..=self.nodes.len()).map(|_| None).collect::<Vec<Option<B::Buffer>>>();
        let (mut deltas, mut changes) = (none(), none());
        let output = self.storage(self.output());
        (deltas[output], changes[output]) = (Some(seed), Some(change));
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let pair = deltas[index + 1].take().zip(changes[index + 1].take());
            let Some((delta, change)) = pair.filter(|_| node.trained) else {
                continue;
            };
            let site = Site { backend, segment, used: node.used, rows: pass.rows, draw: pass.draw };
            let (seen, wanted) = (self.seen(pass, index), self.wanted(index));
            let slopes: Vec<_> = node.inputs.iter().map(|&input| self.derivative(&derivatives, input)).collect();
            let back = Back { copies, wanted: &wanted };
            let whole = Slice::new(&delta, 0, rows * self.node_len(index + 1));
            let turning = Turning { direction, slopes: &slopes, delta: whole, change };
            let found = node.kind.tangent_of_backward(&site, &seen, &back, turning, &mut trained)?;
            self.hand_on(backend, index, rows, found, &mut changes)?;
            let found = node.kind.backward(&site, &seen, &back, delta, &mut |_| Ok(()))?;
            self.hand_on(backend, index, rows, found, &mut deltas)?;
        }
        Ok(())
    }
}
