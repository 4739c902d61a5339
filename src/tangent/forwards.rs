//! The momentum of the examples' gradients, forwards in time, of layers whose input no step changes.
//!
//! Such an example's momentum is its input times one number for each of the layer's features, whatever the preconditioner does to
//! the queries' side: see docs/theory.md, "Forwards in time".

use super::queries::{QueryFactors, Side};
use super::{ConstantInputs, Contraction, ExampleRows};
use crate::compute::op::{Preconditioned, PreconditionedArrays};
use crate::compute::{Accumulator, Backend, BackendError, Result, RowMap, Slice, SliceMut, Start};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use crate::graph::{Forward, Graph, Matrix, Structure};
use crate::optimizer::Forth;

/// What is left at the least of an example's gradients: less is far below a rounding of anything, and soon no normal number.
const LEAST: f64 = 1e-30;

/// The momentum of a tile's examples.
pub(crate) struct ExampleMomentum<B: Backend> {
    layers: Vec<Layer<B>>,
    examples: usize,
}

/// That of a layer.
struct Layer<B: Backend> {
    block: usize,
    matrix: Matrix,
    /// Where its parameters begin in a flat vector.
    offset: usize,
    /// `[examples, width]`: its inputs.
    inputs: B::Buffer,
    /// `[examples, height]`: what goes on to the next step.
    carried: B::Buffer,
    /// `[examples, height]`: what meets the queries in this one.
    met: B::Buffer,
    /// How much is left of each example's last gradient.
    left: Vec<f64>,
}

impl<B: Backend> Layer<B> {
    /// Elements of a momentum.
    fn len(&self) -> usize {
        self.left.len() * self.matrix.height
    }
}

impl<B: Backend> ExampleMomentum<B> {
    /// Zeros, for so many examples, whose inputs are still to be [taken](Self::take).
    pub fn new(backend: &B, network: &Graph, choice: &[Contraction], examples: usize) -> Result<Self> {
        let chosen = choice.iter().enumerate().filter(|(_, own)| **own == Contraction::Forwards);
        let layer = |(block, _): (usize, &Contraction)| {
            let own = &network.blocks[block];
            let Some(Structure::Outer(matrix)) = own.only_use().map(|one| one.structure) else {
                return Err(BackendError::Invalid(format!("layer {}: no matrix of one use", own.layer)));
            };
            let len = examples * matrix.height;
            Ok(Layer {
                block,
                matrix,
                offset: own.offset,
                inputs: backend.scratch(examples * matrix.width)?,
                carried: backend.zeros(len)?,
                met: backend.scratch(len)?,
                left: vec![0.0; examples],
            })
        };
        Ok(Self { layers: chosen.map(layer).collect::<Result<_>>()?, examples })
    }

    /// Takes the inputs of the examples from `first` on, from a pass of them at any weights.
    pub fn take(&mut self, backend: &B, network: &Graph, pass: &Forward<'_, B>, first: usize) -> Result<()> {
        self.layers.iter_mut().try_for_each(|layer| {
            let input = network.factor_input(pass, layer.block, 0);
            backend.copy(SliceMut::new(&mut layer.inputs, first * layer.matrix.width, input.len), input)
        })
    }

    /// Begins a step, whose numbers are given by block.
    pub fn begin(&mut self, backend: &B, numbers: impl Fn(usize) -> Forth) -> Result<()> {
        for layer in &mut self.layers {
            let (Forth { into, keep, .. }, len, height) = (numbers(layer.block), layer.len(), layer.matrix.height);
            backend.copy(SliceMut::new(&mut layer.met, 0, len), Slice::new(&layer.carried, 0, len))?;
            backend.scale(SliceMut::new(&mut layer.met, 0, len), into)?;
            if keep == 0.0 {
                backend.fill(SliceMut::new(&mut layer.carried, 0, len), 0.0)?;
                layer.left.fill(0.0);
                continue;
            }
            backend.scale(SliceMut::new(&mut layer.carried, 0, len), keep)?;
            for (example, left) in layer.left.iter_mut().enumerate().filter(|(_, left)| **left > 0.0) {
                *left *= keep;
                if *left < LEAST {
                    *left = 0.0;
                    backend.fill(SliceMut::new(&mut layer.carried, example * height, height), 0.0)?;
                }
            }
        }
        Ok(())
    }

