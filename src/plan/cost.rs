//! What a run costs in arithmetic and in time, by the device's rates. Counts may be beyond any machine: floating point.

use crate::compute::{Entries, Rates};
use crate::graph::Graph;
use crate::tangent::{self, Carried, Contraction, Sizes};

/// How often a pass writes or reads each element that it keeps: measured on the examples.
const TOUCHED: f64 = 8.0;
/// How often each entry of an accumulator is touched beside its steps: once for all, and for each block of them. Measured on
/// 600 million entries.
const ONCE: f64 = 24.0;
const FOLDED: f64 = 8.0;

fn real(count: usize) -> f64 {
    count as f64
}

/// A run that is cut into tiles.
pub(super) struct Cost<'a> {
    pub network: &'a Graph,
    pub contraction: &'a [Contraction],
    pub rates: &'a Rates,
    /// All queries, and the examples of a batch.
    pub sizes: Sizes,
    /// All examples.
    pub examples: usize,
    /// How many tiles lie one below the other, and beside each other.
    pub tiles: [usize; 2],
    /// Gradient rows of an example.
    pub copies: usize,
}

impl Cost<'_> {
    /// Operations of the contractions of a step.
    pub fn flops(&self) -> f64 {
        let layers = self.network.blocks.iter().zip(self.contraction);
        layers.map(|(own, &choice)| tangent::flops(own, choice, &self.sizes)).sum()
    }

    /// Operations of the passes of a step.
    pub fn pass_flops(&self) -> f64 {
        self.row_flops() * self.rows()
    }

    /// Seconds of a step.
    pub fn step(&self, sums: f64) -> f64 {
        let Sizes { queries, examples, .. } = self.sizes;
        let summed = real(queries) * real(examples) * sums * self.rates.element;
        self.contracting(&self.sizes) + self.passing(self.rows()) + summed
    }

    /// Seconds of making, reading, writing and folding the accumulators of a path of so many steps.
    pub fn folding(&self, sums: f64, steps: f64) -> f64 {
        let blocks = (steps / steps.sqrt().ceil().max(1.0)).ceil();
        real(self.sizes.queries) * real(self.examples) * sums * (ONCE + blocks * FOLDED) * self.rates.element
    }

    /// Seconds of the two tangent kernels, which are of all examples.
    pub fn tangents(&self, entries: Entries) -> f64 {
        let ([lines, columns], &Sizes { queries, outputs, .. }) = (self.tiles, &self.sizes);
        let sizes = Sizes {
            nodes: 1,
            examples: self.examples,
            entries: vec![entries],
            positions: None,
            carried: Carried::Nothing,
            ..self.sizes.clone()
        };
        let rows =
            real(queries * (1 + outputs)) * real(columns) + real(self.examples * (1 + sizes.copies)) * real(lines);
        2.0 * (self.contracting(&sizes) + self.passing(rows))
    }

    /// Seconds of a step of the superposition: training again, with a gradient of its own for each example, which is formed
    /// and added.
    pub fn superposing(&self) -> f64 {
        let (batch, rates) = (self.sizes.examples, self.rates);
        let uses = self.network.blocks.iter().flat_map(|block| &block.uses);
        let formed: f64 = uses.map(|one| real(one.structure.formed())).sum();
        let gradient = formed * rates.forming + 2.0 * real(self.network.len) * rates.element;
        self.passing(real(3 * batch)) + real(batch) * gradient
    }

    /// Seconds of contractions. What is done with a query's rows is done once for every tile of examples, and the other
    /// way round.
    fn contracting(&self, all: &Sizes) -> f64 {
        let [lines, columns] = self.tiles;
        let part =
            Sizes { queries: all.queries.div_ceil(lines), examples: all.examples.div_ceil(columns), ..all.clone() };
        let layers = self.network.blocks.iter().zip(self.contraction);
        let tile: f64 = layers.map(|(own, &choice)| tangent::seconds(own, choice, &part, self.rates)).sum();
        real(lines) * real(columns) * tile
    }

    /// Rows that pass forward or backward in a step: queries at each node once for every tile of examples, the batch once
    /// for every tile of queries, and in training.
    fn rows(&self) -> f64 {
        let [lines, columns] = self.tiles;
        let Sizes { queries, outputs, nodes, examples, .. } = self.sizes;
        let of_queries = real(queries * nodes * (2 + outputs) + queries) * real(columns);
        of_queries + real(examples * (1 + self.copies)) * real(lines) + real(3 * examples)
    }

    /// Two operations for each weight and position, forward once and backward once a gradient row.
    fn row_flops(&self) -> f64 {
        2.0 * real(self.network.multiply_adds())
    }

    /// Seconds of passes of so many rows: their arithmetic, and what a pass keeps is written and read some times over.
    fn passing(&self, rows: f64) -> f64 {
        let elements = TOUCHED * real(self.network.forward_len());
        rows * (self.row_flops() / 2.0 * self.rates.multiply_add + elements * self.rates.element)
    }
}
