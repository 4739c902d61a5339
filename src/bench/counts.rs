//! Floating-point operations of an evaluation, two for each multiply-add, from the shapes alone.

use crate::graph::{Graph, Use};
use crate::tangent::{self, Contraction, Sizes, is_directional};

/// Forward passes that derivatives along a direction are worth.
const ALONG: f64 = 2.0;

/// What an evaluation of a network is counted from.
pub(super) struct Counts<'a> {
    pub network: &'a Graph,
    pub sizes: &'a Sizes,
}

impl Counts<'_> {
    /// Those that are done when each block is contracted as `choice` says.
    pub fn done(&self, choice: &[Contraction]) -> f64 {
        if !is_directional(choice) {
            return self.forward() + self.backward(self.copies()) + self.contracted(|block| choice[block]);
        }
        let Sizes { queries, outputs, examples, .. } = *self.sizes;
        let along = ALONG * (queries * outputs * examples) as f64 * self.multiply_adds();
        self.forward() + self.backward(0) + self.contracted(|block| choice[block]) + 2.0 * along
    }

    /// Those that contracting every block in factors would take: what rates are compared by whatever is done.
    pub fn factored(&self) -> f64 {
        self.forward() + self.backward(self.copies()) + self.contracted(|_| Contraction::Factored)
    }

    fn uses(&self) -> impl Iterator<Item = &Use> {
        self.network.blocks.iter().flat_map(|block| &block.uses)
    }

    /// Multiply-adds of a row that passes forward.
    fn multiply_adds(&self) -> f64 {
        self.uses().map(multiply_adds).sum()
    }

    /// Gradient rows of an example.
    fn copies(&self) -> usize {
        self.sizes.sums().map(|(_, copies)| copies).max().unwrap_or(0)
    }

    /// Of queries at each node, and of examples.
    fn forward(&self) -> f64 {
        let Sizes { queries, nodes, examples, .. } = *self.sizes;
        2.0 * (queries * nodes + examples) as f64 * self.multiply_adds()
    }

    /// Of queries at each node, and of so many rows of each example. No gradient of a constant input is taken.
    fn backward(&self, copies: usize) -> f64 {
        let Sizes { queries, outputs, nodes, examples, .. } = *self.sizes;
        let passed = self.uses().filter(|one| !self.network.has_constant_input(one));
        2.0 * (queries * nodes * outputs + examples * copies) as f64 * passed.map(multiply_adds).sum::<f64>()
    }

    fn contracted(&self, choice: impl Fn(usize) -> Contraction) -> f64 {
        let blocks = self.network.blocks.iter().enumerate();
        blocks.map(|(index, block)| tangent::flops(block, choice(index), self.sizes)).sum()
    }
}

/// Of a row that passes forward through one use of a block.
fn multiply_adds(one: &Use) -> f64 {
    let [height, width] = one.structure.sides();
    (one.structure.positions() * height * width) as f64
}
