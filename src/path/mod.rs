/*!
Path kernels: quadrature on each step's segment, and the sum over steps.

For step `s` from `w_s` to `w_s + Δw_s`, the query's gradient is `φ_s = Σ_k ω_k ∇f(w_s + τ_k Δw_s)`; the attribution
is `A[q, i] = -Σ_s ε_s φ_s · g_{i,s}`, the kernel `K = Σ_s ε_s φ_s · J_i(w_s)` over the steps whose batch holds `i`.
*/

mod batch;
mod integrate;
mod quadrature;
mod spec;
mod sums;

pub use integrate::{Evaluation, Integration, Setting};
pub use quadrature::{Quadrature, gauss};
pub use spec::{Finished, Spec, Tile};
