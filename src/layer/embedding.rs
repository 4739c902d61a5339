//! `embedding`: for each whole number of the input a row of a table.

use super::{Lower, Reads, only};
use crate::graph::primitive::Lookup;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Key, at};

/// For each token of the input, a whole number from 0, a row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Rows of the table.
    pub count: usize,
    /// Features of a row.
    pub features: usize,
}

impl Lower for Embedding {
    const NAME: &'static str = "embedding";
    const HELP: &'static str = "for each whole number of the input a row of a table, on a last axis of its own; drawn normal";
    const START: Self = Embedding { count: 0, features: 0 };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("count", "rows of the table: the input's numbers are below it", at!(Embedding.count, Count::from(1))),
        Key::required("features", "features of a row", at!(Embedding.features, Count::from(1))),
    ];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let lookup = Lookup::new(graph.shape(input), self.count, self.features)?;
        graph.add(owner, lookup, &[input])
    }
}
