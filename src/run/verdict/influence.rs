//! The verdict on influences: what training again says of them, and what a reader of them should know.

use super::Judgement;
use crate::compute::Element;
use crate::influence::Influence;
use crate::path::adaptive::has_kinks;
use crate::path::larger;
use crate::problem::Problem;
use serde_json::{Value, json};

/// How much of the largest the certificate may be off by rounding and by what bends within its radius, and still say something.
const TELLING: f64 = 0.1;
/// Beyond what is between the two sides of a difference, a derivative that bends one way is not; how often that is allowed.
const SIDES: f64 = 2.0;
/// Roundings of the largest readout in each step of training, roughly: they add up as the root of the steps.
const ROUNDINGS: f64 = 16.0;
/// Growth beyond which a small change of early weights is said to be a large one of the last.
const LARGE_GROWTH: f64 = 100.0;
/// A difference at the practical radius beyond which the derivative is said to be of no use there.
const USELESS: f64 = 0.5;

/// What is to be said of influences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Training again gives the same derivative.
    Exact,
    /// Training again cannot tell: the difference of two readouts is no derivative to that extent, or that of another path.
    Uncertain,
    /// Training again gives another derivative.
    Inexact,
}

impl Certainty {
    const ALL: [Self; 3] = [Self::Exact, Self::Uncertain, Self::Inexact];

    /// The one of a word in `summary.json`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|certainty| certainty.name() == name)
    }

    /// Its word in `summary.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Uncertain => "uncertain",
            Self::Inexact => "inexact",
        }
    }
}

/// Trainings at a radius `h` against the influences along the same direction. Sizes are shares of the largest difference quotient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certificate {
    /// h.
    pub radius: f64,
    /// How far the quotient `(F(1 + h v) - F(1 - h v)) / 2 h` is from the influences along v, at the most.
    pub difference: f64,
    /// Half of what the quotients of the two sides differ by, at the most: a derivative that rises or falls all the way lies between them.
    pub sides: f64,
    /// What rounding may make of the quotient.
    pub rounding: f64,
}

impl Certificate {
    /// Of readouts above and below those of the path itself, in each of which training leaves `rounding`, and of the derivatives by h.
    pub fn new(radius: f64, [above, below]: [&[f64]; 2], base: &[f64], along: &[f64], rounding: f64) -> Self {
        let size = |values: &mut dyn Iterator<Item = f64>| values.map(f64::abs).fold(0.0, larger);
        let both = || above.iter().zip(below);
        let quotient = || both().map(|(above, below)| (above - below) / (2.0 * radius));
        let largest = size(&mut quotient());
        let share = |part: f64| if part == 0.0 { 0.0 } else { part / largest };
        let bend = both().zip(base).map(|((above, below), base)| (above - base) + (below - base));
        Self {
            radius,
            difference: share(size(&mut quotient().zip(along).map(|(quotient, along)| quotient - along))),
            sides: share(size(&mut bend.map(|bend| bend / (2.0 * radius)))),
            rounding: share(rounding / radius),
        }
    }

    /// What the quotient may be off by.
    fn doubt(&self) -> f64 {
        SIDES * self.sides + self.rounding
    }

    fn to_json(self) -> Value {
        let Self { radius, difference, sides, rounding } = self;
        json!({ "radius": radius, "difference": difference, "sides": sides, "rounding": rounding })
    }
}

