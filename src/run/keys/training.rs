//! `[training]`: how the network is trained.

use super::optimizer::{NamedGroup, Optimization, RATE};
use crate::key::{
    self, Count, Custom, Each, Form, Key, List, Number, Optional, Path, Shape, Table, Value, Whole, Word, Words, Wrong,
    at,
};
use crate::loss::{Loss, Numbers, TargetKind};
use crate::optimizer::{self, Optimizer, Sgd, Update, is_not_single};
use crate::plural::counted;
use crate::training::{Reduction, Schedule, ScheduleKind, schedule};
use std::path::PathBuf;

/// How the network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// The loss.
    pub loss: Loss,
    /// Where a huber loss becomes linear.
    pub delta: f64,
    /// The weight of positive labels, one for all outputs or one for each.
    pub pos_weight: Option<Vec<f64>>,
    /// The weight of each class.
    pub class_weights: Option<Vec<f64>>,
    /// The share of each target that is spread over all classes.
    pub smoothing: f64,
    /// The class that stands for none.
    pub ignore: Option<i64>,
    /// Mean or sum over the batch.
    pub reduction: Reduction,
    /// The optimizer; of numbers that change from step to step, the first step's.
    pub optimizer: Optimizer,
    /// Those that change: a list with one for each step, or a file of them.
    pub changing: Table,
    /// Groups of parameters with numbers of their own.
    pub groups: Vec<NamedGroup>,
    /// What the optimizer kept of steps before the first.
    pub optimizer_state: Option<PathBuf>,
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

pub(super) const KEYS: &[Key<Training>] = &[
    Key::required(
        "loss",
        "of each example; also a table with its `type` and the keys below that belong to it",
        at!(Training.loss, Words),
    ),
    Key::new(
        "delta",
        "of huber: up to which distance from the target it is quadratic",
        at!(Training.delta, Number::AboveZero),
    )
    .unless(|training| of_another_loss(training, "delta")),
    Key::new(
        "pos_weight",
        "of logistic: by what the terms of positive labels are multiplied, one for all outputs or one for each",
        at!(Training.pos_weight, Optional(Each(Number::NotNegative))),
    )
    .unless(|training| of_another_loss(training, "pos_weight")),
    Key::new(
        "class_weights",
        "of cross_entropy: what each class counts. As PyTorch's `weight`: a mean divides by the weights of the batch's classes, \
         but where targets are probabilities by their number",
        at!(Training.class_weights, Optional(Each(Number::NotNegative))),
    )
    .unless(|training| of_another_loss(training, "class_weights")),
    Key::new(
        "smoothing",
        "of cross_entropy: the share of each target that is spread evenly over all classes",
        at!(Training.smoothing, Number::Share),
    )
    .unless(without_classes),
    Key::new(
        "ignore",
        "of cross_entropy: targets of this number have the weight 0",
        at!(Training.ignore, Optional(Whole)),
    )
    .unless(without_classes),
    Key::new("reduction", "of the losses of a batch", at!(Training.reduction, Words)),
    Key::required(
        "optimizer",
        "the optimizer; each of its numbers may be a list of one for each step, or a file of them, [steps] (betas: [steps, 2])",
        &Optimization,
    ),
    Key::new(
        "optimizer_state",
        "for a path that starts in the middle: what the optimizer kept of the steps before it, as PyTorch's `optimizer.state_dict()` \
         has it, alone or in a checkpoint, or as tensors `<tensor>.exp_avg` and so on ([more](#what-the-keys-mean-together))",
        at!(Training.optimizer_state, Optional(Path { takes: TENSORS })),
    )
    .unless(forgetful),
    Key::new(
        "learning_rates",
        "the rate of every step, in place of a schedule; the optimizer needs no rate beside it",
        at!(Training.schedule, RATES),
    )
    .unless(continuous),
    Key::new("schedule", "the course of the learning rate", at!(Training.schedule, schedule::FORM)).unless(
        |training| match training.schedule.kind {
            ScheduleKind::List(_) => {
                Some("has no place beside training.learning_rates, which says the rate of every step; remove one".into())
            }
            ScheduleKind::Constant | ScheduleKind::Step(_) | ScheduleKind::Cosine(_) => continuous(training),
        },
    ),
    Key::new(
        "clip_norm",
        "the largest norm of the loss gradient; 0 is off",
        at!(Training.clip_norm, Number::NotNegative),
    )
    .unless(continuous),
    Key::required(
        "steps",
        "how many steps; 0 leaves the weights as they are, and needs no targets, loss and optimizer",
        at!(Training.steps, Count::from(0)),
    )
    .unless(continuous),
    Key::new(
        "batch_size",
        "examples a step; without it the full batch. Batches are drawn from the seed, an epoch a permutation, its last short \
         batch kept",
        at!(Training.batch_size, Optional(Count::from(1))),
    )
    .unless(continuous),
    Key::new(
        "batches",
        "the recorded order; `batch_size`, if also given, must equal its second axis; a repeated example counts as often",
        at!(Training.batches, Optional(Order)),
    )
    .unless(continuous),
];

