//! Groups of parameters with numbers of their own, and numbers that change from step to step.

use super::{
    Adjoint, Decay, FORM, Given, Kept, Made, Meets, Memory, Optimizer, OptimizerState, Passed, Past, Recursion, Vectors,
};
use crate::compute::{Backend, Result, Slice, SliceMut};
use crate::graph::Graph;
use crate::key::{self, Form, Value, Wrong};
use std::sync::Arc;

/// The numbers of an optimizer for some parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The numbers, where they do not change.
    pub optimizer: Optimizer,
    /// The numbers of each step, where they do; else empty. Its learning rates are not looked at.
    pub steps: Arc<[Optimizer]>,
    /// ε of each step; where it is empty, always the optimizer's. The first group's rates are those of the steps themselves.
    pub rates: Arc<[f64]>,
}

impl Group {
    /// Numbers that do not change.
    pub fn constant(optimizer: Optimizer) -> Self {
        Self { optimizer, steps: [].into(), rates: [].into() }
    }

    /// The numbers of a step; of the last one, after it.
    fn at(&self, number: usize) -> &Optimizer {
        self.steps.get(number).or(self.steps.last()).unwrap_or(&self.optimizer)
    }

    /// The numbers of each step, or where they do not change those of all.
    fn numbered(&self) -> impl Iterator<Item = (Option<usize>, &Optimizer)> {
        let constant = self.steps.is_empty().then_some((None, &self.optimizer));
        constant.into_iter().chain(self.steps.iter().enumerate().map(|(step, one)| (Some(step), one)))
    }

    /// All numbers that it ever has.
    fn all(&self) -> impl Iterator<Item = &Optimizer> {
        std::iter::once(&self.optimizer).chain(self.steps.iter())
    }
}

/// A stretch of the flat vector, and the group that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    group: usize,
    from: usize,
    len: usize,
}

/// The optimizer of a path: its numbers in each group of parameters and each step.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterGroups {
    groups: Vec<Group>,
    /// The group of each block; where there is one, empty.
    of_block: Vec<usize>,
    /// Where each group lies in the flat vector, in order and without gaps; where there is one, empty.
    stretches: Vec<Stretch>,
    whole: Optimizer,
    /// What there was before the first step, where a state is given.
    pub(super) state: Option<Arc<OptimizerState>>,
}

impl From<Optimizer> for ParameterGroups {
    fn from(optimizer: Optimizer) -> Self {
        Self::one(Group::constant(optimizer))
    }
}

impl ParameterGroups {
    /// The same numbers for all parameters.
    pub fn one(group: Group) -> Self {
        Self::of(vec![group], Vec::new(), Vec::new())
    }

    /// Groups, and the one that each block of a network belongs to.
    pub fn new(groups: Vec<Group>, of_block: Vec<usize>, network: &Graph) -> Self {
        let starts = network.blocks.iter().skip(1).map(|block| block.offset);
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut from = 0;
        for (&group, to) in of_block.iter().zip(starts.chain([network.trained_len])) {
            match stretches.last_mut().filter(|last| last.group == group) {
                Some(last) => last.len += to - from,
                None => stretches.push(Stretch { group, from, len: to - from }),
            }
            from = to;
        }
        Self::of(groups, of_block, stretches)
    }

    fn of(groups: Vec<Group>, of_block: Vec<usize>, stretches: Vec<Stretch>) -> Self {
        let first = groups.first().map_or(super::START, |group| group.optimizer);
        let whole = covering(first, groups.iter().flat_map(Group::all));
        Self { groups, of_block, stretches, whole, state: None }
    }

    /// The optimizer with the largest of each of its numbers: what is kept and recorded of a step, and how it is carried, follow
    /// from it.
    pub fn whole(&self) -> &Optimizer {
        &self.whole
    }

    /// ε of the first group, before any schedule.
    pub fn learning_rate(&self) -> f64 {
        self.groups.first().map_or(0.0, |group| group.optimizer.learning_rate())
    }

