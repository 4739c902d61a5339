//! Forms: which values a key takes, and how they are kept.

use super::{Entry, Key, Result, Shape, Table, Value, Wrong, entries, nearest, read, write};
use std::path::PathBuf;

/// Which values a key takes for a `V`.
pub trait Form<V>: Sync {
    /// Puts a given value in its place; `at` is the key's dotted name.
    ///
    /// # Errors
    ///
    /// A value that it does not take.
    fn read(&self, at: &str, given: &Value, into: &mut V) -> Result<()>;

    /// The value from which [`read`](Self::read) makes the same; `None` where the key is to be left out.
    fn write(&self, from: &V) -> Option<Value>;

    /// What it takes, for documentation; `start` holds the defaults.
    fn shape(&self, start: &V) -> Shape;
}

/// A form of a part of a `T`.
pub struct At<T, V, F> {
    /// The part.
    pub get: fn(&T) -> &V,
    /// The same part, to be filled in.
    pub place: fn(&mut T) -> &mut V,
    /// Its form.
    pub form: F,
}

/// A form of a field: `at!(Sgd.momentum, Number::NotNegative)`.
macro_rules! at {
    ($owner:ident . $field:ident, $form:expr) => {
        &$crate::key::At {
            get: |owner: &$owner| &owner.$field,
            place: |owner: &mut $owner| &mut owner.$field,
            form: $form,
        }
    };
}

pub(crate) use at;

impl<T, V, F: Form<V>> Form<T> for At<T, V, F> {
    fn read(&self, at: &str, given: &Value, into: &mut T) -> Result<()> {
        self.form.read(at, given, (self.place)(into))
    }

    fn write(&self, from: &T) -> Option<Value> {
        self.form.write((self.get)(from))
    }

    fn shape(&self, start: &T) -> Shape {
        self.form.shape((self.get)(start))
    }
}

/// A form that a section makes for itself.
pub struct Custom<T> {
    /// Puts a given value in its place; the text is the key's dotted name.
    pub read: fn(&str, &Value, &mut T) -> Result<()>,
    /// The value from which `read` makes the same; `None` where the key is to be left out.
    pub write: fn(&T) -> Option<Value>,
    /// What it takes.
    pub shape: fn() -> Shape,
}

impl<T> Form<T> for Custom<T> {
    fn read(&self, at: &str, given: &Value, into: &mut T) -> Result<()> {
        (self.read)(at, given, into)
    }

    fn write(&self, from: &T) -> Option<Value> {
        (self.write)(from)
    }

    fn shape(&self, _start: &T) -> Shape {
        (self.shape)()
    }
}

/// A value that may be absent.
pub struct Optional<F>(pub F);

impl<V: Default, F: Form<V>> Form<Option<V>> for Optional<F> {
    fn read(&self, at: &str, given: &Value, into: &mut Option<V>) -> Result<()> {
        let mut value = V::default();
        self.0.read(at, given, &mut value)?;
        *into = Some(value);
        Ok(())
    }

    fn write(&self, from: &Option<V>) -> Option<Value> {
        from.as_ref().and_then(|value| self.0.write(value))
    }

    fn shape(&self, _start: &Option<V>) -> Shape {
        self.0.shape(&V::default())
    }
}

/// Values of one form, in order.
pub struct List<F> {
    /// The form of each.
    pub each: F,
    /// What the list must be, such as "a list of sizes".
    pub takes: &'static str,
}

impl<V: Default, F: Form<V>> Form<Vec<V>> for List<F> {
    fn read(&self, at: &str, given: &Value, into: &mut Vec<V>) -> Result<()> {
        let Value::List(values) = given else {
            return Err(Wrong::new(at, format!("must be {}", self.takes)));
        };
        let one = |given| {
            let mut value = V::default();
            self.each.read(at, given, &mut value).map(|()| value)
        };
        *into = values.iter().map(one).collect::<Result<_>>()?;
        Ok(())
    }

    fn write(&self, from: &Vec<V>) -> Option<Value> {
        Some(Value::List(from.iter().filter_map(|value| self.each.write(value)).collect()))
    }

    fn shape(&self, _start: &Vec<V>) -> Shape {
        Shape::Plain(self.takes.into())
    }
}

/// Values of one form, in order, at least one; one alone need not be in a list.
pub struct OneOrMore<F>(pub List<F>);

impl<V: Default, F: Form<V>> Form<Vec<V>> for OneOrMore<F> {
    fn read(&self, at: &str, given: &Value, into: &mut Vec<V>) -> Result<()> {
        match given {
            Value::List(values) if values.is_empty() => {
                Err(Wrong::new(at, format!("is empty; it must be {}", self.0.takes)))
            }
            Value::List(_) => self.0.read(at, given, into),
            one => self.0.read(at, &Value::List(vec![one.clone()]), into),
        }
    }

    fn write(&self, from: &Vec<V>) -> Option<Value> {
        self.0.write(from)
    }

    fn shape(&self, start: &Vec<V>) -> Shape {
        self.0.shape(start)
    }
}

/// True or false.
pub struct Flag;

