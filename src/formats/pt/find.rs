//! Where in a checkpoint the state_dict is.

use super::pickle::{Handle, Object, Pickle};
use super::{Named, SAVE_STATE_DICT};

/// What checkpoints call their state_dict, the surest name first.
const NAMES: [&str; 5] = ["state_dict", "model_state_dict", "model", "net", "module"];

/// How deep a state_dict is looked for.
const DEPTH: usize = 2;

pub(super) type Dict = [(Handle, Handle)];

/// The names of the state_dict, with their tensors, or why there is none.
pub(super) fn state_dict(pickle: &Pickle) -> Result<Vec<Named<'_>>, String> {
    let Object::Dict(whole) = pickle.top() else {
        return Err(format!("holds {}, not a state_dict; {SAVE_STATE_DICT}", pickle.top().describe()));
    };
    let named = entries(pickle, find(pickle, whole, DEPTH)?).map(|(name, value)| {
        let tensor = match value {
            Object::Tensor(tensor) => Ok(tensor),
            other => Err(format!("is {}, not a tensor", other.describe())),
        };
        (name.into(), tensor)
    });
    Ok(named.collect())
}

/// The values of a dict that have a name.
pub(super) fn entries<'a>(pickle: &'a Pickle, dict: &'a Dict) -> impl Iterator<Item = (&'a str, &'a Object)> {
    dict.iter().filter_map(|&(key, value)| match pickle.object(key) {
        Object::Text(name) => Some((name.as_str(), pickle.object(value))),
        _ => None,
    })
}

fn has_tensors(pickle: &Pickle, dict: &Dict) -> bool {
    entries(pickle, dict).any(|(_, value)| matches!(value, Object::Tensor(_)))
}

/// The dict of tensors in a dict: one of a known name, itself, or the only one.
fn find<'a>(pickle: &'a Pickle, dict: &'a Dict, depth: usize) -> Result<&'a Dict, String> {
    let nested = NAMES.iter().filter(|_| depth > 0).find_map(|name| match pickle.get(dict, name) {
        Some(Object::Dict(inner)) => find(pickle, inner, depth - 1).ok(),
        _ => None,
    });
    if let Some(nested) = nested {
        return Ok(nested);
    }
    if dict.is_empty() || has_tensors(pickle, dict) {
        return Ok(dict);
    }
    let inner = entries(pickle, dict).filter_map(|(name, value)| match value {
        Object::Dict(inner) if has_tensors(pickle, inner) => Some((name, inner)),
        _ => None,
    });
    match inner.collect::<Vec<_>>().as_slice() {
        [(_, only)] => Ok(only),
        [] => Err(format!("holds no tensor under a name; {SAVE_STATE_DICT}")),
        several => {
            let names: Vec<String> = several.iter().take(5).map(|(name, _)| format!("{name:.50}")).collect();
            Err(format!("holds several dictionaries of tensors ({}); {SAVE_STATE_DICT}", names.join(", ")))
        }
    }
}
