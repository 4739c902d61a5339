//! Reading one table of the run file, with errors that say where.

use toml::{Table, Value};

/// A run file that is wrong: the file, the key, what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{file}: {key}: {problem}")]
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
        self.get(key).ok_or_else(|| self.error(key, "is required and missing"))
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
            other => {
                return Err(self.error(key, format!("must be a number, not {}", other.type_str())));
            }
        };
        if number.is_finite() { Ok(number) } else { Err(self.error(key, format!("is {number}; it must be finite"))) }
    }

    pub fn number_or(&mut self, key: &'static str, default: f64) -> Result<f64> {
        self.get(key).map_or(Ok(default), |value| self.number(key, value))
    }

    /// One of a list of words.
    pub fn choice<T: Copy>(&mut self, key: &'static str, default: Option<T>, words: &[(&str, T)]) -> Result<T> {
        let value = match (self.get(key), default) {
            (None, Some(default)) => return Ok(default),
            (None, None) => {
                return Err(self.error(key, format!("is required and missing; one of {}", list(words))));
            }
            (Some(value), _) => self.text(key, value)?,
        };
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
            Some(key) => {
                let near = nearest(key, self.known.iter().copied());
                Err(self.error(key, format!("unknown key; did you mean {near:?}?")))
            }
        }
    }
}

fn list<T>(words: &[(&str, T)]) -> String {
    words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

/// The most similar of some words.
pub(super) fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> &'w str {
    words.max_by(|a, b| strsim::jaro_winkler(word, a).total_cmp(&strsim::jaro_winkler(word, b))).unwrap_or("")
}
