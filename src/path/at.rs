//! The point or segment of the path at which a step's gradients are taken.

use super::{Quadrature, Setting};
use crate::compute::{Backend, Result, Slice, SliceMut};
use crate::error::Error;
use crate::graph::Graph;
use crate::optimizer::{Decay, ParameterGroups};
use crate::path::Rule;
use crate::tape::{Kept, Step, Tape};
use crate::training::Leg;

/// A buffer, owned or borrowed.
pub(super) enum Buffer<'a, T> {
    Own(T),
    Borrowed(&'a T),
}

impl<T> Buffer<'_, T> {
    pub fn get(&self) -> &T {
        match self {
            Buffer::Own(buffer) => buffer,
            Buffer::Borrowed(buffer) => buffer,
        }
    }
}

/// The point or segment at which gradients are taken, with what the decomposition needs of the step there.
pub(super) struct At<'a, B: Backend> {
    /// The step's number, and its place in its block.
    pub number: usize,
    pub place: usize,
    pub step: &'a Step,
    /// The factor of a gradient in the kernel: ε, or the time that a node of gradient flow stands for.
    pub rate: f64,
    /// The rule on the segment.
    pub rule: Rule,
    weights: Buffer<'a, B::Buffer>,
    /// The change of the weights along the segment, as a vector and its scale; `None` at a single point.
    change: Option<(Buffer<'a, B::Buffer>, f64)>,
    leg: Option<&'a Leg<B>>,
}

impl<'a, B: Backend> At<'a, B> {
    /// w: the weights at the start.
    pub fn weights(&self) -> &B::Buffer {
        self.weights.get()
    }

    /// The change of the weights along the segment, as a vector and its scale; `None` at a single point.
    pub fn change(&self) -> Option<(&B::Buffer, f64)> {
        self.change.as_ref().map(|(change, scale)| (change.get(), *scale))
    }

    /// The vector by which the optimizer multiplies gradients, entry by entry.
    pub fn preconditioner(&self) -> Option<&'a B::Buffer> {
        self.leg.and_then(|leg| leg.preconditioner.as_ref())
    }

    /// The part of an imported step that the optimizer does not explain, as a vector and its scale.
    pub fn unexplained(&self) -> Option<(&'a B::Buffer, f64)> {
        self.leg.and_then(|leg| leg.unexplained.as_ref()).map(|vector| (vector, 1.0))
    }

    /// The segment from the weights before a step to those after it.
    pub fn segment(
        setting: &Setting<'_, B>,
        leg: &'a Leg<B>,
        next: &B::Buffer,
        (number, step): (usize, &'a Step),
        place: usize,
    ) -> Result<Self> {
        let (backend, len) = (setting.backend, setting.network.len);
        let mut change = backend.copied(Slice::new(next, 0, len))?;
        backend.axpy(SliceMut::new(&mut change, 0, len), -1.0, Slice::new(&leg.weights, 0, len))?;
        Ok(Self {
            number,
            place,
            step,
            rate: step.learning_rate,
            rule: setting.spec.rule,
            weights: Buffer::Borrowed(&leg.weights),
            change: Some((Buffer::Own(change), 1.0)),
            leg: Some(leg),
        })
    }

    /// The nodes within a step of gradient flow. Both sides' gradients are taken there, and the weights move along `-∇L`.
    pub fn flow(
        setting: &Setting<'_, B>,
        tape: &dyn Tape<B::Element>,
        (number, step): (usize, &'a Step),
        place: usize,
    ) -> std::result::Result<Vec<Self>, Error> {
        let backend = setting.backend;
        let quadrature = Quadrature::of_flow(&setting.spec.rule);
        let nodes = quadrature.weights.len();
        let at = |(node, weight): (usize, &f64)| {
            let rate = step.learning_rate * weight;
            let slope = backend.upload(&tape.row(Kept::Slopes, number * nodes + node)?)?;
            Ok(Self {
                number,
                place,
                step,
                rate,
                rule: Rule::Left,
                weights: Buffer::Own(backend.upload(&tape.row(Kept::Nodes, number * nodes + node)?)?),
                change: Some((Buffer::Own(slope), rate)),
                leg: None,
            })
        };
        quadrature.weights.iter().enumerate().map(at).collect()
    }

    /// A single point.
    pub fn single(weights: &'a B::Buffer, step: &'a Step) -> Self {
        let (rate, rule) = (step.learning_rate, Rule::Left);
        Self { number: 0, place: 0, step, rate, rule, weights: Buffer::Borrowed(weights), change: None, leg: None }
    }

    /// `w + τ Δw`; `None` where that is w itself.
    pub fn moved(&self, backend: &B, network: &Graph, tau: f64) -> Result<Option<B::Buffer>> {
        let Some((change, scale)) = self.change.as_ref().filter(|_| tau != 0.0) else { return Ok(None) };
        let mut moved = backend.copied(Slice::new(self.weights(), 0, network.len))?;
        backend.axpy(
            SliceMut::new(&mut moved, 0, network.len),
            tau * scale,
            Slice::new(change.get(), 0, network.len),
        )?;
        Ok(Some(moved))
    }

    /// The part of the step that weight decay made in a block, as a vector and its scale; `None` where there is none.
    pub fn decay(&self, optimizer: &ParameterGroups, block: usize) -> Option<(&B::Buffer, f64)> {
        let leg = self.leg?;
        match optimizer.decay(block, self.number, self.rate) {
            Decay::Absent => None,
            Decay::OfWeights(scale) => Some((&leg.weights, scale)),
            Decay::Remembered => leg.decay.as_ref().map(|part| (part, 1.0)),
        }
    }
}
