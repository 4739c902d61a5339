//! What a tile holds on the device, and the largest tile that fits.

use super::real;
use crate::compute::Padding;
use crate::graph::{Block, Graph, Structure};
use crate::tangent::{Carried, Contraction, Sizes, directions_at_once, is_directional, packed};

/// Buffers are taken in sizes of four an octave, so that up to a quarter of one lies idle.
const SLACK: f64 = 1.25;

/// Elements of a tile's arrays, in floating point: counts may be beyond any machine.
pub(super) struct Footprint {
    /// For each query.
    query: f64,
    /// For each example of a batch.
    example: f64,
    /// For each pair of a query and an example of a batch.
    met: f64,
    /// For each pair of a query and an example of the tile, whatever its batch.
    held: f64,
    /// For each example of the tile, whatever its batch: its momentum, where that goes forwards in time.
    column: f64,
    /// Entries of all accumulators for each pair of a query and an example of the tile.
    sums: f64,
    /// Whatever the tile.
    fixed: f64,
    /// The largest array: a query's part, an example's, a met pair's, a pair's.
    largest: [f64; 4],
    /// Of ψ, for each query, where it is carried from step to step.
    psi: f64,
    /// The largest array of a batch that passes whole.
    whole: f64,
    /// Bytes on the host for each pair of the tile, beside its sums; and of those what a state has of a tile under way.
    kept: f64,
    handed_over: f64,
    /// What a fused product packs: elements of a row of a query, of a row of an example, and of an example's inputs; and those of
    /// the block that has most, which are all that one with a single panel of rows and of columns packs at once.
    packed: [[f64; 3]; 2],
    /// Of a batch, whose examples pass at once.
    sizes: Sizes,
    /// What a fused product pads.
    padding: Padding,
    /// Bytes of an element.
    bytes: f64,
}

/// What is held beside the arrays of queries and examples.
pub(super) struct Held {
    /// Entries of all accumulators for each pair.
    pub sums: f64,
    /// Elements whatever the tile.
    pub fixed: f64,
    /// Bytes of an element.
    pub bytes: usize,
    /// What a fused product pads.
    pub padding: Padding,
}

/// Elements of a layer's factors: of a query's row, of an example's row, and of the products of their inputs; and how many
/// of them a query has.
fn factors(block: &Block, contraction: Contraction, nodes: usize, sizes: &Sizes) -> ((f64, f64, f64), f64) {
    let len = real(block.len());
    let sum = |part: &dyn Fn(&Structure) -> usize| block.uses.iter().map(|one| real(part(&one.structure))).sum::<f64>();
    let (positions, delta) = (sum(&Structure::positions), sum(&Structure::delta_len));
    let pairs = positions * positions;
    match contraction {
        Contraction::Factored => ((delta, delta, pairs), real(nodes)),
        Contraction::Averaged => ((delta, delta, pairs), 1.0),
        // Nothing is kept for pairs; the momentum is each column's.
        Contraction::Forwards => ((delta, delta, 0.0), 1.0),
        Contraction::Output => {
            let lines = if sizes.carried.is_preconditioned() { real(sizes.outputs) } else { 1.0 };
            ((sum(&Structure::input_len), delta, lines), 1.0)
        }
        Contraction::Materialised => ((len, len, 0.0), 1.0),
        Contraction::Half => ((len, delta, 0.0), 1.0),
        Contraction::Directional => ((len, 0.0, 0.0), 1.0),
    }
}

/// Elements of a batch whose rows depend on each other, so that it passes whole.
#[derive(Default)]
pub(super) struct WholeBatch {
    /// All that are held at once.
    pub elements: f64,
    /// Those of the largest array.
    largest: f64,
}

