//! Learning rates over the steps.

use crate::key::{Alternative, Count, Key, Number, OneOf, at};
use crate::plural::counted;

/// Learning rates over the steps: factors of the optimizer's rate, or a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The course after the warmup.
    pub kind: ScheduleKind,
    /// Steps of the warmup, in which the rate grows linearly: step s has (s + 1) / warmup of the optimizer's rate.
    pub warmup: usize,
}

/// The course of a schedule, in steps after the warmup.
#[derive(Debug, Clone, PartialEq)]
pub enum ScheduleKind {
    /// The optimizer's rate.
    Constant,
    /// The rate is multiplied by a factor after every so many steps.
    Step(StepDecay),
    /// Half a cosine down to a rate that would be that of the step after the last.
    Cosine(Cosine),
    /// One rate a step.
    List(Vec<f64>),
}

/// A rate that is multiplied by a factor again and again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepDecay {
    /// Steps from one factor to the next.
    pub every: usize,
    /// The factor.
    pub factor: f64,
}

/// Half a cosine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cosine {
    /// The rate at the end.
    pub last: f64,
}

/// A table whose `type` names a course. A list of rates is no course: it is a key of its own.
pub(crate) const FORM: OneOf<Schedule> = OneOf {
    variants: || vec![Box::new(CONSTANT), Box::new(STEP), Box::new(COSINE)],
    name: |schedule| match schedule.kind {
        ScheduleKind::Constant => CONSTANT.name,
        ScheduleKind::Step(_) => STEP.name,
        ScheduleKind::Cosine(_) => COSINE.name,
        ScheduleKind::List(_) => "list",
    },
    shared: &[Key::new(
        "warmup",
        "steps: step s of a warmup has (s + 1)/warmup of the rate; the course begins after it",
        at!(Schedule.warmup, Count::from(0)),
    )],
};

/// The schedule where none is given.
pub(crate) const START: Schedule = course(ScheduleKind::Constant);

/// A course without a warmup.
const fn course(kind: ScheduleKind) -> Schedule {
    Schedule { kind, warmup: 0 }
}

const CONSTANT: Alternative<Schedule, ()> = Alternative {
    name: "constant",
    help: "always the optimizer's rate",
    start: (),
    keys: &[],
    check: |()| Ok(()),
    make: |()| START,
    of: |schedule| (schedule.kind == ScheduleKind::Constant).then_some(()),
};

const STEP: Alternative<Schedule, StepDecay> = Alternative {
    name: "step",
    help: "times a factor again and again",
    start: StepDecay { every: 0, factor: 0.0 },
    keys: &[
        Key::required("every", "steps from one factor to the next", at!(StepDecay.every, Count::from(1))),
        Key::required("factor", "the factor", at!(StepDecay.factor, Number::AboveZero)),
    ],
    check: |_| Ok(()),
    make: |step| course(ScheduleKind::Step(step)),
    of: |schedule| match schedule.kind {
        ScheduleKind::Step(step) => Some(step),
        ScheduleKind::Constant | ScheduleKind::Cosine(_) | ScheduleKind::List(_) => None,
    },
};

const COSINE: Alternative<Schedule, Cosine> = Alternative {
    name: "cosine",
    help: "half a cosine, down to the rate after the last step",
    start: Cosine { last: 0.0 },
    keys: &[Key::new("final", "the rate at the end", at!(Cosine.last, Number::NotNegative))],
    check: |_| Ok(()),
    make: |cosine| course(ScheduleKind::Cosine(cosine)),
    of: |schedule| match schedule.kind {
        ScheduleKind::Cosine(cosine) => Some(cosine),
        ScheduleKind::Constant | ScheduleKind::Step(_) | ScheduleKind::List(_) => None,
    },
};

impl Schedule {
    /// The learning rate of a step, counted from 0, of `steps` in all, where the optimizer's is `base`.
    pub fn rate(&self, base: f64, step: usize, steps: usize) -> f64 {
        let Self { kind, warmup } = self;
        if step < *warmup {
            return base * (step + 1) as f64 / *warmup as f64;
        }
        let step = step - warmup;
        match kind {
            ScheduleKind::Constant => base,
            ScheduleKind::Step(StepDecay { every, factor }) => base * factor.powf((step / every) as f64),
            ScheduleKind::Cosine(Cosine { last }) => {
                let all = steps.saturating_sub(*warmup).max(1) as f64;
                last + 0.5 * (base - last) * (1.0 + (std::f64::consts::PI * step as f64 / all).cos())
            }
            ScheduleKind::List(rates) => rates.get(step).copied().unwrap_or(base),
        }
    }

    /// The rate of each step, where they are given one by one.
    pub fn rates(&self) -> Option<&[f64]> {
        match &self.kind {
            ScheduleKind::List(rates) => Some(rates),
            ScheduleKind::Constant | ScheduleKind::Step(_) | ScheduleKind::Cosine(_) => None,
        }
    }

    /// The course in words, unless every step has the optimizer's rate.
    pub fn words(&self) -> Option<String> {
        let warmup = if self.warmup == 0 {
            String::new()
        } else {
            format!(" after a warmup of {}", counted(self.warmup, "step"))
        };
        match &self.kind {
            ScheduleKind::Constant if self.warmup == 0 => None,
            ScheduleKind::Constant => Some(format!("constant{warmup}")),
            ScheduleKind::Step(StepDecay { every, factor }) => {
                let every = if *every == 1 { "step".to_owned() } else { counted(*every, "step") };
                Some(format!("times {factor:?} every {every}{warmup}"))
            }
            ScheduleKind::Cosine(Cosine { last }) => Some(format!("a cosine down to {last:?}{warmup}")),
            // What it is a course of is said with the optimizer's numbers.
            ScheduleKind::List(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: Schedule, steps: usize) -> Vec<f64> {
        (0..steps).map(|step| schedule.rate(0.8, step, steps)).collect()
    }

    #[test]
    fn schedules_follow_their_course_after_the_warmup() {
        let step = ScheduleKind::Step(StepDecay { every: 2, factor: 0.5 });
        assert_eq!(rates(Schedule { kind: step.clone(), warmup: 0 }, 5), [0.8, 0.8, 0.4, 0.4, 0.2]);
        assert_eq!(rates(Schedule { kind: step, warmup: 2 }, 5), [0.4, 0.8, 0.8, 0.8, 0.4]);
        let cosine = rates(Schedule { kind: ScheduleKind::Cosine(Cosine { last: 0.2 }), warmup: 1 }, 5);
        for (got, want) in cosine.iter().zip([0.8, 0.8, 0.5 + 0.3 * 0.5f64.sqrt(), 0.5, 0.5 - 0.3 * 0.5f64.sqrt()]) {
            assert!((got - want).abs() < 1e-15, "{cosine:?}");
        }
    }
}
