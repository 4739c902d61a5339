//! Tables whose `type` says which keys they have.

use super::advice::similarity;
use super::form::{known, table};
use super::{Entry, Form, Key, Known, Result, Shape, Table, Value, Wrong, check_names, dotted, entries, names, write};

/// The key that says which variant a table is.
const TYPE: &str = "type";
/// A key as similar to it as this is taken for a misspelling.
const LIKE: f64 = 0.8;

/// One type of a `T`: its name and its keys.
pub trait Variant<T>: Sync {
    /// Its name, the value of `type`.
    fn name(&self) -> &'static str;
    /// What it is, in a line.
    fn help(&self) -> &'static str;
    /// Its keys' names, and which must be given.
    fn known(&self) -> Vec<(&'static str, bool)>;
    /// A value of this type, of what a table with known keys gives.
    ///
    /// # Errors
    ///
    /// A required key that is missing; a value that its key does not take.
    fn read(&self, at: &str, table: &Table) -> Result<T>;
    /// What its keys hold; `None` where a value is of another type.
    fn write(&self, from: &T) -> Option<Table>;
    /// What its keys are, for documentation.
    fn entries(&self) -> Vec<Entry>;
}

/// A type of a `T` that a struct `S` with keys of its own describes.
pub struct Alternative<T, S: 'static> {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a line.
    pub help: &'static str,
    /// Its defaults.
    pub start: S,
    /// Its keys.
    pub keys: &'static [Key<S>],
    /// What its keys do not allow together: the key, and what is wrong with it.
    pub check: fn(&S) -> std::result::Result<(), (&'static str, String)>,
    /// The value that it describes.
    pub make: fn(S) -> T,
    /// What describes a value; `None` where the value is of another type.
    pub of: fn(&T) -> Option<S>,
}

impl<T, S: Clone + Sync> Variant<T> for Alternative<T, S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn known(&self) -> Vec<Known> {
        names(self.keys)
    }

    fn read(&self, at: &str, table: &Table) -> Result<T> {
        let mut own = self.start.clone();
        self.keys.iter().try_for_each(|key| key.read(at, table, &mut own))?;
        (self.check)(&own).map_err(|(key, problem)| Wrong::new(dotted(at, key), problem))?;
        Ok((self.make)(own))
    }

    fn write(&self, from: &T) -> Option<Table> {
        (self.of)(from).map(|own| write(self.keys, &own))
    }

    fn entries(&self) -> Vec<Entry> {
        entries(self.keys, &self.start)
    }
}

/// A table whose `type` is one of some variants.
pub struct OneOf<T: 'static> {
    /// Every variant.
    pub variants: fn() -> Vec<Box<dyn Variant<T>>>,
    /// The name of a value's type.
    pub name: fn(&T) -> &'static str,
    /// Keys of every type.
    pub shared: &'static [Key<T>],
}

impl<T> OneOf<T> {
    /// The variant that a table's `type` names.
    fn variant(&self, at: &str, table: &Table) -> Result<Box<dyn Variant<T>>> {
        let at = dotted(at, TYPE);
        let mut variants = (self.variants)();
        let names: Vec<&'static str> = variants.iter().map(|variant| variant.name()).collect();
        match table.get(TYPE) {
            None => {
                self.check_misspelt(table, &at, &variants)?;
                Err(Wrong::new(at, format!("is required and missing; one of {}", names.join(", "))))
            }
            Some(given) => Ok(variants.swap_remove(known(&at, given, &names)?)),
        }
    }

    /// Fails on a key of a table without a `type` that no variant has and that looks like it.
    fn check_misspelt(&self, table: &Table, at: &str, variants: &[Box<dyn Variant<T>>]) -> Result<()> {
        let known: Vec<Known> = variants.iter().flat_map(|variant| variant.known()).chain(names(self.shared)).collect();
        let is_known = |key: &str| known.iter().any(|(name, _)| *name == key);
        let misspelt = table.0.iter().find(|(key, _)| !is_known(key) && similarity(key, TYPE) > LIKE);
        misspelt.map_or(Ok(()), |(key, _)| {
            let place = at.strip_suffix(TYPE).unwrap_or_default();
            let problem = format!("unknown key; did you mean {TYPE:?}? ({at} is required and missing)");
            Err(Wrong::new(format!("{place}{key}"), problem))
        })
    }
}

impl<T> Form<T> for OneOf<T> {
    fn read(&self, at: &str, given: &Value, into: &mut T) -> Result<()> {
        let table = table(at, given)?;
        let variant = self.variant(at, table)?;
        let known = [vec![(TYPE, true)], variant.known(), names(self.shared)].concat();
        check_names(&known, at, table)?;
        *into = variant.read(at, table)?;
        self.shared.iter().try_for_each(|key| key.read(at, table, into))
    }

    fn write(&self, from: &T) -> Option<Value> {
        let name = (self.name)(from);
        let own = (self.variants)().iter().find(|variant| variant.name() == name)?.write(from)?;
        let kind = (TYPE.to_owned(), Value::from(name));
        let shared = write(self.shared, from);
        Some(Value::Table(Table(std::iter::once(kind).chain(own.0).chain(shared.0).collect())))
    }

    fn shape(&self, start: &T) -> Shape {
        let variants = (self.variants)();
        let variants = variants.iter().map(|variant| (variant.name(), variant.help(), variant.entries())).collect();
        Shape::OneOf { variants, shared: entries(self.shared, start) }
    }
}
