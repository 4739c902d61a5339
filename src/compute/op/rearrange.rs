//! Parts of rows copied, summed and put elsewhere.

use super::*;
#[cfg(feature = "gpu")]
use crate::compute::strided::places;
use crate::compute::strided::{Axis, MOST_AXES, Strided};

/// What a [`Strided`] map makes of each row of x, in place of the elements that it writes or added to them.
#[derive(Debug, Clone)]
pub struct Rearrange {
    /// The map.
    pub map: Strided,
    /// What the sums are added to.
    pub start: Start,
}

impl Operation for Rearrange {
    const NAME: &'static str = "rearrange";
    const ROUNDINGS: f64 = 40.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        let (to, from) = (self.map.to().width.max(1), self.map.from().width.max(1));
        fit(Self::NAME, &[(out.len % to, 0), (x.len, out.len / to * from)])
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, (out, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let (out, x, walk) = (view_mut(out)?, view(x)?, Walk::new(&self.map));
        let factor = E::from_f64(self.map.factor());
        match self.start {
            Start::Output => walk.rows(out, x, |out, sum| *out += factor * sum),
            Start::Value(value) => {
                let value = E::from_f64(value);
                walk.rows(out, x, |out, sum| *out = value + factor * sum);
            }
        }
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let (map, kept) = (&self.map, places(self.map.kept()));
        let rows = out.len / map.to().width.max(1);
        let arrays = [BlockArray::rows(write(&out), map.to().width), BlockArray::rows(read(x), map.from().width)];
        gpu.by_rows(Self::NAME, &arrays, rows, kept, &|block| Numbers::new(self, block.len() * kept))
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/rearrange.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        for (map, start) in maps() {
            let (to, from) = (map.to().width, map.from().width);
            let rows = trial.rows(to);
            let (x, mut out) = (trial.numbers(rows * from)?, trial.numbers(rows * to)?);
            let rearrange = Rearrange { map, start };
            trial.run(|| backend.run(&rearrange, (front_mut(&mut out, rows * to), front(&x, rows * from))))?;
            trial.wrote(&out, rows * to)?;
        }
        Ok(())
    }
}

/// Sums that a thread holds while it reads the summands.
const LANES: usize = 64;

/// The places of a map on the CPU: lines along one axis, and what is summed at each of their places.
struct Walk<'m> {
    map: &'m Strided,
    line: Axis,
    /// The first element of each line where it writes, and where it reads.
    starts: Vec<(usize, usize)>,
    /// From the place that is read first, each that is summed.
    summands: Vec<usize>,
}

impl<'m> Walk<'m> {
    fn new(map: &'m Strided) -> Self {
        let mut outer = map.kept().to_vec();
        // The last axis, whose steps are the smallest, unless another one fills more lanes.
        let longest = outer.iter().enumerate().max_by_key(|(_, axis)| axis.extent.min(LANES)).map(|(place, _)| place);
        let line = longest.map_or(Axis { extent: 1, to: 1, from: 1 }, |place| outer.remove(place));
        let summands = walked(map.summed(), (0, 0)).into_iter().map(|(_, from)| from).collect();
        Self { map, line, starts: walked(&outer, (map.to().start, map.from().start)), summands }
    }

    /// Puts the sums of every row where they belong.
    fn rows<E: Element>(&self, out: &mut [E], x: &[E], put: impl Fn(&mut E, E) + Sync) {
        let (to, from) = (self.map.to().width.max(1), self.map.from().width.max(1));
        let rows = out.par_chunks_mut(to).zip(x.par_chunks(from)).with_min_len(CHUNK.div_ceil(to.max(from)));
        rows.for_each(|(out, x)| {
            for &(to, from) in &self.starts {
                for at in (0..self.line.extent).step_by(LANES) {
                    let count = LANES.min(self.line.extent - at);
                    let sums = self.sums(x, from + at * self.line.from, count);
                    let out = out[to + at * self.line.to..].iter_mut().step_by(self.line.to.max(1));
                    out.zip(&sums[..count]).for_each(|(out, &sum)| put(out, sum));
                }
            }
        });
    }

    /// The sums at `count` places of a line from one on.
    fn sums<E: Element>(&self, x: &[E], from: usize, count: usize) -> [E; LANES] {
        let mut sums = [E::ZERO; LANES];
        let step = self.line.from;
        for &summand in &self.summands {
            let x = &x[from + summand..];
            match step {
                0 => sums[..count].iter_mut().for_each(|sum| *sum += x[0]),
                1 => sums[..count].iter_mut().zip(x).for_each(|(sum, &x)| *sum += x),
                _ => sums[..count].iter_mut().zip(x.iter().step_by(step)).for_each(|(sum, &x)| *sum += x),
            }
        }
        sums
    }
}

