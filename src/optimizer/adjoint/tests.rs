//! Whole trainings gone back through, against PyTorch's loops in dual numbers and against differences.
//!
//! The loss gradient of step s at weights w is `A w + u b_s`: u is the weight of an example whose gradient is b_s, and A the Hessian.

use super::super::{Adam, Group, NAdam, OptimizerState, ParameterGroups, RmsProp, Sgd};
use super::super::{Given, Made};
use super::*;
use crate::compute::cpu::CpuBackend;
use crate::compute::{BackendError, Slice};
use crate::graph::Graph;
use crate::layer::{Layer, LayerKind, Linear};
use std::collections::BTreeMap;
use std::ops::{Add, Div, Mul, Sub};

/// Learning rates of the steps.
const RATES: [f64; 6] = [0.1, 0.05, 0.2, 0.15, 0.1, 0.02];
/// Those of the second group of parameters.
const OTHER_RATES: [f64; 6] = [0.02, 0.1, 0.05, 0.1, 0.03, 0.08];
/// The weight that never has a loss gradient.
const SILENT: usize = 2;

/// A number and its derivative by another.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Dual {
    value: f64,
    slope: f64,
}

impl From<f64> for Dual {
    fn from(value: f64) -> Self {
        Self { value, slope: 0.0 }
    }
}

impl Dual {
    /// The root; that of 0 is taken as constant.
    fn sqrt(self) -> Self {
        let value = self.value.sqrt();
        Self { value, slope: if value > 0.0 { self.slope / (2.0 * value) } else { 0.0 } }
    }

    fn max(self, other: Self) -> Self {
        if other.value > self.value { other } else { self }
    }
}

impl<T: Into<Dual>> Add<T> for Dual {
    type Output = Self;
    fn add(self, other: T) -> Self {
        let other = other.into();
        Self { value: self.value + other.value, slope: self.slope + other.slope }
    }
}

impl<T: Into<Dual>> Sub<T> for Dual {
    type Output = Self;
    fn sub(self, other: T) -> Self {
        let other = other.into();
        Self { value: self.value - other.value, slope: self.slope - other.slope }
    }
}

impl<T: Into<Dual>> Mul<T> for Dual {
    type Output = Self;
    fn mul(self, other: T) -> Self {
        let other = other.into();
        Self { value: self.value * other.value, slope: self.slope * other.value + self.value * other.slope }
    }
}

impl Div for Dual {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self { value, slope: (self.slope - value * other.slope) / other.value }
    }
}

/// What PyTorch's optimizers keep of one weight, by PyTorch's names.
type State = BTreeMap<&'static str, Dual>;

fn take(state: &mut State, name: &'static str, keep: f64, part: Dual) -> Dual {
    let next = state.get(name).copied().unwrap_or(0.0.into()) * keep + part;
    state.insert(name, next);
    next
}

/// A root, and what is divided by it; nothing where both are 0.
fn divided(by: Dual, square: Dual, eps: f64) -> Dual {
    let root = square.sqrt() + eps;
    if root.value == 0.0 { 0.0.into() } else { by / root }
}

