/*!
Keys: what a user may set, each declared once beside what it configures.

A [`Key`] has a name, a line of help and a [`Form`]: which values it takes and where they are kept. A table of keys,
`&[Key<T>]`, fills a `T` that begins with its defaults ([`read`]), writes it back with every default filled in ([`write()`]), and
says of itself what a page of documentation says ([`entries`]). Nothing here knows of files: whoever has a [`Table`] can read it.

```text
const KEYS: &[Key<Spring>] = &[
    Key::required("stiffness", "force for each length", at!(Spring.stiffness, Number::AboveZero)),
    Key::new("damped", "whether it comes to rest", at!(Spring.damped, Flag)),
];
```
*/

mod advice;
mod axes;
mod form;
mod number;
mod value;
mod variant;

pub use advice::{near, nearest};
pub use axes::PerAxis;
pub use form::{At, Custom, Flag, Form, Keys, List, Name, OneOrMore, Optional, Path, Word, Words};
pub use number::{Count, Each, Number, Pair, Whole};
pub use value::{Table, Value};
pub use variant::{Alternative, OneOf, Variant};

pub(crate) use form::{at, known, text};

/// A key that is wrong: its dotted name, and what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct Wrong {
    /// The dotted name.
    pub key: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl Wrong {
    /// What is wrong with a key.
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}

/// What reading returns.
pub type Result<T> = std::result::Result<T, Wrong>;

/// One thing of a `T` that a user may set.
pub struct Key<T: 'static> {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
    /// Which values it takes, and where they are kept.
    pub form: &'static dyn Form<T>,
    absent: Absent,
    incidental: bool,
    unless: Option<Unless<T>>,
}

/// Why a key has no place beside the values of the keys before it; `None` where it has.
pub type Unless<T> = fn(&T) -> Option<String>;

/// What it means that a key is not given.
#[derive(Clone, Copy, PartialEq)]
enum Absent {
    /// Its default stands.
    Default,
    /// An error.
    Missing,
    /// Nothing inside its table is given.
    Empty,
}

impl<T> Key<T> {
    /// A key whose default stands where it is not given.
    pub const fn new(name: &'static str, help: &'static str, form: &'static dyn Form<T>) -> Self {
        Self { name, help, form, absent: Absent::Default, incidental: false, unless: None }
    }

    /// A key that must be given.
    pub const fn required(name: &'static str, help: &'static str, form: &'static dyn Form<T>) -> Self {
        Self { absent: Absent::Missing, ..Self::new(name, help, form) }
    }

    /// A table of keys: without it, those inside that must be given are missing.
    pub const fn section(name: &'static str, help: &'static str, form: &'static dyn Form<T>) -> Self {
        Self { absent: Absent::Empty, ..Self::new(name, help, form) }
    }

    /// It says where or when something is computed, not what.
    pub const fn incidental(self) -> Self {
        Self { incidental: true, ..self }
    }

    /// It is an error, and isn't written, beside some values of the keys before it.
    pub const fn unless(self, why: Unless<T>) -> Self {
        Self { unless: Some(why), ..self }
    }

    fn out_of_place(&self, of: &T) -> Option<String> {
        self.unless.and_then(|why| why(of))
    }

    fn read(&self, at: &str, table: &Table, into: &mut T) -> Result<()> {
        let name = dotted(at, self.name);
        match (table.get(self.name), self.out_of_place(into)) {
            (Some(_), Some(why)) => Err(Wrong::new(name, why)),
            (Some(given), None) => self.form.read(&name, given, into),
            (None, Some(_)) => Ok(()),
            (None, None) => match self.absent {
                Absent::Default => Ok(()),
                Absent::Empty => self.form.read(&name, &Value::Table(Table::default()), into),
                Absent::Missing => {
                    let words = match self.form.shape(into) {
                        Shape::Words(words) => {
                            let words: Vec<&str> = words.into_iter().map(|(word, _)| word).collect();
                            format!("; one of {}", words.join(", "))
                        }
                        Shape::Plain(_) | Shape::Number(_) | Shape::Path(_) | Shape::Table(_) | Shape::OneOf { .. } => {
                            String::new()
                        }
                    };
                    Err(Wrong::new(name, format!("is required and missing{words}")))
                }
            },
        }
    }

