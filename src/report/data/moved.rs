//! Which queries each example moved most.

use crate::run::store::{Each, Of};

/// Queries of each sign that are kept of an example.
const MOST: usize = 8;
/// Of all examples together.
const ALL: usize = 1 << 22;

/// A query's place in the page, and the amounts of each kind; not a number where that is not known.
type Amounts = (usize, Each<f64>);

/// The queries that each example moved most, by one kind of amounts and what was asked of them first, and what it did to all of them.
pub(super) struct Moved {
    /// By which amounts.
    by: Of,
    /// Of each example those that it helped most, and those that it hurt most; where nobody knows which way is right, those that it raised
    /// and those that it lowered.
    pub lists: Vec<[Vec<Amounts>; 2]>,
    /// Of each example what it did to all queries whose right way is known, above zero where it helped.
    pub helped: Vec<f64>,
    count: usize,
}

impl Moved {
    /// Of so many examples, before any query.
    pub fn new(examples: usize, by: Of) -> Self {
        let count = (ALL / examples.max(1)).clamp(1, MOST);
        Self { by, lists: Vec::new(), helped: Vec::new(), count }
    }

    /// Takes in what each example said to a query, by each kind of amounts that is known of all, and which way was right.
    pub fn add(&mut self, query: usize, amounts: &Each<Vec<f64>>, right: i8) {
        let by = self.by as usize;
        self.lists.resize_with(amounts[by].len(), Default::default);
        self.helped.resize(amounts[by].len(), 0.0);
        for (example, (lists, helped)) in self.lists.iter_mut().zip(&mut self.helped).enumerate() {
            let each = amounts.each_ref().map(|of_kind| of_kind.get(example).copied().unwrap_or(f64::NAN));
            let amount = each[by];
            *helped += f64::from(right) * amount;
            let way = if right < 0 { -amount } else { amount };
            if way != 0.0 && !way.is_nan() {
                let list = &mut lists[usize::from(way < 0.0)];
                let place = list.partition_point(|own| own.1[by].abs() >= amount.abs());
                if place < self.count {
                    list.insert(place, (query, each));
                    list.truncate(self.count);
                }
            }
        }
    }

    /// How many queries are kept of an example.
    pub fn count_of(&self, example: usize) -> usize {
        self.lists.get(example).map_or(0, |lists| lists.iter().map(Vec::len).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against sorting, by either kind.
    #[test]
    fn the_largest_are_kept_in_order() {
        let gave = |query: usize, example: usize| ((query * 37 + example * 11) % 29) as f64 - 14.0;
        let would = |query: usize, example: usize| ((query * 5 + example * 17) % 31) as f64 - 15.0;
        let right = |query: usize| [1, -1, 0][query % 3];
        for by in Of::ALL {
            let amount =
                |query, example| if by == Of::Attribution { gave(query, example) } else { would(query, example) };
            let mut moved = Moved::new(3, by);
            for query in 0..40 {
                let all = [0, 1, 2];
                let amounts = [all.map(|own| gave(query, own)).to_vec(), all.map(|own| would(query, own)).to_vec()];
                moved.add(query, &amounts, right(query));
            }
            for example in 0..3 {
                let helped: f64 = (0..40).map(|query| f64::from(right(query)) * amount(query, example)).sum();
                assert_eq!(moved.helped[example], helped);
                let way = |query: usize| amount(query, example) * if right(query) < 0 { -1.0 } else { 1.0 };
                let mut all: Vec<f64> = (0..40).map(way).collect();
                all.sort_by(|a, b| b.total_cmp(a));
                let kept = |sign: usize| moved.lists[example][sign].iter().map(|own| way(own.0)).collect::<Vec<_>>();
                assert_eq!(kept(0), all[..MOST]);
                assert_eq!(kept(1), all.iter().rev().take(MOST).copied().collect::<Vec<_>>());
                assert!(
                    moved.lists[example]
                        .iter()
                        .flatten()
                        .all(|&(query, own)| own == [gave(query, example), would(query, example)])
                );
                assert_eq!(moved.count_of(example), 2 * MOST);
            }
        }
    }

    #[test]
    fn what_is_not_known_is_no_number() {
        let mut moved = Moved::new(2, Of::Influence);
        moved.add(0, &[vec![], vec![0.5, -1.0]], 1);
        let [first, _] = &moved.lists[0];
        assert!(matches!(first[..], [(0, [gave, 0.5])] if gave.is_nan()));
        let mut without = Moved::new(2, Of::Attribution);
        without.add(0, &[vec![], vec![0.5, -1.0]], 1);
        assert_eq!((without.lists.len(), without.count_of(0)), (0, 0));
    }
}
