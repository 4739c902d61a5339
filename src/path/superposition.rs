//! The change of the weights as a superposition of the examples' gradients.

use super::Setting;
use super::at::At;
use super::batch::{Batch, gradients_at_once, loss_gradient};
use super::coupled::{Copies, Coupled};
use super::earlier::Earlier;
use super::pass::silencing;
use crate::compute::{Backend, Indices, Result, RowMap, Slice, SliceMut, Start};
use crate::error::Error;
use crate::graph::{Factor, Graph, Segment};
use crate::optimizer::{Meets, Recursion};
use crate::tangent::{Sum, write_gradient};
use crate::tape::{Kept, Tape};
use crate::training::Recall;
use std::ops::Range;

/// `w_T - w_0 = Σ_i u_i +` what weight decay, gradients before the first step and, of an imported path, no optimizer added, with
/// `u_i = -Σ_s ψ_s g_{i,s}`: the recursion of the attributions for a query whose gradient is the identity. ψ is a number,
/// with a preconditioner a vector.
pub struct Superposition<'a, B: Backend> {
    /// The network, the examples, and how they were trained; queries and kernels play no part.
    pub setting: Setting<'a, B>,
    /// The recorded path.
    pub tape: &'a dyn Tape<B::Element>,
}

/// Parts of the weights' change.
#[derive(Debug)]
pub struct Superposed {
    /// Those of some examples: for each block of parameters `[examples, parameters]`.
    pub examples: Vec<Vec<f64>>,
    /// What gradients from before the first step made, of each block, where the optimizer's state was given.
    pub earlier: Option<Vec<Vec<f64>>>,
}

/// ψ of the weights themselves: a number, or with a preconditioner a vector.
struct Psi<B: Backend> {
    number: f64,
    vector: Option<B::Buffer>,
    /// The vector that the gradients of a step are multiplied by, where it is not ψ.
    met: Option<B::Buffer>,
}

impl<B: Backend> Psi<B> {
    /// The vector that the gradients of the last step are multiplied by, with a preconditioner.
    fn vector(&self) -> Option<&B::Buffer> {
        self.met.as_ref().or(self.vector.as_ref())
    }

    /// Takes the vector as zero where no example has a gradient.
    fn silence(&mut self, backend: &B, silencing: &B::Buffer, len: usize) -> Result<()> {
        if let Some(vector) = self.vector() {
            let mut met = backend.scratch(len)?;
            let factors = Slice::new(silencing, 0, len);
            backend.multiply(SliceMut::new(&mut met, 0, len), Slice::new(vector, 0, len), factors)?;
            self.met = Some(met);
        }
        Ok(())
    }

    /// Goes one step back, and returns the number by which the step's gradients are multiplied, beside the vector.
    fn step(
        &mut self,
        backend: &B,
        recursion: &Recursion,
        preconditioner: Option<&B::Buffer>,
        len: usize,
    ) -> Result<f64> {
        let &Recursion { keep, add, meets, .. } = recursion;
        let Some(preconditioner) = preconditioner else { return Ok(recursion.back(&mut self.number, 1.0, 1.0)) };
        let held = Slice::new(preconditioner, 0, len);
        if meets == Meets::Preconditioned {
            self.met = Some(backend.copied(held)?);
            return Ok(recursion.back(&mut self.number, 1.0, 1.0));
        }
        let vector = match &mut self.vector {
            Some(vector) => vector,
            none => none.insert(backend.zeros(len)?),
        };
        let apart = |share: f64, psi: &B::Buffer| {
            let mut met = backend.copied(held)?;
            backend.scale(SliceMut::new(&mut met, 0, len), add)?;
            backend.axpy(SliceMut::new(&mut met, 0, len), share, Slice::new(psi, 0, len))?;
            Ok(met)
        };
        let (before, after, into) = match meets {
            Meets::Carried | Meets::Preconditioned => (None, None, 1.0),
            Meets::Ahead { into, share } => (None, Some(share), into),
            Meets::Behind { into, share } => (Some(share), None, into),
        };
        let earlier = before.map(|share| apart(share, vector)).transpose()?;
        backend.scale(SliceMut::new(vector, 0, len), keep)?;
        backend.axpy(SliceMut::new(vector, 0, len), into * add, held)?;
        self.met = match after {
            Some(share) => Some(apart(share, vector)?),
            None => earlier,
        };
        Ok(1.0)
    }
}

