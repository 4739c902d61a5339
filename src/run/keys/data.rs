//! `[data.train]` and `[data.query]`: training data and queries.

use super::reading::{HEADER, Headers, RESHAPE, Reading, SEPARATOR, Separator};
use crate::key::{self, At, Flag, Form, Key, Keys, Optional, Path, Shape, Table, Value, Wrong, at, dotted};
use std::fmt;

/// Training and query data. Paths can be used from the current directory.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Training inputs.
    pub inputs: InputFiles,
    /// Training targets; a path without steps may have none.
    pub targets: Option<String>,
    /// What each training example counts in the loss.
    pub weights: Option<String>,
    /// The group of each training example.
    pub groups: Option<String>,
    /// Examples that are left out.
    pub exclude: Option<String>,
    /// Query inputs; without them the queries are the training set.
    pub query_inputs: Option<InputFiles>,
    /// Query targets.
    pub query_targets: Option<String>,
    /// The recorded model's own outputs of the queries, at the last weights.
    pub query_outputs: Option<String>,
    /// How the training files are read.
    pub train: Reading,
    /// How those of the queries are read.
    pub query: Reading,
}

/// The files of inputs.
#[derive(Debug, Clone, PartialEq)]
pub enum InputFiles {
    /// The file of the only input.
    One(String),
    /// The file of each input, by its name.
    Named(Vec<(String, String)>),
}

impl InputFiles {
    /// Each file, with the input's name where it has one.
    pub fn all(&self) -> Vec<(Option<&str>, &str)> {
        match self {
            InputFiles::One(file) => vec![(None, file)],
            InputFiles::Named(files) => files.iter().map(|(name, file)| (Some(name.as_str()), file.as_str())).collect(),
        }
    }
}

impl Default for InputFiles {
    fn default() -> Self {
        InputFiles::One(String::new())
    }
}

/// For messages.
impl fmt::Display for InputFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<&str> = self.all().into_iter().map(|(_, file)| file).collect();
        write!(f, "{}", files.join(", "))
    }
}

/// A file, or a table of files by the names of inputs.
struct Files;

impl Form<InputFiles> for Files {
    fn read(&self, at: &str, given: &Value, into: &mut InputFiles) -> key::Result<()> {
        let file = |at: &str, given: &Value| {
            let mut file = String::new();
            FILE.read(at, given, &mut file).map(|()| file)
        };
        *into = match given {
            Value::Table(Table(files)) if files.is_empty() => {
                return Err(Wrong::new(at, "is empty; give a file for each input, or one file for the only one"));
            }
            Value::Table(Table(files)) => {
                let named = |(name, given): &(String, Value)| Ok((name.clone(), file(&dotted(at, name), given)?));
                InputFiles::Named(files.iter().map(named).collect::<key::Result<_>>()?)
            }
            one => InputFiles::One(file(at, one)?),
        };
        Ok(())
    }

    fn write(&self, from: &InputFiles) -> Option<Value> {
        Some(match from {
            InputFiles::One(file) => Value::Text(file.clone()),
            InputFiles::Named(files) => Value::Table(Table(
                files.iter().map(|(name, file)| (name.clone(), Value::Text(file.clone()))).collect(),
            )),
        })
    }

    fn shape(&self, _start: &InputFiles) -> Shape {
        Shape::Path(format!("{FORMATS}, or a table with a file for each of `model.inputs`"))
    }
}

const FILE: Path = Path { takes: FORMATS };

pub(super) const KEYS: &[Key<Data>] = &[
    Key::section("train", "the training set", &Keys(TRAIN)),
    Key::new("query", "the queries; without it they are the training set", &Keys(QUERY)),
];

const FORMATS: &str = "`.npy`, `.npz:key`, `.csv`, `.idx`, `.idx.gz`";

/// A form of what a section says of its files: `part!(train.header, …)`.
macro_rules! part {
    ($section:ident . $field:ident, $form:expr) => {
        &At {
            get: |data: &Data| &data.$section.$field,
            place: |data: &mut Data| &mut data.$section.$field,
            form: $form,
        }
    };
}

const TRAIN: &[Key<Data>] = &[
    Key::required("inputs", "[m, …]: floats, integers of any width, bool", at!(Data.inputs, Files)),
    Key::new(
        "targets",
        "required where there are steps: [m] integer classes, or [m, C] reals; with one output also [m]. With cross_entropy also [m, T] classes of outputs [T, V], \
         and reals of the outputs' shape: probabilities of the classes",
        at!(Data.targets, Optional(FILE)),
    ),
    Key::new(
        "weights",
        "[m], or of targets [m, T] also [m, T]: what each counts in the loss, at least 0; a mean divides by their sum over the batch",
        at!(Data.weights, Optional(FILE)),
    ),
    Key::new(
        "groups",
        "[m] integers: rows that are one example, such as views of an image. The arrays have a column a group, in the order of \
         their numbers, with the sum over its rows; a coefficient is then the mean of the rows' weighted by their kernel",
        at!(Data.groups, Optional(FILE)),
    ),
    Key::new(
        "exclude",
        "[k] integers: examples that are left out of training and of the columns, by their numbers in the files, from 0. The columns are \
         the others, in their order; a file of batches names examples by their numbers in the files as well",
        at!(Data.exclude, Optional(FILE)),
    ),
    Key::new("header", HEADER, part!(train.header, Headers(&["inputs", "targets", "weights", "groups", "exclude"]))),
    Key::new("separator", SEPARATOR, part!(train.separator, Optional(Separator))),
    Key::new("reshape", RESHAPE, part!(train.reshape, Flag)),
];

const QUERY: &[Key<Data>] = &[
    Key::required("inputs", "[n, …]", at!(Data.query_inputs, Optional(Files))),
    Key::new("targets", "as those of the training set", at!(Data.query_targets, Optional(FILE))),
    Key::new(
        "outputs",
        "[n, C]: the network's outputs of the queries at the last weights, as the program that recorded the path had them. Where \
         they differ from those here by more than `kernel.accept` of the largest of them, the verdict is `wrong_inputs`, with what is \
         found of the cause",
        at!(Data.query_outputs, Optional(FILE)),
    ),
    Key::new("header", HEADER, part!(query.header, Headers(&["inputs", "targets", "outputs"]))),
    Key::new("separator", SEPARATOR, part!(query.separator, Optional(Separator))),
    // A table that is written must have its inputs.
    Key::new("reshape", RESHAPE, part!(query.reshape, Flag))
        .unless(|data| data.query_inputs.is_none().then(|| "needs data.query.inputs".into())),
];

pub(super) fn start() -> Data {
    Data {
        inputs: InputFiles::default(),
        targets: None,
        weights: None,
        groups: None,
        exclude: None,
        query_inputs: None,
        query_targets: None,
        query_outputs: None,
        train: Reading::default(),
        query: Reading::default(),
    }
}
