//! The recursion backwards in time, in every form in which ψ can be carried: each gives the same contributions, and they
//! add up to the change of the outputs.

mod contributions;
mod ended;
mod problem;
