//! What an import leaves: `model.json`, the weights, and the arrays of constants.

use super::{Imported, OnnxFile};
use crate::error::Error;
use crate::formats::{self, RawTensor, write_npy, write_raw_safetensors};
use crate::graph::{Design, Roles};
use crate::key::{Form, Shape, Unset, Value};
use crate::layer::keys::{LayerForm, START};
use crate::layer::{Constant, LayerKind, Source};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The files of an import.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The graph.
    pub model: PathBuf,
    /// The weights.
    pub weights: PathBuf,
}

impl OnnxFile {
    /// Writes the network of this file into a folder: each file beside its name, then renamed.
    ///
    /// # Errors
    ///
    /// Weights that cannot be read, files that cannot be written, and a network that cannot be built.
    pub fn write(&self, imported: &Imported, folder: &Path) -> Result<Written, Error> {
        std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
        let stem = self.path.file_stem().map_or_else(|| "model".into(), |stem| stem.to_string_lossy().into_owned());
        let mut layers = imported.layers.clone();
        for (number, (&layer, constant)) in imported.constants.iter().enumerate() {
            let name = format!("{stem}.constant{number}.npy");
            let numbers: Vec<f64> = constant.numbers.iter().map(|number| number.fixed).collect();
            write_npy(&folder.join(&name), &constant.shape, &numbers)?;
            layers[layer].kind = LayerKind::Constant(Constant { values: folder.join(&name).display().to_string() });
        }
        let roles = Roles { frozen: imported.frozen.clone(), ..Roles::default() };
        let views = imported.parameters.iter().cloned().collect();
        let design = Design { inputs: self.inputs(imported), layers, output: imported.output.clone(), roles, views };
        let graph = design.build()?;
        let (model, weights) = (folder.join("model.json"), folder.join(format!("{stem}.safetensors")));
        let seen: BTreeSet<&str> =
            graph.tensors().filter(|tensor| !tensor.is_given()).map(|tensor| tensor.name.as_str()).collect();
        let named: BTreeMap<&str, &str> =
            imported.parameters.iter().map(|(name, view)| (name.as_str(), view.tensor.as_str())).collect();
        let tensors: BTreeSet<&str> = seen.iter().map(|name| named.get(name).copied().unwrap_or(name)).collect();
        self.write_weights(&tensors, &weights)?;
        let text = serde_json::to_string_pretty(&self.json(imported, &design)).unwrap_or_default();
        formats::write_whole(&model, text.as_bytes())?;
        Ok(Written { model, weights })
    }

    /// The inputs as layers name them: the only one has no name.
    fn inputs(&self, imported: &Imported) -> Vec<crate::graph::Input> {
        match imported.inputs.as_slice() {
            [only] => vec![crate::graph::Input { name: None, ..only.clone() }],
            several => several.to_vec(),
        }
    }

    fn write_weights(&self, names: &BTreeSet<&str>, path: &Path) -> Result<(), Error> {
        let model = self.model()?;
        let mut tensors = Vec::new();
        for tensor in model.graph.initializers.iter().filter(|tensor| names.contains(tensor.name)) {
            let wrong = |refused: super::Refused| self.wrong(refused.to_string());
            let (kind, shape) = (tensor.kind().map_err(wrong)?, tensor.shape().map_err(wrong)?);
            tensors.push(RawTensor {
                name: tensor.name.to_owned(),
                kind,
                shape,
                bytes: tensor.bytes(self.folder()).map_err(wrong)?,
            });
        }
        Ok(write_raw_safetensors(path, &tensors)?)
    }

    /// The graph as a run file's `model.graph` takes it.
    fn json(&self, imported: &Imported, design: &Design) -> Json {
        let mut graph = Map::new();
        match imported.inputs.as_slice() {
            [only] => drop(graph.insert("input".into(), json!(only.shape))),
            several => {
                let one = |input: &crate::graph::Input| {
                    let kind = if input.whole { "integer" } else { "real" };
                    (input.name.clone().unwrap_or_default(), json!({ "shape": input.shape, "type": kind }))
                };
                graph.insert("inputs".into(), Json::Object(several.iter().map(one).collect()));
            }
        }
        let shown = design.layers.iter().map(|layer| match &layer.kind {
            LayerKind::Constant(Constant { values }) => {
                let name =
                    Path::new(values).file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
                crate::layer::Layer { kind: LayerKind::Constant(Constant { values: name }), ..layer.clone() }
            }
            _ => layer.clone(),
        });
        let defaults = defaults();
        let nodes: Vec<Json> =
            shown.filter_map(|layer| LayerForm.write(&layer)).map(|node| without_defaults(node, &defaults)).collect();
        graph.insert("nodes".into(), Json::Array(nodes));
        match &imported.output {
            None => {}
            Some(Source::Index(index)) => drop(graph.insert("output".into(), json!(index))),
            Some(Source::Name(name)) => drop(graph.insert("output".into(), json!(name))),
        }
        if !imported.parameters.is_empty() {
            let one = |(name, view): &(String, crate::graph::View)| {
                let mut table = Map::new();
                table.insert("tensor".into(), json!(view.tensor));
                view.rows.map(|rows| table.insert("rows".into(), json!(rows)));
                view.transposed.then(|| table.insert("transposed".into(), json!(true)));
                view.reshape.as_ref().map(|shape| table.insert("reshape".into(), json!(shape)));
                (name.clone(), Json::Object(table))
            };
            graph.insert("parameters".into(), Json::Object(imported.parameters.iter().map(one).collect()));
        }
        if !imported.frozen.is_empty() {
            graph.insert("frozen".into(), json!(imported.frozen));
        }
        Json::Object(graph)
    }
}

/// What stands without a key, by the layer's type and the key.
fn defaults() -> BTreeMap<(&'static str, &'static str), Value> {
    let Shape::OneOf { variants, .. } = LayerForm.shape(&START) else { return BTreeMap::new() };
    let of = |(kind, _, entries): (&'static str, &'static str, Vec<crate::key::Entry>)| {
        entries.into_iter().filter_map(move |entry| match entry.unset {
            Unset::Value(value) => Some(((kind, entry.name), value)),
            Unset::Required | Unset::Absent => None,
        })
    };
    variants.into_iter().flat_map(of).collect()
}

/// A node with the keys that say more than their defaults.
fn without_defaults(node: Value, defaults: &BTreeMap<(&'static str, &'static str), Value>) -> Json {
    let Value::Table(table) = node else { return Json::Null };
    let kind = match table.get("type") {
        Some(Value::Text(kind)) => kind.clone(),
        _ => String::new(),
    };
    let says_more = |(key, value): &(String, Value)| {
        let default = defaults.iter().find(|((of, name), _)| *of == kind && name == key);
        default.is_none_or(|(_, default)| default != value)
    };
    Json::Object(table.0.into_iter().filter(says_more).map(|(key, value)| (key, json_of(value))).collect())
}

fn json_of(value: Value) -> Json {
    match value {
        Value::Flag(flag) => json!(flag),
        Value::Integer(number) => json!(number),
        Value::Number(number) => json!(number),
        Value::Text(text) | Value::Time(text) => json!(text),
        Value::List(values) => Json::Array(values.into_iter().map(json_of).collect()),
        Value::Table(table) => Json::Object(table.0.into_iter().map(|(name, value)| (name, json_of(value))).collect()),
    }
}