/// Step t, counted from 1, of one weight, as the documentations of torch.optim have it.
fn pytorch(optimizer: &Optimizer, (t, rate): (i32, f64), (w, g): (Dual, Dual), state: &mut State) -> Dual {
    match *optimizer {
        Optimizer::Sgd(Sgd { momentum, dampening, nesterov, weight_decay, .. }) => {
            let g = g + w * weight_decay;
            if momentum == 0.0 {
                return w - g * rate;
            }
            let b = take(state, "momentum_buffer", momentum, if t == 1 { g } else { g * (1.0 - dampening) });
            w - if nesterov { g + b * momentum } else { b } * rate
        }
        Optimizer::Adam(Adam { betas: [beta, beta2], eps, weight_decay, amsgrad, decoupled, .. }) => {
            let g = if decoupled { g } else { g + w * weight_decay };
            let w = if decoupled { w - w * (rate * weight_decay) } else { w };
            let m = take(state, "exp_avg", beta, g * (1.0 - beta));
            let mut v = take(state, "exp_avg_sq", beta2, g * g * (1.0 - beta2));
            if amsgrad {
                v = state.get("max_exp_avg_sq").copied().unwrap_or(0.0.into()).max(v);
                state.insert("max_exp_avg_sq", v);
            }
            w - divided(m * (rate / (1.0 - beta.powi(t))), v * (1.0 / (1.0 - beta2.powi(t))), eps)
        }
        Optimizer::RmsProp(RmsProp { alpha, eps, weight_decay, momentum, centered, .. }) => {
            let g = g + w * weight_decay;
            let mut v = take(state, "square_avg", alpha, g * g * (1.0 - alpha));
            if centered {
                let mean = take(state, "grad_avg", alpha, g * (1.0 - alpha));
                v = v - mean * mean;
            }
            let moved = divided(g, v, eps);
            w - if momentum > 0.0 { take(state, "momentum_buffer", momentum, moved) } else { moved } * rate
        }
        Optimizer::NAdam(own) => {
            let NAdam { betas: [beta, beta2], eps, weight_decay, momentum_decay, decoupled_weight_decay, .. } = own;
            let momentum = |t: i32| beta * (1.0 - 0.5 * 0.96f64.powf(f64::from(t) * momentum_decay));
            let product: f64 = (1..=t).map(momentum).product();
            let g = if decoupled_weight_decay { g } else { g + w * weight_decay };
            let w = if decoupled_weight_decay { w - w * (rate * weight_decay) } else { w };
            let m = take(state, "exp_avg", beta, g * (1.0 - beta));
            let v = take(state, "exp_avg_sq", beta2, g * g * (1.0 - beta2)) * (1.0 / (1.0 - beta2.powi(t)));
            let (own, next) = (momentum(t), momentum(t + 1));
            w - divided(g * (rate * (1.0 - own) / (1.0 - product)) + m * (rate * next / (1.0 - product * next)), v, eps)
        }
        Optimizer::Lion(_) | Optimizer::Flow(_) => unreachable!("no derivative"),
    }
}

fn network() -> Graph {
    let linear = || Layer::new(LayerKind::Linear(Linear { features: 2, bias: true }));
    Graph::new(&[2], &[linear(), linear()]).expect("a network")
}

/// b of a step: larger than what the other part of the gradient is at first, so that few gradients are nearly 0, where no
/// difference resolves a preconditioner.
fn data(number: usize, entry: usize) -> f64 {
    const OF_STEPS: [f64; 6] = [1.0, -0.6, 1.2, 0.8, -1.0, 0.5];
    let size = 2.1 + 0.3 * (1.7 * entry as f64 + 0.3).sin();
    if entry == SILENT { 0.0 } else { OF_STEPS[number] * if entry.is_multiple_of(3) { size } else { -size } }
}

/// The entries of `A w` or, transposed, of `Aᵀ w`: each gradient depends on two weights.
fn hessian<T: Copy + From<f64> + Add<Output = T> + Mul<f64, Output = T>>(w: &[T], transposed: bool) -> Vec<T> {
    let len = w.len();
    let entry = |row: usize, column: usize| match (row == SILENT, column == row, column == (row + 1) % len) {
        (true, ..) | (_, false, false) => 0.0,
        (_, true, _) => 0.6,
        (_, _, true) => 0.25,
    };
    let of = |a: usize, b: usize| if transposed { entry(b, a) } else { entry(a, b) };
    (0..len).map(|a| (0..len).fold(T::from(0.0), |sum, b| sum + w[b] * of(a, b))).collect()
}

fn start(entry: usize) -> f64 {
    (0.9 * entry as f64 + 0.5).cos()
}

/// The gradient of the readout.
fn readout(entry: usize) -> f64 {
    (2.3 * entry as f64 + 1.1).sin()
}

/// What is differentiated by.
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Example,
    Start(usize),
    State(&'static str, usize),
}

/// A step that was made: the weights before it and its gradient, and what is kept after it.
type Walked = ([Vec<f64>; 2], Memory<CpuBackend<f64>>);

/// A training, and which group each weight is in.
struct Case {
    groups: ParameterGroups,
    group_of: Vec<usize>,
}

impl Case {
    fn len(&self) -> usize {
        self.group_of.len()
    }