    fn write(&self, from: &T) -> Option<(String, Value)> {
        match self.out_of_place(from) {
            Some(_) => None,
            None => self.form.write(from).map(|value| (self.name.to_owned(), value)),
        }
    }

    fn entry(&self, start: &T) -> Entry {
        let Self { name, help, incidental, .. } = *self;
        let shape = self.form.shape(start);
        let unset = match (self.absent, &shape, self.write(start)) {
            (Absent::Missing, ..) => Unset::Required,
            (Absent::Empty, Shape::Table(inside), _) if inside.iter().any(Entry::is_required) => Unset::Required,
            (Absent::Empty, ..) | (_, _, None) => Unset::Absent,
            (Absent::Default, _, Some((_, value))) => Unset::Value(value),
        };
        Entry { name, help, unset, shape, incidental }
    }
}

/// Fills in what a table gives; `at` is the table's dotted name, empty for the outermost.
///
/// # Errors
///
/// An unknown key, with the nearest known one; a required key that is missing; a value that its key does not take.
pub fn read<T>(keys: &[Key<T>], at: &str, table: &Table, into: &mut T) -> Result<()> {
    check_names(&names(keys), at, table)?;
    keys.iter().try_for_each(|key| key.read(at, table, into))
}

/// The table that [`read`] fills the same value from.
pub fn write<T>(keys: &[Key<T>], from: &T) -> Table {
    Table(keys.iter().filter_map(|key| key.write(from)).collect())
}

/// What each key is, for documentation; `start` holds the defaults.
pub fn entries<T>(keys: &[Key<T>], start: &T) -> Vec<Entry> {
    keys.iter().map(|key| key.entry(start)).collect()
}

/// What a key is, for documentation.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
    /// What stands without it.
    pub unset: Unset,
    /// What it takes.
    pub shape: Shape,
    /// Whether it says where or when something is computed, not what.
    pub incidental: bool,
}

impl Entry {
    /// Whether it must be given.
    pub fn is_required(&self) -> bool {
        matches!(self.unset, Unset::Required)
    }
}

/// What stands where a key is not given.
#[derive(Debug, Clone)]
pub enum Unset {
    /// It must be given.
    Required,
    /// Nothing.
    Absent,
    /// A value.
    Value(Value),
}

/// What a key takes.
#[derive(Debug, Clone)]
pub enum Shape {
    /// A value, described in words.
    Plain(String),
    /// A number or two, described in words; where it may change from step to step, a file of them does as well.
    Number(String),
    /// The name of a file or folder, and what else it may be.
    Path(String),
    /// One of these words, each with what it stands for.
    Words(Vec<(&'static str, &'static str)>),
    /// A table of keys.
    Table(Vec<Entry>),
    /// A table whose `type` says which keys it has, beside shared ones.
    OneOf {
        /// Each type, what it is, and its keys.
        variants: Vec<(&'static str, &'static str, Vec<Entry>)>,
        /// Keys of every type.
        shared: Vec<Entry>,
    },
}

