//! Amounts of memory as people write them.

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
pub(super) fn bytes(text: &str) -> Option<u64> {
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
