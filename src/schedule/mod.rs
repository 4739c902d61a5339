/*!
From a checked run file to a finished run directory: inputs, plan, training, tiles, arrays.
*/

mod device;
mod inputs;
mod plan;
mod run;

pub use inputs::{Inputs, Targets};
pub use plan::Plan;
pub use run::{Outcome, Progress, run};
