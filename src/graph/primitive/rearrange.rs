//! Linear functions of no parameters: values rearranged, summed, broadcast and put side by side.

mod make;

pub(crate) use make::broadcast_shape;

use super::*;
use crate::compute::{Start, Strided};

/// The sum of linear maps of the inputs, one of each, and of a constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Rearrange {
    name: &'static str,
    shape: Vec<usize>,
    /// The constant, where it is written before the parts: it is what elements hold that no part reaches.
    constant: Option<f64>,
    parts: Vec<Part>,
    magnitude: Magnitude,
}

/// The map of an input.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The map, from rows of the input to rows of the value.
    pub map: Strided,
    /// Whether it is added to what is there, instead of taking its place.
    pub added: bool,
}

impl Part {
    /// `out =` or `out +=` the map of x.
    fn write<B: Backend>(
        &self,
        backend: &B,
        out: SliceMut<'_, B::Buffer>,
        x: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        let (map, in_place) = (&self.map, self.map.is_in_place());
        match self.added {
            true if in_place => backend.axpy(out, map.factor(), x),
            true => backend.rearrange(map, Start::Output, out, x),
            false if in_place && map.factor() == 1.0 => backend.copy(out, x),
            false => backend.rearrange(map, Start::Value(0.0), out, x),
        }
    }

    /// The δ of the input from that of the value.
    fn back<B: Backend>(&self, backend: &B, rows: usize, delta: Slice<'_, B::Buffer>) -> Result<B::Buffer> {
        let back = Part { map: self.map.transposed(), added: false };
        fresh(backend, rows * self.map.from().width, |SliceMut { buffer, offset, len }| {
            if !back.map.covers() {
                backend.fill(SliceMut::new(&mut *buffer, offset, len), 0.0)?;
            }
            back.write(backend, SliceMut::new(buffer, offset, len), delta)
        })
    }
}

impl Rearrange {
    /// The maps of the inputs, in their order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What the maps are added to.
    pub fn constant(&self) -> f64 {
        self.constant.unwrap_or(0.0)
    }

    /// Writes `constant` and the parts of those inputs that there are.
    fn write<'a, B: Backend>(
        &self,
        backend: &B,
        out: SliceMut<'_, B::Buffer>,
        constant: f64,
        inputs: &[Option<Slice<'a, B::Buffer>>],
    ) -> Result<()> {
        let SliceMut { buffer, offset, len } = out;
        if self.constant.is_some() || inputs.iter().any(Option::is_none) {
            backend.fill(SliceMut::new(&mut *buffer, offset, len), constant)?;
        }
        let given = self.parts.iter().zip(inputs).filter_map(|(part, input)| Some((part, (*input)?)));
        given.into_iter().try_for_each(|(part, x)| part.write(backend, SliceMut::new(&mut *buffer, offset, len), x))
    }
}

