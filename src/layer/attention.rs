//! `attention`: averages of values, weighted by the softmax of products of queries with keys.

use super::dropout::dropped;
use super::{Lower, Reads, stretched};
use crate::graph::primitive::{self, Heads, broadcast_shape};
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Flag, Key, Number, Optional, at};

/// PyTorch's `scaled_dot_product_attention`, its heads side by side in the features.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of keys and values; without it as many.
    pub kv_heads: Option<usize>,
    /// Whether a query sees only the keys up to its own place.
    pub causal: bool,
    /// What products are multiplied by; without it 1 / √(features of a head).
    pub scale: Option<f64>,
    /// The share of the softmax that is dropped in training.
    pub dropout: f64,
}

impl Lower for Attention {
    const NAME: &'static str = "attention";
    const HELP: &'static str = "attention of queries, keys and values, each [positions, features], which `from` names in this \
        order; a fourth layer, [queries, keys] or [heads, queries, keys] or broadcast to that, is added to the scores";
    const START: Self = Attention { heads: 1, kv_heads: None, causal: false, scale: None, dropout: 0.0 };
    const KEYS: &'static [Key<Self>] = &[
        Key::new("heads", "heads, side by side in the features", at!(Attention.heads, Count::from(1))),
        Key::new(
            "kv_heads",
            "heads of keys and values, each of which serves as many heads of queries; without it `heads`",
            at!(Attention.kv_heads, Optional(Count::from(1))),
        ),
        Key::new("causal", "whether a query sees only the keys up to its own place", at!(Attention.causal, Flag)),
        Key::new(
            "scale",
            "what products are multiplied by; without it 1 / √(features of a head)",
            at!(Attention.scale, Optional(Number::Any)),
        ),
        Key::new(
            "dropout",
            "the share of the softmax that is dropped in training, as `dropout` does",
            at!(Attention.dropout, Number::BelowOne),
        ),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::AtLeast(3);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let &Self { heads, kv_heads, causal, scale, dropout } = self;
        let heads = Heads { heads, kv_heads: kv_heads.unwrap_or(heads), causal, scale };
        let mut inputs = inputs.to_vec();
        if let [queries, keys, _, mask] = inputs.as_mut_slice() {
            let (queries, keys) = (graph.shape(*queries).first().copied(), graph.shape(*keys).first().copied());
            let scores = queries.zip(keys).map(|(queries, keys)| [heads.heads, queries, keys]);
            if let Some(shape) = scores.and_then(|scores| mask_shape(graph.shape(*mask), scores)) {
                *mask = stretched(graph, owner, *mask, &shape)?;
            }
        }
        let shapes: Vec<&[usize]> = inputs.iter().map(|&node| graph.shape(node)).collect();
        let attention = primitive::Attention::new(&shapes, &heads)?;
        let dropped = dropped(graph, owner, dropout);
        graph.add(owner, attention.dropping(dropped), &inputs)
    }
}

/// The shape that a mask is stretched to, for scores of a shape: one for all heads where it has no axis of heads. `None` where it
/// does not stretch.
fn mask_shape(mask: &[usize], scores: [usize; 3]) -> Option<Vec<usize>> {
    broadcast_shape(&[mask, &scores]).ok().filter(|shape| *shape == scores)?;
    let is_shared = mask.len() < 3 || mask[0] == 1;
    Some(scores[usize::from(is_shared)..].to_vec())
}
