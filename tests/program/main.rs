//! The program as its users meet it: its report, the same run twice, and bad input: exit code 2, a message that names
//! the file or the key, nothing written.

mod bench;
mod bytes;
#[path = "../common/mod.rs"]
mod common;
mod data;
mod directory;
mod exclude;
mod export;
mod fixture;
mod graph;
mod influence;
mod lists;
mod machine;
mod malformed;
mod model;
mod names;
mod optimizer_state;
mod own;
mod plan;
mod repeat;
mod report;
mod report_kinds;
mod resources;
mod rule;
mod run_file;
mod still;
mod stop;
mod text;
mod threads;
mod top;
mod trajectory;
mod validate;
mod verdict;
mod witness;
