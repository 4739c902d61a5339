//! The largest of some amounts, such as the contributions to a value of a query.

use super::exact::ExactSum;
use std::cmp::Ordering;

/// Which way the amounts of each list go.
const SIGNS: [f64; 2] = [1.0, -1.0];

/// The largest of some amounts, above zero and below, and what all of either sign add up to, listed or not. The sums are exact:
/// they are the same in whatever parts the amounts come.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Largest {
    /// Those above zero, the largest first, and those below, the smallest first, each with its number; of equal ones the lower number
    /// comes first.
    pub lists: [Vec<(usize, f64)>; 2],
    /// The sums of all above zero and of all below.
    pub(super) all: [ExactSum; 2],
}

impl Largest {
    /// The `count` largest of each sign, of amounts with their numbers.
    pub fn of(amounts: &[(usize, f64)], count: usize) -> Self {
        let lists = SIGNS.map(|sign| -> Vec<(usize, f64)> {
            amounts.iter().copied().filter(|(_, amount)| sign * amount > 0.0).collect()
        });
        let all = lists.each_ref().map(|list| list.iter().map(|&(_, amount)| amount).collect());
        Self { lists, all }.at_most(count)
    }

    /// Takes in those of other numbers, and keeps the `count` largest of each sign.
    pub fn join(mut self, others: Self, count: usize) -> Self {
        self.lists.iter_mut().zip(others.lists).for_each(|(list, others)| list.extend(others));
        self.all.iter_mut().zip(&others.all).for_each(|(all, others)| all.join(others));
        self.at_most(count)
    }

    /// With the first `count` of each list.
    pub fn at_most(mut self, count: usize) -> Self {
        for (list, sign) in self.lists.iter_mut().zip(SIGNS) {
            let order = |a: &(usize, f64), b: &(usize, f64)| -> Ordering {
                (sign * b.1).total_cmp(&(sign * a.1)).then(a.0.cmp(&b.0))
            };
            if count < list.len() {
                list.select_nth_unstable_by(count, order);
                list.truncate(count);
                // Of a whole row little is left.
                list.shrink_to_fit();
            }
            list.sort_unstable_by(order);
        }
        self
    }

    /// What all of either sign add up to.
    pub fn sums(&self) -> [f64; 2] {
        self.all.each_ref().map(ExactSum::rounded)
    }

    /// What those that are not listed add up to.
    pub fn rest(&self) -> [f64; 2] {
        let of = |sign: usize| {
            let mut rest = self.all[sign].clone();
            rest.extend(self.lists[sign].iter().map(|&(_, amount)| -amount));
            rest.rounded()
        };
        [of(0), of(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_has_its_own() {
        let amounts = [(0, 1.0), (1, -2.0), (2, 0.0), (3, 3.0), (4, -2.0), (5, f64::NAN), (6, -0.5)];
        let found = Largest::of(&amounts, 2);
        assert_eq!(found.lists, [vec![(3, 3.0), (0, 1.0)], vec![(1, -2.0), (4, -2.0)]]);
        assert_eq!((found.sums(), found.rest()), ([4.0, -4.5], [0.0, -0.5]));
        let nothing = Largest::of(&amounts[2..3], 5);
        assert_eq!((nothing.lists.concat(), nothing.sums(), nothing.rest()), (vec![], [0.0; 2], [0.0; 2]));
    }

    /// Against sorting all of them, however they are cut; many are equal.
    #[test]
    fn cuts_do_not_show() {
        let amounts: Vec<(usize, f64)> =
            (0..200usize).map(|number| (number, ((number * 37 % 23) as f64 - 11.0) / 3.0)).collect();
        for count in [0, 1, 5, 40, 300] {
            let whole = Largest::of(&amounts, count);
            let mut sorted = amounts.clone();
            sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
            let above: Vec<_> = sorted.iter().copied().filter(|(_, amount)| *amount > 0.0).take(count).collect();
            sorted.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            let below: Vec<_> = sorted.into_iter().filter(|(_, amount)| *amount < 0.0).take(count).collect();
            assert_eq!(whole.lists, [above, below]);
            for cut in [1, 7, 64] {
                let parts = amounts.chunks(cut).map(|part| Largest::of(part, count));
                let joined = parts.fold(Largest::default(), |all, part| all.join(part, count));
                assert_eq!((&joined.lists, joined.sums(), joined.rest()), (&whole.lists, whole.sums(), whole.rest()));
            }
        }
    }
}
