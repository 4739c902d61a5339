//! The verdict of a finished run once more, from its arrays.

use super::recorded::explained;
use super::{Certified, Findings, InfluenceFindings, Judgement, Retrainings, of_largest_change};
use crate::compute::Element;
use crate::device::Precision;
use crate::error::Error;
use crate::formats::MappedArray;
use crate::influence::Influence;
use crate::run::certificate::{PRACTICAL, direction, small};
use crate::run::store::{Listed, Of, PairArray, Store, Terms, file_names};
use std::path::Path;

/// The verdict of the finished run in a directory, from its arrays: every file is held against its checksum, and the residual is
/// made again.
///
/// # Errors
///
/// A directory that holds no finished run, or a file that is damaged or was changed.
pub fn check(directory: &Path) -> Result<Judgement, Error> {
    let store = Store::new(directory);
    store.check_finished()?;
    let run_file = store.finished_run_file(&[])?;
    store.verify(&file_names(&run_file))?;
    let summary = store.summary()?;
    let terms = Terms::read(directory)?;
    let unit = if run_file.run.precision == Precision::F64 { f64::ROUNDING } else { f32::ROUNDING };
    let share = |term: &[f64]| of_largest_change(term, [&terms.initial, &terms.prediction], unit);
    let examples = summary["shapes"]["examples"].as_u64().unwrap_or(0) as usize;
    let [queries, values] = terms.shape;
    let listed = Listed::open(directory, Of::Attribution, [queries, values, examples])?;
    let residual = match (PairArray::open(directory, "attribution")?, listed) {
        (Some(attribution), _) => terms.missed(&attribution)?,
        (None, Some(listed)) => terms.missed_by_lists(&listed)?,
        (None, None) => terms.residual.clone(),
    };
    let findings = Findings {
        residual: share(&residual),
        unexplained: terms.unexplained.as_deref().map(share),
        ..Findings::of_summary(&summary, run_file.kernel.accept)?
    };
    let influence = match run_file.kernel.influence {
        None => None,
        Some(asked) => {
            let steps = summary["shapes"]["steps"].as_u64().unwrap_or(0) as usize;
            certified(directory, (asked, run_file.kernel.accept), &terms, (unit, steps))?
        }
    };
    Ok(explained(&findings, &summary).with(influence.or_else(|| Certified::of_summary(&summary))))
}

/// The verdict on the influences, from their array and the readouts of training again; `None` where not all influences are kept.
fn certified(
    directory: &Path,
    asked: (Influence, f64),
    terms: &Terms,
    (unit, steps): (f64, usize),
) -> Result<Option<Certified>, Error> {
    let readouts = MappedArray::open(&directory.join("influence_certificate.npy"))?;
    let (Some(influence), Some(readouts)) = (PairArray::open(directory, "influence")?, readouts) else {
        return Ok(None);
    };
    let ([queries, values], columns) = (terms.shape, influence.shape()[1]);
    let len = queries * values;
    if readouts.shape != [5, queries, values] || influence.shape() != [queries, columns, values] {
        let problem = "its influences have other shapes than its predictions; the run directory is damaged";
        return Err(Error::Input(format!("{}: {problem}", directory.display())));
    }
    let (direction, mut along) = (direction(columns), Vec::with_capacity(len));
    for query in 0..queries {
        let row = influence.values(query..query + 1, 0..columns)?;
        let of_value = |value: usize| row.iter().skip(value).step_by(values).zip(&direction);
        let sum = |value: usize| of_value(value).map(|(own, sign)| own * sign).sum::<f64>();
        along.extend((0..values).map(|value| asked.0.weight * sum(value)));
    }
    let readouts = readouts.all();
    let [base, above, below, far_above, far_below] = [0, 1, 2, 3, 4].map(|place| &readouts[place * len..][..len]);
    let retrainings = Retrainings {
        along: &along,
        base,
        imported: terms.unexplained.is_some().then_some(&terms.prediction),
        steps,
        small: (small(unit), [above, below]),
        practical: (PRACTICAL, [far_above, far_below]),
    };
    Ok(Some(InfluenceFindings::new(asked, &retrainings, unit).judgement()))
}
