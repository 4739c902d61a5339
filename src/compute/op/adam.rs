//! A step of Adam.

use super::*;

/// The numbers of one step of Adam (D. Kingma and J. Ba, 2015) with the first moment's correction in the rate. PyTorch's
/// Adam after t steps has `rate = lr / (1 - β1^t)` and `correction = √(1 - β2^t)`.
#[derive(Debug, Clone, Copy)]
pub struct Adam {
    /// What the step's direction is multiplied by.
    pub rate: f64,
    /// β1 and β2.
    pub betas: [f64; 2],
    /// What the root of the second moment is divided by.
    pub correction: f64,
    /// Added to the corrected root.
    pub eps: f64,
    /// λ, in the gradient.
    pub weight_decay: f64,
    /// What the weights are multiplied by: `1 - lr λ` for AdamW, else 1.
    pub shrink: f64,
}

/// What a step of Adam writes, each as long as the weights.
#[derive(Debug)]
pub struct AdamOut<'a, T> {
    /// The next weights.
    pub next: SliceMut<'a, T>,
    /// The first moment, also read.
    pub first: SliceMut<'a, T>,
    /// The second moment, also read.
    pub second: SliceMut<'a, T>,
    /// d, what the first moment is multiplied by.
    pub preconditioner: SliceMut<'a, T>,
}

impl Operation for Adam {
    const NAME: &'static str = "adam";
    const ROUNDINGS: f64 = 200.0;

    type Arrays<'a, T: 'a, I: 'a> = (AdamOut<'a, T>, Slice<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, weights, gradient): &Self::Arrays<'_, T, I>) -> Result<()> {
        let AdamOut { next, first, second, preconditioner } = out;
        let lengths = [gradient.len, next.len, first.len, second.len, preconditioner.len];
        fit(Self::NAME, &lengths.map(|len| (len, weights.len)))
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, weights, gradient): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let AdamOut { next, first, second, preconditioner } = out;
        let out = Moments {
            next: view_mut(next)?,
            first: view_mut(first)?,
            second: view_mut(second)?,
            preconditioner: view_mut(preconditioner)?,
        };
        self.take(out, view(weights)?, view(gradient)?);
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, weights, gradient): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let AdamOut { next, first, second, preconditioner } = &out;
        let [keep, keep_square] = self.betas;
        let written = [next, first, second, preconditioner].map(write);
        gpu.each(Self::NAME, &[&written[..], &[read(weights), read(gradient)]].concat(), &|len| Numbers {
            len: len as u32,
            keep: keep as f32,
            take: (1.0 - keep) as f32,
            keep_square: keep_square as f32,
            take_square: (1.0 - keep_square) as f32,
            rate: self.rate as f32,
            correction: self.correction as f32,
            eps: self.eps as f32,
            decay: self.weight_decay as f32,
            shrink: self.shrink as f32,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/adam.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let len = trial.size;
        let step =
            Adam { rate: 0.05, betas: [0.5, 0.75], correction: 0.5, eps: 0.125, weight_decay: 0.25, shrink: 0.75 };
        let (weights, gradient, mut first) = (trial.numbers(len)?, trial.numbers(len)?, trial.numbers(len)?);
        let (mut next, mut second, mut factors) = (backend.zeros(len)?, backend.zeros(len)?, backend.zeros(len)?);
        trial.run(|| {
            let out = AdamOut {
                next: front_mut(&mut next, len),
                first: front_mut(&mut first, len),
                second: front_mut(&mut second, len),
                preconditioner: front_mut(&mut factors, len),
            };
            backend.run(&step, (out, front(&weights, len), front(&gradient, len)))
        })?;
        [&next, &first, &second, &factors].into_iter().try_for_each(|array| trial.wrote(array, len))
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers {
        len: u32, keep: f32, take: f32, keep_square: f32, take_square: f32, rate: f32, correction: f32, eps: f32, decay: f32,
        shrink: f32,
    }
}

/// The arrays that a step writes on the CPU.
struct Moments<'a, E> {
    next: &'a mut [E],
    first: &'a mut [E],
    second: &'a mut [E],
    preconditioner: &'a mut [E],
}

