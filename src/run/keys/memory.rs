//! Amounts of memory as people write them.

use crate::key::{Form, Result, Shape, Value, Wrong, text};

/// An amount of memory: a string with a unit, or bytes.
pub(super) struct Memory;

impl Form<Option<u64>> for Memory {
    fn read(&self, at: &str, given: &Value, into: &mut Option<u64>) -> Result<()> {
        let amount = match given {
            Value::Integer(bytes) => u64::try_from(*bytes).ok().filter(|&bytes| bytes > 0),
            value => bytes(text(at, value)?),
        };
        let problem = "must be an amount above 0, such as \"256 MiB\", \"4 GB\" or a whole number of bytes";
        *into = Some(amount.ok_or_else(|| Wrong::new(at, problem))?);
        Ok(())
    }

    fn write(&self, from: &Option<u64>) -> Option<Value> {
        from.map(|bytes| Value::Integer(bytes as i64))
    }

    fn shape(&self, _start: &Option<u64>) -> Shape {
        Shape::Plain("a number with kB, MB, GB, TB, KiB, MiB, GiB or TiB, or a whole number of bytes".into())
    }
}

/// Units and their bytes.
const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Bytes of a text such as "256 MiB", "4 GB" or "1.5GiB", in any case; `None` where it is no amount above 0 that a file
/// can hold.
fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_lowercase();
    let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    (bytes >= 1.0 && bytes < i64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn amounts_are_read() {
        let known = [
            ("256 MiB", 256 << 20),
            ("4 GB", 4_000_000_000),
            ("1.5 GiB", 3 << 29),
            ("1.5gib", 3 << 29),
            ("12", 12),
            ("7 B", 7),
            ("2 kB", 2000),
            ("1 TiB", 1 << 40),
        ];
        for (text, want) in known {
            assert_eq!(bytes(text), Some(want), "{text}");
        }
        for text in
            ["", "MiB", "-1 MiB", "1 XB", "1..5 GB", "0", "0.2 B", "1e3 B", "99999999999 TiB", "1 GiB more", "."]
        {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
