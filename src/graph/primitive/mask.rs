//! A number in place of the elements that a mask names.

use super::*;
use crate::compute::op::Mask as Fill;

/// PyTorch's `masked_fill`: a number where the second input is not 0, the first input elsewhere. The mask has no derivative.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    shape: Vec<usize>,
    /// Elements of the mask.
    width: usize,
    value: f64,
}

impl Mask {
    /// Of an input and a mask of these shapes; the mask may lack the input's first axes.
    ///
    /// # Errors
    ///
    /// A mask of another shape.
    pub fn new(input: &[usize], mask: &[usize], value: f64) -> std::result::Result<Self, String> {
        let own = mask.iter().position(|&side| side != 1).map_or(&[][..], |first| &mask[first..]);
        if !input.ends_with(own) {
            return Err(format!(
                "the mask has the shape {mask:?} and the input {input:?}; a mask is stretched to its input, and no input to a larger mask"
            ));
        }
        Ok(Self { shape: input.to_vec(), width: count(own), value })
    }

    /// Puts a number in place of the masked elements.
    fn fill<B: Backend>(
        &self,
        backend: &B,
        value: f64,
        out: SliceMut<'_, B::Buffer>,
        x: Slice<'_, B::Buffer>,
        mask: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        let repeats = count(&self.shape) / self.width.max(1);
        backend.run(&Fill { width: self.width, repeats, value }, (out, x, mask))
    }

    fn through<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: Slice<'_, B::Buffer>,
    ) -> Result<Deltas<B>> {
        let mut found =
            back.to_input(|| fresh(site.backend, delta.len, |out| self.fill(site.backend, 0.0, out, delta, seen.inputs[1])))?;
        found.push(None);
        Ok(found)
    }
}

impl Primitive for Mask {
    fn name(&self) -> &'static str {
        "mask"
    }

    fn built(&self) -> Built {
        Built::plain(vec![count(&self.shape), self.width], &self.shape)
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        self.fill(site.backend, self.value, out, first(inputs)?, inputs[1])?;
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
        self.through(site, seen, back, Slice::new(&delta, 0, back.copies * seen.value.len))
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        match moved.slope() {
            Some(slope) => self.fill(site.backend, 0.0, out, slope, seen.inputs[1]),
            // Only the mask depends on parameters.
            None => site.backend.fill(out, 0.0),
        }
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        self.through(site, seen, back, turning.change())
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, before: &[usize]) -> Option<usize> {
        // A mask that moves makes its elements jump.
        let &[input, 0] = before else { return None };
        Some(input)
    }

    fn minus_infinity(&self, input: usize) -> MinusInfinity {
        // The mask's are other than 0 as any number is.
        if input == 0 { MinusInfinity::Stays } else { MinusInfinity::Vanishes }
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Element
    }

    fn work(&self) -> Work {
        Work::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;
    use crate::graph::{Graph, Segment};
    use crate::compute::cpu::CpuBackend;

    #[test]
    fn elements_that_are_not_masked_keep_their_derivatives() {
        // The mask is the input itself: nothing of it is 0.
        check::against_differences(&[2, 3], Mask::new(&[2, 3], &[2, 3], 0.5).expect("a mask"));
    }

    #[test]
    fn a_mask_may_lack_the_first_axes() {
        let mask = Mask::new(&[2, 2, 3], &[1, 2, 3], -1.0).expect("a mask");
        assert_eq!(mask.built().inputs, [12, 6]);
        let problem = Mask::new(&[2, 3], &[2, 1], 0.0).err();
        assert!(problem.is_some_and(|problem| problem.contains("[2, 1]")));

        // One row of x with its mask: x is the whole input, and the mask its first three elements.
        let mut graph = Graph::empty(&[3]);
        graph.add(0, Mask::new(&[3], &[3], f64::NEG_INFINITY).expect("a mask"), &[0, 0]).expect("a node");
        let (backend, weights) = (CpuBackend::<f64>::new(), CpuBackend::<f64>::new().zeros(1).expect("room"));
        let x = backend.upload(&[0.0, 2.0, -1.0]).expect("room");
        let pass = graph.forward(&backend, Segment::at(&weights), Slice::new(&x, 0, 3), 1).expect("a pass");
        let none = f64::NEG_INFINITY;
        assert_eq!(backend.download(graph.outputs(&pass)).expect("values"), [0.0, none, none]);
    }
}
