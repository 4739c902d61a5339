//! Which tensors move: none, some that stand still, some that are held and move, and some that are one.

use super::evidence::{Place, Sizes, Steps};
use super::names::{list, patterns};
use crate::error::Error;
use crate::graph::Role;
use std::collections::BTreeMap;

/// What is said where nothing moves.
pub(super) const STILL: &str = "no tensor moves from checkpoint to checkpoint: state_dict() gives references to weights that training \
                                goes on to change, so that all checkpoints are the last one; keep copies (copy.deepcopy(state_dict()), or \
                                .clone() of each tensor)";

/// How the tensors of a path move.
pub(super) struct Motion<'a> {
    places: &'a [Place],
    /// Of each tensor, over all steps.
    sizes: Vec<Sizes>,
    /// Of each tensor, the step after the last in which it moves, and its sizes from there on.
    rest: Vec<(usize, Sizes)>,
    /// Tensors that are equal all along the path, though the optimizer would move them apart.
    ties: Vec<[usize; 2]>,
}

impl<'a> Motion<'a> {
    /// Reads the path once.
    pub fn read(steps: Steps<'_>, places: &'a [Place], check: &dyn Fn() -> Result<(), Error>) -> Result<Self, Error> {
        let mut sizes = vec![Sizes::default(); places.len()];
        let mut rest = vec![(0, Sizes::default()); places.len()];
        let mut ties: Option<Vec<[usize; 2]>> = None;
        let mut apart: Vec<f64> = Vec::new();
        for number in 0..steps.count() {
            check()?;
            let rows = steps.rows(number)?;
            for ((place, all), rest) in places.iter().zip(&mut sizes).zip(&mut rest) {
                let step = rows.sizes(&place.range);
                all.add(&step);
                match step.change > 0.0 {
                    true => *rest = (number + 1, Sizes::default()),
                    false => rest.1.add(&step),
                }
            }
            let equal = |[a, b]: [usize; 2]| rows.next[places[a].range.clone()] == rows.next[places[b].range.clone()];
            let alike = ties.take().unwrap_or_else(|| pairs(places));
            let (kept, moved): (Vec<_>, Vec<_>) = if number == 0 {
                alike.into_iter().filter(|pair| equal(*pair)).map(|pair| (pair, 0.0)).unzip()
            } else {
                alike.into_iter().zip(apart).filter(|(pair, _)| equal(*pair)).unzip()
            };
            let own = |at: usize| rows.entry(at)[1];
            let distance = |[a, b]: [usize; 2]| -> f64 {
                places[a].range.clone().zip(places[b].range.clone()).map(|(a, b)| (own(a) - own(b)).powi(2)).sum()
            };
            apart = kept.iter().zip(moved).map(|(pair, moved): (&[usize; 2], f64)| moved + distance(*pair)).collect();
            ties = Some(kept);
        }
        let moves = |[a, _]: [usize; 2]| sizes[a].change > 0.0;
        let ties = ties.unwrap_or_default().into_iter().zip(apart);
        let ties =
            ties.filter(|(pair, apart)| moves(*pair) && *apart > sizes[pair[0]].noise).map(|(pair, _)| pair).collect();
        Ok(Self { places, sizes, rest, ties })
    }

    /// Whether no tensor moves.
    pub fn is_still(&self) -> bool {
        self.sizes.iter().all(|sizes| sizes.change == 0.0)
    }

    /// Whether a tensor stands still, and the optimizer would move it.
    fn stands(&self, number: usize) -> bool {
        let (place, sizes) = (&self.places[number], &self.sizes[number]);
        matches!(place.role, Role::Trained(_)) && sizes.change == 0.0 && sizes.own > sizes.noise
    }

