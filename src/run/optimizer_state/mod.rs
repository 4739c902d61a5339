//! `training.optimizer_state`: what a file holds of an optimizer's state, as that of a network's parameters.

mod order;

use super::weights::wrong;
use crate::error::Error;
use crate::formats::{Array, Given, SavedOptimizer, TensorFile, Values};
use crate::graph::{Graph, Role, Tensor};
use crate::key::near;
use crate::optimizer::{Optimizer, OptimizerState, ParameterGroups};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// PyTorch's name of the number of steps.
const STEP: &str = "step";
/// PyTorch's name of the product of NAdam's momenta.
const PRODUCT: &str = "mu_product";
/// The vector that PyTorch makes with the first gradient: one that is not there is zero.
const LATE: &str = "momentum_buffer";
/// What Adam keeps with amsgrad alone.
const AMSGRAD: &str = "max_exp_avg_sq";
/// Vectors of squares.
const SQUARES: [&str; 3] = ["exp_avg_sq", AMSGRAD, "square_avg"];
/// Steps at the most.
const MOST_STEPS: f64 = u32::MAX as f64;

/// What a file has of one parameter, by PyTorch's names.
type Own = BTreeMap<String, Array>;

/// What a file has of each parameter, by its name.
type States = BTreeMap<String, Own>;

/// Reads the state of an optimizer that is to train a network. How parameters got their names goes to `notes`.
///
/// # Errors
///
/// A file that cannot be read, the state of another optimizer, and what does not fit the network: the message names the
/// parameter, the tensor and both shapes.
pub(super) fn read(
    path: &Path,
    network: &Graph,
    optimizer: &ParameterGroups,
    notes: &mut Vec<String>,
) -> Result<OptimizerState, Error> {
    let says_names = path.extension().and_then(|name| name.to_str()).map(str::to_ascii_lowercase);
    let saved = match says_names.as_deref() {
        Some("safetensors" | "npz" | "json") => None,
        _ if Given::is_name(&path.to_string_lossy()) => None,
        _ => SavedOptimizer::open(path)?,
    };
    if saved.as_ref().is_some_and(|saved| saved.file.names().next().is_none() && saved.numbers.is_empty()) {
        let problem = "its state is empty: the optimizer had not stepped when it was saved; leave training.optimizer_state out, which \
                       begins with an empty one, or save the state after the step that made the first checkpoint";
        return Err(wrong(path, problem));
    }
    let states = match saved {
        Some(saved) => numbered(saved, network, optimizer.whole(), notes, path)?,
        None => named(path, network, optimizer.whole())?,
    };
    state(&states, network, optimizer).map_err(|problem| wrong(path, problem))
}

/// The states of a file of `torch.save`, in which parameters have numbers.
fn numbered(
    saved: SavedOptimizer,
    network: &Graph,
    optimizer: &Optimizer,
    notes: &mut Vec<String>,
    path: &Path,
) -> Result<States, Error> {
    let parts = |name: &str| name.split_once(':').map(|(key, what)| (key.to_owned(), what.to_owned()));
    let all: Vec<(String, String)> =
        saved.file.names().chain(saved.numbers.keys().map(String::as_str)).filter_map(parts).collect();
    check_names(all.iter().map(|(key, what)| (key.as_str(), what.as_str())), optimizer)
        .map_err(|problem| wrong(path, problem))?;
    let order = order::find(&saved, network, optimizer).map_err(|problem| wrong(path, problem))?;
    notes.push(format!("{}: the optimizer's parameters are taken {}", path.display(), order.how));
    let mut states = States::new();
    let numbers = saved
        .numbers
        .iter()
        .map(|(name, &number)| (name.clone(), Array { shape: Vec::new(), values: Values::Real64(vec![number]) }));
    let mut arrays = saved.file.read()?;
    arrays.extend(numbers);
    for (name, array) in arrays {
        if let Some((key, what)) = parts(&name)
            && let Some(name) = order.names.get(&key)
        {
            states.entry(name.clone()).or_default().insert(what, array);
        }
    }
    Ok(states)
}

