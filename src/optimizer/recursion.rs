//! The recursion backwards in time that turns φ of each step into what multiplies the examples' gradients.

/// One step of the recursion. First `ψ = keep ψ + add D φ`, D being the step's preconditioner or 1; then the attribution of the
/// step is `-gradient ψ · g`. Where [`Meets`] says so, φ enters ψ otherwise, and the gradients meet something else.
///
/// Each follows from the optimizer's step as a sum over past gradients, with the order of the sums exchanged
/// (docs/theory.md, "Optimizers").
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Recursion {
    pub keep: f64,
    pub add: f64,
    pub gradient: f64,
    pub meets: Meets,
}

/// What the gradients of a step meet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meets {
    /// ψ.
    Carried,
    /// `D ψ`, where φ enters ψ without D: the gradients are preconditioned before they are summed.
    Preconditioned,
    /// `add D φ + share ψ`, where φ enters ψ first, by `into add D φ`: the step's own gradient acts through the sum of gradients,
    /// and by itself.
    Ahead { into: f64, share: f64 },
    /// The same with ψ as the later steps left it, before φ enters it: the step is made before its gradient enters the sum.
    Behind { into: f64, share: f64 },
}

impl Meets {
    /// How much of the step's own `add D φ` enters ψ.
    pub fn entering(self) -> f64 {
        match self {
            Meets::Carried | Meets::Preconditioned => 1.0,
            Meets::Ahead { into, .. } | Meets::Behind { into, .. } => into,
        }
    }

    /// How much of ψ the gradients meet.
    pub fn share(self) -> f64 {
        match self {
            Meets::Carried | Meets::Preconditioned => 1.0,
            Meets::Ahead { share, .. } | Meets::Behind { share, .. } => share,
        }
    }
}

impl Recursion {
    /// Goes a step back in plain numbers, of one weight whose preconditioner is `held`. Returns what multiplies the step's
    /// gradient, but for `gradient`.
    pub fn back(&self, psi: &mut f64, held: f64, phi: f64) -> f64 {
        let Self { keep, add, meets, .. } = *self;
        let (own, later) = (add * held * phi, *psi);
        match meets {
            Meets::Carried => {
                *psi = keep * later + own;
                *psi
            }
            Meets::Preconditioned => {
                *psi = keep * later + add * phi;
                held * *psi
            }
            Meets::Ahead { into, share } => {
                *psi = keep * later + into * own;
                own + share * *psi
            }
            Meets::Behind { into, share } => {
                *psi = keep * later + into * own;
                own + share * later
            }
        }
    }

    /// What multiplies each step's gradient in `Σ_s φ_s Δw_s`, for one weight: the recursion in plain numbers. `steps` are
    /// each step's recursion, D and φ.
    #[cfg(test)]
    pub fn multipliers(steps: &[(Self, f64, f64)]) -> Vec<f64> {
        let mut psi = 0.0;
        let back =
            |&(recursion, held, phi): &(Self, f64, f64)| -recursion.gradient * recursion.back(&mut psi, held, phi);
        let mut found: Vec<f64> = steps.iter().rev().map(back).collect();
        found.reverse();
        found
    }
}
