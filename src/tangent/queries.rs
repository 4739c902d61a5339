//! Gradient rows of queries: over the quadrature nodes of a step, and carried from step to step.

use super::Contraction;
use super::ExampleRows;
use super::choice::is_left;
use super::contract::Products;
use super::inputs::OutputInputs;
use super::structure::write_gradient;
use crate::compute::{Backend, BackendError, Element, Part, Result, RowMap, Slice, SliceMut, Start};
use crate::graph::{Factor, Forward, Graph};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Rows of queries that pass together, and how their gradient rows make up outputs. A pass of `rows` base rows has
/// `outputs × rows` gradient rows; those of a query add up to its outputs.
pub struct Node<B: Backend + ?Sized> {
    /// From gradient rows to outputs `(r, q)`, with the quadrature weights.
    pub mean: RowMap<B::Buffer, B::Index>,
    /// The same, with the weights times what the step adds to ψ.
    added: RowMap<B::Buffer, B::Index>,
    /// From the rows' layer inputs to the queries', with those weights.
    inputs: RowMap<B::Buffer, B::Index>,
    /// Base rows.
    pub rows: usize,
    /// Whether an output is one row, with a weight of 1.
    plain: bool,
    /// What it was made from: the rows, and what the step adds to ψ.
    pub(super) made_from: (Vec<(u32, f64)>, f64),
}

impl<B: Backend> Node<B> {
    /// Of rows that belong to queries, in ascending order, each with its quadrature weight; `scale` is what the step adds
    /// to ψ.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(backend: &B, outputs: usize, queries: usize, rows: &[(u32, f64)], scale: f64) -> Result<Self> {
        let of_query = |query: usize| rows.partition_point(|&(of, _)| (of as usize) < query) as u32;
        let starts: Vec<u32> = (0..queries).map(of_query).collect();
        let count = rows.len();
        let ends = std::iter::once((outputs * count) as u32);
        let offsets: Vec<u32> = (0..outputs)
            .flat_map(|output| starts.iter().map(move |start| (output * count) as u32 + start))
            .chain(ends)
            .collect();
        let inputs: Vec<u32> = (0..outputs * count).map(|row| (row % count.max(1)) as u32).collect();
        let weights: Vec<f64> = (0..outputs).flat_map(|_| rows.iter().map(|&(_, weight)| weight)).collect();
        let scaled: Vec<f64> = weights.iter().map(|weight| scale * weight).collect();
        let mean = RowMap::new(backend, &offsets, &inputs, &weights)?;
        let own: Vec<u32> = starts.iter().copied().chain(std::iter::once(count as u32)).collect();
        Ok(Self {
            added: mean.weighing(backend, &scaled)?,
            mean,
            inputs: RowMap::new(backend, &own, &inputs[..count], &scaled[..count])?,
            rows: count,
            plain: count == queries
                && scaled.iter().all(|&weight| weight == 1.0)
                && starts.windows(2).all(|pair| pair[0] < pair[1]),
            made_from: (rows.to_vec(), scale),
        })
    }
}

/// Layer inputs of a tile's queries that no step changes, by block.
pub struct ConstantInputs<B: Backend + ?Sized>(BTreeMap<usize, B::Buffer>);

impl<B: Backend> ConstantInputs<B> {
    /// Takes them from a pass of the queries, at any weights.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(backend: &B, network: &Graph, choice: &[Contraction], pass: &Forward<'_, B>) -> Result<Self> {
        let mut inputs = BTreeMap::new();
        for (index, _) in choice.iter().enumerate().filter(|(_, choice)| choice.takes_constant_inputs()) {
            inputs.insert(index, backend.copied(network.factor_input(pass, index, 0))?);
        }
        Ok(Self(inputs))
    }

    /// Those of a layer.
    pub(super) fn of(&self, index: usize) -> Option<&B::Buffer> {
        self.0.get(&index)
    }
}

/// The factors of a node's rows.
pub(super) struct Kept<B: Backend + ?Sized> {
    pub node: Rc<Node<B>>,
    pub delta: B::Buffer,
    pub delta_len: usize,
    pub inputs: B::Buffer,
    /// What is left of them after the steps since.
    pub share: f64,
}