/// The states of a file whose tensors are called `<tensor>.exp_avg` and so on; it may hold others.
fn named(path: &Path, network: &Graph, optimizer: &Optimizer) -> Result<States, Error> {
    let file = TensorFile::open(path)?;
    let parameters = network.parameters();
    let known: BTreeSet<&str> = parameters.iter().flat_map(|(tensor, _)| network.file_names(tensor)).collect();
    let parts = |name: &str| name.rsplit_once('.').map(|(tensor, what)| (tensor.to_owned(), what.to_owned()));
    let all: Vec<(String, String)> = file.names().filter_map(parts).collect();
    let kinds: Vec<&str> = optimizer.all_state_names().chain([STEP]).collect();
    if let Some((tensor, what)) =
        all.iter().find(|(tensor, what)| kinds.contains(&what.as_str()) && !known.contains(tensor.as_str()))
    {
        let names: Vec<&str> = known.iter().copied().collect();
        let advice = near(tensor, &names);
        return Err(wrong(path, format!("{tensor}.{what} belongs to no trained tensor of the model{advice}")));
    }
    if file.names().next().is_none() {
        return Err(wrong(path, "holds no tensor, and so no optimizer's state; save the state after a step"));
    }
    let own = || all.iter().filter(|(tensor, _)| known.contains(tensor.as_str()));
    if own().next().is_none() {
        let names: Vec<&str> = optimizer.state_names();
        return Err(wrong(
            path,
            format!(
                "holds no optimizer's state: neither that of torch.save(optimizer.state_dict(), …), nor tensors such as {}.{}",
                known.iter().next().unwrap_or(&"0.weight"),
                names.first().unwrap_or(&STEP)
            ),
        ));
    }
    check_names(own().map(|(tensor, what)| (tensor.as_str(), what.as_str())), optimizer)
        .map_err(|problem| wrong(path, problem))?;
    let mut states = States::new();
    for (name, array) in
        file.keeping("", |name| parts(name).is_some_and(|part| known.contains(part.0.as_str())))?.read()?
    {
        if let Some((tensor, what)) = parts(&name) {
            states.entry(tensor).or_default().insert(what, array);
        }
    }
    Ok(states)
}

/// Fails on what an optimizer does not keep; each comes with its parameter.
fn check_names<'a>(mut all: impl Iterator<Item = (&'a str, &'a str)>, optimizer: &Optimizer) -> Result<(), String> {
    let known = optimizer.state_names();
    let product = optimizer.product_of_momenta(0).map(|_| PRODUCT);
    let is_known = |what: &str| known.contains(&what) || what == STEP || product == Some(what);
    match all.find(|(_, what)| !is_known(what)) {
        None => Ok(()),
        Some((parameter, what)) => Err(format!(
            "holds {what:.100} of parameter {parameter:.100}; {} with the numbers of training.optimizer keeps {}. Name the \
             optimizer that was saved there, with its flags, or give a state of this one",
            optimizer.name(),
            known.join(", ")
        )),
    }
}

/// The state, of what a file has of each parameter.
fn state(states: &States, network: &Graph, optimizer: &ParameterGroups) -> Result<OptimizerState, String> {
    let parameters = network.parameters();
    let trained: Vec<&Tensor> =
        parameters.into_iter().filter(|(_, role)| matches!(role, Role::Trained(_))).map(|(tensor, _)| tensor).collect();
    let of = |what: &str| -> BTreeMap<&str, &Array> {
        states.iter().filter_map(|(name, own)| Some((name.as_str(), own.get(what)?))).collect()
    };
    let whole = optimizer.whole();
    let mut vectors = BTreeMap::new();
    for what in whole.state_names() {
        let arrays = of(what);
        let missing = trained.iter().find(|tensor| !network.file_names(tensor).any(|name| arrays.contains_key(name)));
        check_missing(what, missing.map(|tensor| tensor.name.as_str()), &arrays, optimizer)?;
        let shapes = arrays.iter().map(|(&name, array)| (name, array.shape.as_slice())).collect();
        if let Some(misfit) = network.first_misfit(&shapes) {
            let (tensor, wanted) = (misfit.tensor, misfit.wanted);
            return Err(match misfit.has {
                Ok(has) => format!("{what} of {tensor} has shape {has:?}; the tensor has {wanted:?}"),
                Err(problem) => format!("{what} of {tensor}: model.parameters: {problem}"),
            });
        }
        let vector = network.flat(&arrays).map_err(|problem| format!("{what}: {problem}"))?;
        if SQUARES.contains(&what) && vector.iter().any(|&value| value < 0.0) {
            return Err(format!("{what} has a number below 0, and it is a mean of squares"));
        }
        vectors.insert(what.to_owned(), vector);
    }
    let steps = if whole.counts() {
        let steps = steps(&trained, network, &of(STEP))?;
        check_product(whole, steps, &of(PRODUCT))?;
        steps
    } else {
        usize::from(states.values().any(|own| !own.is_empty()))
    };
    Ok(OptimizerState { steps, vectors })
}

