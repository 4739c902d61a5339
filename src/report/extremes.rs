//! The largest amounts of a list, of either sign.

/// The `count` largest amounts above zero, and the smallest below, each with its number; the first of equal ones comes first.
pub(super) fn extremes(amounts: &[(usize, f64)], count: usize) -> [Vec<(usize, f64)>; 2] {
    [1.0, -1.0].map(|sign: f64| {
        let mut own: Vec<(usize, f64)> = amounts.iter().copied().filter(|&(_, amount)| sign * amount > 0.0).collect();
        own.sort_by(|a, b| (sign * b.1).total_cmp(&(sign * a.1)).then(a.0.cmp(&b.0)));
        own.truncate(count);
        own
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_has_its_own() {
        let amounts = [(0, 1.0), (1, -2.0), (2, 0.0), (3, 3.0), (4, -2.0), (5, f64::NAN), (6, -0.5)];
        let [raised, lowered] = extremes(&amounts, 2);
        assert_eq!((raised, lowered), (vec![(3, 3.0), (0, 1.0)], vec![(1, -2.0), (4, -2.0)]));
        assert_eq!(extremes(&amounts[2..3], 5), [vec![], vec![]]);
    }
}
