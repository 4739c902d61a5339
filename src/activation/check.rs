//! What the test beside every activation checks.

use super::Function;
use std::ops::Range;

/// The range that is looked at is cut into cells of this width, whose middle a derivative is compared at.
const CELL: f64 = 1.0 / 512.0;

/// As [`between`], from -8 to 8.
pub(super) fn function<F: Function>(f: F, plain: impl Fn(f64) -> f64) {
    between(-8.0..8.0, f, plain);
}

/// Holds a function against its definition `plain`, each derivative against differences of the one before, and the kinks
/// against jumps: no cell without a kink may hide one, and every kink must be one.
pub(super) fn between<F: Function>(range: Range<f64>, f: F, plain: impl Fn(f64) -> f64) {
    let near = |got: f64, want: f64, bound: f64, what: &str, x: f64| {
        // Rounding grows with a value, and so do the derivatives that differences leave out.
        let bound = bound * want.abs().max(1.0);
        assert!((got - want).abs() <= bound, "{}, {what} at {x}: {got} instead of {want}", F::NAME);
    };
    let kinks = f.kinks();
    for cell in 0..((range.end - range.start) / CELL) as i32 {
        let from = range.start + f64::from(cell) * CELL;
        let (middle, to) = (from + 0.5 * CELL, from + CELL);
        near(f.value(middle), plain(middle), 1e-11, "f", middle);
        near(f64::from(f.value(middle as f32)), plain(middle), 1e-5, "f in f32", middle);
        near(f64::from(f.slope(middle as f32)), f.slope(middle), 1e-5, "f' in f32", middle);
        near(f64::from(f.curvature(middle as f32)), f.curvature(middle), 1e-5, "f'' in f32", middle);
        if kinks.iter().any(|kink| (from..=to).contains(kink)) {
            continue;
        }
        // Off by the derivative two further on, at most 24, times the cell's width squared, over 24.
        near((f.value(to) - f.value(from)) / CELL, f.slope(middle), CELL * CELL, "f'", middle);
        near((f.slope(to) - f.slope(from)) / CELL, f.curvature(middle), CELL * CELL, "f''", middle);
        near(f.curvature(to), f.curvature(from), 6.0 * CELL, "a jump of f''", middle);
        if F::DEGREE.is_some_and(|degree| degree < 2) {
            near(f.curvature(middle), 0.0, 0.0, "f'' of a line", middle);
        }
    }
    assert!(kinks.is_sorted(), "{}", F::NAME);
    for &kink in &kinks {
        let jump = |f: &dyn Fn(f64) -> f64| (f(kink + 1e-9) - f(kink - 1e-9)).abs() > 1e-3;
        let jumps = jump(&|x| f.value(x)) || jump(&|x| f.slope(x)) || jump(&|x| f.curvature(x));
        assert!(jumps, "{}: nothing jumps at {kink}", F::NAME);
    }
}
