//! Optimizers on the device: PyTorch's updates, and what a step's decomposition needs of them.

use crate::compute::{AdamOut, Backend, Result, Slice, SliceMut};
use crate::optimizer::{Adam, Optimizer, Sgd};

/// What an optimizer keeps from step to step: flat vectors like the weights, zero at first.
pub(super) struct Memory<B: Backend> {
    /// b of SGD with momentum, the first moment of Adam.
    pub momentum: Option<B::Buffer>,
    /// The second moment of Adam.
    pub second: Option<B::Buffer>,
    /// A momentum of the decay's own: what b would be without a loss.
    pub decay: Option<B::Buffer>,
}

impl<B: Backend> Memory<B> {
    /// Zeros, where the optimizer keeps anything.
    pub fn new(backend: &B, optimizer: &Optimizer, len: usize) -> Result<Self> {
        let kept = |wanted: bool| if wanted { backend.zeros(len).map(Some) } else { Ok(None) };
        Ok(Self {
            momentum: kept(optimizer.has_memory())?,
            second: kept(matches!(optimizer, Optimizer::Adam(_)))?,
            decay: kept(optimizer.remembers_decay())?,
        })
    }

    /// The vectors that are kept, in a fixed order.
    pub fn vectors(&self) -> impl Iterator<Item = &B::Buffer> {
        [&self.momentum, &self.second, &self.decay].into_iter().flatten()
    }

    /// As [`vectors`](Self::vectors), to be overwritten.
    pub fn vectors_mut(&mut self) -> impl Iterator<Item = &mut B::Buffer> {
        [&mut self.momentum, &mut self.second, &mut self.decay].into_iter().flatten()
    }
}

impl Optimizer {
    /// Whether weight decay goes through a momentum, so that its part of a step depends on earlier weights.
    pub(crate) fn remembers_decay(&self) -> bool {
        self.has_memory()
            && self.weight_decay() != 0.0
            && !matches!(self, Optimizer::Adam(Adam { decoupled: true, .. }))
    }
}

/// A step as it was made.
pub(super) struct Made<B: Backend> {
    /// The next weights.
    pub next: B::Buffer,
    /// Adam's `1 / (√v̂ + eps)`.
    pub preconditioner: Option<B::Buffer>,
    /// The part of the step that is due to weight decay, where the optimizer remembers it; else it is `-ε λ w`.
    pub decay: Option<B::Buffer>,
}

/// The operations of a step on flat vectors.
struct Flat<'a, B: Backend> {
    backend: &'a B,
    len: usize,
}

impl<B: Backend> Flat<'_, B> {
    fn all<'b>(&self, buffer: &'b B::Buffer) -> Slice<'b, B::Buffer> {
        Slice::new(buffer, 0, self.len)
    }

    fn out<'b>(&self, buffer: &'b mut B::Buffer) -> SliceMut<'b, B::Buffer> {
        SliceMut::new(buffer, 0, self.len)
    }

    fn copy(&self, source: &B::Buffer) -> Result<B::Buffer> {
        self.backend.copied(self.all(source))
    }

    fn scale(&self, out: &mut B::Buffer, factor: f64) -> Result<()> {
        self.backend.scale(self.out(out), factor)
    }

    /// `out += scale x`.
    fn add(&self, out: &mut B::Buffer, scale: f64, x: &B::Buffer) -> Result<()> {
        self.backend.axpy(self.out(out), scale, self.all(x))
    }

    /// `out = keep out + scale x`.
    fn blend(&self, out: &mut B::Buffer, keep: f64, scale: f64, x: &B::Buffer) -> Result<()> {
        self.scale(out, keep)?;
        self.add(out, scale, x)
    }
}

