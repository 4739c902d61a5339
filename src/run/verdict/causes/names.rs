//! Names of tensors in sentences.

use std::collections::BTreeSet;

/// Names that a sentence holds at the most.
const SHOWN: usize = 6;

/// Some names, and how many more there are.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = names.collect();
    let shown = all[..all.len().min(SHOWN)].join(", ");
    if all.len() > SHOWN { format!("{shown} and {} more", all.len() - SHOWN) } else { shown }
}

/// Patterns for a list of a run file: a layer whose tensors are all meant is one pattern.
pub(super) fn patterns(meant: &[&str], others: &[&str]) -> String {
    let layer = |name: &str| name.rsplit_once('.').map(|(layer, _)| layer.to_owned());
    let kept: BTreeSet<String> = others.iter().filter_map(|name| layer(name)).collect();
    let mut patterns: Vec<String> = Vec::new();
    for name in meant {
        let whole = layer(name)
            .filter(|own| !kept.contains(own) && !others.iter().any(|other| other.starts_with(&format!("{own}."))));
        let pattern = whole.map_or_else(|| (*name).to_owned(), |own| format!("{own}.*"));
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    let quoted: Vec<String> = patterns.iter().map(|pattern| format!("{pattern:?}")).collect();
    format!("[{}]", quoted.join(", "))
}

/// A number to four digits.
pub(super) fn number(value: f64) -> String {
    let digits = format!("{value:.3e}").parse::<f64>().unwrap_or(value);
    format!("{digits:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_layers_are_one_pattern() {
        assert_eq!(patterns(&["0.weight", "0.bias"], &["2.weight"]), r#"["0.*"]"#);
        assert_eq!(patterns(&["0.weight", "a"], &["0.bias"]), r#"["0.weight", "a"]"#);
        assert_eq!(patterns(&["h.weight"], &["h.0.weight"]), r#"["h.weight"]"#);
    }

    #[test]
    fn sentences_stay_short() {
        let names = ["a"; 8];
        assert_eq!(list(names.into_iter()), "a, a, a, a, a, a and 2 more");
        assert_eq!((number(0.100_000_000_01), number(0.123_456)), ("0.1".into(), "0.1235".into()));
    }
}
