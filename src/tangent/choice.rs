//! The cost model that picks a contraction for each layer.

use super::work::seconds;
use crate::compute::{Entries, Rates};
use crate::graph::{Block, Graph, Use};
use crate::optimizer::{Optimizer, Past};
use crate::readout::Readout;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How a layer's gradient rows are contracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contraction {
    /// Products of δ, weighted by products of inputs, at each quadrature node.
    Factored,
    /// The same with δ averaged over the nodes first: where the layer's input is constant.
    Averaged,
    /// Products of inputs, averaged over the nodes first, at the example's output: a last linear layer, whose δ is
    /// constant.
    Output,
    /// Products of whole gradient rows, averaged over the nodes first.
    Materialised,
    /// Whole gradient rows of the queries, averaged over the nodes first, applied to the factors of the examples.
    Half,
    /// Products of δ averaged over the nodes and of the examples' momentum, weighted by products of inputs through the preconditioner,
    /// forwards in time: where the layer's input is constant.
    Forwards,
    /// Whole gradient rows of the queries, along which the examples pass: all layers together, or none.
    Directional,
}

impl Contraction {
    /// All of them.
    pub const ALL: [Contraction; 7] = [
        Contraction::Factored,
        Contraction::Averaged,
        Contraction::Output,
        Contraction::Materialised,
        Contraction::Half,
        Contraction::Forwards,
        Contraction::Directional,
    ];

    /// Those that one layer can have, whatever the others have.
    pub const OF_LAYERS: [Contraction; 6] = [
        Contraction::Factored,
        Contraction::Averaged,
        Contraction::Output,
        Contraction::Materialised,
        Contraction::Half,
        Contraction::Forwards,
    ];

    /// Whether δ alone is averaged, and the input is the same in all steps.
    pub(crate) fn takes_constant_inputs(self) -> bool {
        matches!(self, Contraction::Averaged | Contraction::Forwards)
    }

    /// Whether the queries' gradient rows are whole: what tied weights ask for.
    pub(crate) fn takes_whole_rows(self) -> bool {
        match self {
            Contraction::Materialised | Contraction::Half | Contraction::Directional => true,
            Contraction::Factored | Contraction::Averaged | Contraction::Output | Contraction::Forwards => false,
        }
    }

    /// As in the run file.
    pub fn name(self) -> &'static str {
        match self {
            Contraction::Factored => "factored",
            Contraction::Averaged => "averaged",
            Contraction::Output => "output",
            Contraction::Materialised => "materialised",
            Contraction::Half => "half",
            Contraction::Forwards => "forwards",
            Contraction::Directional => "directional",
        }
    }
}

/// In what form ψ is carried from step to step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// Not at all: the optimizer has no memory.
    Nothing,
    /// In any form; as factors of single nodes it holds those of so many steps.
    Factors {
        /// Steps of which something is left at once, at the most.
        steps: usize,
    },
    /// As means of factors or of whole rows: Nesterov's momentum adds up two of them.
    Means,
    /// As whole rows, but for the rows of a last layer: a product with a preconditioner, entry by entry, has no factors.
    Rows {
        /// Whether what the examples' rows meet is held beside it.
        apart: bool,
        /// Whether the examples may carry momentum forwards in time instead.
        forwards: bool,
    },
}

/// By how much a gradient of one step may outgrow another's: so much less than a rounding must be left of a factor before it
/// is dropped.
const GROWTH: f64 = (1u64 << 20) as f64;

/// Whether a factor of which `left` is left, the rate of its own step included, still counts beside one of which `largest`
/// is. What a momentum multiplies is the same for both, so that a factor that counts no more never counts again.
pub(super) fn is_left(left: f64, largest: f64, rounding: f64) -> bool {
    left > rounding / GROWTH * largest
}

/// Steps whose factors are held at once, at the most, where a momentum carries them backwards over steps of these rates.
fn window(momentum: f64, rates: &[f64], rounding: f64) -> usize {
    // What is left of two factors keeps its ratio: as logarithms, each less what all have lost since the last step.
    let mut held: VecDeque<f64> = VecDeque::new();
    let (mut lost, mut most) = (0.0, 1);
    let least = (rounding / GROWTH).ln();
    for &rate in rates.iter().rev() {
        let own = rate.abs().ln() - lost;
        held.insert(held.partition_point(|&other| other < own), own);
        let largest = held.back().copied().unwrap_or(own);
        while held.front().is_some_and(|&first| first <= largest + least) {
            held.pop_front();
        }
        most = most.max(held.len());
        lost += momentum.ln();
    }
    most
}

