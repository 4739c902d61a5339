//! Paths and tiles that are ended after any step and gone on with.

use super::problem::{Problem, adam, all_choices, lion, nadam, rmsprop, sgd, whole};
use crate::common::interrupt::Interrupt;
use pathkernel::compute::Element;
use pathkernel::error::Error;
use pathkernel::tangent::{Carried, Contraction};
use pathkernel::tape::{History, MemoryTape, Recording};
use std::path::Path;

/// A tile that is ended after any step, in whatever form ψ is carried, goes on to the same bits.
#[test]
fn an_interrupted_tile_goes_on_to_the_same_bits() {
    const STEPS: usize = 7;
    for optimizer in [sgd(0.0, false), sgd(0.9, false), sgd(0.9, true), adam(true), rmsprop(), nadam(), lion(0.9)] {
        let problem = Problem::<f32>::new(optimizer);
        let folder = tempfile::tempdir().expect("a folder");
        for every in [1, 3] {
            let tape = problem.train(&folder.path().join(every.to_string()), STEPS, every);
            let carried = Carried::new(&optimizer, &[0.1; STEPS], <f32 as Element>::ROUNDING);
            for choice in all_choices(&problem.network, carried) {
                let want = problem.tile(&tape, &choice, &whole());
                // Where a layer goes forwards in time, the others go backwards after it.
                let steps = if choice.contains(&Contraction::Forwards) { 2 * STEPS } else { STEPS };
                for after in 1..=steps {
                    let path = folder.path().join("tile.state");
                    let mut keeper = Interrupt::after(path.clone(), after);
                    let ended = problem.tile_with(&tape, &choice, &whole(), &mut keeper);
                    assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
                    let mut keeper = Interrupt::never(path.clone());
                    let found = problem.tile_with(&tape, &choice, &whole(), &mut keeper).expect("a tile");
                    assert_eq!(keeper.made, steps - after, "steps were made again");
                    assert_eq!(format!("{found:?}"), format!("{want:?}"), "{optimizer:?}, {choice:?}, after {after}");
                    std::fs::remove_file(path).expect("a state");
                }
            }
        }
    }
}

fn losses(history: &History) -> Vec<f64> {
    history.metrics.iter().map(|(metrics, _)| metrics.loss).collect()
}

/// A path in memory is the one on disk, and goes on from a state in which all of it was saved.
#[test]
fn a_path_in_memory_has_the_same_bits() {
    const STEPS: usize = 12;
    for optimizer in [sgd(0.9, true), adam(false)] {
        let problem = Problem::<f32>::new(optimizer);
        let choice = vec![Contraction::Materialised; problem.network.blocks.len()];
        for every in [1, 5] {
            let folder = tempfile::tempdir().expect("a folder");
            let disk = problem.train(folder.path(), STEPS, every);
            let want = problem.tile(&disk, &choice, &whole());
            let state = folder.path().join("memory.state");
            let tape = || MemoryTape::new(Recording::new(&optimizer, STEPS, every));
            for after in [1, 4, STEPS] {
                let ended = problem.record(STEPS, &mut tape(), &mut Interrupt::after(state.clone(), after));
                assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
                let (mut tape, mut keeper) = (tape(), Interrupt::never(state.clone()));
                problem.record(STEPS, &mut tape, &mut keeper).expect("training");
                assert_eq!((keeper.made, &tape.history.steps), (STEPS - after, &disk.history.steps));
                assert_eq!(losses(&tape.history), losses(&disk.history));
                let found = problem.tile(&tape, &choice, &whole());
                assert_eq!(format!("{found:?}"), format!("{want:?}"), "{optimizer:?}, every {every}, after {after}");
                std::fs::remove_file(&state).expect("a state");
            }
        }
    }
}

/// A path whose making is ended after any step goes on to the same bits.
#[test]
fn an_interrupted_path_goes_on_to_the_same_bits() {
    const STEPS: usize = 12;
    for optimizer in [sgd(0.0, false), sgd(0.9, true), adam(false), adam(true), rmsprop(), nadam(), lion(0.9)] {
        let problem = Problem::<f32>::new(optimizer);
        for every in [1, 5] {
            let folder = tempfile::tempdir().expect("a folder");
            let want = problem.train(&folder.path().join("whole"), STEPS, every);
            for after in 1..=STEPS {
                let (state, parts) = (folder.path().join("training.state"), folder.path().join(format!("{after}")));
                let mut keeper = Interrupt::after(state.clone(), after);
                assert!(problem.train_with(&parts, STEPS, every, &mut keeper).is_err());
                let mut keeper = Interrupt::never(state.clone());
                let found = problem.train_with(&parts, STEPS, every, &mut keeper).expect("training");
                assert_eq!((keeper.made, &found.history.steps), (STEPS - after, &want.history.steps));
                assert_eq!(losses(&found.history), losses(&want.history));
                for entry in std::fs::read_dir(folder.path().join("whole/trajectory")).expect("a path") {
                    let name = entry.expect("a file").file_name();
                    let bytes = |folder: &Path| std::fs::read(folder.join("trajectory").join(&name)).expect("a file");
                    let same = bytes(&folder.path().join("whole")) == bytes(&parts);
                    // One file says how long each step took.
                    assert!(same || name == "recorded.state", "{optimizer:?}, every {every}, after {after}: {name:?}");
                }
                std::fs::remove_file(state).expect("a state");
            }
        }
    }
}
