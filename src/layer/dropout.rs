//! `dropout`: numbers dropped at random in training.

use super::{Lower, Reads, only};
use crate::graph::primitive::{self, Dropped};
use crate::graph::{Graph, Mode, NodeId, Owner};
use crate::key::{Key, Number, at};

/// About a share of the numbers is 0 in training, and the others are divided by what is left of 1; a prediction has them as they
/// are.
#[derive(Debug, Clone, PartialEq)]
pub struct Dropout {
    /// The share that is dropped.
    pub p: f64,
}

impl Lower for Dropout {
    const NAME: &'static str = "dropout";
    const HELP: &'static str = "in training, numbers dropped at random for each step and example; predictions have them as they \
        are";
    const START: Self = Dropout { p: 0.5 };
    const KEYS: &'static [Key<Self>] = &[
        Key::new("p", "the share that is dropped; the others are divided by 1 - p", at!(Dropout.p, Number::BelowOne)),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        match dropped(graph, owner, self.p) {
            None => Ok(input),
            Some(dropped) => {
                let dropout = primitive::Dropout::new(graph.shape(input), dropped);
                graph.add(owner, dropout, &[input])
            }
        }
    }
}

/// What a layer drops in this mode; `None`: nothing.
pub(super) fn dropped(graph: &mut Graph, owner: &Owner, share: f64) -> Option<Dropped> {
    let drops = share > 0.0 && graph.mode() == Mode::Training;
    drops.then_some(Dropped { share, layer: owner.layer as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::compute::cpu::CpuBackend;
    use crate::compute::{Backend, Slice};
    use crate::graph::Segment;
    use crate::layer::{Embedding, Flatten, Layer, LayerKind, Linear};

    fn network(input: &[usize], kinds: Vec<LayerKind>) -> Graph {
        let layers: Vec<Layer> = kinds.into_iter().map(Layer::new).collect();
        Graph::new(input, &layers).expect("a network")
    }

    fn linear(features: usize) -> LayerKind {
        Linear { features, bias: true }.into()
    }

    /// A prediction meets the network without dropout, and training one with the same parameters.
    #[test]
    fn training_alone_drops() {
        let network = network(&[3], vec![linear(4), Dropout { p: 0.5 }.into(), linear(2), Dropout { p: 0.0 }.into()]);
        let twin = network.in_training();
        assert!(network.differs_in_training() && twin.draws() && !network.draws());
        assert_eq!((network.nodes.len(), twin.nodes.len()), (2, 3));
        let places = |graph: &Graph| graph.blocks.iter().map(|own| (own.offset, own.len())).collect::<Vec<_>>();
        assert_eq!(places(&network), places(twin));

        let backend = CpuBackend::<f64>::new();
        let weights = backend.upload(&network.draw(1)).expect("room");
        let x = backend.upload(&[0.3, -0.2, 0.7]).expect("room");
        let input = Slice::new(&x, 0, 3);
        let outputs = |draw| {
            let pass = twin.forward_drawing(&backend, Segment::at(&weights), input, 1, draw)?;
            backend.download(twin.outputs(&pass))
        };
        let examples = vec![6];
        let of = |step| outputs(twin.drawing(step, Some(&examples))).expect("a pass");
        assert!((1..20).any(|step| of(step) != of(0)));
        assert!(outputs(None).is_err_and(|error| error.to_string().contains("step")));
    }

    /// What lies before a layer is the same in every step only where nothing is dropped there.
    #[test]
    fn dropped_inputs_are_not_constant() {
        let network = network(&[3], vec![Dropout { p: 0.2 }.into(), linear(4)]);
        let constant = |graph: &Graph| graph.has_constant_input(&graph.blocks[0].uses[0]);
        assert!(constant(&network) && !constant(network.in_training()));
    }

    /// Outputs that are dropped are no linear layer's.
    #[test]
    fn dropped_outputs_are_not_a_layers_own() {
        let network = network(&[3], vec![linear(4), Dropout::START.into()]);
        let own = |graph: &Graph| graph.makes_outputs(&graph.blocks[0].uses[0]);
        assert!(own(&network) && !own(network.in_training()));
    }

    #[test]
    fn nothing_dropped_is_no_other_network() {
        let kinds = vec![linear(4), LayerKind::Activation(Activation::Tanh), Dropout { p: 0.0 }.into()];
        assert!(!network(&[3], kinds).differs_in_training());
    }

    #[test]
    fn tokens_are_not_dropped() {
        let kinds = [Dropout { p: 0.1 }.into(), Embedding { count: 5, features: 2, padding_idx: None }.into(), Flatten.into()];
        let layers: Vec<Layer> = kinds.into_iter().map(|kind: LayerKind| Layer::new(kind)).collect();
        let problem = Graph::new(&[3], &layers).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(problem.contains("put dropout behind it"), "{problem}");
    }
}
