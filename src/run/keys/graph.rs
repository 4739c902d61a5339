//! `model.graph`: a network in a JSON file of its own.

use super::file::{folder_of, resolve};
use super::model::{self, Model};
use super::{RunFileError, toml};
use crate::key::{self, Custom, Name, Shape, Table, Value, near};
use std::path::Path;

/// What it may say, each with the key of `[model]` that says the same.
const KEYS: [(&str, &str); 6] = [
    ("nodes", "layers"),
    ("inputs", "inputs"),
    ("input", "input"),
    ("output", "output"),
    ("parameters", "parameters"),
    ("frozen", "frozen"),
];

/// The key `model.graph`. [`fill`] takes it away before a run file is read: what the file says stands in `[model]` then, and so
/// it does where a run file is written.
pub(super) const FORM: Custom<Model> = Custom {
    read: |_, _, _| Ok(()),
    write: |_| None,
    shape: || {
        Shape::Path("a JSON object with `nodes`, the tables of `layers`, and any of `inputs`, `input`, `output`, `parameters`, `frozen`".into())
    },
};

/// A graph whose keys stand in a run file's `[model]`.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphFile {
    file: String,
    /// The keys of `[model]` that it gave.
    keys: Vec<&'static str>,
    /// The names of its nodes, where they have any.
    nodes: Vec<Option<String>>,
}

impl GraphFile {
    /// A problem with a key of the run file as one of this file, where this file gave the key: its name, and the key there.
    pub fn place(&self, key: &str) -> Option<(&str, String)> {
        let key = key.strip_prefix("model.")?;
        let first = key.split(['.', '[']).next().unwrap_or_default();
        if !self.keys.contains(&first) {
            return None;
        }
        let Some(rest) = key.strip_prefix("layers") else { return Some((&self.file, key.to_owned())) };
        let (index, rest) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).unwrap_or(("", rest));
        let name = index.parse().ok().and_then(|index: usize| self.nodes.get(index)?.as_deref());
        let name = name.map_or(String::new(), |name| format!(" {name:?}"));
        let index = if index.is_empty() { String::new() } else { format!("[{index}]") };
        Some((&self.file, format!("nodes{index}{name}{rest}")))
    }

    /// An error of the run file as one of this file.
    pub(super) fn name(&self, error: RunFileError) -> RunFileError {
        match self.place(&error.key) {
            None => error,
            Some((file, key)) => RunFileError { file: file.to_owned(), key, problem: error.problem },
        }
    }
}

/// Fills in what a graph's file says of the model, and takes the key that names it away.
///
/// # Errors
///
/// A file that is missing or is no JSON object; an unknown key, or one that the run file has too.
pub(super) fn fill(file: &str, table: &mut Table) -> Result<Option<GraphFile>, RunFileError> {
    let Some(Value::Table(model)) = table.get_mut("model") else { return Ok(None) };
    let Some(value) = model.remove("graph") else { return Ok(None) };
    let path = Name::of("model.graph", &value).map_err(|wrong| RunFileError::of(file, wrong))?;
    fill_model(file, model, Path::new(path)).map(Some)
}

/// Fills a graph into a `[model]` table, which must not say the same.
fn fill_model(run_file: &str, model: &mut Table, path: &Path) -> Result<GraphFile, RunFileError> {
    let file = path.display().to_string();
    let wrong = |key: &str, problem: String| RunFileError::new(&file, key, problem);
    let bytes = std::fs::read(path)
        .map_err(|error| RunFileError::new(run_file, "model.graph", format!("{file} cannot be read: {error}")))?;
    let graph: ::toml::Table = serde_json::from_slice(&bytes).map_err(|error| {
        wrong(&format!("line {}", error.line()), format!("must be a JSON object, without null: {error}"))
    })?;
    let Table(graph) = toml::given_table(graph);
    let entries = key::entries(model::KEYS, &model::start());
    let mut found = GraphFile { file: file.clone(), keys: Vec::new(), nodes: Vec::new() };
    for (name, mut value) in graph {
        let Some(&(_, key)) = KEYS.iter().find(|(own, _)| *own == name) else {
            return Err(wrong(&name, format!("unknown key{}", near(&name, &KEYS.map(|(own, _)| own)))));
        };
        if model.get(key).is_some() {
            let problem = format!("is given by {file} too, as {name}; remove one of them");
            return Err(RunFileError::new(run_file, format!("model.{key}"), problem));
        }
        if let ("nodes", Value::List(nodes)) = (name.as_str(), &value) {
            found.nodes = nodes.iter().map(name_of).collect();
        }
        // Its paths start at its own folder.
        if let Some(entry) = entries.iter().find(|entry| entry.name == key) {
            resolve(&mut value, &entry.shape, folder_of(path));
        }
        found.keys.push(key);
        model.set(key, value);
    }
    if found.keys.contains(&"layers") { Ok(found) } else { Err(wrong("nodes", "is required and missing".into())) }
}

/// The name of a node.
fn name_of(node: &Value) -> Option<String> {
    let Value::Table(node) = node else { return None };
    let Some(Value::Text(name)) = node.get("name") else { return None };
    Some(name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(run_file: &str, graph: &str) -> Result<(Table, GraphFile), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        std::fs::write(&path, graph).unwrap();
        let mut model = toml::parse(run_file, "run.toml").unwrap();
        let found = fill_model("run.toml", &mut model, &path).map_err(|error| error.to_string())?;
        Ok((model, found))
    }

    #[test]
    fn a_graph_fills_the_model() {
        let graph = r#"{"inputs": {"b": {"shape": [2]}, "a": {"shape": [1]}}, "nodes": [{"type": "relu", "name": "r"}], "output": "r"}"#;
        let (model, found) = filled("frozen = ['x']", graph).unwrap();
        let names: Vec<&str> = model.0.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["frozen", "inputs", "layers", "output"]);
        let Some(Value::Table(Table(inputs))) = model.get("inputs") else { panic!("a table") };
        assert!(inputs.iter().map(|(name, _)| name.as_str()).eq(["b", "a"]));
        let place = |key: &str| found.place(key).map(|(_, key)| key);
        assert_eq!(place("model.layers[0].slope").as_deref(), Some("nodes[0] \"r\".slope"));
        assert_eq!(place("model.layers[1] (relu)").as_deref(), Some("nodes[1] (relu)"));
        assert_eq!(place("model.inputs.b.shape").as_deref(), Some("inputs.b.shape"));
        assert_eq!(place("model.frozen"), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("", r#"{"node": []}"#, "model.json: node: unknown key; did you mean \"nodes\"?"),
            ("", r#"{"inputs": {}}"#, "model.json: nodes: is required and missing"),
            ("layers = []", r#"{"nodes": []}"#, "run.toml: model.layers: is given by"),
            ("", "{\n\"nodes\": null}", "model.json: line 2: must be a JSON object, without null"),
            ("", "[]", "line 1: must be a JSON object"),
        ];
        for (run_file, graph, part) in cases {
            let error = filled(run_file, graph).unwrap_err();
            assert!(error.contains(part), "{error:?} lacks {part:?}");
        }
        let missing = fill_model("run.toml", &mut Table::default(), Path::new("nowhere.json"));
        assert!(missing.unwrap_err().to_string().contains("run.toml: model.graph: nowhere.json cannot be read"));
    }
}