    /// The readout after the training and its derivative, by PyTorch's loops.
    fn pytorch(&self, by: By) -> Dual {
        let seeded = |value: f64, is: By| Dual { value, slope: if is == by { 1.0 } else { 0.0 } };
        let u = seeded(1.0, By::Example);
        let mut w: Vec<Dual> = (0..self.len()).map(|entry| seeded(start(entry), By::Start(entry))).collect();
        let names = self.groups.whole().state_names();
        let given = |name: &'static str, entry: usize| {
            Some((name, seeded(*self.groups.state()?.vectors.get(name)?.get(entry)?, By::State(name, entry))))
        };
        let mut states: Vec<State> =
            (0..self.len()).map(|entry| names.iter().filter_map(|name| given(name, entry)).collect()).collect();
        let before = self.groups.state().map_or(0, |state| state.steps);
        for (number, rate) in RATES.into_iter().enumerate() {
            let gradient = hessian(&w, false);
            for (entry, state) in states.iter_mut().enumerate() {
                let group = self.group_of[entry];
                let numbers = ((number + before + 1) as i32, self.groups.rate(group, number, rate));
                let g = gradient[entry] + u * data(number, entry);
                w[entry] = pytorch(self.groups.at(group, number), numbers, (w[entry], g), state);
            }
        }
        w.iter().enumerate().fold(0.0.into(), |sum, (entry, &w)| sum + w * readout(entry))
    }

    /// The engine's own steps, and the last weights.
    fn forwards(&self, weight: f64) -> (Vec<Walked>, Vec<f64>) {
        let backend = CpuBackend::<f64>::new();
        let vectors = Vectors { backend: &backend, len: self.len() };
        let mut memory = self.groups.memory(&backend, self.len()).expect("a memory");
        let mut w: Vec<f64> = (0..self.len()).map(start).collect();
        let mut made = Vec::new();
        for (number, rate) in RATES.into_iter().enumerate() {
            let gradient = hessian(&w, false).into_iter().enumerate();
            let gradient: Vec<f64> = gradient.map(|(entry, g)| g + weight * data(number, entry)).collect();
            let (weights, own) = (backend.upload(&w).expect("weights"), backend.upload(&gradient).expect("a gradient"));
            let given = Given { number, rate, weights: &weights, gradient: own };
            let Made { next, .. } = self.groups.step(&vectors, &mut memory, given).expect("a step");
            let next = backend.download(vectors.all(&next)).expect("values");
            let after = memory.map(|vector| vectors.copy(vector)).expect("copies");
            made.push(([std::mem::replace(&mut w, next), gradient], after));
        }
        (made, w)
    }

    /// The derivatives of the readout: by the example's weight, and what is left of the adjoint before the first step.
    fn backwards(&self, eps: f64) -> (f64, Adjoint<CpuBackend<f64>>) {
        let backend = CpuBackend::<f64>::new();
        let vectors = Vectors { backend: &backend, len: self.len() };
        let (made, _) = self.forwards(1.0);
        let gradient: Vec<f64> = (0..self.len()).map(readout).collect();
        let gradient = backend.upload(&gradient).expect("a gradient");
        let mut adjoint = Adjoint::new(&vectors, self.groups.whole(), gradient).expect("an adjoint");
        let mut of_example = 0.0;
        for (number, ([weights, gradient], after)) in made.iter().enumerate().rev() {
            let [weights, gradient] = [weights, gradient].map(|vector| backend.upload(vector).expect("a vector"));
            let kept = self.groups.whole().looks_back().then_some(Kept { gradient: &gradient, after });
            let step = Passed { number, rate: RATES[number], weights: &weights, kept, eps };
            let psi = self.groups.back(&vectors, &step, &mut adjoint).expect("a step back");
            let psi = backend.download(vectors.all(&psi)).expect("values");
            of_example -= psi.iter().enumerate().map(|(entry, psi)| psi * data(number, entry)).sum::<f64>();
            let turned = backend.upload(&hessian(&psi, true)).expect("a product");
            vectors.add(&mut adjoint.weights, -1.0, &turned).expect("a sum");
        }
        (of_example, adjoint)
    }
}

fn all(optimizer: Optimizer) -> Case {
    Case { groups: optimizer.into(), group_of: vec![0; network().len] }
}

/// The same with other numbers, for a step or for some parameters.
fn changed(optimizer: Optimizer, by: f64) -> Optimizer {
    let (less, more) = (1.0 - by, 1.0 + by);
    match optimizer {
        Optimizer::Sgd(own) => Optimizer::Sgd(Sgd {
            momentum: own.momentum * less,
            dampening: own.dampening * less,
            weight_decay: own.weight_decay * more,
            ..own
        }),
        Optimizer::Adam(own) => Optimizer::Adam(Adam {
            betas: own.betas.map(|beta| beta * less),
            eps: own.eps * more,
            weight_decay: own.weight_decay * more,
            ..own
        }),
        Optimizer::RmsProp(own) => Optimizer::RmsProp(RmsProp {
            alpha: own.alpha * less,
            momentum: own.momentum * less,
            weight_decay: own.weight_decay * more,
            ..own
        }),
        Optimizer::NAdam(own) => {
            let [first, second] = own.betas;
            Optimizer::NAdam(NAdam { betas: [first, second * less], weight_decay: own.weight_decay * more, ..own })
        }
        other => other,
    }
}

