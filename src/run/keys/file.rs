//! From a file and overrides to a checked run file, and back to text.

use super::check::{check, check_model};
use super::optimizer::is_file;
use super::record::Record;
use super::{KEYS, Model, RunFile, entries, graph, model, record, rule, start, toml, training};
use crate::error::RunFileError;
use crate::formats::Given;
use crate::key::{self, Entry, Shape, Table, Value};
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, RunFileError>;

impl Model {
    /// Reads the model of a run file, whatever else it holds.
    ///
    /// # Errors
    ///
    /// The file, the key, what is wrong and what to do.
    pub fn load(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let mut table = toml::parse(&read_text(path)?, &file)?;
        let mut model = model::start();
        let not_a_table = || RunFileError::new(&file, "model", "must be a table");
        let section = table.table("model").ok_or_else(not_a_table)?;
        resolve_table(section, &key::entries(model::KEYS, &model), folder_of(path));
        let graph = graph::fill(&file, &mut table)?;
        let section = table.table("model").ok_or_else(not_a_table)?;
        let read = key::read(model::KEYS, "model", section, &mut model);
        let read = read.and_then(|()| check_model(&model)).map_err(|wrong| RunFileError::of(&file, wrong));
        read.map_err(|error| graph.as_ref().map_or(error.clone(), |graph| graph.name(error)))?;
        Ok(Self { graph, ..model })
    }
}

fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        let problem = match error.kind() {
            std::io::ErrorKind::NotFound => "no such run file".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        RunFileError::new(&path.display().to_string(), "file", problem)
    })
}

impl RunFile {
    /// Reads a run file; overrides are `dotted.key=value`.
    ///
    /// # Errors
    ///
    /// The file, the key, what is wrong and what to do.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        let text = read_text(path)?;
        Self::parse(&text, path, overrides)
    }

    /// As [`load`](Self::load), from text; relative paths in it start at `path`'s folder.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: &Path, overrides: &[String]) -> Result<Self> {
        Self::of_table(toml::parse(text, &path.display().to_string())?, path, overrides)
    }

    /// As [`load`](Self::load), from what a run file holds; `path` is that of the file, and empty where there is none.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn of_table(mut table: Table, path: &Path, overrides: &[String]) -> Result<Self> {
        let file = path.display().to_string();
        let entries = entries();
        resolve_table(&mut table, &entries, folder_of(path));
        for text in overrides {
            set_override(&mut table, text)
                .map_err(|problem| RunFileError::new("command line", text.as_str(), problem))?;
        }
        // What is no path from the root by now came with the overrides, whose paths start at the current directory.
        resolve_table(&mut table, &entries, Path::new(""));
        let record = record::fill(&file, &mut table)?;
        let graph = graph::fill(&file, &mut table)?;
        let read = read(&mut table).map_err(|wrong| RunFileError::of(&file, wrong));
        let read = read.map_err(|error| record.map_or(error.clone(), |record: Record| record.name(error)));
        let mut run_file = read.map_err(|error| graph.as_ref().map_or(error.clone(), |graph| graph.name(error)))?;
        run_file.model.graph = graph;
        Ok(run_file)
    }

    /// TOML that [`load`](Self::load) reads back to the same run.
    pub fn to_toml(&self) -> String {
        toml::write(self.to_table())
    }

    /// What a run file holds that says the same.
    pub fn to_table(&self) -> Table {
        key::write(KEYS, self)
    }
}

fn read(table: &mut Table) -> key::Result<RunFile> {
    if let Some(Value::Table(training)) = table.get_mut("training") {
        training::fill_still(training);
        training::spread_loss(training)?;
        training::fill_rate(training);
    }
    if let Some(Value::Table(kernel)) = table.get_mut("kernel") {
        rule::fill_rule(kernel);
    }
    let mut run_file = start();
    key::read(KEYS, "", table, &mut run_file)?;
    if run_file.training.optimizer.is_solved() && run_file.kernel.unchosen().is_some() {
        run_file.kernel.rule = rule::OF_FLOW;
    }
    run_file.kernel.forget_other_choice();
    check(&run_file)?;
    Ok(run_file)
}

/// Parts of a key at the most.
const DEEPEST: usize = 8;

/// Sets a key of the table.
fn set_override(table: &mut Table, text: &str) -> std::result::Result<(), String> {
    let (key, value) = text.split_once('=').ok_or("an override is key=value")?;
    let mut names: Vec<&str> = key.split('.').collect();
    if names.len() > DEEPEST {
        return Err(format!("the key has {} parts; none has more than {DEEPEST}", names.len()));
    }
    let last = names.pop().filter(|name| !name.is_empty()).ok_or("the key is empty")?;
    let mut place = &mut *table;
    for name in names {
        place = place.table(name).ok_or_else(|| format!("{name} is not a table"))?;
    }
    place.set(last, toml::value(value));
    Ok(())
}

/// Where a file lies.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Makes every path in a table one from the root.
fn resolve_table(table: &mut Table, entries: &[Entry], folder: &Path) {
    for entry in entries {
        if let Some(value) = table.get_mut(entry.name) {
            resolve(value, &entry.shape, folder);
        }
    }
}

/// Makes every path in a value one from the root. What is no name is left for the key's form to refuse.
pub(super) fn resolve(value: &mut Value, shape: &Shape, folder: &Path) {
    match (value, shape) {
        (Value::Text(text), Shape::Number(_)) if is_file(text) => resolve_text(text, folder),
        (Value::Text(text), Shape::Path(_)) => resolve_text(text, folder),
        // Files by name, or tables in a list.
        (Value::Table(Table(several)), Shape::Path(_)) => {
            several.iter_mut().for_each(|(_, value)| resolve(value, shape, folder));
        }
        (Value::List(several), Shape::OneOf { .. }) => {
            several.iter_mut().for_each(|value| resolve(value, shape, folder))
        }
        (Value::Table(table), Shape::Table(entries)) => resolve_table(table, entries, folder),
        (Value::Table(table), Shape::OneOf { variants, shared }) => {
            let kind = table.get("type").cloned();
            // An override of one key has no type beside it.
            let own = variants.iter().filter(|(name, ..)| kind.as_ref().is_none_or(|kind| *kind == Value::from(*name)));
            own.for_each(|(_, _, entries)| resolve_table(table, entries, folder));
            resolve_table(table, shared, folder);
        }
        _ => {}
    }
}

fn resolve_text(text: &mut String, folder: &Path) {
    if !text.is_empty() && !text.contains('\0') && !Given::is_name(text) {
        let path = folder.join(&*text);
        *text = tidy(&std::path::absolute(&path).unwrap_or(path)).display().to_string();
    }
}

/// Without `x/..`, for messages; a path through a link keeps its meaning where the link is not followed back.
fn tidy(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut clean, part| {
        match part {
            std::path::Component::ParentDir if !clean.is_symlink() && clean.pop() => {}
            part => clean.push(part),
        }
        clean
    })
}