/// Readouts of trainings again, and the influences that they are held against; each `[n, R]`.
pub struct Retrainings<'a> {
    /// Along the direction: derivatives by h.
    pub along: &'a [f64],
    /// On the path along which the influences were taken, by training again.
    pub base: &'a [f64],
    /// Those of the run's own path, where it was not made here.
    pub imported: Option<&'a [f64]>,
    /// Steps of training.
    pub steps: usize,
    /// A radius, and the readouts above and below.
    pub small: (f64, [&'a [f64]; 2]),
    /// The same of practical use.
    pub practical: (f64, [&'a [f64]; 2]),
}

/// What a verdict on influences is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct InfluenceFindings {
    /// What a difference may be at the most: `kernel.accept`.
    pub accept: f64,
    /// What was asked for.
    pub asked: Influence,
    /// Whether its numbers are in double precision.
    pub is_double: bool,
    /// At a radius where nothing but the arithmetic shows.
    pub small: Certificate,
    /// At one of practical use.
    pub practical: Certificate,
    /// The largest `‖λ_s‖ / ‖λ_S‖` of any step; 0 where it is not known.
    pub growth: f64,
    /// Of an imported path: how far training again is from it, as a share of the largest readout.
    pub path_differs: Option<f64>,
    /// What a reader of them should know.
    pub warnings: Vec<String>,
}

impl InfluenceFindings {
    /// Of trainings again, in numbers of which a rounding is `unit`, relative. What to know of them is [`warned`](Self::warned).
    pub fn new((asked, accept): (Influence, f64), retrainings: &Retrainings<'_>, unit: f64) -> Self {
        let Retrainings { along, base, imported, steps, small, practical } = *retrainings;
        let size = |values: &[f64]| values.iter().copied().map(f64::abs).fold(0.0, larger);
        let rounding = ROUNDINGS * unit * (steps as f64).sqrt() * size(base);
        let certificate =
            |(radius, readouts): (f64, [&[f64]; 2])| Certificate::new(radius, readouts, base, along, rounding);
        let path_differs = imported.map(|own| {
            let off: Vec<f64> = own.iter().zip(base).map(|(own, base)| own - base).collect();
            size(&off) / size(own)
        });
        let (small, practical) = (certificate(small), certificate(practical));
        let is_double = unit <= f64::ROUNDING;
        Self { accept, asked, is_double, small, practical, growth: 0.0, path_differs, warnings: Vec::new() }
    }

    /// The same with how the derivatives of a problem grew by step, and what a reader of its influences should know.
    pub fn warned(self, problem: &Problem, growth: &[f64]) -> Self {
        let grown = Self { growth: growth.iter().copied().fold(0.0, larger), ..self };
        Self { warnings: grown.warnings_of(problem), ..grown }
    }

    /// Whether training again makes another path than the one that was imported.
    fn is_of_another_path(&self) -> bool {
        self.path_differs.is_some_and(|differs| differs > self.accept || differs.is_nan())
    }

    /// Whether the derivative is one of something smoother than training.
    fn is_smoothed(&self) -> bool {
        self.asked.eps != 0.0 || self.asked.smooth != 0.0
    }

    /// The verdict.
    pub fn certainty(&self) -> Certainty {
        let (difference, doubt) = (self.small.difference, self.small.doubt());
        if difference <= self.accept.max(doubt.min(TELLING)) {
            Certainty::Exact
        } else if difference <= doubt || self.is_of_another_path() || self.is_smoothed() || doubt.is_nan() {
            Certainty::Uncertain
        } else {
            Certainty::Inexact
        }
    }

    /// The verdict with its reason.
    pub fn judgement(&self) -> Certified {
        let Certificate { radius, difference, .. } = self.small;
        let found =
            format!("training again with examples' weights moved by {radius:.1e} differs by {}", share(difference));
        let because = match self.certainty() {
            Certainty::Exact => found,
            Certainty::Uncertain if self.is_of_another_path() => {
                format!("{found}, and makes another path than the imported one, so that it cannot tell")
            }
            Certainty::Uncertain if self.is_smoothed() => {
                format!("{found}: the derivative is smoothed (kernel.influence), and not that of training")
            }
            Certainty::Uncertain => {
                let finer = if self.is_double { "" } else { "; run.precision = \"f64\" takes a smaller one" };
                format!(
                    "{found}, and is itself known to {} only, since readouts bend or jump within that radius{finer}",
                    share(self.small.doubt())
                )
            }
            Certainty::Inexact => {
                let remedy = if self.is_double { "report it with the run file" } else { "set run.precision = \"f64\"" };
                format!(
                    "{found}, beyond what rounding explains: the influences are not the derivative of this training; {remedy}"
                )
            }
        };
        let practical = &self.practical;
        let practical = format!(
            "; with examples' weights moved by {:.0}% by {}",
            100.0 * practical.radius,
            share(practical.difference)
        );
        Certified { certainty: self.certainty(), because: because + &practical }
    }

    /// What `summary.json` says.
    pub fn to_json(&self) -> Value {
        let Certified { certainty, because } = self.judgement();
        let Influence { weight, eps, smooth } = self.asked;
        json!({
            "verdict": certainty.name(),
            "because": because,
            "certificate_small": self.small.to_json(),
            "certificate_practical": self.practical.to_json(),
            "growth": self.growth,
            "path_differs": self.path_differs,
            "weight": weight,
            "eps": eps,
            "smooth": smooth,
            "warnings": self.warnings,
        })
    }

    /// What a reader of the influences should know, where it applies.
    fn warnings_of(&self, problem: &Problem) -> Vec<String> {
        let (optimizer, practical) = (problem.spec.optimizer.whole(), &self.practical);
        let at = format!("with examples' weights moved by {:.0}%", 100.0 * practical.radius);
        let all = [
            (true, "influences do not add up to the change of the readout, and hold for this seed and these batches".to_owned()),
            (
                self.asked.weight == 1.0,
                "influences are derivatives: right for leaving out few examples; for many, with SGD, take them at a smaller weight of all, \
                 such as kernel.influence = { weight = 0.5 }"
                    .to_owned(),
            ),
            (
                has_kinks(&problem.network),
                "training jumps where units of a relu or its like switch, and the derivative misses the jumps".to_owned(),
            ),
            (
                optimizer.looks_back(),
                format!(
                    "{}'s steps divide by the root of a mean of squares: where that is small, the derivative is right within a tiny radius \
                     alone",
                    optimizer.name()
                ),
            ),
            (
                optimizer.looks_back() && self.asked.weight != 1.0,
                format!("{}'s steps hardly see how large a gradient is, so that kernel.influence.weight changes little", optimizer.name()),
            ),
            (
                self.growth > LARGE_GROWTH || self.growth.is_nan(),
                format!("training is unstable: on its way back the derivative grows to {:.0} times what it is at the end", self.growth),
            ),
            (
                practical.difference > USELESS || practical.difference.is_nan(),
                format!("{at} the influences are off by {}: do not rely on them there", share(practical.difference)),
            ),
            (
                self.is_of_another_path(),
                "training again does not make the imported path, so that the certificate is that of another path".to_owned(),
            ),
            (
                self.is_smoothed(),
                "kernel.influence's eps and smooth are experimental: they help some runs and make others explode".to_owned(),
            ),
        ];
        all.into_iter().filter(|(applies, _)| *applies).map(|(_, words)| words).collect()
    }
}

/// A share of the largest difference quotient, for people.
fn share(share: f64) -> String {
    match share {
        _ if share.is_nan() => "no number".to_owned(),
        _ if share >= 10.0 => format!("{share:.0} times the largest"),
        _ if share >= 0.01 => format!("{:.0}% of the largest", 100.0 * share),
        _ => format!("{share:.1e} of the largest"),
    }
}

/// A verdict on influences with its reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Certified {
    /// The verdict.
    pub certainty: Certainty,
    /// What training again says.
    pub because: String,
}

impl Certified {
    /// That of a summary; `None` where the run has no influences.
    pub fn of_summary(summary: &Value) -> Option<Self> {
        let influence = &summary["influence"];
        let certainty = Certainty::named(influence["verdict"].as_str()?)?;
        Some(Self { certainty, because: influence["because"].as_str()?.to_owned() })
    }

    /// For the terminal.
    pub fn line(&self) -> String {
        format!("influence         {}: {}", self.certainty.name(), self.because)
    }
}

impl Judgement {
    /// The same of a run with influences.
    pub fn with(self, influence: Option<Certified>) -> Self {
        Self { influence, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Influence = Influence { weight: 1.0, eps: 0.0, smooth: 0.0 };

    /// Readouts of which each is a function of h, on the path and at two radii, against derivatives at 0.
    fn findings(function: impl Fn(usize, f64) -> f64, along: [f64; 2], asked: Influence) -> InfluenceFindings {
        let at = |h: f64| (0..2).map(|place| function(place, h)).collect::<Vec<f64>>();
        let (base, small, practical) = (at(0.0), [at(1e-5), at(-1e-5)], [at(0.1), at(-0.1)]);
        let retrainings = Retrainings {
            along: &along,
            base: &base,
            imported: None,
            steps: 100,
            small: (1e-5, small.each_ref().map(Vec::as_slice)),
            practical: (0.1, practical.each_ref().map(Vec::as_slice)),
        };
        InfluenceFindings::new((asked, 1e-3), &retrainings, 1e-16)
    }

    /// A smooth function: its quotient is its derivative but for h² of the third, and its sides differ by h of the second.
    #[test]
    fn a_smooth_training_is_certified() {
        let smooth = |place: usize, h: f64| 1.0 + (h * (place + 1) as f64).exp();
        let right = findings(smooth, [1.0, 2.0], ASKED);
        assert_eq!(right.certainty(), Certainty::Exact);
        let Certificate { difference, sides, .. } = right.practical;
        // (sinh 0.2) / 0.1 against 2, and (cosh 0.2 - 1) / 0.1, of the quotient of the second.
        let quotient = 0.2f64.sinh() / 0.1;
        assert!((difference - (quotient - 2.0) / quotient).abs() < 1e-12);
        assert!((sides - (0.2f64.cosh() - 1.0) / 0.1 / quotient).abs() < 1e-12);
        assert!(
            right.judgement().because.starts_with("training again with examples' weights moved by 1.0e-5 differs by")
        );
        for wrong in [[1.0, 2.01], [1.0, 0.0], [1.0, f64::NAN]] {
            let wrong = findings(smooth, wrong, ASKED);
            assert_eq!(wrong.certainty(), Certainty::Inexact);
            assert!(wrong.judgement().because.contains("report it with the run file"));
            let single = InfluenceFindings { is_double: false, ..wrong };
            assert!(single.judgement().because.contains("run.precision = \"f64\""));
        }
    }

    /// Where training jumps within the radius, nothing can be told; where the derivative is smoothed, it is no derivative of training.
    #[test]
    fn what_cannot_be_told_is_not_called_wrong() {
        let jumps = |place: usize, h: f64| (place + 1) as f64 * h + if h > 1e-6 { 1e-3 } else { 0.0 };
        let found = findings(jumps, [1.0, 2.0], ASKED);
        assert_eq!(found.certainty(), Certainty::Uncertain);
        assert!(found.judgement().because.contains("bend or jump"), "{}", found.judgement().because);
        let straight = |place: usize, h: f64| (place + 1) as f64 * h;
        let smoothed = findings(straight, [1.0, 1.5], Influence { smooth: 0.05, ..ASKED });
        assert_eq!(smoothed.certainty(), Certainty::Uncertain);
        let another = InfluenceFindings { path_differs: Some(0.1), ..findings(straight, [1.0, 1.5], ASKED) };
        assert_eq!(another.certainty(), Certainty::Uncertain);
        assert!(another.judgement().because.contains("another path"));
        let same = InfluenceFindings { path_differs: Some(1e-9), ..findings(straight, [1.0, 1.5], ASKED) };
        assert_eq!(same.certainty(), Certainty::Inexact);
    }

    /// Nothing that moves is a derivative of nothing; training that leads nowhere at a radius says that it does.
    #[test]
    fn nothing_and_nowhere_are_told() {
        let still = findings(|_, _| 3.0, [0.0, 0.0], ASKED);
        assert_eq!((still.certainty(), still.small.difference), (Certainty::Exact, 0.0));
        let nowhere = findings(|_, h| if h.abs() > 0.01 { f64::NAN } else { h }, [1.0, 1.0], ASKED);
        assert_eq!(nowhere.certainty(), Certainty::Exact);
        assert!(nowhere.practical.difference.is_nan() && nowhere.judgement().because.ends_with("by 10% by no number"));
    }

    #[test]
    fn a_summary_gives_it_back() {
        let found = findings(|_, h| h, [1.0, 1.0], ASKED);
        let summary = json!({ "influence": found.to_json() });
        assert_eq!(Certified::of_summary(&summary), Some(found.judgement()));
        assert_eq!(Certified::of_summary(&json!({})), None);
    }
}