impl WholeBatch {
    /// Of `sizes.examples` rows, with the gradients of `columns` columns at once, or with derivatives along some of ψ's rows.
    pub fn new(network: &Graph, contraction: &[Contraction], sizes: &Sizes, columns: usize) -> Self {
        let network = network.in_training();
        let (rows, forward, backward) =
            (real(sizes.examples), real(network.forward_len()), real(network.backward_len()));
        let directions = directions_at_once(network, sizes.examples).min(sizes.outputs * sizes.queries);
        // Training takes the gradient of the whole batch once.
        let passing = if is_directional(contraction) {
            (real(directions) * (real(network.len) + rows * forward)).max(rows * backward)
        } else {
            real(columns) * rows * (backward + real(network.outputs))
        };
        let elements = rows * (forward + 2.0 * real(network.outputs)) + passing;
        let copies = if is_directional(contraction) { real(directions) } else { real(columns) };
        Self { elements, largest: copies * rows * real(network.widest_row()) }
    }
}

impl Footprint {
    /// Of a run of whose batches `sizes.examples` examples pass at once.
    pub fn new(network: &Graph, contraction: &[Contraction], sizes: Sizes, held: Held) -> Self {
        let Held { sums, fixed, bytes, padding } = held;
        let outputs = real(sizes.outputs);
        let most = sizes.sums().map(|(_, copies)| real(copies)).fold(1.0, f64::max);
        let all: f64 = sizes.sums().map(|(_, copies)| real(copies)).sum();
        let (forward, backward) = (real(network.forward_len()), real(network.backward_len()));
        let met_in = network.in_training();
        let (forward_of_example, backward_of_example) = (real(met_in.forward_len()), real(met_in.backward_len()));
        let layers = network.blocks.iter().zip(contraction);
        // Factors of single nodes are held for as many steps as ψ is carried, together with the inputs.
        let nodes = sizes.nodes * sizes.carried.window();
        let (mut left, mut right, mut met) = (0.0, 0.0, 0.0);
        let mut widest = (0.0f64, 0.0f64, 0.0f64);
        let (mut held, mut applied, mut most_packed) = (0.0, 0.0, [0.0f64; 3]);
        for (own, &choice) in layers {
            let ((query, example, pair), count) = factors(own, choice, nodes, &sizes);
            // δ that meets the momentum is packed with whole panels for each query.
            let outputs = real(sizes.outputs.max(1));
            let panels = if choice == Contraction::Forwards { padding.rows_of(outputs) / outputs } else { 0.0 };
            (left, right) = (left + count * query * (1.0 + panels), right + example);
            // What no step changes is kept for all examples of the tile.
            *if choice == Contraction::Averaged { &mut held } else { &mut met } += count * pair;
            widest = (widest.0.max(query), widest.1.max(example), widest.2.max(pair));
            let input = own.uses.iter().map(|one| real(one.structure.input_len())).sum::<f64>();
            let input = if choice == Contraction::Half { input } else { 0.0 };
            applied += input;
            let own = [count * query, example, input];
            most_packed = std::array::from_fn(|side| most_packed[side].max(own[side]));
        }
        let seed = real(sizes.copies);
        // The momentum, what meets the queries in a step, and what is packed of it; the inputs, twice as well.
        let layers = network.blocks.iter().zip(contraction).filter(|(_, choice)| **choice == Contraction::Forwards);
        let uses = layers.flat_map(|(own, _)| &own.uses).map(|one| one.structure);
        let column: f64 = uses.map(|own| 3.0 * real(own.delta_len()) + 2.0 * real(own.input_len())).sum();
        // ψ; what Nesterov's momentum adds to it, and what an optimizer holds apart of preconditioned rows.
        let sets = match sizes.carried {
            Carried::Nothing | Carried::Factors { .. } | Carried::Rows { apart: false, .. } => 1.0,
            Carried::Means => 2.0,
            Carried::Rows { apart: true, .. } => 3.0,
        };
        let inputs: f64 = network
            .blocks
            .iter()
            .zip(contraction)
            .map(|(block, choice)| {
                let input = block.uses.iter().map(|one| real(one.structure.input_len())).sum::<f64>();
                match choice {
                    Contraction::Factored => real(nodes) * input,
                    Contraction::Averaged | Contraction::Forwards => input,
                    Contraction::Output | Contraction::Materialised | Contraction::Half | Contraction::Directional => {
                        0.0
                    }
                }
            })
            .sum();
        // Examples that pass along ψ have no gradient rows, but their losses' gradients in two orders, and derivatives along
        // some directions at a time.
        let (most, rows, along) = if is_directional(contraction) {
            let directions = directions_at_once(met_in, sizes.examples).min(sizes.outputs * sizes.queries);
            let along = real(directions) * (real(network.len) + real(sizes.examples) * forward_of_example);
            // A batch that passes whole has counted its own.
            (0.0, 2.0 * seed, if met_in.couples_rows() { 0.0 } else { along })
        } else {
            (most, most * (backward_of_example + seed), 0.0)
        };
        Self {
            query: forward + outputs * (backward + seed + sets * left) + inputs,
            example: forward_of_example + rows + all * right,
            met,
            held,
            column,
            sums,
            fixed: fixed + 8.0 * real(network.len) + along,
            largest: [
                (outputs * widest.0.max(backward)).max(forward),
                (most * widest.1.max(backward_of_example)).max(forward_of_example),
                widest.2,
                sizes.sums().map(|(entries, copies)| real(entries.per_pair(sizes.outputs, copies))).fold(1.0, f64::max),
            ],
            psi: if sizes.carried == Carried::Nothing { 0.0 } else { outputs * left },
            whole: 0.0,
            kept: 0.0,
            handed_over: 0.0,
            packed: if is_directional(contraction) { [[0.0; 3]; 2] } else { [[left, right, applied], most_packed] },
            sizes,
            padding,
            bytes: real(bytes),
        }
    }