    /// Whether something is left of an example's gradient.
    pub fn is_left(&self) -> bool {
        self.layers.iter().flat_map(|layer| &layer.left).any(|&left| left > 0.0)
    }

    /// Adds the step's gradients of some examples, whose columns are given.
    pub fn add(
        &mut self,
        backend: &B,
        numbers: impl Fn(usize) -> Forth,
        rows: &ExampleRows<B>,
        columns: &[u32],
    ) -> Result<()> {
        let before = |example: usize| columns.partition_point(|&column| (column as usize) < example) as u32;
        let offsets: Vec<u32> = (0..=self.examples).map(before).collect();
        let each: Vec<u32> = (0..columns.len() as u32).collect();
        let own = RowMap::new(backend, &offsets, &each, &vec![1.0; columns.len()])?;
        for layer in &mut self.layers {
            let (Forth { own: met, enters, .. }, len) = (numbers(layer.block), layer.len());
            columns.iter().for_each(|&column| layer.left[column as usize] = 1.0);
            for (_, delta) in rows.deltas(layer.block) {
                for (share, out) in [(met, &mut layer.met), (enters, &mut layer.carried)] {
                    let map = own.weighing(backend, &vec![share; columns.len()])?;
                    let out = SliceMut::new(out, 0, len);
                    backend.average(layer.matrix.height, Start::Output, &map, out, delta)?;
                }
            }
        }
        Ok(())
    }

    /// Adds what the examples' momentum makes with the queries' means of δ, for some blocks, `[R, queries, examples]`.
    pub fn contract(
        &self,
        backend: &B,
        blocks: &[usize],
        (queries, inputs): (&QueryFactors<'_, B>, &ConstantInputs<B>),
        preconditioner: &B::Buffer,
        into: &mut Accumulator<'_, B::Buffer>,
    ) -> Result<()> {
        for layer in self.layers.iter().filter(|layer| blocks.contains(&layer.block)) {
            let (Matrix { height, width, bias, .. }, len) = (layer.matrix, layer.len());
            let (Some(Side::Delta(delta, rows)), Some(left)) = (queries.side(layer.block), inputs.of(layer.block))
            else {
                continue;
            };
            let (outputs, count, examples) = (queries.outputs, queries.queries(), self.examples);
            let shape = Preconditioned { outputs, queries: count, examples, height, width, bias, scale: into.scale };
            let arrays = PreconditionedArrays {
                out: into.reborrow().out,
                delta: Slice::new(delta, 0, *rows),
                momentum: Slice::new(&layer.met, 0, len),
                queries: Slice::new(left, 0, count * width),
                examples: Slice::new(&layer.inputs, 0, examples * width),
                preconditioner: Slice::new(preconditioner, layer.offset, height * (width + usize::from(bias))),
            };
            backend.run(&shape, arrays)?;
        }
        Ok(())
    }

    /// Writes the momentum as a step left it.
    ///
    /// # Errors
    ///
    /// A device error, or a file that cannot be written.
    pub fn save(&self, backend: &B, writer: &mut StateWriter) -> std::result::Result<(), Error> {
        self.layers.iter().try_for_each(|layer| {
            writer.put("left", &layer.left)?;
            Ok(writer.put("momentum", &backend.download(Slice::new(&layer.carried, 0, layer.len()))?)?)
        })
    }

    /// Takes that of as many examples that was [saved](Self::save).
    ///
    /// # Errors
    ///
    /// A device error, or a file that holds something else.
    pub fn restore(&mut self, backend: &B, reader: &mut StateReader) -> std::result::Result<(), Error> {
        self.layers.iter_mut().try_for_each(|layer| {
            let len = layer.len();
            layer.left = reader.take_exactly("left", layer.left.len())?;
            layer.carried = backend.upload(&reader.take_exactly::<B::Element>("momentum", len)?)?;
            Ok(())
        })
    }
}
