//! Sums that are exact until they are rounded once, so that no order of the terms shows in them.

/// A sum of numbers, kept as numbers of which none reaches into another's digits, the smallest first (J. R. Shewchuk, "Adaptive
/// Precision Floating-Point Arithmetic", 1997). What is beyond all numbers, or is none, makes it not a number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExactSum(Vec<f64>);

impl ExactSum {
    /// Takes a number in.
    pub fn add(&mut self, value: f64) {
        let (mut sum, mut kept) = (value, 0);
        for at in 0..self.0.len() {
            let (high, low) = two_sum(sum, self.0[at]);
            if low != 0.0 {
                self.0[kept] = low;
                kept += 1;
            }
            sum = high;
        }
        self.0.truncate(kept);
        if !sum.is_finite() {
            self.0 = vec![f64::NAN];
        } else if sum != 0.0 {
            self.0.push(sum);
        }
    }

    /// Takes another sum in.
    pub fn join(&mut self, other: &Self) {
        other.0.iter().for_each(|&part| self.add(part));
    }

    /// The sum, rounded once, to the even one of two that are as near.
    pub fn rounded(&self) -> f64 {
        let mut parts = self.0.iter().rev().copied();
        let mut sum = parts.next().unwrap_or(0.0);
        while let Some(part) = parts.next() {
            let (high, low) = two_sum(sum, part);
            sum = high;
            if low != 0.0 {
                // Halfway between two numbers, what is left decides.
                let twice = 2.0 * low;
                let decides = parts.next().is_some_and(|next| (next > 0.0) == (low > 0.0));
                return if decides && two_sum(sum, twice).1 == 0.0 { sum + twice } else { sum };
            }
        }
        sum
    }

    /// The numbers that it is kept as.
    pub fn parts(&self) -> &[f64] {
        &self.0
    }
}

impl Extend<f64> for ExactSum {
    fn extend<T: IntoIterator<Item = f64>>(&mut self, values: T) {
        // Two numbers hold nearly every sum of many terms; what they do not is taken in term by term.
        let (mut sum, mut lost) = (0.0, 0.0);
        for value in values {
            let (high, low) = two_sum(sum, value);
            let (kept, beyond) = two_sum(lost, low);
            (sum, lost) = (high, kept);
            if beyond != 0.0 {
                self.add(beyond);
            }
        }
        self.add(lost);
        self.add(sum);
    }
}

impl FromIterator<f64> for ExactSum {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut sum = Self::default();
        sum.extend(values);
        sum
    }
}

/// A sum as it is rounded, and what rounding took away.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn sum(values: &[f64]) -> f64 {
        values.iter().copied().collect::<ExactSum>().rounded()
    }

    /// Against sums of whole numbers, which have room for all digits.
    #[test]
    fn no_order_and_no_cut_shows() {
        let mut random = Random::new(7, "exact sums");
        for count in [1, 2, 3, 10, 100] {
            let whole: Vec<i128> = (0..count)
                .map(|_| {
                    let digits = (random.unit() * 2f64.powi(52)) as i128 - (1 << 51);
                    digits << (random.unit() * 60.0) as u32
                })
                .collect();
            let values: Vec<f64> = whole.iter().map(|&value| value as f64).collect();
            // Conversion rounds to the nearest, the even one of two.
            let want = whole.iter().sum::<i128>() as f64;
            assert_eq!(sum(&values), want);
            let reversed: Vec<f64> = values.iter().rev().copied().collect();
            assert_eq!(sum(&reversed), want);
            let (first, second) = values.split_at(count / 2);
            let mut joined: ExactSum = second.iter().copied().collect();
            joined.join(&first.iter().copied().collect());
            assert_eq!(joined.rounded(), want);
        }
    }

    #[test]
    fn it_is_rounded_once() {
        assert_eq!(sum(&[1e100, 1.0, -1e100]), 1.0);
        assert_eq!((sum(&[]), sum(&[0.5, -0.5])), (0.0, 0.0));
        // Half a unit of the last place, a little more, and a little less.
        let (unit, little) = (2f64.powi(-53), 2f64.powi(-120));
        assert_eq!(sum(&[1.0, unit]), 1.0);
        assert_eq!(sum(&[1.0, unit, little]), 1.0 + 2.0 * unit);
        assert_eq!(sum(&[1.0 + 2.0 * unit, unit, -little]), 1.0 + 2.0 * unit);
        assert_eq!(sum(&[1.0 + 2.0 * unit, unit]), 1.0 + 4.0 * unit);
        assert!(sum(&[f64::MAX, f64::MAX, 1.0]).is_nan() && sum(&[f64::INFINITY, 2.0]).is_nan());
    }
}
