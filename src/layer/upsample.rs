//! `upsample`: axes stretched by repeating each place.

use super::{Lower, Reads, only};
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Key, List, OneOrMore, at};

const FACTORS: OneOrMore<Count> =
    OneOrMore(List { each: Count::from(1), takes: "a whole number of at least 1, or a list of one an axis" });

/// The axes after the first, channels, stretched by repeating each place.
#[derive(Debug, Clone, PartialEq)]
pub struct Upsample {
    /// How often each place is repeated: one number for all axes, or one for each.
    pub scale_factor: Vec<usize>,
}

impl Lower for Upsample {
    const NAME: &'static str = "upsample";
    const HELP: &'static str = "the axes after the channels stretched, each place repeated: torch.nn.Upsample of mode nearest";
    const START: Self = Upsample { scale_factor: Vec::new() };
    const KEYS: &'static [Key<Self>] = &[Key::required(
        "scale_factor",
        "how often each place is repeated: one number, or one for each axis",
        at!(Upsample.scale_factor, FACTORS),
    )];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = graph.shape(input);
        let factors = match self.scale_factor.as_slice() {
            &[one] => vec![one; shape.len().saturating_sub(1)],
            several => several.to_vec(),
        };
        let upsample = Rearrange::upsample(shape, &factors)?;
        graph.add(owner, upsample, &[input])
    }
}
