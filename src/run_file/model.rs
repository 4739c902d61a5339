//! The network as the run file describes it.

use super::section::{Result, Section};
use crate::activation::Activation;
use crate::layer::{Add, AvgPool2d, Conv2d, Flatten, Layer, LayerKind, LayerNorm, Linear, Lower, MaxPool2d};
use std::path::PathBuf;
use toml::Value;

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

/// The other kinds of layer.
const KINDS: [&str; 7] = ["linear", "conv2d", "max_pool2d", "avg_pool2d", "flatten", "layer_norm", "add"];

impl Model {
    pub(super) fn read(mut section: Section<'_>, file: &str, path: impl Fn(&str) -> String) -> Result<Self> {
        let Value::Array(sides) = section.need("input")? else {
            return Err(section.error("input", "must be a list of sizes, such as [1, 8, 8]"));
        };
        let input = sides.iter().map(|side| section.count("input", side, 1)).collect::<Result<Vec<_>>>()?;
        if input.is_empty() {
            return Err(section.error("input", "is empty; give one example's shape, such as [64]"));
        }
        let elements = input.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        if elements.is_none_or(|elements| elements > u32::MAX as usize) {
            return Err(section.error("input", format!("{input:?} has more than {} elements", u32::MAX)));
        }
        let Value::Array(entries) = section.need("layers")? else {
            return Err(section.error("layers", "must be a list of tables"));
        };
        let mut layers = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let name = format!("model.layers[{index}]");
            let Value::Table(table) = entry else {
                return Err(
                    section.error("layers", format!("entry {index} must be a table such as {{ type = \"relu\" }}"))
                );
            };
            layers.push(read_layer(Section::new(file, name, Some(table)), index)?);
        }
        if !layers.iter().any(|layer| layer.kind.has_parameters()) {
            return Err(section.error("layers", "no layer has parameters; there is nothing to train"));
        }
        let weights = match section.get("weights") {
            None => None,
            Some(value) => Some(PathBuf::from(path(section.name("weights", value)?))),
        };
        section.finish()?;
        Ok(Self { input, layers, weights })
    }
}

fn read_layer(mut section: Section<'_>, index: usize) -> Result<Layer> {
    let value = section.need("type")?;
    let name = section.text("type", value)?;
    let kind = match name {
        "linear" => {
            let features = section.need("features")?;
            let features = section.count("features", features, 1)?;
            LayerKind::Linear(Linear { features, bias: section.bool_or("bias", true)? })
        }
        "conv2d" => {
            let channels = section.need("channels")?;
            LayerKind::Conv2d(Conv2d {
                channels: section.count("channels", channels, 1)?,
                kernel: kernel(&mut section)?,
                stride: section.count_or("stride", 1, 1)?,
                padding: section.count_or("padding", 0, 0)?,
                bias: section.bool_or("bias", true)?,
            })
        }
        "max_pool2d" => LayerKind::MaxPool2d(MaxPool2d { kernel: kernel(&mut section)? }),
        "avg_pool2d" => LayerKind::AvgPool2d(AvgPool2d { kernel: kernel(&mut section)? }),
        "flatten" => LayerKind::Flatten(Flatten),
        "layer_norm" => LayerKind::LayerNorm(LayerNorm),
        "add" => LayerKind::Add(Add),
        _ => match Activation::named(name) {
            Some(activation) => LayerKind::Activation(activation),
            None => {
                let words = || KINDS.into_iter().chain(Activation::names());
                let near = super::section::nearest(name, words());
                let all: Vec<&str> = words().collect();
                let problem = format!("{name:?} is no layer; did you mean {near:?}? One of {}", all.join(", "));
                return Err(section.error("type", problem));
            }
        },
    };
    let from = match section.get("from").map(Value::as_integer) {
        None if kind == LayerKind::Add(Add) => {
            return Err(section.error("from", "is required: the layer to add, -1 for the input"));
        }
        None => None,
        Some(Some(from)) if (-1..index as i64).contains(&from) => Some(from),
        Some(_) => {
            let problem =
                format!("must be the index of an earlier layer, or -1 for the network's input; below {index}");
            return Err(section.error("from", problem));
        }
    };
    section.finish()?;
    Ok(Layer { from, kind })
}

fn kernel(section: &mut Section<'_>) -> Result<usize> {
    let value = section.need("kernel")?;
    section.count("kernel", value, 1)
}