/// Why the key of a number has no place beside a loss that has another, or none.
fn of_another_loss(training: &Training, key: &'static str) -> Option<String> {
    let losses = || Loss::ALL.iter().filter(|loss| loss.number() == Some(key)).map(|loss| loss.name());
    (training.loss.number() != Some(key)).then(|| {
        let losses: Vec<&str> = losses().collect();
        format!(
            "belongs to training.loss = {:?}, and the loss is {:?}; remove it",
            losses.join(" or "),
            training.loss.name()
        )
    })
}

/// Why a key of classes has no place beside a loss of reals.
fn without_classes(training: &Training) -> Option<String> {
    (training.loss.takes() != TargetKind::Classes)
        .then(|| format!("belongs to losses of classes, and the loss is {:?}; remove it", training.loss.name()))
}

/// Why a state has no place beside an optimizer that keeps nothing.
fn forgetful(training: &Training) -> Option<String> {
    // What changes from step to step may be in a file.
    let keeps = !training.optimizer.keeps().is_empty() || training.changing.get("momentum").is_some();
    (!keeps).then(|| {
        let name = training.optimizer.name();
        format!("has no meaning here: {name} with these numbers keeps nothing from step to step; remove it")
    })
}

/// Why a key has no place beside gradient flow.
fn continuous(training: &Training) -> Option<String> {
    training
        .optimizer
        .is_solved()
        .then(|| "has no meaning for gradient flow, which takes the full batch; remove it".to_owned())
}

pub(super) fn start() -> Training {
    Training {
        loss: Loss::SquaredError,
        delta: 1.0,
        pos_weight: None,
        class_weights: None,
        smoothing: 0.0,
        ignore: None,
        reduction: Reduction::Mean,
        optimizer: optimizer::START,
        changing: Table::default(),
        groups: Vec::new(),
        optimizer_state: None,
        schedule: schedule::START,
        clip_norm: 0.0,
        steps: 0,
        batch_size: None,
        batches: None,
    }
}

/// One learning rate a step, for paths recorded elsewhere.
const RATES: Custom<Schedule> = Custom {
    read: |at, given, schedule| {
        let form = List { each: Number::Any, takes: "a list with a number for each step" };
        let mut rates: Vec<f64> = Vec::new();
        form.read(at, given, &mut rates)?;
        if let Some(rate) = rates.iter().find(|rate| **rate < 0.0) {
            return Err(Wrong::new(at, format!("holds {rate:?}; none may be negative")));
        }
        *schedule = Schedule { kind: ScheduleKind::List(rates), warmup: 0 };
        Ok(())
    },
    write: |schedule| match &schedule.kind {
        ScheduleKind::List(rates) => Some(rates.iter().copied().collect()),
        ScheduleKind::Constant | ScheduleKind::Step(_) | ScheduleKind::Cosine(_) => None,
    },
    shape: || Shape::Plain("a list with a number for each step".into()),
};

