//! Every operation, on the GPU against the CPU in f64: shapes of 1, primes, just under and over a tile, larger than a
//! binding, and more workgroups than one dimension of a dispatch holds. Every slice starts at an odd place, and what
//! lies around an output must stay as it was.
//!
//! A tolerance is a count of roundings times 2⁻²⁴ times the size of what is rounded; all inputs lie in [-1, 1] unless
//! a test says otherwise.
#![cfg(feature = "gpu")]

mod contraction;
mod elementwise;
mod faults;
mod gram;
mod harness;
mod images;
mod large;
mod memory;
mod products;
mod trials;
