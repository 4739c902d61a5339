//! The verdict of a run: whether its predictions are taken apart to what was asked for, and if not, why.

mod causes;
mod check;
mod influence;
mod recorded;

pub(super) use causes::{Imported, Integral, of_inexact, of_unexplained};
pub use check::check;
pub use influence::{Certainty, Certificate, Certified, InfluenceFindings, Retrainings};
pub use recorded::recorded;

use crate::error::Error;
use crate::path::larger;

/// What is to be said of a run's exactness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Residual and unexplained part are at most `kernel.accept` of the largest change.
    Exact,
    /// The residual is larger: the quadrature or the arithmetic misses a part of the change.
    Inexact,
    /// The unexplained part is larger: the optimizer does not make the recorded steps.
    Unexplained,
    /// The recorded model's own outputs are not the prediction: the model was given other inputs, or is another one.
    WrongInputs,
}

impl Verdict {
    const ALL: [Self; 4] = [Self::Exact, Self::Inexact, Self::Unexplained, Self::WrongInputs];

    /// The verdict of a word in `summary.json`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// The verdict on some findings. The recorded outputs come first, since nothing is right without the right inputs; of
    /// residual and unexplained part the larger one decides.
    pub fn judge(findings: &Findings) -> Self {
        let Findings { residual, unexplained, outputs_differ, loss_differs, .. } = *findings;
        let unexplained = unexplained.unwrap_or(0.0);
        let residual_decides = residual > unexplained;
        if [outputs_differ, loss_differs].into_iter().flatten().any(|share| findings.is_over(share)) {
            Self::WrongInputs
        } else if findings.is_over(unexplained) && !residual_decides {
            Self::Unexplained
        } else if findings.is_over(residual) {
            Self::Inexact
        } else if findings.is_over(unexplained) {
            Self::Unexplained
        } else {
            Self::Exact
        }
    }

    /// Its word in `summary.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Inexact => "inexact",
            Self::Unexplained => "unexplained",
            Self::WrongInputs => "wrong_inputs",
        }
    }

    /// Its word for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Exact => "Exact",
            Self::Inexact => "Inexact",
            Self::Unexplained => "Unexplained",
            Self::WrongInputs => "Wrong inputs",
        }
    }

    /// The exit code of a run that ends with it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Exact => 0,
            Self::Inexact | Self::Unexplained | Self::WrongInputs => 3,
        }
    }
}

/// What a verdict is made of. Sizes are shares of the largest change of the readout; one that is no number is beyond every bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Findings {
    /// What each may be at the most: `kernel.accept`.
    pub accept: f64,
    /// The largest residual.
    pub residual: f64,
    /// The largest unexplained part; `None` of a path that was made here.
    pub unexplained: Option<f64>,
    /// How far the recorded model's outputs of the queries are from the network's, at the most, relative to the largest of them;
    /// `None` where there are none.
    pub outputs_differ: Option<f64>,
    /// How far the loss that was recorded for the first step is from that here, relative to it; `None` where there is none.
    pub loss_differs: Option<f64>,
}

impl Findings {
    /// Those of a summary.
    ///
    /// # Errors
    ///
    /// A summary that does not have them.
    pub fn of_summary(summary: &serde_json::Value, accept: f64) -> Result<Self, Error> {
        // JSON holds no number that is not finite: it writes null. A share is infinite where nothing changed.
        let number = |key: &str| summary.get(key).map(|value| value.as_f64().unwrap_or(f64::INFINITY));
        let residual = number("largest_relative_residual");
        let residual = residual.ok_or_else(|| Error::Input("summary.json: has no largest_relative_residual".into()))?;
        let imported = summary["imported"] == true;
        let unexplained = number("largest_relative_unexplained").filter(|share| imported || share.is_finite());
        Ok(Self {
            accept,
            residual,
            unexplained,
            outputs_differ: number("outputs_differ"),
            loss_differs: number("loss_differs"),
        })
    }

    /// Whether a share is more than what is accepted; one that is no number is.
    fn is_over(&self, share: f64) -> bool {
        share > self.accept || share.is_nan()
    }