    /// How many groups there are.
    pub fn count(&self) -> usize {
        self.groups.len()
    }

    /// The group of a block.
    pub fn group_of(&self, block: usize) -> usize {
        self.of_block.get(block).copied().unwrap_or(0)
    }

    /// ε of a group in a step, whose own rate is that of the first group.
    pub(crate) fn rate(&self, group: usize, number: usize, rate: f64) -> f64 {
        let Some(own) = self.groups.get(group).filter(|_| group > 0) else { return rate };
        own.rates.get(number).copied().unwrap_or_else(|| own.optimizer.learning_rate())
    }

    pub(super) fn at(&self, group: usize, number: usize) -> &Optimizer {
        self.groups.get(group).map_or(&self.whole, |group| group.at(number))
    }

    /// Weight decay's part of a step in a block. Where any group or step remembers it all do: what is remembered of earlier steps
    /// acts in steps that decay nothing.
    pub(crate) fn decay(&self, block: usize, number: usize, rate: f64) -> Decay {
        let group = self.group_of(block);
        match self.whole.decay(rate) {
            Decay::Remembered => Decay::Remembered,
            Decay::Absent | Decay::OfWeights(_) => self.at(group, number).decay(self.rate(group, number, rate)),
        }
    }

    /// Whether a step's φ acts on the gradients of steps before it, in any group.
    pub(crate) fn carries(&self) -> bool {
        let Recursion { keep, meets, .. } = self.whole.recursion(&self.whole, 1, 1.0, 1.0);
        keep != 0.0 || matches!(meets, Meets::Behind { .. })
    }

    /// Whether PyTorch would take the first gradient of a momentum whole, and later ones not, in any group or step.
    pub(crate) fn dampens(&self) -> bool {
        self.groups.iter().flat_map(Group::all).any(Optimizer::dampens)
    }

    /// Each group's recursion of a step.
    pub(crate) fn recursions(&self, number: usize, rate: f64, clip: f64) -> Vec<Recursion> {
        let of = |group| {
            let (own, next) = (self.at(group, number), self.at(group, number + 1));
            own.recursion(next, self.counted(number), self.rate(group, number, rate), clip)
        };
        (0..self.count()).map(of).collect()
    }

