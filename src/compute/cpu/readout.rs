//! Functions of a network's outputs, and their gradients.

use super::*;
use crate::compute::scalar::sigmoid;

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
    if rows == 0 || width == 0 {
        return Ok(());
    }
    let row = |row: usize| (&outputs[row * width..][..width], classes.get(row).map_or(0, |&class| class as usize));
    values.par_chunks_mut(count).enumerate().with_min_len(64).for_each(|(number, values)| {
        let (outputs, class) = row(number);
        read(kind, outputs, class, values);
    });
    let values = &*values;
    seeds.par_chunks_mut(width).enumerate().with_min_len(64).for_each(|(number, seed)| {
        let (which, number) = (number / rows, number % rows);
        let (outputs, class) = row(number);
        differentiate(kind, outputs, class, &values[number * count..][..count], (which, seed));
    });
    Ok(())
}

/// The classes, one a row and each an output.
fn check_classes<'a, E: Element>(batch: &ReadoutBatch<'a, CpuBackend<E>>) -> Result<&'a [u32]> {
    let missing = || BackendError::Invalid("readout: there are no classes".into());
    let classes = batch.classes.ok_or_else(missing)?;
    let beyond = classes.iter().any(|&class| class as usize >= batch.width);
    let alone = batch.kind == ReadoutKind::Margin && batch.width < 2;
    check("readout", &[(classes.len(), batch.rows), (usize::from(beyond || alone), 0)])?;
    Ok(classes)
}

/// The readouts of one row.
fn read<E: Element>(kind: ReadoutKind, outputs: &[E], class: usize, values: &mut [E]) {
    match kind {
        ReadoutKind::Softmax => {
            let (largest, sum) = sum_of_exp(outputs.iter().copied());
            values.iter_mut().zip(outputs).for_each(|(value, &f)| *value = (f - largest).exp() / sum);
        }
        ReadoutKind::Sigmoid => values.iter_mut().zip(outputs).for_each(|(value, &f)| *value = sigmoid(f)),
        ReadoutKind::Target => values[0] = outputs[class],
        ReadoutKind::Margin => {
            let (largest, sum) = sum_of_exp(others(outputs, class));
            values[0] = (outputs[class] - largest) - sum.ln();
        }
    }
}

/// The gradient of readout `which` of one row, whose readouts are `values`.
fn differentiate<E: Element>(
    kind: ReadoutKind,
    outputs: &[E],
    class: usize,
    values: &[E],
    (which, seed): (usize, &mut [E]),
) {
    match kind {
        ReadoutKind::Softmax => {
            // p (1 - p) as the sum of what the others take, so that it keeps its digits where p is near 1.
            let mut rest = E::ZERO;
            for (c, (seed, &p)) in seed.iter_mut().zip(values).enumerate() {
                *seed = -values[which] * p;
                if c != which {
                    rest += -*seed;
                }
            }
            seed[which] = rest;
        }
        ReadoutKind::Sigmoid => {
            seed.fill(E::ZERO);
            seed[which] = values[which] * sigmoid(-outputs[which]);
        }
        ReadoutKind::Target => {
            seed.fill(E::ZERO);
            seed[class] = E::ONE;
        }
        ReadoutKind::Margin => {
            let (largest, sum) = sum_of_exp(others(outputs, class));
            seed.iter_mut().zip(outputs).for_each(|(seed, &f)| *seed = -(f - largest).exp() / sum);
            seed[class] = E::ONE;
        }
    }
}

/// Every output but one.
fn others<E: Element>(outputs: &[E], class: usize) -> impl Iterator<Item = E> + Clone {
    outputs[..class].iter().chain(&outputs[class + 1..]).copied()
}

