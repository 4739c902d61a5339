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

/// The same sums with their order exchanged: what each `add D φ` meets of the gradients up to its step. A step meets
/// `M = own g + into N`, and goes on with `N = keep N + enters g`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Forth {
    pub own: f64,
    pub into: f64,
    pub keep: f64,
    pub enters: f64,
}

impl Recursion {
    /// A step forwards in time; `None` where gradients are preconditioned before they are summed.
    pub fn forth(&self) -> Option<Forth> {
        let Self { keep, gradient, meets, .. } = *self;
        match meets {
            Meets::Carried => Some(Forth { own: gradient, into: 1.0, keep, enters: keep * gradient }),
            Meets::Preconditioned => None,
            Meets::Ahead { into, share } => {
                Some(Forth { own: gradient * (1.0 + into * share), into, keep, enters: keep * gradient * share })
            }
            Meets::Behind { into, share } => Some(Forth { own: gradient, into, keep, enters: gradient * share }),
        }
    }

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

#[cfg(test)]
mod tests {
    use super::super::Optimizer;
    use super::*;

    /// `Σ_s φ_s Δw_s` of one weight, by the multipliers of gradients and by momentum.
    #[test]
    fn both_orders_are_the_same_sum() {
        let (phis, gradients, held) = ([0.3, -1.2, 0.7, 2.0], [1.5, 0.4, -0.9, 0.2], [0.5, 2.0, 1.1, 0.3]);
        for optimizer in Optimizer::samples() {
            let steps: Vec<Recursion> = (0..4).map(|step| optimizer.recursion(&optimizer, step, 0.1, 0.8)).collect();
            let Some(forths) = steps.iter().map(Recursion::forth).collect::<Option<Vec<_>>>() else { continue };
            let backwards: Vec<_> =
                steps.iter().zip(held).zip(phis).map(|((&own, held), phi)| (own, held, phi)).collect();
            let backwards: f64 = Recursion::multipliers(&backwards).iter().zip(gradients).map(|(a, g)| a * g).sum();
            let (mut carried, mut forwards) = (0.0, 0.0);
            for (step, Forth { own, into, keep, enters }) in forths.into_iter().enumerate() {
                let met = own * gradients[step] + into * carried;
                forwards -= steps[step].add * held[step] * phis[step] * met;
                carried = keep * carried + enters * gradients[step];
            }
            assert!((forwards - backwards).abs() < 1e-12, "{optimizer:?}: {forwards} instead of {backwards}");
        }
    }
}