impl Adam {
    /// The step, on arrays of one length.
    fn take<E: Element>(&self, out: Moments<'_, E>, weights: &[E], gradient: &[E]) {
        let step = self;
        let Moments { next, first, second, preconditioner } = out;
        let [keep, keep_square] = step.betas.map(E::from_f64);
        let [take, take_square] = step.betas.map(|beta| E::from_f64(1.0 - beta));
        let (decay, eps, correction) =
            (E::from_f64(step.weight_decay), E::from_f64(step.eps), E::from_f64(step.correction));
        let (shrink, rate) = (E::from_f64(step.shrink), E::from_f64(step.rate));
        let written = next.par_chunks_mut(CHUNK).zip(preconditioner.par_chunks_mut(CHUNK));
        let moments = first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK));
        let read = weights.par_chunks(CHUNK).zip(gradient.par_chunks(CHUNK));
        written.zip(moments).zip(read).for_each(|(((next, preconditioner), (first, second)), (weights, gradient))| {
            let written = next.iter_mut().zip(preconditioner);
            let moments = first.iter_mut().zip(second);
            let read = weights.iter().zip(gradient);
            for (((next, preconditioner), (first, second)), (&w, &gradient)) in written.zip(moments).zip(read) {
                let g = gradient + decay * w;
                *first = keep * *first + take * g;
                *second = keep_square * *second + take_square * (g * g);
                let root = second.sqrt() / correction + eps;
                // Without eps, what never had a gradient stays where it is.
                let d = if root > E::ZERO { E::ONE / root } else { E::ZERO };
                *next = shrink * w - rate * *first * d;
                *preconditioner = d;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::convert;

    /// Three steps as PyTorch writes them, of one weight.
    fn pytorch(decoupled: bool, start: f64, gradients: &[f64; 3]) -> (f64, f64) {
        let (lr, beta1, beta2, eps, decay) = (0.05f64, 0.9f64, 0.99f64, 1e-3f64, 0.1f64);
        let (mut w, mut m, mut v, mut d) = (start, 0.0, 0.0, 0.0);
        for (before, gradient) in gradients.iter().enumerate() {
            let step = before as i32 + 1;
            let g = if decoupled { *gradient } else { gradient + decay * w };
            if decoupled {
                w -= lr * decay * w;
            }
            m = beta1 * m + (1.0 - beta1) * g;
            v = beta2 * v + (1.0 - beta2) * g * g;
            let (mean, square) = (m / (1.0 - beta1.powi(step)), v / (1.0 - beta2.powi(step)));
            d = 1.0 / (square.sqrt() + eps);
            w -= lr * mean * d;
        }
        (w, d)
    }

    /// Three steps of several weights.
    fn steps<E: Element>(decoupled: bool, start: &[f64], gradients: &[[f64; 3]]) -> (Vec<E>, Vec<E>) {
        let len = start.len();
        let (mut w, zeros) = (convert::<E>(start), vec![E::ZERO; len]);
        let (mut next, mut first, mut second, mut factors) = (zeros.clone(), zeros.clone(), zeros.clone(), zeros);
        for number in 0..3 {
            let t = number as i32 + 1;
            let step = Adam {
                rate: 0.05 / (1.0 - 0.9f64.powi(t)),
                betas: [0.9, 0.99],
                correction: (1.0 - 0.99f64.powi(t)).sqrt(),
                eps: 1e-3,
                weight_decay: if decoupled { 0.0 } else { 0.1 },
                shrink: if decoupled { 1.0 - 0.05 * 0.1 } else { 1.0 },
            };
            let gradient: Vec<E> = gradients.iter().map(|of| E::from_f64(of[number])).collect();
            let out = Moments { next: &mut next, first: &mut first, second: &mut second, preconditioner: &mut factors };
            step.take(out, &w, &gradient);
            std::mem::swap(&mut w, &mut next);
        }
        (w, factors)
    }

    /// About twenty roundings a step; d is at most 1/eps.
    fn agrees<E: Element>(unit: f64) {
        let start = [0.7, -1.3, 0.0, 2.5];
        let gradients = [[0.3, -0.2, 0.9], [1e-5, 2e-5, -1e-5], [0.0, 0.0, 0.5], [-4.0, 3.0, 1.0]];
        for decoupled in [false, true] {
            let (weights, factors) = steps::<E>(decoupled, &start, &gradients);
            for (place, (&start, gradients)) in start.iter().zip(&gradients).enumerate() {
                let (w, d) = pytorch(decoupled, start, gradients);
                let (got, factor) = (weights[place].to_f64(), factors[place].to_f64());
                assert!((got - w).abs() <= 60.0 * unit * 2.5, "weight {place}: {got} instead of {w}");
                assert!((factor - d).abs() <= 60.0 * unit * d, "factor {place}: {factor} instead of {d}");
            }
        }
    }

    #[test]
    fn as_pytorch_steps() {
        agrees::<f64>(f64::EPSILON);
        agrees::<f32>(f64::from(f32::EPSILON));
    }

    #[test]
    fn arrays_of_another_length_are_refused() -> Result<()> {
        let step = Adam { rate: 1.0, betas: [0.9; 2], correction: 1.0, eps: 1e-8, weight_decay: 0.0, shrink: 1.0 };
        let cpu = CpuBackend::<f64>::new();
        let [mut a, mut b, mut c, mut d] = [cpu.zeros(3)?, cpu.zeros(3)?, cpu.zeros(3)?, cpu.zeros(3)?];
        let weights = cpu.zeros(3)?;
        for short in [2, 3] {
            let out = AdamOut {
                next: front_mut(&mut a, 3),
                first: front_mut(&mut b, 3),
                second: front_mut(&mut c, 3),
                preconditioner: front_mut(&mut d, short),
            };
            let made = cpu.run(&step, (out, front(&weights, 3), front(&weights, 3)));
            assert_eq!(made.is_ok(), short == 3);
        }
        Ok(())
    }
}
