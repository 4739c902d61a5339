//! What every optimizer has to pass, and what the tests of single ones share.

use super::*;
use crate::compute::cpu::CpuBackend;
use std::collections::BTreeSet;

/// Learning rates of three steps.
pub(super) const RATES: [f64; 3] = [0.1, 0.05, 0.2];
/// Loss gradients of three steps, for two weights, as clipped.
pub(super) const GRADIENTS: [[f64; 2]; 3] = [[0.5, -1.5], [-0.25, 0.75], [2.0, 0.125]];
/// The first weights.
pub(super) const START: [f64; 2] = [1.0, -0.5];
/// φ of three steps.
pub(super) const PHI: [f64; 3] = [0.3, -1.1, 0.8];

/// A step, on the host.
pub(super) struct OnHost {
    pub weights: Vec<f64>,
    pub next: Vec<f64>,
    pub preconditioner: Option<Vec<f64>>,
    pub decay: Option<Vec<f64>>,
}

/// The three steps from [`START`].
pub(super) fn walk(optimizer: &Optimizer) -> Vec<OnHost> {
    walk_from(&(*optimizer).into())
}

/// The same, of an optimizer that may go on from a state.
fn walk_from(optimizer: &ParameterGroups) -> Vec<OnHost> {
    let backend = CpuBackend::<f64>::new();
    let vectors = Vectors { backend: &backend, len: START.len() };
    let mut memory = optimizer.memory(&backend, START.len()).expect("a memory");
    let read = |vector: &_| backend.download(vectors.all(vector)).expect("values");
    let mut weights = backend.upload(&START).expect("weights");
    let mut step = |number: usize| {
        let gradient = backend.upload(&GRADIENTS[number]).expect("a gradient");
        let given = Given { number, rate: RATES[number], weights: &weights, gradient };
        let Made { next, preconditioner, decay } = optimizer.step(&vectors, &mut memory, given).expect("a step");
        let weights = read(&std::mem::replace(&mut weights, next));
        (weights, preconditioner.as_ref().map(read), decay.as_ref().map(read))
    };
    let steps: Vec<_> = (0..RATES.len()).map(&mut step).collect();
    let last = read(&weights);
    let nexts = steps[1..].iter().map(|(weights, ..)| weights.clone()).chain([last]).collect::<Vec<_>>();
    let on_host = |((weights, preconditioner, decay), next)| OnHost { weights, next, preconditioner, decay };
    steps.into_iter().zip(nexts).map(on_host).collect()
}

/// Asserts that numbers agree to a few roundings.
pub(super) fn close(found: &[f64], want: &[f64]) {
    assert_eq!(found.len(), want.len());
    for (found, want) in found.iter().zip(want) {
        assert!((found - want).abs() <= 1e-14 * (1.0 + want.abs()), "{found} instead of {want}");
    }
}

fn stepped() -> impl Iterator<Item = Optimizer> {
    Optimizer::samples().into_iter().filter(|optimizer| !optimizer.is_solved())
}

