//! How the network is trained, written as TOML.

use super::write::{count, table, text};
use super::{Batches, Training};
use crate::optimizer::Optimizer;
use crate::training::{Reduction, Schedule, ScheduleKind};
use toml::{Table, Value};

impl Training {
    pub(super) fn table(&self) -> Table {
        let reduction = if self.reduction == Reduction::Mean { "mean" } else { "sum" };
        let mut entries = vec![
            ("loss", text(self.loss.name())),
            ("reduction", text(reduction)),
            ("optimizer", self.optimizer.table()),
        ];
        if !self.optimizer.is_solved() {
            entries.push(match &self.schedule.kind {
                ScheduleKind::List(rates) => {
                    ("learning_rates", Value::Array(rates.iter().map(|&rate| Value::Float(rate)).collect()))
                }
                _ => ("schedule", self.schedule.table()),
            });
            entries.push(("clip_norm", Value::Float(self.clip_norm)));
            entries.push(("steps", count(self.steps)));
        }
        entries.extend(self.batch_size.map(|size| ("batch_size", count(size))));
        entries.extend(self.batches.as_ref().map(|batches| ("batches", batches.value())));
        table(entries)
    }
}

impl Optimizer {
    fn table(&self) -> Value {
        let mut entries = vec![("type", text(self.name()))];
        match self {
            Optimizer::Sgd(sgd) => entries.extend([
                ("learning_rate", Value::Float(sgd.learning_rate)),
                ("momentum", Value::Float(sgd.momentum)),
                ("dampening", Value::Float(sgd.dampening)),
                ("nesterov", Value::Boolean(sgd.nesterov)),
                ("weight_decay", Value::Float(sgd.weight_decay)),
            ]),
            Optimizer::Adam(adam) => entries.extend([
                ("learning_rate", Value::Float(adam.learning_rate)),
                ("betas", Value::Array(adam.betas.map(Value::Float).to_vec())),
                ("eps", Value::Float(adam.eps)),
                ("weight_decay", Value::Float(adam.weight_decay)),
            ]),
            Optimizer::Flow(flow) => {
                entries.extend([("time", Value::Float(flow.time)), ("tolerance", Value::Float(flow.tolerance))]);
            }
        }
        Value::Table(table(entries))
    }
}

impl Schedule {
    fn table(&self) -> Value {
        let mut entries = match &self.kind {
            ScheduleKind::Constant | ScheduleKind::List(_) => vec![("type", text("constant"))],
            ScheduleKind::Step { every, factor } => {
                vec![("type", text("step")), ("every", count(*every)), ("factor", Value::Float(*factor))]
            }
            ScheduleKind::Cosine { last } => vec![("type", text("cosine")), ("final", Value::Float(*last))],
        };
        entries.push(("warmup", count(self.warmup)));
        Value::Table(table(entries))
    }
}

impl Batches {
    fn value(&self) -> Value {
        let batch =
            |batch: &Vec<u32>| Value::Array(batch.iter().map(|&example| Value::Integer(example.into())).collect());
        match self {
            Batches::File(path) => text(path),
            Batches::List(lists) => Value::Array(lists.iter().map(batch).collect()),
        }
    }
}
