//! Which parameter of a network each number of a saved optimizer is.

use crate::formats::{SavedOptimizer, SavedParameter};
use crate::graph::{Graph, Role, Tensor};
use crate::optimizer::Optimizer;
use crate::run::weights::prefix_of;
use std::collections::{BTreeMap, BTreeSet};

/// What modules keep beside their parameters.
const BUFFERS: [&str; 3] = ["running_mean", "running_var", "num_batches_tracked"];

/// What can be done where no order fits.
const UNDER_NAMES: &str = "save the state under names, a .safetensors with \"<tensor>.exp_avg\" and so on, or give PyTorch (from 2.6 on) \
                           the names: model.named_parameters() in place of model.parameters()";

/// What can be done where the model is not beside the optimizer.
const REMEDY: &str = "save the model's state_dict in the same file, {\"model\": model.state_dict(), \"optimizer\": \
                      optimizer.state_dict()}, or the state under names: a .safetensors with \"<tensor>.exp_avg\" and so on";

/// The names of parameters.
#[derive(Debug)]
pub(super) struct Order {
    /// By what the optimizer knows each.
    pub names: BTreeMap<String, String>,
    /// How they were found.
    pub how: &'static str,
}

/// A parameter of the network, or another name of the model beside the optimizer.
#[derive(Debug, Clone)]
struct Candidate {
    name: String,
    /// What training does with it; `None` of what no layer has.
    role: Option<Role>,
}

/// Names the parameters of a saved optimizer.
///
/// # Errors
///
/// Numbers and shapes that do not fit, or fit in several ways.
pub(super) fn find(saved: &SavedOptimizer, network: &Graph, optimizer: &Optimizer) -> Result<Order, String> {
    if let Some(names) = given(saved, network) {
        return Ok(Order { names, how: "by the names that the file has for them" });
    }
    let (all, how) = match &saved.model {
        Some(names) => (of_model(names, network)?, "in the order of the model's state_dict beside it"),
        None => (of_layers(network), "in the order of the layers"),
    };
    let search = Search { saved, network, shapes: shapes(saved, optimizer), how };
    let groups: BTreeSet<usize> = all.iter().filter_map(group).collect();
    if saved.groups.len() > 1 && groups.len() == saved.groups.len() {
        return Ok(Order { names: search.by_groups(&all, &groups)?, how: "group by group, in the order of the model" });
    }
    Ok(Order { names: search.in_order(&all)?, how })
}

/// The names that the file itself has for all parameters.
fn given(saved: &SavedOptimizer, network: &Graph) -> Option<BTreeMap<String, String>> {
    let all = saved.groups.iter().flatten();
    let names: BTreeMap<String, String> =
        all.map(|own| Some((own.key.clone(), own.name.clone()?))).collect::<Option<_>>()?;
    let prefix = prefix_of(network, &names.values().map(String::as_str).collect()).unwrap_or_default();
    let stripped = |name: String| name.strip_prefix(&prefix).map_or(name.clone(), str::to_owned);
    (!names.is_empty()).then(|| names.into_iter().map(|(key, name)| (key, stripped(name))).collect())
}

/// The shape of each parameter that has a vector.
fn shapes<'a>(saved: &'a SavedOptimizer, optimizer: &Optimizer) -> BTreeMap<&'a str, &'a [usize]> {
    let vectors: Vec<&str> = optimizer.all_state_names().collect();
    let all = saved.file.shapes().into_iter().filter_map(|(name, shape)| Some((name.split_once(':')?, shape)));
    all.filter(|((_, what), _)| vectors.contains(what)).map(|((key, _), shape)| (key, shape)).collect()
}

/// The names of a state_dict, in order; of tensors that are tied only the first.
fn of_model(names: &[String], network: &Graph) -> Result<Vec<Candidate>, String> {
    let prefix = prefix_of(network, &names.iter().map(String::as_str).collect())
        .map_err(|problem| format!("the model's state_dict beside the optimizer's: {problem}"))?;
    let parameters = network.parameters();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut all = Vec::new();
    for name in names {
        let own = name.strip_prefix(&prefix).unwrap_or(name);
        let found: Vec<&(&Tensor, Role)> =
            parameters.iter().filter(|(tensor, _)| network.file_names(tensor).any(|other| other == own)).collect();
        let is_known = network.tensors().any(|tensor| network.file_names(tensor).any(|other| other == own));
        match found.first() {
            Some(&&(_, role)) => {
                let fresh = found.iter().filter(|(tensor, _)| seen.insert(&tensor.name)).count();
                all.extend((fresh > 0).then(|| Candidate { name: own.to_owned(), role: Some(role) }));
            }
            None if is_known || BUFFERS.iter().any(|buffer| own.ends_with(buffer)) => {}
            None => all.push(Candidate { name: own.to_owned(), role: None }),
        }
    }
    Ok(all)
}

/// The parameters in the order of the layers; a layer's biases come behind its weights, as PyTorch has them.
fn of_layers(network: &Graph) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    let layer = |tensor: &Tensor| tensor.name.rsplit_once('.').map_or(String::new(), |(layer, _)| layer.to_owned());
    let is_bias = |tensor: &Tensor| tensor.name.rsplit('.').next().is_some_and(|name| name.starts_with("bias"));
    let parameters = network.parameters();
    for own in parameters.chunk_by(|(a, _), (b, _)| layer(a) == layer(b)) {
        for biases in [false, true] {
            for (tensor, role) in own.iter().filter(|(tensor, _)| is_bias(tensor) == biases) {
                let name = network.file_names(tensor).next().unwrap_or(&tensor.name).to_owned();
                if !all.iter().any(|other| other.name == name) {
                    all.push(Candidate { name, role: Some(*role) });
                }
            }
        }
    }
    all
}

