/*!
From a checked run file to a finished run directory: inputs, plan, training, tiles, arrays.
*/

pub(crate) mod device;
mod footprint;
mod inputs;
mod plan;
mod run;

pub use device::free_memory;
pub use inputs::{Inputs, Targets};
pub use plan::Plan;
pub use run::{Outcome, Progress, run};
