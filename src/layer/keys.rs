//! A layer in a run file: a table whose `type` names its kind.

use super::{Flatten, Layer, LayerKind, Source};
use crate::activation::Activation;
use crate::key::{
    Custom, Entry, Form, Key, Name, OneOf, Optional, Result, Shape, Table, Value, Variant, Wrong, at, dotted,
};

/// A table whose `type` names a layer.
pub(crate) struct LayerForm;

const KINDS: OneOf<Layer> = OneOf { variants, name: |layer| layer.kind.name(), shared: SHARED };

/// The tensors that a layer may have of another.
const TENSORS: [&str; 2] = ["weight", "bias"];

/// Names of tensors are taken out of the table before the kind's keys are read, of which `bias` may be one.
impl Form<Layer> for LayerForm {
    fn read(&self, at: &str, given: &Value, into: &mut Layer) -> Result<()> {
        let Value::Table(given) = given else { return KINDS.read(at, given, into) };
        let mut own = given.clone();
        let mut ties = Vec::new();
        for tensor in TENSORS {
            if let Some(Value::Text(_)) = own.get(tensor) {
                let target = own.remove(tensor).unwrap_or(Value::Flag(false));
                ties.push((tensor.to_owned(), Name::of(&dotted(at, tensor), &target)?.to_owned()));
            }
        }
        KINDS.read(at, &Value::Table(own), into)?;
        into.ties = ties;
        Ok(())
    }

    fn write(&self, from: &Layer) -> Option<Value> {
        let mut written = KINDS.write(from)?;
        if let Value::Table(table) = &mut written {
            from.ties.iter().for_each(|(tensor, target)| table.set(tensor, Value::Text(target.clone())));
        }
        Some(written)
    }

    fn shape(&self, start: &Layer) -> Shape {
        KINDS.shape(start)
    }
}

/// What stands before a run file is read.
pub(crate) const START: Layer = of(LayerKind::Flatten(Flatten));

const SHARED: &[Key<Layer>] = &[
    Key::new(
        "name",
        "what other layers call it and what the names of its tensors begin with; its index without one",
        at!(Layer.name, Optional(Name { takes: "a name of its own" })),
    ),
    Key::new(
        "from",
        "the layers it reads, each by its name or by its index from 0 (-1: the network's input); one, or a list; without it, the \
         layer before",
        &Custom {
            read: read_from,
            write: write_from,
            shape: || Shape::Plain("names or indices of earlier layers".into()),
        },
    ),
    Key::new(
        "weight",
        "the tensor of an earlier layer that its weight is, by name; `bias = \"...\"` does the same with a bias",
        &Custom {
            read: read_weight,
            write: |_| None,
            shape: || Shape::Plain("a name, such as `\"wte.weight\"`".into()),
        },
    ),
];

/// A name was taken out before.
fn read_weight(at: &str, _given: &Value, _layer: &mut Layer) -> Result<()> {
    Err(Wrong::new(at, "must be the name of an earlier layer's tensor, such as \"wte.weight\""))
}

/// What `from` must be.
pub(crate) const FROM: &str =
    "must be the name or index of an earlier layer, or -1 for the network's input, or a list of them";

fn read_from(at: &str, given: &Value, layer: &mut Layer) -> Result<()> {
    let source = |value: &Value| match value {
        Value::Integer(index @ -1..) => Ok(Source::Index(*index)),
        Value::Text(name) => Ok(Source::Name(name.clone())),
        _ => Err(Wrong::new(at, FROM)),
    };
    layer.from = match given {
        Value::List(values) if !values.is_empty() => values.iter().map(source).collect::<Result<_>>()?,
        one => vec![source(one)?],
    };
    Ok(())
}

fn write_from(layer: &Layer) -> Option<Value> {
    let value = |source: &Source| match source {
        Source::Index(index) => Value::Integer(*index),
        Source::Name(name) => Value::Text(name.clone()),
    };
    match layer.from.as_slice() {
        [] => None,
        [one] => Some(value(one)),
        several => Some(Value::List(several.iter().map(value).collect())),
    }
}

/// A layer that reads the one before.
const fn of(kind: LayerKind) -> Layer {
    Layer { name: None, from: Vec::new(), ties: Vec::new(), kind }
}

fn variants() -> Vec<Box<dyn Variant<Layer>>> {
    let mut all = LayerKind::variants();
    all.extend(Activation::variants().into_iter().map(|kind| Box::new(Elementwise(kind)) as Box<dyn Variant<Layer>>));
    all
}

/// An activation as a layer.
struct Elementwise(Box<dyn Variant<Activation>>);

impl Variant<Layer> for Elementwise {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn help(&self) -> &'static str {
        self.0.help()
    }

    fn known(&self) -> Vec<(&'static str, bool)> {
        self.0.known()
    }

    fn read(&self, at: &str, table: &Table) -> Result<Layer> {
        self.0.read(at, table).map(|kind| of(LayerKind::Activation(kind)))
    }

    fn write(&self, from: &Layer) -> Option<Table> {
        let LayerKind::Activation(kind) = &from.kind else { return None };
        self.0.write(kind)
    }

    fn entries(&self) -> Vec<Entry> {
        self.0.entries()
    }
}
