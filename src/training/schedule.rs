//! Learning rates over the steps.

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
    Step {
        /// Steps.
        every: usize,
        /// The factor.
        factor: f64,
    },
    /// Half a cosine down to a rate that would be that of the step after the last.
    Cosine {
        /// The rate at the end.
        last: f64,
    },
    /// One rate a step.
    List(Vec<f64>),
}

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
            ScheduleKind::Step { every, factor } => base * factor.powf((step / every) as f64),
            ScheduleKind::Cosine { last } => {
                let all = steps.saturating_sub(*warmup).max(1) as f64;
                last + 0.5 * (base - last) * (1.0 + (std::f64::consts::PI * step as f64 / all).cos())
            }
            ScheduleKind::List(rates) => rates.get(step).copied().unwrap_or(base),
        }
    }

    /// The course in words, unless every step has the optimizer's rate.
    pub fn words(&self) -> Option<String> {
        let warmup = if self.warmup == 0 { String::new() } else { format!(" after a warmup of {} steps", self.warmup) };
        match &self.kind {
            ScheduleKind::Constant if self.warmup == 0 => None,
            ScheduleKind::Constant => Some(format!("constant{warmup}")),
            ScheduleKind::Step { every, factor } => Some(format!("times {factor:?} every {every} steps{warmup}")),
            ScheduleKind::Cosine { last } => Some(format!("a cosine down to {last:?}{warmup}")),
            ScheduleKind::List(_) => Some("then a learning rate for each step".into()),
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
        let step = ScheduleKind::Step { every: 2, factor: 0.5 };
        assert_eq!(rates(Schedule { kind: step.clone(), warmup: 0 }, 5), [0.8, 0.8, 0.4, 0.4, 0.2]);
        assert_eq!(rates(Schedule { kind: step, warmup: 2 }, 5), [0.4, 0.8, 0.8, 0.8, 0.4]);
        let cosine = rates(Schedule { kind: ScheduleKind::Cosine { last: 0.2 }, warmup: 1 }, 5);
        for (got, want) in cosine.iter().zip([0.8, 0.8, 0.5 + 0.3 * 0.5f64.sqrt(), 0.5, 0.5 - 0.3 * 0.5f64.sqrt()]) {
            assert!((got - want).abs() < 1e-15, "{cosine:?}");
        }
    }
}
