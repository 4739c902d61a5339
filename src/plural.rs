//! Counts for people.

/// So many of something, whose name in the plural ends in s: "1 step", "2 steps".
pub(crate) fn counted(count: usize, one: &str) -> String {
    let (stem, end) = match (count, one.strip_suffix('y')) {
        (1, _) => (one, ""),
        (_, Some(stem)) => (stem, "ies"),
        (_, None) => (one, "s"),
    };
    format!("{count} {stem}{end}")
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_no_plural() {
        assert_eq!(["step", "query"].map(|one| counted(1, one)), ["1 step", "1 query"]);
        assert_eq!(["step", "query"].map(|one| counted(0, one)), ["0 steps", "0 queries"]);
    }
}
