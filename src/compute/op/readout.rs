//! Functions of a network's outputs, and their gradients.

use super::*;
#[cfg(feature = "gpu")]
use crate::compute::gpu::MATH;
use crate::readout::OutputFunction;
#[cfg(feature = "gpu")]
use crate::readout::function;
use crate::readout::function::{Function, Visitor};

/// Functions of a pass's outputs, `values[b, r]`, and their gradients with respect to the outputs as seeds of a backward pass,
/// `seeds[r * rows + b, c] = ∂values[b, r]/∂f[b, c]`. Fails without the classes that the function needs, with a class of C or
/// more, and with fewer outputs than it needs.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// Which function.
    pub kind: OutputFunction,
    /// Rows of the pass.
    pub rows: usize,
    /// Outputs C of the network.
    pub width: usize,
}

/// The arrays of [`Read`].
#[derive(Debug)]
pub struct ReadArrays<'a, T, I> {
    /// `[rows, R]`.
    pub values: SliceMut<'a, T>,
    /// `[R * rows, C]`.
    pub seeds: SliceMut<'a, T>,
    /// f, `[rows, C]`.
    pub outputs: Slice<'a, T>,
    /// `[rows]`: each row's class, below C; see [`OutputFunction::has_classes`].
    pub classes: Option<&'a I>,
}

impl Operation for Read {
    const NAME: &'static str = "readout";
    const ROUNDINGS: f64 = 200.0;

    type Arrays<'a, T: 'a, I: 'a> = ReadArrays<'a, T, I>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let &Self { kind, rows, width } = self;
        let ReadArrays { values, seeds, outputs, classes } = arrays;
        let count = kind.count(width);
        fit(Self::NAME, &[(outputs.len, rows * width), (values.len, rows * count), (seeds.len, count * rows * width)])?;
        require(Self::NAME, rows == 0 || width == 0 || width >= kind.least_outputs(), "too few outputs")?;
        if !kind.has_classes() {
            return Ok(());
        }
        let classes = classes.map_or(&[][..], Indices::values);
        fit(Self::NAME, &[(classes.len(), rows)])?;
        require(Self::NAME, classes.iter().all(|&class| (class as usize) < width), "a class without an output")
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let &Self { kind, rows, width } = self;
        let ReadArrays { values, seeds, outputs, classes } = arrays;
        let (values, seeds, outputs) = (view_mut(values)?, view_mut(seeds)?, view(outputs)?);
        let classes = if kind.has_classes() { classes.map_or(&[][..], Vec::as_slice) } else { &[] };
        if rows > 0 && width > 0 {
            kind.accept(Rows { rows, width, count: kind.count(width), outputs, classes, values, seeds });
        }
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let &Self { kind, rows, width } = self;
        let ReadArrays { values, seeds, outputs, classes } = arrays;
        let count = kind.count(width);
        let classes = match classes {
            Some(classes) if kind.has_classes() => BlockArray::repeated(GpuBackend::indices(classes), 1),
            _ => BlockArray::shared(gpu.nothing()),
        };
        let (values, outputs) =
            (BlockArray::repeated(write(&values), count), BlockArray::repeated(read(outputs), width));
        let arrays = [BlockArray::rows(write(&seeds), width), values, outputs, classes];
        gpu.by_rows(Self::NAME, &arrays, count * rows, 1, &|block| Numbers {
            len: block.len() as u32,
            first: block.start as u32,
            rows: rows as u32,
            width: width as u32,
            count: count as u32,
            kind: kind as u32,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        let body = include_str!("../../../shaders/op/readout.wgsl");
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, MATH, &function::wgsl(), body])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let width = 3;
        let rows = trial.rows(width);
        let outputs = trial.numbers(rows * width)?;
        let classes = backend.index(&(0..rows).map(|row| (row * 7 % width) as u32).collect::<Vec<_>>())?;
        for &kind in OutputFunction::ALL {
            let count = kind.count(width);
            let (mut values, mut seeds) = (backend.zeros(rows * count)?, backend.zeros(count * rows * width)?);
            trial.run(|| {
                let arrays = ReadArrays {
                    values: front_mut(&mut values, rows * count),
                    seeds: front_mut(&mut seeds, count * rows * width),
                    outputs: front(&outputs, rows * width),
                    classes: Some(&classes),
                };
                backend.run(&Read { kind, rows, width }, arrays)
            })?;
            trial.wrote(&values, rows * count)?;
            trial.wrote(&seeds, count * rows * width)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, first: u32, rows: u32, width: u32, count: u32, kind: u32 }
}

