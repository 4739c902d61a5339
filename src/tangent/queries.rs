//! Gradient rows of queries, gathered over the quadrature nodes of a step.

use super::Contraction;
use super::contract::Products;
use super::examples::{outer, write_gradient};
use crate::backend::{Backend, Part, Result, RowMap, Slice, SliceMut, Start};
use crate::network::{Factor, Network, Parameters};

/// How the rows of one quadrature node make up outputs: row `(c, q)` belongs to output `(c, q)`.
pub struct Node<B: Backend + ?Sized> {
    /// From gradient rows `C × queries` to outputs, each with the node's weight.
    pub map: RowMap<B>,
    /// From the queries' inputs to their mean, each with the node's weight.
    inputs: RowMap<B>,
}

/// How the gradient rows of a tile's queries make up its outputs.
pub struct QueryRows<B: Backend + ?Sized> {
    /// The nodes, in order.
    pub nodes: Vec<Node<B>>,
    /// One row an output: what is averaged already.
    averaged: RowMap<B>,
    outputs: usize,
    queries: usize,
}

impl<B: Backend> QueryRows<B> {
    /// Every query with the same quadrature weights.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(backend: &B, outputs: usize, queries: usize, weights: &[f64]) -> Result<Self> {
        // A rule may have thousands of nodes: they differ in their weights alone.
        let averaged = RowMap::each(backend, outputs, queries, 1.0)?;
        let inputs = RowMap::each(backend, 1, queries, 1.0)?;
        let node = |&weight: &f64| {
            Ok(Node { map: averaged.weighing(backend, weight)?, inputs: inputs.weighing(backend, weight)? })
        };
        let nodes = weights.iter().map(node).collect::<Result<_>>()?;
        Ok(Self { nodes, averaged, outputs, queries })
    }
}

/// A layer's factors on the side of the queries, over the nodes so far.
enum Side<B: Backend + ?Sized> {
    /// δ and the Gram matrix of the inputs, node by node.
    Nodes(Vec<(B::Buffer, B::Buffer)>),
    /// The mean of δ; the input is constant.
    Delta(B::Buffer),
    /// The mean of the input; δ is constant.
    Input(B::Buffer),
    /// The mean of whole rows.
    Rows(B::Buffer),
}

/// The factors of one step.
pub struct QueryFactors<'a, B: Backend + ?Sized> {
    rows: &'a QueryRows<B>,
    choice: &'a [Contraction],
    sides: Vec<Option<Side<B>>>,
}

impl<'a, B: Backend> QueryFactors<'a, B> {
    /// No node yet.
    pub fn new(network: &Network, rows: &'a QueryRows<B>, choice: &'a [Contraction]) -> Self {
        Self { rows, choice, sides: network.parameters.iter().map(|_| None).collect() }
    }

    /// Takes in one layer's factor at a node. Nodes come in order, each layer once a node.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn add(
        &mut self,
        backend: &B,
        own: &Parameters,
        node: usize,
        factor: Factor<'_, B::Buffer>,
        products: &mut Products<'_, B>,
    ) -> Result<()> {
        let QueryRows { nodes, outputs, queries, .. } = self.rows;
        let (index, map, inputs) = (factor.index, &nodes[node].map, &nodes[node].inputs);
        let start = if node == 0 { Start::Value(0.0) } else { Start::Output };
        let side = self.sides[index].take();
        let averaged = |buffer: Option<B::Buffer>, len: usize| buffer.map_or_else(|| backend.scratch(len), Ok);
        self.sides[index] = Some(match (self.choice[index], side) {
            (Contraction::Factored, side) => {
                let mut found =
                    if let Some(Side::Nodes(found)) = side { found } else { Vec::with_capacity(nodes.len()) };
                let gram = products.of(backend, own, factor.input)?;
                found.push((factor.delta, gram));
                Side::Nodes(found)
            }
            // The mean of one is itself.
            (Contraction::Averaged, _) if nodes.len() == 1 => {
                products.keep(backend, own, index, factor.input)?;
                Side::Delta(factor.delta)
            }
            (Contraction::Averaged, side) => {
                products.keep(backend, own, index, factor.input)?;
                let mut mean =
                    averaged(if let Some(Side::Delta(mean)) = side { Some(mean) } else { None }, factor.len)?;
                let out = SliceMut::new(&mut mean, 0, factor.len);
                backend.average(own.positions * own.height, start, map, out, factor.delta())?;
                Side::Delta(mean)
            }
            (Contraction::Output, side) => {
                let len = queries * own.width;
                let mut mean = averaged(if let Some(Side::Input(mean)) = side { Some(mean) } else { None }, len)?;
                backend.average(own.width, start, inputs, SliceMut::new(&mut mean, 0, len), factor.input)?;
                Side::Input(mean)
            }
            (Contraction::Materialised | Contraction::Half, side) => {
                let len = outputs * queries * own.len();
                let mut rows = averaged(if let Some(Side::Rows(rows)) = side { Some(rows) } else { None }, len)?;
                write_gradient(backend, own, map, &factor, start, SliceMut::new(&mut rows, 0, len))?;
                Side::Rows(rows)
            }
        });
        Ok(())
    }

    /// After the last node: what is left to multiply.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn finish(&self, backend: &B, network: &Network, products: &mut Products<'_, B>) -> Result<()> {
        for (index, (own, side)) in network.parameters.iter().zip(&self.sides).enumerate() {
            if let Some(Side::Input(mean)) = side {
                products.keep(backend, own, index, Slice::new(mean, 0, self.rows.queries * own.width))?;
            }
        }
        Ok(())
    }

    /// The parts of a fused product that a layer makes up with the `right` rows of examples, whose inputs of the layer
    /// are `input`.
    pub(super) fn parts<'p>(
        &'p self,
        own: &Parameters,
        index: usize,
        right: Slice<'p, B::Buffer>,
        input: Slice<'p, B::Buffer>,
        products: &'p Products<'_, B>,
        parts: &mut Vec<Part<'p, B>>,
    ) {
        let QueryRows { nodes, averaged, outputs, queries } = self.rows;
        let (positions, depth) = (own.positions, own.height);
        let rows = outputs * queries;
        let factored = |map: &'p RowMap<B>, delta: &'p B::Buffer, inputs| Part::Factored {
            map,
            positions,
            depth,
            left: Slice::new(delta, 0, rows * positions * depth),
            right,
            inputs,
        };
        match &self.sides[index] {
            None => {}
            Some(Side::Nodes(found)) => {
                for (node, (delta, gram)) in nodes.iter().zip(found) {
                    parts.push(factored(&node.map, delta, products.whole(own, gram)));
                }
            }
            Some(Side::Delta(mean)) => {
                parts.extend(products.kept(own, index).map(|inputs| factored(averaged, mean, inputs)));
            }
            Some(Side::Input(_)) => {
                parts.extend(products.kept(own, index).map(|inputs| Part::Output { right, inputs }));
            }
            Some(Side::Rows(left)) => {
                let left = Slice::new(left, 0, rows * own.len());
                parts.push(match self.choice[index] {
                    Contraction::Half => Part::Half { shape: outer(own, Start::Value(0.0)), left, delta: right, input },
                    _ => Part::Rows { depth: own.len(), left, right },
                });
            }
        }
    }
}
