/*!
Functions of f32 without branches or calls, so that loops over them become vector code; each to about one rounding unit.

Polynomials as in Cephes (S. Moshier) and as in `shaders/shared/math.wgsl`; f64 takes the standard library's functions.
*/

/// Adding and subtracting it rounds to a whole number, which the low bits of the sum then hold.
const ROUNDER: f32 = 12_582_912.0;

#[inline(always)]
fn pick(condition: bool, yes: f32, no: f32) -> f32 {
    if condition { yes } else { no }
}

#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    coefficients.iter().fold(0.0, |sum, &coefficient| sum * x + coefficient)
}

/// 2ⁿ for -127 < n < 128.
#[inline(always)]
fn power(n: i32) -> f32 {
    f32::from_bits(((n + 127) << 23) as u32)
}

/// eˣ: x = n log 2 + r, |r| ≤ log(2)/2.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let bounded = pick(x > 88.72, 88.72, pick(x < -87.3, -87.3, x));
    let shifted = bounded * std::f32::consts::LOG2_E + ROUNDER;
    let whole = (shifted.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
    let n = shifted - ROUNDER;
    let r = (bounded - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = polynomial(r, [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 5e-1]);
    let value = (p * r * r + r) + 1.0;
    // Two factors: 2¹²⁸ is no f32.
    let half = whole >> 1;
    let value = value * power(half) * power(whole - half);
    pick(x > 88.72, f32::INFINITY, pick(x < -87.3, 0.0, value))
}

/// log(1 + u) for u in [0, 1]: 2 atanh(u / (2 + u)), by its series.
#[inline(always)]
pub(crate) fn ln_1p(u: f32) -> f32 {
    let s = u / (2.0 + u);
    let z = s * s;
    let p = polynomial(z, [17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0].map(|n: f32| 1.0 / n));
    2.0 * (s + s * z * p)
}

/// tanh x.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let z = x * x;
    let near = polynomial(z, [-5.704_988_7e-3, 2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1]);
    let far = (1.0 - 2.0 / (exp(2.0 * a) + 1.0)).copysign(x);
    pick(a < 0.625, x + x * z * near, far)
}

/// The complementary error function, to a few rounding units of itself, however small it is.
#[inline(always)]
pub(crate) fn erfc(x: f32) -> f32 {
    let a = x.abs();
    let z = x * x;
    let near = polynomial(
        z,
        [
            7.853_861_4e-5,
            -8.010_194e-4,
            5.188_327_6e-3,
            -2.685_381_2e-2,
            1.128_358_5e-1,
            -3.761_262_6e-1,
            std::f32::consts::FRAC_2_SQRT_PI,
        ],
    );
    let q = 1.0 / a;
    let y = q * q;
    let middle = polynomial(
        y,
        [
            2.326_82e-2,
            -1.387_039_4e-1,
            3.687_424_7e-1,
            -5.824_733e-1,
            6.210_004_6e-1,
            -4.944_515_3e-1,
            3.404_88e-1,
            -2.741_127e-1,
            5.638_259_4e-1,
        ],
    );
    let far = polynomial(
        y,
        [
            -1.047_766_4e1,
            1.297_72e1,
            -7.495_518_7,
            2.921_019,
            -1.015_265_3,
            4.218_463_4e-1,
            -2.820_767_7e-1,
            5.641_895e-1,
        ],
    );
    // a² in two parts, so that its rounding does not grow into the exponential; the second is small, and its series short.
    let high = f32::from_bits(a.to_bits() & 0xffff_f000);
    let low = polynomial((high - a) * (high + a), [1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0]);
    let square = exp(-high * high) * low;
    let tail = pick(a > 13.0, 0.0, square * q * pick(a < 2.0, middle, far));
    let outer = pick(x < 0.0, 2.0 - tail, tail);
    pick(a < 1.0, 1.0 - x * near, outer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error over a range, in rounding units of the value (of `floor` where it is smaller).
    fn worst(range: (f64, f64), floor: f64, ours: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        let points = (0..200_000).map(|i| (range.0 + (range.1 - range.0) * f64::from(i) / 2e5) as f32);
        points.fold(0.0f64, |worst, x| {
            let want = exact(f64::from(x));
            worst.max((f64::from(ours(x)) - want).abs() / (want.abs().max(floor) * f64::from(f32::EPSILON)))
        })
    }

    #[test]
    fn functions_are_within_a_few_roundings() {
        assert!(worst((-87.0, 88.7), 0.0, exp, f64::exp) < 1.5);
        assert!(worst((0.0, 1.0), 0.0, ln_1p, f64::ln_1p) < 1.5);
        assert!(worst((-12.0, 12.0), 0.0, tanh, f64::tanh) < 1.5);
        assert!(worst((-4.0, 0.5), 0.0, erfc, libm::erfc) < 2.0);
        // 1 - erf loses up to a factor of 1 / erfc(1).
        assert!(worst((0.5, 1.0), 0.0, erfc, libm::erfc) < 8.0);
        assert!(worst((1.0, 9.0), 0.0, erfc, libm::erfc) < 3.5);
        assert!(worst((-0.01, 0.01), 0.0, tanh, f64::tanh) < 1.5);
    }

    #[test]
    fn functions_keep_what_is_not_finite() {
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan() && erfc(f32::NAN).is_nan());
        assert_eq!((exp(f32::INFINITY), exp(f32::NEG_INFINITY)), (f32::INFINITY, 0.0));
        assert_eq!((tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)), (1.0, -1.0));
        assert_eq!((erfc(f32::INFINITY), erfc(f32::NEG_INFINITY)), (0.0, 2.0));
    }
}
