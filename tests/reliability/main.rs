//! What happens to runs that are killed, spread over processes, or meet a machine that fails: nothing is lost, no wrong
//! number is written, and the arrays have the bits of a run in one go.
#![cfg(unix)]

mod disk;
mod faults;
#[path = "../common/faulty.rs"]
mod faulty;
mod fixture;
#[path = "../common/folder.rs"]
mod folder;
mod kills;
mod memory;
mod numbers;
mod refusals;
mod shards;
