//! `[model]`: the network.

use crate::key::{Count, Custom, Form, Key, List, Optional, Path, Value, Wrong, at};
use crate::layer::keys::{FORM, FROM, START};
use crate::layer::{Layer, Source};
use std::path::PathBuf;

/// The network.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// One example's shape.
    pub input: Vec<usize>,
    /// The layers, in order.
    pub layers: Vec<Layer>,
    /// Initial weights; drawn from the seed without them.
    pub weights: Option<PathBuf>,
}

pub(super) const KEYS: &[Key<Model>] = &[
    Key::required(
        "input",
        "one example's shape; images are channels, height, width; data is reshaped to it",
        at!(Model.input, List { each: Count::from(1), takes: "a list of sizes, such as [1, 8, 8]" }),
    ),
    Key::required(
        "layers",
        "the layers, in order",
        &Custom { read: read_layers, write: write_layers, shape: || FORM.shape(&START) },
    ),
    Key::new(
        "weights",
        "initial weights: tensors `<layer index>.weight` and `<layer index>.bias`, indices from 0 over all layers, in PyTorch's \
         layouts (linear [out, in], conv2d [out, in, kh, kw]); without it, they are drawn from the seed",
        at!(
            Model.weights,
            Optional(Path { takes: "`.safetensors`, `.npz`, or what PyTorch saves: `.pt`, `.pth`, `.ckpt`, `.bin`" })
        ),
    ),
];

pub(super) fn start() -> Model {
    Model { input: Vec::new(), layers: Vec::new(), weights: None }
}

fn read_layers(at: &str, given: &Value, model: &mut Model) -> crate::key::Result<()> {
    let Value::List(values) = given else {
        return Err(Wrong::new(at, "must be a list of tables"));
    };
    model.layers =
        values.iter().enumerate().map(|(index, value)| read_layer(at, index, value)).collect::<Result<_, _>>()?;
    Ok(())
}

/// Reads the layer of an index.
fn read_layer(at: &str, index: usize, given: &Value) -> crate::key::Result<Layer> {
    if !matches!(given, Value::Table(_)) {
        return Err(Wrong::new(at, format!("entry {index} must be a table such as {{ type = \"relu\" }}")));
    }
    let at = format!("{at}[{index}]");
    let mut layer = START;
    FORM.read(&at, given, &mut layer)?;
    if layer.from.is_empty() && layer.kind.reads().least() > 1 {
        return Err(Wrong::new(format!("{at}.from"), "is required: the layer to add, -1 for the input"));
    }
    let later = |source: &Source| matches!(source, Source::Index(from) if *from >= index as i64);
    if layer.from.iter().any(later) {
        return Err(Wrong::new(format!("{at}.from"), format!("{FROM}; below {index}")));
    }
    Ok(layer)
}

fn write_layers(model: &Model) -> Option<Value> {
    Some(Value::List(model.layers.iter().filter_map(|layer| FORM.write(layer)).collect()))
}
