//! What the test beside every function checks.

use super::Function;
use crate::compute::{Element, convert, widen};

/// Rows of outputs, each with its class.
const ROWS: [([f64; 3], usize); 4] =
    [([0.3, -1.2, 0.7], 2), ([2.0, 2.0, -0.5], 0), ([0.0, 3.1, -2.2], 1), ([-0.1, 0.4, 0.2], 1)];

/// The numbers of one row, and the seeds of all of them.
pub(super) fn rows<F: Function, E: Element>(outputs: &[f64], class: usize) -> (Vec<f64>, Vec<f64>) {
    let (outputs, width): (Vec<E>, _) = (convert(outputs), outputs.len());
    let mut values = vec![E::ZERO; if F::PER_OUTPUT { width } else { 1 }];
    let mut seeds = vec![E::ZERO; values.len() * width];
    F::values(&outputs, class, &mut values);
    for (which, seed) in seeds.chunks_mut(width).enumerate() {
        F::seed(&outputs, class, &values, which, seed);
    }
    (widen(&values), widen(&seeds))
}

/// Equal to some roundings.
pub(super) fn near(got: f64, want: f64) {
    assert!((got - want).abs() <= 8.0 * f64::EPSILON * want.abs(), "{got} instead of {want}");
}

/// Holds a function's numbers against its definition `plain`, and its seeds against the definition's differences; far from
/// zero all of them must be finite.
pub(super) fn function<F: Function>(plain: impl Fn(&[f64], usize, usize) -> f64) {
    agrees::<F, f64>(f64::EPSILON, &plain);
    agrees::<F, f32>(f64::from(f32::EPSILON), &plain);
    let (values, seeds) = rows::<F, f32>(&[900.0, -900.0, 300.0], 1);
    assert!(values.iter().chain(&seeds).all(|value| value.is_finite()), "{values:?}, {seeds:?}");
}

fn agrees<F: Function, E: Element>(unit: f64, plain: &impl Fn(&[f64], usize, usize) -> f64) {
    // Errors of h² and of rounding over h.
    let h = 1e-5;
    for (f, class) in ROWS {
        let (values, seeds) = rows::<F, E>(&f, class);
        for (which, &got) in values.iter().enumerate() {
            let want = plain(&f, class, which);
            // The arguments, of at most 3.1, are rounded too.
            assert!((got - want).abs() <= 16.0 * unit, "{f:?}, {which}: {got} instead of {want}");
            for c in 0..f.len() {
                let moved = |by: f64| {
                    let mut f = f;
                    f[c] += by;
                    plain(&f, class, which)
                };
                let (got, want) = (seeds[which * f.len() + c], (moved(h) - moved(-h)) / (2.0 * h));
                assert!((got - want).abs() <= 1e-9 + 16.0 * unit, "{f:?}, {which}, {c}: {got} instead of {want}");
            }
        }
    }
}