    /// Makes a step, each group by itself.
    ///
    /// # Errors
    ///
    /// A device error, or the memory of another optimizer.
    pub(crate) fn step<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        memory: &mut Memory<B>,
        given: Given<'_, B>,
    ) -> Result<Made<B>> {
        if self.count() <= 1 {
            return self.at(0, given.number).step(vectors, memory, self.counting(given));
        }
        let Given { number, rate, weights, gradient } = given;
        let mut whole = Made { next: vectors.copy(weights)?, preconditioner: None, decay: None };
        for group in 0..self.count() {
            let part = Part::new(vectors, &self.stretches, group);
            let mut own = memory.map(|vector| part.take(vector))?;
            let given = Given {
                number,
                rate: self.rate(group, number, rate),
                weights: &part.take(weights)?,
                gradient: part.take(&gradient)?,
            };
            let own_vectors = Vectors { backend: vectors.backend, len: part.len };
            let made = self.at(group, number).step(&own_vectors, &mut own, self.counting(given))?;
            part.put(&made.next, &mut whole.next)?;
            part.put_in(made.preconditioner.as_ref(), &mut whole.preconditioner)?;
            part.put_in(made.decay.as_ref(), &mut whole.decay)?;
            memory.vectors_mut().zip(own.vectors()).try_for_each(|(all, own)| part.put(own, all))?;
        }
        Ok(whole)
    }

    /// Goes back through a step, each group by itself. Returns ψ, minus the derivative by the loss gradient, as clipped.
    ///
    /// # Errors
    ///
    /// A device error, a step without what it was made of, or no derivative.
    pub(crate) fn back<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        step: &Passed<'_, B>,
        adjoint: &mut Adjoint<B>,
    ) -> Result<B::Buffer> {
        let &Passed { number, weights, eps, .. } = step;
        if self.count() <= 1 {
            let kept = step.kept.as_ref().map(|&Kept { gradient, after }| Kept { gradient, after });
            let counted = Passed { number: self.counted(number), kept, ..*step };
            return self.at(0, number).back(vectors, &counted, adjoint);
        }
        let mut whole = vectors.backend.scratch(vectors.len)?;
        for group in 0..self.count() {
            let part = Part::new(vectors, &self.stretches, group);
            let own_vectors = Vectors { backend: vectors.backend, len: part.len };
            let (rate, weights) = (self.rate(group, number, step.rate), part.take(weights)?);
            let take =
                |kept: &Kept<'_, B>| Ok((part.take(kept.gradient)?, kept.after.map(|vector| part.take(vector))?));
            let kept = step.kept.as_ref().map(take).transpose()?;
            let kept = kept.as_ref().map(|(gradient, after)| Kept { gradient, after });
            let own_step = Passed { number: self.counted(number), rate, weights: &weights, kept, eps };
            let memory = adjoint.memory.map(|vector| part.take(vector))?;
            let mut own = Adjoint { weights: part.take(&adjoint.weights)?, memory };
            let psi = self.at(group, number).back(&own_vectors, &own_step, &mut own)?;
            part.put(&psi, &mut whole)?;
            part.put(&own.weights, &mut adjoint.weights)?;
            adjoint.memory.vectors_mut().zip(own.memory.vectors()).try_for_each(|(all, own)| part.put(own, all))?;
        }
        Ok(whole)
    }

    /// Checks the numbers, and that the groups fit a network of so many blocks and so many steps.
    ///
    /// # Errors
    ///
    /// Numbers out of their range; groups and steps between which more differs than numbers.
    pub fn check(&self, blocks: usize, steps: usize) -> key::Result<()> {
        let wrong = |problem: String| Err(Wrong::new("training.optimizer", problem));
        if self.count() > 1 && self.of_block.len() != blocks || self.of_block.iter().any(|&group| group >= self.count())
        {
            return wrong(format!(
                "names groups for {} blocks of parameters, and there are {blocks}",
                self.of_block.len()
            ));
        }
        for group in &self.groups {
            let lists = [group.steps.len(), group.rates.len()];
            if let Some(have) = lists.into_iter().find(|&have| have != 0 && have != steps) {
                return wrong(format!("has numbers for {have} steps, and there are {steps}"));
            }
            group.all().try_for_each(Optimizer::check)?;
            if self.whole.is_solved() && (self.count() > 1 || !group.steps.is_empty()) {
                return wrong("is gradient flow, which has the same numbers for all parameters, and always".into());
            }
            if group.steps.windows(2).any(|pair| !pair[0].goes_before(&pair[1])) {
                let problem =
                    "has a momentum that depends on all steps before, as a product: it cannot change from step to step";
                return wrong(problem.into());
            }
        }
        let numbered =
            self.groups.iter().enumerate().flat_map(|(group, own)| own.numbered().map(move |one| (group, one)));
        let mut unlike = numbered.filter(|(_, (_, one))| !one.is_like(&self.whole));
        match unlike.next() {
            None => Ok(()),
            Some((group, (step, one))) => {
                let of =
                    if group == 0 { String::new() } else { format!(" for the parameters of groups[{}]", group - 1) };
                let at = step.map_or(String::new(), |step| format!(" in step {step}"));
                wrong(format!(
                    "is {}{of}{at}, and elsewhere {}; only numbers may differ, and a momentum is 0 everywhere or nowhere",
                    one.words_without_rate(),
                    self.whole.words_without_rate()
                ))
            }
        }
    }
}

impl Optimizer {
    /// Whether it differs in nothing but numbers from one whose numbers are at least as large, and has as much of a past.
    fn is_like(&self, larger: &Self) -> bool {
        let past = |one: &Self| match one.past() {
            Past::Momentum(_) => Past::Momentum(0.0),
            past => past,
        };
        past(self) == past(larger) && covering(*self, std::iter::once(larger)) == *larger
    }
}

