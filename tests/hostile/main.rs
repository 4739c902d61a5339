//! Every parser, on files that somebody or something has spoilt: none panics, hangs, takes memory that its input does not
//! account for, writes where it should not, or reads what does not hold together.
//!
//! `PATHKERNEL_FUZZ_SECONDS=60 cargo test --release --test hostile -- --nocapture` takes a minute for each, and
//! `PATHKERNEL_FUZZ_SEED` other inputs. A failure names the folder of its input; a copy in `findings/TARGET/` is tried first
//! from then on.

mod allocator;
mod bombs;
mod harness;
mod mutate;
mod random;
mod resume;
mod runs;
mod targets;
mod tiled;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;
