/*!
pathkernel computes path kernels: what each training example contributed to each prediction of a trained network.
*/
#![deny(missing_docs)]

pub mod backend;
pub mod data;
pub mod error;
pub mod network;
pub mod path;
pub mod random;
pub mod report;
pub mod run_file;
pub mod schedule;
pub mod store;
pub mod tangent;
pub mod training;
