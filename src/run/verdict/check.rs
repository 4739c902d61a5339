//! The verdict of a finished run once more, from its arrays.

use super::recorded::explained;
use super::{Findings, Judgement, of_largest_change};
use crate::compute::Element;
use crate::device::Precision;
use crate::error::Error;
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
    Ok(explained(&findings, &summary))
}
