//! A layer in a run file: a table whose `type` names its kind.

use super::{Flatten, Layer, LayerKind};
use crate::activation::Activation;
use crate::key::{Custom, Entry, Key, OneOf, Result, Shape, Table, Value, Variant, Wrong};

/// A table whose `type` names a layer.
pub(crate) const FORM: OneOf<Layer> = OneOf { variants, name: |layer| layer.kind.name(), shared: SHARED };

/// What stands before a run file is read.
pub(crate) const START: Layer = of(LayerKind::Flatten(Flatten));

const SHARED: &[Key<Layer>] = &[Key::new(
    "from",
    "the layer it reads, by its index from 0; -1 is the network's input; without it, the layer before",
    &Custom {
        read: |at, given, layer: &mut Layer| match given {
            Value::Integer(from @ -1..) => {
                layer.from = Some(*from);
                Ok(())
            }
            _ => Err(Wrong::new(at, FROM)),
        },
        write: |layer| layer.from.map(Value::Integer),
        shape: || Shape::Plain("the index of an earlier layer, or -1".into()),
    },
)];

/// What `from` must be.
pub(crate) const FROM: &str = "must be the index of an earlier layer, or -1 for the network's input";

/// A layer that reads the one before.
const fn of(kind: LayerKind) -> Layer {
    Layer { from: None, kind }
}

fn variants() -> Vec<Box<dyn Variant<Layer>>> {
    let mut all = LayerKind::variants();
    all.extend(Activation::ALL.iter().map(|&kind| Box::new(Plain(kind)) as Box<dyn Variant<Layer>>));
    all
}

/// An activation, which has no keys.
struct Plain(Activation);

impl Variant<Layer> for Plain {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn help(&self) -> &'static str {
        self.0.help()
    }

    fn known(&self) -> Vec<(&'static str, bool)> {
        Vec::new()
    }

    fn read(&self, _at: &str, _table: &Table) -> Result<Layer> {
        Ok(of(LayerKind::Activation(self.0)))
    }

    fn write(&self, from: &Layer) -> Option<Table> {
        (from.kind == LayerKind::Activation(self.0)).then(Table::default)
    }

    fn entries(&self) -> Vec<Entry> {
        Vec::new()
    }
}
