//! By which names tensors go, and what is said of them.

use super::{Role, Roles};
use std::collections::{BTreeMap, BTreeSet};

/// What is said of tensors by the names that they go by.
#[derive(Debug, Clone, Default)]
pub(super) struct Naming {
    roles: Roles,
    /// The name of each tensor that is another's, and that other's.
    ties: BTreeMap<String, String>,
    /// Those of them that nodes were made for.
    made: BTreeSet<String>,
    /// Whether no output depends on what is added.
    pub idle: bool,
}

/// Whose the parameters of a node are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ownership<'a> {
    /// Its own, with which training does so.
    Own(Role),
    /// Those of a tensor of this name.
    Tied(&'a str),
    /// Not of one kind: each tensor needs a node.
    Apart,
}

impl Naming {
    /// With these roles, and pairs of a tensor's name and that of an earlier one that it is.
    pub fn new(roles: &Roles, ties: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut naming = Self { roles: roles.clone(), ..Self::default() };
        for (name, target) in ties {
            let target = naming.ties.get(&target).cloned().unwrap_or(target);
            naming.ties.insert(name, target);
        }
        naming
    }

    /// Whose the parameters of a node with tensors of these names are.
    pub fn of<'a>(&'a self, names: &[String]) -> Ownership<'a> {
        match names {
            [only] => match self.ties.get(only) {
                Some(target) => Ownership::Tied(target),
                None => Ownership::Own(self.role(only)),
            },
            names if names.iter().any(|name| self.is_shared(name)) => Ownership::Apart,
            names => {
                let mut roles = names.iter().map(|name| self.role(name));
                let first = roles.next().unwrap_or(Role::Fixed);
                if roles.all(|role| role == first) { Ownership::Own(first) } else { Ownership::Apart }
            }
        }
    }

    /// The other names of a tensor.
    pub fn aliases<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.ties.iter().filter(move |(_, target)| *target == name).map(|(alias, _)| alias.as_str())
    }

    /// All names that are other tensors'.
    pub fn ties(&self) -> impl Iterator<Item = &str> {
        self.ties.keys().map(String::as_str)
    }

    /// Notes that a node uses the tensor that a name is tied to.
    pub fn make(&mut self, name: &str) {
        self.made.insert(name.to_owned());
    }

    /// Whether a node was made for a name that is another tensor's.
    pub fn is_tied(&self, name: &str) -> bool {
        self.made.contains(name)
    }

    fn is_shared(&self, name: &str) -> bool {
        self.ties.iter().any(|(alias, target)| alias == name || target == name)
    }

    /// What training does with a tensor. One that no output depends on has no gradient, so that it leaves it as it is.
    fn role(&self, name: &str) -> Role {
        if self.idle {
            return Role::Frozen;
        }
        let names: Vec<&str> = std::iter::once(name).chain(self.aliases(name)).collect();
        self.roles.of(&names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_of_one_kind_stay_together() {
        let roles = Roles { frozen: vec!["a.bias".into(), "c.*".into(), "e.weight".into()], ..Roles::default() };
        let ties = [("d.weight", "b.weight"), ("e.weight", "d.weight")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let naming = Naming::new(&roles, ties);
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            format!("{:?}", naming.of(&names))
        };
        assert_eq!(of(&["a.weight", "a.bias"]), "Apart");
        assert_eq!(of(&["a.weight"]), "Own(Trained(0))");
        assert_eq!(of(&["c.weight", "c.bias"]), "Own(Frozen)");
        assert_eq!(of(&["b.weight", "b.bias"]), "Apart");
        // A tensor is frozen by any of its names.
        assert_eq!(of(&["b.weight"]), "Own(Frozen)");
        assert_eq!(of(&["e.weight"]), "Tied(\"b.weight\")");
        assert!(naming.aliases("b.weight").eq(["d.weight", "e.weight"]));
    }
}
