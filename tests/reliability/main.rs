//! What happens to runs that are killed, spread over processes, or meet a machine that fails: nothing is lost, no wrong
//! number is written, and the arrays have the bits of a run in one go.
#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;
mod disk;
mod faults;
mod fixture;
mod kills;
mod memory;
mod numbers;
mod refusals;
mod shards;