/// Fails where a trained tensor lacks what it cannot do without.
fn check_missing(
    what: &str,
    missing: Option<&str>,
    arrays: &BTreeMap<&str, &Array>,
    optimizer: &ParameterGroups,
) -> Result<(), String> {
    let Some(tensor) = missing else { return Ok(()) };
    let name = optimizer.whole().name();
    if what != LATE && arrays.is_empty() {
        return Err(format!(
            "has no {what} of any tensor, which {name} with the numbers of training.optimizer needs: another optimizer was saved, or \
             this one with other flags{}; say there what was saved",
            if what == AMSGRAD { ", amsgrad = false" } else { "" }
        ));
    }
    if what != LATE {
        return Err(format!(
            "has no {what} of tensor {tensor}, which {name} needs; a tensor that was not trained before has no state: name it in \
             model.frozen, or save a state in which it has one"
        ));
    }
    if !arrays.is_empty() && optimizer.dampens() {
        return Err(format!(
            "has a {what} of some tensors and not of {tensor}, whose first gradient PyTorch would not dampen; give it one of zeros, \
             or set dampening = 0"
        ));
    }
    Ok(())
}

/// The number of steps, which all trained tensors share.
fn steps(trained: &[&Tensor], network: &Graph, found: &BTreeMap<&str, &Array>) -> Result<usize, String> {
    let mut first: Option<(&str, usize)> = None;
    for tensor in trained {
        let own = network.file_names(tensor).find_map(|name| found.get(name));
        let Some(own) = own else {
            return Err(format!(
                "has no {STEP} of tensor {}: training.optimizer_state needs the number of steps before, by which the moments are \
                 corrected",
                tensor.name
            ));
        };
        let steps = number(own).filter(|steps| (0.0..=MOST_STEPS).contains(steps) && steps.fract() == 0.0);
        let steps = steps.ok_or_else(|| format!("{STEP} of tensor {} is no number of steps", tensor.name))? as usize;
        match first {
            None => first = Some((&tensor.name, steps)),
            Some((other, had)) if had != steps => {
                return Err(format!(
                    "tensor {other} has made {had} steps and {} {steps}; training.optimizer_state needs the same number for all",
                    tensor.name
                ));
            }
            Some(_) => {}
        }
    }
    Ok(first.map_or(0, |(_, steps)| steps))
}

/// A single number.
fn number(array: &Array) -> Option<f64> {
    <[f64; 1]>::try_from(array.to_f64()).ok().map(|[number]| number)
}

/// Fails where the momenta of the steps before were others than the optimizer's numbers make: PyTorch multiplies them in single
/// precision, a rounding a step. It is 1 less the product that counts.
fn check_product(optimizer: &Optimizer, steps: usize, found: &BTreeMap<&str, &Array>) -> Result<(), String> {
    let Some(wanted) = optimizer.product_of_momenta(steps) else { return Ok(()) };
    let off = (steps + 1) as f64 * f64::from(f32::EPSILON) * wanted + f64::EPSILON;
    let is_wrong = |has: &f64| has.is_nan() || (has - wanted).abs() > off;
    match found.values().filter_map(|array| number(array)).find(is_wrong) {
        None => Ok(()),
        Some(has) => Err(format!(
            "{PRODUCT} is {has:e} after {steps} steps, and betas and momentum_decay of training.optimizer make {wanted:e} of them; \
             give those that the steps before had"
        )),
    }
}
