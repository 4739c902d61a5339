//! What a run costs in arithmetic and in time, by the device's rates. Counts may be beyond any machine: floating point.

use super::measured::MeasuredPasses;
use super::passes::Passes;
use super::real;
use crate::compute::{Entries, Rates};
use crate::graph::Graph;
use crate::tangent::{self, Carried, Contraction, Sizes, is_directional};

/// Forward passes that derivatives along a direction are worth: their products, one of the inputs' derivatives with the weights and
/// one of the inputs with the direction, and as much of everything else.
const ALONG: f64 = 2.0;
/// How often each entry of an accumulator is touched beside its steps: once for all, and for each block of them. Measured on
/// 600 million entries.
const ONCE: f64 = 24.0;
const FOLDED: f64 = 8.0;
/// How often a step of training touches each entry of the weights, beside what its optimizer keeps: the gradient, the next weights,
/// and their way to the host.
const TRAINED: f64 = 6.0;
/// And what an optimizer keeps.
const REMEMBERED: f64 = 2.0;
/// How often a step of the integration does: what is read of the path and the step's change, and the weights of a node.
const READ: f64 = 4.0;
const MOVED: f64 = 2.0;
/// Products of a row that the search for nodes passes, for each of a pass forward: with the weights and with their change, of the
/// values and of their derivatives along two directions.
const SEARCHED: f64 = 6.0;
/// Products of a row at weights of its own: with the weights and with their change.
const OF_BOTH: f64 = 2.0;
/// Vectors of a step whose lengths are taken.
const MEASURED: f64 = 2.0;

/// A run that is cut into tiles.
pub(super) struct Cost<'a> {
    pub network: &'a Graph,
    pub contraction: &'a [Contraction],
    pub rates: &'a Rates,
    /// What was timed of passes.
    pub measured: Option<&'a MeasuredPasses>,
    /// Rows that the search for a query's nodes passes in a step, where there is one.
    pub searched: Option<f64>,
    /// All queries, and the examples of a batch.
    pub sizes: Sizes,
    /// All examples of a batch, where those of `sizes` are a part.
    pub batch: usize,
    /// All examples.
    pub examples: usize,
    /// How many tiles lie one below the other, and beside each other.
    pub tiles: [usize; 2],
    /// Gradient rows of an example.
    pub copies: usize,
    /// Sets of blocks that are summed apart.
    pub sets: usize,
    /// How often the path is made again: for each tile, where not all of it is recorded.
    pub made_again: usize,
    /// Vectors that the optimizer keeps.
    pub remembered: usize,
}

