//! `x Wᵀ + b` on the last axis.

use super::*;
use crate::compute::Start;
use crate::graph::Matrix;

/// `x Wᵀ + b` on the last axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    matrix: Matrix,
    shape: Vec<usize>,
    /// The name of the weight, and how it is drawn, where it has no bias and is not drawn as PyTorch's linear layer's.
    weight: Option<(&'static str, Initial)>,
}

impl Affine {
    /// For inputs of a shape, whose last axis becomes `features` long.
    pub fn new(input: &[usize], features: usize, bias: bool) -> Self {
        let (width, positions) = last_axis(input);
        let axes = input.len().saturating_sub(1);
        let shape = input[..axes].iter().copied().chain([features]).collect();
        Self { matrix: Matrix { height: features, width, positions, bias }, shape, weight: None }
    }

    /// Without a bias, and with a weight of another name within its layer, drawn in another way.
    pub fn with_weight(input: &[usize], features: usize, name: &'static str, initial: Initial) -> Self {
        Self { weight: Some((name, initial)), ..Self::new(input, features, false) }
    }

    /// Whether it maps one row of an example.
    pub(in crate::graph) fn is_vector(&self) -> bool {
        self.matrix.positions == 1
    }

    /// The same without bias.
    pub(super) fn without_bias(&self) -> Self {
        Self { matrix: Matrix { bias: false, ..self.matrix }, ..self.clone() }
    }
}

impl Primitive for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn built(&self) -> Built {
        let Matrix { height, width, positions, .. } = self.matrix;
        let mut parameters = self.matrix.parameters(vec![height, width]);
        if let (Some((name, initial)), [weight]) = (&self.weight, parameters.tensors.as_mut_slice()) {
            (weight.name, weight.initial) = (name, initial.clone());
        }
        Built { parameters: Some(parameters), ..Built::plain(vec![positions * width], &self.shape) }
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        self.matrix.values(site, out, first(inputs)?)?;
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
        let (rows, structure) = (back.copies * site.rows, Structure::Outer(self.matrix));
        let len = rows * structure.delta_len();
        let onward = back.to_input(|| {
            fresh(site.backend, rows * structure.input_len(), |out| {
                self.matrix.through(site, rows, Start::Value(0.0), Slice::new(&delta, 0, len), out)
            })
        })?;
        visit(site.factor(structure, (delta, len), seen.input()?))?;
        Ok(onward)
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        self.matrix.derivative(site, moved, out, seen.input()?, moved.slope())
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (rows, structure) = (back.copies * site.rows, Structure::Outer(self.matrix));
        let onward = back.to_input(|| {
            fresh(site.backend, rows * structure.input_len(), |out| {
                let SliceMut { buffer, offset, len } = out;
                let out = SliceMut::new(&mut *buffer, offset, len);
                self.matrix.through(site, rows, Start::Value(0.0), turning.change(), out)?;
                let out = SliceMut::new(buffer, offset, len);
                self.matrix.through(&site.at(turning.direction), rows, Start::Output, turning.delta, out)
            })
        })?;
        turning.show(site, structure, seen.input()?, visit)?;
        Ok(onward)
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, before: &[usize]) -> Option<usize> {
        Some(highest(before) + 1)
    }

    fn minus_infinity(&self, _input: usize) -> MinusInfinity {
        MinusInfinity::Spoils
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Features(self.matrix.height)
    }

    fn work(&self) -> Work {
        self.matrix.work()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn a_product_with_a_matrix() {
        for bias in [false, true] {
            check::against_differences(&[2, 3], Affine::new(&[2, 3], 4, bias));
        }
    }
}
