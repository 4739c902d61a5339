//! What training does with tensors, said by their names.

use super::GraphError;
use crate::key::near;

/// What training does with a block of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It moves them, as the optimizer's group of this number says; groups count from 0, and what is in none of them has the
    /// number after the last.
    Trained(usize),
    /// It leaves them as they are, because the user says so.
    Frozen,
    /// It leaves them as they are, because they are no parameters: arrays from files, statistics that were kept.
    Fixed,
    /// It moves them by no gradient: the running statistics of batches.
    Running,
}

impl Role {
    /// Whether the optimizer leaves them as they are.
    pub fn is_held(self) -> bool {
        !matches!(self, Role::Trained(_))
    }
}

/// What is said of tensors by their names. In a pattern `*` is any text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Roles {
    /// Patterns of tensors that training leaves as they are.
    pub frozen: Vec<String>,
    /// The patterns of each group of an optimizer; a tensor belongs to the first group with one that matches its name.
    pub groups: Vec<Vec<String>>,
}

impl Roles {
    /// What is said of a tensor that goes by some names.
    pub(super) fn of(&self, names: &[&str]) -> Role {
        let matches =
            |patterns: &[String]| patterns.iter().any(|pattern| names.iter().any(|name| is_like(name, pattern)));
        match (matches(&self.frozen), self.groups.iter().position(|patterns| matches(patterns))) {
            (true, _) => Role::Frozen,
            (false, group) => Role::Trained(group.unwrap_or(self.groups.len())),
        }
    }

    /// Fails on a pattern that is the name of no tensor.
    pub(super) fn check(&self, names: &[&str]) -> Result<(), GraphError> {
        let keyed = self.frozen.iter().map(|pattern| ("model.frozen".to_owned(), pattern));
        let grouped = self.groups.iter().enumerate().flat_map(|(number, patterns)| {
            patterns.iter().map(move |pattern| (format!("training.optimizer.groups[{number}].parameters"), pattern))
        });
        let is_idle = |pattern: &str| !names.iter().any(|name| is_like(name, pattern));
        match keyed.chain(grouped).find(|(_, pattern)| is_idle(pattern)) {
            None => Ok(()),
            Some((key, pattern)) => Err(GraphError::Key {
                key,
                problem: format!("{pattern:?} is the name of no tensor{}", near(pattern, names)),
            }),
        }
    }
}

/// Whether a name is what a pattern says, `*` being any text.
fn is_like(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_are_any_text() {
        for (name, pattern) in
            [("a.b", "a.b"), ("a.b", "*"), ("a.b", "a.*"), ("a.b", "*.b"), ("aba", "a*b*a"), ("aa", "a*a")]
        {
            assert!(is_like(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in
            [("a.b", "a"), ("a.b", "b*"), ("a", "a*a"), ("abc", "a*d*c"), ("", "a"), ("ab.c", "a*b.c.c")]
        {
            assert!(!is_like(name, pattern), "{name} {pattern}");
        }
    }

    #[test]
    fn the_first_group_has_a_tensor() {
        let groups = vec![vec!["*.bias".to_owned()], vec!["ln*".to_owned()]];
        let roles = Roles { frozen: vec!["wte.*".to_owned()], groups };
        let of = |name| roles.of(&[name]);
        assert_eq!(of("ln.bias"), Role::Trained(0));
        assert_eq!(of("ln.weight"), Role::Trained(1));
        assert_eq!(of("head.weight"), Role::Trained(2));
        assert_eq!(roles.of(&["head.weight", "wte.weight"]), Role::Frozen);
        let problem = roles.check(&["wte.weight", "head.bias"]).map_err(|error| error.to_string());
        assert_eq!(
            problem,
            Err("training.optimizer.groups[1].parameters: \"ln*\" is the name of no tensor".to_owned())
        );
    }
}
