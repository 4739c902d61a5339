//! Questions to a query: why a value of its readout is what it is, or why one is larger than another.

use crate::loss::TargetKind;
use crate::readout::Readout;
use crate::report::contents::Contents;

/// Values kept of a query: of more there are mostly few that matter.
const KEPT: usize = 16;

/// A value of a query, or how far it leads another, by their places among those that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question {
    pub value: usize,
    pub than: Option<usize>,
}

impl Question {
    /// What an example says to it, of what it says to each value that is kept.
    pub fn amount(self, amounts: &[f64]) -> f64 {
        self.of(|place| amounts[place])
    }

    /// The same, of what stands at each value's place.
    pub fn of(self, at: impl Fn(usize) -> f64) -> f64 {
        at(self.value) - self.than.map_or(0.0, at)
    }

    /// Which way is right: 1 where more of it is better, -1 where less is, 0 where neither is.
    pub fn right(self, of_values: &[i8]) -> i8 {
        match self.than {
            None => of_values[self.value],
            Some(than) => (of_values[self.value] - of_values[than]).signum(),
        }
    }
}

/// All questions to so many values: each value, and where they compete how far each leads each one after it.
pub(super) fn all(values: usize, compete: bool) -> Vec<Question> {
    let single = (0..values).map(|value| Question { value, than: None });
    let pair = |value: usize| (value + 1..values).map(move |than| Question { value, than: Some(than) });
    single.chain((0..if compete { values } else { 0 }).flat_map(pair)).collect()
}

/// The values of a query that are kept: all of few; of many its class, the largest ones, and those that training moved most.
pub(super) fn kept(contents: &Contents, query: usize) -> Vec<usize> {
    let all: Vec<usize> = (0..contents.values).collect();
    if all.len() <= KEPT {
        return all;
    }
    let last = contents.values_of(&contents.terms.prediction, query);
    let first = contents.values_of(&contents.terms.initial, query);
    let class = contents.query_classes().filter(|_| contents.compete()).map(|classes| classes[query] as usize);
    let mut by_size = all.clone();
    by_size.sort_by(|&a, &b| last[b].total_cmp(&last[a]));
    let mut by_change = all;
    by_change.sort_by(|&a, &b| (last[b] - first[b]).abs().total_cmp(&(last[a] - first[a]).abs()));
    let mut found: Vec<usize> = class.into_iter().collect();
    let wanted = [by_change[0]].into_iter().chain(by_size.into_iter().take(KEPT / 2)).chain(by_change);
    for value in wanted {
        if found.len() < KEPT && !found.contains(&value) {
            found.push(value);
        }
    }
    found.sort_unstable();
    found
}

/// What a page asks of a query first: of classes why the one that is read leads its own or else the next; of other values why
/// the one that training moved most is what it is.
pub(super) fn first(contents: &Contents, query: usize, kept: &[usize]) -> Question {
    let place = |value: usize| kept.iter().position(|&own| own == value);
    let value = place(contents.shown_value(query)).unwrap_or(0);
    // Lists know what an example did to two values only where it is among the largest of both.
    if !contents.compete() || kept.len() < 2 || !contents.is_whole() {
        return Question { value, than: None };
    }
    let last = contents.values_of(&contents.terms.prediction, query);
    let class = contents.query_classes().and_then(|classes| place(classes[query] as usize));
    let others = (0..kept.len()).filter(|&other| other != value);
    let next = others.max_by(|&a, &b| last[kept[a]].total_cmp(&last[kept[b]]).then(b.cmp(&a)));
    Question { value, than: class.filter(|&class| class != value).or(next) }
}

/// Of each kept value of a query: 1 where more of it is better, -1 where less is, 0 where nobody knows.
pub(super) fn right(contents: &Contents, query: usize, kept: &[usize]) -> Vec<i8> {
    let kernel = &contents.run_file.kernel;
    let class = contents.query_classes().map(|classes| classes[query]);
    let of_class = |value: usize| class.map_or(0, |class| if class as usize == value { 1 } else { -1 });
    let of_reals = |value: usize| {
        let problem = contents.problem.as_ref().ok();
        let targets = problem.and_then(|problem| problem.query_targets.as_ref()?.reals(query, problem.network.outputs));
        let target = targets.and_then(|targets| targets.get(value));
        let first = contents.values_of(&contents.terms.initial, query)[value];
        target.map_or(0, |&target| towards(contents, first, target))
    };
    let one = |&value: &usize| match kernel.readout {
        Readout::Loss => -1,
        Readout::Target | Readout::Margin => 1,
        Readout::Difference => match (kernel.chosen.classes, class) {
            (Some([more, _]), Some(class)) if more == class => 1,
            (Some([_, less]), Some(class)) if less == class => -1,
            _ => 0,
        },
        Readout::Outputs | Readout::Probabilities | Readout::LogProbabilities if contents.compete() => of_class(value),
        Readout::Outputs | Readout::Probabilities | Readout::LogProbabilities => of_reals(value),
    };
    kept.iter().map(one).collect()
}

/// Which way a value would have to go from where it began to come nearer to its target.
fn towards(contents: &Contents, first: f64, target: f64) -> i8 {
    let (loss, readout) = (contents.run_file.training.loss, contents.run_file.kernel.readout);
    if loss.takes() == TargetKind::Classes {
        return 0;
    }
    let less = match readout {
        Readout::Probabilities => target - first,
        Readout::LogProbabilities => target - first.exp(),
        _ => {
            let step = 1e-4 * first.abs().max(1.0);
            let of = |value: f64| loss.of_one(value, target).unwrap_or(0.0);
            of(first - step) - of(first + step)
        }
    };
    if less > 0.0 {
        1
    } else if less < 0.0 {
        -1
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_values_and_their_pairs() {
        let found: Vec<(usize, Option<usize>)> = all(3, true).iter().map(|own| (own.value, own.than)).collect();
        assert_eq!(found, [(0, None), (1, None), (2, None), (0, Some(1)), (0, Some(2)), (1, Some(2))]);
        assert_eq!(all(3, false).len(), 3);
        let amounts = [0.5, -2.0, 1.0];
        assert_eq!(
            all(3, true).iter().map(|own| own.amount(&amounts)).collect::<Vec<_>>(),
            [0.5, -2.0, 1.0, 2.5, -0.5, -3.0]
        );
    }

    #[test]
    fn a_lead_is_right_where_one_of_two_is() {
        let right = |than, of: [i8; 2]| Question { value: 0, than }.right(&of);
        assert_eq!((right(None, [1, -1]), right(None, [-1, -1]), right(None, [0, 0])), (1, -1, 0));
        assert_eq!((right(Some(1), [1, -1]), right(Some(1), [-1, 1]), right(Some(1), [-1, -1])), (1, -1, 0));
    }
}
