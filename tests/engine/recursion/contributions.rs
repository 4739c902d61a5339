//! Contributions in every form of ψ, from every recording, and what they add up to.

use super::problem::{
    EXAMPLES, Problem, QUERIES, adam, all_choices, furthest, largest, lion, nadam, residual, rmsprop, sgd, whole,
};
use crate::common::interrupt::Interrupt;
use pathkernel::compute::Element;
use pathkernel::error::Error;
use pathkernel::optimizer::{Adam, Optimizer, Sgd};
use pathkernel::path::{Superposition, Tile};
use pathkernel::tangent::{Carried, Contraction};
use pathkernel::tape::{Kept, MemoryTape, Recording, Tape};

/// Momentum of 0.3 is below a rounding of f64 after 31 steps, so that in 60 factors of single nodes are dropped.
#[test]
fn every_form_of_psi_gives_the_same_contributions() {
    const STEPS: usize = 60;
    for optimizer in
        [sgd(0.3, false), sgd(0.9, false), sgd(0.9, true), adam(false), adam(true), rmsprop(), nadam(), lion(0.9)]
    {
        let problem = Problem::<f64>::new(optimizer);
        let folder = tempfile::tempdir().expect("a folder");
        let tape = problem.train(folder.path(), STEPS, 1);
        assert!(
            tape.history.steps.iter().any(|step| step.clip < 1.0)
                && tape.history.steps.iter().any(|step| step.clip == 1.0)
        );
        let carried = Carried::new(&optimizer, &[0.1; STEPS], <f64 as Element>::ROUNDING);
        let all = all_choices(&problem.network, carried);
        assert!(all.len() > 4, "{all:?}");
        let rows = problem.tile(&tape, &all[0], &whole());
        let change = furthest(&rows.account.prediction, &rows.account.initial);
        assert!(residual(&rows) < 1e-7 * change, "{optimizer:?}: {} of {change}", residual(&rows));
        for choice in &all[1..] {
            let found = problem.tile(&tape, choice, &whole());
            let error = furthest(&rows.attribution[0], &found.attribution[0]) / largest(&rows.attribution[0]);
            // Sums of some hundred terms, each with a few roundings.
            assert!(error < 1e-13, "{optimizer:?}, {choice:?}: {error}");
        }
    }
}

/// After steps of a tiny rate, what a large one left of its factors counts long after its momentum is below a rounding.
#[test]
fn factors_are_held_as_long_as_their_rates_ask() {
    const STEPS: usize = 60;
    for slow in [1e-4, 1e-8, 0.0] {
        let problem = Problem::<f64> { slow: (50, slow), ..Problem::new(sgd(0.3, false)) };
        let folder = tempfile::tempdir().expect("a folder");
        let tape = problem.train(folder.path(), STEPS, 1);
        let carried = Carried::new(&problem.optimizer, &[0.05; STEPS], <f64 as Element>::ROUNDING);
        let all = all_choices(&problem.network, carried);
        let rows = problem.tile(&tape, &all[0], &whole());
        for choice in &all[1..] {
            let found = problem.tile(&tape, choice, &whole());
            let pairs = rows.attribution[0].iter().zip(&found.attribution[0]);
            // Example by example: those of the slow steps alone contribute little.
            let error = pairs.map(|(a, b)| (a - b).abs() / a.abs().max(1e-9)).fold(0.0, f64::max);
            assert!(error < 1e-10, "{slow:e}, {choice:?}: {error}");
        }
    }
}

/// A tile's entries have the bits that they have in the whole.
#[test]
fn tiles_agree_bit_by_bit() {
    for optimizer in [sgd(0.9, false), sgd(0.9, true), adam(true), rmsprop(), nadam(), lion(0.9), lion(0.0)] {
        let problem = Problem::<f32>::new(optimizer);
        let folder = tempfile::tempdir().expect("a folder");
        let tape = problem.train(folder.path(), 12, 1);
        let carried = Carried::new(&optimizer, &[0.1; 12], <f32 as Element>::ROUNDING);
        for choice in all_choices(&problem.network, carried) {
            let all = problem.tile(&tape, &choice, &whole());
            for (queries, examples) in [(0..1, 0..4), (1..3, 4..9), (0..3, 8..9)] {
                let part = problem.tile(&tape, &choice, &Tile { queries: queries.clone(), examples: examples.clone() });
                let (n, m) = (queries.len(), examples.len());
                for (place, value) in part.attribution[0].iter().enumerate() {
                    let (output, query, example) = (place / (n * m), place / m % n, place % m);
                    let at = (output * QUERIES + queries.start + query) * EXAMPLES + examples.start + example;
                    let want = all.attribution[0][at];
                    assert!(value.to_bits() == want.to_bits(), "{optimizer:?}, {choice:?}: {value} instead of {want}");
                }
            }
        }
    }
}

/// Steps that were not recorded are made again with the same bits.
#[test]
fn a_sparse_recording_gives_the_same_bits() {
    for optimizer in [sgd(0.0, false), sgd(0.9, true), adam(false), adam(true), rmsprop(), nadam(), lion(0.9)] {
        let problem = Problem::<f32>::new(optimizer);
        let choice = vec![Contraction::Materialised; problem.network.blocks.len()];
        let dense = tempfile::tempdir().expect("a folder");
        let dense = problem.train(dense.path(), 11, 1);
        let want = problem.tile(&dense, &choice, &whole());
        for every in [2, 4, 11, 30] {
            let folder = tempfile::tempdir().expect("a folder");
            let sparse = problem.train(folder.path(), 11, every);
            let rows = sparse.rows(Kept::Weights).expect("weights").count();
            assert_eq!(rows, 11usize.div_ceil(every) + 1);
            let found = problem.tile(&sparse, &choice, &whole());
            assert_eq!(found.attribution, want.attribution, "{optimizer:?}, every {every}");
            assert_eq!(found.account.regularizer, want.account.regularizer);
            assert_eq!(found.account.prediction, want.account.prediction);
        }
    }
}

