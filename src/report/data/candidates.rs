//! The examples of a query that a page holds: those that are among the largest of some question.

use super::question::Question;
use crate::run::store::Largest;

/// An example, the best place that it has in any list, and what it contributed to each value; not a number where that is not known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub example: usize,
    pub rank: usize,
    pub amounts: Vec<f64>,
}

/// What all examples say to a query.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Of each question what all that are above zero add up to, and all below.
    pub sums: Vec<[f64; 2]>,
    /// Those that are among the `count` largest of either sign of any question, by their numbers.
    pub candidates: Vec<Candidate>,
}

impl Answers {
    /// Of a row `[m, values]`, where all is known.
    pub fn of(row: &[f64], values: usize, questions: &[Question], count: usize) -> Self {
        let mut ranks = vec![usize::MAX; row.len() / values];
        let mut sums = Vec::with_capacity(questions.len());
        for question in questions {
            let amounts = row.chunks_exact(values).map(|own| question.amount(own)).enumerate();
            let found = Largest::of(&amounts.collect::<Vec<_>>(), count);
            sums.push(found.sums());
            for list in &found.lists {
                list.iter().enumerate().for_each(|(rank, &(example, _))| ranks[example] = ranks[example].min(rank));
            }
        }
        let listed = ranks.into_iter().enumerate().filter(|&(_, rank)| rank < count);
        let candidate =
            |(example, rank)| Candidate { example, rank, amounts: row[example * values..][..values].to_vec() };
        Self { sums, candidates: listed.map(candidate).collect() }
    }

    /// Of lists, one for each value: an example is known where it is listed.
    pub fn of_lists(lists: &[Largest], questions: &[Question], count: usize) -> Self {
        let sums = |question: &Question| match question.than {
            None => lists[question.value].sums(),
            Some(_) => [f64::NAN; 2],
        };
        let mut candidates: Vec<Candidate> = Vec::new();
        for (value, list) in lists.iter().enumerate() {
            for (rank, &(example, amount)) in list.lists.iter().flat_map(|list| list.iter().take(count).enumerate()) {
                let place = candidates.iter().position(|own| own.example == example).unwrap_or_else(|| {
                    candidates.push(Candidate { example, rank, amounts: vec![f64::NAN; lists.len()] });
                    candidates.len() - 1
                });
                let own = &mut candidates[place];
                own.rank = own.rank.min(rank);
                own.amounts[value] = amount;
            }
        }
        candidates.sort_by_key(|own| own.example);
        Self { sums: questions.iter().map(sums).collect(), candidates }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::question;

    /// Against sorting the differences of each pair.
    #[test]
    fn the_largest_of_every_question_are_there() {
        let (examples, values, count) = (50, 4, 3);
        let row: Vec<f64> = (0..examples * values).map(|at| ((at * 7919 % 613) as f64 - 306.0) / 100.0).collect();
        let questions = question::all(values, true);
        let found = Answers::of(&row, values, &questions, count);
        for (question, sums) in questions.iter().zip(&found.sums) {
            let mut all: Vec<(f64, usize)> =
                (0..examples).map(|own| (question.amount(&row[own * values..][..values]), own)).collect();
            let above: f64 = all.iter().map(|own| own.0.max(0.0)).sum();
            assert!((above - sums[0]).abs() < 1e-12 * above);
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            for &(amount, example) in all[..count].iter().chain(&all[examples - count..]) {
                let own = found.candidates.iter().find(|own| own.example == example).expect("it is listed");
                assert!((question.amount(&own.amounts) - amount).abs() < 1e-12);
            }
        }
        assert!(found.candidates.len() < examples && found.candidates.iter().all(|own| own.rank < count));
    }

    #[test]
    fn lists_say_what_they_know() {
        let lists = [&[(0, 1.0), (1, -2.0), (2, 0.5)][..], &[(1, 3.0), (3, -1.0)]].map(|own| Largest::of(own, 5));
        let questions = question::all(2, true);
        let found = Answers::of_lists(&lists, &questions, 5);
        assert_eq!((found.sums[0], found.sums[1]), ([1.5, -2.0], [3.0, -1.0]));
        assert!(found.sums[2][0].is_nan());
        let known: Vec<(usize, usize, bool)> = found
            .candidates
            .iter()
            .map(|own| (own.example, own.rank, own.amounts.iter().all(|own| own.is_finite())))
            .collect();
        assert_eq!(known, [(0, 0, false), (1, 0, true), (2, 1, false), (3, 0, false)]);
    }
}
