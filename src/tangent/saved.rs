//! ψ in a state file.

use super::queries::{Kept, Node, QueryFactors, Side};
use crate::compute::{Backend, Slice};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use crate::graph::Block;
use std::rc::Rc;

/// What stands for the form of a layer's factors in a file.
const NONE: u32 = 0;
const NODES: u32 = 1;
const DELTA: u32 = 2;
const INPUT: u32 = 3;
const ROWS: u32 = 4;
const INPUTS: u32 = 5;

impl<B: Backend> QueryFactors<'_, B> {
    /// Writes ψ as it stands.
    ///
    /// # Errors
    ///
    /// A device error, or a file that cannot be written.
    pub fn save(&self, backend: &B, writer: &mut StateWriter) -> Result<(), Error> {
        writer.put("psi", &self.totals)?;
        for (side, own) in self.sides.iter().zip(&self.network.blocks) {
            let mut mean = |kind: u32, values: &B::Buffer, len: usize| -> Result<(), Error> {
                writer.put("form", &[kind, 1])?;
                Ok(writer.put("factor", &backend.download(Slice::new(values, 0, len))?)?)
            };
            match side {
                None => writer.put("form", &[NONE, 0])?,
                Some(Side::Delta(values, len)) => mean(DELTA, values, *len)?,
                Some(Side::Input(values, len)) => mean(INPUT, values, *len)?,
                Some(Side::Inputs(values, len)) => mean(INPUTS, values, *len)?,
                Some(Side::Rows(values, len)) => mean(ROWS, values, *len)?,
                Some(Side::Nodes(nodes)) => {
                    writer.put("form", &[NODES, nodes.len() as u32])?;
                    nodes.iter().try_for_each(|kept| kept.save(backend, own, writer))?;
                }
            }
        }
        Ok(())
    }

    /// Takes ψ of as many queries that was [saved](Self::save).
    ///
    /// # Errors
    ///
    /// A device error, or a file that holds something else.
    pub fn restore(&mut self, backend: &B, reader: &mut StateReader) -> Result<(), Error> {
        self.totals = reader.take_exactly("psi", self.totals.len())?;
        let size = (self.outputs, self.queries);
        for (side, own) in self.sides.iter_mut().zip(&self.network.blocks) {
            let form: Vec<u32> = reader.take_exactly("form", 2)?;
            let mut mean = || -> Result<_, Error> {
                let values: Vec<B::Element> = reader.take("factor")?;
                Ok((backend.upload(&values)?, values.len()))
            };
            *side = match form[0] {
                DELTA => mean().map(|(values, len)| Some(Side::Delta(values, len)))?,
                INPUT => mean().map(|(values, len)| Some(Side::Input(values, len)))?,
                INPUTS => mean().map(|(values, len)| Some(Side::Inputs(values, len)))?,
                ROWS => mean().map(|(values, len)| Some(Side::Rows(values, len)))?,
                NODES => {
                    let kept = (0..form[1]).map(|_| Kept::restore(backend, own, size, reader));
                    Some(Side::Nodes(kept.collect::<Result<_, Error>>()?))
                }
                _ => None,
            };
        }
        Ok(())
    }
}

impl<B: Backend> Kept<B> {
    /// Elements of the inputs that belong to a node's rows.
    fn inputs_len(node: &Node<B>, own: &Block) -> usize {
        node.rows * own.only_use().map_or(0, |one| one.structure.input_len())
    }

    fn save(&self, backend: &B, own: &Block, writer: &mut StateWriter) -> Result<(), Error> {
        let (rows, scale) = &self.node.made_from;
        writer.put("queries", &rows.iter().map(|&(query, _)| query).collect::<Vec<_>>())?;
        writer.put("weights", &rows.iter().map(|&(_, weight)| weight).collect::<Vec<_>>())?;
        writer.put("shares", &[*scale, self.share])?;
        writer.put("delta", &backend.download(Slice::new(&self.delta, 0, self.delta_len))?)?;
        let inputs = Slice::new(&self.inputs, 0, Self::inputs_len(&self.node, own));
        Ok(writer.put("inputs", &backend.download(inputs)?)?)
    }

    fn restore(
        backend: &B,
        own: &Block,
        (outputs, queries): (usize, usize),
        reader: &mut StateReader,
    ) -> Result<Self, Error> {
        let of: Vec<u32> = reader.take("queries")?;
        let weights: Vec<f64> = reader.take_exactly("weights", of.len())?;
        let shares: Vec<f64> = reader.take_exactly("shares", 2)?;
        let rows: Vec<(u32, f64)> = of.into_iter().zip(weights).collect();
        let node = Rc::new(Node::new(backend, outputs, queries, &rows, shares[0])?);
        let delta: Vec<B::Element> = reader.take("delta")?;
        let inputs: Vec<B::Element> = reader.take_exactly("inputs", Self::inputs_len(&node, own))?;
        Ok(Self {
            delta: backend.upload(&delta)?,
            delta_len: delta.len(),
            inputs: backend.upload(&inputs)?,
            share: shares[1],
            node,
        })
    }
}
