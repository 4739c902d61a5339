//! Elementwise functions and their derivatives.

use super::*;
#[cfg(feature = "gpu")]
use crate::activation;
use crate::activation::{Activation, Function, Order, Visitor};
use crate::compute::cpu::kernel::arch;
#[cfg(feature = "gpu")]
use crate::compute::gpu::MATH;

/// `out = f(x)`, or a derivative of f, elementwise.
#[derive(Debug, Clone, Copy)]
pub struct Activate {
    /// f.
    pub kind: Activation,
    /// How often f is differentiated.
    pub order: Order,
}

impl Operation for Activate {
    const NAME: &'static str = "activation";
    const ROUNDINGS: f64 = 100.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(self.order.operation(), &[(out.len, x.len)])
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, (out, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        self.kind.accept(Elementwise { order: self.order, out: view_mut(out)?, x: view(x)? });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let (kind, [a, b]) = (self.kind.number(), self.kind.numbers().map(|number| number as f32));
        gpu.each(self.order.operation(), &[write(&out), read(x)], &|len| Numbers { len: len as u32, kind, a, b })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        let body = include_str!("../../../shaders/op/activation.wgsl");
        let shader =
            |order: Order| Shader::new::<Numbers>(order.operation(), &[INDEX, MATH, &activation::wgsl(order), body]);
        Order::ALL.map(shader).into()
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let len = trial.size;
        let (x, mut above, mut out) = (trial.numbers(len)?, backend.zeros(len)?, backend.zeros(len)?);
        backend.activation(Activation::Exp, front_mut(&mut above, len), front(&x, len))?;
        for kind in Activation::samples() {
            let is_defined = kind.at(Order::Value, -1.0).is_finite();
            for order in Order::ALL {
                let x = front(if is_defined { &x } else { &above }, len);
                trial.run(|| backend.run(&Activate { kind, order }, (front_mut(&mut out, len), x)))?;
                trial.wrote(&out, len)?;
            }
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, kind: u32, a: f32, b: f32 }
}

struct Elementwise<'a, E> {
    order: Order,
    out: &'a mut [E],
    x: &'a [E],
}

impl<E: Element> Visitor for Elementwise<'_, E> {
    type Output = ();

    fn visit<F: Function>(self, function: F) {
        match self.order {
            Order::Value => map(self.out, self.x, move |x| function.value(x)),
            Order::Slope => map(self.out, self.x, move |x| function.slope(x)),
            Order::Curvature => map(self.out, self.x, move |x| function.curvature(x)),
        }
    }
}

/// `out = f(x)`, in vector code where `f` allows it, on all cores where the arrays are long.
fn map<E: Element>(out: &mut [E], x: &[E], f: impl Fn(E) -> E + std::marker::Copy + Sync) {
    // Moved on from closure to closure: numbers that a reference leads to would have to be read again after every write.
    let work = move |out: &mut [E], x: &[E]| {
        arch().dispatch(
            #[inline(always)]
            move || {
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = f(x);
                }
            },
        );
    };
    if out.len() <= CHUNK {
        work(out, x);
    } else {
        out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| work(out, x));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    /// The slope and the curvature are those of the value, by differences.
    #[test]
    fn derivatives_of_the_value() {
        for kind in Activation::samples() {
            let is_plain = |x: &f64| {
                kind.at(Order::Value, *x).is_finite() && kind.kinks().iter().all(|kink| (x - kink).abs() > 0.01)
            };
            let x: Vec<f64> = numbers(1, 13).into_iter().filter(is_plain).collect();
            let at = |order: Order, shift: f64| {
                let x = held(&x.iter().map(|x| x + shift).collect::<Vec<_>>());
                written(&vec![0.0; x.values().len()], |cpu, out| cpu.run(&Activate { kind, order }, (out, x.all())))
            };
            for (order, next) in [(Order::Value, Order::Slope), (Order::Slope, Order::Curvature)] {
                let (low, high, got) = (at(order, -1e-5), at(order, 1e-5), at(next, 0.0));
                for (e, got) in got.iter().enumerate() {
                    let want = (high[e] - low[e]) / 2e-5;
                    // Of the logarithm, the third derivative is large near 0.
                    assert!(
                        (got - want).abs() < 1e-8 * (1.0 + want.powi(4)),
                        "{kind:?} {next:?}: {got} instead of {want}"
                    );
                }
            }
        }
    }
}
