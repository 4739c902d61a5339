//! `[run]`: where and how to run.

use super::memory::Memory;
use crate::device::Precision;
use crate::key::{Custom, Flag, Key, Name, Path, Shape, Value, Word, Words, Wrong, at};
use std::path::PathBuf;

/// Where and how to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The run directory.
    pub directory: PathBuf,
    /// `auto`, `cpu`, `gpu`, `gpu:all`, or part of an adapter's name.
    pub device: String,
    /// Whether the CPU computes a tile at which a GPU keeps failing.
    pub fallback: bool,
    /// The arithmetic.
    pub precision: Precision,
    /// Bytes of memory that it may take; what is free decides without it.
    pub memory: Option<u64>,
    /// How the pair arrays are kept.
    pub store: StoreKind,
    /// Seeds weights and batches.
    pub seed: u64,
    /// Whether a device is measured, to pick what is fastest on it, where it was not measured before.
    pub tune: bool,
}

pub(super) const KEYS: &[Key<Run>] = &[
    Key::required("directory", "the run directory", at!(Run.directory, Path { takes: "a folder" })).incidental(),
    Key::new(
        "device",
        "`auto` is a hardware GPU if there is one, else the CPU; `gpu:all` is every hardware GPU at once, each card once. A \
         software adapter is taken only where it is named, or by `gpu` or `gpu:all` where there is no other (a warning)",
        at!(Run.device, Name { takes: "`auto`, `cpu`, `gpu`, `gpu:all` or a part of an adapter's name" }),
    )
    .incidental(),
    Key::new(
        "fallback",
        "whether the CPU computes a tile at which a GPU keeps failing (the same but for rounding)",
        at!(Run.fallback, Flag),
    )
    .incidental(),
    Key::new("precision", "the arithmetic", at!(Run.precision, Words)),
    Key::new(
        "memory",
        "take at most about so much memory; without it, half of what is free",
        at!(Run.memory, Memory),
    )
    .incidental(),
    Key::new("store", "how the arrays of pairs are kept", at!(Run.store, Words)),
    Key::new(
        "seed",
        "what weights, batches and dropout's masks are drawn from",
        &Custom {
            read: |at, given, run: &mut Run| match given {
                Value::Integer(seed @ 0..) => {
                    run.seed = seed.unsigned_abs();
                    Ok(())
                }
                _ => Err(Wrong::new(at, "must be a whole number of at least 0 and below 2^63")),
            },
            write: |run| Some(Value::Integer(run.seed as i64)),
            shape: || Shape::Plain("a whole number of at least 0, below 2^63".into()),
        },
    ),
    Key::new(
        "tune",
        "measure the device where that was not done before; else, or with `--no-tune`, typical rates. No bit of a run on the \
         CPU depends on it",
        at!(Run.tune, Flag),
    )
    .incidental(),
];

pub(super) fn start() -> Run {
    Run {
        directory: PathBuf::new(),
        device: "auto".into(),
        fallback: false,
        precision: Precision::F32,
        memory: None,
        store: StoreKind::Npy,
        seed: 0,
        tune: true,
    }
}

impl Word for Precision {
    fn all() -> Vec<Self> {
        vec![Precision::F32, Precision::F64, Precision::Mixed]
    }

    fn word(self) -> &'static str {
        self.name()
    }

    fn help(self) -> &'static str {
        match self {
            Precision::F32 => "",
            Precision::F64 => "on the CPU: with `auto` it means the CPU, with a GPU it is an error",
            Precision::Mixed => "on a GPU, with factors stored in 16 bits",
        }
    }
}

/// How a finished run keeps its pair arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// One .npy file an array.
    Npy,
    /// One Zarr array each, in chunks.
    Zarr,
}

impl StoreKind {
    /// Its name in a run file.
    pub fn name(self) -> &'static str {
        match self {
            StoreKind::Npy => "npy",
            StoreKind::Zarr => "zarr",
        }
    }
}

impl Word for StoreKind {
    fn all() -> Vec<Self> {
        vec![StoreKind::Npy, StoreKind::Zarr]
    }

    fn word(self) -> &'static str {
        self.name()
    }

    fn help(self) -> &'static str {
        match self {
            StoreKind::Npy => "one `.npy` file each",
            StoreKind::Zarr => "one Zarr v3 array each, in chunks",
        }
    }
}
