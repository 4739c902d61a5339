//! Whether inputs hold the whole numbers that rows of tables are looked up by.

use super::primitive::Primitive;
use super::{Block, Forward, Graph, Node, NodeId, Segment, Structure};
use crate::compute::cpu::CpuBackend;
use crate::compute::{Backend, Slice};

/// Elements of the inputs that are looked at together.
const AT_ONCE: usize = 1 << 20;

/// A node whose values name rows of a table.
struct Lookup {
    layer: usize,
    /// The name of the table.
    table: String,
    /// The node that holds the tokens.
    tokens: NodeId,
    /// Rows of the table.
    count: usize,
}

impl Graph {
    /// Fails unless every value by which a row of a table is looked up names one, for each of some inputs in C order. Of the
    /// graph, what lies between the inputs and those values is computed.
    ///
    /// # Errors
    ///
    /// The first value that names no row: where it is, and what it must be.
    pub fn check_tokens(&self, inputs: &[f64]) -> Result<(), String> {
        let lookups = self.lookups();
        let width = self.input_len().max(1);
        if lookups.is_empty() {
            return Ok(());
        }
        let read = self.read_by(&lookups);
        let has_tensors = |(index, node): (usize, &Node)| read[index + 1] && node.kind.built().parameters.is_some();
        let weights = if self.nodes.iter().enumerate().any(has_tensors) { self.given() } else { Vec::new() };
        let at_once = (AT_ONCE / width).max(1);
        for (number, part) in inputs.chunks(at_once * width).enumerate() {
            self.check_part(&lookups, (&read, &weights), part, number * at_once)?;
        }
        Ok(())
    }

    fn lookups(&self) -> Vec<Lookup> {
        let uses =
            self.blocks.iter().chain(&self.held).flat_map(|block| block.uses.iter().map(move |one| (block, one)));
        let lookup = |(block, one): (&Block, &super::Use)| {
            let Structure::Rows(table) = one.structure else { return None };
            let tokens = *self.nodes.get(one.node.checked_sub(1)?)?.inputs.first()?;
            Some(Lookup { layer: block.layer, table: block.tensors.first()?.name.clone(), tokens, count: table.count })
        };
        uses.filter_map(lookup).collect()
    }

    /// Which nodes tokens are computed from, by node.
    fn read_by(&self, lookups: &[Lookup]) -> Vec<bool> {
        let mut read = vec![false; self.nodes.len() + 1];
        lookups.iter().for_each(|lookup| read[lookup.tokens] = true);
        for (index, node) in self.nodes.iter().enumerate().rev() {
            if read[index + 1] {
                node.inputs.iter().for_each(|&input| read[input] = true);
            }
        }
        read
    }

    /// `weights` hold the arrays of files.
    fn check_part(
        &self,
        lookups: &[Lookup],
        (read, weights): (&[bool], &[f64]),
        inputs: &[f64],
        first: usize,
    ) -> Result<(), String> {
        let backend = CpuBackend::<f64>::new();
        let failed = |error: crate::compute::BackendError| error.to_string();
        let rows = inputs.len() / self.input_len().max(1);
        let [held, weights] = [inputs, weights].map(|values| backend.upload(values));
        let (held, weights) = (held.map_err(failed)?, weights.map_err(failed)?);
        let input = Slice::new(&held, 0, inputs.len());
        let pass = Forward::begin(input, rows, None);
        let pass = self.forward_of(&backend, Segment::at(&weights), pass, &|node| read[node]);
        let pass = pass.map_err(failed)?;
        for Lookup { layer, table, tokens, count } in lookups {
            let values = backend.download(self.value(&pass, *tokens)).map_err(failed)?;
            let names_one = |value: f64| value >= 0.0 && value < *count as f64 && value.fract() == 0.0;
            if let Some(at) = values.iter().position(|&value| !names_one(value)) {
                let (example, last) = (first + at / self.node_len(*tokens).max(1), count - 1);
                return Err(format!(
                    "example {example} holds {} where layer {layer} looks up a row of its table, {table}; it must be a whole \
                     number from 0 to {last}",
                    values[at]
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::Graph;
    use crate::graph::primitive::{Lookup, Rearrange};

    /// Tokens are looked at where they are looked up, whatever lies between: here they are doubled, and one table is shorter.
    #[test]
    fn tokens_name_rows_of_their_tables() {
        let mut graph = Graph::empty(&[2]);
        graph.add(0, Lookup::new(&[2], 9, 1).expect("a table"), &[0]).expect("a node");
        let twice = graph.add(1, Rearrange::scale(&[2], 2.0), &[0]).expect("a node");
        let flat = graph.add(2, Rearrange::flat(&[2]), &[twice]).expect("a node");
        graph.add(3, Lookup::new(&[2], 5, 1).expect("a table"), &[flat]).expect("a node");
        assert_eq!(graph.check_tokens(&[0.0, 1.0, 2.0, 0.0]), Ok(()));
        let problem = |inputs: &[f64]| graph.check_tokens(inputs).expect_err("no row");
        let said = problem(&[0.0, 1.0, 2.0, 3.0]);
        assert!(said.contains("example 1 holds 6 where layer 3") && said.contains("from 0 to 4"), "{said}");
        assert!(problem(&[0.5, 1.0]).contains("example 0 holds 0.5 where layer 0"));
        assert!(problem(&[0.0, -1.0]).contains("holds -1"));
        assert!(problem(&[f64::NAN, 0.0]).contains("holds NaN"));
    }

    #[test]
    fn tokens_are_not_trained() {
        let mut graph = Graph::empty(&[2]);
        let table = || Lookup::new(&[2], 9, 1).expect("a table");
        let first = graph.add(0, table(), &[0]).expect("a node");
        let flat = graph.add(1, Rearrange::flat(&[2, 1]), &[first]).expect("a node");
        let refused = graph.add(2, table(), &[flat]);
        assert!(refused.is_err_and(|problem| problem.contains("depends on parameters")));
    }
}
