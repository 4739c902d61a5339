//! The sum of values.

use super::*;

/// The sum of values of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Add {
    shape: Vec<usize>,
    summands: usize,
}

impl Add {
    /// Of values of these shapes.
    ///
    /// # Errors
    ///
    /// Shapes that differ.
    pub fn new(inputs: &[&[usize]]) -> std::result::Result<Self, String> {
        let shape = inputs.first().copied().unwrap_or_default();
        if let Some(other) = inputs.iter().find(|&&other| other != shape) {
            return Err(format!("the shapes {shape:?} and {other:?} differ; add needs two equal ones"));
        }
        Ok(Self { shape: shape.to_vec(), summands: inputs.len() })
    }
}

/// `out =` the sum of at least one array.
fn sum<'a, B: Backend>(
    backend: &B,
    out: SliceMut<'_, B::Buffer>,
    mut summands: impl Iterator<Item = Slice<'a, B::Buffer>>,
) -> Result<()>
where
    B::Buffer: 'a,
{
    let SliceMut { buffer, offset, len } = out;
    if let Some(first) = summands.next() {
        backend.copy(SliceMut::new(&mut *buffer, offset, len), first)?;
    }
    summands.try_for_each(|summand| backend.axpy(SliceMut::new(&mut *buffer, offset, len), 1.0, summand))
}

impl Primitive for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn built(&self) -> Built {
        Built::plain(vec![count(&self.shape); self.summands], &self.shape)
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        sum(site.backend, out, inputs.iter().copied())?;
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
        back.wanted.iter().map(|wanted| wanted.then(|| site.backend.copied(delta)).transpose()).collect()
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        _seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        sum(site.backend, out, moved.slopes.iter().copied().flatten())
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let Turning { change, .. } = turning;
        self.backward(site, seen, back, change, visit)
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, before: usize) -> Option<usize> {
        Some(before)
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
    fn the_sum_of_equal_values() {
        check::against_differences(&[2, 3], Add::new(&[&[2, 3], &[2, 3], &[2, 3]]).expect("equal shapes"));
        let problem = Add::new(&[&[3], &[4]]).err();
        assert!(problem.is_some_and(|problem| problem.contains("[3] and [4] differ")));
    }
}