impl Carried {
    /// Of an optimizer, over steps of these learning rates in arithmetic with a rounding of `rounding`.
    pub fn new(optimizer: &Optimizer, rates: &[f64], rounding: f64) -> Self {
        match optimizer.past() {
            Past::Nothing => Carried::Nothing,
            Past::Momentum(momentum) => Carried::Factors { steps: window(momentum, rates, rounding) },
            Past::Ahead => Carried::Means,
            Past::Preconditioned { apart, of_sums } => Carried::Rows { apart, forwards: of_sums },
        }
    }

    /// The same where nothing goes forwards in time.
    pub(crate) fn backwards(self) -> Self {
        if let Carried::Rows { apart, .. } = self { Carried::Rows { apart, forwards: false } } else { self }
    }

    /// Whether the examples may carry momentum forwards in time.
    fn may_go_forwards(self) -> bool {
        matches!(self, Carried::Rows { forwards: true, .. })
    }

    /// Whether ψ is multiplied by a preconditioner, entry by entry.
    pub(crate) fn is_preconditioned(self) -> bool {
        matches!(self, Carried::Rows { .. })
    }

    /// Steps whose factors are held at once.
    pub(crate) fn window(self) -> usize {
        if let Carried::Factors { steps } = self { steps } else { 1 }
    }
}

/// How many rows meet in the contractions of a step.
#[derive(Debug, Clone)]
pub struct Sizes {
    /// Queries.
    pub queries: usize,
    /// R: gradient rows of a query and node.
    pub outputs: usize,
    /// C: gradient rows of an example.
    pub copies: usize,
    /// Quadrature nodes.
    pub nodes: usize,
    /// Examples.
    pub examples: usize,
    /// All examples, whatever a step's batch has of them.
    pub columns: usize,
    /// What is summed.
    pub entries: Vec<Entries>,
    /// T, where there is a sum for each position of an example as well.
    pub positions: Option<usize>,
    /// How ψ is carried.
    pub carried: Carried,
}

impl Sizes {
    /// What is summed, each with the number of gradient rows that an example has for it.
    pub(crate) fn sums(&self) -> impl Iterator<Item = (Entries, usize)> {
        let entries = self.entries.iter().map(|entries| (*entries, entries.copies(self.copies)));
        entries.chain(self.positions.map(|positions| (Entries::Full, positions)))
    }
}

/// The ways in which a block can be contracted whatever the others are: all but [`Contraction::Directional`]. Rows of tied weights
/// are sums over their uses, which no product around one input makes.
pub fn choices(network: &Graph, block: &Block, readout: Readout, carried: Carried) -> Vec<Contraction> {
    let own = |other: &&Block| other.offset == block.offset;
    let twin = network.in_training().blocks.iter().find(own).and_then(Block::only_use);
    let possible = |contraction: &Contraction| {
        let structures = block.uses.iter().all(|one| one.structure.contractions().contains(contraction));
        let only = |allowed: &dyn Fn(&Use) -> bool| block.only_use().is_some_and(allowed);
        // What queries and examples meet.
        let both = |allowed: &dyn Fn(&Graph, &Use) -> bool| {
            only(&|one| allowed(network, one)) && twin.is_some_and(|twin| allowed(network.in_training(), twin))
        };
        // Where rows depend on each other, a gradient is the sum of as many products as a batch has rows.
        let couples = network.in_training().couples_rows();
        structures
            && match contraction {
                Contraction::Materialised => true,
                _ if couples => false,
                Contraction::Half => true,
                Contraction::Directional => false,
                Contraction::Factored => only(&|_| matches!(carried, Carried::Nothing | Carried::Factors { .. })),
                Contraction::Averaged => both(&Graph::has_constant_input) && !carried.is_preconditioned(),
                Contraction::Forwards => {
                    let is_single =
                        |network: &Graph, one: &Use| one.structure.positions() == 1 && network.has_constant_input(one);
                    both(&is_single) && carried.may_go_forwards()
                }
                Contraction::Output => both(&Graph::makes_outputs) && readout.is_identity(),
            }
    };
    Contraction::OF_LAYERS.into_iter().filter(possible).collect()
}