/// Files of tensors.
pub(super) const TENSORS: &str = "`.safetensors`, its index `.safetensors.index.json`, `.npz`, or what PyTorch saves: `.pt`, `.pth`, `.ckpt`, `.bin`";

/// A file or lists.
struct Order;

impl Form<Batches> for Order {
    fn read(&self, at: &str, given: &Value, into: &mut Batches) -> key::Result<()> {
        *into = match given {
            Value::List(steps) => {
                let batch = |(step, given)| read_batch(at, step, given);
                Batches::List(steps.iter().enumerate().map(batch).collect::<key::Result<_>>()?)
            }
            file => {
                let mut path = String::new();
                FILE.read(at, file, &mut path)?;
                Batches::File(path)
            }
        };
        Ok(())
    }

    fn write(&self, from: &Batches) -> Option<Value> {
        Some(match from {
            Batches::File(path) => Value::Text(path.clone()),
            Batches::List(steps) => steps.iter().map(|batch| batch.iter().copied().collect::<Value>()).collect(),
        })
    }

    fn shape(&self, _start: &Batches) -> Shape {
        Form::<String>::shape(&FILE, &String::new())
    }
}

const FILE: Path = Path {
    takes: "[steps, batch] integers from 0, shorter batches filled up with -1; or a list with a list of examples for each step, at least one each",
};

/// The examples of a step.
fn read_batch(at: &str, step: usize, given: &Value) -> key::Result<Vec<u32>> {
    let takes = "a file, or a list with a list of examples for each step";
    let mut examples = Vec::new();
    List { each: Count::from(0), takes }.read(at, given, &mut examples)?;
    if examples.is_empty() {
        let problem = format!("step {step} has no example; give it at least one, or leave the step out");
        return Err(Wrong::new(at, problem));
    }
    Ok(examples)
}

impl Default for Batches {
    fn default() -> Self {
        Batches::List(Vec::new())
    }
}

/// Where there are no steps, nothing is trained, by no loss and by no optimizer.
pub(super) fn fill_still(training: &mut Table) {
    if training.get("steps") != Some(&Value::Integer(0)) {
        return;
    }
    if training.get("loss").is_none() {
        training.set("loss", Loss::CrossEntropy.name().into());
    }
    if training.get("optimizer").is_none() {
        let plain = Sgd::plain(1.0);
        let entries = [("type", Value::from(plain.name())), ("learning_rate", Value::Number(plain.learning_rate))];
        training.set("optimizer", Value::Table(Table(entries.map(|(key, value)| (key.to_owned(), value)).to_vec())));
    }
}

/// A list of rates needs no rate beside it: gives the optimizer the first one that it may have. The first steps of a warmup
/// may have none. What is no list is refused by its own key, not by the optimizer's.
pub(super) fn fill_rate(training: &mut Table) {
    let rates = match training.get("learning_rates") {
        None => return,
        Some(Value::List(rates)) => rates.as_slice(),
        Some(_) => &[],
    };
    let rate = rates.iter().find_map(|rate| match rate {
        Value::Number(rate) if *rate > 0.0 => Some(*rate),
        Value::Integer(rate @ 1..) => Some(*rate as f64),
        _ => None,
    });
    let Some(Value::Table(optimizer)) = training.get_mut("optimizer") else { return };
    let has_rate = matches!(optimizer.get("type"), Some(Value::Text(name)) if optimizer::has_learning_rate(name));
    if has_rate && optimizer.get("learning_rate").is_none() {
        optimizer.set("learning_rate", Value::Number(rate.unwrap_or(1.0)));
    }
}

