//! Files of weights as the programs that train write them: the model's tensors behind a prefix, and others beside them.

use crate::error::Error;
use crate::formats::{Array, TensorFile};
use crate::graph::Graph;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What wrappers of a model put before the names of its tensors: data-parallel training, `torch.compile`, and the attributes in
/// which people keep a model.
const PREFIXES: [&str; 4] = ["module.", "_orig_mod.", "model.", "net."];

/// Prefixes of a file that are tried.
const MOST_PREFIXES: usize = 16;

/// What the names of running statistics end in.
const RUNNING: [&str; 2] = [".running_mean", ".running_var"];

/// Names that a message lists.
const LISTED: usize = 5;

/// Opens a file of weights and keeps the tensors of the model, under the model's names. What was done to the names, and what
/// was left out, goes to `notes`.
///
/// # Errors
///
/// A file that cannot be read, or that lacks one of the model's tensors: the message names it and those that are near.
pub(super) fn open(path: &Path, network: &Graph, notes: &mut Notes) -> Result<TensorFile, Error> {
    let file = TensorFile::open(path)?;
    let wanted: BTreeSet<&str> = network.tensors().flat_map(|tensor| network.file_names(tensor)).collect();
    let names: BTreeSet<&str> = file.names().collect();
    let prefix = prefix_of(network, &names).map_err(|problem| wrong(path, problem))?;
    let is_kept = |name: &str| name.strip_prefix(&prefix).is_some_and(|name| wanted.contains(name));
    let others: Vec<&str> = names.iter().copied().filter(|name| !is_kept(name)).collect();
    if !prefix.is_empty() {
        notes.add(path, format!("the prefix {prefix:.200} was taken from the names of the tensors"));
    }
    if !others.is_empty() {
        notes.add(
            path,
            format!("no layer of the model has a use for {} of the tensors: {}", others.len(), listed(&others)),
        );
    }
    Ok(file.keeping(&prefix, |name| wanted.contains(name))?)
}

/// What stands before the names of a network's tensors among some names.
///
/// # Errors
///
/// A tensor that is missing, with those that are near.
pub(super) fn prefix_of(network: &Graph, names: &BTreeSet<&str>) -> Result<String, String> {
    // What has its values from elsewhere may be left out.
    let needed = network.tensors().filter(|tensor| !tensor.is_given());
    let needed: Vec<Needed<'_>> =
        needed.map(|tensor| Needed { names: network.file_names(tensor).collect(), shape: &tensor.shape }).collect();
    prefix(&needed, names)
}

/// Tensors of weights must be real: integers beside them are counters or quantised.
///
/// # Errors
///
/// A tensor of integers: the message names it.
pub(super) fn check_real(network: &Graph, tensors: &BTreeMap<String, Array>) -> Result<(), String> {
    let mut needed =
        network.tensors().filter(|tensor| !tensor.is_given()).flat_map(|tensor| network.file_names(tensor));
    match needed.find(|name| tensors.get(*name).is_some_and(Array::is_integer)) {
        None => Ok(()),
        Some(name) => Err(format!("tensor {name} holds integers; weights are double, float, half or bfloat16")),
    }
}

pub(super) fn wrong(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::Input(format!("{}: {problem}", path.display()))
}

/// A tensor that a file must hold.
struct Needed<'a> {
    /// The names that it goes by; one of them is enough.
    names: Vec<&'a str>,
    shape: &'a [usize],
}

