//! The program as its users meet it: its report, the same run twice, and bad input: exit code 2, a message that names
//! the file or the key, nothing written.

mod bench;
mod bytes;
#[path = "../common/mod.rs"]
mod common;
mod data;
mod directory;
mod export;
mod fixture;
mod graph;
mod malformed;
mod model;
mod plan;
mod repeat;
mod report;
mod report_kinds;
mod resources;
mod rule;
mod run_file;
mod stop;
mod threads;
mod trajectory;
