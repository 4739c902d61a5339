//! What is said of nodes that no layer does.

use super::proto::{Node, noted};
use std::fmt;

/// Why a node, or a part of a file, is refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self(why)
    }
}

impl From<&str> for Refused {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}

/// A node that is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Its operator.
    pub operator: String,
    /// Its name, or that of what it gives.
    pub node: String,
    /// The module, and the line of it, where the exporter noted them.
    pub place: Option<String>,
    /// Why, and what to do.
    pub why: String,
}

impl Refusal {
    pub(super) fn of(node: &Node<'_>, why: Refused) -> Self {
        let name = if node.name.is_empty() { node.outputs.first().copied().unwrap_or_default() } else { node.name };
        Self { operator: node.operator.to_owned(), node: name.to_owned(), place: place(node), why: why.0 }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.as_ref().map_or(String::new(), |place| format!(", {place}"));
        write!(f, "{} ({}{place}): {}", self.node, self.operator, self.why)
    }
}

/// The module and the line that a node comes from.
fn place(node: &Node<'_>) -> Option<String> {
    let scopes = noted(&node.notes, "pkg.torch.onnx.name_scopes").map(|scopes| {
        // A list of names as Python writes it, the innermost but one being the module's.
        let names: Vec<&str> =
            scopes.split('\'').filter(|name| !name.trim_matches(['[', ']', ',', ' ']).is_empty()).collect();
        names.iter().rev().nth(1).map_or_else(String::new, |name| format!("in {name}"))
    });
    let line = noted(&node.notes, "pkg.torch.onnx.stack_trace").and_then(|trace| {
        let lines: Vec<&str> = trace.lines().rev().map(str::trim).filter(|line| line.starts_with("File ")).collect();
        // The user's own line says more than one inside PyTorch.
        let own = lines.iter().find(|line| !line.contains("/torch/nn/modules/")).or(lines.first())?;
        own.strip_suffix(", in forward").or(Some(own)).map(|line| line.replacen("File ", "", 1))
    });
    let parts: Vec<String> = [scopes, line].into_iter().flatten().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Refusals that are shown one by one.
const SHOWN: usize = 12;

/// All refusals, a line each; those with the reason of an earlier one are counted.
pub(super) fn all(refusals: &[Refusal]) -> String {
    let mut kinds: Vec<(&Refusal, usize)> = Vec::new();
    for refusal in refusals {
        match kinds.iter_mut().find(|(other, _)| other.operator == refusal.operator && other.why == refusal.why) {
            Some((_, count)) => *count += 1,
            None => kinds.push((refusal, 1)),
        }
    }
    let one = |(refusal, count): &(&Refusal, usize)| match count {
        1 => format!("\n  {refusal}"),
        count => format!("\n  {refusal} (and {} more of the kind)", count - 1),
    };
    let shown: String = kinds.iter().take(SHOWN).map(one).collect();
    let rest = kinds.len().saturating_sub(SHOWN);
    let rest = if rest > 0 { format!("\n  and {rest} other kinds") } else { String::new() };
    format!("some of its operators have no layer here:{shown}{rest}")
}
