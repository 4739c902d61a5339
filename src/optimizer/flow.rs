//! Gradient flow.

use super::{Adjoint, Carry, Decay, Given, Made, Meets, Memory, Motion, Passed, Past, Recursion, Say, Update, Vectors};
use crate::compute::{Backend, BackendError, Result};
use crate::key::{Key, Number, at};

/// Gradient flow `dw/dt = -∇L`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// How long.
    pub time: f64,
    /// Of the solver, absolute and relative.
    pub tolerance: f64,
}

impl Update for Flow {
    const TYPES: &'static [(&'static str, &'static str, Self)] = &[(
        "flow",
        "gradient flow dw/dt = -∇L, L as reduced, solved to a tolerance",
        Self { time: 0.0, tolerance: 1e-8 },
    )];

    const KEYS: &'static [Key<Self>] = &[
        Key::required("time", "how long the weights flow", at!(Flow.time, Number::AboveZero)),
        Key::new("tolerance", "of the solver, absolute and relative", at!(Flow.tolerance, Number::AboveZero)),
    ];

    const THEIRS: &'static [(&'static str, &'static str)] = &[];

    const COUNTS: bool = false;

    fn check(&self) -> std::result::Result<(), (&'static str, String)> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        "flow"
    }

    fn words(&self, _say: &Say<'_>) -> String {
        let Self { time, tolerance } = *self;
        format!("gradient flow over a time of {time:?}, solved to a tolerance of {tolerance:?}")
    }

    fn learning_rate(&self) -> f64 {
        1.0
    }

    fn motion(&self) -> Motion {
        Motion::Solved { time: self.time, tolerance: self.tolerance }
    }

    fn keeps(&self) -> Vec<&'static str> {
        vec![]
    }

    fn past(&self) -> Past {
        Past::Nothing
    }

    fn carry(&self, _: usize, _: f64) -> Option<Carry> {
        None
    }

    fn decay(&self, _: f64) -> Decay {
        Decay::Absent
    }

    /// Of a node within a step of the solver, at the time that it stands for.
    fn recursion(&self, _: &Self, _: usize, rate: f64, clip: f64) -> Recursion {
        Recursion { keep: 0.0, add: 1.0, gradient: rate * clip, meets: Meets::Carried }
    }

    fn step<B: Backend>(&self, _: &Vectors<'_, B>, _: &mut Memory<B>, _: Given<'_, B>) -> Result<Made<B>> {
        Err(BackendError::Invalid("gradient flow is solved, and makes no steps".into()))
    }

    fn no_derivative(&self) -> Option<&'static str> {
        Some("is solved in steps that depend on the gradients themselves, and is not differentiated")
    }

    fn looks_back(&self) -> bool {
        false
    }

    fn back<B: Backend>(&self, _: &Vectors<'_, B>, _: &Passed<'_, B>, _: &mut Adjoint<B>) -> Result<B::Buffer> {
        Err(BackendError::Invalid("gradient flow makes no steps to go back through".into()))
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        vec![Self { time: 1.0, tolerance: 1e-8 }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::tests::{PHI, RATES, close};

    /// A node's gradients count for the time that it stands for, and for no other node.
    #[test]
    fn the_recursion_takes_each_node_by_itself() {
        let flow = Flow { time: 1.0, tolerance: 1e-8 };
        let nodes: Vec<_> = (0..3).map(|s| (flow.recursion(&flow, s, RATES[s], 1.0), 1.0, PHI[s])).collect();
        close(&Recursion::multipliers(&nodes), &[0, 1, 2].map(|s| -RATES[s] * PHI[s]));
    }
}
