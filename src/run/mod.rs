/*!
From a run file ([`keys`]) to a finished run directory: inputs, plan, training, tiles, arrays.

Here files meet the engine: [`Inputs`] makes a [`Problem`](crate::problem::Problem) of those that a run file names, and
[`store`] keeps what comes of it.

A run directory is the state of its run: the recorded path, finished tiles, and what is under way. The same command goes on
with it; several processes may share it. [`in_memory`] does the same without one.
*/

mod beside;
mod certificate;
mod checkpoints;
mod complete;
mod doubts;
mod draft;
mod exclude;
pub mod in_memory;
mod inputs;
pub mod keys;
mod ledger;
mod machine;
mod names;
mod numbers;
mod optimizer_state;
mod plan;
mod prepared;
mod process;
mod resume;
mod rows;
mod session;
mod settle;
pub mod store;
mod superpose;
mod tiles;
mod train;
mod validate;
pub mod verdict;
mod vocabulary;
mod weights;
mod witness;

pub use checkpoints::Checkpoints;
pub use draft::draft;
pub(crate) use exclude::Excluded;
pub use inputs::{Inputs, first_weights, read_problem};
pub use machine::{
    Alike, Fitting, KernelMachine, KernelSpectrum, Kind, Machines, NetworkScores, Queries, Spectra, machine, spectrum,
};
pub use names::Names;
pub use plan::{Disk, PlanFigures, RunPlan, Seconds, duration};
pub use process::{Outcome, Part, Progress, make_path, run, run_on, run_part};
pub use validate::{Agreement, Asked, Compared, Scored, Validation, validate};
