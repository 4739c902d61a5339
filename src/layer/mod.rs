/*!
Layers, as PyTorch names them: one a file, each of which lowers itself into [primitives](crate::graph::primitive).

To add one of primitives that are there: its file, and its line in the list below.
*/

mod activation;
mod avg_pool;
mod axes;
mod conv;
mod conv_transpose;
mod max_pool;
mod sweep;

pub(crate) mod keys;

use crate::activation::Activation;
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Alternative, Key, Variant};

/// A layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// What other layers call it, and what its tensors' names begin with; its index without one.
    pub name: Option<String>,
    /// What it reads; the layer before where nothing is named. One that reads two or more of a kind, as a sum does, and names
    /// one reads the layer before first.
    pub from: Vec<Source>,
    /// Its tensors that are other layers' by their names: its own name of each, such as `weight`, and the other's.
    pub ties: Vec<(String, String)>,
    /// What it is.
    pub kind: LayerKind,
}

/// An earlier value of a network.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The output of the layer of an index; -1 is the network's input.
    Index(i64),
    /// The layer or the input of a name.
    Name(String),
}

impl Layer {
    /// A layer without a name that reads the one before.
    pub fn new(kind: impl Into<LayerKind>) -> Self {
        Self { name: None, from: Vec::new(), ties: Vec::new(), kind: kind.into() }
    }

    /// The same, reading earlier layers by their indices; -1 is the network's input.
    pub fn reading(self, from: &[i64]) -> Self {
        Self { from: from.iter().map(|&index| Source::Index(index)).collect(), ..self }
    }
}

impl From<LayerKind> for Layer {
    fn from(kind: LayerKind) -> Self {
        Self::new(kind)
    }
}

impl From<Activation> for LayerKind {
    fn from(kind: Activation) -> Self {
        LayerKind::Activation(kind)
    }
}

impl Default for Source {
    fn default() -> Self {
        Source::Index(-1)
    }
}

/// How many values a layer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// So many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
}

impl Reads {
    /// The least.
    pub fn least(self) -> usize {
        match self {
            Reads::Exactly(count) | Reads::AtLeast(count) => count,
        }
    }

    /// Whether so many will do.
    pub fn allows(self, count: usize) -> bool {
        match self {
            Reads::Exactly(exactly) => count == exactly,
            Reads::AtLeast(least) => count >= least,
        }
    }
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
    /// How many values it reads.
    const READS: Reads;

    /// Adds its nodes to a graph, as those of `owner`, reading as many nodes as [`READS`](Self::READS) allows; returns the one
    /// that is its output.
    ///
    /// # Errors
    ///
    /// Shapes that it does not fit.
    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String>;
}

pub use batch_norm::Statistics;

/// The only input of a layer that reads one.
fn only(inputs: &[NodeId]) -> Result<NodeId, String> {
    let &[only] = inputs else { return Err(format!("reads one value, not {}", inputs.len())) };
    Ok(only)
}

/// A value stretched to a shape, as PyTorch and NumPy broadcast; leading axes of length 1 that the shape lacks fall away.
fn stretched(graph: &mut Graph, owner: &Owner, node: NodeId, shape: &[usize]) -> Result<NodeId, String> {
    let own = graph.shape(node);
    if own == shape {
        return Ok(node);
    }
    let own = own[own.len().saturating_sub(shape.len())..].to_vec();
    let reshape = Rearrange::reshape(graph.shape(node), &own)?;
    let node = graph.add(owner, reshape, &[node])?;
    let broadcast = Rearrange::broadcast(&own, shape)?;
    graph.add(owner, broadcast, &[node])
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

            /// How many values it reads.
            pub fn reads(&self) -> Reads {
                match self {
                    $(LayerKind::$name(_) => $name::READS,)*
                    LayerKind::Activation(_) => Reads::Exactly(1),
                }
            }

            /// Adds its nodes to a graph; see [`Lower::lower`].
            pub(crate) fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
                match self {
                    $(LayerKind::$name(kind) => kind.lower(graph, owner, inputs),)*
                    LayerKind::Activation(kind) => activation::lower(*kind, graph, owner, inputs),
                }
            }

            /// Every kind with its keys, but for the activations.
            fn variants() -> Vec<Box<dyn Variant<Layer>>> {
                vec![$(Box::new(Alternative::<Layer, $name> {
                    name: $name::NAME,
                    help: $name::HELP,
                    start: $name::START,
                    keys: $name::KEYS,
                    check: |_| Ok(()),
                    make: |kind| Layer::new(LayerKind::$name(kind)),
                    of: |layer| if let LayerKind::$name(kind) = &layer.kind { Some(kind.clone()) } else { None },
                }),)*]
            }
        }
    };
}

layers! {
    linear::Linear,
    conv1d::Conv1d,
    conv2d::Conv2d,
    conv_transpose1d::ConvTranspose1d,
    conv_transpose2d::ConvTranspose2d,
    max_pool1d::MaxPool1d,
    max_pool2d::MaxPool2d,
    avg_pool1d::AvgPool1d,
    avg_pool2d::AvgPool2d,
    global_max_pool::GlobalMaxPool,
    global_avg_pool::GlobalAvgPool,
    flatten::Flatten,
    layer_norm::LayerNorm,
    rms_norm::RmsNorm,
    group_norm::GroupNorm,
    batch_norm::BatchNorm,
    parameter::Parameter,
    embedding::Embedding,
    constant::Constant,
    add::Add,
    multiply::Multiply,
    scale::Scale,
    offset::Offset,
    reshape::Reshape,
    permute::Permute,
    slice::Slice,
    concat::Concat,
    pad::Pad,
    broadcast::Broadcast,
    mean::Mean,
    sum::Sum,
    upsample::Upsample,
    matmul::MatMul,
    softmax::Softmax,
    log_softmax::LogSoftmax,
    mask::Mask,
    dropout::Dropout,
    attention::Attention,
    lstm::Lstm,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a kind has parameters is what its graph says.
    #[test]
    fn layers_with_parameters_bring_blocks() {
        let (bias, kernel) = (true, 2);
        let kinds: [LayerKind; 10] = [
            Linear { features: 3, bias }.into(),
            Conv2d::square(2, kernel, 1, 0, bias).into(),
            MaxPool2d::square(kernel).into(),
            AvgPool2d::square(kernel).into(),
            Flatten.into(),
            LayerNorm::default().into(),
            Add.into(),
            Parameter { shape: vec![2] }.into(),
            Embedding { count: 3, features: 2, padding_idx: None }.into(),
            LayerKind::Activation(Activation::Tanh),
        ];
        for kind in kinds {
            // Layers that read several are given the input as often.
            let layer = Layer::new(kind.clone()).reading(&vec![-1; kind.reads().least()]);
            let graph = Graph::new(&[2, 4, 4], &[layer]).expect("a graph");
            assert_eq!(!graph.blocks.is_empty(), kind.has_parameters(), "{}", kind.name());
        }
    }
}
