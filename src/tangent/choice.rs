//! The cost model that picks a contraction for each layer.

use crate::backend::Entries;
use crate::network::{Network, Parameters};
use serde::{Deserialize, Serialize};

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
}

impl Contraction {
    /// All of them.
    pub const ALL: [Contraction; 5] = [
        Contraction::Factored,
        Contraction::Averaged,
        Contraction::Output,
        Contraction::Materialised,
        Contraction::Half,
    ];

    /// As in the run file.
    pub fn name(self) -> &'static str {
        match self {
            Contraction::Factored => "factored",
            Contraction::Averaged => "averaged",
            Contraction::Output => "output",
            Contraction::Materialised => "materialised",
            Contraction::Half => "half",
        }
    }
}

/// How many rows meet in the contractions of a step.
#[derive(Debug, Clone)]
pub struct Sizes {
    /// Queries.
    pub queries: usize,
    /// Outputs C: gradient rows of a query and node.
    pub outputs: usize,
    /// Quadrature nodes.
    pub nodes: usize,
    /// Examples.
    pub examples: usize,
    /// What is summed.
    pub entries: Vec<Entries>,
}

/// Seconds that a device takes for the kinds of work that contractions are made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// A multiply-add of a large product.
    pub multiply_add: f64,
    /// An entry of a part of the fused product, beyond its multiply-adds.
    pub entry: f64,
    /// A multiply-add of gradient rows that are formed.
    pub forming: f64,
    /// An element that is read and written once.
    pub element: f64,
}

impl Rates {
    /// Where nothing was measured: a fused product's entry as much as some dozen multiply-adds, as on most machines.
    pub const TYPICAL: Rates = Rates { multiply_add: 1e-11, entry: 1.5e-10, forming: 3e-11, element: 2e-10 };
}

/// What a contraction is made of, for one step.
#[derive(Debug, Clone, Copy, Default)]
struct Work {
    multiply_adds: f64,
    entries: f64,
    forming: f64,
    elements: f64,
}

/// Of one way to contract a layer.
fn work(own: &Parameters, contraction: Contraction, sizes: &Sizes) -> Work {
    let real = |count: usize| count as f64;
    let (p, h, w) = (real(own.positions), real(own.height.max(1)), real(own.width));
    let (n, c, m, k) = (real(sizes.queries), real(sizes.outputs), real(sizes.examples), real(sizes.nodes));
    let len = real(own.len());
    let rows = n * c;
    // Pairs of rows, entries that they are summed to, and rows of examples.
    let pairs: f64 = sizes.entries.iter().map(|entries| n * m * real(pairs_of(*entries, sizes.outputs))).sum();
    let sums: f64 = sizes.entries.iter().map(|entries| n * m * real(entries.per_pair(sizes.outputs))).sum();
    let copies: f64 = sizes.entries.iter().map(|entries| m * real(entries.copies(sizes.outputs))).sum();
    let accumulators = real(sizes.entries.len().max(1));
    let packing = |left: f64, right: f64| accumulators * left + right;
    match contraction {
        Contraction::Factored => Work {
            multiply_adds: k * (n * m * p * p * w + pairs * p * p * h),
            entries: k * (sums * p * p + n * m * p * p),
            elements: k * packing(rows * p * h, copies * p * h),
            forming: 0.0,
        },
        Contraction::Averaged => Work {
            multiply_adds: pairs * p * p * h,
            entries: sums * p * p,
            elements: k * rows * p * h + packing(rows * p * h, copies * p * h),
            forming: 0.0,
        },
        Contraction::Output => {
            Work { multiply_adds: n * m * w, entries: sums + n * m, elements: k * n * w, forming: 0.0 }
        }
        Contraction::Materialised => Work {
            multiply_adds: pairs * len,
            entries: sums,
            elements: packing(rows * len, copies * len) + k * rows * len + copies * len,
            forming: (k * rows + copies) * p * len,
        },
        Contraction::Half => Work {
            multiply_adds: accumulators * rows * h * m * p * (w + 1.0),
            entries: rows * h * p * m + pairs * h * p,
            elements: packing(rows * len, m * p * w) + k * rows * len,
            forming: k * rows * p * len,
        },
    }
}

/// Pairs of rows of one query and one example.
fn pairs_of(entries: Entries, outputs: usize) -> usize {
    match entries {
        Entries::Loss | Entries::Trace | Entries::Diagonal => outputs,
        Entries::Full => outputs.saturating_mul(outputs),
    }
}

/// Seconds of a layer's contraction in one step.
pub fn seconds(own: &Parameters, contraction: Contraction, sizes: &Sizes, rates: &Rates) -> f64 {
    let work = work(own, contraction, sizes);
    work.multiply_adds * rates.multiply_add
        + work.entries * rates.entry
        + work.forming * rates.forming
        + work.elements * rates.element
}

