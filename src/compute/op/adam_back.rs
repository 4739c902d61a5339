//! Back through a step of Adam.

use super::*;

/// How a number that depends on what a step of [`Adam`] leaves behind depends on what it was made of. With
/// `h = gradient + λ w`, the step was `next = shrink w - (rate first + own h) d`, d being one over the corrected root of
/// `second`: Adam's where `own` is 0, and NAdam's. Where `second` is 0, so is d's derivative.
#[derive(Debug, Clone, Copy)]
pub struct AdamBack {
    /// The step.
    pub step: Adam,
    /// How much of h it takes by itself.
    pub own: f64,
}

/// The arrays of [`AdamBack`], each as long as the weights.
#[derive(Debug)]
pub struct AdamBackArrays<'a, T> {
    /// Minus the derivative by the gradient.
    pub psi: SliceMut<'a, T>,
    /// The derivative by the next weights, and then by those before, but for what comes through the gradient.
    pub by_weights: SliceMut<'a, T>,
    /// Likewise by the first moment.
    pub by_first: SliceMut<'a, T>,
    /// Likewise by the second.
    pub by_second: SliceMut<'a, T>,
    /// w, before the step.
    pub weights: Slice<'a, T>,
    /// The gradient.
    pub gradient: Slice<'a, T>,
    /// The first moment, after the step.
    pub first: Slice<'a, T>,
    /// The second moment, after the step.
    pub second: Slice<'a, T>,
}

impl Operation for AdamBack {
    const NAME: &'static str = "adam_back";
    const ROUNDINGS: f64 = 200.0;

