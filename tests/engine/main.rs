//! The library on problems in memory. One program has all of it, as each program compiles what it makes of the engine's generics
//! anew: `cargo test --test engine windows::` runs one file.

mod adaptive;
mod batch_norm;
mod closed_forms;
mod columns;
#[path = "../common/mod.rs"]
mod common;
mod derivatives;
mod directional;
mod dropout;
mod faulty;
mod held;
mod influence;
mod memory;
mod plan;
mod positions;
mod precision;
mod products;
mod recursion;
mod retrain;
mod rule;
mod symmetry;
mod tied;
mod windows;
