//! The examples of a query that a page holds: those that are among the largest of some question.

use super::question::Question;
use crate::error::Error;
use crate::report::contents::Contents;
use crate::run::store::{Each, Largest, Of};
use std::collections::{BTreeMap, HashMap};

/// What is known of one kind of amounts of a query's examples, to each of the values that are kept.
#[derive(Debug)]
pub(super) enum Told {
    /// Of all: a row `[m, values]`.
    All { row: Vec<f64>, values: usize },
    /// Of those that lists name, one list for each value; not a number where an example is in other lists alone.
    Listed { lists: Vec<Largest>, amounts: HashMap<usize, Vec<f64>> },
}

impl Told {
    /// What a run says of a query and some of its values; `None` where it does not know such amounts.
    ///
    /// # Errors
    ///
    /// An array that cannot be read.
    pub fn read(contents: &Contents, of: Of, query: usize, values: &[usize]) -> Result<Option<Self>, Error> {
        if let (Some(whole), _) = contents.amounts(of) {
            let all = whole.values(query..query + 1, 0..contents.examples)?;
            return Ok(Some(Self::All { row: picked(&all, contents.values, values), values: values.len() }));
        }
        if !contents.knows(of) {
            return Ok(None);
        }
        let list = |&value: &usize| Ok(contents.largest(of, query, value, usize::MAX)?.unwrap_or_default());
        Ok(Some(Self::of_lists(values.iter().map(list).collect::<Result<_, Error>>()?)))
    }

    /// Of lists, one for each value.
    fn of_lists(lists: Vec<Largest>) -> Self {
        let mut amounts = HashMap::<usize, Vec<f64>>::new();
        for (value, list) in lists.iter().enumerate() {
            for &(example, amount) in list.lists.iter().flatten() {
                amounts.entry(example).or_insert_with(|| vec![f64::NAN; lists.len()])[value] = amount;
            }
        }
        Self::Listed { lists, amounts }
    }

    /// The `count` largest of each sign that answer a question; `None` where lists do not tell.
    fn largest(&self, question: Question, count: usize) -> Option<Largest> {
        match self {
            Self::All { row, values } => {
                let amounts = row.chunks_exact(*values).map(|own| question.amount(own)).enumerate();
                Some(Largest::of(&amounts.collect::<Vec<_>>(), count))
            }
            Self::Listed { lists, .. } if question.than.is_none() => Some(lists[question.value].clone().at_most(count)),
            Self::Listed { .. } => None,
        }
    }

    /// What it says of an example.
    fn of(&self, example: usize) -> Vec<f64> {
        match self {
            Self::All { row, values } => row[example * values..][..*values].to_vec(),
            Self::Listed { lists, amounts } => {
                amounts.get(&example).cloned().unwrap_or_else(|| vec![f64::NAN; lists.len()])
            }
        }
    }

    /// The row of all examples, where it is known.
    pub fn row(&self) -> Option<&[f64]> {
        match self {
            Self::All { row, .. } => Some(row),
            Self::Listed { .. } => None,
        }
    }
}

/// Some of the values of a row `[m, R]`.
pub(super) fn picked(row: &[f64], all: usize, values: &[usize]) -> Vec<f64> {
    row.chunks_exact(all).flat_map(|own| values.iter().map(|&value| own[value])).collect()
}

/// An example, the best place that it has in any list, and of each kind of amounts what it says to each value: not a number where
/// that is not known, and nothing where no such amounts are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub example: usize,
    pub rank: usize,
    pub amounts: Each<Vec<f64>>,
}

/// What all examples say to a query.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Of each question what all contributions above zero add up to, and all below; empty where there are none.
    pub sums: Vec<[f64; 2]>,
    /// Those that are among the `count` largest of either sign of any question and kind, by their numbers.
    pub candidates: Vec<Candidate>,
}

impl Answers {
    pub fn of(told: &Each<Option<Told>>, questions: &[Question], count: usize) -> Self {
        let (mut sums, mut ranks) = (Vec::new(), BTreeMap::<usize, usize>::new());
        for (of, told) in Of::ALL.iter().zip(told).filter_map(|(of, told)| Some((of, told.as_ref()?))) {
            for &question in questions {
                let found = told.largest(question, count);
                if *of == Of::Attribution {
                    sums.push(found.as_ref().map_or([f64::NAN; 2], Largest::sums));
                }
                for list in found.into_iter().flat_map(|found| found.lists) {
                    for (rank, (example, _)) in list.into_iter().enumerate() {
                        let best = ranks.entry(example).or_insert(rank);
                        *best = rank.min(*best);
                    }
                }
            }
        }
        let amounts =
            |example: usize| told.each_ref().map(|told| told.as_ref().map_or_else(Vec::new, |told| told.of(example)));
        let candidates = ranks.into_iter();
        let candidates =
            candidates.map(|(example, rank)| Candidate { example, rank, amounts: amounts(example) }).collect();
        Self { sums, candidates }
    }