impl Primitive for Rearrange {
    fn name(&self) -> &'static str {
        self.name
    }

    fn built(&self) -> Built {
        let inputs = self.parts.iter().map(|part| part.map.from().width).collect();
        let [Part { map, .. }] = self.parts.as_slice() else { return Built::plain(inputs, &self.shape) };
        let aliases = self.constant.is_none() && map.is_in_place() && map.factor() == 1.0;
        Built { aliases, ..Built::plain(inputs, &self.shape) }
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        self.write(site.backend, out, self.constant(), &inputs)?;
        Ok(Vec::new())
    }

    fn backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        _seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let rows = back.copies * site.rows;
        let delta = Slice::new(&delta, 0, rows * count(&self.shape));
        let parts = self.parts.iter().zip(back.wanted);
        parts.map(|(part, wanted)| wanted.then(|| part.back(site.backend, rows, delta)).transpose()).collect()
    }

    /// The derivative of a linear function is itself, but for the constant.
    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        _seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        self.write(site.backend, out, 0.0, moved.slopes)
    }

    /// The backward pass of a linear function does not turn: what changes is δ.
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

    fn degree(&self, before: &[usize]) -> Option<usize> {
        Some(highest(before))
    }

    fn minus_infinity(&self, input: usize) -> MinusInfinity {
        let grows = self.parts.get(input).is_some_and(|part| part.map.factor() > 0.0);
        if grows { MinusInfinity::Stays } else { MinusInfinity::Spoils }
    }

    fn magnitude(&self) -> Magnitude {
        self.magnitude
    }

    fn work(&self) -> Work {
        Work::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    fn holds(input: &[usize], made: std::result::Result<Rearrange, String>) {
        check::against_differences(input, made.expect("a shape that fits"));
    }

    #[test]
    fn sums() {
        holds(&[2, 3], Rearrange::add(&[&[2, 3], &[2, 3], &[2, 3]]));
        holds(&[3], Rearrange::add(&[&[3], &[1, 3], &[3]]));
        holds(&[2, 1, 3], Rearrange::add(&[&[2, 1, 3], &[2, 1, 3]]));
        holds(&[4, 1], Rearrange::add(&[&[4, 1], &[1, 4], &[4]]));
        let problem = Rearrange::add(&[&[3], &[4]]).err();
        assert!(problem.is_some_and(|problem| problem.contains("[3] and [4]")), "{:?}", Rearrange::add(&[&[3], &[4]]));
    }

    #[test]
    fn other_shapes() {
        for shape in [vec![6], vec![3, 2], vec![1, 6, 1]] {
            holds(&[2, 3], Rearrange::reshape(&[2, 3], &shape));
        }
        assert!(Rearrange::reshape(&[2, 3], &[5]).is_err());
        holds(&[2, 3, 4], Rearrange::permute(&[2, 3, 4], &[2, 0, 1]));
        assert!(Rearrange::permute(&[2, 3], &[0, 0]).is_err());
        assert!(Rearrange::permute(&[2, 3], &[0]).is_err());
        holds(&[3, 1], Rearrange::broadcast(&[3, 1], &[2, 3, 4]));
        assert!(Rearrange::broadcast(&[3, 2], &[2, 3, 4]).is_err());
    }

    #[test]
    fn parts_of_values() {
        holds(&[3, 7], Rearrange::slice(&[3, 7], 1, 1..6, 2));
        holds(&[3, 2], Rearrange::slice(&[3, 2], 0, 2..3, 1));
        holds(&[2, 3], Rearrange::concat(&[&[2, 3], &[2, 3]], 1));
        holds(&[2, 3], Rearrange::concat(&[&[2, 3], &[2, 3], &[2, 3]], 0));
        let problem = Rearrange::concat(&[&[2, 3], &[3, 3]], 1).err();
        assert!(problem.is_some_and(|problem| problem.contains("[2, 3] and [3, 3]")));
        holds(&[2, 3], Rearrange::pad(&[2, 3], &[(1, 2), (0, 1)], 0.5));
        holds(&[4, 3], Rearrange::pad(&[4, 3], &[(-1, 2), (1, -2)], -0.5));
        assert!(Rearrange::pad(&[4, 3], &[(-4, 0), (0, 0)], 0.0).is_err());
        holds(&[2, 3, 2], Rearrange::upsample(&[2, 3, 2], &[2, 3]));
    }

    #[test]
    fn sums_over_axes_and_constants() {
        let by_axis: [(&[usize], bool); 5] =
            [(&[0], false), (&[1], true), (&[0, 2], false), (&[2, 1], true), (&[0, 1, 2], false)];
        for (axes, kept) in by_axis {
            holds(&[2, 3, 4], Rearrange::sum(&[2, 3, 4], axes, kept));
            holds(&[2, 3, 4], Rearrange::mean(&[2, 3, 4], axes, kept));
        }
        let shape = |kept| Rearrange::mean(&[2, 3, 4], &[1], kept).expect("axes").shape;
        assert_eq!((shape(false), shape(true)), (vec![2, 4], vec![2, 1, 4]));
        holds(&[5], Ok(Rearrange::scale(&[5], -1.5)));
        holds(&[5], Ok(Rearrange::offset(&[5], 2.5)));
    }

    #[test]
    fn what_stays_in_its_place_needs_no_buffer() {
        let aliases = |made: std::result::Result<Rearrange, String>| made.expect("a shape").built().aliases;
        assert!(aliases(Rearrange::permute(&[1, 4], &[1, 0])));
        assert!(aliases(Rearrange::sum(&[1, 4], &[0], false)));
        assert!(!aliases(Rearrange::permute(&[2, 4], &[1, 0])));
        assert!(!aliases(Ok(Rearrange::offset(&[4], 0.0))));
    }
}
