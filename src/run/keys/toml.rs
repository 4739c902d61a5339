//! Values and tables of keys, from TOML and into it.

use super::RunFileError;
use crate::key::{Table, Value};

/// Characters of a wrong line that a message shows.
const SHOWN: usize = 80;

/// Reads TOML.
///
/// # Errors
///
/// The line, and what is wrong there.
pub(super) fn parse(text: &str, file: &str) -> Result<Table, RunFileError> {
    toml::from_str(text).map(given_table).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let content: String = text.lines().nth(line - 1).unwrap_or_default().trim().chars().take(SHOWN).collect();
        RunFileError::new(file, format!("line {line}"), format!("{}: {content}", error.message()))
    })
}

/// A value on the command line: TOML, or where it isn't, a string.
pub(super) fn value(text: &str) -> Value {
    toml::from_str::<toml::Table>(&format!("v = {text}"))
        .ok()
        .and_then(|mut table| table.remove("v"))
        .map_or_else(|| Value::Text(text.to_owned()), given)
}

/// TOML that gives a table.
pub(super) fn write(table: Table) -> String {
    toml::to_string(&written_table(table)).unwrap_or_default()
}

/// What TOML gives.
fn given(value: toml::Value) -> Value {
    match value {
        toml::Value::Boolean(flag) => Value::Flag(flag),
        toml::Value::Integer(number) => Value::Integer(number),
        toml::Value::Float(number) => Value::Number(number),
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Datetime(time) => Value::Time(time.to_string()),
        toml::Value::Array(values) => Value::List(values.into_iter().map(given).collect()),
        toml::Value::Table(table) => Value::Table(given_table(table)),
    }
}

/// As [`given`], of a table.
pub(super) fn given_table(table: toml::Table) -> Table {
    Table(table.into_iter().map(|(name, value)| (name, given(value))).collect())
}

fn written(value: Value) -> toml::Value {
    match value {
        Value::Flag(flag) => toml::Value::Boolean(flag),
        Value::Integer(number) => toml::Value::Integer(number),
        Value::Number(number) => toml::Value::Float(number),
        Value::Text(text) | Value::Time(text) => toml::Value::String(text),
        Value::List(values) => toml::Value::Array(values.into_iter().map(written).collect()),
        Value::Table(table) => toml::Value::Table(written_table(table)),
    }
}

fn written_table(table: Table) -> toml::Table {
    table.0.into_iter().map(|(name, value)| (name, written(value))).collect()
}
