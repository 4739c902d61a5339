//! What the test beside every loss checks.

use super::{OfClasses, OfReals};

/// The step of differences, whose error is its square.
const H: f64 = 1e-5;

fn near(name: &str, what: &str, got: f64, want: f64, bound: f64) {
    assert!((got - want).abs() <= bound, "{name}, {what}: {got} instead of {want}");
}

/// Holds a loss of classes against its definition `plain`, its gradient against the definition's differences, and how that
/// changes against its own.
pub(super) fn of_classes<F: OfClasses>(plain: impl Fn(&[f64], [f64; 3]) -> f64) {
    for outputs in [[0.3, -1.2, 0.7], [2.0, 2.0, -0.5], [0.0, 3.1, -2.2]] {
        for aim in [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.2, 0.7, 0.4]] {
            let mut gradient = [0.0; 3];
            let (loss, _) = F::row(&outputs, |c| aim[c], &mut gradient);
            near(F::NAME, "the loss", loss, plain(&outputs, aim), 1e-13);
            for (c, &slope) in gradient.iter().enumerate() {
                let moved = |by: f64| {
                    let mut outputs = outputs;
                    outputs[c] += by;
                    plain(&outputs, aim)
                };
                near(F::NAME, "the gradient", slope, (moved(H) - moved(-H)) / (2.0 * H), 1e-9);
            }
            let (along, mut change) = ([0.4, -1.5, 0.8], [0.0; 3]);
            F::curvature(&outputs, |c| aim[c], &along, &mut change);
            let gradient_at = |by: f64| {
                let mut gradient = [0.0; 3];
                F::row(&[0, 1, 2].map(|c| outputs[c] + by * along[c]), |c| aim[c], &mut gradient);
                gradient
            };
            let (before, after) = (gradient_at(-H), gradient_at(H));
            for c in 0..3 {
                near(F::NAME, "the curvature", change[c], (after[c] - before[c]) / (2.0 * H), 1e-9);
            }
        }
    }
}

/// The same of a loss of reals, of which outputs count one by one; no output is where a slope jumps.
pub(super) fn of_reals<F: OfReals>(plain: impl Fn(f64, f64, f64) -> f64) {
    for f in [-3.0, -0.45, 0.05, 0.9, 2.75] {
        for y in [-1.0, 0.0, 0.5, 1.0, 3.0] {
            for number in [1.0, 0.6, 2.2] {
                let (loss, slope) = F::one(f, y, number);
                near(F::NAME, "the loss", loss, plain(f, y, number), 1e-13);
                let difference = (plain(f + H, y, number) - plain(f - H, y, number)) / (2.0 * H);
                near(F::NAME, "the slope", slope, difference, 1e-8);
                let slope_at = |by: f64| F::one(f + by, y, number).1;
                let difference = (slope_at(H) - slope_at(-H)) / (2.0 * H);
                near(F::NAME, "the curvature", F::curvature(f, y, number), difference, 1e-8);
            }
        }
    }
}