/// The map from the rows of a batch, whose columns ascend, to the `count` vectors of a set, each with the same weight.
fn map<B: Backend>(backend: &B, count: usize, columns: &[u32], weight: f64) -> Result<RowMap<B::Buffer, B::Index>> {
    let before = |column: usize| columns.partition_point(|&own| (own as usize) < column) as u32;
    let offsets: Vec<u32> = (0..=count).map(before).collect();
    let inputs: Vec<u32> = (0..columns.len() as u32).collect();
    RowMap::new(backend, &offsets, &inputs, &vec![weight; columns.len()])
}

/// The number of elements in the vectors of one set of examples, of `count` examples in all. A constant bounds it, so that the
/// sums depend on no machine.
pub(crate) fn vectors_at_once(network: &Graph, count: usize) -> usize {
    const ELEMENTS: usize = 1 << 24;
    count.saturating_mul(network.len).min(ELEMENTS.max(network.len))
}

impl<B: Backend> Superposition<'_, B> {
    /// The sets of examples whose vectors are summed at once.
    pub fn sets(&self) -> Vec<Range<usize>> {
        let (count, len) = (self.setting.columns(), self.setting.network.len);
        let at_once = (vectors_at_once(self.setting.network, count) / len.max(1)).max(1);
        (0..count).step_by(at_once).map(|from| from..(from + at_once).min(count)).collect()
    }

    /// u of some examples, and what is no example's. `progress` is called after each step. The cost is that of
    /// training on them again, with a gradient of its own for each.
    ///
    /// # Errors
    ///
    /// A device error, or a trajectory that cannot be read.
    pub fn vectors(
        &self,
        set: &Range<usize>,
        progress: &mut dyn FnMut() -> std::result::Result<(), Error>,
    ) -> std::result::Result<Superposed, Error> {
        let backend = self.setting.backend;
        let (training, history) = (self.setting.training(), self.tape.history());
        let mut recall = Recall::new(&training, self.tape);
        let mut sums = self.sums(set.len())?;
        let earlier = Earlier::new(&self.setting)?;
        let goes_on = self.setting.spec.optimizer.state().is_some();
        let mut moved = if goes_on { self.sums(1)? } else { Vec::new() };
        let groups = self.setting.spec.optimizer.count();
        let mut psi: Vec<Psi<B>> = (0..groups).map(|_| Psi { number: 0.0, vector: None, met: None }).collect();
        let silencing = silencing(&self.setting)?;
        let mut next = recall.before(history.steps.len())?;
        for (number, step) in history.steps.iter().enumerate().rev() {
            let leg = recall.leg(number)?;
            let places = if history.recording.keeps(Kept::Nodes) {
                At::flow(&self.setting, self.tape, (number, step), 0)?
            } else {
                vec![At::segment(&self.setting, &leg, &next, (number, step), 0)?]
            };
            for at in &places {
                self.add(&mut sums, &mut psi, at, (set, silencing.as_ref()))?;
                if let Some(earlier) = &earlier {
                    self.add_earlier(&mut moved, earlier, at)?;
                }
            }
            if number % history.block() == 0 {
                sums.iter_mut().chain(&mut moved).try_for_each(|sum| sum.fold(backend))?;
            }
            drop(places);
            next = leg.weights;
            progress()?;
        }
        let read = |sums: &[Sum<B>]| sums.iter().map(|sum| sum.download(backend)).collect::<Result<Vec<_>>>();
        Ok(Superposed { examples: read(&sums)?, earlier: goes_on.then(|| read(&moved)).transpose()? })
    }

    /// Zeros for each block, of so many vectors.
    fn sums(&self, vectors: usize) -> Result<Vec<Sum<B>>> {
        let Setting { backend, network, .. } = self.setting;
        network.blocks.iter().map(|own| Sum::new(backend, vectors * own.len())).collect()
    }

    /// Adds the part of a step that gradients before the first one make.
    fn add_earlier(&self, sums: &mut [Sum<B>], earlier: &Earlier<B>, at: &At<'_, B>) -> Result<()> {
        let Setting { backend, network, spec, .. } = self.setting;
        let part = earlier.part(&self.setting, at)?;
        for (number, (sum, own)) in sums.iter_mut().zip(&network.blocks).enumerate() {
            let (vector, scale) = part.of(&spec.optimizer, number);
            backend.axpy(sum.block(), scale, Slice::new(vector, own.offset, own.len()))?;
        }
        Ok(())
    }

    /// Adds the products of one step's ψ with the gradients of some examples; where some numbers have none, these come with
    /// the vector that silences them.
    fn add(
        &self,
        sums: &mut [Sum<B>],
        psi: &mut [Psi<B>],
        at: &At<'_, B>,
        (set, silencing): (&Range<usize>, Option<&B::Buffer>),
    ) -> Result<()> {
        let Setting { backend, in_training: network, spec, targets, .. } = self.setting;
        let recursions = spec.optimizer.recursions(at.number, at.rate, at.step.clip);
        let scale = |(psi, recursion): (&mut Psi<B>, &Recursion)| {
            Ok(-recursion.gradient * psi.step(backend, recursion, at.preconditioner(), network.len)?)
        };
        let scales: Vec<f64> = psi.iter_mut().zip(&recursions).map(scale).collect::<Result<_>>()?;
        if network.couples_rows() {
            return self.add_coupled(sums, (psi, &scales), at, (set, silencing));
        }
        for batch in Batch::all(&self.setting, set, at.step, gradients_at_once(network))? {
            let Batch { count, places, inputs, drawn, columns, .. } = &batch;
            let input = Slice::new(inputs, 0, count * network.input_len());
            let draw = network.drawing(at.number, drawn.as_ref());
            let pass = network.forward_drawing(backend, Segment::at(at.weights()), input, *count, draw)?;
            let seed = loss_gradient(backend, network, spec.loss, targets, &pass, places)?;
            let one = |&scale: &f64| map(backend, set.len(), columns.values(), scale);
            let maps = scales.iter().map(one).collect::<Result<Vec<_>>>()?;
            let take = &mut |factor: Factor<'_, B::Buffer>| self.take(sums, psi, &maps, &factor);
            network.backward(backend, Segment::at(at.weights()), &pass, 1, seed, take)?;
        }
        Ok(())
    }

    /// The same with a batch whose rows depend on each other; each group of parameters has its ψ and a scale.
    fn add_coupled(
        &self,
        sums: &mut [Sum<B>],
        (psi, scales): (&mut [Psi<B>], &[f64]),
        at: &At<'_, B>,
        (set, silencing): (&Range<usize>, Option<&B::Buffer>),
    ) -> Result<()> {
        let Setting { backend, in_training: network, .. } = self.setting;
        let Some(coupled) = Coupled::new(&self.setting, set, at)? else { return Ok(()) };
        let pass = coupled.pass(&self.setting, at.weights())?;
        if let Some(silencing) = silencing {
            psi.iter_mut().try_for_each(|psi| psi.silence(backend, silencing, network.len))?;
        }
        coupled.each_copies(&self.setting, &pass, &mut |Copies { columns, seed, .. }| {
            let (copies, rows) = (columns.len(), pass.rows);
            // Of each column in turn all rows of the batch.
            let before = |column: usize| columns.partition_point(|&own| (own as usize) < column) * rows;
            let offsets: Vec<u32> = (0..=set.len()).map(|column| before(column) as u32).collect();
            let inputs: Vec<u32> = (0..copies * rows).map(|row| (row % rows) as u32).collect();
            let one = |&scale: &f64| RowMap::new(backend, &offsets, &inputs, &vec![scale; copies * rows]);
            let maps = scales.iter().map(one).collect::<Result<Vec<_>>>()?;
            let take = &mut |factor: Factor<'_, B::Buffer>| self.take(sums, psi, &maps, &factor);
            network.backward(backend, Segment::at(at.weights()), &pass, copies, seed, take)
        })
    }

    /// Adds the rows of one factor; each group of parameters has its ψ and its map.
    fn take(
        &self,
        sums: &mut [Sum<B>],
        psi: &[Psi<B>],
        maps: &[RowMap<B::Buffer, B::Index>],
        factor: &Factor<'_, B::Buffer>,
    ) -> Result<()> {
        let Setting { backend, in_training: network, spec, .. } = self.setting;
        let own = &network.blocks[factor.block];
        let group = spec.optimizer.group_of(factor.block);
        let preconditioner = psi[group].vector().map(|vector| Slice::new(vector, own.offset, own.len()));
        write_gradient(backend, &maps[group], preconditioner, factor, Start::Output, sums[factor.block].block())
    }
}
