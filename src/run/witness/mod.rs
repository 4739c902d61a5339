//! What the program that recorded a path had itself, its outputs and its loss, beside what the run has: they are the same where the
//! run was given the same data.

mod causes;
mod evaluate;
mod orders;
mod read;
mod spread;

pub use read::read_outputs;
pub(super) use spread::doubtful_scale;

use self::causes::{Compared, Point};
use self::evaluate::Evaluate;
use super::prepared::Prepared;
use super::resume::Watch;
use super::tiles::persist;
use crate::device::Devices;
use crate::error::Error;
use crate::tape::AnyTape;

/// How far what was recorded is from what is computed, and why.
#[derive(Debug, Default)]
pub struct Witness {
    /// The largest difference of an output of the queries at the last weights, relative to the largest recorded one.
    pub outputs: Option<f64>,
    /// The difference of the loss at the first weights, relative to the recorded one.
    pub loss: Option<f64>,
    /// What is found of the causes, where a difference is more than what is accepted.
    pub causes: Vec<String>,
}

/// Holds what was recorded against what a path gives.
///
/// # Errors
///
/// A tape that cannot be read, a device that keeps failing, or the run shall stop.
pub(super) fn compare(
    prepared: &Prepared,
    tape: &AnyTape,
    devices: &impl Devices,
    watch: &Watch<'_>,
) -> Result<Witness, Error> {
    let mut witness = Witness::default();
    compare_outputs(prepared, tape, devices, watch, &mut witness)?;
    compare_loss(prepared, tape, &mut witness);
    Ok(witness)
}

fn compare_outputs(
    prepared: &Prepared,
    tape: &AnyTape,
    devices: &impl Devices,
    watch: &Watch<'_>,
    witness: &mut Witness,
) -> Result<(), Error> {
    let Some(recorded) = &prepared.inputs.outputs else { return Ok(()) };
    let evaluate = |queries: &[f64], point: Point| {
        persist(0, devices.fallback(), watch, &|device, _| {
            let rows = prepared.plan().sides[0];
            devices.on(device, Evaluate { network: &prepared.problem().network, tape, queries, point, rows }).map(Some)
        })
    };
    let outputs = evaluate(prepared.problem().queries(), Point::Last)?;
    let accept = prepared.run_file.kernel.accept;
    let compared = Compared { problem: prepared.problem(), outputs: &outputs, recorded, accept };
    let difference = compared.difference();
    witness.outputs = Some(difference);
    if difference > accept || difference.is_nan() {
        witness.causes.extend(compared.causes(&evaluate)?);
    }
    Ok(())
}

/// Dropout is drawn otherwise elsewhere, so that a loss with it says nothing.
fn compare_loss(prepared: &Prepared, tape: &AnyTape, witness: &mut Witness) {
    let problem = prepared.problem();
    let recorded = prepared.run_file.trajectory.losses.as_ref().and_then(|losses| losses.first());
    let (Some(&recorded), Some((metrics, _))) = (recorded, tape.history().metrics.first()) else { return };
    if problem.network.in_training().draws() {
        return;
    }
    let difference = relative(metrics.loss - recorded, recorded);
    witness.loss = Some(difference);
    if difference > prepared.run_file.kernel.accept || difference.is_nan() {
        let batch = tape.history().steps.first().map_or(0, |step| step.rows().len());
        witness.causes.push(causes::of_loss(
            metrics.loss,
            recorded,
            [batch, problem.network.outputs],
            problem.reduction,
        ));
    }
}

/// A difference, as a share of a number.
fn relative(difference: f64, of: f64) -> f64 {
    if difference == 0.0 { 0.0 } else { difference.abs() / of.abs() }
}