impl Form<bool> for Flag {
    fn read(&self, at: &str, given: &Value, into: &mut bool) -> Result<()> {
        let Value::Flag(flag) = given else {
            return Err(Wrong::new(at, format!("must be true or false, not {}", given.type_name())));
        };
        *into = *flag;
        Ok(())
    }

    fn write(&self, from: &bool) -> Option<Value> {
        Some(Value::Flag(*from))
    }

    fn shape(&self, _start: &bool) -> Shape {
        Shape::Plain("true or false".into())
    }
}

/// A given value as a string.
pub(crate) fn text<'v>(at: &str, given: &'v Value) -> Result<&'v str> {
    match given {
        Value::Text(text) => Ok(text),
        other => Err(Wrong::new(at, format!("must be a string, not {}", other.type_name()))),
    }
}

/// A string that says something, and that a system takes as a name.
pub struct Name {
    /// What it is the name of, for documentation.
    pub takes: &'static str,
}

impl Name {
    /// The name that was given.
    pub(crate) fn of<'v>(at: &str, given: &'v Value) -> Result<&'v str> {
        match text(at, given)? {
            "" => Err(Wrong::new(at, "is empty; give it a value, or leave the key out where it is optional")),
            text if text.contains('\0') => Err(Wrong::new(at, format!("is {text:?}; no name holds a zero byte"))),
            text => Ok(text),
        }
    }
}

impl Form<String> for Name {
    fn read(&self, at: &str, given: &Value, into: &mut String) -> Result<()> {
        Self::of(at, given)?.clone_into(into);
        Ok(())
    }

    fn write(&self, from: &String) -> Option<Value> {
        Some(Value::Text(from.clone()))
    }

    fn shape(&self, _start: &String) -> Shape {
        Shape::Plain(self.takes.into())
    }
}

/// The name of a file or a folder.
pub struct Path {
    /// Which files, for documentation.
    pub takes: &'static str,
}

impl Form<String> for Path {
    fn read(&self, at: &str, given: &Value, into: &mut String) -> Result<()> {
        Name::of(at, given)?.clone_into(into);
        Ok(())
    }

    fn write(&self, from: &String) -> Option<Value> {
        Some(Value::Text(from.clone()))
    }

    fn shape(&self, _start: &String) -> Shape {
        Shape::Path(self.takes.into())
    }
}

impl Form<PathBuf> for Path {
    fn read(&self, at: &str, given: &Value, into: &mut PathBuf) -> Result<()> {
        *into = PathBuf::from(Name::of(at, given)?);
        Ok(())
    }

    fn write(&self, from: &PathBuf) -> Option<Value> {
        Some(Value::Text(from.display().to_string()))
    }

    fn shape(&self, _start: &PathBuf) -> Shape {
        Shape::Path(self.takes.into())
    }
}

/// Values that words stand for.
pub trait Word: Copy + 'static {
    /// A value for every word.
    fn all() -> Vec<Self>;
    /// The word that stands for a value.
    fn word(self) -> &'static str;
    /// What it stands for, in a line; empty where the word says it.
    fn help(self) -> &'static str;
}

/// One of a list of words.
pub struct Words;

/// The one of some words that was given.
///
/// # Errors
///
/// No string, or an unknown word, with the nearest known one.
pub(crate) fn known(at: &str, given: &Value, words: &[&'static str]) -> Result<usize> {
    let given = text(at, given)?;
    words.iter().position(|word| *word == given).ok_or_else(|| {
        let one_of = match nearest(given, words.iter().copied()) {
            Some(near) => format!("did you mean {near:?}? One of"),
            None => "one of".into(),
        };
        Wrong::new(at, format!("{given:?} is not known; {one_of} {}", words.join(", ")))
    })
}

fn words<W: Word>() -> Vec<&'static str> {
    W::all().into_iter().map(W::word).collect()
}

impl<W: Word> Form<W> for Words {
    fn read(&self, at: &str, given: &Value, into: &mut W) -> Result<()> {
        *into = W::all()[known(at, given, &words::<W>())?];
        Ok(())
    }

    fn write(&self, from: &W) -> Option<Value> {
        Some(Value::from(from.word()))
    }

    fn shape(&self, _start: &W) -> Shape {
        Shape::Words(W::all().into_iter().map(|value| (value.word(), value.help())).collect())
    }
}

/// A table of keys.
pub struct Keys<T: 'static>(pub &'static [Key<T>]);

/// A given value as a table.
pub(super) fn table<'v>(at: &str, given: &'v Value) -> Result<&'v Table> {
    match given {
        Value::Table(table) => Ok(table),
        other => Err(Wrong::new(at, format!("must be a table, not {}", other.type_name()))),
    }
}

impl<T> Form<T> for Keys<T> {
    fn read(&self, at: &str, given: &Value, into: &mut T) -> Result<()> {
        read(self.0, at, table(at, given)?, into)
    }

    fn write(&self, from: &T) -> Option<Value> {
        let table = write(self.0, from);
        // An empty table could ask for the keys that it must have.
        (table != Table::default()).then_some(Value::Table(table))
    }

    fn shape(&self, start: &T) -> Shape {
        let entries: Vec<Entry> = entries(self.0, start);
        Shape::Table(entries)
    }
}
