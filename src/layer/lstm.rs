//! `lstm`: long short-term memory, one position after the other.

use super::{Lower, Reads, only};
use crate::activation::Activation;
use crate::graph::primitive::{Affine, Parameter, Pointwise, Product, Rearrange};
use crate::graph::{Graph, Initial, NodeId, Owner};
use crate::key::{Count, Flag, Key, at};

/// PyTorch's LSTM of one layer over `[positions, features]`; what it gives is the output of every position.
#[derive(Debug, Clone, PartialEq)]
pub struct Lstm {
    /// Features of the output and of the state.
    pub features: usize,
    /// Whether there are biases.
    pub bias: bool,
}

/// Positions at the most: each is some ten nodes of the graph.
const MOST_POSITIONS: usize = 4096;

impl Lower for Lstm {
    const NAME: &'static str = "lstm";
    const HELP: &'static str = "PyTorch's LSTM of one layer over [positions, features]; the outputs of all positions";
    const START: Self = Lstm { features: 0, bias: true };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("features", "outputs for each position", at!(Lstm.features, Count::from(1))),
        Key::new("bias", "whether biases are added", at!(Lstm.bias, Flag)),
    ];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let positions = match *graph.shape(input) {
            [positions @ 1..=MOST_POSITIONS, _] => positions,
            ref shape => {
                return Err(format!(
                    "the input has shape {shape:?}; lstm reads [positions, features] of 1 to {MOST_POSITIONS} positions"
                ));
            }
        };
        let mut gates = self.of_inputs(graph, owner, input)?;
        let mut cell = Cell { graph, owner, features: self.features, recurrent: None };
        if positions == 1 {
            // The weights of the output before are there all the same: what they get is 0.
            let nothing = cell.nothing(gates)?;
            gates = cell.sum(gates, nothing)?;
        }
        let mut state = None;
        let mut outputs = Vec::with_capacity(positions);
        for position in 0..positions {
            let own = Rearrange::slice(cell.graph.shape(gates), 0, position..position + 1, 1)?;
            let own = cell.graph.add(owner, own, &[gates])?;
            let (output, memory) = cell.step(own, state)?;
            outputs.push(output);
            state = Some((output, memory));
        }
        let shapes = vec![[1, self.features]; positions];
        let shapes: Vec<&[usize]> = shapes.iter().map(<[usize; 2]>::as_slice).collect();
        graph.add(owner, Rearrange::concat(&shapes, 0)?, &outputs)
    }
}

impl Lstm {
    /// What the gates of all positions get of the inputs and the biases, `[positions, 4 * features]`.
    fn of_inputs(&self, graph: &mut Graph, owner: &Owner, input: NodeId) -> Result<NodeId, String> {
        let (wide, initial) = (4 * self.features, Initial::fan_in(self.features));
        let affine = Affine::with_weight(graph.shape(input), wide, "weight_ih_l0", initial.clone());
        let mut summands = vec![graph.add(owner, affine, &[input])?];
        let names = if self.bias { &["bias_ih_l0", "bias_hh_l0"][..] } else { &[] };
        for name in names {
            let bias = Parameter::new(&[wide])?.named(name).drawn(initial.clone());
            summands.push(graph.add(owner, bias, &[])?);
        }
        let shapes: Vec<&[usize]> = summands.iter().map(|&node| graph.shape(node)).collect();
        let sum = Rearrange::add(&shapes)?;
        graph.add(owner, sum, &summands)
    }
}

/// One position after the other; every value is `[1, features]`.
struct Cell<'a> {
    graph: &'a mut Graph,
    owner: &'a Owner,
    features: usize,
    /// The first node that reads an output; all later ones share its weights.
    recurrent: Option<NodeId>,
}

impl Cell<'_> {
    /// The output and the memory of a position, from its gates without the output before, and from the state before; the
    /// first position's is zero.
    fn step(&mut self, gates: NodeId, before: Option<(NodeId, NodeId)>) -> Result<(NodeId, NodeId), String> {
        let gates = match before {
            None => gates,
            Some((output, _)) => {
                let of_output = self.of_output(output)?;
                self.sum(gates, of_output)?
            }
        };
        let open = self.pointwise(gates, Activation::Sigmoid)?;
        // In PyTorch's order: input, forget, what is put in, output.
        let (input, put) = (self.gate(open, 0)?, self.gate(gates, 2)?);
        let put = self.pointwise(put, Activation::Tanh)?;
        let mut memory = self.product(input, put)?;
        if let Some((_, kept)) = before {
            let forget = self.gate(open, 1)?;
            let kept = self.product(forget, kept)?;
            memory = self.sum(kept, memory)?;
        }
        let (output, said) = (self.gate(open, 3)?, self.pointwise(memory, Activation::Tanh)?);
        Ok((self.product(output, said)?, memory))
    }

    /// What the gates get of the output before.
    fn of_output(&mut self, output: NodeId) -> Result<NodeId, String> {
        let initial = Initial::fan_in(self.features);
        let affine = Affine::with_weight(&[1, self.features], 4 * self.features, "weight_hh_l0", initial);
        if let Some(first) = self.recurrent {
            return self.graph.add_again(first, affine, &[output]);
        }
        let first = self.graph.add(self.owner, affine, &[output])?;
        self.recurrent = Some(first);
        Ok(first)
    }

    /// What the gates get of an output of zeros.
    fn nothing(&mut self, gates: NodeId) -> Result<NodeId, String> {
        let gate = self.gate(gates, 0)?;
        let zeros = self.graph.add(self.owner, Rearrange::scale(&[1, self.features], 0.0), &[gate])?;
        self.of_output(zeros)
    }

    fn gate(&mut self, gates: NodeId, number: usize) -> Result<NodeId, String> {
        let from = number * self.features;
        let slice = Rearrange::slice(self.graph.shape(gates), 1, from..from + self.features, 1)?;
        self.graph.add(self.owner, slice, &[gates])
    }

    fn pointwise(&mut self, node: NodeId, function: Activation) -> Result<NodeId, String> {
        let pointwise = Pointwise::new(self.graph.shape(node), function);
        self.graph.add(self.owner, pointwise, &[node])
    }

    fn product(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, String> {
        let product = Product::new(self.graph.shape(a));
        self.graph.add(self.owner, product, &[a, b])
    }

    fn sum(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, String> {
        let sum = Rearrange::add(&[self.graph.shape(a), self.graph.shape(b)])?;
        self.graph.add(self.owner, sum, &[a, b])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Layer;

    #[test]
    fn tensors_have_pytorchs_names_and_shapes() {
        let layer = Layer::new(Lstm { features: 3, bias: true });
        let want: [(&str, &[usize]); 4] = [
            ("0.bias_hh_l0", &[12]),
            ("0.bias_ih_l0", &[12]),
            ("0.weight_hh_l0", &[12, 3]),
            ("0.weight_ih_l0", &[12, 2]),
        ];
        for positions in [1, 5] {
            let graph = Graph::new(&[positions, 2], std::slice::from_ref(&layer)).expect("a graph");
            let mut tensors: Vec<(&str, &[usize])> =
                graph.tensors().map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice())).collect();
            tensors.sort_unstable();
            assert_eq!(tensors, want);
            assert_eq!(graph.shape(graph.output()), [positions, 3]);
        }
        for shape in [&[5][..], &[MOST_POSITIONS + 1, 1]] {
            let problem = Graph::new(shape, std::slice::from_ref(&layer)).expect_err("no sequence").to_string();
            assert!(problem.contains("1 to 4096 positions"), "{problem}");
        }
    }
}
