/*!
Layers, as PyTorch names them: one a file, each of which lowers itself into [primitives](crate::graph::primitive).

To add one of primitives that are there: its file, and its line in the list below.
*/

mod activation;

pub(crate) mod keys;

use crate::activation::Activation;
use crate::graph::{Graph, NodeId};
use crate::key::{Alternative, Key, Variant};

/// A layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The layer it reads (`add`: the other summand); -1 is the network's input, `None` the layer before.
    pub from: Option<i64>,
    /// What it is.
    pub kind: LayerKind,
}

/// What every kind of layer says of itself.
pub trait Lower: Clone + PartialEq + Sized + 'static {
    /// Its name in a run file.
    const NAME: &'static str;
    /// What it is, in a line.
    const HELP: &'static str;
    /// What stands before its keys are read.
    const START: Self;
    /// Its keys in a run file.
    const KEYS: &'static [Key<Self>];
    /// Whether it has parameters.
    const HAS_PARAMETERS: bool;
    /// Whether it must name a layer that it reads beside the one before.
    const NEEDS_FROM: bool;

    /// Adds its nodes to a graph, as layer number `layer`; returns the one that is its output.
    ///
    /// # Errors
    ///
    /// Shapes that it does not fit.
    fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String>;
}

/// The nodes that a layer may read.
#[derive(Debug, Clone, Copy)]
pub struct Inputs {
    /// The output of the layer before.
    pub before: NodeId,
    /// The output of the layer that it names; of the one before where it names none.
    pub named: NodeId,
}

/// Makes one type of all kinds of layer.
macro_rules! layers {
    ($($module:ident::$name:ident,)*) => {
        $(mod $module; pub use $module::$name;)*

        /// Kinds of layer.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs)]
        pub enum LayerKind {
            $($name($name),)*
            Activation(Activation),
        }

        $(impl From<$name> for LayerKind {
            fn from(kind: $name) -> Self {
                LayerKind::$name(kind)
            }
        })*

        impl LayerKind {
            /// Its name in a run file.
            pub fn name(&self) -> &'static str {
                match self {
                    $(LayerKind::$name(_) => $name::NAME,)*
                    LayerKind::Activation(kind) => kind.name(),
                }
            }

            /// Whether it has parameters.
            pub fn has_parameters(&self) -> bool {
                match self {
                    $(LayerKind::$name(_) => $name::HAS_PARAMETERS,)*
                    LayerKind::Activation(_) => false,
                }
            }

            /// Whether it must name a layer that it reads beside the one before.
            pub fn needs_from(&self) -> bool {
                match self {
                    $(LayerKind::$name(_) => $name::NEEDS_FROM,)*
                    LayerKind::Activation(_) => false,
                }
            }

            /// Adds its nodes to a graph; see [`Lower::lower`].
            pub(crate) fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
                match self {
                    $(LayerKind::$name(kind) => kind.lower(graph, layer, inputs),)*
                    LayerKind::Activation(kind) => activation::lower(*kind, graph, layer, inputs),
                }
            }

            /// Every kind with its keys, but for the activations, which have none.
            fn variants() -> Vec<Box<dyn Variant<Layer>>> {
                vec![$(Box::new(Alternative::<Layer, $name> {
                    name: $name::NAME,
                    help: $name::HELP,
                    start: $name::START,
                    keys: $name::KEYS,
                    check: |_| Ok(()),
                    make: |kind| Layer { from: None, kind: LayerKind::$name(kind) },
                    of: |layer| if let LayerKind::$name(kind) = &layer.kind { Some(kind.clone()) } else { None },
                }),)*]
            }
        }
    };
}

layers! {
    linear::Linear,
    conv2d::Conv2d,
    max_pool2d::MaxPool2d,
    avg_pool2d::AvgPool2d,
    flatten::Flatten,
    layer_norm::LayerNorm,
    rms_norm::RmsNorm,
    add::Add,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a kind has parameters is what its graph says.
    #[test]
    fn layers_with_parameters_bring_blocks() {
        let (bias, kernel) = (true, 2);
        let kinds: [LayerKind; 8] = [
            Linear { features: 3, bias }.into(),
            Conv2d { channels: 2, kernel, stride: 1, padding: 0, bias }.into(),
            MaxPool2d { kernel }.into(),
            AvgPool2d { kernel }.into(),
            Flatten.into(),
            LayerNorm.into(),
            Add.into(),
            LayerKind::Activation(Activation::Tanh),
        ];
        for kind in kinds {
            let layer = Layer { from: None, kind: kind.clone() };
            let graph = Graph::new(&[2, 4, 4], &[layer]).expect("a graph");
            assert_eq!(!graph.blocks.is_empty(), kind.has_parameters(), "{}", kind.name());
        }
    }
}
