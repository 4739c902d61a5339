//! Values as a user gives them, whatever they were written in.

use std::fmt;

/// A value that a user gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// A string.
    Text(String),
    /// A date or a time, which no key takes.
    Time(String),
    /// Values in order.
    List(Vec<Value>),
    /// Values with names.
    Table(Table),
}

/// Values with names, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table(pub Vec<(String, Value)>);

impl Value {
    /// The word for its type in a message.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Flag(_) => "boolean",
            Value::Integer(_) => "integer",
            Value::Number(_) => "float",
            Value::Text(_) => "string",
            Value::Time(_) => "datetime",
            Value::List(_) => "array",
            Value::Table(_) => "table",
        }
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Value::Integer(count as i64)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl<V: Into<Value>> FromIterator<V> for Value {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        Value::List(values.into_iter().map(Into::into).collect())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Number(number)
    }
}

impl From<u32> for Value {
    fn from(count: u32) -> Self {
        Value::Integer(count.into())
    }
}

impl Table {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The value of a name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.0.iter_mut().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Gives a name a value, in place of the one that it has.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.get_mut(name) {
            Some(old) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Takes a name and its value away.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    /// The table of a name, made where there is no value; `None` where the value is no table.
    pub fn table(&mut self, name: &str) -> Option<&mut Table> {
        if self.get(name).is_none() {
            self.set(name, Value::Table(Table::default()));
        }
        match self.get_mut(name) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        }
    }
}

/// As TOML writes it, but with every number as short as it can be.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(flag) => write!(f, "{flag}"),
            Value::Integer(number) => write!(f, "{number}"),
            Value::Number(number) => write!(f, "{number:?}"),
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Time(time) => write!(f, "{time}"),
            Value::List(values) => {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
            Value::Table(Table(entries)) => {
                let entries: Vec<String> = entries.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                write!(f, "{{ {} }}", entries.join(", "))
            }
        }
    }
}
