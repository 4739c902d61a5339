//! The keys of each optimizer.

use super::{Adam, Flow, Optimizer, Sgd};
use crate::key::{Alternative, Flag, Key, Number, OneOf, Pair, at};

/// A table whose `type` names an optimizer.
pub(crate) const FORM: OneOf<Optimizer> =
    OneOf { variants: || vec![Box::new(SGD), Box::new(ADAM), Box::new(ADAMW), Box::new(FLOW)], shared: &[] };

/// What stands before a run file is read.
pub(crate) const START: Optimizer = Optimizer::Sgd(SGD_START);

const SGD_START: Sgd = Sgd { learning_rate: 0.0, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };

const SGD_KEYS: &[Key<Sgd>] = &[
    Key::required("learning_rate", "ε, before any schedule", at!(Sgd.learning_rate, Number::AboveZero)),
    Key::new("momentum", "how much of a step is left in the next one", at!(Sgd.momentum, Number::NotNegative)),
    Key::new("dampening", "how much less of a gradient enters the momentum", at!(Sgd.dampening, Number::Any)),
    Key::new("nesterov", "Nesterov's momentum; needs a momentum, and no dampening", at!(Sgd.nesterov, Flag)),
    Key::new(
        "weight_decay",
        "this much of the weights is added to the gradient",
        at!(Sgd.weight_decay, Number::NotNegative),
    ),
];

const SGD: Alternative<Optimizer, Sgd> = Alternative {
    name: "sgd",
    help: "stochastic gradient descent",
    start: SGD_START,
    keys: SGD_KEYS,
    check: |sgd| match sgd.nesterov && (sgd.momentum == 0.0 || sgd.dampening != 0.0) {
        true => Err(("nesterov", "needs a momentum above 0 and a dampening of 0, as in PyTorch".into())),
        false => Ok(()),
    },
    make: Optimizer::Sgd,
    of: |optimizer| match optimizer {
        Optimizer::Sgd(sgd) => Some(*sgd),
        Optimizer::Adam(_) | Optimizer::Flow(_) => None,
    },
};

const ADAM_START: Adam =
    Adam { learning_rate: 0.0, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, decoupled: false };

const ADAM_KEYS: &[Key<Adam>] = &[
    Key::required("learning_rate", "ε, before any schedule", at!(Adam.learning_rate, Number::AboveZero)),
    Key::new(
        "betas",
        "how much is left of the means of gradients and of their squares",
        at!(Adam.betas, Pair(Number::BelowOne)),
    ),
    Key::new("eps", "added to the root of the mean square", at!(Adam.eps, Number::NotNegative)),
    Key::new(
        "weight_decay",
        "this much of the weights is added to the gradient (adam), or times the rate taken off them (adamw)",
        at!(Adam.weight_decay, Number::NotNegative),
    ),
];

const ADAM: Alternative<Optimizer, Adam> = Alternative {
    name: "adam",
    help: "Adam",
    start: ADAM_START,
    keys: ADAM_KEYS,
    check: |_| Ok(()),
    make: Optimizer::Adam,
    of: |optimizer| adam(optimizer, false),
};

const ADAMW: Alternative<Optimizer, Adam> = Alternative {
    name: "adamw",
    help: "Adam with a weight decay of its own",
    start: Adam { decoupled: true, ..ADAM_START },
    keys: ADAM_KEYS,
    check: |_| Ok(()),
    make: Optimizer::Adam,
    of: |optimizer| adam(optimizer, true),
};

/// Adam, or where its decay is decoupled, AdamW.
fn adam(optimizer: &Optimizer, decoupled: bool) -> Option<Adam> {
    match optimizer {
        Optimizer::Adam(adam) => (adam.decoupled == decoupled).then_some(*adam),
        Optimizer::Sgd(_) | Optimizer::Flow(_) => None,
    }
}

const FLOW_KEYS: &[Key<Flow>] = &[
    Key::required("time", "how long", at!(Flow.time, Number::AboveZero)),
    Key::new("tolerance", "of the solver, absolute and relative", at!(Flow.tolerance, Number::AboveZero)),
];

const FLOW: Alternative<Optimizer, Flow> = Alternative {
    name: "flow",
    help: "gradient flow dw/dt = -∇L, with L as reduced",
    start: Flow { time: 0.0, tolerance: 1e-8 },
    keys: FLOW_KEYS,
    check: |_| Ok(()),
    make: Optimizer::Flow,
    of: |optimizer| match optimizer {
        Optimizer::Flow(flow) => Some(*flow),
        Optimizer::Sgd(_) | Optimizer::Adam(_) => None,
    },
};

/// Whether the optimizer of a name has a learning rate.
pub(crate) fn has_learning_rate(name: &str) -> bool {
    let variants = (FORM.variants)();
    variants.iter().any(|kind| kind.name() == name && kind.known().iter().any(|(key, _)| *key == "learning_rate"))
}
