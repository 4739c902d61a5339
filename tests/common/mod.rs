//! What tests of several folders share. Each takes what it needs of it.
#![allow(dead_code)]

pub mod arrays;
pub mod faulty;
pub mod folder;
pub mod interrupt;
pub mod loops;
pub mod problem;
pub mod program;
pub mod report;