impl<B: Backend + ?Sized> Kept<B> {
    /// What is left of what its step added to ψ, for each unit of the gradient.
    fn left(&self) -> f64 {
        self.share * self.node.made_from.1.abs()
    }
}

/// A layer's factors on the side of the queries.
pub(super) enum Side<B: Backend + ?Sized> {
    /// δ and inputs, node by node.
    Nodes(Vec<Kept<B>>),
    /// Means of δ; the input is constant.
    Delta(B::Buffer, usize),
    /// Means of the input; δ is constant.
    Input(B::Buffer, usize),
    /// The same, preconditioned for each output: as [`OutputInputs`] lays it out.
    Inputs(B::Buffer, usize),
    /// Means of whole rows.
    Rows(B::Buffer, usize),
}

/// ψ of a tile's queries: for each layer the sum over nodes of a step, and over later steps where the optimizer has a
/// memory, in the form that the layer's contraction takes.
pub struct QueryFactors<'a, B: Backend + ?Sized> {
    pub(super) network: &'a Graph,
    choice: &'a [Contraction],
    pub(super) outputs: usize,
    pub(super) queries: usize,
    /// Whether they are gradients of the outputs themselves at the examples' own weights.
    beside_examples: bool,
    pub(super) sides: Vec<Option<Side<B>>>,
    /// By block, ψ of a number that every output depends on with a slope of 1, such as the last layer's bias.
    pub(super) totals: Vec<f64>,
}

impl<'a, B: Backend> QueryFactors<'a, B> {
    /// Zero, for `outputs` rows a query.
    pub fn new(network: &'a Graph, choice: &'a [Contraction], outputs: usize, queries: usize) -> Self {
        let (sides, totals) = network.blocks.iter().map(|_| (None, 0.0)).unzip();
        Self { network, choice, outputs, queries, beside_examples: false, sides, totals }
    }

    /// Of gradients of the outputs themselves, at the weights at which the examples' are taken.
    pub fn beside_examples(self) -> Self {
        Self { beside_examples: true, ..self }
    }

