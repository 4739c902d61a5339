//! How the network is trained, as the run file describes it.

use super::section::{Result, Section};
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

/// A loss function of outputs f and a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// -log softmax(f) of the class.
    CrossEntropy,
    /// ½ Σ (f - y)².
    SquaredError,
    /// Σ log(1 + e^f) - y f.
    Logistic,
    /// Σ e^f - y f.
    Poisson,
}

/// How a batch's losses are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Over the batch's own size.
    Mean,
    /// Added.
    Sum,
}

/// An optimizer, with PyTorch's update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam, AdamW.
    Adam(Adam),
    /// Gradient flow.
    Flow(Flow),
}

/// Stochastic gradient descent: `b ← μ b + (1 - d) (g + λ w)` (at first `g + λ w`), `w ← w - ε b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// ε.
    pub learning_rate: f64,
    /// μ.
    pub momentum: f64,
    /// d.
    pub dampening: f64,
    /// Whether the step is `g + λ w + μ b` instead of b.
    pub nesterov: bool,
    /// λ.
    pub weight_decay: f64,
}

/// Adam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// ε.
    pub learning_rate: f64,
    /// β1, β2.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// λ.
    pub weight_decay: f64,
    /// Whether the decay acts on the weights (AdamW) and not through the gradient (Adam).
    pub decoupled: bool,
}

/// Gradient flow `dw/dt = -∇L`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// How long.
    pub time: f64,
    /// Of the solver, absolute and relative.
    pub tolerance: f64,
}

/// Learning rates over the steps, as factors of the optimizer's or a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its course after the warmup.
    pub kind: ScheduleKind,
    /// Steps that lead up to it linearly: the rate of step s is (s + 1) / warmup of the optimizer's.
    pub warmup: usize,
}

/// The course of a schedule, in steps after the warmup.
#[derive(Debug, Clone, PartialEq)]
pub enum ScheduleKind {
    /// Always the optimizer's.
    Constant,
    /// Times `factor` after every `every` steps.
    Step {
        /// Steps.
        every: usize,
        /// The factor.
        factor: f64,
    },
    /// Half a cosine down to `last`, which would be the rate after the last step.
    Cosine {
        /// The rate at the end.
        last: f64,
    },
    /// One rate a step.
    List(Vec<f64>),
}

/// A recorded order of examples.
#[derive(Debug, Clone, PartialEq)]
pub enum Batches {
    /// `[steps, batch]` integers in a file.
    File(String),
    /// One list of examples a step.
    List(Vec<Vec<u32>>),
}

impl Optimizer {
    /// ε before any schedule; 1 for gradient flow.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Optimizer::Sgd(sgd) => sgd.learning_rate,
            Optimizer::Adam(adam) => adam.learning_rate,
            Optimizer::Flow(_) => 1.0,
        }
    }

    /// λ.
    pub fn weight_decay(&self) -> f64 {
        match self {
            Optimizer::Sgd(sgd) => sgd.weight_decay,
            Optimizer::Adam(adam) => adam.weight_decay,
            Optimizer::Flow(_) => 0.0,
        }
    }

    /// Whether a step depends on earlier gradients.
    pub fn has_memory(&self) -> bool {
        match self {
            Optimizer::Sgd(sgd) => sgd.momentum != 0.0,
            Optimizer::Adam(_) => true,
            Optimizer::Flow(_) => false,
        }
    }

    /// Its name in a run file.
    pub fn name(&self) -> &'static str {
        match self {
            Optimizer::Sgd(_) => "sgd",
            Optimizer::Adam(Adam { decoupled: false, .. }) => "adam",
            Optimizer::Adam(Adam { decoupled: true, .. }) => "adamw",
            Optimizer::Flow(_) => "flow",
        }
    }
}

impl Training {
    /// The learning rate of a step, counted from 0.
    pub fn rate(&self, step: usize) -> f64 {
        let base = self.optimizer.learning_rate();
        let Schedule { kind, warmup } = &self.schedule;
        if step < *warmup {
            return base * (step + 1) as f64 / *warmup as f64;
        }
        let step = step - warmup;
        match kind {
            ScheduleKind::Constant => base,
            ScheduleKind::Step { every, factor } => base * factor.powf((step / every) as f64),
            ScheduleKind::Cosine { last } => {
                let all = self.steps.saturating_sub(*warmup).max(1) as f64;
                last + 0.5 * (base - last) * (1.0 + (std::f64::consts::PI * step as f64 / all).cos())
            }
            ScheduleKind::List(rates) => rates.get(step).copied().unwrap_or(base),
        }
    }
}

pub(super) const LOSSES: [(&str, Loss); 4] = [
    ("cross_entropy", Loss::CrossEntropy),
    ("squared_error", Loss::SquaredError),
    ("logistic", Loss::Logistic),
    ("poisson", Loss::Poisson),
];

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
    if let Optimizer::Flow(_) = optimizer {
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
    let kinds = ["sgd", "adam", "adamw", "flow"].map(|kind| (kind, kind));
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
pub(super) fn first_not_single(training: &Training) -> Option<(&'static str, f64)> {
    let numbers = match training.optimizer {
        Optimizer::Sgd(Sgd { learning_rate, momentum, dampening, weight_decay, .. }) => vec![
            ("optimizer.learning_rate", learning_rate),
            ("optimizer.momentum", momentum),
            ("optimizer.dampening", dampening),
            ("optimizer.weight_decay", weight_decay),
        ],
        Optimizer::Adam(Adam { learning_rate, eps, weight_decay, .. }) => vec![
            ("optimizer.learning_rate", learning_rate),
            ("optimizer.eps", eps),
            ("optimizer.weight_decay", weight_decay),
        ],
        Optimizer::Flow(Flow { time, .. }) => vec![("optimizer.time", time)],
    };
    let not_single = |value: f64| (value as f32).is_infinite() || (value as f32 == 0.0 && value != 0.0);
    let clip = [("clip_norm", training.clip_norm)];
    numbers.into_iter().chain(clip).find(|&(_, value)| not_single(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: Schedule, steps: usize) -> Vec<f64> {
        let sgd = Sgd { learning_rate: 0.8, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
        let training = Training {
            loss: Loss::SquaredError,
            reduction: Reduction::Mean,
            optimizer: Optimizer::Sgd(sgd),
            schedule,
            clip_norm: 0.0,
            steps,
            batch_size: None,
            batches: None,
        };
        (0..steps).map(|step| training.rate(step)).collect()
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