/// Makes step `number`, at a learning rate, from `weights`, with the loss gradient as clipped.
///
/// # Errors
///
/// A device error.
pub(super) fn make<B: Backend>(
    backend: &B,
    optimizer: &Optimizer,
    (number, rate): (usize, f64),
    memory: &mut Memory<B>,
    weights: &B::Buffer,
    gradient: B::Buffer,
    len: usize,
) -> Result<Made<B>> {
    let flat = Flat { backend, len };
    match optimizer {
        Optimizer::Adam(adam) => flat.adam(adam, (number, rate), memory, weights, &gradient),
        Optimizer::Sgd(sgd) => flat.sgd(sgd, (number, rate), memory, weights, gradient),
        Optimizer::Flow(_) => {
            let mut next = flat.copy(weights)?;
            flat.add(&mut next, -rate, &gradient)?;
            Ok(Made { next, preconditioner: None, decay: None })
        }
    }
}

impl<B: Backend> Flat<'_, B> {
    fn sgd(
        &self,
        sgd: &Sgd,
        (number, rate): (usize, f64),
        memory: &mut Memory<B>,
        weights: &B::Buffer,
        mut gradient: B::Buffer,
    ) -> Result<Made<B>> {
        let lambda = sgd.weight_decay;
        if lambda != 0.0 {
            self.add(&mut gradient, lambda, weights)?;
        }
        let mut next = self.copy(weights)?;
        let mut decay = None;
        match &mut memory.momentum {
            None => self.add(&mut next, -rate, &gradient)?,
            Some(momentum) => {
                let taken = if number == 0 { 1.0 } else { 1.0 - sgd.dampening };
                self.blend(momentum, sgd.momentum, taken, &gradient)?;
                if let Some(own) = &mut memory.decay {
                    self.blend(own, sgd.momentum, taken * lambda, weights)?;
                    let mut part = self.copy(own)?;
                    if sgd.nesterov {
                        self.blend(&mut part, sgd.momentum, lambda, weights)?;
                    }
                    self.scale(&mut part, -rate)?;
                    decay = Some(part);
                }
                if sgd.nesterov {
                    self.add(&mut gradient, sgd.momentum, momentum)?;
                    self.add(&mut next, -rate, &gradient)?;
                } else {
                    self.add(&mut next, -rate, momentum)?;
                }
            }
        }
        Ok(Made { next, preconditioner: None, decay })
    }

    fn adam(
        &self,
        adam: &Adam,
        (number, rate): (usize, f64),
        memory: &mut Memory<B>,
        weights: &B::Buffer,
        gradient: &B::Buffer,
    ) -> Result<Made<B>> {
        let [first_bias, second_bias] = adam.betas.map(|beta| 1.0 - beta.powf((number + 1) as f64));
        let (coupled, decoupled) = if adam.decoupled { (0.0, adam.weight_decay) } else { (adam.weight_decay, 0.0) };
        let step = crate::compute::Adam {
            rate: rate / first_bias,
            betas: adam.betas,
            correction: second_bias.sqrt(),
            eps: adam.eps,
            weight_decay: coupled,
            shrink: 1.0 - rate * decoupled,
        };
        let (mut next, mut preconditioner) = (self.backend.scratch(self.len)?, self.backend.scratch(self.len)?);
        if let (Some(first), Some(second)) = (&mut memory.momentum, &mut memory.second) {
            let out = AdamOut {
                next: self.out(&mut next),
                first: self.out(first),
                second: self.out(second),
                preconditioner: self.out(&mut preconditioner),
            };
            self.backend.adam(&step, out, self.all(weights), self.all(gradient))?;
        }
        let mut decay = None;
        if let Some(own) = &mut memory.decay {
            self.blend(own, adam.betas[0], (1.0 - adam.betas[0]) * coupled, weights)?;
            let mut part = self.backend.scratch(self.len)?;
            self.backend.multiply(self.out(&mut part), self.all(own), self.all(&preconditioner))?;
            self.scale(&mut part, -step.rate)?;
            decay = Some(part);
        }
        Ok(Made { next, preconditioner: Some(preconditioner), decay })
    }
}