    /// Begins a step: `ψ = keep ψ`, and the nodes to come add `added φ` together; of each block these two numbers are given.
    /// Factors of single nodes are dropped when nothing that counts is left of them beside the others. The bias of a last layer has
    /// the same input at every node, and is added here, times the preconditioner where the optimizer has one.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn begin(
        &mut self,
        backend: &B,
        numbers: impl Fn(usize) -> (f64, f64),
        preconditioner: Option<&B::Buffer>,
    ) -> Result<()> {
        for (index, (side, total)) in self.sides.iter_mut().zip(&mut self.totals).enumerate() {
            let (keep, added) = numbers(index);
            *total = keep * *total + added;
            match side {
                _ if keep == 0.0 => *side = None,
                None => {}
                Some(Side::Nodes(nodes)) => {
                    nodes.iter_mut().for_each(|kept| kept.share *= keep);
                    let largest = nodes.iter().map(Kept::left).fold(added.abs(), f64::max);
                    nodes.retain(|kept| is_left(kept.left(), largest, B::Element::ROUNDING));
                    for kept in nodes {
                        backend.scale(SliceMut::new(&mut kept.delta, 0, kept.delta_len), keep)?;
                    }
                }
                Some(
                    Side::Delta(values, len)
                    | Side::Input(values, len)
                    | Side::Inputs(values, len)
                    | Side::Rows(values, len),
                ) => {
                    backend.scale(SliceMut::new(values, 0, *len), keep)?;
                }
            }
            let inputs = OutputInputs::new(&self.network.blocks[index], self.queries);
            let is_output = self.choice[index] == Contraction::Output;
            let Some((inputs, preconditioner)) = inputs.zip(preconditioner).filter(|_| is_output) else { continue };
            let mut values = match side.take() {
                Some(Side::Inputs(values, _)) => values,
                _ => backend.zeros(inputs.len())?,
            };
            inputs.add_bias(backend, &mut values, added, preconditioner)?;
            *side = Some(Side::Inputs(values, inputs.len()));
        }
        Ok(())
    }

    /// `ψ += scale other`, with a scale for each block. Not for factors of single nodes.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn axpy(&mut self, backend: &B, scales: impl Fn(usize) -> f64, other: &Self) -> Result<()> {
        for (block, (side, total)) in self.sides.iter_mut().zip(&mut self.totals).enumerate() {
            let (scale, other, more) = (scales(block), &other.sides[block], other.totals[block]);
            *total += scale * more;
            let Some(Side::Delta(x, len) | Side::Input(x, len) | Side::Inputs(x, len) | Side::Rows(x, len)) = other
            else {
                continue;
            };
            let x = Slice::new(x, 0, *len);
            match side {
                Some(
                    Side::Delta(values, len)
                    | Side::Input(values, len)
                    | Side::Inputs(values, len)
                    | Side::Rows(values, len),
                ) => {
                    backend.axpy(SliceMut::new(values, 0, *len), scale, x)?;
                }
                _ => {
                    let mut values = backend.copied(x)?;
                    backend.scale(SliceMut::new(&mut values, 0, *len), scale)?;
                    *side = Some(match other {
                        Some(Side::Delta(..)) => Side::Delta(values, *len),
                        Some(Side::Input(..)) => Side::Input(values, *len),
                        Some(Side::Inputs(..)) => Side::Inputs(values, *len),
                        _ => Side::Rows(values, *len),
                    });
                }
            }
        }
        Ok(())
    }

    /// Whole rows, and a last layer's inputs, each times a vector of the weights' length, entry by entry. Other factors and means
    /// have no such product: they are left out.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn times(&self, backend: &B, vector: &B::Buffer) -> Result<Self> {
        let mut product = Self::new(self.network, self.choice, self.outputs, self.queries);
        for (index, side) in self.sides.iter().enumerate() {
            let block = &self.network.blocks[index];
            let inputs = OutputInputs::new(block, self.queries);
            if let (Some(Side::Input(mean, len)), Some(inputs)) = (side, inputs) {
                let mut out = backend.zeros(inputs.len())?;
                inputs.add(backend, &mut out, Slice::new(mean, 0, *len), vector)?;
                inputs.add_bias(backend, &mut out, self.totals[index], vector)?;
                product.sides[index] = Some(Side::Inputs(out, inputs.len()));
            }
            let Some(Side::Rows(rows, len)) = side else { continue };
            let mut out = backend.scratch(*len)?;
            let factors = Slice::new(vector, block.offset, block.len());
            backend.multiply(SliceMut::new(&mut out, 0, *len), Slice::new(rows, 0, *len), factors)?;
            product.sides[index] = Some(Side::Rows(out, *len));
        }
        Ok(product)
    }

    /// Adds a factor of one block at a node; where the optimizer has one, times its preconditioner.
    ///
    /// # Errors
    ///
    /// A device error; tied parameters that are not contracted by whole rows, which alone have the products of different uses.
    pub fn add(
        &mut self,
        backend: &B,
        node: &Rc<Node<B>>,
        factor: Factor<'_, B::Buffer>,
        preconditioner: Option<&B::Buffer>,
    ) -> Result<()> {
        let (index, structure) = (factor.block, factor.structure);
        let block = &self.network.blocks[index];
        if block.only_use().is_none() && !self.choice[index].takes_whole_rows() {
            let choice = self.choice[index].name();
            return Err(BackendError::Invalid(format!("layer {}: tied weights cannot be {choice}", block.layer)));
        }
        let side = self.sides[index].take();
        let start = if side.is_none() { Start::Value(0.0) } else { Start::Output };
        let fresh = |len: usize| backend.scratch(len);
        self.sides[index] = Some(match (self.choice[index], side) {
            (Contraction::Factored, side) => {
                let mut nodes = if let Some(Side::Nodes(nodes)) = side { nodes } else { Vec::new() };
                let inputs = backend.copied(factor.input)?;
                let (node, delta_len) = (Rc::clone(node), factor.len);
                nodes.push(Kept { node, delta: factor.delta, delta_len, inputs, share: 1.0 });
                Side::Nodes(nodes)
            }
            // The mean of one is itself.
            (Contraction::Averaged | Contraction::Forwards, None) if node.plain => {
                Side::Delta(factor.delta, factor.len)
            }
            (Contraction::Averaged | Contraction::Forwards, side) => {
                let width = structure.delta_len();
                let len = self.outputs * self.queries * width;
                let mut mean = if let Some(Side::Delta(mean, _)) = side { mean } else { fresh(len)? };
                backend.average(width, start, &node.added, SliceMut::new(&mut mean, 0, len), factor.delta())?;
                Side::Delta(mean, len)
            }
            (Contraction::Output, Some(Side::Inputs(mut values, len))) => {
                let held = preconditioner.zip(OutputInputs::new(block, self.queries));
                let missing = || BackendError::Invalid(format!("layer {}: no preconditioner", block.layer));
                let ((held, inputs), own) = (held.ok_or_else(missing)?, self.queries * structure.input_len());
                let mut mean = fresh(own)?;
                let out = SliceMut::new(&mut mean, 0, own);
                backend.average(structure.input_len(), Start::Value(0.0), &node.inputs, out, factor.input)?;
                inputs.add(backend, &mut values, Slice::new(&mean, 0, own), held)?;
                Side::Inputs(values, len)
            }
            (Contraction::Output, side) => {
                let width = structure.input_len();
                let len = self.queries * width;
                let mut mean = if let Some(Side::Input(mean, _)) = side { mean } else { fresh(len)? };
                backend.average(width, start, &node.inputs, SliceMut::new(&mut mean, 0, len), factor.input)?;
                Side::Input(mean, len)
            }
            (Contraction::Materialised | Contraction::Half | Contraction::Directional, side) => {
                let len = self.outputs * self.queries * block.len();
                let mut rows = if let Some(Side::Rows(rows, _)) = side { rows } else { fresh(len)? };
                let preconditioner = preconditioner.map(|values| Slice::new(values, block.offset, block.len()));
                let out = SliceMut::new(&mut rows, 0, len);
                write_gradient(backend, &node.added, preconditioner, &factor, start, out)?;
                Side::Rows(rows, len)
            }
        });
        Ok(())
    }

    /// A block's factors.
    pub(super) fn side(&self, index: usize) -> Option<&Side<B>> {
        self.sides[index].as_ref()
    }

    /// What stands for the bias of the last layer, whose block this is.
    pub(super) fn total(&self, block: usize) -> f64 {
        self.totals[block]
    }

    /// How many queries.
    pub(super) fn queries(&self) -> usize {
        self.queries
    }

    /// The parts of a fused product that a block makes up with the rows of examples; `averaged` is a map of one row an
    /// output.
    pub(super) fn parts<'p>(
        &'p self,
        index: usize,
        averaged: &'p RowMap<B::Buffer, B::Index>,
        rows: &'p ExampleRows<B>,
        products: &'p Products<'_, B>,
        parts: &mut Vec<Part<'p, B::Buffer, B::Index>>,
    ) {
        let Some(side) = &self.sides[index] else { return };
        let block = &self.network.blocks[index];
        if let (Side::Rows(left, len), Some(right)) = (side, rows.whole(index)) {
            parts.push(Part::Rows { depth: block.len(), left: Slice::new(left, 0, *len), right });
        }
        for (place, right) in rows.deltas(index) {
            let structure = block.uses[place].structure;
            let exchanges =
                self.beside_examples && rows.are_of_outputs() && self.network.scales_outputs(&block.uses[place]);
            let factored = |map: &'p RowMap<B::Buffer, B::Index>, delta: &'p B::Buffer, len, inputs| Part::Factored {
                map,
                positions: structure.positions(),
                depth: structure.sides()[0],
                left: Slice::new(delta, 0, len),
                right,
                inputs,
                exchanges,
            };
            match side {
                Side::Nodes(nodes) => {
                    for (kept, inputs) in nodes.iter().zip(products.of(index)) {
                        parts.push(factored(&kept.node.added, &kept.delta, kept.delta_len, inputs));
                    }
                }
                Side::Delta(mean, len) => {
                    parts.extend(products.of(index).map(|inputs| factored(averaged, mean, *len, inputs)));
                }
                Side::Input(..) | Side::Inputs(..) => {
                    parts.extend(products.of(index).map(|inputs| Part::Output { right, inputs }))
                }
                Side::Rows(left, len) => {
                    parts.extend(structure.applied(Slice::new(left, 0, *len), right, products.input(index, place)));
                }
            }
        }
    }
}
