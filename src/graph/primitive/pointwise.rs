//! An elementwise function.

use super::*;
use crate::activation::{Activation, SmoothRelu};

/// An elementwise function.
#[derive(Debug, Clone, PartialEq)]
pub struct Pointwise {
    function: Activation,
    shape: Vec<usize>,
}

impl Pointwise {
    /// Of values of a shape.
    pub fn new(input: &[usize], function: Activation) -> Self {
        Self { function, shape: input.to_vec() }
    }

    /// The function.
    pub fn function(&self) -> Activation {
        self.function
    }

    /// Makes relu one whose slope goes from 0 to 1 over a width.
    pub(in crate::graph) fn smooth(&mut self, width: f64) {
        if self.function == Activation::Relu {
            self.function = SmoothRelu { width }.into();
        }
    }

    /// `f'(x)` and, where it is not 0 between kinks, `f''(x)`.
    pub(in crate::graph) fn slopes<B: Backend>(&self, backend: &B, x: Slice<'_, B::Buffer>) -> Result<Vec<B::Buffer>> {
        let slope = self.slope(backend, x)?;
        let curvature = self.curves().then(|| self.curvature(backend, x)).transpose()?;
        Ok(std::iter::once(slope).chain(curvature).collect())
    }

    /// Whether it is more than linear between its kinks.
    fn curves(&self) -> bool {
        self.function.degree().is_none_or(|degree| degree > 1)
    }

    fn slope<B: Backend>(&self, backend: &B, x: Slice<'_, B::Buffer>) -> Result<B::Buffer> {
        fresh(backend, x.len, |out| backend.activation_slope(self.function, out, x))
    }

    fn curvature<B: Backend>(&self, backend: &B, x: Slice<'_, B::Buffer>) -> Result<B::Buffer> {
        fresh(backend, x.len, |out| backend.activation_curvature(self.function, out, x))
    }

    /// `out = f'(x) ∘ along`, for however many rows of each base row. The derivative is the dear part: taken once for all.
    fn times_slope<B: Backend>(
        &self,
        backend: &B,
        seen: &Seen<'_, B>,
        along: Slice<'_, B::Buffer>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let x = seen.input()?;
        let taken;
        let slope = match seen.saved {
            [kept, ..] => kept,
            [] => {
                taken = self.slope(backend, x)?;
                &taken
            }
        };
        backend.multiply(out, along, Slice::new(slope, 0, x.len))
    }
}

impl Primitive for Pointwise {
    fn name(&self) -> &'static str {
        self.function.name()
    }

    fn built(&self) -> Built {
        Built::plain(vec![count(&self.shape)], &self.shape)
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        site.backend.activation(self.function, out, first(inputs)?)?;
        Ok(Vec::new())
    }

    fn backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let delta = Slice::new(&delta, 0, back.copies * seen.value.len);
        back.to_input(|| {
            fresh(site.backend, delta.len, |out| self.times_slope(site.backend, seen, delta, out))
        })
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        self.times_slope(site.backend, seen, moved.only_slope()?, out)
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (backend, x, len) = (site.backend, seen.input()?, turning.delta.len);
        back.to_input(|| {
            let through = fresh(backend, len, |out| self.times_slope(backend, seen, turning.change(), out))?;
            let Some(slope) = turning.slope().filter(|_| self.curves()) else { return Ok(through) };
            let taken;
            let curvature = match seen.saved {
                [_, kept] => kept,
                _ => {
                    taken = self.curvature(backend, x)?;
                    &taken
                }
            };
            let turn = fresh(backend, x.len, |out| backend.multiply(out, Slice::new(curvature, 0, x.len), slope))?;
            let curved = fresh(backend, len, |out| backend.multiply(out, turning.delta, Slice::new(&turn, 0, x.len)))?;
            plus(backend, through, &curved, len)
        })
    }

    fn kinks(&self) -> Kinks {
        let places = self.function.kinks();
        if places.is_empty() { Kinks::Nowhere } else { Kinks::Elements(places) }
    }

    fn degree(&self, before: &[usize]) -> Option<usize> {
        self.function.degree().map(|degree| highest(before) * degree)
    }

    fn minus_infinity(&self, _input: usize) -> MinusInfinity {
        MinusInfinity::Spoils
    }

    fn magnitude(&self) -> Magnitude {
        // Between kinks a linear function leaves an element its weights, but for a factor and a constant.
        if self.function.degree().is_some_and(|degree| degree <= 1) { Magnitude::Element } else { Magnitude::Mixed }
    }

    fn work(&self) -> Work {
        Work::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;
    use crate::activation::Order;

    #[test]
    fn every_activation() {
        for function in Activation::samples() {
            let is_defined = function.at(Order::Value, -1.0).is_finite();
            if is_defined {
                check::against_differences(&[7], Pointwise::new(&[7], function));
            }
        }
    }
}