impl Cost<'_> {
    /// Operations of the contractions of a step.
    pub fn flops(&self) -> f64 {
        let layers = self.network.blocks.iter().zip(self.contraction);
        let layers: f64 = layers.map(|(own, &choice)| tangent::flops(own, choice, &self.sizes)).sum();
        layers + self.row_flops() * self.rows_along(&self.sizes)
    }

    /// Operations of the passes of a step of the integration.
    pub fn pass_flops(&self) -> f64 {
        self.row_flops() * (self.rows() + real(self.made_again) * self.trained_rows())
    }

    /// Seconds of a step of training.
    pub fn training_step(&self) -> f64 {
        let (passes, batch) = (self.passes(), real(self.batch));
        let vectors = TRAINED + REMEMBERED * real(self.remembered);
        passes.forward(batch) + passes.backward(batch) + passes.gradient(batch) + self.flat(vectors)
    }

    /// Seconds of a step of the integration.
    pub fn step(&self, sums: f64) -> f64 {
        let Sizes { queries, examples, .. } = self.sizes;
        let summed = real(queries) * real(examples) * sums * self.rates.element;
        self.contracting(&self.sizes) + self.passing() + real(self.made_again) * self.training_step() + summed
    }

    /// Seconds of the passes of a step of the integration, and of its vectors. Certificates are of the first tile of a query.
    fn passing(&self) -> f64 {
        let ([lines, columns], passes) = (self.tiles, self.passes());
        let Sizes { queries, outputs, nodes, examples, .. } = self.sizes;
        let (queries, outputs, nodes) = (real(queries.div_ceil(lines)), real(outputs), real(nodes));
        let at_nodes = nodes * (passes.forward(queries) + passes.backward(queries * outputs));
        let of_queries = match self.searched {
            Some(searched) => OF_BOTH * at_nodes + SEARCHED * passes.forward(queries * searched),
            None => at_nodes,
        };
        let certified = passes.forward(queries) + nodes * passes.along(queries, outputs);
        let lengths = MEASURED * real(self.network.len) * self.rates.line;
        let of_batch = if self.couples() {
            let (batch, examples) = (real(self.batch), real(examples.div_ceil(columns)));
            passes.forward(batch) + passes.backward(real(self.copies()) * batch * examples)
        } else {
            let examples = real(examples.div_ceil(columns));
            passes.forward(examples) + passes.backward(real(self.copies()) * examples)
        };
        let tile = of_queries + of_batch + self.reading() + self.again(queries, examples.div_ceil(columns));
        real(lines) * (real(columns) * tile + certified + lengths)
    }

    /// Seconds of the passes of a tile's second way along the path, where some layers go forwards in time and others do not: backward
    /// passes only where one of these is behind the last layer.
    fn again(&self, queries: f64, examples: usize) -> f64 {
        let Some(copies) = self.copies_again() else { return 0.0 };
        let (passes, nodes, examples) = (self.passes(), real(self.sizes.nodes), real(examples));
        let mut found = nodes * passes.forward(queries) + passes.forward(examples) + self.reading();
        if copies > 0 {
            found += nodes * passes.backward(queries * real(self.sizes.outputs)) + passes.backward(examples);
        }
        found
    }

    /// Gradient rows of each row that passes backward once more; `None` without a second way.
    fn copies_again(&self) -> Option<usize> {
        let forwards = |own: &Contraction| *own == Contraction::Forwards;
        let others = || self.contraction.iter().filter(|own| !forwards(own));
        if !self.contraction.iter().any(forwards) || others().next().is_none() {
            return None;
        }
        Some(usize::from(others().any(|own| *own != Contraction::Output)))
    }

    /// Seconds of reading a step and moving the weights to its nodes.
    pub fn reading(&self) -> f64 {
        self.flat(READ + real(self.sizes.nodes) * MOVED)
    }

    /// Seconds of reading or writing flat vectors.
    fn flat(&self, vectors: f64) -> f64 {
        vectors * real(self.network.len) * self.rates.element
    }

    fn passes(&self) -> Passes<'_> {
        Passes { network: self.network, rates: self.rates, measured: self.measured }
    }

    /// Seconds of making, reading, writing and folding the accumulators of a path of so many steps.
    pub fn folding(&self, sums: f64, steps: f64) -> f64 {
        let blocks = (steps / steps.sqrt().ceil().max(1.0)).ceil();
        real(self.sizes.queries) * real(self.examples) * sums * (ONCE + blocks * FOLDED) * self.rates.element
    }

    /// Seconds of copying so many numbers of each pair to the host and adding them up there.
    pub fn handing_over(&self, numbers: f64) -> f64 {
        real(self.sizes.queries) * real(self.examples) * numbers * ONCE * self.rates.element
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
        let (copies, passes) = (if is_directional(self.contraction) { 0 } else { sizes.copies }, self.passes());
        let both = |rows: usize, copies: usize| passes.forward(real(rows)) + passes.backward(real(rows * copies));
        let tile = both(queries.div_ceil(lines), outputs) + both(self.examples.div_ceil(columns), copies);
        2.0 * (self.contracting(&sizes) + real(lines) * real(columns) * tile)
    }

    /// Seconds of a step of the superposition: training again, with a gradient of its own for each example, which is formed
    /// and added.
    pub fn superposing(&self) -> f64 {
        let (batch, rates) = (self.sizes.examples, self.rates);
        let uses = self.network.blocks.iter().flat_map(|block| &block.uses);
        let formed: f64 = uses.map(|one| real(one.structure.formed())).sum();
        let formed = formed * rates.forming * real(self.rows_of_a_gradient());
        let gradient = formed + 2.0 * real(self.network.len) * rates.element;
        let backward = if self.couples() { real(batch) * real(batch) } else { real(batch) };
        let passes = self.passes();
        passes.forward(real(batch)) + passes.backward(backward) + self.training_step() + real(batch) * gradient
    }

    /// Seconds of a step of the influence: of what all rows of a tile share, and of each row, which has so many vectors: a pass along
    /// a direction, and its way back with two products for each of a backward pass.
    pub fn influence_step(&self, vectors: f64) -> [f64; 2] {
        let (passes, batch) = (self.passes(), real(self.batch));
        let shared = passes.forward(batch) + passes.backward(batch) + passes.gradient(batch) + self.reading();
        let back = passes.backward(batch) + passes.gradient(batch);
        [shared, ALONG * passes.forward(batch) + 2.0 * back + self.flat(2.0 * vectors)]
    }

    /// Operations of the passes of a step of the influence, of so many rows in so many tiles.
    pub fn influence_flops(&self, rows: f64, tiles: f64) -> f64 {
        self.row_flops() * real(self.batch) * (3.0 * tiles + (ALONG + 4.0) * rows)
    }

    /// Seconds of contractions. What is done with a query's rows is done once for every tile of examples, and the other
    /// way round.
    fn contracting(&self, all: &Sizes) -> f64 {
        let [lines, columns] = self.tiles;
        let part = Sizes {
            queries: all.queries.div_ceil(lines),
            examples: all.examples.div_ceil(columns),
            columns: all.columns.div_ceil(columns),
            ..all.clone()
        };
        let layers = self.network.blocks.iter().zip(self.contraction);
        let tile: f64 = layers.map(|(own, &choice)| tangent::seconds(own, choice, &part, self.rates)).sum();
        real(lines) * real(columns) * (tile + self.summing(&part) + self.passing_along(&part))
    }

    /// Whether the examples of a batch depend on each other, so that each gradient is a sum over its rows.
    fn couples(&self) -> bool {
        self.network.in_training().couples_rows()
    }

    /// Rows whose parts a gradient of an example adds up.
    fn rows_of_a_gradient(&self) -> usize {
        if self.couples() { self.batch } else { 1 }
    }

    /// Seconds of adding up gradients over the rows of a batch but the first, which every gradient has.
    fn summing(&self, sizes: &Sizes) -> f64 {
        if is_directional(self.contraction) {
            return 0.0;
        }
        let uses = self.network.blocks.iter().flat_map(|block| &block.uses);
        let formed: f64 = uses.map(|one| real(one.structure.formed())).sum();
        real(sizes.examples) * real(self.rows_of_a_gradient() - 1) * formed * self.rates.forming
    }

    /// Rows that would pass forward in the time of the examples' derivatives along ψ, where layers are contracted by them.
    fn rows_along(&self, sizes: &Sizes) -> f64 {
        let sets = if is_directional(self.contraction) { self.sets } else { 0 };
        // A batch whose rows depend on each other passes whole.
        let examples = if self.couples() { self.batch } else { sizes.examples };
        ALONG * real(sets) * real(sizes.queries * sizes.outputs) * real(examples)
    }

    /// Seconds of these derivatives, and of adding those of the outputs to the accumulators.
    fn passing_along(&self, sizes: &Sizes) -> f64 {
        let rows = self.rows_along(sizes);
        self.passes().forward(rows) + rows * real(self.network.outputs) * self.rates.element
    }

    /// Rows that pass forward or backward in a step: queries at each node once for every tile of examples, and
    /// the batch once for every tile of queries.
    fn rows(&self) -> f64 {
        let [lines, columns] = self.tiles;
        let Sizes { queries, outputs, nodes, examples, .. } = self.sizes;
        let of_queries = real(queries * nodes * (2 + outputs) + queries) * real(columns);
        let of_batch = if self.couples() {
            real(self.batch) * (real(columns) + real(self.copies()) * real(examples))
        } else {
            real(examples * (1 + self.copies()))
        };
        let again = self.copies_again().map_or(0.0, |copies| {
            let of_queries = real(queries * nodes * (1 + copies * outputs)) * real(columns);
            of_queries + real(examples * (1 + copies)) * real(lines)
        });
        of_queries + of_batch * real(lines) + again
    }

    /// Rows that pass in a step of training: forward, and backward with a gradient of inputs and one of weights.
    fn trained_rows(&self) -> f64 {
        real(3 * self.batch)
    }

    /// Rows of an example that pass backward.
    fn copies(&self) -> usize {
        if is_directional(self.contraction) { 0 } else { self.copies }
    }

    /// Two operations for each weight and position, forward once and backward once a gradient row.
    fn row_flops(&self) -> f64 {
        2.0 * real(self.network.multiply_adds())
    }
}
