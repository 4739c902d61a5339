//! Which queries each example moved most.

/// Queries of each sign that are kept of an example.
const MOST: usize = 8;
/// Of all examples together.
const ALL: usize = 1 << 22;

/// The queries that each example moved most, by what was asked of them first, and what it did to all of them.
pub(super) struct Moved {
    /// Of each example those that it helped most, and those that it hurt most, by the query's place in the page, with what it
    /// contributed; where nobody knows which way is right, those that it raised and those that it lowered.
    pub lists: Vec<[Vec<(usize, f64)>; 2]>,
    /// Of each example what it did to all queries whose right way is known, above zero where it helped.
    pub helped: Vec<f64>,
    count: usize,
}

impl Moved {
    /// Of so many examples, before any query.
    pub fn new(examples: usize) -> Self {
        let count = (ALL / examples.max(1)).clamp(1, MOST);
        Self { lists: Vec::new(), helped: Vec::new(), count }
    }

    /// Takes in what each example contributed to a query, and which way was right.
    pub fn add(&mut self, query: usize, amounts: &[f64], right: i8) {
        self.lists.resize_with(amounts.len(), Default::default);
        self.helped.resize(amounts.len(), 0.0);
        for ((lists, helped), &amount) in self.lists.iter_mut().zip(&mut self.helped).zip(amounts) {
            *helped += f64::from(right) * amount;
            let way = if right < 0 { -amount } else { amount };
            if way != 0.0 && !way.is_nan() {
                let list = &mut lists[usize::from(way < 0.0)];
                let place = list.partition_point(|own| own.1.abs() >= amount.abs());
                if place < self.count {
                    list.insert(place, (query, amount));
                    list.truncate(self.count);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against sorting.
    #[test]
    fn the_largest_are_kept_in_order() {
        let amount = |query: usize, example: usize| ((query * 37 + example * 11) % 29) as f64 - 14.0;
        let right = |query: usize| [1, -1, 0][query % 3];
        let mut moved = Moved::new(3);
        for query in 0..40 {
            moved.add(query, &[0, 1, 2].map(|example| amount(query, example)), right(query));
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
            assert!(moved.lists[example].iter().flatten().all(|&(query, own)| amount(query, example) == own));
        }
    }
}
