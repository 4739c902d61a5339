//! The floating-point types that the CPU computes in.

use super::cpu::math;

/// `f32` or `f64`, with the functions that the operations need.
pub trait Element:
    bytemuck::Pod
    + Send
    + Sync
    + PartialOrd
    + std::fmt::Debug
    + std::iter::Sum
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + crate::formats::NpyElement
    + crate::formats::StateElement
    + super::cpu::Lane
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// Below this share of the largest |K|, a coefficient is not a number.
    const VANISHING: f64;
    /// Half the distance from 1 to the next number: what one rounding changes at the most, relative.
    const ROUNDING: f64;
    /// Rounds.
    fn from_f64(value: f64) -> Self;
    /// Widens.
    fn to_f64(self) -> f64;
    /// eˣ.
    fn exp(self) -> Self;
    /// log(1 + x) for x in [0, 1].
    fn ln_1p(self) -> Self;
    /// log x.
    fn ln(self) -> Self;
    /// tanh x.
    fn tanh(self) -> Self;
    /// sin x.
    fn sin(self) -> Self;
    /// cos x.
    fn cos(self) -> Self;
    /// √x.
    fn sqrt(self) -> Self;
    /// The complementary error function.
    fn erfc(self) -> Self;
    /// |x|.
    fn abs(self) -> Self;
}

macro_rules! element {
    ($type:ty, $name:literal, $vanishing:expr, $exp:path, $ln_1p:path, $tanh:path, $erfc:path) => {
        impl Element for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAME: &'static str = $name;
            const VANISHING: f64 = $vanishing;
            const ROUNDING: f64 = <$type>::EPSILON as f64 / 2.0;
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                $ln_1p(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                self.ln()
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $tanh(self)
            }
            #[inline(always)]
            fn sin(self) -> Self {
                self.sin()
            }
            #[inline(always)]
            fn cos(self) -> Self {
                self.cos()
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            #[inline(always)]
            fn erfc(self) -> Self {
                $erfc(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }
        }
    };
}

element!(f32, "f32", 1e-6, math::exp, math::ln_1p, math::tanh, math::erfc);
element!(f64, "f64", 1e-12, f64::exp, f64::ln_1p, f64::tanh, libm::erfc);

/// Widens.
pub(crate) fn widen<E: Element>(values: &[E]) -> Vec<f64> {
    values.iter().map(|&value| value.to_f64()).collect()
}

/// Rounds.
pub(crate) fn convert<E: Element>(values: &[f64]) -> Vec<E> {
    values.iter().map(|&value| E::from_f64(value)).collect()
}