/// The places of axes from a first one on, the last axis fastest: of the output, and of the input.
fn walked(axes: &[Axis], first: (usize, usize)) -> Vec<(usize, usize)> {
    axes.iter().fold(vec![first], |places, axis| {
        let steps = |(to, from)| (0..axis.extent).map(move |step| (to + step * axis.to, from + step * axis.from));
        places.into_iter().flat_map(steps).collect()
    })
}

/// Declares the numbers of the shader: those of each axis under names of their own.
#[cfg(feature = "gpu")]
macro_rules! with_axes {
    ($($extent:ident $to:ident $from:ident,)*) => {
        numbers! {
            struct Numbers {
                len: u32, kept: u32, summed: u32, kept_axes: u32, axes: u32,
                to_start: u32, to_width: u32, from_start: u32, from_width: u32, keep: u32, start: f32, factor: f32,
                $($extent: u32, $to: u32, $from: u32,)*
            }
        }

        impl Numbers {
            fn new(of: &Rearrange, len: usize) -> Self {
                let map = &of.map;
                let none = Axis { extent: 1, to: 0, from: 0 };
                let mut axes = map.kept().iter().chain(map.summed()).copied().chain(std::iter::repeat(none));
                let (keep, start) = start_numbers(of.start);
                $(let Axis { extent: $extent, to: $to, from: $from } = axes.next().unwrap_or(none);)*
                Self {
                    len: len as u32,
                    kept: places(map.kept()) as u32,
                    summed: places(map.summed()) as u32,
                    kept_axes: map.kept().len() as u32,
                    axes: (map.kept().len() + map.summed().len()) as u32,
                    to_start: map.to().start as u32,
                    to_width: map.to().width as u32,
                    from_start: map.from().start as u32,
                    from_width: map.from().width as u32,
                    keep,
                    start,
                    factor: map.factor() as f32,
                    $($extent: $extent as u32, $to: $to as u32, $from: $from as u32,)*
                }
            }
        }
    };
}

#[cfg(feature = "gpu")]
with_axes! {
    extent0 to0 from0, extent1 to1 from1, extent2 to2 from2, extent3 to3 from3,
    extent4 to4 from4, extent5 to5 from5, extent6 to6 from6, extent7 to7 from7,
}

/// Maps of every sort: another order of axes, a part put elsewhere, sums over axes apart, copies, and eight axes.
fn maps() -> Vec<(Strided, Start)> {
    let axis = |(extent, to, from)| Axis { extent, to, from };
    let map = |axes: &[(usize, usize, usize)], (to, from): ((usize, usize), (usize, usize)), factor| {
        let side = |(start, width)| crate::compute::strided::Side { start, width };
        Strided::new(axes.iter().copied().map(axis).collect(), side(to), side(from), factor)
    };
    let eight: Vec<(usize, usize, usize)> =
        (0..MOST_AXES).map(|place| (2, if place < 6 { 32 >> place } else { 0 }, 1 << place)).collect();
    let maps = [
        (map(&[(3, 7, 1), (7, 1, 3)], ((0, 21), (0, 21)), 1.0), Start::Value(0.0)),
        (map(&[(2, 10, 12), (3, 1, 2)], ((4, 20), (13, 40)), -0.5), Start::Output),
        (map(&[(5, 1, 9), (3, 0, 45), (9, 0, 1)], ((0, 5), (0, 135)), 1.0 / 27.0), Start::Value(0.25)),
        (map(&[(2, 70, 0), (70, 1, 1)], ((0, 140), (0, 70)), 1.0), Start::Value(0.0)),
        (map(&eight, ((0, 64), (0, 256)), 1.0), Start::Output),
    ];
    maps.into_iter().filter_map(|(map, start)| Some((map.ok()?, start))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let rows = 3;
        assert_eq!(maps().len(), 5);
        for (map, start) in maps() {
            let (to, from) = (map.to().width, map.from().width);
            let (x, before) = (numbers(1, rows * from), numbers(2, rows * to));
            let rearrange = Rearrange { map: map.clone(), start };
            let got = written(&before, |cpu, out| cpu.run(&rearrange, (out, held(&x).all())));
            let mut sums: Vec<Option<f64>> = vec![None; rows * to];
            let mut pairs = vec![(map.to().start, map.from().start)];
            for axis in map.kept().iter().chain(map.summed()) {
                let step = |&(to, from): &(usize, usize)| {
                    (0..axis.extent).map(move |at| (to + at * axis.to, from + at * axis.from))
                };
                pairs = pairs.iter().flat_map(step).collect();
            }
            for row in 0..rows {
                for &(at, read) in &pairs {
                    *sums[row * to + at].get_or_insert(0.0) += x[row * from + read];
                }
            }
            close(&got, |e| match (sums[e], start) {
                (None, _) => before[e],
                (Some(sum), Start::Value(value)) => value + map.factor() * sum,
                (Some(sum), Start::Output) => before[e] + map.factor() * sum,
            });
        }
    }
}
