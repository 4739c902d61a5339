//! How the network is trained, as the run file describes it.

use super::section::{Result, Section};
use crate::loss::{LOSSES, Loss};
use crate::optimizer::{Adam, Flow, Optimizer, Sgd, is_not_single};
use crate::training::{Reduction, Schedule, ScheduleKind};
use toml::Value;

/// How the network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// The loss.
    pub loss: Loss,
    /// Mean or sum over the batch.
    pub reduction: Reduction,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Learning rates over the steps.
    pub schedule: Schedule,
    /// The largest norm of the loss gradient; 0: not clipped.
    pub clip_norm: f64,
    /// Steps; 0 for gradient flow, which takes its own.
    pub steps: usize,
    /// Examples a step; the whole set without it.
    pub batch_size: Option<usize>,
    /// The recorded order.
    pub batches: Option<Batches>,
}

/// A recorded order of examples.
#[derive(Debug, Clone, PartialEq)]
pub enum Batches {
    /// `[steps, batch]` integers in a file.
    File(String),
    /// One list of examples a step.
    List(Vec<Vec<u32>>),
}

impl Training {
    /// The learning rate of a step, counted from 0.
    pub fn rate(&self, step: usize) -> f64 {
        self.schedule.rate(self.optimizer.learning_rate(), step, self.steps)
    }
}

const REDUCTIONS: [(&str, Reduction); 2] = [("mean", Reduction::Mean), ("sum", Reduction::Sum)];

/// Keys of `[training]` that gradient flow has no use for.
const DISCRETE: [&str; 6] = ["schedule", "learning_rates", "clip_norm", "steps", "batch_size", "batches"];

pub(super) fn read(mut section: Section<'_>, resolve: &dyn Fn(&str, &str) -> String) -> Result<Training> {
    let loss = section.choice("loss", None, &LOSSES)?;
    let reduction = section.choice("reduction", Some(Reduction::Mean), &REDUCTIONS)?;
    let rates = read_rates(&mut section)?;
    section.need("optimizer")?;
    // A list of rates needs no rate beside it; the first steps of a warmup may have none.
    let rate = rates.as_ref().map(|rates| rates.iter().copied().find(|&rate| rate > 0.0).unwrap_or(1.0));
    let optimizer = read_optimizer(section.section("optimizer")?, rate)?;
    if optimizer.is_solved() {
        for key in DISCRETE {
            if section.get(key).is_some() {
                return Err(
                    section.error(key, "has no meaning for gradient flow, which takes the full batch; remove it")
                );
            }
        }
        let schedule = Schedule { kind: ScheduleKind::Constant, warmup: 0 };
        section.finish()?;
        let (clip_norm, steps, batch_size, batches) = (0.0, 0, None, None);
        return Ok(Training { loss, reduction, optimizer, schedule, clip_norm, steps, batch_size, batches });
    }
    let clip_norm = section.at_least_zero("clip_norm", 0.0)?;
    let steps = section.need("steps")?;
    let steps = section.count("steps", steps, 1)?;
    let schedule = section.section("schedule")?;
    let schedule = match rates {
        None => read_schedule(schedule)?,
        Some(_) if schedule.is_present() => {
            return Err(section.error("learning_rates", "says the rate of every step; remove training.schedule"));
        }
        Some(rates) if rates.len() != steps => {
            let problem = format!("has {} rates, but training.steps = {steps}", rates.len());
            return Err(section.error("learning_rates", problem));
        }
        Some(rates) => Schedule { kind: ScheduleKind::List(rates), warmup: 0 },
    };
    let batch_size = match section.get("batch_size") {
        None => None,
        Some(value) => Some(section.count("batch_size", value, 1)?),
    };
    let batches = read_batches(&mut section, resolve)?;
    section.finish()?;
    Ok(Training { loss, reduction, optimizer, schedule, clip_norm, steps, batch_size, batches })
}

/// One learning rate a step, for paths recorded elsewhere.
fn read_rates(section: &mut Section<'_>) -> Result<Option<Vec<f64>>> {
    match section.get("learning_rates") {
        None => Ok(None),
        Some(Value::Array(values)) => {
            let rate = |value| match section.number("learning_rates", value)? {
                rate if rate < 0.0 => {
                    Err(section.error("learning_rates", format!("holds {rate:?}; none may be negative")))
                }
                rate => Ok(rate),
            };
            values.iter().map(rate).collect::<Result<Vec<_>>>().map(Some)
        }
        Some(_) => Err(section.error("learning_rates", "must be a list with a number for each step")),
    }
}

