//! What the test beside every activation checks.

use super::Function;

/// The range that is looked at is cut into cells of this width, whose middle a derivative is compared at.
const CELL: f64 = 1.0 / 512.0;
/// Half the range.
const REACH: f64 = 8.0;

/// Holds a function against its definition `plain`, each derivative against differences of the one before, and the kinks
/// against jumps: no cell without a kink may hide one, and every kink must be one.
pub(super) fn function<F: Function>(plain: impl Fn(f64) -> f64) {
    let near = |got: f64, want: f64, bound: f64, what: &str, x: f64| {
        assert!((got - want).abs() <= bound, "{}, {what} at {x}: {got} instead of {want}", F::NAME);
    };
    for cell in 0..(2.0 * REACH / CELL) as i32 {
        let from = -REACH + f64::from(cell) * CELL;
        let (middle, to) = (from + 0.5 * CELL, from + CELL);
        near(F::value(middle), plain(middle), 1e-11, "f", middle);
        near(f64::from(F::value(middle as f32)), plain(middle), 1e-5, "f in f32", middle);
        near(f64::from(F::slope(middle as f32)), F::slope(middle), 1e-5, "f' in f32", middle);
        near(f64::from(F::curvature(middle as f32)), F::curvature(middle), 1e-5, "f'' in f32", middle);
        if F::KINKS.iter().any(|kink| (from..=to).contains(kink)) {
            continue;
        }
        // Off by a third derivative of at most some units times the cell's width squared, over 24.
        near((F::value(to) - F::value(from)) / CELL, F::slope(middle), 1e-6, "f'", middle);
        near((F::slope(to) - F::slope(from)) / CELL, F::curvature(middle), 1e-6, "f''", middle);
        near(F::curvature(to), F::curvature(from), 4.0 * CELL, "a jump of f''", middle);
        if F::DEGREE.is_some_and(|degree| degree < 2) {
            near(F::curvature(middle), 0.0, 0.0, "f'' of a line", middle);
        }
    }
    assert!(F::KINKS.is_sorted(), "{}", F::NAME);
    for &kink in F::KINKS {
        let jump = |f: fn(f64) -> f64| (f(kink + 1e-9) - f(kink - 1e-9)).abs() > 1e-3;
        assert!(jump(F::value) || jump(F::slope) || jump(F::curvature), "{}: nothing jumps at {kink}", F::NAME);
    }
}
