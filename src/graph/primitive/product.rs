//! The product of two values, element by element.

use super::*;

/// The product of two values of one shape, element by element.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    shape: Vec<usize>,
}

impl Product {
    /// Of two values of a shape.
    pub fn new(input: &[usize]) -> Self {
        Self { shape: input.to_vec() }
    }
}

/// The factor that stands beside each of two.
fn others<T: Copy>(factors: &[T]) -> Result<[T; 2]> {
    let &[a, b] = factors else { return Err(BackendError::Invalid("a product of two without two factors".into())) };
    Ok([b, a])
}

/// `along ∘ factor`, for however many rows of each base row.
fn times<B: Backend>(
    backend: &B,
    along: Slice<'_, B::Buffer>,
    factor: Slice<'_, B::Buffer>,
) -> Result<B::Buffer> {
    fresh(backend, along.len, |out| backend.multiply(out, along, factor))
}

impl Primitive for Product {
    fn name(&self) -> &'static str {
        "multiply"
    }

    fn built(&self) -> Built {
        Built::plain(vec![count(&self.shape); 2], &self.shape)
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        let [b, a] = others(inputs)?;
        site.backend.multiply(out, a, b)?;
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
        let each = back.wanted.iter().zip(others(&seen.inputs)?);
        each.map(|(wanted, other)| wanted.then(|| times(site.backend, delta, other)).transpose()).collect()
    }

    /// `ȧ b + a ḃ`.
    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let SliceMut { buffer, offset, len } = out;
        let terms = moved.slopes.iter().zip(others(&seen.inputs)?).filter_map(|(slope, other)| Some(((*slope)?, other)));
        for (term, (slope, other)) in terms.enumerate() {
            let out = SliceMut::new(&mut *buffer, offset, len);
            if term == 0 {
                site.backend.multiply(out, slope, other)?;
            } else {
                let product = times(site.backend, slope, other)?;
                site.backend.axpy(out, 1.0, Slice::new(&product, 0, len))?;
            }
        }
        Ok(())
    }

    /// The δ of a is `δ b`, and turns by `δ̇ b + δ ḃ`.
    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (backend, len) = (site.backend, turning.delta.len);
        let (values, slopes) = (others(&seen.inputs)?, others(turning.slopes)?);
        let turned = |input: usize| {
            let through = times(backend, turning.change(), values[input])?;
            let Some(slope) = slopes[input] else { return Ok(through) };
            plus(backend, through, &times(backend, turning.delta, slope)?, len)
        };
        back.wanted.iter().enumerate().map(|(input, wanted)| wanted.then(|| turned(input)).transpose()).collect()
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, before: &[usize]) -> Option<usize> {
        Some(before.iter().sum())
    }

    fn minus_infinity(&self, _input: usize) -> MinusInfinity {
        MinusInfinity::Spoils
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Mixed
    }

    fn work(&self) -> Work {
        Work::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn squares() {
        check::against_differences(&[2, 3], Product::new(&[2, 3]));
        assert_eq!(Product::new(&[3]).degree(&[2, 5]), Some(7));
    }
}