fn read_batches(section: &mut Section<'_>, resolve: &dyn Fn(&str, &str) -> String) -> Result<Option<Batches>> {
    match section.get("batches") {
        None => Ok(None),
        Some(Value::Array(lists)) => {
            let batch = |(step, list): (usize, &Value)| match list.as_array() {
                Some(examples) if examples.is_empty() => {
                    let problem = format!("step {step} has no example; give it at least one, or leave the step out");
                    Err(section.error("batches", problem))
                }
                Some(examples) => section.examples("batches", examples),
                None => {
                    Err(section.error("batches", "must be a file, or a list with a list of examples for each step"))
                }
            };
            Ok(Some(Batches::List(lists.iter().enumerate().map(batch).collect::<Result<_>>()?)))
        }
        Some(value) => Ok(Some(Batches::File(resolve("training.batches", section.name("batches", value)?)))),
    }
}

/// `rate` stands for a missing learning rate.
fn read_optimizer(mut section: Section<'_>, rate: Option<f64>) -> Result<Optimizer> {
    let kinds: Vec<_> = Optimizer::names().map(|(name, _)| (name, name)).collect();
    let optimizer = match section.choice("type", None, &kinds)? {
        "sgd" => Optimizer::Sgd(read_sgd(&mut section, rate)?),
        "flow" => Optimizer::Flow(Flow {
            time: section.above_zero("time", None)?,
            tolerance: section.above_zero("tolerance", Some(1e-8))?,
        }),
        kind => Optimizer::Adam(read_adam(&mut section, kind == "adamw", rate)?),
    };
    section.finish()?;
    Ok(optimizer)
}

fn read_sgd(section: &mut Section<'_>, rate: Option<f64>) -> Result<Sgd> {
    let sgd = Sgd {
        learning_rate: section.above_zero("learning_rate", rate)?,
        momentum: section.at_least_zero("momentum", 0.0)?,
        dampening: section.number_or("dampening", 0.0)?,
        nesterov: section.bool_or("nesterov", false)?,
        weight_decay: section.at_least_zero("weight_decay", 0.0)?,
    };
    if sgd.nesterov && (sgd.momentum == 0.0 || sgd.dampening != 0.0) {
        return Err(section.error("nesterov", "needs a momentum above 0 and a dampening of 0, as in PyTorch"));
    }
    Ok(sgd)
}

fn read_adam(section: &mut Section<'_>, decoupled: bool, rate: Option<f64>) -> Result<Adam> {
    let betas = match section.get("betas") {
        None => [0.9, 0.999],
        Some(Value::Array(values)) if values.len() == 2 => {
            let beta = |value| match section.number("betas", value)? {
                beta if (0.0..1.0).contains(&beta) => Ok(beta),
                beta => Err(section.error("betas", format!("holds {beta:?}; each must be at least 0 and below 1"))),
            };
            [beta(&values[0])?, beta(&values[1])?]
        }
        Some(_) => return Err(section.error("betas", "must be two numbers, such as [0.9, 0.999]")),
    };
    Ok(Adam {
        learning_rate: section.above_zero("learning_rate", rate)?,
        betas,
        eps: section.at_least_zero("eps", 1e-8)?,
        weight_decay: section.at_least_zero("weight_decay", 0.0)?,
        decoupled,
    })
}

fn read_schedule(mut section: Section<'_>) -> Result<Schedule> {
    let kinds = ["constant", "step", "cosine"].map(|kind| (kind, kind));
    let kind = match section.choice("type", if section.is_present() { None } else { Some("constant") }, &kinds)? {
        "step" => {
            let every = section.need("every")?;
            let every = section.count("every", every, 1)?;
            ScheduleKind::Step { every, factor: section.above_zero("factor", None)? }
        }
        "cosine" => ScheduleKind::Cosine { last: section.at_least_zero("final", 0.0)? },
        _ => ScheduleKind::Constant,
    };
    let warmup = section.count_or("warmup", 0, 0)?;
    section.finish()?;
    Ok(Schedule { kind, warmup })
}

/// Where a number is one in double precision only, it would train nothing, or diverge.
pub(super) fn first_not_single(training: &Training) -> Option<(String, f64)> {
    let optimizer = training.optimizer.first_not_single();
    let optimizer = optimizer.map(|(key, value)| (format!("optimizer.{key}"), value));
    let clip = Some(("clip_norm".to_owned(), training.clip_norm)).filter(|&(_, value)| is_not_single(value));
    optimizer.or(clip)
}
