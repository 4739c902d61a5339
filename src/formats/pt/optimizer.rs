//! What an optimizer's `state_dict()` holds: the state of each parameter by its number, and the numbers group by group.

use super::find::{self, Dict, entries};
use super::pickle::{Handle, Object, Pickle};
use super::{Named, read, tensors};
use crate::formats::{DataError, TensorFile};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How deep an optimizer's state is looked for.
const DEPTH: usize = 3;
/// Characters of a name at the most: names are put together.
const LONGEST_NAME: usize = 1000;

/// An optimizer's state in a file of `torch.save`. Parameters are known by their numbers, or where the file has them by their
/// names.
#[derive(Debug)]
pub(crate) struct SavedOptimizer {
    /// Tensors of the state, each named by its parameter, a colon, and what it is: `0:exp_avg`.
    pub file: TensorFile,
    /// Numbers of the state that are no tensors, named so.
    pub numbers: BTreeMap<String, f64>,
    /// The parameters of each group.
    pub groups: Vec<Vec<SavedParameter>>,
    /// The names of the model's state_dict, in order, where there is one beside it.
    pub model: Option<Vec<String>>,
}

/// A parameter of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SavedParameter {
    /// By what the state knows it.
    pub key: String,
    /// Its name, where the file says it.
    pub name: Option<String>,
}

impl SavedOptimizer {
    /// Reads what a file says of an optimizer's state; `None` where it holds none.
    ///
    /// # Errors
    ///
    /// A file that is missing, malformed, or holds the states of several optimizers.
    pub fn open(path: &Path) -> Result<Option<Self>, DataError> {
        let mut found = None;
        let file = TensorFile::open_as(path, |file, len| {
            read(file, len, |pickle, storages| {
                let Some(dict) = optimizer(pickle)? else { return Ok(Default::default()) };
                let mut numbers = BTreeMap::new();
                let named = state(pickle, dict, &mut numbers)?;
                found = Some((numbers, groups(pickle, dict)?, model(pickle)));
                tensors(pickle, named, storages)
            })
        })?;
        Ok(found.map(|(numbers, groups, model)| Self { file, numbers, groups, model }))
    }
}

/// The dictionary of the only optimizer's state, at any depth that is looked at.
fn optimizer(pickle: &Pickle) -> Result<Option<&Dict>, String> {
    let (mut level, mut seen, mut found) = (vec![pickle.top], BTreeSet::new(), Vec::new());
    for _ in 0..=DEPTH {
        let mut next: Vec<Handle> = Vec::new();
        for handle in level {
            if !seen.insert(handle) {
                continue;
            }
            match pickle.object(handle) {
                Object::Dict(dict) if is_optimizer(pickle, dict) => found.push(dict.as_slice()),
                Object::Dict(dict) => next.extend(dict.iter().map(|&(_, value)| value)),
                Object::List(items) | Object::Tuple(items) => next.extend(items),
                _ => {}
            }
        }
        level = next;
    }
    match found.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        several => Err(format!(
            "holds the states of {} optimizers; save that of one alone: torch.save(optimizer.state_dict(), path)",
            several.len()
        )),
    }
}

fn is_optimizer(pickle: &Pickle, dict: &Dict) -> bool {
    matches!(pickle.get(dict, "state"), Some(Object::Dict(_)))
        && matches!(pickle.get(dict, "param_groups"), Some(Object::List(_)))
}

/// The names of the state_dict beside the optimizer's state.
fn model(pickle: &Pickle) -> Option<Vec<String>> {
    let named = find::state_dict(pickle).ok()?;
    let once: BTreeSet<&str> = named.iter().map(|(name, _)| name.as_ref()).collect();
    (once.len() == named.len()).then(|| named.iter().map(|(name, _)| name.to_string()).collect())
}

/// The tensors of the state; its other numbers go to `numbers`. What is None is not there.
fn state<'a>(
    pickle: &'a Pickle,
    dict: &'a Dict,
    numbers: &mut BTreeMap<String, f64>,
) -> Result<Vec<Named<'a>>, String> {
    let Some(Object::Dict(parameters)) = pickle.get(dict, "state") else { return Ok(Vec::new()) };
    let mut named: Vec<Named<'_>> = Vec::new();
    for &(key, own) in parameters {
        let key = key_of(pickle, key)?;
        let Object::Dict(own) = pickle.object(own) else {
            return Err(format!("its state of parameter {key:.100} is {}, not a dict", pickle.object(own).describe()));
        };
        // Each state has objects of its own.
        if own.len() > pickle.objects.len() - named.len() - numbers.len() {
            return Err("its parameters share their states; it is no optimizer's state of PyTorch".into());
        }
        for (name, value) in entries(pickle, own) {
            let name = format!("{key}:{}", short(name)?);
            match value {
                Object::None => {}
                Object::Tensor(tensor) => named.push((name.into(), Ok(tensor))),
                Object::Integer(number) => drop(numbers.insert(name, *number as f64)),
                Object::Real(number) => drop(numbers.insert(name, *number)),
                other => named.push((name.into(), Err(format!("is {}, not a tensor", other.describe())))),
            }
        }
    }
    Ok(named)
}

/// The parameters of each group. PyTorch from 2.6 on has their names beside their numbers, if the optimizer was given them.
fn groups(pickle: &Pickle, dict: &Dict) -> Result<Vec<Vec<SavedParameter>>, String> {
    let Some(Object::List(groups)) = pickle.get(dict, "param_groups") else { return Ok(Vec::new()) };
    let mut left = pickle.objects.len();
    let mut of = |(number, &group): (usize, &Handle)| {
        let wrong = |what: &str| format!("param_groups[{number}] has no {what}; it is no optimizer's state of PyTorch");
        let Object::Dict(group) = pickle.object(group) else { return Err(wrong("keys")) };
        let Some(Object::List(params)) = pickle.get(group, "params") else { return Err(wrong("list `params`")) };
        left = left.checked_sub(params.len()).ok_or_else(|| wrong("parameters of its own"))?;
        let names: &[Handle] = match pickle.get(group, "param_names") {
            Some(Object::List(names)) if names.len() == params.len() => names,
            _ => &[],
        };
        let parameter = |(place, &key): (usize, &Handle)| {
            let name = names.get(place).map(|&name| pickle.text(name).and_then(short)).transpose()?;
            let key_name = pickle.text(key).ok();
            Ok(SavedParameter { key: key_of(pickle, key)?, name: name.or(key_name).map(str::to_owned) })
        };
        params.iter().enumerate().map(parameter).collect()
    };
    groups.iter().enumerate().map(&mut of).collect()
}

/// By what a state knows a parameter: its number, or its name.
fn key_of(pickle: &Pickle, key: Handle) -> Result<String, String> {
    match pickle.object(key) {
        Object::Integer(number) => Ok(number.to_string()),
        Object::Text(name) => short(name).map(str::to_owned),
        other => Err(format!("its state has {} where the number of a parameter belongs", other.describe())),
    }
}

/// A name that is not too long for one.
fn short(name: &str) -> Result<&str, String> {
    if name.len() > LONGEST_NAME {
        return Err(format!("its state has a name of {} characters: {name:.50}…", name.len()));
    }
    Ok(name)
}