/// The optimizer's group of a trained parameter.
fn group(candidate: &Candidate) -> Option<usize> {
    match candidate.role {
        Some(Role::Trained(group)) => Some(group),
        _ => None,
    }
}

/// By what a state knows the parameters of a group.
fn keys(group: &[SavedParameter]) -> Vec<&str> {
    group.iter().map(|own| own.key.as_str()).collect()
}

/// Pairs of a number and a name.
fn zip<'a>(keys: &[&'a str], names: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    keys.iter().copied().zip(names.iter().copied()).collect()
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect()
}

/// A search for the names of numbers.
struct Search<'a> {
    saved: &'a SavedOptimizer,
    network: &'a Graph,
    shapes: BTreeMap<&'a str, &'a [usize]>,
    how: &'static str,
}

impl Search<'_> {
    /// The parameters in order: all of them or those that are not frozen, with or without what no layer has.
    fn in_order(&self, all: &[Candidate]) -> Result<BTreeMap<String, String>, String> {
        let keys: Vec<&str> = self.saved.groups.iter().flat_map(|own| keys(own)).collect();
        let those = |is: &dyn Fn(&Candidate) -> bool| all.iter().filter(|own| is(own)).collect::<Vec<_>>();
        let lists = [
            those(&|own| own.role.is_some()),
            those(&|own| group(own).is_some()),
            those(&|_| true),
            those(&|own| own.role != Some(Role::Frozen)),
        ];
        let mut problem = None;
        for list in lists.iter().filter(|list| list.len() == keys.len()) {
            let names: Vec<&str> = list.iter().map(|own| own.name.as_str()).collect();
            let pairs = zip(&keys, &names);
            match self.misfit(&pairs) {
                None => return Ok(owned(&pairs)),
                Some(found) => drop(problem.get_or_insert(found)),
            }
        }
        Err(problem.unwrap_or_else(|| {
            let [parameters, trained, ..] = lists.map(|list| list.len());
            let frozen =
                if parameters == trained { String::new() } else { format!(", or {trained} without frozen ones") };
            format!(
                "its optimizer has {} parameters, and the model {parameters}{frozen}; {}",
                keys.len(),
                self.remedy()
            )
        }))
    }

    /// The parameters group by group: each of the file's groups is the only one of training.optimizer's that fits, of those that no
    /// other has to be.
    fn by_groups(&self, all: &[Candidate], groups: &BTreeSet<usize>) -> Result<BTreeMap<String, String>, String> {
        let of = |own| all.iter().filter(move |one| group(one) == Some(own)).map(|one| one.name.as_str()).collect();
        let mut members: Vec<Vec<&str>> = groups.iter().map(|&own| of(own)).collect();
        let mut left: Vec<(usize, Vec<&str>)> = self.saved.groups.iter().map(|own| keys(own)).enumerate().collect();
        let mut names = BTreeMap::new();
        while !left.is_empty() {
            let fits = |keys: &[&str], members: &[&str]| {
                members.len() == keys.len() && self.misfit(&zip(keys, members)).is_none()
            };
            let fitting =
                |keys: &[&str]| (0..members.len()).filter(|&place| fits(keys, &members[place])).collect::<Vec<_>>();
            let all: Vec<Vec<usize>> = left.iter().map(|(_, keys)| fitting(keys)).collect();
            let Some(next) = all.iter().position(|fitting| fitting.len() == 1) else {
                let next = all.iter().position(Vec::is_empty).unwrap_or(0);
                let (number, keys) = &left[next];
                let how_many = if all[next].is_empty() { "none".to_owned() } else { all[next].len().to_string() };
                return Err(format!(
                    "param_groups[{number}] has {} parameters, and {how_many} of the groups of training.optimizer have as many of the \
                     same shapes, {}; {UNDER_NAMES}",
                    keys.len(),
                    self.how
                ));
            };
            let (_, keys) = left.remove(next);
            let own = members.remove(all[next][0]);
            names.extend(owned(&zip(&keys, &own)));
        }
        Ok(names)
    }

    /// What can be done about numbers that do not fit.
    fn remedy(&self) -> &'static str {
        if self.saved.model.is_some() { UNDER_NAMES } else { REMEDY }
    }

    /// What does not fit where numbers have these names.
    fn misfit(&self, pairs: &[(&str, &str)]) -> Option<String> {
        let of: BTreeMap<&str, &[usize]> =
            pairs.iter().filter_map(|(key, name)| Some((*name, *self.shapes.get(key)?))).collect();
        let misfit = self.network.first_misfit(&of)?;
        let (key, _) = pairs.iter().find(|(_, name)| *name == misfit.name)?;
        let (name, wanted) = (misfit.name, misfit.wanted);
        Some(match misfit.has {
            Ok(has) => format!(
                "parameter {key} has the shape {has:?}, and is taken for tensor {name} of shape {wanted:?}, {}; {}",
                self.how,
                self.remedy()
            ),
            Err(problem) => {
                format!("parameter {key} is taken for tensor {name}, {}: {problem}; {}", self.how, self.remedy())
            }
        })
    }
}
