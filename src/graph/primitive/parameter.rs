//! Parameters as they are: a value of no input, the same for every example.

use super::*;
use crate::graph::build::elements;

/// The parameters themselves: a tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    tensor: Drawn,
}

/// The standard deviation of what a raw parameter is drawn from; PyTorch has no default of its own.
const DEVIATION: f64 = 0.02;

impl Parameter {
    /// Of a shape.
    ///
    /// # Errors
    ///
    /// No elements, or more than a device can count.
    pub fn new(shape: &[usize]) -> std::result::Result<Self, String> {
        match elements(shape)? {
            0 => Err(format!("a parameter of shape {shape:?} has no elements; give it sizes of at least 1")),
            _ => Ok(Self { tensor: Drawn { name: "weight", shape: shape.to_vec(), initial: Initial::Normal(DEVIATION) } }),
        }
    }

    /// The same under another name within its layer.
    pub fn named(self, name: &'static str) -> Self {
        Self { tensor: Drawn { name, ..self.tensor } }
    }

    /// The same, drawn in another way.
    pub fn drawn(self, initial: Initial) -> Self {
        Self { tensor: Drawn { initial, ..self.tensor } }
    }

    fn structure(&self) -> Structure {
        Structure::Dense(count(&self.tensor.shape))
    }
}

/// `out =` the node's parameters, for every base row, at its own place on the segment.
pub(crate) fn raw<B: Backend>(site: &Site<'_, B>, out: SliceMut<'_, B::Buffer>, width: usize) -> Result<()> {
    let SliceMut { buffer, offset, len } = out;
    site.backend.fill(SliceMut::new(&mut *buffer, offset, len), 0.0)?;
    site.backend.bias(SliceMut::new(buffer, offset, len), site.weights(0, width, 1))
}

impl Primitive for Parameter {
    fn name(&self) -> &'static str {
        "parameter"
    }

    fn built(&self) -> Built {
        let parameters = Some(Parameters { structure: self.structure(), tensors: vec![self.tensor.clone()] });
        Built { parameters, ..Built::plain(Vec::new(), &self.tensor.shape) }
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        _inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        raw(site, out, count(&self.tensor.shape))?;
        Ok(Vec::new())
    }

    fn backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let len = back.copies * seen.value.len;
        visit(site.factor(self.structure(), (delta, len), seen.factor_input(0)))?;
        Ok(Vec::new())
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let SliceMut { buffer, offset, .. } = out;
        let size = seen.value.len;
        moved.directions.iter().enumerate().try_for_each(|(copy, direction)| {
            raw(&site.at(direction), SliceMut::new(&mut *buffer, offset + copy * size, size), count(&self.tensor.shape))
        })
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        _back: &Back<'_>,
        turning: Turning<'_, B>,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        turning.show(site, self.structure(), seen.factor_input(0), visit)?;
        Ok(Vec::new())
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, _before: &[usize]) -> Option<usize> {
        Some(1)
    }

    fn minus_infinity(&self, _input: usize) -> MinusInfinity {
        MinusInfinity::Spoils
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Features(count(&self.tensor.shape))
    }

    fn work(&self) -> Work {
        Work { multiply_adds: count(&self.tensor.shape), ..Work::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn parameters_themselves() {
        check::against_differences(&[2], Parameter::new(&[2, 3]).expect("a shape"));
        assert!(Parameter::new(&[2, 0]).is_err_and(|problem| problem.contains("[2, 0] has no elements")));
        assert!(Parameter::new(&[usize::MAX, 2]).is_err());
    }
}
