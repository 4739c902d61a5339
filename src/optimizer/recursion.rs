//! The recursion backwards in time that turns φ of each step into what multiplies the examples' gradients.

/// One step of the recursion: first `ψ = keep ψ + add D φ`, D being the step's preconditioner or 1; then the attribution of the
/// step is `-gradient ψ · g`, or with Nesterov's momentum `-gradient (add φ + ahead ψ) · g`.
///
/// Each follows from the optimizer's step as a sum over past gradients, with the order of the sums exchanged
/// (docs/theory.md, "Optimizers").
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Recursion {
    pub keep: f64,
    pub add: f64,
    pub gradient: f64,
    pub ahead: Option<f64>,
}

#[cfg(test)]
impl Recursion {
    /// What multiplies each step's gradient in `Σ_s φ_s Δw_s`, for one weight: the recursion in plain numbers. `steps` are
    /// each step's recursion, D and φ.
    pub fn multipliers(steps: &[(Self, f64, f64)]) -> Vec<f64> {
        let mut psi = 0.0;
        let mut found: Vec<f64> = Vec::new();
        for &(Self { keep, add, gradient, ahead }, preconditioner, phi) in steps.iter().rev() {
            psi = keep * psi + add * preconditioner * phi;
            found.push(-gradient * ahead.map_or(psi, |ahead| add * phi + ahead * psi));
        }
        found.reverse();
        found
    }
}
