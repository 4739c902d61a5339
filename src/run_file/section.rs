//! Reading one table of the run file, with errors that say where.

use crate::error::shortened;
use toml::{Table, Value};

/// A run file that is wrong: the file, the key, what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}: {}: {}", shortened(.file), shortened(.key), shortened(.problem))]
pub struct RunFileError {
    /// The file.
    pub file: String,
    /// The dotted key, or the line.
    pub key: String,
    /// What is wrong and what to do.
    pub problem: String,
}

/// What reading a table returns.
pub(super) type Result<T> = std::result::Result<T, RunFileError>;

/// One table, with the keys that were asked for.
pub(super) struct Section<'a> {
    file: &'a str,
    name: String,
    table: Option<&'a Table>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub fn new(file: &'a str, name: String, table: Option<&'a Table>) -> Self {
        Self { file, name, table, known: Vec::new() }
    }

    fn key(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    pub fn error(&self, key: &str, problem: impl Into<String>) -> RunFileError {
        RunFileError { file: self.file.to_owned(), key: self.key(key), problem: problem.into() }
    }

    pub fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.table.and_then(|table| table.get(key))
    }

    pub fn need(&mut self, key: &'static str) -> Result<&'a Value> {
        self.get(key).ok_or_else(|| self.missing(key, ""))
    }

    /// The error for a required key; it names a key that may be a misspelling of it.
    fn missing(&self, key: &'static str, more: &str) -> RunFileError {
        let unknown = || self.table.into_iter().flat_map(Table::keys).filter(|key| !self.known.contains(&key.as_str()));
        match unknown().find(|unknown| strsim::jaro_winkler(unknown, key) > 0.8) {
            None => self.error(key, format!("is required and missing{more}")),
            Some(unknown) => {
                let needed = self.key(key);
                self.error(unknown, format!("unknown key; did you mean {key:?}? ({needed} is required and missing)"))
            }
        }
    }

    /// Fails on a key that is none of these, before what is missing for it is asked for.
    pub fn only(&self, keys: &[&'static str]) -> Result<()> {
        match self.table.and_then(|table| table.keys().find(|key| !keys.contains(&key.as_str()))) {
            None => Ok(()),
            Some(key) => Err(self.unknown(key, keys)),
        }
    }

    fn unknown(&self, key: &str, known: &[&'static str]) -> RunFileError {
        self.error(key, format!("unknown key; did you mean {:?}?", nearest(key, known.iter().copied())))
    }

    /// A table inside this one.
    pub fn section(&mut self, key: &'static str) -> Result<Section<'a>> {
        let table = match self.get(key) {
            None => None,
            Some(Value::Table(table)) => Some(table),
            Some(other) => {
                return Err(self.error(key, format!("must be a table, not {}", other.type_str())));
            }
        };
        Ok(Section::new(self.file, self.key(key), table))
    }

    pub fn is_present(&self) -> bool {
        self.table.is_some()
    }

    pub fn text(&self, key: &str, value: &'a Value) -> Result<&'a str> {
        value.as_str().ok_or_else(|| self.error(key, format!("must be a string, not {}", value.type_str())))
    }

    /// A string that says something, and that a system takes as a name.
    pub fn name(&self, key: &str, value: &'a Value) -> Result<&'a str> {
        match self.text(key, value)? {
            "" => Err(self.error(key, "is empty; give it a value, or leave the key out where it is optional")),
            text if text.contains('\0') => Err(self.error(key, format!("is {text:?}; no name holds a zero byte"))),
            text => Ok(text),
        }
    }

    pub fn bool_or(&mut self, key: &'static str, default: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Boolean(value)) => Ok(*value),
            Some(other) => Err(self.error(key, format!("must be true or false, not {}", other.type_str()))),
        }
    }

    /// A whole number of at least `least`.
    pub fn count(&self, key: &str, value: &Value, least: usize) -> Result<usize> {
        match value.as_integer().map(usize::try_from) {
            Some(Ok(count)) if count >= least && count <= u32::MAX as usize => Ok(count),
            _ => Err(self.error(
                key,
                format!("is {value}; it must be a whole number of at least {least} and at most {}", u32::MAX),
            )),
        }
    }

    pub fn count_or(&mut self, key: &'static str, default: usize, least: usize) -> Result<usize> {
        self.get(key).map_or(Ok(default), |value| self.count(key, value, least))
    }

    pub fn number(&self, key: &str, value: &Value) -> Result<f64> {
        let number = match value {
            Value::Float(number) => *number,
            Value::Integer(number) => *number as f64,
            // What TOML cannot hold comes from the command line as a string.
            Value::String(text) if is_out_of_range(text) => {
                return Err(self.error(key, format!("is {text}, which is out of a number's range")));
            }
            other => {
                return Err(self.error(key, format!("must be a number, not {}", other.type_str())));
            }
        };
        if number.is_finite() { Ok(number) } else { Err(self.error(key, format!("is {number}; it must be finite"))) }
    }

    pub fn number_or(&mut self, key: &'static str, default: f64) -> Result<f64> {
        self.get(key).map_or(Ok(default), |value| self.number(key, value))
    }

    /// Numbers of examples.
    pub fn examples(&self, key: &str, values: &[Value]) -> Result<Vec<u32>> {
        values.iter().map(|value| self.count(key, value, 0).map(|example| example as u32)).collect()
    }

    /// A number above 0; required without a default.
    pub fn above_zero(&mut self, key: &'static str, default: Option<f64>) -> Result<f64> {
        let value = match (self.get(key), default) {
            (None, Some(default)) => return Ok(default),
            (None, None) => return Err(self.missing(key, "")),
            (Some(value), _) => self.number(key, value)?,
        };
        if value > 0.0 { Ok(value) } else { Err(self.error(key, format!("is {value:?}; it must be above 0"))) }
    }

    /// A number that is not negative.
    pub fn at_least_zero(&mut self, key: &'static str, default: f64) -> Result<f64> {
        let value = self.number_or(key, default)?;
        if value >= 0.0 { Ok(value) } else { Err(self.error(key, format!("is {value:?}; it must not be negative"))) }
    }

    /// One of a list of words.
    pub fn choice<T: Copy>(&mut self, key: &'static str, default: Option<T>, words: &[(&str, T)]) -> Result<T> {
        let value = match (self.get(key), default) {
            (None, Some(default)) => return Ok(default),
            (None, None) => {
                return Err(self.missing(key, &format!("; one of {}", list(words))));
            }
            (Some(value), _) => self.text(key, value)?,
        };
        self.word(key, value, words)
    }

    /// The meaning of a word.
    pub fn word<T: Copy>(&self, key: &str, value: &str, words: &[(&str, T)]) -> Result<T> {
        words.iter().find(|(word, _)| *word == value).map(|(_, choice)| *choice).ok_or_else(|| {
            let near = nearest(value, words.iter().map(|(word, _)| *word));
            self.error(key, format!("{value:?} is not known; did you mean {near:?}? One of {}", list(words)))
        })
    }

    /// Fails on a key that nobody asked for.
    pub fn finish(self) -> Result<()> {
        let unknown = self.table.and_then(|table| table.keys().find(|key| !self.known.contains(&key.as_str())));
        match unknown {
            None => Ok(()),
            Some(key) => Err(self.unknown(key, &self.known)),
        }
    }
}

/// Whether a text is a number too large for a double or, without a point, for an integer.
fn is_out_of_range(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let begins = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    (integer && text.parse::<i64>().is_err()) || (begins && text.parse::<f64>().is_ok_and(f64::is_infinite))
}

fn list<T>(words: &[(&str, T)]) -> String {
    words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

/// The most similar of some words.
pub(super) fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> &'w str {
    words.max_by(|a, b| strsim::jaro_winkler(word, a).total_cmp(&strsim::jaro_winkler(word, b))).unwrap_or("")
}
