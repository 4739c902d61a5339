//! Optimizers, with PyTorch's updates.

pub(crate) mod keys;

/// An optimizer, with PyTorch's update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam, AdamW.
    Adam(Adam),
    /// Gradient flow.
    Flow(Flow),
}

/// Stochastic gradient descent: `b ← μ b + (1 - d) (g + λ w)` (at first `g + λ w`), `w ← w - ε b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// ε.
    pub learning_rate: f64,
    /// μ.
    pub momentum: f64,
    /// d.
    pub dampening: f64,
    /// Whether the step is `g + λ w + μ b` instead of b.
    pub nesterov: bool,
    /// λ.
    pub weight_decay: f64,
}

/// Adam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// ε.
    pub learning_rate: f64,
    /// β1, β2.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// λ.
    pub weight_decay: f64,
    /// Whether the decay acts on the weights (AdamW) and not through the gradient (Adam).
    pub decoupled: bool,
}

/// Gradient flow `dw/dt = -∇L`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// How long.
    pub time: f64,
    /// Of the solver, absolute and relative.
    pub tolerance: f64,
}
impl Optimizer {
    /// ε before any schedule; 1 for gradient flow.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Optimizer::Sgd(sgd) => sgd.learning_rate,
            Optimizer::Adam(adam) => adam.learning_rate,
            Optimizer::Flow(_) => 1.0,
        }
    }

    /// λ.
    pub fn weight_decay(&self) -> f64 {
        match self {
            Optimizer::Sgd(sgd) => sgd.weight_decay,
            Optimizer::Adam(adam) => adam.weight_decay,
            Optimizer::Flow(_) => 0.0,
        }
    }

    /// Whether a step depends on earlier gradients.
    pub fn has_memory(&self) -> bool {
        match self {
            Optimizer::Sgd(sgd) => sgd.momentum != 0.0,
            Optimizer::Adam(_) => true,
            Optimizer::Flow(_) => false,
        }
    }

    /// Its name in a run file.
    pub fn name(&self) -> &'static str {
        match self {
            Optimizer::Sgd(_) => "sgd",
            Optimizer::Adam(Adam { decoupled: false, .. }) => "adam",
            Optimizer::Adam(Adam { decoupled: true, .. }) => "adamw",
            Optimizer::Flow(_) => "flow",
        }
    }

    /// It and its numbers.
    pub fn words(&self) -> String {
        let decay = |decay: f64| if decay == 0.0 { String::new() } else { format!(", weight decay {decay:?}") };
        match *self {
            Optimizer::Sgd(Sgd { learning_rate, momentum, dampening, nesterov, weight_decay }) => {
                let kind = if nesterov { "Nesterov momentum" } else { "momentum" };
                let momentum = if momentum == 0.0 { String::new() } else { format!(" with {kind} {momentum:?}") };
                let dampening = if dampening == 0.0 { String::new() } else { format!(", dampening {dampening:?}") };
                format!("SGD{momentum}{dampening}, learning rate {learning_rate:?}{}", decay(weight_decay))
            }
            Optimizer::Adam(Adam { learning_rate, betas: [first, second], eps, weight_decay, decoupled }) => {
                let name = if decoupled { "AdamW" } else { "Adam" };
                let decay = decay(weight_decay);
                format!(
                    "{name} with betas {first:?} and {second:?}, eps {eps:?}, learning rate {learning_rate:?}{decay}"
                )
            }
            Optimizer::Flow(Flow { time, tolerance }) => {
                format!("gradient flow over a time of {time:?}, solved to a tolerance of {tolerance:?}")
            }
        }
    }

    /// The first of its numbers that is one in double precision only, and its key: it would train nothing, or diverge.
    pub fn first_not_single(&self) -> Option<(&'static str, f64)> {
        let numbers = match *self {
            Optimizer::Sgd(Sgd { learning_rate, momentum, dampening, weight_decay, .. }) => vec![
                ("learning_rate", learning_rate),
                ("momentum", momentum),
                ("dampening", dampening),
                ("weight_decay", weight_decay),
            ],
            Optimizer::Adam(Adam { learning_rate, eps, weight_decay, .. }) => {
                vec![("learning_rate", learning_rate), ("eps", eps), ("weight_decay", weight_decay)]
            }
            Optimizer::Flow(Flow { time, .. }) => vec![("time", time)],
        };
        numbers.into_iter().find(|&(_, value)| is_not_single(value))
    }
}

/// Whether a number is 0 or infinite in single precision, and not in double.
pub(crate) fn is_not_single(value: f64) -> bool {
    (value as f32).is_infinite() || (value as f32 == 0.0 && value != 0.0)
}
