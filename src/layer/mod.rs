/*!
Layers, as PyTorch names them: one a file, each of which lowers itself into [primitives](crate::graph::primitive).

To add one of primitives that are there: its file, and its line in the list below.
*/

mod activation;

use crate::activation::Activation;
use crate::graph::{Graph, NodeId};

/// A layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The layer it reads (`add`: the other summand); -1 is the network's input, `None` the layer before.
    pub from: Option<i64>,
    /// What it is.
    pub kind: LayerKind,
}

/// What every kind of layer says of itself.
pub trait Lower {
    /// Its name in a run file.
    fn name(&self) -> &'static str;

    /// Whether it has parameters.
    fn has_parameters(&self) -> bool;

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

        impl Lower for LayerKind {
            fn name(&self) -> &'static str {
                match self {
                    $(LayerKind::$name(kind) => kind.name(),)*
                    LayerKind::Activation(kind) => Lower::name(kind),
                }
            }

            fn has_parameters(&self) -> bool {
                match self {
                    $(LayerKind::$name(kind) => kind.has_parameters(),)*
                    LayerKind::Activation(kind) => kind.has_parameters(),
                }
            }

            fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
                match self {
                    $(LayerKind::$name(kind) => kind.lower(graph, layer, inputs),)*
                    LayerKind::Activation(kind) => kind.lower(graph, layer, inputs),
                }
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
