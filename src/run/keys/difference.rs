//! In what two runs differ.

use super::{entries, toml};
use crate::key::{Entry, Shape, Table, Value, dotted};

/// The first key in which two resolved run files differ, with both values; keys that change no result are left out.
pub fn difference(a: &str, b: &str) -> Option<(String, String, String)> {
    let parse = |text: &str| toml::parse(text, "").map(Value::Table).ok();
    let incidental = incidental_keys("", &entries());
    differs(&incidental, "", parse(a).as_ref(), parse(b).as_ref())
}

/// The dotted names of the keys that change no result.
fn incidental_keys(at: &str, entries: &[Entry]) -> Vec<String> {
    let of = |entry: &Entry| {
        let name = dotted(at, entry.name);
        match &entry.shape {
            _ if entry.incidental => vec![name],
            Shape::Table(entries) => incidental_keys(&name, entries),
            Shape::Plain(_) | Shape::Number(_) | Shape::Path(_) | Shape::Words(_) | Shape::OneOf { .. } => Vec::new(),
        }
    };
    entries.iter().flat_map(of).collect()
}

fn differs(incidental: &[String], key: &str, a: Option<&Value>, b: Option<&Value>) -> Option<(String, String, String)> {
    if a == b || incidental.iter().any(|name| name == key) {
        return None;
    }
    if let (Some(Value::Table(left)), Some(Value::Table(right))) = (a, b) {
        let Table(entries) = left;
        let others = right.0.iter().filter(|(name, _)| left.get(name).is_none());
        return entries
            .iter()
            .chain(others)
            .find_map(|(name, _)| differs(incidental, &dotted(key, name), left.get(name), right.get(name)));
    }
    let show = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
    Some((key.to_owned(), show(a), show(b)))
}
