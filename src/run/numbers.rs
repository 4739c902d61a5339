//! The numbers of the optimizer that a run file names, for every group of parameters and every step.

use crate::error::Error;
use crate::formats::read;
use crate::graph::Graph;
use crate::key::{Form, Table, Value, dotted};
use crate::optimizer::{FORM, Group, Optimizer, ParameterGroups};
use crate::run::keys::{NamedGroup, Numbers, RATE, RunFile};

/// Where messages find the optimizer.
const AT: &str = "training.optimizer";

/// The learning rate of each step.
///
/// # Errors
///
/// A list or a file of rates that does not fit the steps, or holds what is no rate.
pub(super) fn rates(run_file: &RunFile) -> Result<Vec<f64>, Error> {
    let training = &run_file.training;
    match training.changing.get(RATE) {
        Some(given) => as_rates(AT, &each(&dotted(AT, RATE), given, training.steps)?),
        None => Ok((0..training.steps).map(|number| training.rate(number)).collect()),
    }
}

/// The optimizer of a run file, for the parameters of a network; `rates` are those of the steps.
///
/// # Errors
///
/// A list or a file that does not fit the steps, numbers out of their range, or groups that name no tensor or a part of what is
/// contracted together.
pub(super) fn parameter_groups(run_file: &RunFile, network: &Graph, rates: &[f64]) -> Result<ParameterGroups, Error> {
    let training = &run_file.training;
    let base = Numbers { optimizer: training.optimizer, changing: training.changing.clone() };
    let first = Group { rates: [].into(), ..group(AT, &base, training.steps)? };
    if training.groups.is_empty() {
        return Ok(ParameterGroups::one(first));
    }
    let mut groups = vec![first];
    for (number, named) in training.groups.iter().enumerate() {
        let at = format!("{AT}.groups[{number}]");
        let own = named.numbers(&at, &base).map_err(|wrong| Error::Input(wrong.to_string()))?;
        let mut group = group(&at, &own, training.steps)?;
        if group.rates.is_empty() {
            group.rates = match named.own.get(RATE) {
                None => rates.into(),
                Some(_) if training.schedule.rates().is_some() || base.changing.get(RATE).is_some() => {
                    let problem = "must be a list as well, where the optimizer's rate has one number for each step";
                    return Err(Error::Input(format!("{at}.{RATE}: {problem}")));
                }
                Some(_) => {
                    let rate = own.optimizer.learning_rate();
                    (0..training.steps).map(|step| training.schedule.rate(rate, step, training.steps)).collect()
                }
            };
        }
        groups.push(group);
    }
    Ok(ParameterGroups::new(groups, of_blocks(network, &training.groups)?, network))
}

/// The numbers of a group: those of each step, where any but the rate change, and the rates, where they do.
fn group(at: &str, numbers: &Numbers, steps: usize) -> Result<Group, Error> {
    let Numbers { optimizer, changing } = numbers;
    let mut lists: Vec<(&str, Vec<Value>)> = Vec::new();
    let mut rates = Vec::new();
    for (name, given) in &changing.0 {
        let values = each(&dotted(at, name), given, steps)?;
        if name == RATE {
            rates = as_rates(at, &values)?;
        } else {
            lists.push((name, values));
        }
    }
    let start = match FORM.write(optimizer) {
        Some(Value::Table(table)) => table,
        _ => Table::default(),
    };
    let step = |number: usize| {
        let mut table = start.clone();
        lists.iter().for_each(|(name, values)| table.set(name, values[number].clone()));
        let mut own: Optimizer = *optimizer;
        let read = FORM.read(at, &Value::Table(table), &mut own);
        read.map(|()| own).map_err(|wrong| Error::Input(format!("{wrong} (of step {number})")))
    };
    let count = if lists.is_empty() { 0 } else { steps };
    let own = (0..count).map(step).collect::<Result<Vec<_>, _>>()?;
    Ok(Group { optimizer: *optimizer, steps: own.into(), rates: rates.into() })
}

/// One value for each step: those of a list, or of a file `[steps]` or `[steps, 2]`.
fn each(at: &str, given: &Value, steps: usize) -> Result<Vec<Value>, Error> {
    let values = match given {
        Value::List(values) => values.clone(),
        Value::Text(path) => {
            let array = read(path)?;
            let values = array.to_f64();
            match array.shape.as_slice() {
                [_] => values.into_iter().map(Value::Number).collect(),
                [_, 2] => values.chunks(2).map(|pair| pair.iter().copied().collect()).collect(),
                shape => {
                    let problem =
                        format!("has shape {shape:?}; one number for each step, or two, are [steps] or [steps, 2]");
                    return Err(Error::Input(format!("{path}: {problem}")));
                }
            }
        }
        other => vec![other.clone()],
    };
    if values.len() != steps {
        let have = values.len();
        return Err(Error::Input(format!("{at}: has numbers for {have} steps, but training.steps = {steps}")));
    }
    Ok(values)
}

/// Numbers as learning rates.
fn as_rates(at: &str, values: &[Value]) -> Result<Vec<f64>, Error> {
    let rate = |(number, value): (usize, &Value)| match value {
        Value::Number(rate) if *rate >= 0.0 && rate.is_finite() => Ok(*rate),
        Value::Integer(rate @ 0..) => Ok(*rate as f64),
        other => {
            Err(Error::Input(format!("{at}.{RATE}: is {other} in step {number}; it must be a number of at least 0")))
        }
    };
    values.iter().enumerate().map(rate).collect()
}

/// The group of each block: 0 where no group names its tensors.
fn of_blocks(network: &Graph, groups: &[NamedGroup]) -> Result<Vec<usize>, Error> {
    let wrong = |problem: String| Err(Error::Input(format!("{AT}.groups{problem}")));
    for (number, group) in groups.iter().enumerate() {
        let idle = |pattern: &&String| !network.tensors().any(|tensor| is_like(&tensor.name, pattern));
        if let Some(pattern) = group.parameters.iter().find(idle) {
            return wrong(format!("[{number}].parameters: {pattern:?} is the name of no tensor"));
        }
    }
    let of = |name: &str| {
        let named = |group: &NamedGroup| group.parameters.iter().any(|pattern| is_like(name, pattern));
        groups.iter().position(named).map_or(0, |group| group + 1)
    };
    let mut found = Vec::new();
    for block in &network.blocks {
        let own: Vec<usize> = block.tensors.iter().map(|tensor| of(&tensor.name)).collect();
        if own.windows(2).any(|pair| pair[0] != pair[1]) {
            let names: Vec<&str> = block.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
            return wrong(format!(": {} lie in one block, and need the same numbers", names.join(" and ")));
        }
        found.push(own.first().copied().unwrap_or(0));
    }
    Ok(found)
}

/// Whether a name is what a pattern says, `*` being any text.
fn is_like(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((first, rest)) => name.strip_prefix(first).is_some_and(|name| {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|at| is_like(&name[at..], rest))
        }),
    }
}