/// An optimizer with the largest of each number of some that are of its kind.
fn covering<'a>(first: Optimizer, all: impl Iterator<Item = &'a Optimizer>) -> Optimizer {
    let mut largest = first;
    let mut known = None;
    for one in all.filter(|one| one.name() == first.name()) {
        if known.replace(*one) != Some(*one) {
            let (Some(mut a), Some(b)) = (FORM.write(&largest), FORM.write(one)) else { continue };
            raise(&mut a, &b);
            let mut both = largest;
            if FORM.read("", &a, &mut both).is_ok() {
                largest = both;
            }
        }
    }
    largest
}

/// Makes each number the larger of two.
fn raise(value: &mut Value, other: &Value) {
    match (value, other) {
        (Value::Number(a), Value::Number(b)) => *a = a.max(*b),
        (Value::List(a), Value::List(b)) => a.iter_mut().zip(b).for_each(|(a, b)| raise(a, b)),
        (Value::Table(a), Value::Table(b)) => {
            a.0.iter_mut().zip(&b.0).for_each(|((_, a), (_, b))| raise(a, b));
        }
        _ => {}
    }
}

/// The part of flat vectors that is a group's: its stretches side by side.
struct Part<'a, B: Backend> {
    backend: &'a B,
    /// All elements of a flat vector.
    all: usize,
    /// Places in the flat vector, and lengths.
    stretches: Vec<(usize, usize)>,
    len: usize,
}

impl<'a, B: Backend> Part<'a, B> {
    fn new(vectors: &Vectors<'a, B>, stretches: &[Stretch], group: usize) -> Self {
        let own = stretches.iter().filter(|stretch| stretch.group == group && stretch.from < vectors.len);
        let own: Vec<_> = own.map(|stretch| (stretch.from, stretch.len.min(vectors.len - stretch.from))).collect();
        let len = own.iter().map(|(_, len)| len).sum();
        Self { backend: vectors.backend, all: vectors.len, stretches: own, len }
    }

    /// The part of a vector.
    fn take(&self, vector: &B::Buffer) -> Result<B::Buffer> {
        let mut part = self.backend.scratch(self.len)?;
        let mut place = 0;
        for &(from, len) in &self.stretches {
            self.backend.copy(SliceMut::new(&mut part, place, len), Slice::new(vector, from, len))?;
            place += len;
        }
        Ok(part)
    }

    /// Puts a part into a vector.
    fn put(&self, part: &B::Buffer, vector: &mut B::Buffer) -> Result<()> {
        let mut place = 0;
        for &(from, len) in &self.stretches {
            self.backend.copy(SliceMut::new(&mut *vector, from, len), Slice::new(part, place, len))?;
            place += len;
        }
        Ok(())
    }

