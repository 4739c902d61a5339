//! Second derivatives: how the gradients of a backward pass change as the weights move along a direction.

use super::primitive::{Back, Kind, Primitive, Site, Turning};
use super::{Directional, Factor, Forward, Graph, NodeId, Segment};
use crate::compute::{Backend, Result, Slice};

/// δ of every node in a backward pass: what its changes along all directions share.
#[derive(Debug)]
pub struct Backward<B: Backend + ?Sized> {
    /// Gradient rows of each base row.
    copies: usize,
    /// By node; `None` where there is no δ, or for a node whose value is in another's buffer.
    deltas: Vec<Option<B::Buffer>>,
}

/// A direction in the weights, and how the values of a pass move along it.
#[derive(Debug)]
pub struct Turn<'a, B: Backend + ?Sized> {
    /// A flat vector like the parameters.
    pub direction: &'a B::Buffer,
    /// What [`Graph::directional`] gives for it alone.
    pub derivatives: &'a Directional<B>,
    /// Nodes whose δ changes by more than what comes back to them, each with the change, `[copies * rows, …]`: the output, whose
    /// seed changes, is one of them.
    pub changes: Vec<(NodeId, B::Buffer)>,
}

impl Graph {
    /// Takes the slopes and curvatures of elementwise functions at a pass's values, once for all directions along which it is derived.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn keep_slopes<B: Backend>(&self, backend: &B, pass: &mut Forward<'_, B>) -> Result<()> {
        for (index, node) in self.nodes.iter().enumerate() {
            if let Kind::Pointwise(own) = &node.kind {
                let slopes = own.slopes(backend, self.seen(pass, index).inputs[0])?;
                pass.saved[index] = slopes;
            }
        }
        Ok(())
    }

    /// Propagates `seed`, `[copies * rows, C]`, copy-major, back through a pass, and keeps δ of every node. `segment` is the one that
    /// the pass was made with.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn deltas<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        (copies, seed): (usize, B::Buffer),
    ) -> Result<Backward<B>> {
        let rows = copies * pass.rows;
        let mut deltas: Vec<Option<B::Buffer>> = (0..=self.nodes.len()).map(|_| None).collect();
        deltas[self.storage(self.output())] = Some(seed);
        for (index, node) in self.nodes.iter().enumerate().rev().filter(|(_, node)| node.trained) {
            let len = rows * self.node_len(index + 1);
            let Some(delta) = &deltas[index + 1] else { continue };
            let wanted = self.wanted(index);
            if wanted.contains(&true) {
                let delta = backend.copied(Slice::new(delta, 0, len))?;
                let site = Site { backend, segment, used: node.used, rows: pass.rows, draw: pass.draw };
                let back = Back { copies, wanted: &wanted };
                let found = node.kind.backward(&site, &self.seen(pass, index), &back, delta, &mut |_| Ok(()))?;
                self.hand_on(backend, index, rows, found, &mut deltas)?;
            }
        }
        Ok(Backward { copies, deltas })
    }

    /// The derivative along a direction of the gradients that [`backward`](Self::backward) shows: with the gradient of a loss, and
    /// the change of it at the output, a product with the loss's Hessian. The sum over all factors that `visit` gets is the
    /// derivative; some of them make up the weight's part of a block alone. `back` is the pass's. Costs about two backward passes.
    ///
    /// # Errors
    ///
    /// A device error, or one of `visit`.
    pub fn tangent_of_backward<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        (pass, back): (&Forward<'_, B>, &Backward<B>),
        turn: Turn<'_, B>,
        visit: &mut dyn FnMut(Factor<'_, B::Buffer>) -> Result<()>,
    ) -> Result<()> {
        let mut trained = |factor: Factor<'_, B::Buffer>| if factor.held { Ok(()) } else { visit(factor) };
        let Turn { direction, derivatives, changes: given } = turn;
        let (copies, rows) = (back.copies, back.copies * pass.rows);
        let mut changes: Vec<Option<B::Buffer>> = (0..=self.nodes.len()).map(|_| None).collect();
        for (node, change) in given {
            self.add_to(backend, (node, rows), Some(change), &mut changes)?;
        }
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let pair = back.deltas[index + 1].as_ref().zip(changes[index + 1].take());
            let Some((delta, change)) = pair.filter(|_| node.trained) else {
                continue;
            };
            let site = Site { backend, segment, used: node.used, rows: pass.rows, draw: pass.draw };
            let (seen, wanted) = (self.seen(pass, index), self.wanted(index));
            let slopes: Vec<_> = node.inputs.iter().map(|&input| self.derivative(derivatives, input)).collect();
            let delta = Slice::new(delta, 0, rows * self.node_len(index + 1));
            let turning = Turning { direction, slopes: &slopes, delta, change };
            let back = Back { copies, wanted: &wanted };
            let found = node.kind.tangent_of_backward(&site, &seen, &back, turning, &mut trained)?;
            self.hand_on(backend, index, rows, found, &mut changes)?;
        }
        Ok(())
    }
}
