/*!
From a checked run file to a finished run directory: inputs, plan, training, tiles, arrays.

A run directory is the state of its run: the recorded path, finished tiles, and what is under way. The same command goes on
with it; several processes may share it.
*/

mod complete;
mod doubts;
mod inputs;
mod keep;
mod plan;
mod run;
mod session;
mod tiles;
mod train;

pub use inputs::{Inputs, read_problem};
pub use plan::RunPlan;
pub use run::{Outcome, Part, Progress, run, run_on, run_part};