/// A group whose numbers change from step to step, and one with numbers and rates of its own.
fn grouped(optimizer: Optimizer) -> Case {
    let (network, of_block) = (network(), vec![0, 1]);
    let steps: Vec<Optimizer> = (0..RATES.len()).map(|step| changed(optimizer, 0.03 * step as f64)).collect();
    let first = Group { steps: steps.into(), ..Group::constant(optimizer) };
    let second = Group { rates: OTHER_RATES.into(), ..Group::constant(changed(optimizer, 0.2)) };
    let groups = ParameterGroups::new(vec![first, second], of_block, &network);
    assert_eq!(groups.check(2, RATES.len()), Ok(()), "{optimizer:?}");
    let split = network.blocks[1].offset;
    Case { groups, group_of: (0..network.len).map(|entry| usize::from(entry >= split)).collect() }
}

/// A training that goes on from a state, where there is one.
fn going_on(optimizer: Optimizer) -> Option<Case> {
    let mut case = all(optimizer);
    let value = |name: &str, entry: usize| if name.contains("sq") { 0.7 } else { 0.2 } + 0.02 * (entry % 5) as f64;
    let names = optimizer.state_names();
    let vectors =
        names.iter().map(|&name| (name.to_owned(), (0..case.len()).map(|entry| value(name, entry)).collect()));
    let vectors: BTreeMap<String, Vec<f64>> = vectors.collect();
    case.groups = case.groups.going_on(OptimizerState { steps: 3, vectors });
    (!names.is_empty()).then_some(case)
}

/// All optimizers that have a derivative, and one whose preconditioner is 0 where there is no gradient.
fn optimizers() -> impl Iterator<Item = Optimizer> {
    let bare =
        Adam { learning_rate: 0.1, betas: [0.8, 0.95], eps: 0.0, weight_decay: 0.0, amsgrad: false, decoupled: true };
    let bare = [false, true].map(|amsgrad| Optimizer::Adam(Adam { amsgrad, ..bare }));
    Optimizer::samples().into_iter().chain(bare).filter(|optimizer| optimizer.no_derivative().is_none())
}

fn cases() -> Vec<Case> {
    optimizers().flat_map(|one| [Some(all(one)), Some(grouped(one)), going_on(one)]).flatten().collect()
}

/// Asserts that numbers agree but for rounding, by the size of all of them.
fn agree(what: &str, found: &[f64], want: &[f64], of: f64) {
    assert_eq!(found.len(), want.len(), "{what}");
    let size = want.iter().fold(1.0f64, |size, want| size.max(want.abs()));
    for (entry, (found, want)) in found.iter().zip(want).enumerate() {
        assert!((found - want).abs() <= of * size, "{what}, {entry}: {found} instead of {want}");
    }
}

#[test]
fn whole_trainings_are_differentiated() {
    let read = |vector: &<CpuBackend<f64> as Backend>::Buffer, len| {
        CpuBackend::<f64>::new().download(Slice::new(vector, 0, len)).expect("values")
    };
    for case in cases() {
        let (what, len) = (format!("{:?}", case.groups), case.len());
        let (of_example, adjoint) = case.backwards(0.0);
        let dual = |by| case.pytorch(by).slope;
        agree(&what, &[of_example], &[dual(By::Example)], 1e-10);
        let want: Vec<f64> = (0..len).map(|entry| dual(By::Start(entry))).collect();
        agree(&format!("the start: {what}"), &read(&adjoint.weights, len), &want, 1e-10);
        for &(own, theirs) in case.groups.whole().theirs() {
            if let (Some(found), Some(_)) = (adjoint.memory.get(own), case.groups.state()) {
                let want: Vec<f64> = (0..len).map(|entry| dual(By::State(theirs, entry))).collect();
                agree(&format!("{own}: {what}"), &read(found, len), &want, 1e-10);
            }
        }
    }
}

