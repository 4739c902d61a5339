//! The run file as understood, with every default filled in.

use super::*;
use crate::layer::{Add, AvgPool2d, Conv2d, Flatten, Layer, LayerKind, LayerNorm, Linear, Lower, MaxPool2d};
use toml::{Table, Value};

/// Keys that say where or when a run happens, not what it computes.
const INCIDENTAL: [&str; 5] = ["run.device", "run.directory", "run.fallback", "run.memory", "run.tune"];

pub(super) fn table(entries: Vec<(&str, Value)>) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

pub(super) fn count(value: usize) -> Value {
    Value::Integer(value as i64)
}

pub(super) fn text(value: impl std::fmt::Display) -> Value {
    Value::String(value.to_string())
}

impl RunFile {
    /// TOML that [`load`](Self::load) reads back to the same run.
    pub fn to_toml(&self) -> String {
        let root = table(vec![
            ("run", Value::Table(self.run.table())),
            ("data", Value::Table(self.data.table())),
            ("model", Value::Table(self.model.table())),
            ("training", Value::Table(self.training.table())),
            ("trajectory", Value::Table(self.trajectory.table())),
            ("kernel", Value::Table(self.kernel.table())),
        ]);
        toml::to_string(&root).unwrap_or_default()
    }
}

impl Run {
    fn table(&self) -> Table {
        let mut entries = vec![
            ("directory", text(self.directory.display())),
            ("device", text(&self.device)),
            ("fallback", Value::Boolean(self.fallback)),
            ("precision", text(self.precision.name())),
            ("store", text(self.store.name())),
            ("seed", Value::Integer(self.seed as i64)),
            ("tune", Value::Boolean(self.tune)),
        ];
        entries.extend(self.memory.map(|bytes| ("memory", Value::Integer(bytes as i64))));
        table(entries)
    }
}

impl Data {
    fn table(&self) -> Table {
        let train = table(vec![("inputs", text(&self.inputs)), ("targets", text(&self.targets))]);
        let mut entries = vec![("train", Value::Table(train))];
        if let Some(inputs) = &self.query_inputs {
            let mut query = table(vec![("inputs", text(inputs))]);
            if let Some(targets) = &self.query_targets {
                query.insert("targets".into(), text(targets));
            }
            entries.push(("query", Value::Table(query)));
        }
        table(entries)
    }
}

impl Model {
    fn table(&self) -> Table {
        let input = self.input.iter().map(|&side| count(side)).collect();
        let layers = self.layers.iter().map(|layer| Value::Table(layer.table())).collect();
        let mut entries = vec![("input", Value::Array(input)), ("layers", Value::Array(layers))];
        if let Some(weights) = &self.weights {
            entries.push(("weights", text(weights.display())));
        }
        table(entries)
    }
}

impl Layer {
    fn table(&self) -> Table {
        let mut entries = vec![("type", text(self.kind.name()))];
        entries.extend(match &self.kind {
            LayerKind::Linear(Linear { features, bias }) => {
                vec![("features", count(*features)), ("bias", Value::Boolean(*bias))]
            }
            LayerKind::Conv2d(Conv2d { channels, kernel, stride, padding, bias }) => vec![
                ("channels", count(*channels)),
                ("kernel", count(*kernel)),
                ("stride", count(*stride)),
                ("padding", count(*padding)),
                ("bias", Value::Boolean(*bias)),
            ],
            LayerKind::MaxPool2d(MaxPool2d { kernel }) | LayerKind::AvgPool2d(AvgPool2d { kernel }) => {
                vec![("kernel", count(*kernel))]
            }
            LayerKind::Flatten(Flatten)
            | LayerKind::LayerNorm(LayerNorm)
            | LayerKind::Add(Add)
            | LayerKind::Activation(_) => Vec::new(),
        });
        if let Some(from) = self.from {
            entries.push(("from", Value::Integer(from)));
        }
        table(entries)
    }
}

impl Path {
    fn table(&self) -> Table {
        let every = ("every", count(self.every));
        table(self.import.iter().map(|pattern| ("import", text(pattern))).chain([every]).collect())
    }
}

impl Kernel {
    fn table(&self) -> Table {
        let mut entries = match self.rule {
            Rule::Gauss { nodes } => vec![("rule", text("gauss")), ("nodes", count(nodes))],
            Rule::Left => vec![("rule", text("left"))],
            Rule::Adaptive { tolerance } => vec![("rule", text("adaptive")), ("tolerance", Value::Float(tolerance))],
        };
        let vectors = self.superposition_vectors.iter().map(|&example| Value::Integer(example.into())).collect();
        let kernel = match self.kernel {
            KernelShape::None => "none",
            KernelShape::Trace => "trace",
            KernelShape::Diagonal => "diagonal",
            KernelShape::Full => "full",
        };
        let contraction = match &self.contraction {
            None => text("auto"),
            Some(choices) => Value::Array(choices.iter().map(|choice| text(choice.name())).collect()),
        };
        entries.extend([
            ("attribution", Value::Boolean(self.attribution)),
            ("kernel", text(kernel)),
            ("coefficients", Value::Boolean(self.coefficients)),
            ("layers", Value::Boolean(self.layers)),
            ("tangent", Value::Boolean(self.tangent)),
            ("contraction", contraction),
            ("readout", text(self.readout.name())),
            ("superposition", Value::Boolean(self.superposition)),
            ("superposition_vectors", Value::Array(vectors)),
        ]);
        table(entries)
    }
}

/// The first key in which two resolved run files differ, with both values; keys that change no result are left out.
pub fn difference(a: &str, b: &str) -> Option<(String, String, String)> {
    let parse = |text: &str| toml::from_str::<Table>(text).map(Value::Table).ok();
    differs("", parse(a).as_ref(), parse(b).as_ref())
}

fn differs(key: &str, a: Option<&Value>, b: Option<&Value>) -> Option<(String, String, String)> {
    if INCIDENTAL.contains(&key) || a == b {
        return None;
    }
    if let (Some(Value::Table(left)), Some(Value::Table(right))) = (a, b) {
        let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
        return keys
            .filter_map(|name| {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                differs(&key, left.get(name), right.get(name))
            })
            .next();
    }
    let show = |value: Option<&Value>| match value {
        None => "absent".to_owned(),
        // Shortest: TOML would write all 200 digits of 1e200.
        Some(Value::Float(number)) => format!("{number:?}"),
        Some(other) => other.to_string(),
    };
    Some((key.to_owned(), show(a), show(b)))
}