    /// What a verdict rests on, in numbers.
    pub fn sentence(&self, verdict: Verdict) -> String {
        let Self { accept, residual, unexplained, outputs_differ, loss_differs } = *self;
        let beyond = format!("kernel.accept = {accept:?}");
        match verdict {
            Verdict::Exact => {
                let unexplained =
                    unexplained.map_or(String::new(), |share| format!(", and {share:.1e} is unexplained"));
                format!("the largest residual is {}{unexplained} ({beyond})", of_change(residual))
            }
            Verdict::Inexact => format!("the largest residual is {} ({beyond})", of_change(residual)),
            Verdict::Unexplained => {
                format!(
                    "the optimizer does not explain up to {} ({beyond})",
                    of_change(unexplained.unwrap_or(f64::NAN))
                )
            }
            Verdict::WrongInputs => {
                let outputs = outputs_differ.filter(|share| self.is_over(*share)).map(|differ| {
                    format!("data.query.outputs differ from the network's by {}", part(differ, "the largest of them"))
                });
                let loss = loss_differs.filter(|share| self.is_over(*share)).map(|differ| {
                    format!(
                        "the first of trajectory.losses differs from the loss here by {}",
                        part(differ, "its value")
                    )
                });
                let both: Vec<String> = outputs.into_iter().chain(loss).collect();
                format!("{} ({beyond})", both.join(", and "))
            }
        }
    }
}

/// Roundings of the readout that a change may have and still be none.
const ROUNDINGS: f64 = 16.0;

/// The largest of a term, as a share of the largest change between the readouts at the first and the last weights. Where training
/// changed nothing but roundings (one is `unit` at the most, relative), terms of the size of roundings are nothing as well.
pub(super) fn of_largest_change(term: &[f64], [initial, prediction]: [&[f64]; 2], unit: f64) -> f64 {
    let size = |values: &mut dyn Iterator<Item = f64>| values.map(f64::abs).fold(0.0, larger);
    let change = size(&mut prediction.iter().zip(initial).map(|(last, first)| last - first));
    let nothing = ROUNDINGS * unit * size(&mut prediction.iter().chain(initial).copied());
    let largest = size(&mut term.iter().copied());
    if largest == 0.0 || larger(change, largest) <= nothing { 0.0 } else { largest / change }
}

/// A share of the largest change, for people.
fn of_change(share: f64) -> String {
    part(share, "the largest change")
}

/// A share of something, for people.
fn part(share: f64, of: &str) -> String {
    match share {
        _ if share.is_nan() => "no number".into(),
        _ if share.is_infinite() => format!("more than {of}, which is none"),
        _ if share >= 10.0 => format!("{share:.0} times {of}"),
        _ if share >= 1e-3 => format!("{:.2}% of {of}", 100.0 * share),
        _ => format!("{share:.1e} of {of}"),
    }
}

/// A verdict with its reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What is not explained, from which step on, and what usually causes it.
    pub because: String,
    /// That on the influences, where the run has any.
    pub influence: Option<Certified>,
}

impl Judgement {
    /// The verdict on some findings; where it is not exact, with what is found of the causes.
    pub fn new(findings: &Findings, causes: &[String]) -> Self {
        let verdict = Verdict::judge(findings);
        let because = std::iter::once(findings.sentence(verdict)).chain(causes.iter().cloned());
        Self { verdict, because: because.collect::<Vec<_>>().join("; "), influence: None }
    }

    /// For the terminal.
    pub fn lines(&self) -> Vec<String> {
        let verdict = format!("verdict           {}: {}", self.verdict.name(), self.because);
        std::iter::once(verdict).chain(self.influence.as_ref().map(Certified::line)).collect()
    }

    /// Whether all that the run has is what it should be.
    fn is_sound(&self) -> bool {
        self.influence.as_ref().is_none_or(|influence| influence.certainty != Certainty::Inexact)
    }

