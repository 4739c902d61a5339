//! Which inputs may hold -∞: masks that are added to the scores of a softmax.

use super::primitive::{MinusInfinity, Primitive};
use super::{Graph, NodeId};

impl Graph {
    /// Of each input, whether it may hold -∞: whether everything that reads it, in training as well, adds it to the scores of a
    /// softmax or of attention, where it leaves a weight of 0.
    pub fn take_minus_infinity(&self) -> Vec<bool> {
        let [predicting, training] = [self, self.in_training()].map(|graph| {
            let vanishes = graph.vanishing();
            graph.input_nodes.iter().map(|&node| vanishes[node]).collect::<Vec<bool>>()
        });
        predicting.into_iter().zip(training).map(|(predicting, training)| predicting && training).collect()
    }

    /// Of each node, whether a value of -∞ becomes a weight of 0 wherever it is read.
    fn vanishing(&self) -> Vec<bool> {
        let mut read = vec![false; self.nodes.len() + 1];
        let mut spoils = vec![false; self.nodes.len() + 1];
        spoils[self.output()] = true;
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let own = spoils[index + 1] || !read[index + 1];
            for (place, &input) in node.inputs.iter().enumerate() {
                read[input] = true;
                spoils[input] |= match node.kind.minus_infinity(place) {
                    MinusInfinity::Spoils => true,
                    MinusInfinity::Stays => own,
                    MinusInfinity::Vanishes => false,
                };
            }
        }
        (0..read.len()).map(|node: NodeId| read[node] && !spoils[node]).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::{Design, Input};
    use crate::layer::{Add, Attention, Dropout, Layer, LayerKind, Linear, Scale, Softmax, Source};

    fn layer(kind: impl Into<LayerKind>, from: &[&str]) -> Layer {
        Layer { from: from.iter().map(|&name| Source::Name(name.to_owned())).collect(), ..Layer::new(kind) }
    }

    fn named(name: &str, layer: Layer) -> Layer {
        Layer { name: Some(name.to_owned()), ..layer }
    }

    /// Of two inputs, x and a mask.
    fn takes(layers: Vec<Layer>) -> Vec<bool> {
        let input = |name: &str, shape: &[usize]| Input { name: Some(name.to_owned()), ..Input::only(shape) };
        let inputs = vec![input("x", &[3, 3]), input("mask", &[3, 3])];
        Design { inputs, ..Design::new(&[], &layers) }.build().expect("a graph").take_minus_infinity()
    }

    #[test]
    fn only_masks_take_minus_infinity() {
        let linear = || named("h", layer(Linear { features: 3, bias: false }, &["x"]));
        let attention = || {
            layer(
                Attention { heads: 1, kv_heads: None, causal: false, scale: None, dropout: 0.0 },
                &["h", "h", "h", "mask"],
            )
        };
        let sum = || named("sum", layer(Add, &["h", "mask"]));
        let scaled = |by| named("scaled", layer(Scale { by }, &["mask"]));
        let softmax = || layer(Softmax { axis: -1 }, &["sum"]);
        assert_eq!(takes(vec![linear(), attention()]), [false, true]);
        assert_eq!(takes(vec![linear(), sum(), softmax()]), [false, true]);
        // What is added is the output, or is read by another layer as well.
        assert_eq!(takes(vec![linear(), sum()]), [false, false]);
        assert_eq!(takes(vec![linear(), sum(), softmax(), layer(Add, &["h", "mask"])]), [false, false]);
        let positive = layer(Add, &["h", "scaled"]);
        assert_eq!(takes(vec![linear(), scaled(2.0), named("sum", positive.clone()), softmax()]), [false, true]);
        assert_eq!(takes(vec![linear(), scaled(-2.0), named("sum", positive), softmax()]), [false, false]);
        // What is dropped in training is a score again.
        let dropped = named("dropped", layer(Dropout { p: 0.5 }, &["mask"]));
        let sum = named("sum", layer(Add, &["h", "dropped"]));
        assert_eq!(takes(vec![linear(), dropped, sum, softmax()]), [false, false]);
        // An input that nothing reads is no mask.
        assert_eq!(takes(vec![linear()]), [false, false]);
    }
}