/// The fastest contraction of a layer.
pub fn choose(network: &Graph, block: &Block, readout: Readout, sizes: &Sizes, rates: &Rates) -> Contraction {
    let cost = |contraction: &Contraction| seconds(block, *contraction, sizes, rates);
    let fastest =
        choices(network, block, readout, sizes.carried).into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
    fastest.unwrap_or(Contraction::Materialised)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::layer::{AvgPool2d, Conv2d, Embedding, Flatten, Layer, LayerKind, LayerNorm, Linear};
    use crate::optimizer::{Adam, Sgd};

    fn network(input: &[usize], layers: Vec<LayerKind>) -> Graph {
        let layers = layers.into_iter().map(Layer::new).collect::<Vec<_>>();
        Graph::new(input, &layers).expect("a network")
    }

    fn linear(features: usize) -> LayerKind {
        LayerKind::Linear(Linear { features, bias: true })
    }

    fn picked(network: &Graph, sizes: &Sizes) -> Vec<Contraction> {
        network.blocks.iter().map(|own| choose(network, own, Readout::Outputs, sizes, &Rates::CPU)).collect()
    }

    /// Of one query and example, for `outputs` outputs.
    fn sized(outputs: usize, entries: Entries) -> Sizes {
        let (queries, nodes, examples) = (1, 1, 1);
        let (entries, carried) = (vec![entries], Carried::Nothing);
        Sizes { queries, outputs, copies: outputs, nodes, examples, columns: 1, entries, positions: None, carried }
    }

    const TANH: LayerKind = LayerKind::Activation(Activation::Tanh);

    #[test]
    fn wide_linear_layers_are_factored_and_what_is_constant_is_averaged() {
        let network = network(&[784], vec![linear(512), TANH, linear(512), TANH, linear(10)]);
        let sizes = Sizes { queries: 256, nodes: 1, examples: 256, ..sized(10, Entries::Full) };
        assert_eq!(picked(&network, &sizes), [Contraction::Averaged, Contraction::Factored, Contraction::Output]);
        let attribution = Sizes { nodes: 3, entries: vec![Entries::Loss], ..sizes };
        assert_eq!(picked(&network, &attribution), [Contraction::Averaged, Contraction::Factored, Contraction::Output]);
    }

    #[test]
    fn convolutions_are_materialised_and_narrow_layers_with_many_outputs_are_halved() {
        let conv = LayerKind::Conv2d(Conv2d::square(32, 3, 1, 1, true));
        let pool = LayerKind::AvgPool2d(AvgPool2d::square(16));
        let layers = vec![conv.clone(), TANH, conv, TANH, pool, LayerKind::Flatten(Flatten), linear(10)];
        let cnn = network(&[3, 16, 16], layers);
        let sizes = Sizes { queries: 32, nodes: 1, examples: 32, ..sized(10, Entries::Full) };
        let materialised = Contraction::Materialised;
        assert_eq!(picked(&cnn, &sizes), [materialised, materialised, Contraction::Output]);
        // Many outputs meet a layer of few weights at many nodes.
        let narrow = network(&[16], vec![linear(16), TANH, linear(16), TANH, linear(200)]);
        let sizes = Sizes { queries: 16, nodes: 64, examples: 64, ..sized(200, Entries::Full) };
        assert_ne!(picked(&narrow, &sizes)[1], Contraction::Factored);
    }

    /// ψ of momentum stays in factors where one is constant, in a window of steps where momentum is small, and in whole rows
    /// elsewhere; Adam's is whole rows but in the first layer and the last one.
    #[test]
    fn what_is_carried_stays_in_factors_where_it_can() {
        let network = network(&[64], vec![linear(512), TANH, linear(512), TANH, linear(10)]);
        let sgd = |momentum, nesterov| Optimizer::Sgd(Sgd { momentum, nesterov, ..Sgd::plain(0.1) });
        let adam = Adam {
            learning_rate: 0.1,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            amsgrad: false,
            decoupled: true,
        };
        let pick = |optimizer: &Optimizer, steps: usize| {
            let carried = Carried::new(optimizer, &vec![0.1; steps], f64::from(f32::EPSILON));
            let sizes =
                Sizes { queries: 50, nodes: 3, examples: 1437, columns: 1437, carried, ..sized(10, Entries::Loss) };
            picked(&network, &sizes)
        };
        let [averaged, factored, output, half] =
            [Contraction::Averaged, Contraction::Factored, Contraction::Output, Contraction::Half];
        assert_eq!(pick(&sgd(0.0, false), 100), [averaged, factored, output]);
        assert_eq!(pick(&sgd(0.1, false), 100), [averaged, factored, output]);
        assert_eq!(pick(&sgd(0.97, false), 1000), [averaged, half, output]);
        assert_eq!(pick(&sgd(0.1, true), 100), [averaged, half, output]);
        assert_eq!(pick(&Optimizer::Adam(adam), 100), [Contraction::Forwards, half, output]);
    }

    /// A factor is held as long as something is left of it beside the others, its rate included.
    #[test]
    fn a_window_is_as_long_as_the_rates_ask() {
        let steps = |rates: &[f64]| window(0.5, rates, 2f64.powf(-20.5));
        // 40 halvings: a rounding, and as much as gradients may grow.
        assert_eq!(steps(&[0.1; 100]), 41);
        assert_eq!(steps(&[0.1; 7]), 7);
        // Tiny steps before large ones: what the large ones left still counts when 40 halvings are over.
        let mut rates = [0.1; 100];
        rates[..50].fill(0.1 * 2f64.powi(-16));
        assert_eq!(steps(&rates), 57);
        // Tiny steps after large ones do not count; steps that do nothing never do.
        rates.reverse();
        assert_eq!(steps(&rates), 41);
        assert_eq!((steps(&[0.0; 5]), steps(&[])), (1, 1));
    }

    #[test]
    fn a_layer_norm_is_always_materialised() {
        let network = network(&[8], vec![LayerKind::LayerNorm(LayerNorm::default()), linear(3)]);
        let of = |index: usize| choices(&network, &network.blocks[index], Readout::Outputs, Carried::Nothing);
        assert_eq!(of(0), [Contraction::Materialised]);
        let [factored, output, materialised, half] =
            [Contraction::Factored, Contraction::Output, Contraction::Materialised, Contraction::Half];
        assert_eq!(of(1), [factored, output, materialised, half]);
    }

    #[test]
    fn rows_of_a_long_table_are_not_formed_for_examples() {
        let embedding = |count| LayerKind::Embedding(Embedding { count, features: 64, padding_idx: None });
        let flat = LayerKind::Flatten(Flatten);
        let [averaged, materialised, half] = [Contraction::Averaged, Contraction::Materialised, Contraction::Half];
        let pick = |count, tokens: usize, optimizer: &Optimizer| {
            let network = network(&[tokens], vec![embedding(count), flat.clone(), TANH, linear(4)]);
            let carried = Carried::new(optimizer, &[0.1], f64::from(f32::EPSILON));
            let sizes = Sizes { queries: 8, nodes: 3, examples: 64, columns: 64, carried, ..sized(4, Entries::Loss) };
            picked(&network, &sizes)[0]
        };
        let adam = Adam {
            learning_rate: 0.1,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            amsgrad: false,
            decoupled: true,
        };
        let (sgd, adam) = (Optimizer::Sgd(Sgd::plain(0.1)), Optimizer::Adam(adam));
        assert_eq!(pick(50_000, 8, &sgd), averaged);
        assert_eq!(pick(50_000, 8, &adam), half);
        assert_eq!(pick(100, 64, &sgd), materialised);
        let network = network(&[4], vec![embedding(5), flat, linear(3)]);
        let of = |carried| choices(&network, &network.blocks[0], Readout::Outputs, carried);
        assert_eq!(of(Carried::Nothing), [Contraction::Factored, averaged, materialised, half]);
        assert_eq!(of(Carried::Rows { apart: false, forwards: true }), [materialised, half]);
    }

    /// Few rows and columns are padded at every pair of positions, whole rows once: by the sizes of a query of a residual network
    /// with a batch of 4, where whole rows took a tenth of the time of factors.
    #[test]
    fn few_rows_meet_large_maps_by_whole_rows() {
        let conv = |channels| LayerKind::Conv2d(Conv2d::square(channels, 3, 1, 1, false));
        let pool = LayerKind::AvgPool2d(AvgPool2d::square(16));
        let layers = vec![conv(64), TANH, conv(128), TANH, pool, LayerKind::Flatten(Flatten), linear(2)];
        let cnn = network(&[3, 16, 16], layers);
        for (queries, examples) in [(1, 4), (1, 32), (4, 8), (16, 4)] {
            let sizes = Sizes { queries, nodes: 3, examples, ..sized(2, Entries::Loss) };
            let of = |choice| seconds(&cnn.blocks[1], choice, &sizes, &Rates::CPU);
            assert!(of(Contraction::Factored) > 1.5 * of(Contraction::Materialised), "{queries} × {examples}");
            assert_eq!(picked(&cnn, &sizes)[1], Contraction::Materialised, "{queries} × {examples}");
        }
        // A small map of many channels has shorter factors, padded or not.
        let narrow = network(&[64, 4, 4], vec![conv(128), TANH, conv(128), LayerKind::Flatten(Flatten), linear(2)]);
        let sizes = Sizes { queries: 1, examples: 4, ..sized(2, Entries::Loss) };
        assert_eq!(picked(&narrow, &sizes)[1], Contraction::Factored);
    }
}
