//! Runs that files describe: what a run file says ([`keys`]).

pub mod keys;
