//! What the sections of data say of how their files are read.

use crate::formats::{SEPARATORS, TextLayout};
use crate::key::{self, Flag, Form, Shape, Table, Value, Wrong, dotted, near, text};

/// How the files of a section are read, as far as it is said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Whether files of text begin with names of columns.
    pub header: Header,
    /// What stands between the numbers of files of text.
    pub separator: Option<char>,
    /// Whether inputs of any shape with enough values are taken in the order in which these lie.
    pub reshape: bool,
}

/// Whether files of text begin with names of columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Header {
    /// It is not said.
    #[default]
    Unsaid,
    /// All of them, or none.
    All(bool),
    /// Some of them, by their keys.
    Each(Vec<(String, bool)>),
}

impl Header {
    /// What is said of the file of a key.
    fn of(&self, key: &str) -> Option<bool> {
        match self {
            Self::Unsaid => None,
            Self::All(header) => Some(*header),
            Self::Each(files) => files.iter().find(|(name, _)| name == key).map(|(_, header)| *header),
        }
    }
}

impl Reading {
    /// The layout of the file of a key; a file of text must have so many rows, where that is known.
    pub fn layout(&self, at: [&'static str; 2], rows: Option<usize>) -> TextLayout {
        TextLayout { header: self.header.of(at[1]), separator: self.separator, rows, at: Some(at) }
    }
}

/// True or false, or either for each of some keys; left out where nothing is said.
pub(super) struct Headers(pub &'static [&'static str]);

impl Headers {
    fn takes(&self) -> String {
        format!("true or false, or a table with either for some of {}", self.0.join(", "))
    }
}

impl Form<Header> for Headers {
    fn read(&self, at: &str, given: &Value, into: &mut Header) -> key::Result<()> {
        let flag = |at: &str, given: &Value| {
            let mut flag = false;
            Flag.read(at, given, &mut flag).map(|()| flag)
        };
        *into = match given {
            Value::Flag(all) => Header::All(*all),
            Value::Table(Table(files)) => {
                if let Some((unknown, _)) = files.iter().find(|(name, _)| !self.0.contains(&name.as_str())) {
                    let problem = format!("is the key of no file here{}", near(unknown, self.0));
                    return Err(Wrong::new(dotted(at, unknown), problem));
                }
                let one = |(name, given): &(String, Value)| Ok((name.clone(), flag(&dotted(at, name), given)?));
                Header::Each(files.iter().map(one).collect::<key::Result<_>>()?)
            }
            other => return Err(Wrong::new(at, format!("must be {}, not {}", self.takes(), other.type_name()))),
        };
        Ok(())
    }

    fn write(&self, from: &Header) -> Option<Value> {
        match from {
            Header::Unsaid => None,
            Header::All(header) => Some(Value::Flag(*header)),
            Header::Each(files) => Some(Value::Table(Table(
                files.iter().map(|(name, header)| (name.clone(), Value::Flag(*header))).collect(),
            ))),
        }
    }

    fn shape(&self, _start: &Header) -> Shape {
        Shape::Plain(self.takes())
    }
}

/// A character that may stand between numbers.
pub(super) struct Separator;

/// What it may be.
const TAKES: &str = "\",\", \";\", \"\\t\", \"|\" or \" \"";

impl Form<char> for Separator {
    fn read(&self, at: &str, given: &Value, into: &mut char) -> key::Result<()> {
        let given = text(at, given)?;
        let found = SEPARATORS.into_iter().find(|separator| given.chars().eq([*separator]));
        *into = found.ok_or_else(|| Wrong::new(at, format!("is {given:?}; it must be {TAKES}")))?;
        Ok(())
    }

    fn write(&self, from: &char) -> Option<Value> {
        Some(Value::Text(from.to_string()))
    }

    fn shape(&self, _start: &char) -> Shape {
        Shape::Plain(TAKES.into())
    }
}

/// What is said of the keys.
pub(super) const HEADER: &str = "whether `.csv` files begin with a line of names. Without it, a first line of text is names, numbers \
     are a row, and a line that could be either, such as the numbers of the columns, is refused";
pub(super) const SEPARATOR: &str = "what stands between the numbers of `.csv` files, in place of a comma; a comma in a number is then a \
     decimal one";
pub(super) const RESHAPE: &str = "whether inputs of another shape with as many values are taken in the order in which these lie. \
     Without it, only rows that are flat, or lack axes of length 1, are made the model's shape, and a flat model takes any shape";