/// The third witness shares the steps, and no derivative. Differences are off by the square of their step times a third derivative,
/// and by a rounding of the readout over their step.
#[test]
fn trainings_with_another_weight_end_where_the_derivative_says() {
    const H: f64 = 1e-6;
    for case in cases() {
        let at = |weight: f64| -> f64 {
            let (_, last) = case.forwards(weight);
            last.iter().enumerate().map(|(entry, w)| readout(entry) * w).sum()
        };
        let difference = (at(1.0 + H) - at(1.0 - H)) / (2.0 * H);
        agree(&format!("{:?}", case.groups), &[case.backwards(0.0).0], &[difference], 1e-5);
    }
}

/// What is added to eps in the derivative is added to eps.
#[test]
fn eps_of_the_derivative_is_added() {
    let adam =
        Adam { learning_rate: 0.1, betas: [0.8, 0.95], eps: 0.25, weight_decay: 0.2, amsgrad: false, decoupled: false };
    let nadam = NAdam { learning_rate: 0.1, eps: 0.25, ..NAdam::START };
    let rmsprop =
        RmsProp { learning_rate: 0.1, alpha: 0.9, eps: 0.25, weight_decay: 0.0, momentum: 0.8, centered: true };
    let with = |more: f64| {
        let largest = Adam { eps: adam.eps + more, amsgrad: true, ..adam };
        [
            Optimizer::Adam(Adam { eps: adam.eps + more, ..adam }),
            Optimizer::Adam(largest),
            Optimizer::NAdam(NAdam { eps: nadam.eps + more, ..nadam }),
            Optimizer::RmsProp(RmsProp { eps: rmsprop.eps + more, ..rmsprop }),
        ]
    };
    let backend = CpuBackend::<f64>::new();
    let vectors = Vectors { backend: &backend, len: network().len };
    for (optimizer, larger) in with(0.0).into_iter().zip(with(0.5)) {
        let (made, _) = all(optimizer).forwards(1.0);
        let ([weights, gradient], after) = &made[1];
        let [weights, gradient] = [weights, gradient].map(|vector| backend.upload(vector).expect("a vector"));
        let back = |optimizer: Optimizer, eps: f64| {
            let (kept, by) = (Some(Kept { gradient: &gradient, after }), vectors.copy(&gradient).expect("a copy"));
            let mut adjoint = Adjoint::new(&vectors, &optimizer, by).expect("an adjoint");
            let step = Passed { number: 1, rate: 0.1, weights: &weights, kept, eps };
            let psi = optimizer.back(&vectors, &step, &mut adjoint).expect("a step back");
            [psi, adjoint.weights].map(|vector| backend.download(vectors.all(&vector)).expect("values"))
        };
        assert_eq!(back(optimizer, 0.5), back(larger, 0.0));
        assert_ne!(back(optimizer, 0.5), back(optimizer, 0.0));
    }
}

/// What cannot be gone back through is an error: no derivative, a step that was not kept, and another optimizer's vectors.
#[test]
fn what_is_missing_is_an_error() {
    let backend = CpuBackend::<f64>::new();
    let vectors = Vectors { backend: &backend, len: 1 };
    let vector = || backend.zeros(1).expect("a vector");
    let (weights, gradient) = (vector(), vector());
    let none = Optimizer::Sgd(Sgd::plain(0.1));
    let after = Memory::new(&backend, &none, 1).expect("a memory");
    for optimizer in Optimizer::samples() {
        let back = |of: &Optimizer, kept| {
            let mut adjoint = Adjoint::new(&vectors, of, vector()).expect("an adjoint");
            let step = Passed { number: 0, rate: 0.1, weights: &weights, kept, eps: 0.0 };
            optimizer.back(&vectors, &step, &mut adjoint).map(|_| ())
        };
        let others = back(&none, Some(Kept { gradient: &gradient, after: &after }));
        let (derivative, keeps) = (optimizer.no_derivative().is_none(), !optimizer.keeps().is_empty());
        assert_eq!(matches!(others, Err(BackendError::Invalid(_))), !derivative || keeps, "{optimizer:?}");
        let refused = back(&optimizer, None).is_err();
        assert_eq!(refused, !derivative || optimizer.looks_back(), "{optimizer:?}");
    }
    let refused: std::collections::BTreeSet<&str> =
        Optimizer::samples().iter().filter(|one| one.no_derivative().is_some()).map(Optimizer::name).collect();
    assert_eq!(refused, ["flow", "lion"].into());
}
