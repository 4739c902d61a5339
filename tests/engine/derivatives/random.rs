//! Random graphs, built node by node: shapes, branches, ties and seeds.

use super::cases::Case;
use pathkernel::activation::{Activation, Approximate, Gelu};
use pathkernel::compute::Pooling;
use pathkernel::graph::primitive::{
    Affine, Attention, Convolve, Heads, Lookup, Mask, MatrixProduct, Normalize, Parameter, Pointwise, Pool, Product,
    Rearrange, ScaleShift, Softmax, Sweep, Unfold,
};
use pathkernel::graph::{Graph, NodeId};
use pathkernel::random::numbers;
use std::collections::BTreeMap;

/// How many graphs.
const COUNT: u64 = 90;
/// Nodes before the last two.
const NODES: usize = 9;
/// Normalised rows at the least: the variance of fewer numbers can be as small as eps.
const LEAST_NORMALISED: usize = 5;

const SMOOTH: [Activation; 8] = [
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::Softplus,
    Activation::Silu,
    Activation::Sin,
    Activation::Mish,
    Activation::Logsigmoid,
    Activation::Gelu(Gelu { approximate: Approximate::Tanh }),
];

/// A source of choices.
struct Choice(Vec<f64>);

impl Choice {
    fn below(&mut self, count: usize) -> usize {
        let unit = (self.0.pop().expect("enough numbers") + 1.0) / 2.0;
        ((unit * count as f64) as usize).min(count - 1)
    }

    fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most + 1 - least)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Every graph, at weights in [-1, 1], and how often each primitive is in one.
pub fn graphs() -> (Vec<Case>, BTreeMap<String, usize>) {
    let mut counts = BTreeMap::new();
    let one = |seed: u64| {
        let network = graph(&mut Choice(numbers(seed + 7000, 400)));
        let name = format!("random graph {seed}");
        let weights = numbers(seed + 8000, network.len);
        Case { name, network, weights }
    };
    let cases: Vec<Case> = (0..COUNT).map(one).collect();
    for case in &cases {
        for node in &case.network.nodes {
            let kind = format!("{:?}", node.kind);
            *counts.entry(kind.split(['(', ' ']).next().unwrap_or_default().to_owned()).or_insert(0) += 1;
        }
        let tied = case.network.blocks.iter().filter(|block| block.only_use().is_none()).count();
        *counts.entry("tied".to_owned()).or_insert(0) += tied;
    }
    (cases, counts)
}

fn graph(choice: &mut Choice) -> Graph {
    let input = match choice.below(3) {
        0 => vec![choice.between(4, 7)],
        1 => vec![choice.between(2, 3), choice.between(4, 6)],
        _ => vec![choice.between(1, 2), choice.between(5, 7), choice.between(5, 7)],
    };
    let mut graph = Graph::empty(&input);
    for number in 0..NODES {
        let from = if choice.below(4) == 0 { choice.below(graph.output() + 1) } else { graph.output() };
        // What does not fit a shape adds nothing.
        push(&mut graph, choice, number, from);
    }
    let flat = graph.add(NODES, Rearrange::flat(graph.shape(graph.output())), &[graph.output()]).expect("a shape");
    graph.add(NODES, Affine::new(graph.shape(flat), choice.between(1, 3), true), &[flat]).expect("outputs");
    graph
}

