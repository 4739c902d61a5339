/*!
Path kernels: quadrature on each step's segment, and the sum over steps.

For step `s` from `w_s` to `w_s + Δw_s`, the query's gradient is `φ_s = Σ_k ω_k ∇f(w_s + τ_k Δw_s)`. An optimizer whose
step is a sum over past gradients has the attribution `A[q, i] = -Σ_s ψ_s · g_{i,s}`, with ψ by a recursion backwards in
time: `ε_s φ_s` for plain SGD. The kernel is `K = Σ_s ε_s φ_s · J_i(w_s)` over the steps whose batch holds `i`.
*/

mod account;
pub mod adaptive;
mod at;
mod batch;
mod choose;
mod coupled;
mod earlier;
mod effects;
mod forwards;
mod integrate;
mod looked_at;
mod meet;
mod pass;
mod place;
mod quadrature;
mod readout;
mod rounding;
mod rows;
mod saved;
mod spec;
mod sums;
mod superposition;
mod sweep;
mod windows;

pub use account::Account;
pub(crate) use account::larger;
pub(crate) use adaptive::searched_at_once;
pub(crate) use batch::examples_at_once;
pub use choose::ChosenRule;
pub(crate) use choose::{LIKELY_NODES, Probe, likely_rule};
pub(crate) use coupled::columns_at_once;
pub use effects::Effects;
pub use integrate::{Evaluation, Integration, Setting};
pub(crate) use looked_at::looked_at;
pub(crate) use place::{interleave, transpose};
pub use quadrature::{Quadrature, Rule, gauss};
pub use readout::QueryTargets;
pub use spec::{Finished, Spec, Tile};
pub(crate) use superposition::vectors_at_once;
pub use superposition::{Superposed, Superposition};
