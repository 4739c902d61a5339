//! A step of Adam.

use super::*;

/// The arrays that a step writes.
pub(super) struct Moments<'a, E> {
    pub next: &'a mut [E],
    pub first: &'a mut [E],
    pub second: &'a mut [E],
    pub preconditioner: &'a mut [E],
}

pub(super) fn adam<E: Element>(step: &Adam, out: Moments<'_, E>, weights: &[E], gradient: &[E]) -> Result<()> {
    let Moments { next, first, second, preconditioner } = out;
    let lengths = [gradient.len(), next.len(), first.len(), second.len(), preconditioner.len()];
    check("adam", &lengths.map(|len| (len, weights.len())))?;
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
            adam(&step, out, &w, &gradient).expect("lengths fit");
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
    fn arrays_of_another_length_are_refused() {
        let step = Adam { rate: 1.0, betas: [0.9; 2], correction: 1.0, eps: 1e-8, weight_decay: 0.0, shrink: 1.0 };
        let (mut a, mut b, mut c, mut short) = ([0.0; 3], [0.0; 3], [0.0; 3], [0.0; 2]);
        let out = Moments { next: &mut a, first: &mut b, second: &mut c, preconditioner: &mut short };
        assert!(adam(&step, out, &[0.0; 3], &[0.0; 3]).is_err());
    }
}