/// What stands before the name of every tensor that is needed.
fn prefix(needed: &[Needed<'_>], names: &BTreeSet<&str>) -> Result<String, String> {
    let Some(first) = needed.first() else { return Ok(String::new()) };
    let has = |prefix: &str, name: &str| names.contains(format!("{prefix}{name}").as_str());
    let missing = |prefix: &str| needed.iter().find(|tensor| !tensor.names.iter().any(|name| has(prefix, name)));
    if missing("").is_none() {
        return Ok(String::new());
    }
    let before = first.names.iter().flat_map(|own| names.iter().filter_map(move |name| name.strip_suffix(own)));
    let mut wrappers: Vec<&str> = before.filter(|prefix| is_wrapper(prefix)).collect();
    wrappers.sort_by_key(|prefix| (prefix.len(), *prefix));
    wrappers.dedup();
    wrappers.truncate(MOST_PREFIXES);
    let fitting: Vec<&str> = wrappers.iter().copied().filter(|prefix| missing(prefix).is_none()).collect();
    match fitting.as_slice() {
        [prefix] => Ok((*prefix).to_owned()),
        [] => {
            // A name that only its prefix hides is not what is missing.
            let prefix = wrappers.last().copied().unwrap_or("");
            let Needed { names: own, shape } = missing(prefix).unwrap_or(first);
            let advice = if RUNNING.iter().any(|end| own[0].ends_with(end)) {
                "it is a buffer of a batch norm, which state_dict() has, and named_parameters() has not: save the whole \
                 state_dict()"
                    .to_owned()
            } else {
                near(own[0], names)
            };
            Err(format!("tensor {} of shape {shape:?} is missing; {advice}", own.join(" or ")))
        }
        several => Err(format!(
            "the model's tensors are there more than once, behind {}; save those of one model alone",
            listed(several)
        )),
    }
}

/// Whether a prefix is made of nothing but those of wrappers.
fn is_wrapper(mut prefix: &str) -> bool {
    while let Some(rest) = PREFIXES.iter().find_map(|word| prefix.strip_prefix(word)) {
        prefix = rest;
    }
    prefix.is_empty()
}

/// What a file has in place of a name, and what to do.
fn near(name: &str, names: &BTreeSet<&str>) -> String {
    let mut nearest: Vec<&str> = names.iter().copied().collect();
    let likeness = |other: &str| (other.ends_with(name), strsim::jaro_winkler(name, other));
    nearest.sort_by(|a, b| likeness(b).partial_cmp(&likeness(a)).unwrap_or(std::cmp::Ordering::Equal));
    nearest.truncate(LISTED);
    if nearest.is_empty() {
        return "the file holds no tensor".to_owned();
    }
    format!(
        "nearest to it of the file's {} are {}; give the layers the names that the file has (name = \"…\")",
        names.len(),
        listed(&nearest)
    )
}

fn listed(names: &[&str]) -> String {
    let some: Vec<String> = names.iter().take(LISTED).map(|name| format!("{name:.100}")).collect();
    let more = names.len().saturating_sub(LISTED);
    if more == 0 { some.join(", ") } else { format!("{} and {more} more", some.join(", ")) }
}

/// What was done to fit files to a model, for people: each sentence once, with the file that it was first said of.
#[derive(Debug, Default)]
pub(super) struct Notes {
    notes: BTreeMap<String, (String, usize)>,
}

impl Notes {
    fn add(&mut self, path: &Path, sentence: String) {
        self.notes.entry(sentence).or_insert_with(|| (path.display().to_string(), 0)).1 += 1;
    }

    /// The sentences.
    pub fn lines(&self) -> Vec<String> {
        let line = |(sentence, (path, files)): (&String, &(String, usize))| match files {
            1 => format!("{path}: {sentence}"),
            _ => format!("{path} and {} more: {sentence}", files - 1),
        };
        self.notes.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(wanted: &[&str], names: &[&str]) -> Result<String, String> {
        let needed = wanted.iter().map(|name| Needed { names: name.split('=').collect(), shape: &[2] });
        prefix(&needed.collect::<Vec<_>>(), &names.iter().copied().collect())
    }

    #[test]
    fn prefixes_of_wrappers_are_found() {
        let wanted = ["0.weight", "0.bias"];
        for prefix in ["", "module.", "_orig_mod.", "model.", "net.", "_orig_mod.module.", "model.net."] {
            let names = wanted.map(|name| format!("{prefix}{name}"));
            let names = [names[0].as_str(), names[1].as_str(), "other"];
            assert_eq!(found(&wanted, &names).as_deref(), Ok(prefix));
        }
        // Names that begin so by themselves.
        assert_eq!(found(&["model.weight"], &["model.weight", "net.model.weight"]).as_deref(), Ok(""));
        assert_eq!(found(&[], &["a"]).as_deref(), Ok(""));
        // Either name of a tied tensor.
        assert_eq!(found(&["wte=head", "b"], &["net.head", "net.b"]).as_deref(), Ok("net."));
    }

    #[test]
    fn what_is_missing_is_named_with_what_is_near() {
        let error = found(&["fc.weight", "fc.bias"], &["module.fc.bias", "module.fc1.weight"]).unwrap_err();
        assert!(
            error.contains("tensor fc.weight of shape [2] is missing; nearest to it of the file's 2 are module.fc"),
            "{error}"
        );
        let error = found(&["0.bias"], &["x", "encoder.0.bias"]).unwrap_err();
        assert!(error.contains("of the file's 2 are encoder.0.bias, x; give the layers"), "{error}");
        assert!(found(&["0.bias"], &[]).unwrap_err().contains("the file holds no tensor"));
        let error = found(&["0.bias"], &["model.0.bias", "net.0.bias"]).unwrap_err();
        assert!(error.contains("more than once, behind net., model.") || error.contains("model., net."), "{error}");
    }

    #[test]
    fn sentences_are_said_once() {
        let mut notes = Notes::default();
        for file in ["a.pt", "b.pt"] {
            notes.add(Path::new(file), "same".into());
        }
        notes.add(Path::new("c.pt"), "other".into());
        assert_eq!(notes.lines(), ["c.pt: other", "a.pt and 1 more: same"]);
        assert_eq!(listed(&["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
    }
}
