//! Functions of a network's outputs, and their gradients.

use super::*;
use crate::readout::function::{Function, Visitor};

pub(super) fn readout<E: Element>(
    batch: &ReadoutBatch<'_, CpuBackend<E>>,
    values: &mut [E],
    seeds: &mut [E],
) -> Result<()> {
    let &ReadoutBatch { kind, rows, width, .. } = batch;
    let outputs = view(batch.outputs)?;
    let count = kind.count(width);
    let lengths = [(outputs.len(), rows * width), (values.len(), rows * count), (seeds.len(), count * rows * width)];
    check("readout", &lengths)?;
    let classes = if kind.has_classes() { check_classes(batch)? } else { &[] };
    if rows > 0 && width > 0 {
        kind.accept(Rows { rows, width, count, outputs, classes, values, seeds });
    }
    Ok(())
}

/// The classes, one a row and each an output.
fn check_classes<'a, E: Element>(batch: &ReadoutBatch<'a, CpuBackend<E>>) -> Result<&'a [u32]> {
    let missing = || BackendError::Invalid("readout: there are no classes".into());
    let classes = batch.classes.ok_or_else(missing)?;
    let beyond = classes.iter().any(|&class| class as usize >= batch.width);
    let alone = batch.width < batch.kind.least_outputs();
    check("readout", &[(classes.len(), batch.rows), (usize::from(beyond || alone), 0)])?;
    Ok(classes)
}

/// The rows of a batch; classes are empty where none enter.
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
    use super::*;
    use crate::readout::OutputFunction;

    /// The values and the seeds of some rows.
    fn run(kind: OutputFunction, outputs: &[f64], classes: &[u32]) -> (Vec<f64>, Vec<f64>) {
        let backend = CpuBackend::<f64>::new();
        let (rows, classes) = (classes.len(), classes.to_vec());
        let (width, held) = (outputs.len() / rows, backend.upload(outputs).expect("room"));
        let count = kind.count(width);
        let (mut values, mut seeds) = (vec![0.0; rows * count], vec![0.0; count * rows * width]);
        let outputs = Slice::new(&held, 0, held.len());
        let batch = ReadoutBatch { kind, rows, width, outputs, classes: Some(&classes) };
        readout(&batch, &mut values, &mut seeds).expect("lengths fit");
        (values, seeds)
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
        let backend = CpuBackend::<f64>::new();
        let refused = |kind: OutputFunction, width: usize, classes: Option<&Vec<u32>>| {
            let held = backend.upload(&vec![0.5; 2 * width]).expect("room");
            let (mut values, mut seeds) = (vec![0.0; 2 * kind.count(width)], vec![0.0; 2 * kind.count(width) * width]);
            let outputs = Slice::new(&held, 0, held.len());
            readout(&ReadoutBatch { kind, rows: 2, width, outputs, classes }, &mut values, &mut seeds).is_err()
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