/// A loss may be a table, with its numbers beside its name: they are keys of `[training]`.
pub(super) fn spread_loss(training: &mut Table) -> key::Result<()> {
    let Some(Value::Table(loss)) = training.get("loss") else { return Ok(()) };
    let mut loss = loss.clone();
    let at = "training.loss";
    let name = loss.remove("type").ok_or_else(|| Wrong::new(at, "is a table without a `type`, the name of a loss"))?;
    training.set("loss", name);
    for (key, value) in loss.0 {
        const OF_LOSS: [&str; 5] = ["delta", "pos_weight", "class_weights", "smoothing", "ignore"];
        if !OF_LOSS.contains(&key.as_str()) {
            return Err(Wrong::new(format!("{at}.{key}"), format!("is no key of a loss{}", key::near(&key, &OF_LOSS))));
        }
        if training.get(&key).is_some() {
            return Err(Wrong::new(format!("{at}.{key}"), format!("is given as training.{key} as well; remove one")));
        }
        training.set(&key, value);
    }
    Ok(())
}

impl Word for Reduction {
    fn all() -> Vec<Self> {
        vec![Reduction::Mean, Reduction::Sum]
    }

    fn word(self) -> &'static str {
        match self {
            Reduction::Mean => "mean",
            Reduction::Sum => "sum",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Reduction::Mean => "by the batch's own size, or by the sum of its weights",
            Reduction::Sum => "",
        }
    }
}

impl Training {
    /// The numbers of the loss.
    pub fn numbers(&self) -> Numbers {
        let of_outputs = match self.loss.number() {
            Some("delta") => Some(vec![self.delta]),
            Some("pos_weight") => self.pos_weight.clone(),
            Some("class_weights") => self.class_weights.clone(),
            Some(_) | None => None,
        };
        Numbers { smoothing: self.smoothing, of_outputs }
    }

    /// The learning rate of a step, counted from 0.
    pub fn rate(&self, step: usize) -> f64 {
        self.schedule.rate(self.optimizer.learning_rate(), step, self.steps)
    }

    /// Where a number is one in double precision only: its key in `[training]`, and the number.
    pub(super) fn first_not_single(&self) -> Option<(String, f64)> {
        let optimizer = self.optimizer.first_not_single();
        let optimizer = optimizer.map(|(key, value)| (format!("optimizer.{key}"), value));
        let own = [("clip_norm", self.clip_norm), ("smoothing", self.smoothing)].into_iter();
        let of_outputs = self.numbers().of_outputs.unwrap_or_default();
        let own = own.chain(of_outputs.into_iter().map(|value| (self.loss.number().unwrap_or_default(), value)));
        optimizer.or_else(|| own.map(|(key, value)| (key.to_owned(), value)).find(|&(_, value)| is_not_single(value)))
    }

    /// Whether weight decay has a part in any step of any parameters.
    pub fn has_decay(&self) -> bool {
        let own = self.groups.iter().map(|group| &group.own).chain([&self.changing]);
        self.optimizer.has_decay() || own.into_iter().any(|numbers| numbers.get("weight_decay").is_some())
    }

    /// The optimizer and everything that changes its steps, for people.
    pub(super) fn words(&self) -> String {
        let mut changing: Vec<&str> = self.changing.0.iter().map(|(name, _)| name.as_str()).collect();
        // A list of rates has the place of a schedule.
        changing.extend(self.schedule.rates().map(|_| RATE));
        let mut parts = vec![self.optimizer.words_where(&changing)];
        if !self.groups.is_empty() {
            parts.push(format!("other numbers for {} of parameters", counted(self.groups.len(), "group")));
        }
        parts.extend(self.optimizer_state.as_ref().map(|_| "going on from a given state".to_owned()));
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
    use crate::optimizer::{Flow, Sgd};
    use crate::training::Cosine;

    #[test]
    fn what_changes_a_step_is_said() {
        let sgd = Sgd { learning_rate: 0.5, momentum: 0.9, dampening: 0.0, nesterov: true, weight_decay: 0.01 };
        let mut training = Training {
            loss: Loss::CrossEntropy,
            optimizer: Optimizer::Sgd(sgd),
            changing: Table::default(),
            groups: Vec::new(),
            schedule: Schedule { kind: ScheduleKind::Cosine(Cosine { last: 0.05 }), warmup: 3 },
            clip_norm: 2.0,
            steps: 10,
            batch_size: Some(32),
            ..start()
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