    /// The same, into a vector that begins with zeros, where there is a part.
    fn put_in(&self, part: Option<&B::Buffer>, vector: &mut Option<B::Buffer>) -> Result<()> {
        let Some(part) = part else { return Ok(()) };
        let vector = match vector {
            Some(vector) => vector,
            none => none.insert(self.backend.zeros(self.all)?),
        };
        self.put(part, vector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::cpu::CpuBackend;
    use crate::layer::{Layer, LayerKind, Linear};
    use crate::optimizer::{Adam, Flow, NAdam, Sgd};

    fn network() -> Graph {
        let linear = || Layer::new(LayerKind::Linear(Linear { features: 2, bias: true }));
        Graph::new(&[2], &[linear(), linear()]).expect("a network")
    }

    fn adam(weight_decay: f64) -> Optimizer {
        let betas = [0.9, 0.99];
        let adam = Adam { learning_rate: 0.1, betas, eps: 1e-3, weight_decay, amsgrad: false, decoupled: false };
        Optimizer::Adam(adam)
    }

    fn groups(groups: Vec<Group>) -> ParameterGroups {
        ParameterGroups::new(groups, vec![1, 0], &network())
    }

    /// The next weights, and decay's part of the step.
    fn stepped(optimizer: &ParameterGroups, len: usize) -> [Vec<f64>; 2] {
        let backend = CpuBackend::<f64>::new();
        let vectors = Vectors { backend: &backend, len };
        let mut memory = Memory::new(&backend, optimizer.whole(), len).expect("a memory");
        let upload = |from: f64| backend.upload(&(0..len).map(|at| (at as f64 + from).sin()).collect::<Vec<_>>());
        let (weights, gradient) = (upload(1.0).expect("weights"), upload(2.0).expect("a gradient"));
        let given = Given { number: 1, rate: 0.1, weights: &weights, gradient };
        let Made { next, decay, .. } = optimizer.step(&vectors, &mut memory, given).expect("a step");
        let read = |vector: &_| backend.download(vectors.all(vector)).expect("values");
        [read(&next), decay.as_ref().map(read).expect("a decay")]
    }

    #[test]
    fn each_group_makes_its_own_step() {
        let (network, one, other) = (network(), adam(0.2), adam(0.0));
        let slow = Group { rates: [0.1, 0.01].into(), ..Group::constant(other) };
        let [next, decay] = stepped(&groups(vec![Group::constant(one), slow]), network.len);
        let alone = |optimizer: Optimizer| stepped(&optimizer.into(), network.len);
        let ([all, all_decay], second) = (alone(one), network.blocks[1].offset);
        assert_eq!((&next[second..], &decay[second..]), (&all[second..], &all_decay[second..]));
        assert_ne!(next[..second], all[..second]);
        assert!(decay[..second].iter().all(|&part| part == 0.0));
    }

    #[test]
    fn recursions_have_the_numbers_of_their_group_and_step() {
        let adam = |first| match adam(0.0) {
            Optimizer::Adam(adam) => Optimizer::Adam(Adam { betas: [first, 0.99], ..adam }),
            other => other,
        };
        let changing = Group { steps: [adam(0.5), adam(0.75)].into(), ..Group::constant(adam(0.5)) };
        let all = groups(vec![Group::constant(adam(0.9)), changing]);
        let keep: Vec<f64> = all.recursions(0, 0.1, 1.0).iter().map(|recursion| recursion.keep).collect();
        assert_eq!(keep, [0.9, 0.75 * (0.5 / 0.25)]);
        assert_eq!((all.rate(0, 1, 0.3), all.rate(1, 1, 0.3)), (0.3, 0.1));
    }

    #[test]
    fn only_numbers_may_differ() {
        let problem = |all: ParameterGroups| all.check(2, 2).expect_err("a problem").to_string();
        let sgd = |momentum, nesterov| Optimizer::Sgd(Sgd { momentum, nesterov, ..Sgd::plain(0.1) });
        let two = |a, b| groups(vec![Group::constant(a), Group::constant(b)]);
        assert_eq!(two(sgd(0.9, false), sgd(0.5, false)).check(2, 2), Ok(()));
        for other in [sgd(0.0, false), sgd(0.9, true), adam(0.0)] {
            let problem = problem(two(sgd(0.9, false), other));
            assert!(problem.contains("only numbers may differ"), "{problem}");
        }
        let nadam = |first| Optimizer::NAdam(NAdam { betas: [first, 0.99], ..NAdam::START });
        let steps = [nadam(0.9), nadam(0.8)].map(|one| match one {
            Optimizer::NAdam(own) => Optimizer::NAdam(NAdam { learning_rate: 0.1, ..own }),
            other => other,
        });
        let changing = Group { steps: steps.into(), ..Group::constant(steps[0]) };
        assert!(problem(ParameterGroups::one(changing.clone())).contains("cannot change"));
        assert!(ParameterGroups::one(changing).check(2, 3).is_err());
        let flow = Optimizer::Flow(Flow { time: 1.0, tolerance: 1e-8 });
        assert!(problem(two(flow, flow)).contains("gradient flow"));
    }
}