#[test]
fn names_are_unique_and_every_sample_has_one() {
    let names: Vec<&str> = Optimizer::names().map(|(name, _)| name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    let found: BTreeSet<&str> = Optimizer::samples().iter().map(Optimizer::name).collect();
    assert_eq!(found, names.into_iter().collect());
}

#[test]
fn the_run_files_docs_name_every_optimizer() {
    let docs = include_str!("../../docs/run-file.md");
    for (name, _) in Optimizer::names() {
        assert!(docs.contains(&format!("`{name}`")), "{name}");
    }
}

/// The certificate of docs/theory.md: `Σ φ · Δw` is made up by the gradients, each times what the recursion gives it, and by
/// the decay's own part of each step.
#[test]
fn gradients_and_decay_make_up_every_step() {
    let clip = 0.8;
    for optimizer in stepped() {
        let steps = walk(&optimizer);
        for entry in 0..START.len() {
            let decay = |(number, step): (usize, &OnHost)| match optimizer.decay(RATES[number]) {
                Decay::Absent => 0.0,
                Decay::OfWeights(scale) => scale * step.weights[entry],
                Decay::Remembered => step.decay.as_ref().expect("a decay")[entry],
            };
            let recursion = |(number, step): (usize, &OnHost)| {
                let held = step.preconditioner.as_ref().map_or(1.0, |preconditioner| preconditioner[entry]);
                (optimizer.recursion(&optimizer, number, RATES[number], clip), held, PHI[number])
            };
            let recursions: Vec<_> = steps.iter().enumerate().map(recursion).collect();
            // The recursion multiplies gradients before they are clipped.
            let unclipped = GRADIENTS.iter().map(|gradient| gradient[entry] / clip);
            let gradients: f64 = Recursion::multipliers(&recursions).iter().zip(unclipped).map(|(a, b)| a * b).sum();
            let decay: f64 = steps.iter().enumerate().map(decay).zip(PHI).map(|(part, phi)| phi * part).sum();
            let change = steps.iter().zip(PHI).map(|(step, phi)| phi * (step.next[entry] - step.weights[entry]));
            close(&[gradients + decay], &[change.sum::<f64>()]);
        }
    }
}

/// The same where the optimizer goes on from a state: what the momentum that it had makes of each step is its own part.
#[test]
fn a_given_momentum_makes_up_the_rest() {
    const BEFORE: usize = 3;
    let clip = 0.8;
    for optimizer in stepped().filter(Optimizer::has_memory) {
        let vectors = optimizer.state_names().into_iter().map(|name| (name.to_owned(), vec![0.7, 0.3])).collect();
        let groups = ParameterGroups::from(optimizer).going_on(OptimizerState { steps: BEFORE, vectors });
        groups.check_state(START.len()).expect("a state of the optimizer");
        let steps = walk_from(&groups);
        let earlier: Vec<f64> = (0..RATES.len()).map(|number| groups.earlier(number, RATES[number])[0]).collect();
        let (momentum, preconditioned) =
            groups.momentum().map_or(([0.0; 2], false), |(own, by)| ([own[0], own[1]], by));
        for entry in 0..START.len() {
            let held = |step: &OnHost| step.preconditioner.as_ref().map_or(1.0, |preconditioner| preconditioner[entry]);
            let recursion = |(number, step): (usize, &OnHost)| {
                (groups.recursions(number, RATES[number], clip)[0], held(step), PHI[number])
            };
            let recursions: Vec<_> = steps.iter().enumerate().map(recursion).collect();
            let unclipped = GRADIENTS.iter().map(|gradient| gradient[entry] / clip);
            let gradients: f64 = Recursion::multipliers(&recursions).iter().zip(unclipped).map(|(a, b)| a * b).sum();
            let others = |(number, step): (usize, &OnHost)| {
                let decay = match groups.decay(0, number, RATES[number]) {
                    Decay::Absent => 0.0,
                    Decay::OfWeights(scale) => scale * step.weights[entry],
                    Decay::Remembered => step.decay.as_ref().expect("a decay")[entry],
                };
                let held = if preconditioned { held(step) } else { 1.0 };
                PHI[number] * (decay + earlier[number] * held * momentum[entry])
            };
            let others: f64 = steps.iter().enumerate().map(others).sum();
            let change = steps.iter().zip(PHI).map(|(step, phi)| phi * (step.next[entry] - step.weights[entry]));
            close(&[gradients + others], &[change.sum::<f64>()]);
        }
    }
}

/// A state without one of the vectors, with another's, or of another length is refused.
#[test]
fn a_state_has_to_be_the_optimizers() {
    let momentum = ParameterGroups::from(Optimizer::Sgd(Sgd { momentum: 0.9, ..Sgd::plain(0.1) }));
    let problem = |vectors: &[(&str, usize)]| {
        let vectors = vectors.iter().map(|&(name, len)| (name.to_owned(), vec![1.0; len])).collect();
        let state = momentum.clone().going_on(OptimizerState { steps: 1, vectors }).check_state(2);
        state.map_err(|wrong| wrong.to_string())
    };
    assert_eq!(problem(&[("momentum_buffer", 2)]), Ok(()));
    assert!(problem(&[]).unwrap_err().contains("holds no momentum_buffer"));
    assert!(problem(&[("momentum_buffer", 3)]).unwrap_err().contains("has 3 elements"));
    assert!(problem(&[("exp_avg", 2)]).unwrap_err().contains("holds exp_avg, and sgd keeps momentum_buffer"));
    let plain = ParameterGroups::from(Optimizer::Sgd(Sgd::plain(0.1))).going_on(OptimizerState::default());
    assert!(plain.check_state(2).unwrap_err().to_string().contains("keeps nothing from step to step"));
}

/// What is recorded of a step is what the optimizer says of it.
#[test]
fn steps_give_what_is_declared() {
    for optimizer in stepped() {
        for step in walk(&optimizer) {
            let preconditioned = matches!(optimizer.past(), Past::Preconditioned { .. });
            assert_eq!(step.preconditioner.is_some(), preconditioned, "{optimizer:?}");
            assert_eq!(step.decay.is_some(), optimizer.decay(1.0) == Decay::Remembered, "{optimizer:?}");
        }
        assert!(optimizer.has_memory() || optimizer.keeps().is_empty(), "{optimizer:?}");
        let carried = optimizer.recursion(&optimizer, 1, 0.1, 1.0).keep != 0.0;
        assert!(optimizer.has_memory() || !carried, "{optimizer:?}");
    }
}

/// A step that is given the vectors of another optimizer, or asked of one that makes none, is an error.
#[test]
fn a_step_without_its_memory_is_an_error() {
    let backend = CpuBackend::<f64>::new();
    let vectors = Vectors { backend: &backend, len: 1 };
    let flow = Flow { time: 1.0, tolerance: 1e-8 };
    let weights = backend.zeros(1).expect("weights");
    for optimizer in Optimizer::samples().into_iter().filter(|one| one.has_memory() || one.is_solved()) {
        let mut none = Memory::new(&backend, &Optimizer::Flow(flow), 1).expect("a memory");
        let given = Given { number: 0, rate: 0.1, weights: &weights, gradient: backend.zeros(1).expect("a gradient") };
        assert!(matches!(optimizer.step(&vectors, &mut none, given), Err(crate::compute::BackendError::Invalid(_))));
    }
}

/// The first number that single precision does not hold is named, whatever the optimizer.
#[test]
fn numbers_beyond_single_precision_are_found() {
    assert!(Optimizer::samples().iter().all(|optimizer| optimizer.first_not_single().is_none()));
    let sgd = Sgd { weight_decay: 1e-60, ..Sgd::plain(0.1) };
    assert_eq!(Optimizer::Sgd(sgd).first_not_single(), Some(("weight_decay", 1e-60)));
    let flow = Flow { time: 1e60, tolerance: 1e-60 };
    assert_eq!(Optimizer::Flow(flow).first_not_single(), Some(("time", 1e60)));
    let adam = Adam {
        learning_rate: 0.1,
        betas: [0.9, 1e-50],
        eps: 1e-8,
        weight_decay: 0.0,
        amsgrad: false,
        decoupled: false,
    };
    assert_eq!(Optimizer::Adam(adam).first_not_single(), Some(("betas", 1e-50)));
}

/// Numbers that no run file could give are refused, with the same words.
#[test]
fn numbers_are_checked_as_those_of_a_run_file() {
    assert!(Optimizer::samples().iter().all(|optimizer| optimizer.check().is_ok()));
    let wrong = |sgd| Optimizer::Sgd(sgd).check().unwrap_err().to_string();
    let negative = Sgd { momentum: -0.9, ..Sgd::plain(0.1) };
    assert_eq!(wrong(negative), "training.optimizer.momentum: is -0.9; it must not be negative");
    assert!(
        wrong(Sgd { nesterov: true, ..Sgd::plain(0.1) }).starts_with("training.optimizer.nesterov: needs a momentum")
    );
}

/// Numbers that stand for others are not said, and what differs is said with its place.
#[test]
fn what_differs_is_said_with_its_step() {
    let momentum = |momentum| Optimizer::Sgd(Sgd { momentum, ..Sgd::plain(1.0) });
    let group = Group { optimizer: momentum(0.9), steps: [momentum(0.9), momentum(0.0)].into(), rates: [].into() };
    let problem = ParameterGroups::one(group).check(1, 2).expect_err("a momentum that comes and goes").to_string();
    assert!(problem.contains("is SGD in step 1, and elsewhere SGD with momentum 0.9; only numbers"), "{problem}");
    let words = momentum(0.5).words_where(&["momentum", "learning_rate", "weight_decay"]);
    let each = "of each step's own";
    assert_eq!(words, format!("SGD with momentum {each}, learning rate {each}, weight decay {each}"));
}
