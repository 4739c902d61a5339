//! Steps of Adam with other numbers: its gradients are read off its steps, and steps with others are made of them.

use super::fit::{Fit, Row, leaving};
use super::{Case, Guess};
use crate::optimizer::{Adam, Optimizer};

const FIRST: [f64; 9] = [0.0, 0.5, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.999];
const SECOND: [f64; 8] = [0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999];
const EPS: [f64; 9] = [1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2];
const DECAY: [f64; 11] = [0.0, 1e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1];

/// Numbers of a sample that are looked at.
const LOOKED_AT: usize = 1 << 17;

/// Adam with the betas, the eps or the weight decay of a list.
pub(super) fn moments(case: &Case<'_>) -> Option<Guess> {
    let optimizer = &case.path.problem.spec.optimizer;
    let Optimizer::Adam(said) = optimizer.whole() else { return None };
    if said.amsgrad || optimizer.count() > 1 {
        return None;
    }
    let given = Given::read(case, said)?;
    let betas = FIRST.into_iter().flat_map(|first| SECOND.map(|second| Adam { betas: [first, second], ..*said }));
    let eps = EPS.into_iter().map(|eps| Adam { eps, ..*said });
    let decays = [false, true]
        .into_iter()
        .flat_map(|decoupled| DECAY.map(|weight_decay| Adam { weight_decay, decoupled, ..*said }));
    let fits = betas.chain(eps).chain(decays).filter(|other| other != said).map(|other| (given.fit(&other), other));
    let (fit, other) = fits.min_by(|(a, _), (b, _)| a.left.total_cmp(&b.left))?;
    if !fit.explains(given.part) {
        return None;
    }
    let Adam { betas: [first, second], eps, weight_decay, .. } = other;
    let words = if other.betas != said.betas {
        format!("betas = [{first:?}, {second:?}]")
    } else if eps != said.eps {
        format!("eps = {eps:?}")
    } else {
        let kind = if other.decoupled { "adamw" } else { "adam" };
        format!("type = {kind:?} with weight_decay = {weight_decay:?}")
    };
    let text = format!("the steps are those of {words}; set it in training.optimizer");
    Some(Guess { left: fit.left, noise: fit.noise, numbers: 2, text })
}

/// The gradients of some entries, `[entries, steps]`, without weight decay, and what was recorded.
struct Given<'a> {
    case: &'a Case<'a>,
    entries: Vec<usize>,
    gradients: Vec<Vec<f64>>,
    /// The square of what is unexplained.
    part: f64,
}

impl<'a> Given<'a> {
    fn read(case: &'a Case<'a>, said: &Adam) -> Option<Self> {
        let sample = case.sample();
        let preconditioner = sample.preconditioner.as_ref()?;
        let (steps, beta) = (sample.steps(), said.betas[0]);
        let count = (LOOKED_AT / steps.max(1)).clamp(1, sample.entries());
        let entries: Vec<usize> = (0..count).map(|number| number * sample.entries() / count).collect();
        let coupled = if said.decoupled { 0.0 } else { said.weight_decay };
        let shrink = if said.decoupled { said.weight_decay } else { 0.0 };
        let of_entry = |&entry: &usize| -> Option<Vec<f64>> {
            let (mut mean, mut gradients) = (0.0, Vec::new());
            for step in 0..steps {
                let (at, rate) = (sample.at(step, entry), sample.rate(step, entry));
                if rate == 0.0 {
                    return None;
                }
                let alpha = rate / (1.0 - beta.powi(step as i32 + 1));
                let now = -(sample.own[at] + rate * shrink * sample.weights[at]) / (alpha * preconditioner[at]);
                gradients.push((now - beta * mean) / (1.0 - beta) - coupled * sample.weights[at]);
                mean = now;
            }
            Some(gradients)
        };
        let gradients = entries.iter().map(of_entry).collect::<Option<_>>()?;
        let rest =
            |&entry: &usize| (0..steps).map(move |step| sample.rest(sample.at(step, entry)).powi(2)).sum::<f64>();
        let part = entries.iter().map(rest).sum();
        Some(Self { case, entries, gradients, part })
    }

    /// What steps with other numbers leave of the recorded ones.
    fn fit(&self, other: &Adam) -> Fit<0> {
        let sample = self.case.sample();
        let [first, second] = other.betas;
        let (coupled, shrink) = if other.decoupled { (0.0, other.weight_decay) } else { (other.weight_decay, 0.0) };
        let rows = |take: &mut dyn FnMut(Row<0>)| {
            for (&entry, gradients) in self.entries.iter().zip(&self.gradients) {
                let (mut mean, mut square) = (0.0, 0.0);
                for (step, gradient) in gradients.iter().enumerate() {
                    let (at, rate) = (sample.at(step, entry), sample.rate(step, entry));
                    let (weight, power) = (sample.weights[at], step as i32 + 1);
                    let gradient = gradient + coupled * weight;
                    mean = first * mean + (1.0 - first) * gradient;
                    square = second * square + (1.0 - second) * gradient * gradient;
                    let size = (square / (1.0 - second.powi(power))).sqrt() + other.eps;
                    let made = -rate * (shrink * weight + mean / (1.0 - first.powi(power)) / size);
                    take(([], sample.change[at] - if size > 0.0 { made } else { 0.0 }, sample.noise(at)));
                }
            }
        };
        leaving([], &rows)
    }
}