/// The largest of some numbers, and `Σ e^(x - largest)`.
fn sum_of_exp<E: Element>(numbers: impl Iterator<Item = E> + Clone) -> (E, E) {
    let largest = numbers.clone().reduce(|a, b| if b > a { b } else { a }).unwrap_or(E::ZERO);
    (largest, numbers.map(|x| (x - largest).exp()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [ReadoutKind; 4] =
        [ReadoutKind::Softmax, ReadoutKind::Sigmoid, ReadoutKind::Target, ReadoutKind::Margin];
    const WIDTH: usize = 3;
    const CLASSES: [u32; 4] = [2, 0, 1, 1];
    const OUTPUTS: [f64; 12] = [0.3, -1.2, 0.7, 2.0, 2.0, -0.5, 0.0, 3.1, -2.2, -0.1, 0.4, 0.2];

    /// The values and the seeds of some rows.
    fn run<E: Element>(kind: ReadoutKind, outputs: &[f64], classes: &[u32], width: usize) -> (Vec<f64>, Vec<f64>) {
        let backend = CpuBackend::<E>::new();
        let (rows, count) = (outputs.len() / width, kind.count(width));
        let held = backend.upload(&convert(outputs)).expect("room");
        let (mut values, mut seeds) = (vec![E::ZERO; rows * count], vec![E::ZERO; count * rows * width]);
        let classes = classes.to_vec();
        let outputs = Slice::new(&held, 0, held.len());
        let batch = ReadoutBatch { kind, rows, width, outputs, classes: Some(&classes) };
        readout(&batch, &mut values, &mut seeds).expect("lengths fit");
        (wide(&values), wide(&seeds))
    }

    fn wide<E: Element>(values: &[E]) -> Vec<f64> {
        values.iter().map(|value| value.to_f64()).collect()
    }

    /// One readout of one row, as its definition says.
    fn plain(kind: ReadoutKind, f: &[f64], class: usize, which: usize) -> f64 {
        let sum = |left_out: Option<usize>| -> f64 {
            (0..f.len()).filter(|&c| Some(c) != left_out).map(|c| f[c].exp()).sum()
        };
        match kind {
            ReadoutKind::Softmax => f[which].exp() / sum(None),
            ReadoutKind::Sigmoid => 1.0 / (1.0 + (-f[which]).exp()),
            ReadoutKind::Target => f[class],
            ReadoutKind::Margin => f[class] - sum(Some(class)).ln(),
        }
    }

    fn agrees<E: Element>(unit: f64) {
        for kind in KINDS {
            let (values, seeds) = run::<E>(kind, &OUTPUTS, &CLASSES, WIDTH);
            let (rows, count) = (CLASSES.len(), kind.count(WIDTH));
            for row in 0..rows {
                let (f, class) = (&OUTPUTS[row * WIDTH..][..WIDTH], CLASSES[row] as usize);
                for which in 0..count {
                    let (got, want) = (values[row * count + which], plain(kind, f, class, which));
                    // The arguments, of at most 3.1, are rounded too.
                    assert!((got - want).abs() <= 16.0 * unit, "{kind:?}, {row}, {which}: {got} instead of {want}");
                    for c in 0..WIDTH {
                        let moved = |by: f64| {
                            let mut f = f.to_vec();
                            f[c] += by;
                            plain(kind, &f, class, which)
                        };
                        // Errors of h² and of rounding over h.
                        let h = 1e-5;
                        let want = (moved(h) - moved(-h)) / (2.0 * h);
                        let got = seeds[(which * rows + row) * WIDTH + c];
                        let bound = 1e-9 + 16.0 * unit;
                        assert!((got - want).abs() <= bound, "{kind:?}, {row}, {which}, {c}: {got} instead of {want}");
                    }
                }
            }
        }
    }

    #[test]
    fn values_and_their_gradients() {
        agrees::<f64>(f64::EPSILON);
        agrees::<f32>(f64::from(f32::EPSILON));
    }

    /// Where one output is far above the others nothing overflows, and what is small keeps its digits.
    #[test]
    fn far_from_zero() {
        let small = (-40f64).exp();
        let near =
            |got: f64, want: f64| assert!((got - want).abs() <= 8.0 * f64::EPSILON * want.abs(), "{got}, {want}");
        for kind in KINDS {
            let (values, seeds) = run::<f32>(kind, &[900.0, -900.0, 300.0], &[1], 3);
            assert!(values.iter().chain(&seeds).all(|value| value.is_finite()), "{kind:?}: {values:?}, {seeds:?}");
        }
        let (_, seeds) = run::<f64>(ReadoutKind::Softmax, &[40.0, 0.0], &[0], 2);
        let slope = small / ((1.0 + small) * (1.0 + small));
        seeds.iter().zip([slope, -slope, -slope, slope]).for_each(|(&got, want)| near(got, want));
        near(run::<f64>(ReadoutKind::Sigmoid, &[40.0], &[0], 1).1[0], slope);
        near(run::<f64>(ReadoutKind::Margin, &[-700.0, 800.0, 800.0], &[0], 3).0[0], -1500.0 - 2f64.ln());
    }

    #[test]
    fn what_has_no_value_is_refused() {
        let backend = CpuBackend::<f64>::new();
        let refused = |kind: ReadoutKind, width: usize, classes: Option<&Vec<u32>>| {
            let held = backend.upload(&vec![0.5; 2 * width]).expect("room");
            let (mut values, mut seeds) = (vec![0.0; 2 * kind.count(width)], vec![0.0; 2 * kind.count(width) * width]);
            let outputs = Slice::new(&held, 0, held.len());
            readout(&ReadoutBatch { kind, rows: 2, width, outputs, classes }, &mut values, &mut seeds).is_err()
        };
        assert!(!refused(ReadoutKind::Softmax, 1, None));
        assert!(!refused(ReadoutKind::Target, 1, Some(&vec![0, 0])));
        assert!(!refused(ReadoutKind::Margin, 2, Some(&vec![0, 1])));
        assert!(refused(ReadoutKind::Margin, 1, Some(&vec![0, 0])));
        assert!(refused(ReadoutKind::Margin, 2, Some(&vec![0, 2])));
        assert!(refused(ReadoutKind::Target, 2, Some(&vec![0])));
        assert!(refused(ReadoutKind::Target, 2, None));
    }
}