/// The rows of a pass on the CPU; classes are empty where none enter.
struct Rows<'a, E> {
    rows: usize,
    width: usize,
    count: usize,
    outputs: &'a [E],
    classes: &'a [u32],
    values: &'a mut [E],
    seeds: &'a mut [E],
}

impl<E: Element> Visitor for Rows<'_, E> {
    type Output = ();

    fn visit<F: Function>(self) {
        let Self { rows, width, count, outputs, classes, values, seeds } = self;
        let row = |row: usize| (&outputs[row * width..][..width], classes.get(row).map_or(0, |&class| class as usize));
        values.par_chunks_mut(count).enumerate().with_min_len(64).for_each(|(number, values)| {
            let (outputs, class) = row(number);
            F::values(outputs, class, values);
        });
        let values = &*values;
        seeds.par_chunks_mut(width).enumerate().with_min_len(64).for_each(|(number, seed)| {
            let (which, number) = (number / rows, number % rows);
            let (outputs, class) = row(number);
            F::seed(outputs, class, &values[number * count..][..count], which, seed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    /// The values and the seeds of some rows.
    fn run(kind: OutputFunction, outputs: &[f64], classes: &[u32]) -> (Vec<f64>, Vec<f64>) {
        let (rows, classes) = (classes.len(), classes.to_vec());
        let (width, outputs) = (outputs.len() / rows, held(outputs));
        let count = kind.count(width);
        let mut values = held(&vec![0.0; rows * count]);
        let seeds = written(&vec![0.0; count * rows * width], |cpu, seeds| {
            let arrays =
                ReadArrays { values: values.all_mut(), seeds, outputs: outputs.all(), classes: Some(&classes) };
            cpu.run(&Read { kind, rows, width }, arrays)
        });
        (values.values(), seeds)
    }

    #[test]
    fn rows_are_those_of_each_alone() {
        let (outputs, classes) = ([0.3, -1.2, 0.7, 2.0, 2.0, -0.5, 0.0, 3.1, -2.2, -0.1, 0.4, 0.2], [2, 0, 1, 1]);
        for &kind in OutputFunction::ALL {
            let (values, seeds) = run(kind, &outputs, &classes);
            let count = kind.count(3);
            for (row, outputs) in outputs.chunks(3).enumerate() {
                let (own, own_seeds) = run(kind, outputs, &classes[row..=row]);
                assert_eq!(values[row * count..][..count], own, "{kind:?}, {row}");
                for (which, seed) in own_seeds.chunks(3).enumerate() {
                    assert_eq!(&seeds[(which * classes.len() + row) * 3..][..3], seed, "{kind:?}, {row}, {which}");
                }
            }
        }
    }

    #[test]
    fn what_has_no_value_is_refused() {
        let refused = |kind: OutputFunction, width: usize, classes: Option<&Vec<u32>>| {
            let (count, outputs) = (kind.count(width), held(&vec![0.5; 2 * width]));
            let (mut values, mut seeds) = (held(&vec![0.0; 2 * count]), held(&vec![0.0; 2 * count * width]));
            let (values, seeds) = (values.all_mut(), seeds.all_mut());
            let arrays = ReadArrays { values, seeds, outputs: outputs.all(), classes };
            CpuBackend::new().run(&Read { kind, rows: 2, width }, arrays).is_err()
        };
        assert!(!refused(OutputFunction::Softmax, 1, None));
        assert!(!refused(OutputFunction::Target, 1, Some(&vec![0, 0])));
        assert!(!refused(OutputFunction::Margin, 2, Some(&vec![0, 1])));
        assert!(refused(OutputFunction::Margin, 1, Some(&vec![0, 0])));
        assert!(refused(OutputFunction::Margin, 2, Some(&vec![0, 2])));
        assert!(refused(OutputFunction::Target, 2, Some(&vec![0])));
        assert!(refused(OutputFunction::Target, 2, None));
    }
}
