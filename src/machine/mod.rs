/*!
Kernel machines, and what a kernel's spectrum tells, over matrices in memory.

A machine's outputs are sums over examples, `f(x) = Σ_i K(x, x_i) c_i + b`. Every kind minimises a sum of losses and `alpha`
times the function's squared norm (half of that for `svm` and `logistic`), of a kernel that is divided by its mean diagonal.
What is fitted are functions of features, whose products are the kernel.
*/

mod crossed;
mod features;
mod fit;
mod logistic;
mod newton;
mod ridge;
mod smo;
mod spectrum;
mod svm;
#[cfg(test)]
mod tests;
mod wanted;

pub(crate) use features::Features;
pub use fit::Kind;
pub(crate) use fit::{Fit, Part, Weights};
pub(crate) use spectrum::{Spectrum, alignment};
pub(crate) use wanted::Wanted;

pub(crate) use nalgebra::DMatrix as Matrix;