/// Floating-point operations of a layer's contraction in one step, two per multiply-add.
pub fn flops(own: &Parameters, contraction: Contraction, sizes: &Sizes) -> f64 {
    let work = work(own, contraction, sizes);
    2.0 * (work.multiply_adds + work.forming)
}

/// The ways in which a layer can be contracted. A layer_norm's rows are short: always materialised.
pub fn choices(network: &Network, own: &Parameters) -> Vec<Contraction> {
    let possible = |contraction: &Contraction| match contraction {
        Contraction::Materialised => true,
        Contraction::Factored | Contraction::Half => !own.is_norm(),
        Contraction::Averaged => !own.is_norm() && network.has_constant_input(own),
        Contraction::Output => network.is_last_linear(own),
    };
    Contraction::ALL.into_iter().filter(possible).collect()
}

/// The fastest contraction of a layer.
pub fn choose(network: &Network, own: &Parameters, sizes: &Sizes, rates: &Rates) -> Contraction {
    let cost = |contraction: &Contraction| seconds(own, *contraction, sizes, rates);
    let fastest = choices(network, own).into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
    fastest.unwrap_or(Contraction::Materialised)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_file::{Activation, Layer, LayerKind, Model};

    fn network(input: &[usize], layers: Vec<LayerKind>) -> Network {
        let layers = layers.into_iter().map(|kind| Layer { from: None, kind }).collect();
        Network::new(&Model { input: input.to_vec(), layers, weights: None }).expect("a network")
    }

    fn linear(features: usize) -> LayerKind {
        LayerKind::Linear { features, bias: true }
    }

    fn picked(network: &Network, sizes: &Sizes) -> Vec<Contraction> {
        network.parameters.iter().map(|own| choose(network, own, sizes, &Rates::TYPICAL)).collect()
    }

    const TANH: LayerKind = LayerKind::Activation(Activation::Tanh);

    #[test]
    fn wide_linear_layers_are_factored_and_what_is_constant_is_averaged() {
        let network = network(&[784], vec![linear(512), TANH, linear(512), TANH, linear(10)]);
        let sizes = Sizes { queries: 256, outputs: 10, nodes: 1, examples: 256, entries: vec![Entries::Full] };
        assert_eq!(picked(&network, &sizes), [Contraction::Averaged, Contraction::Factored, Contraction::Output]);
        let attribution = Sizes { nodes: 3, entries: vec![Entries::Loss], ..sizes };
        assert_eq!(picked(&network, &attribution), [Contraction::Averaged, Contraction::Factored, Contraction::Output]);
    }

    #[test]
    fn convolutions_are_materialised_and_narrow_layers_with_many_outputs_are_halved() {
        let conv = LayerKind::Conv2d { channels: 32, kernel: 3, stride: 1, padding: 1, bias: true };
        let pool = LayerKind::AvgPool2d { kernel: 16 };
        let layers = vec![conv.clone(), TANH, conv, TANH, pool, LayerKind::Flatten, linear(10)];
        let cnn = network(&[3, 16, 16], layers);
        let sizes = Sizes { queries: 32, outputs: 10, nodes: 1, examples: 32, entries: vec![Entries::Full] };
        let materialised = Contraction::Materialised;
        assert_eq!(picked(&cnn, &sizes), [materialised, materialised, Contraction::Output]);
        // Many outputs meet a layer of few weights at many nodes.
        let narrow = network(&[16], vec![linear(16), TANH, linear(16), TANH, linear(200)]);
        let sizes = Sizes { queries: 16, outputs: 200, nodes: 64, examples: 64, entries: vec![Entries::Full] };
        assert_ne!(picked(&narrow, &sizes)[1], Contraction::Factored);
    }

    #[test]
    fn a_layer_norm_is_always_materialised() {
        let network = network(&[8], vec![LayerKind::LayerNorm, linear(3)]);
        let of = |index: usize| choices(&network, &network.parameters[index]);
        assert_eq!(of(0), [Contraction::Materialised]);
        let [factored, output, materialised, half] =
            [Contraction::Factored, Contraction::Output, Contraction::Materialised, Contraction::Half];
        assert_eq!(of(1), [factored, output, materialised, half]);
    }

    #[test]
    fn work_of_a_small_layer_is_what_a_hand_counts() {
        // 2 queries × 3 examples, 5 outputs, 4 nodes; a layer of 7 × 11, one position.
        let network = network(&[11], vec![LayerKind::LayerNorm, linear(7), linear(5)]);
        let own = &network.parameters[1];
        let sizes = Sizes { queries: 2, outputs: 5, nodes: 4, examples: 3, entries: vec![Entries::Full] };
        let pairs = 2.0 * 3.0 * 25.0;
        assert_eq!(flops(own, Contraction::Factored, &sizes), 2.0 * 4.0 * (2.0 * 3.0 * 11.0 + pairs * 7.0));
        let formed = (4.0 * 10.0 + 15.0) * 84.0;
        assert_eq!(flops(own, Contraction::Materialised, &sizes), 2.0 * (pairs * 84.0 + formed));
    }
}