fn push(graph: &mut Graph, choice: &mut Choice, number: usize, from: NodeId) -> Option<NodeId> {
    let shape = graph.shape(from).to_vec();
    let width = *shape.last()?;
    let bias = choice.below(2) == 0;
    match choice.below(17) {
        14..=16 => meet(graph, choice, number, from),
        0 | 1 => {
            let features = if choice.below(2) == 0 { width } else { choice.between(3, 6) };
            graph.add(number, Affine::new(&shape, features, bias), &[from]).ok()
        }
        2 | 9 => {
            let (channels, kernel) = (choice.between(1, 3), choice.between(2, 3));
            let square = Sweep::from((kernel, choice.between(1, 2), choice.below(2)));
            let window = Sweep { dilation: [1, choice.between(1, 2)], ..square };
            if choice.below(4) == 0 {
                let patches = graph.add(number, Unfold::new(&shape, window).ok()?, &[from]).ok()?;
                return graph.add(number, Unfold::fold(&shape, window).ok()?, &[patches]).ok();
            }
            graph.add(number, Convolve::new(&shape, channels, window, bias).ok()?, &[from]).ok()
        }
        3 => {
            let pooling = choice.of(&[Pooling::Max, Pooling::Average]);
            let overlapping = Sweep { stride: [1, 2], ..Sweep::from((3, 1, 1)) };
            let sweep = if choice.below(3) == 0 { overlapping } else { Sweep::from(2) };
            graph.add(number, Pool::new(&shape, sweep, pooling).ok()?, &[from]).ok()
        }
        4 if width >= LEAST_NORMALISED => {
            let normal = graph.add(number, Normalize::about_mean(&shape), &[from]).ok()?;
            graph.add(number, ScaleShift::new(&shape, bias), &[normal]).ok()
        }
        5 => {
            let same: Vec<NodeId> = (0..=graph.output()).filter(|&node| graph.shape(node) == shape).collect();
            let mut summands: Vec<NodeId> = (0..choice.between(2, 3)).map(|_| choice.of(&same)).collect();
            if choice.below(2) == 0 {
                summands.push(graph.add(number, Parameter::new(&shape).ok()?, &[]).ok()?);
            }
            let shapes: Vec<&[usize]> = summands.iter().map(|&node| graph.shape(node)).collect();
            let add = Rearrange::add(&shapes).ok()?;
            graph.add(number, add, &summands).ok()
        }
        6 if choice.below(2) == 0 => graph.add(number, Rearrange::flat(&shape), &[from]).ok(),
        6 => {
            // Four times a number in ±1, cut to a whole one from 0 on.
            let input = graph.input.clone();
            let tokens = graph.add(number, Rearrange::scale(&input, 4.0), &[0]).ok()?;
            graph.add(number, Lookup::new(&input, 4, choice.between(2, 4)).ok()?, &[tokens]).ok()
        }
        10 | 11 => {
            let rearrange = rearranged(choice, &shape).ok()?;
            graph.add(number, rearrange, &[from]).ok()
        }
        12 => {
            // A mean over an axis stays with length 1 and stretches back.
            let axis = choice.below(shape.len());
            let mean = graph.add(number, Rearrange::mean(&shape, &[axis], true).ok()?, &[from]).ok()?;
            let add = Rearrange::add(&[&shape, graph.shape(mean)]).ok()?;
            graph.add(number, add, &[from, mean]).ok()
        }
        13 => {
            let same: Vec<NodeId> = (0..=graph.output()).filter(|&node| graph.shape(node) == shape).collect();
            graph.add(number, Product::new(&shape), &[from, choice.of(&same)]).ok()
        }
        7 => {
            let fits = |block: &usize| graph.blocks[*block].tensors[0].shape.get(1) == Some(&width);
            let blocks: Vec<usize> = (0..graph.blocks.len()).filter(fits).collect();
            let block = *blocks.get(choice.below(blocks.len().max(1)))?;
            let tensors = &graph.blocks[block].tensors;
            let tied = Affine::new(&shape, tensors[0].shape[0], tensors.len() > 1);
            graph.add_tied(block, tied, &[from]).ok()
        }
        _ => graph.add(number, Pointwise::new(&shape, choice.of(&SMOOTH)), &[from]).ok(),
    }
}

/// Elements of a value, or two values, that meet: softmax, masks, products and attention.
fn meet(graph: &mut Graph, choice: &mut Choice, number: usize, from: NodeId) -> Option<NodeId> {
    let shape = graph.shape(from).to_vec();
    let nodes = 0..=graph.output();
    let same: Vec<NodeId> = nodes.clone().filter(|&node| graph.shape(node) == shape).collect();
    match choice.below(6) {
        0 => graph.add(number, Softmax::new(&shape, choice.below(shape.len())).ok()?, &[from]).ok(),
        1 => graph.add(number, Softmax::log(&shape, choice.below(shape.len())).ok()?, &[from]).ok(),
        2 | 3 => {
            let fits = |&node: &NodeId| MatrixProduct::new(&shape, graph.shape(node)).is_ok();
            let fitting: Vec<NodeId> = nodes.filter(fits).collect();
            let other = *fitting.get(choice.below(fitting.len().max(1)))?;
            let product = MatrixProduct::new(&shape, graph.shape(other)).ok()?;
            graph.add(number, product, &[from, other]).ok()
        }
        4 => {
            // Where the input is above 0: no weights move that.
            let mask = Mask::new(&shape, &graph.input.clone(), 0.5).ok()?;
            let marks = graph.add(number, Pointwise::new(&graph.input.clone(), Activation::Relu), &[0]).ok()?;
            graph.add(number, mask, &[from, marks]).ok()
        }
        _ => {
            let heads = if shape.last()?.is_multiple_of(2) { 2 } else { 1 };
            let heads = Heads { heads, kv_heads: heads, causal: choice.below(2) == 0, scale: None };
            let inputs = [from, choice.of(&same), choice.of(&same)];
            graph.add(number, Attention::new(&[shape.as_slice(); 3], &heads).ok()?, &inputs).ok()
        }
    }
}

/// A linear function of a value of a shape.
fn rearranged(choice: &mut Choice, shape: &[usize]) -> Result<Rearrange, String> {
    let axis = choice.below(shape.len());
    match choice.below(9) {
        0 => {
            let mut order: Vec<usize> = (0..shape.len()).collect();
            order.rotate_left(axis);
            Rearrange::permute(shape, &order)
        }
        1 => Rearrange::slice(shape, axis, choice.below(2)..shape[axis], choice.between(1, 2)),
        2 => Rearrange::pad(shape, &vec![(choice.below(2) as i64, choice.below(2) as i64); shape.len()], 0.5),
        3 => Rearrange::sum(shape, &[axis], shape.len() == 1),
        4 => Rearrange::mean(shape, &[axis], shape.len() == 1),
        5 => Rearrange::upsample(shape, &vec![2; shape.len() - 1]),
        6 => Ok(Rearrange::scale(shape, -0.75)),
        7 => Ok(Rearrange::offset(shape, 0.5)),
        _ => Rearrange::broadcast(shape, &[&[2], shape].concat()),
    }
}