    /// The step from which on a tensor stands still that moved before, where the optimizer would move it and others go on.
    fn stops(&self, number: usize) -> Option<usize> {
        let (first, rest) = self.rest[number];
        let goes_on =
            |(place, (last, _)): (&Place, &(usize, Sizes))| matches!(place.role, Role::Trained(_)) && *last > first;
        let others = self.places.iter().zip(&self.rest).any(goes_on);
        let trained = matches!(self.places[number].role, Role::Trained(_));
        (trained && others && first > 0 && rest.own > rest.noise).then_some(first)
    }

    /// Whether a tensor moves that the optimizer leaves as it is.
    fn strays(&self, number: usize) -> bool {
        matches!(self.places[number].role, Role::Frozen | Role::Fixed)
            && self.sizes[number].rest > self.sizes[number].noise
    }

    /// Whether what is unexplained of a tensor has a cause here.
    pub fn has_cause(&self, number: usize) -> bool {
        self.stands(number) || self.stops(number).is_some() || self.ties.iter().any(|pair| pair.contains(&number))
    }

    /// The causes.
    pub fn causes(&self) -> Vec<String> {
        let of =
            |such: &dyn Fn(usize) -> bool| -> Vec<usize> { (0..self.places.len()).filter(|&one| such(one)).collect() };
        let names = |numbers: &[usize]| numbers.iter().map(|&one| self.places[one].name.as_str()).collect::<Vec<_>>();
        let mut causes = Vec::new();
        let standing = of(&|one| self.stands(one));
        if !standing.is_empty() {
            let trained = |one: usize| matches!(self.places[one].role, Role::Trained(_));
            let others = of(&|one| trained(one) && !standing.contains(&one));
            causes.push(format!(
                "{} never moved, and the optimizer would have moved them: they were frozen (requires_grad, or left out of the \
                 optimizer); set model.frozen = {}",
                list(names(&standing).into_iter()),
                patterns(&names(&standing), &names(&others))
            ));
        }
        let mut stopped: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (one, step) in (0..self.places.len()).filter_map(|one| Some((one, self.stops(one)?))) {
            stopped.entry(step).or_default().push(one);
        }
        causes.extend(stopped.into_iter().map(|(step, tensors)| {
            format!(
                "{} stand still from step {step} on, and the optimizer would have moved them: they were frozen there (requires_grad), \
                 and model.frozen is of a whole path; import what comes before that step and what comes from it on as two runs",
                list(names(&tensors).into_iter())
            )
        }));
        causes.extend(self.ties.iter().map(|&[a, b]| {
            let [a, b] = [a, b].map(|one| &self.places[one].name);
            let key = b.rsplit_once('.').map_or("weight", |(_, key)| key);
            format!(
                "{a} and {b} stay equal all along the path, and the optimizer would have moved them apart: they are one \
                 parameter; tie them, {key} = {a:?} in the layer of {b}"
            )
        }));
        let statistics = |one: usize| {
            self.places[one].name.ends_with("running_mean") || self.places[one].name.ends_with("running_var")
        };
        let running = of(&|one| self.strays(one) && statistics(one));
        if !running.is_empty() {
            causes.push(format!(
                "{} move: the batch norm was in train mode; set statistics = \"batch\" in its layer",
                list(names(&running).into_iter())
            ));
        }
        let straying = of(&|one| self.strays(one) && !statistics(one));
        if !straying.is_empty() {
            causes.push(format!(
                "{} move, and model.frozen says that training leaves them as they are; take them out of it",
                list(names(&straying).into_iter())
            ));
        }
        causes
    }
}

/// The pairs of trained tensors of one shape that are long enough to be equal by more than chance.
fn pairs(places: &[Place]) -> Vec<[usize; 2]> {
    let trained: Vec<usize> = (0..places.len())
        .filter(|&one| matches!(places[one].role, Role::Trained(_)) && places[one].range.len() > 1)
        .collect();
    let with_later = |(at, &a): (usize, &usize)| {
        let later = trained[at + 1..].iter().filter(move |&&b| places[a].shape == places[b].shape);
        later.map(move |&b| [a, b]).collect::<Vec<_>>()
    };
    trained.iter().enumerate().flat_map(with_later).collect()
}