    type Arrays<'a, T: 'a, I: 'a> = AdamBackArrays<'a, T>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let AdamBackArrays { psi, by_weights, by_first, by_second, weights, gradient, first, second } = arrays;
        let written = [by_weights.len, by_first.len, by_second.len];
        let read = [weights.len, gradient.len, first.len, second.len];
        fit(Self::NAME, &[&written[..], &read].concat().into_iter().map(|len| (len, psi.len)).collect::<Vec<_>>())
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let AdamBackArrays { psi, by_weights, by_first, by_second, weights, gradient, first, second } = arrays;
        let by_weights = view_mut(by_weights)?.par_chunks_mut(CHUNK);
        let written = view_mut(psi)?.par_chunks_mut(CHUNK).zip(by_weights);
        let moments = view_mut(by_first)?.par_chunks_mut(CHUNK).zip(view_mut(by_second)?.par_chunks_mut(CHUNK));
        let given = view(weights)?.par_chunks(CHUNK).zip(view(gradient)?.par_chunks(CHUNK));
        let after = view(first)?.par_chunks(CHUNK).zip(view(second)?.par_chunks(CHUNK));
        let numbers = Numbers::new(self);
        written.zip(moments).zip(given.zip(after)).for_each(|((written, by), (given, after))| {
            let written = written.0.iter_mut().zip(written.1);
            let by = by.0.iter_mut().zip(by.1);
            let given = given.0.iter().zip(given.1);
            let after = after.0.iter().zip(after.1);
            for (((psi, by_weight), by), ((&w, &gradient), (&m, &v))) in written.zip(by).zip(given.zip(after)) {
                let found = numbers.back([*by_weight, *by.0, *by.1], [w, gradient, m, v]);
                [*psi, *by_weight, *by.0, *by.1] = found;
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let AdamBackArrays { psi, by_weights, by_first, by_second, weights, gradient, first, second } = arrays;
        let written = [&psi, &by_weights, &by_first, &by_second].map(write);
        let given = [weights, gradient, first, second].map(read);
        gpu.each(Self::NAME, &[written, given].concat(), &|len| {
            let Numbers { betas, takes, rate, own, correction, eps, decay, shrink } = Numbers::<f32>::new(self);
            OnGpu {
                len: len as u32,
                keep: betas[0],
                take: takes[0],
                keep_square: betas[1],
                take_square: takes[1],
                rate,
                own,
                correction,
                eps,
                decay,
                shrink,
            }
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<OnGpu>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/adam_back.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let len = trial.size;
        let step =
            Adam { rate: 0.05, betas: [0.5, 0.75], correction: 0.5, eps: 0.125, weight_decay: 0.25, shrink: 0.75 };
        let [weights, gradient, first, root] =
            [trial.numbers(len)?, trial.numbers(len)?, trial.numbers(len)?, trial.numbers(len)?];
        // Second moments of a quarter and more, since their roots are divided by; and one of 0, where there is no derivative.
        let (mut second, mut quarter) = (backend.zeros(len)?, backend.zeros(len)?);
        backend.multiply(front_mut(&mut second, len), front(&root, len), front(&root, len))?;
        backend.fill(front_mut(&mut quarter, len), 0.25)?;
        backend.axpy(front_mut(&mut second, len), 1.0, front(&quarter, len))?;
        backend.fill(front_mut(&mut second, len.min(1)), 0.0)?;
        for own in [0.0, 0.5] {
            let mut by = [trial.numbers(len)?, trial.numbers(len)?, trial.numbers(len)?];
            let mut psi = backend.zeros(len)?;
            trial.run(|| {
                let [by_weights, by_first, by_second] = by.each_mut().map(|by| front_mut(by, len));
                let (psi, weights, gradient) = (front_mut(&mut psi, len), front(&weights, len), front(&gradient, len));
                let (first, second) = (front(&first, len), front(&second, len));
                let arrays = AdamBackArrays { psi, by_weights, by_first, by_second, weights, gradient, first, second };
                backend.run(&AdamBack { step, own }, arrays)
            })?;
            [&psi].into_iter().chain(&by).try_for_each(|array| trial.wrote(array, len))?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct OnGpu {
        len: u32, keep: f32, take: f32, keep_square: f32, take_square: f32, rate: f32, own: f32, correction: f32, eps: f32,
        decay: f32, shrink: f32,
    }
}

/// The numbers of a step in one precision.
struct Numbers<E> {
    betas: [E; 2],
    takes: [E; 2],
    rate: E,
    own: E,
    correction: E,
    eps: E,
    decay: E,
    shrink: E,
}

impl<E: Element> Numbers<E> {
    fn new(of: &AdamBack) -> Self {
        let Adam { rate, betas, correction, eps, weight_decay, shrink } = of.step;
        Self {
            betas: betas.map(E::from_f64),
            takes: betas.map(|beta| E::from_f64(1.0 - beta)),
            rate: E::from_f64(rate),
            own: E::from_f64(of.own),
            correction: E::from_f64(correction),
            eps: E::from_f64(eps),
            decay: E::from_f64(weight_decay),
            shrink: E::from_f64(shrink),
        }
    }

    /// Back through the step of one weight: from its derivatives by the next weight and the moments, ψ and those before.
    #[inline(always)]
    fn back(&self, [by_weight, by_first, by_second]: [E; 3], [w, gradient, m, v]: [E; 4]) -> [E; 4] {
        let &Self { betas: [keep, keep_square], takes: [take, take_square], rate, own, .. } = self;
        let h = gradient + self.decay * w;
        let root = v.sqrt();
        let divisor = root / self.correction + self.eps;
        let d = if divisor > E::ZERO { E::ONE / divisor } else { E::ZERO };
        let scaled = by_weight * d;
        let by_first = by_first - rate * scaled;
        // Divided by the root first: what is multiplied then leaves no precision before the whole does.
        let moved = rate * m + own * h;
        let turned =
            if root > E::ZERO { moved / root / (self.correction + self.correction) * d * scaled } else { E::ZERO };
        let by_second = by_second + turned;
        let psi = own * scaled - take * by_first - (take_square + take_square) * h * by_second;
        [psi, self.shrink * by_weight - self.decay * psi, keep * by_first, keep_square * by_second]
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const LEN: usize = 7;

    /// `by · [next, first, second]` after a step, spelled out, from the gradient, w and the moments before it.
    fn after(of: &AdamBack, by: [f64; 3], [g, w, m, v]: [f64; 4]) -> (f64, [f64; 2]) {
        let Adam { rate, betas: [beta, beta2], correction, eps, weight_decay, shrink } = of.step;
        let h = g + weight_decay * w;
        let (m, v) = (beta * m + (1.0 - beta) * h, beta2 * v + (1.0 - beta2) * h * h);
        let next = shrink * w - (rate * m + of.own * h) / (v.sqrt() / correction + eps);
        (by[0] * next + by[1] * m + by[2] * v, [m, v])
    }

    /// By differences of the step, of every number that it is made of.
    #[test]
    fn as_differences_of_the_step() {
        const H: f64 = 1e-5;
        let step = Adam { rate: 0.3, betas: [0.8, 0.9], correction: 0.7, eps: 0.1, weight_decay: 0.2, shrink: 0.9 };
        for own in [0.0, 0.4] {
            let of = AdamBack { step, own };
            let [by_next, by_m, by_v, g, w, m] = [1, 2, 3, 4, 5, 6].map(|seed| numbers(seed, LEN));
            let v: Vec<f64> = numbers(7, LEN).iter().map(|v| v * v + 0.3).collect();
            let given = |e: usize| [g[e], w[e], m[e], v[e]];
            let by = |e: usize| [by_next[e], by_m[e], by_v[e]];
            let moments: Vec<[f64; 2]> = (0..LEN).map(|e| after(&of, by(e), given(e)).1).collect();
            let [first, second] = [0, 1].map(|which| held(&moments.iter().map(|of| of[which]).collect::<Vec<_>>()));
            let [mut by_weights, mut by_first, mut by_second] = [&by_next, &by_m, &by_v].map(|by| held(by));
            let (weights, gradient) = (held(&w), held(&g));
            let psi = written(&[0.0; LEN], |cpu, psi| {
                let arrays = AdamBackArrays {
                    psi,
                    by_weights: by_weights.all_mut(),
                    by_first: by_first.all_mut(),
                    by_second: by_second.all_mut(),
                    weights: weights.all(),
                    gradient: gradient.all(),
                    first: first.all(),
                    second: second.all(),
                };
                cpu.run(&of, arrays)
            });
            let psi: Vec<f64> = psi.iter().map(|psi| -psi).collect();
            let found = [psi, by_weights.values(), by_first.values(), by_second.values()];
            for (which, found) in found.iter().enumerate() {
                for (e, found) in found.iter().enumerate() {
                    let moved = |by_how_much: f64| {
                        let mut given = given(e);
                        given[which] += by_how_much;
                        after(&of, by(e), given).0
                    };
                    let want = (moved(H) - moved(-H)) / (2.0 * H);
                    assert!((found - want).abs() < 1e-7, "{own}, {which}, {e}: {found} instead of {want}");
                }
            }
        }
    }

    /// A weight that never had a gradient stays where it is, with eps and without.
    #[test]
    fn nothing_becomes_no_number() {
        for eps in [0.0, 1e-8] {
            let step = Adam { rate: 0.3, betas: [0.8, 0.9], correction: 0.7, eps, weight_decay: 0.0, shrink: 0.9 };
            let numbers = Numbers::<f32>::new(&AdamBack { step, own: 0.5 });
            let [psi, by_weight, by_first, by_second] = numbers.back([1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]);
            assert!(psi.is_finite() && by_first.is_finite(), "{psi}, {by_first}");
            assert_eq!((by_weight, by_second), (0.9, 0.0));
        }
    }
}
