/*!
Influence: the derivative of what was trained by how much each example counted.

`I_i = dF/du_i` for a readout F at the last weights, u_i being the weight of example i in every loss that it occurs in. λ, the
derivative of F by the weights, goes backwards in time through every step: through the optimizer, through clipping, and through the
loss gradient, whose derivative is the Hessian of the batch's loss (docs/theory.md, "Influence"). A
[contribution](crate::path) accounts for the path that was taken; an influence says what another path would have led to.
*/

mod columns;
mod covector;
mod differentiate;
mod results;

pub(crate) use covector::ELEMENTS_AT_ONCE;
pub(crate) use differentiate::Differentiation;

/// What is asked of the influence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Influence {
    /// The weight of all examples on the path whose derivative is taken; 1 is the run's own path.
    pub weight: f64,
    /// What is added to the eps of a preconditioner, in the derivative alone.
    pub eps: f64,
    /// The width over which the slope of a relu goes from 0 to 1, in the derivative alone; 0: it jumps.
    pub smooth: f64,
}

impl Default for Influence {
    fn default() -> Self {
        Self { weight: 1.0, eps: 0.0, smooth: 0.0 }
    }
}
