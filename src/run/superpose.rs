//! The change of the weights of a run, taken apart.

use super::prepared::Prepared;
use super::resume::{Budget, FileKeeper, Watch};
use crate::compute::{Backend, Element, convert};
use crate::device::Work;
use crate::error::Error;
use crate::keeper::Keeper;
use crate::path::Superposition;
use crate::problem::{QueryData, TrainingData};
use crate::run::store::Parts;
use crate::tape::{AnyTape, Tape};
use std::path::PathBuf;

/// Nothing yet of the parts of the weights' change.
pub(super) fn parts<E: Element>(prepared: &Prepared, tape: &AnyTape) -> Result<Parts<E>, Error> {
    let (first, last) = (convert::<E>(&prepared.inputs.initial), Tape::<E>::last(tape)?);
    let (steps, kept) = (tape.history().steps.len(), &prepared.problem().superposition_vectors);
    Ok(Parts::new(&prepared.problem().network, steps, [&first, &last], kept))
}

/// Takes the change of the weights apart, and keeps the parts in a state file, where there is one; finished sets of examples are
/// not computed again.
pub(super) struct Superpose<'a, 'w, E> {
    pub prepared: &'a Prepared,
    pub tape: &'a AnyTape,
    /// Nothing yet of the parts.
    pub empty: fn(&Prepared, &AnyTape) -> Result<Parts<E>, Error>,
    pub state: Option<PathBuf>,
    pub watch: &'a Watch<'w>,
}

impl<E: Element> Work for Superpose<'_, '_, E> {
    /// The parts, and the seconds that they took.
    type Output = (Parts<E>, f64);

    fn on<B: Backend>(self, backend: &B) -> Result<(Parts<E>, f64), Error> {
        let Self { prepared, tape, empty, state, watch } = self;
        let (data, queries) = (TrainingData::new(backend, prepared.problem())?, QueryData::none());
        let setting = data.setting(&prepared.plan().contraction, &queries);
        let superposition = Superposition { setting, tape };
        let mut parts = empty(prepared, tape)?;
        let mut budget = Budget::new();
        let mut keeper = FileKeeper::new(watch, &mut budget, state, 0, 0);
        if let Some(mut reader) = keeper.earlier()? {
            parts.restore(&mut reader)?;
        }
        let sets = superposition.sets();
        watch.begin("superposing", (sets.len() * tape.history().steps.len()) as u64);
        for set in sets {
            if set.end <= parts.examples() {
                watch.resume(tape.history().steps.len() as u64);
                continue;
            }
            let found = superposition.vectors(&set, &mut || watch.step())?;
            parts.insert(&set, &found);
            keeper.save(&mut |writer| parts.save(writer))?;
        }
        keeper.settle()?;
        Ok((parts, keeper.seconds()))
    }
}
