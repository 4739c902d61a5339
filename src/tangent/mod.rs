/*!
Per-example Jacobians, contracted without forming what can be factored.

A layer's gradient row is `Σ_p δ_p ⊗ a_p`. Two rows are contracted either *factored*, as
`Σ_{p,p'} (δ_p · δ'_{p'}) (a_p · a'_{p'} + bias)`, or *materialised*, each row formed once, averaged over its
quadrature nodes, and multiplied as a vector. [`choose`] picks per layer.
*/

mod choice;
mod contract;

pub use choice::{Contraction, Sizes, choose, factored_flops, materialised_flops};
pub(crate) use contract::write_gradient;
pub use contract::{Entries, ExampleRows, QueryRows, Sum, Term};
