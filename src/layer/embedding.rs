//! `embedding`: for each whole number of the input a row of a table.

use super::{Lower, Reads, only};
use crate::graph::primitive::Lookup;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Key, Optional, Whole, at};

/// For each token of the input, a whole number from 0, a row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Rows of the table.
    pub count: usize,
    /// Features of a row.
    pub features: usize,
    /// A row that gets no gradient; from the end where it is negative.
    pub padding_idx: Option<i64>,
}

impl Lower for Embedding {
    const NAME: &'static str = "embedding";
    const HELP: &'static str = "for each whole number of the input a row of a table, on a last axis of its own; drawn normal";
    const START: Self = Embedding { count: 0, features: 0, padding_idx: None };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("count", "rows of the table: the input's numbers are below it", at!(Embedding.count, Count::from(1))),
        Key::required("features", "features of a row", at!(Embedding.features, Count::from(1))),
        Key::new(
            "padding_idx",
            "a row that gets no gradient, counted from the end where it is negative; drawn as zeros",
            at!(Embedding.padding_idx, Optional(Whole)),
        ),
    ];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let lookup = Lookup::new(graph.shape(input), self.count, self.features)?;
        let lookup = match self.padding()? {
            None => lookup,
            Some(row) => lookup.padded(row),
        };
        graph.add(owner, lookup, &[input])
    }
}

impl Embedding {
    /// The row that gets no gradient.
    fn padding(&self) -> Result<Option<usize>, String> {
        let Some(given) = self.padding_idx else { return Ok(None) };
        let from_end = if given < 0 { self.count as i64 } else { 0 };
        let row = given.checked_add(from_end).and_then(|row| usize::try_from(row).ok()).filter(|&row| row < self.count);
        let (count, last) = (self.count, self.count - 1);
        row.map(Some).ok_or_else(|| format!("padding_idx = {given} is no row of the table; give one from -{count} to {last}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Add, Layer, LayerKind, Linear};

    fn graph(padding_idx: Option<i64>) -> Result<Graph, String> {
        let layer = Layer::new(Embedding { count: 3, features: 2, padding_idx });
        Graph::new(&[4], &[layer]).map_err(|error| error.to_string())
    }

    /// A head that is tied to a padded table has a gradient at the row.
    #[test]
    fn a_padded_table_is_not_shared_with_others() {
        let table = || Layer { name: Some("e".into()), ..Layer::new(Embedding { count: 3, features: 2, padding_idx: Some(0) }) };
        let tied = |kind: LayerKind| Layer { ties: vec![("weight".into(), "e.weight".into())], ..Layer::new(kind) };
        let head = tied(Linear { features: 3, bias: false }.into());
        let problem = Graph::new(&[4], &[table(), head]).expect_err("a head").to_string();
        assert!(problem.contains("padding_idx") && problem.contains("e.weight"), "{problem}");
        let both = |padding_idx| {
            let again = tied(Embedding { count: 3, features: 2, padding_idx }.into()).reading(&[-1]);
            Graph::new(&[4], &[table(), again, Layer::new(Add).reading(&[0, 1])]).map_err(|error| error.to_string())
        };
        assert!(both(Some(0)).is_ok(), "{:?}", both(Some(0)).err());
        for other in [Some(1), None] {
            let problem = both(other).expect_err("another row");
            assert!(problem.contains("padding_idx"), "{problem}");
        }
    }

    /// As torch.nn.Embedding draws it; the others are drawn as they are without it.
    #[test]
    fn the_row_of_padding_is_drawn_as_zeros() {
        let all = graph(None).expect("a graph").draw(7);
        for row in [1, -2] {
            let padded = graph(Some(row)).expect("a graph").draw(7);
            assert_eq!([&padded[..2], &padded[2..4], &padded[4..6]], [&all[..2], &[0.0, 0.0], &all[4..6]]);
        }
        for row in [3, -4, i64::MIN, i64::MAX] {
            let problem = graph(Some(row)).expect_err("no row");
            assert!(problem.contains("give one from -3 to 2"), "{problem}");
        }
    }
}
