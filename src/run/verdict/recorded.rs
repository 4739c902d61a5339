//! The verdict of a run that is finished, as its summary tells it.

use super::{Certified, Findings, Judgement, Verdict};
use crate::error::Error;
use crate::run::store::Store;

/// The verdict of a finished run, at what is accepted now. Its reason is the recorded one, unless another bound made another
/// verdict.
///
/// # Errors
///
/// A summary that is missing or damaged.
pub fn recorded(store: &Store, accept: f64) -> Result<Judgement, Error> {
    let summary = store.summary()?;
    let findings = Findings::of_summary(&summary, accept)?;
    Ok(explained(&findings, &summary).with(Certified::of_summary(&summary)))
}

/// The verdict on findings, with the reason of a summary where that gives the same verdict.
pub(super) fn explained(findings: &Findings, summary: &serde_json::Value) -> Judgement {
    let fresh = Judgement::new(findings, &[]);
    if summary["verdict"].as_str().and_then(Verdict::named) != Some(fresh.verdict) {
        return fresh;
    }
    let causes = summary["causes"].as_array().into_iter().flatten();
    let causes: Vec<String> = causes.filter_map(|cause| Some(cause.as_str()?.to_owned())).collect();
    Judgement::new(findings, &causes)
}