    /// The exit code of a run that ends with it.
    pub fn exit_code(&self) -> u8 {
        if self.is_sound() { self.verdict.exit_code() } else { Verdict::Inexact.exit_code() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(residual: f64, unexplained: Option<f64>, outputs_differ: Option<f64>) -> Verdict {
        Verdict::judge(&Findings { accept: 1e-3, residual, unexplained, outputs_differ, loss_differs: None })
    }

    #[test]
    fn the_larger_part_decides() {
        use Verdict::{Exact, Inexact, Unexplained, WrongInputs};
        assert_eq!(judge(1e-3, Some(1e-3), Some(1e-3)), Exact);
        assert_eq!(judge(0.0, None, None), Exact);
        assert_eq!(judge(2e-3, Some(1e-3), None), Inexact);
        assert_eq!(judge(1e-3, Some(2e-3), None), Unexplained);
        assert_eq!((judge(0.2, Some(0.1), None), judge(0.1, Some(0.2), None)), (Inexact, Unexplained));
        assert_eq!(judge(0.2, Some(0.1), Some(2e-3)), WrongInputs);
    }

    /// What is no number, or infinite because nothing changed, is never exact.
    #[test]
    fn what_is_no_number_is_not_exact() {
        use Verdict::{Inexact, Unexplained, WrongInputs};
        for wrong in [f64::NAN, f64::INFINITY] {
            assert_eq!(judge(wrong, None, None), Inexact);
            assert_eq!(judge(0.0, Some(wrong), None), Unexplained);
            assert_eq!(judge(1e-9, None, Some(wrong)), WrongInputs);
        }
        assert_eq!(judge(f64::NAN, Some(1e-9), None), Inexact);
    }

    /// Nothing of nothing is exact; a part of nothing is not, unless it is a rounding; and a rounding of a change is what it is.
    #[test]
    fn shares_are_of_the_largest_change() {
        let share =
            |term: f64, ends: [f64; 2]| of_largest_change(&[term, 0.0], [&[ends[0], 1.0], &[ends[1], 1.0]], 1e-16);
        assert_eq!(share(0.5, [1.0, -1.0]), 0.25);
        assert_eq!(
            (share(0.0, [1.0, 1.0]), share(1e-15, [1.0, 1.0]), share(1e-15, [1.0, 1.0 + 1e-15])),
            (0.0, 0.0, 0.0)
        );
        assert_eq!((share(1e-3, [1.0, 1.0]), share(1e-15, [0.0, 1e-12])), (f64::INFINITY, 1e-15 / 1e-12));
        assert!(share(f64::NAN, [1.0, 2.0]).is_nan());
    }

    #[test]
    fn sentences_have_their_numbers() {
        let findings = Findings {
            accept: 1e-3,
            residual: 2e-15,
            unexplained: Some(0.825),
            outputs_differ: None,
            loss_differs: None,
        };
        let judgement = Judgement::new(&findings, &["weights stand still".into()]);
        assert_eq!(
            judgement.lines()[0],
            "verdict           unexplained: the optimizer does not explain up to 82.50% of the largest change \
             (kernel.accept = 0.001); weights stand still"
        );
        let exact = Findings { unexplained: None, ..findings };
        assert_eq!(
            Judgement::new(&exact, &[]).because,
            "the largest residual is 2.0e-15 of the largest change (kernel.accept = 0.001)"
        );
        assert_eq!(of_change(5400.0), "5400 times the largest change");
        assert_eq!(of_change(f64::INFINITY), "more than the largest change, which is none");
    }

    #[test]
    fn summaries_give_their_findings_back() {
        let summary = serde_json::json!({
            "imported": true, "largest_relative_residual": 1e-9, "largest_relative_unexplained": null
        });
        let findings = Findings::of_summary(&summary, 0.5).expect("findings");
        assert!(findings.residual == 1e-9 && findings.unexplained == Some(f64::INFINITY), "{findings:?}");
        assert_eq!((findings.accept, findings.outputs_differ), (0.5, None));
        assert!(Findings::of_summary(&serde_json::json!({}), 0.5).is_err());
    }
}
