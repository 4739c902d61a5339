//! The certificate of the influences: trainings with weights that differ by a little say at once, for all queries, what a derivative
//! along the same direction has to be.

use super::prepared::Prepared;
use super::resume::Watch;
use super::tiles::persist;
use crate::compute::Backend;
use crate::device::{Devices, Work};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use crate::path::Tile;
use crate::random::Random;
use std::path::PathBuf;

/// What draws the direction: the same in every run, so that a run that goes on finds its own.
const SEED: u64 = 0x1f1;
/// By how much weights differ in the certificate that is of practical use: as much as leaving out a tenth of the examples.
pub(super) const PRACTICAL: f64 = 0.1;
/// Roundings that a readout at the end of training is off by, roughly.
const ROUNDINGS: f64 = 16.0;

/// The direction: 1 or -1 for each column.
pub(super) fn direction(columns: usize) -> Vec<f64> {
    let mut random = Random::new(SEED, "certificate");
    (0..columns).map(|_| if random.unit() < 0.5 { 1.0 } else { -1.0 }).collect()
}

/// `[queries, R]`: the influences of a piece, laid out as its attribution, along the direction.
pub(super) fn along(influence: &[f64], rows: usize, piece: &Tile) -> Vec<f64> {
    let (queries, columns) = (piece.queries.len(), piece.examples.len());
    let direction = direction(columns);
    let one = |place: usize| -> f64 {
        let (query, value) = (place / rows, place % rows);
        let own = &influence[(value * queries + query) * columns..][..columns];
        own.iter().zip(&direction).map(|(own, sign)| own * sign).sum()
    };
    (0..queries * rows).map(one).collect()
}

/// The small radius of a certificate, in numbers of which a rounding is `unit`, relative. A difference of readouts over `2 h` is off
/// by `h²` of its third derivative, and by roundings of the readouts over `h`: the sum of both is least where `h³` is as many
/// roundings. It is a power of 2, so that `1 ± h` is exact.
pub(super) fn small(unit: f64) -> f64 {
    (ROUNDINGS * unit).cbrt().log2().floor().exp2()
}

/// Readouts `[n, R]` after training again.
#[derive(Debug, Clone)]
pub(super) struct Retrained {
    /// With all weights as on the path of the influences; `None` where that is the run's own path, and the predictions are these.
    pub base: Option<Vec<f64>>,
    /// With weights moved by a small radius along the direction and against it.
    pub small: [Vec<f64>; 2],
    /// And by a practical one.
    pub practical: [Vec<f64>; 2],
}

/// Trains again; where `state` names files, one for each of the trainings, what was found before is taken from there. `None` where no
/// influence is asked for.
///
/// # Errors
///
/// A device that keeps failing, a file that cannot be read or written, or the run shall stop.
pub(super) fn retrain(
    prepared: &Prepared,
    unit: f64,
    state: &dyn Fn(&str) -> Option<PathBuf>,
    devices: &impl Devices,
    watch: &Watch<'_>,
) -> Result<Option<Retrained>, Error> {
    let problem = prepared.problem();
    if problem.influence.is_none() {
        return Ok(None);
    }
    let is_apart = prepared.other_weight().is_some() || problem.imported;
    watch.begin("certifying the influence", (4 + u64::from(is_apart)) * problem.steps.len() as u64);
    let one = |name: &str, radius: f64| -> Result<Vec<f64>, Error> {
        let path = state(name);
        if let Some(mut reader) = path.as_deref().map(StateReader::open).transpose()?.flatten() {
            watch.resume(problem.steps.len() as u64);
            let values = problem.query_count() * problem.spec.values(problem.network.outputs);
            return Ok(reader.take_exactly("readouts", values)?);
        }
        let found = persist(0, devices.fallback(), watch, &|device, _| {
            devices.on(device, Retrain { prepared, radius, watch }).map(Some)
        })?;
        if let Some(path) = path {
            let mut writer = StateWriter::create(&path)?;
            writer.put("readouts", &found)?;
            writer.finish()?;
        }
        Ok(found)
    };
    let both = |name: &str, radius: f64| -> Result<[Vec<f64>; 2], Error> {
        Ok([one(&format!("{name}-above"), radius)?, one(&format!("{name}-below"), -radius)?])
    };
    let base = is_apart.then(|| one("base", 0.0)).transpose()?;
    Ok(Some(Retrained { base, small: both("small", small(unit))?, practical: both("practical", PRACTICAL)? }))
}

/// Trains again, with weights moved by a radius along the direction.
struct Retrain<'a, 'w> {
    prepared: &'a Prepared,
    radius: f64,
    watch: &'a Watch<'w>,
}

impl Work for Retrain<'_, '_> {
    type Output = Vec<f64>;

    fn on<B: Backend>(self, backend: &B) -> Result<Vec<f64>, Error> {
        let Self { prepared, radius, watch } = self;
        let (problem, weight) = (prepared.problem(), prepared.other_weight().unwrap_or(1.0));
        let factors: Vec<f64> =
            direction(problem.columns()).iter().map(|sign| weight * (1.0 + radius * sign)).collect();
        match problem.retrain(backend, &prepared.inputs.initial, &factors, &mut || watch.step()) {
            // That it leads nowhere is what it says.
            Err(Error::Diverged { .. }) => {
                Ok(vec![f64::NAN; problem.query_count() * problem.spec.values(problem.network.outputs)])
            }
            found => found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::Element;

    /// Both signs are there, about as often.
    #[test]
    fn the_direction_has_both_signs() {
        let all = direction(1000);
        assert!(all.iter().all(|sign| sign.abs() == 1.0) && all.iter().sum::<f64>().abs() < 100.0);
        assert_eq!(all[..10], direction(10));
    }

    #[test]
    fn a_piece_is_summed_along_it() {
        let (rows, piece) = (2, Tile { queries: 3..5, examples: 0..4 });
        let influence: Vec<f64> = (0..16).map(f64::from).collect();
        let direction = direction(4);
        let want = |value: usize, query: usize| -> f64 {
            (0..4).map(|column| direction[column] * ((value * 2 + query) * 4 + column) as f64).sum()
        };
        assert_eq!(along(&influence, rows, &piece), [want(0, 0), want(1, 0), want(0, 1), want(1, 1)]);
    }

    /// Truncation, `h²` of a function whose derivatives are as large as itself, and roundings over `h` are about the same there.
    #[test]
    fn the_small_radius_is_where_truncation_is_rounding() {
        for (unit, want) in [(f64::ROUNDING, -17), (f32::ROUNDING, -7)] {
            let h = small(unit);
            assert_eq!(h.log2(), f64::from(want));
            assert!((0.05..=1.0).contains(&(h * h / (ROUNDINGS * unit / h))), "{h}");
        }
    }
}
