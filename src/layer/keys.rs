//! A layer in a run file: a table whose `type` names its kind.

use super::{Flatten, Layer, LayerKind, Source};
use crate::activation::Activation;
use crate::key::{Custom, Entry, Key, Name, OneOf, Optional, Result, Shape, Table, Value, Variant, Wrong, at};

/// A table whose `type` names a layer.
pub(crate) const FORM: OneOf<Layer> = OneOf { variants, name: |layer| layer.kind.name(), shared: SHARED };

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
];

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
    Layer { name: None, from: Vec::new(), kind }
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
