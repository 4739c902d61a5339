//! Derivatives forward: how every node's value changes along directions in the weights.

use super::primitive::{Moved, Primitive, Site, fresh};
use super::{Forward, Graph, NodeId, Segment};
use crate::compute::{Backend, Result, Slice};

/// The derivatives of the values of a forward pass along some directions: each has a row for every base row, copy-major.
#[derive(Debug)]
pub struct Directional<B: Backend + ?Sized> {
    /// `directions * base rows`.
    rows: usize,
    /// By node; `None` where nothing depends on parameters, or for a node that keeps its value in another's buffer.
    values: Vec<Option<B::Buffer>>,
}

impl Graph {
    /// The derivative of every value of `pass` along each of `directions`, flat vectors like the parameters: `∇z · direction`
    /// at each row's place on the segment. `segment` is the one that the pass was made with. Costs about two forward passes
    /// a direction, where a backward pass has a row for each output.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn directional<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        directions: &[&B::Buffer],
    ) -> Result<Directional<B>> {
        let mut found = Directional { rows: directions.len() * pass.rows, values: Vec::new() };
        for (index, node) in self.nodes.iter().enumerate() {
            let mut value = None;
            if node.trained && node.storage == index + 1 {
                let site = Site { backend, segment, used: node.used, rows: pass.rows, draw: pass.draw };
                let slopes: Vec<_> = node.inputs.iter().map(|&input| self.derivative(&found, input)).collect();
                let moved = Moved { directions, slopes: &slopes };
                value = Some(fresh(backend, found.rows * self.node_len(index + 1), |out| {
                    node.kind.tangent(&site, &self.seen(pass, index), &moved, out)
                })?);
            }
            found.values.push(value);
        }
        Ok(found)
    }

    /// The derivatives of a node's values, `[directions * rows, …]`; `None` where they depend on no parameter.
    pub(crate) fn derivative<'d, B: Backend>(
        &self,
        found: &'d Directional<B>,
        node: NodeId,
    ) -> Option<Slice<'d, B::Buffer>> {
        let index = self.storage(node).checked_sub(1)?;
        found.values[index].as_ref().map(|buffer| Slice::new(buffer, 0, found.rows * self.node_len(node)))
    }

    /// The derivatives of the outputs, `[directions * rows, C]`; `None` where they depend on no parameter.
    pub fn output_derivatives<'d, B: Backend>(&self, found: &'d Directional<B>) -> Option<Slice<'d, B::Buffer>> {
        self.derivative(found, self.output())
    }
}
