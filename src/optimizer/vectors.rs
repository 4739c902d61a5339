//! What steps are made of: flat vectors like the weights, on the device.

use super::Optimizer;
use crate::compute::op::{Mask, Maximum, Reciprocal};
use crate::compute::{Backend, BackendError, Result, Slice, SliceMut};

/// What an optimizer keeps from step to step: the vectors that it declares, in that order.
pub(crate) struct Memory<B: Backend>(Vec<(&'static str, B::Buffer)>);

impl<B: Backend> Memory<B> {
    /// Zeros.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(backend: &B, optimizer: &Optimizer, len: usize) -> Result<Self> {
        Self::zeros(backend, optimizer.keeps(), len)
    }

    /// Zeros by some names.
    pub(super) fn zeros(backend: &B, names: impl IntoIterator<Item = &'static str>, len: usize) -> Result<Self> {
        let zeros = |name| Ok((name, backend.zeros(len)?));
        Ok(Self(names.into_iter().map(zeros).collect::<Result<_>>()?))
    }

    /// The same names, each with what a function makes of its vector.
    ///
    /// # Errors
    ///
    /// What the function refuses.
    pub fn map(&self, of: impl Fn(&B::Buffer) -> Result<B::Buffer>) -> Result<Self> {
        Ok(Self(self.0.iter().map(|(name, vector)| Ok((*name, of(vector)?))).collect::<Result<_>>()?))
    }

    /// The vectors.
    pub fn vectors(&self) -> impl Iterator<Item = &B::Buffer> {
        self.0.iter().map(|(_, vector)| vector)
    }

    /// As [`vectors`](Self::vectors), to be overwritten.
    pub fn vectors_mut(&mut self) -> impl Iterator<Item = &mut B::Buffer> {
        self.0.iter_mut().map(|(_, vector)| vector)
    }

    /// The vector of a name, where it is kept.
    pub fn get(&self, name: &str) -> Option<&B::Buffer> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, vector)| vector)
    }

    /// The vectors of some names, where they are kept.
    pub fn named<const N: usize>(&mut self, names: [&str; N]) -> [Option<&mut B::Buffer>; N] {
        let mut found = [const { None }; N];
        for (name, vector) in &mut self.0 {
            if let Some(place) = names.iter().position(|wanted| wanted == name) {
                found[place] = Some(vector);
            }
        }
        found
    }
}

/// What a step is made from.
pub(crate) struct Given<'a, B: Backend> {
    /// The step's number, from 0.
    pub number: usize,
    /// ε.
    pub rate: f64,
    /// w.
    pub weights: &'a B::Buffer,
    /// The loss gradient, as clipped.
    pub gradient: B::Buffer,
}

/// A step as it was made.
pub(crate) struct Made<B: Backend> {
    /// The next weights.
    pub next: B::Buffer,
    /// What the step's gradients were multiplied by, entry by entry, where the optimizer does that.
    pub preconditioner: Option<B::Buffer>,
    /// The part of the step that is due to weight decay, where the optimizer remembers it.
    pub decay: Option<B::Buffer>,
}

/// Operations on flat vectors of one length.
pub(crate) struct Vectors<'a, B: Backend> {
    /// The device.
    pub backend: &'a B,
    /// Elements of each.
    pub len: usize,
}

impl<B: Backend> Vectors<'_, B> {
    /// All of a vector.
    pub fn all<'b>(&self, vector: &'b B::Buffer) -> Slice<'b, B::Buffer> {
        Slice::new(vector, 0, self.len)
    }

    /// All of a vector, to be written.
    pub fn out<'b>(&self, vector: &'b mut B::Buffer) -> SliceMut<'b, B::Buffer> {
        SliceMut::new(vector, 0, self.len)
    }

    /// A vector of its own with the same values.
    pub fn copy(&self, source: &B::Buffer) -> Result<B::Buffer> {
        self.backend.copied(self.all(source))
    }

    /// `out = factor out`.
    pub fn scale(&self, out: &mut B::Buffer, factor: f64) -> Result<()> {
        self.backend.scale(self.out(out), factor)
    }

    /// `out += scale x`.
    pub fn add(&self, out: &mut B::Buffer, scale: f64, x: &B::Buffer) -> Result<()> {
        self.backend.axpy(self.out(out), scale, self.all(x))
    }

    /// `out = keep out + scale x`.
    pub fn blend(&self, out: &mut B::Buffer, keep: f64, scale: f64, x: &B::Buffer) -> Result<()> {
        self.scale(out, keep)?;
        self.add(out, scale, x)
    }

    /// `x y`, entry by entry.
    pub fn product(&self, x: &B::Buffer, y: &B::Buffer) -> Result<B::Buffer> {
        let mut out = self.backend.scratch(self.len)?;
        self.backend.multiply(self.out(&mut out), self.all(x), self.all(y))?;
        Ok(out)
    }

    /// `x - y`.
    pub fn difference(&self, x: &B::Buffer, y: &B::Buffer) -> Result<B::Buffer> {
        let mut out = self.copy(x)?;
        self.add(&mut out, -1.0, y)?;
        Ok(out)
    }

    /// x where y is 0, and 0 elsewhere.
    pub fn where_zero(&self, x: &B::Buffer, y: &B::Buffer) -> Result<B::Buffer> {
        let mut out = self.backend.scratch(self.len)?;
        let mask = Mask { width: 1, repeats: 1, value: 0.0 };
        self.backend.run(&mask, (self.out(&mut out), self.all(x), self.all(y)))?;
        Ok(out)
    }

    /// Takes a derivative by the [`reciprocal`](Self::reciprocal) of x's root, which comes with x, to one by x: multiplies it by
    /// `-reciprocal² / (2 correction √x)`, and by 0 where x is 0.
    pub fn through(
        &self,
        root: &Reciprocal,
        (x, reciprocal): (&B::Buffer, &B::Buffer),
        by: B::Buffer,
    ) -> Result<B::Buffer> {
        let inverse = self.reciprocal(&Reciprocal { correction: 1.0, eps: 0.0, ..*root }, x)?;
        // In this order no product leaves single precision before the whole does.
        let factors = [&inverse, reciprocal, reciprocal];
        let mut by = factors.into_iter().try_fold(by, |by, factor| self.product(&by, factor))?;
        self.scale(&mut by, -0.5 / root.correction)?;
        Ok(by)
    }

    /// One over the size of each entry.
    pub fn reciprocal(&self, size: &Reciprocal, x: &B::Buffer) -> Result<B::Buffer> {
        let mut out = self.backend.scratch(self.len)?;
        self.backend.run(size, (self.out(&mut out), self.all(x)))?;
        Ok(out)
    }

    /// `out = max(out, x)`, entry by entry.
    pub fn largest(&self, out: &mut B::Buffer, x: &B::Buffer) -> Result<()> {
        self.backend.run(&Maximum, (self.out(out), self.all(x)))
    }
}

/// The error of a step that is given another optimizer's memory.
pub(super) fn wrong_memory(optimizer: &str) -> BackendError {
    BackendError::Invalid(format!("a step of {optimizer} needs the vectors that {optimizer} keeps"))
}
