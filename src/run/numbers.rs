//! The numbers of the optimizer that a run file names, for every group of parameters and every step.

use crate::error::Error;
use crate::formats::{TextLayout, read_with};
use crate::graph::{Block, Graph, Role};
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
/// A list or a file that does not fit the steps, or numbers out of their range.
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
    let of_block = network.blocks.iter().map(|block| group_of(block, &training.groups)).collect();
    Ok(ParameterGroups::new(groups, of_block, network))
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
    // Numbers of files are not known before.
    let optimizer = own.first().copied().unwrap_or(*optimizer);
    Ok(Group { optimizer, steps: own.into(), rates: rates.into() })
}

/// One value for each step: those of a list, or of a file `[steps]` or `[steps, 2]`.
fn each(at: &str, given: &Value, steps: usize) -> Result<Vec<Value>, Error> {
    let values = match given {
        Value::List(values) => values.clone(),
        Value::Text(path) => {
            let array = read_with(path, &TextLayout { rows: Some(steps), ..TextLayout::default() })?;
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

/// The group of a block: 0 where no other names its tensors.
fn group_of(block: &Block, groups: &[NamedGroup]) -> usize {
    match block.role {
        Role::Trained(group) if group < groups.len() => group + 1,
        Role::Trained(_) | Role::Frozen | Role::Fixed | Role::Running => 0,
    }
}