/// A key's name, and whether it must be given.
type Known = (&'static str, bool);

fn names<T>(keys: &[Key<T>]) -> Vec<Known> {
    keys.iter().map(|key| (key.name, key.absent == Absent::Missing)).collect()
}

/// Fails on the first key of a table that is not known.
fn check_names(known: &[Known], at: &str, table: &Table) -> Result<()> {
    let Some((unknown, _)) = table.0.iter().find(|(name, _)| known.iter().all(|(known, _)| known != name)) else {
        return Ok(());
    };
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let near = nearest(unknown, names.iter().copied());
    // Of several keys that are missing, the one that was meant.
    let is_missing = |name: &str| table.get(name).is_none();
    let missing = known.iter().filter(|(name, required)| *required && is_missing(name)).map(|(name, _)| *name);
    let missing = missing.min_by_key(|name| Some(*name) != near);
    let missing = missing.map_or(String::new(), |name| format!(" ({} is required and missing)", dotted(at, name)));
    let advice =
        near.map_or_else(|| format!("; known are {}", names.join(", ")), |near| format!("; did you mean {near:?}?"));
    Err(Wrong::new(dotted(at, unknown), format!("unknown key{advice}{missing}")))
}

/// The dotted name of a key in a table.
pub fn dotted(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Spring {
        stiffness: f64,
        damped: bool,
        turns: Option<usize>,
        metal: Metal,
    }

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Metal {
        Steel,
        Brass,
    }

    impl Word for Metal {
        fn all() -> Vec<Self> {
            vec![Metal::Steel, Metal::Brass]
        }

        fn word(self) -> &'static str {
            match self {
                Metal::Steel => "steel",
                Metal::Brass => "brass",
            }
        }

        fn help(self) -> &'static str {
            match self {
                Metal::Steel => "hard",
                Metal::Brass => "",
            }
        }
    }

    const KEYS: &[Key<Spring>] = &[
        Key::required("stiffness", "force for each length", at!(Spring.stiffness, Number::AboveZero)),
        Key::new("damped", "whether it comes to rest", at!(Spring.damped, Flag)).incidental(),
        Key::new("turns", "how often it is wound", at!(Spring.turns, Optional(Count::from(1))))
            .unless(|spring| spring.damped.then(|| "goes with an undamped spring".to_owned())),
        Key::required("metal", "what it is made of", at!(Spring.metal, Words)),
    ];

    const START: Spring = Spring { stiffness: 0.0, damped: false, turns: None, metal: Metal::Brass };

    fn table(entries: &[(&str, Value)]) -> Table {
        Table(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    fn spring(entries: &[(&str, Value)]) -> std::result::Result<Spring, String> {
        let mut spring = START;
        read(KEYS, "spring", &table(entries), &mut spring).map(|()| spring).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn a_table_is_read_and_written_by_the_same_keys() {
        let given = [("turns", Value::Integer(4)), ("stiffness", Value::Integer(3)), ("metal", "steel".into())];
        let read = spring(&given).unwrap();
        assert_eq!(read, Spring { stiffness: 3.0, damped: false, turns: Some(4), metal: Metal::Steel });
        let written = [
            ("stiffness", Value::Number(3.0)),
            ("damped", Value::Flag(false)),
            ("turns", Value::Integer(4)),
            ("metal", "steel".into()),
        ];
        assert_eq!(write(KEYS, &read), table(&written));
        assert_eq!(spring(&written), Ok(read));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_way_out() {
        let hard = ("stiffness", Value::Number(2.0));
        let cases: [(&[(&str, Value)], &str); 6] = [
            (
                &[("stifness", Value::Integer(3))],
                "spring.stifness: unknown key; did you mean \"stiffness\"? (spring.stiffness is required and missing)",
            ),
            (
                &[hard.clone(), ("damp", Value::Flag(true))],
                "spring.damp: unknown key; did you mean \"damped\"? (spring.metal is required and missing)",
            ),
            (&[], "spring.stiffness: is required and missing"),
            (std::slice::from_ref(&hard), "spring.metal: is required and missing; one of steel, brass"),
            (
                &[hard.clone(), ("metal", "stel".into())],
                "spring.metal: \"stel\" is not known; did you mean \"steel\"? One of steel, brass",
            ),
            (
                &[hard.clone(), ("damped", Value::Flag(true)), ("turns", Value::Integer(3))],
                "spring.turns: goes with an undamped spring",
            ),
        ];
        for (given, message) in cases {
            assert_eq!(spring(given), Err(message.to_owned()));
        }
    }

    #[test]
    fn a_key_out_of_place_is_not_written() {
        let written = write(KEYS, &Spring { damped: true, turns: Some(2), ..START });
        assert_eq!(written.get("turns"), None);
    }

    #[test]
    fn entries_say_what_stands_in_documentation() {
        let [stiffness, damped, turns, metal] = &entries(KEYS, &START)[..] else { panic!("four keys") };
        assert!(matches!(stiffness.unset, Unset::Required) && !stiffness.incidental);
        assert!(matches!(&damped.unset, Unset::Value(Value::Flag(false))) && damped.incidental);
        assert!(matches!(turns.unset, Unset::Absent));
        assert!(matches!(&metal.shape, Shape::Words(words) if *words == [("steel", "hard"), ("brass", "")]));
    }
}