    /// With so many bytes more on the host for each pair.
    pub fn keeping(self, kept: f64) -> Self {
        Self { kept, ..self }
    }

    /// With so many bytes more of each pair that are on the host before the tile is done.
    pub fn handing_over(self, bytes: f64) -> Self {
        Self { kept: self.kept + bytes, handed_over: bytes, ..self }
    }

    /// With a batch that passes whole, whatever the tile has of it.
    pub fn passing_whole(self, whole: WholeBatch) -> Self {
        Self { whole: whole.largest, ..self }
    }

    /// Bytes of a tile: its arrays; and for each entry of an accumulator a block of steps, their sum, and the sum on its
    /// way to the host.
    pub fn bytes(&self, queries: usize, examples: usize) -> u64 {
        let batch = examples.min(self.sizes.examples);
        let sizes = Sizes { queries, examples: batch, ..self.sizes.clone() };
        let rows = packed(&sizes, self.padding);
        let [left, right, inputs] = self.packed[usize::from(rows.single)];
        let packed = rows.queries * left + rows.examples * right + rows.inputs * inputs;
        let (batch, queries, examples) = (real(batch), real(queries), real(examples));
        let arrays = packed
            + queries * self.query
            + batch * self.example
            + queries * batch * self.met
            + queries * examples * self.held
            + examples * self.column
            + self.fixed;
        let sums = queries * examples * self.sums;
        (arrays * self.bytes * SLACK + sums * (self.bytes * SLACK + 8.0 + 8.0) + queries * examples * self.kept) as u64
    }

    /// Bytes of the state of a tile under way: ψ, a block of steps and their sum, and what windows of training have handed over.
    pub fn state_bytes(&self, queries: usize, examples: usize) -> u64 {
        let (queries, examples) = (real(queries), real(examples));
        // Of a way along the path there is either ψ or momentum.
        let carried = (queries * self.psi).max(examples * self.column / 3.0);
        (carried * self.bytes + queries * examples * (self.sums * (8.0 + self.bytes) + self.handed_over)) as u64
    }

    /// Elements of the largest array of a tile.
    fn largest(&self, queries: usize, examples: usize) -> f64 {
        let batch = real(examples.min(self.sizes.examples));
        let (queries, examples) = (real(queries), real(examples));
        let [query, example, met, pair] = self.largest;
        (queries * query)
            .max(batch * example)
            .max(queries * batch * met)
            .max(queries * examples * pair)
            .max(examples * self.column / 2.0)
            .max(self.whole)
    }

    /// Whether a tile fits `memory` bytes, and its arrays `largest` elements.
    pub fn fits(&self, [queries, examples]: [usize; 2], memory: u64, largest: usize) -> bool {
        self.bytes(queries, examples) <= memory && self.largest(queries, examples) <= real(largest)
    }
}
