//! A run file in words: how the path is made, and what is integrated along it.

use super::{Kernel, KernelShape, RunFile, Training};
use crate::path::Rule;

impl RunFile {
    /// How the path is made.
    pub fn path_words(&self) -> String {
        let training = self.training.words();
        match &self.trajectory.import {
            None => training,
            Some(pattern) => format!("imported from {pattern}, explained by {training}"),
        }
    }

    /// What is integrated along the path, and by which rule.
    pub fn integral_words(&self) -> String {
        let Kernel { rule, attribution, kernel, superposition, readout, .. } = &self.kernel;
        let shape = match kernel {
            KernelShape::None => None,
            KernelShape::Trace => Some("trace kernel"),
            KernelShape::Diagonal => Some("diagonal kernel"),
            KernelShape::Full => Some("full kernel"),
        };
        let parts = [attribution.then_some("attribution"), shape, superposition.then_some("superposition")];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        let flow = self.training.optimizer.is_solved();
        let place = if flow { "in each of the solver's steps" } else { "on each step" };
        let rule = match rule {
            Rule::Gauss { nodes: 1 } => format!("1 Gauss node {place}"),
            Rule::Gauss { nodes } => format!("{nodes} Gauss nodes {place}"),
            Rule::Left => "the gradient at each step's start".into(),
            Rule::Adaptive { tolerance } => format!("as many nodes as a tolerance of {tolerance:?} takes"),
        };
        format!("{} of {}; {rule}", list(&parts), readout.words())
    }
}

/// "a, b and c".
fn list(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        all => all.concat(),
    }
}

impl Training {
    /// The optimizer and everything that changes its steps.
    fn words(&self) -> String {
        let mut parts = vec![self.optimizer.words()];
        parts.extend(self.schedule.words());
        if self.clip_norm > 0.0 {
            parts.push(format!("gradients clipped at a norm of {:?}", self.clip_norm));
        }
        parts.push(match (&self.batches, self.batch_size) {
            (Some(_), _) => "batches in a recorded order".into(),
            (None, Some(size)) => format!("batches of {size}"),
            (None, None) => "all examples in each step".into(),
        });
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Loss;
    use crate::optimizer::{Flow, Optimizer, Sgd};
    use crate::training::{Reduction, Schedule, ScheduleKind};

    #[test]
    fn words_are_listed() {
        assert_eq!((list(&[]), list(&["a"])), (String::new(), "a".to_owned()));
        assert_eq!((list(&["a", "b"]), list(&["a", "b", "c"])), ("a and b".to_owned(), "a, b and c".to_owned()));
    }

    #[test]
    fn what_changes_a_step_is_said() {
        let sgd = Sgd { learning_rate: 0.5, momentum: 0.9, dampening: 0.0, nesterov: true, weight_decay: 0.01 };
        let mut training = Training {
            loss: Loss::CrossEntropy,
            reduction: Reduction::Mean,
            optimizer: Optimizer::Sgd(sgd),
            schedule: Schedule { kind: ScheduleKind::Cosine { last: 0.05 }, warmup: 3 },
            clip_norm: 2.0,
            steps: 10,
            batch_size: Some(32),
            batches: None,
        };
        assert_eq!(
            training.words(),
            "SGD with Nesterov momentum 0.9, learning rate 0.5, weight decay 0.01, a cosine down to 0.05 after a \
             warmup of 3 steps, gradients clipped at a norm of 2.0, batches of 32"
        );
        training.optimizer = Optimizer::Flow(Flow { time: 10.0, tolerance: 1e-8 });
        training.schedule = Schedule { kind: ScheduleKind::Constant, warmup: 0 };
        (training.clip_norm, training.batch_size) = (0.0, None);
        assert_eq!(
            training.words(),
            "gradient flow over a time of 10.0, solved to a tolerance of 1e-8, all examples in each step"
        );
    }
}