    /// The `count` largest of each sign of some kind that answer a question, by their numbers.
    pub fn largest(&self, question: Question, count: usize) -> Vec<usize> {
        let of_kind = |kind: usize| {
            let known = self.candidates.iter().filter(|own| !own.amounts[kind].is_empty());
            let amounts = known.map(|own| (own.example, question.amount(&own.amounts[kind])));
            Largest::of(&amounts.collect::<Vec<_>>(), count).lists.concat()
        };
        let mut found: Vec<usize> = (0..Of::ALL.len()).flat_map(of_kind).map(|(example, _)| example).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::question;

    const EXAMPLES: usize = 50;
    const VALUES: usize = 4;

    /// Numbers that all differ, as their differences do; those of another `factor` lie in another order.
    fn row(factor: usize) -> Vec<f64> {
        (0..EXAMPLES * VALUES).map(|at| ((at * at * factor) as f64).sin()).collect()
    }

    fn all(row: Vec<f64>) -> Option<Told> {
        Some(Told::All { row, values: VALUES })
    }

    /// The amounts of a question with their examples, the largest first.
    fn sorted(row: &[f64], question: Question) -> Vec<(f64, usize)> {
        let mut all: Vec<(f64, usize)> =
            (0..EXAMPLES).map(|own| (question.amount(&row[own * VALUES..][..VALUES]), own)).collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all
    }

    /// Against sorting the differences of each pair, of both kinds.
    #[test]
    fn the_largest_of_every_question_are_there() {
        let (rows, count) = ([row(3), row(5)], 3);
        let questions = question::all(VALUES, true);
        let found = Answers::of(&rows.clone().map(all), &questions, count);
        assert_eq!(found.sums.len(), questions.len());
        for (question, sums) in questions.iter().zip(&found.sums) {
            let above: f64 = sorted(&rows[0], *question).iter().map(|own| own.0.max(0.0)).sum();
            assert!((above - sums[0]).abs() < 1e-12 * above);
            for (kind, row) in rows.iter().enumerate() {
                let all = sorted(row, *question);
                for &(amount, example) in all[..count].iter().chain(&all[EXAMPLES - count..]) {
                    let own = found.candidates.iter().find(|own| own.example == example).expect("it is listed");
                    assert!((question.amount(&own.amounts[kind]) - amount).abs() < 1e-12);
                }
            }
        }
        assert!(found.candidates.len() < EXAMPLES && found.candidates.iter().all(|own| own.rank < count));
    }

    /// Influences without contributions have no sums, and of two kinds the largest of either answer.
    #[test]
    fn either_kind_answers() {
        let (questions, question) = (question::all(VALUES, false), Question { value: 2, than: None });
        let [gave, without] = [row(3), row(5)];
        let ends = |row: &[f64]| {
            let all = sorted(row, question);
            all[..2].iter().chain(&all[EXAMPLES - 2..]).map(|own| own.1).collect::<Vec<_>>()
        };
        let one = Answers::of(&[None, all(without.clone())], &questions, 2);
        assert!(one.sums.is_empty() && one.candidates.iter().all(|own| own.amounts[0].is_empty()));
        let mut expected = ends(&without);
        expected.sort_unstable();
        assert_eq!(one.largest(question, 2), expected);
        let both = Answers::of(&[all(gave.clone()), all(without)], &questions, 2);
        expected.extend(ends(&gave));
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(both.largest(question, 2), expected);
    }

    #[test]
    fn lists_say_what_they_know() {
        let lists = [&[(0, 1.0), (1, -2.0), (2, 0.5)][..], &[(1, 3.0), (3, -1.0)]].map(|own| Largest::of(own, 5));
        let questions = question::all(2, true);
        let found = Answers::of(&[Some(Told::of_lists(lists.to_vec())), None], &questions, 5);
        assert_eq!((found.sums[0], found.sums[1]), ([1.5, -2.0], [3.0, -1.0]));
        assert!(found.sums[2][0].is_nan());
        let known: Vec<(usize, usize, bool)> = found
            .candidates
            .iter()
            .map(|own| (own.example, own.rank, own.amounts[0].iter().all(|own| own.is_finite())))
            .collect();
        assert_eq!(known, [(0, 0, false), (1, 0, true), (2, 1, false), (3, 0, false)]);
    }
}