/// What was before the first step moves the outputs too, and is a term of its own; paths and tiles that are ended after any step,
/// and steps that are made again, have the same bits.
#[test]
fn a_given_state_is_a_term_of_its_own() {
    const STEPS: usize = 7;
    for optimizer in [sgd(0.9, false), sgd(0.9, true), adam(false), adam(true), rmsprop(), nadam(), lion(0.9)] {
        let problem = Problem::<f64>::going_on(optimizer);
        let choice = vec![Contraction::Materialised; problem.network.blocks.len()];
        let folder = tempfile::tempdir().expect("a folder");
        let tape = problem.train(&folder.path().join("whole"), STEPS, 1);
        let want = problem.tile(&tape, &choice, &whole());
        let change = furthest(&want.account.prediction, &want.account.initial);
        assert!(largest(&want.account.earlier) > 0.05 * change, "{optimizer:?}: {:?}", want.account.earlier);
        assert!(residual(&want) < 1e-7 * change, "{optimizer:?}: {} of {change}", residual(&want));
        let sparse = problem.train(&folder.path().join("sparse"), STEPS, 3);
        assert_eq!(format!("{:?}", problem.tile(&sparse, &choice, &whole())), format!("{want:?}"), "{optimizer:?}");
        for after in 1..=STEPS {
            let state = folder.path().join("path.state");
            let parts = folder.path().join(format!("{after}"));
            assert!(problem.train_with(&parts, STEPS, 1, &mut Interrupt::after(state.clone(), after)).is_err());
            let mut keeper = Interrupt::never(state);
            let tape = problem.train_with(&parts, STEPS, 1, &mut keeper).expect("training");
            let state = folder.path().join("tile.state");
            let ended = problem.tile_with(&tape, &choice, &whole(), &mut Interrupt::after(state.clone(), after));
            assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
            let found = problem.tile_with(&tape, &choice, &whole(), &mut Interrupt::never(state)).expect("a tile");
            assert_eq!(format!("{found:?}"), format!("{want:?}"), "{optimizer:?}, after {after}");
            for name in ["path.state", "tile.state"] {
                std::fs::remove_file(folder.path().join(name)).expect("a state");
            }
        }
    }
}

/// Without weight decay the weights change by what the examples add and what was before, whatever their layers are.
#[test]
fn the_weights_change_by_what_the_examples_add() {
    const STEPS: usize = 15;
    let Optimizer::Adam(kind) = adam(false) else { panic!("another kind") };
    let still = Optimizer::Adam(Adam { weight_decay: 0.0, ..kind });
    for optimizer in [Optimizer::Sgd(Sgd { momentum: 0.6, ..Sgd::plain(0.05) }), still] {
        let problem = Problem::<f64>::going_on(optimizer);
        let mut tape = MemoryTape::new(Recording::new(&optimizer, STEPS, 1));
        problem.record(STEPS, &mut tape, &mut Interrupt::never("unused".into())).expect("training");
        let spec = problem.spec();
        let superposition = Superposition { setting: problem.setting(&spec, &[], &[]), tape: &tape };
        let found = superposition.vectors(&(0..EXAMPLES), &mut || Ok(())).expect("vectors");
        let earlier = found.earlier.expect("a part of what was before");
        let (first, last) = (tape.row(Kept::Weights, 0).expect("weights"), tape.last().expect("weights"));
        for (block, (vectors, earlier)) in problem.network.blocks.iter().zip(found.examples.iter().zip(&earlier)) {
            let len = block.len();
            let change: Vec<f64> = (block.offset..block.offset + len).map(|at| last[at] - first[at]).collect();
            let added = |at: usize| vectors.chunks(len).map(|row| row[at]).sum::<f64>() + earlier[at];
            let added: Vec<f64> = (0..len).map(added).collect();
            assert!(largest(&change) > 1e-3 && largest(earlier) > 1e-3, "layer {}", block.layer);
            // Sums of some hundred terms.
            assert!(furthest(&change, &added) < 1e-13, "{optimizer:?}, layer {}", block.layer);
        }
    }
}

/// Over many steps of one path f32 stays near f64: sums go in two levels, and what momentum carries forgets its roundings.
#[test]
fn a_thousand_steps_in_f32_stay_near_f64() {
    const STEPS: usize = 1000;
    for (optimizer, tolerance) in [(sgd(0.9, false), 2e-5), (sgd(0.9, true), 2e-5), (adam(true), 3e-4)] {
        let (wide, single) = (Problem::<f64>::new(optimizer), Problem::<f32>::new(optimizer));
        let choice = vec![Contraction::Materialised; wide.network.blocks.len()];
        let folder = tempfile::tempdir().expect("a folder");
        let tape = wide.train(folder.path(), STEPS, 1);
        let want = wide.tile(&tape, &choice, &whole());
        let found = single.tile(&tape, &choice, &whole());
        let error = furthest(&want.attribution[0], &found.attribution[0]) / largest(&want.attribution[0]);
        println!("{optimizer:?}: {error:.1e}");
        assert!(error < tolerance, "{optimizer:?}: {error}");
    }
}
