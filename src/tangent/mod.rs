/*!
Per-example Jacobians, contracted without forming what can be factored.

A layer's gradient row is `Σ_p δ_p ⊗ a_p`. [`Contraction`] lists the ways to multiply two rows; what is constant is
averaged over the quadrature nodes before it is contracted. [`choose`] picks per layer. Beside these ways stands one for the
whole network, [`Contraction::Directional`].
*/

mod calibrate;
mod choice;
mod contract;
mod directional;
mod examples;
mod forwards;
mod inputs;
mod queries;
mod saved;
mod structure;
mod work;

pub use choice::{Carried, Contraction, Sizes, choices, choose};
pub use contract::{Products, Sum, Term, contract};
pub use directional::{Along, AlongTerm, PsiRow, contract_along, is_directional};
pub(crate) use directional::{add_along, directions_at_once};
pub use examples::ExampleRows;
pub(crate) use forwards::ExampleMomentum;
pub use queries::{ConstantInputs, Node, QueryFactors};
pub(crate) use structure::{along, write_gradient};
pub(crate) use work::packed;
pub use work::{flops, seconds};
