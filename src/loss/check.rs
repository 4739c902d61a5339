//! What the test beside every loss checks.

use super::{OfClasses, OfReals};

/// The step of differences, whose error is its square.
const H: f64 = 1e-5;

fn near(name: &str, what: &str, got: f64, want: f64, bound: f64) {
    assert!((got - want).abs() <= bound, "{name}, {what}: {got} instead of {want}");
}

/// Holds a loss of classes against its definition `plain`, and its gradient against the definition's differences.
pub(super) fn of_classes<F: OfClasses>(plain: impl Fn(&[f64], usize) -> f64) {
    for outputs in [[0.3, -1.2, 0.7], [2.0, 2.0, -0.5], [0.0, 3.1, -2.2]] {
        for class in 0..outputs.len() {
            let mut gradient = [0.0; 3];
            let (loss, _) = F::row(&outputs, class, &mut gradient);
            near(F::NAME, "the loss", loss, plain(&outputs, class), 1e-13);
            for (c, &slope) in gradient.iter().enumerate() {
                let moved = |by: f64| {
                    let mut outputs = outputs;
                    outputs[c] += by;
                    plain(&outputs, class)
                };
                near(F::NAME, "the gradient", slope, (moved(H) - moved(-H)) / (2.0 * H), 1e-9);
            }
        }
    }
}

/// The same of a loss of reals, of which outputs count one by one.
pub(super) fn of_reals<F: OfReals>(plain: impl Fn(f64, f64) -> f64) {
    for f in [-3.0, -0.4, 0.0, 0.9, 2.5] {
        for y in [-1.0, 0.0, 0.5, 1.0, 3.0] {
            let (loss, slope) = F::one(f, y);
            near(F::NAME, "the loss", loss, plain(f, y), 1e-13);
            near(F::NAME, "the slope", slope, (plain(f + H, y) - plain(f - H, y)) / (2.0 * H), 1e-8);
        }
    }
}
