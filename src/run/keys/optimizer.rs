//! `training.optimizer`: an optimizer, numbers of it that change from step to step, and groups of parameters.

use super::Training;
use crate::formats::Given;
use crate::key::{self, Entry, Form, Shape, Table, Unset, Value, Wrong, dotted};
use crate::optimizer::{FORM, Optimizer};

/// The key of the groups.
const GROUPS: &str = "groups";
/// The key of a group's tensors.
const PARAMETERS: &str = "parameters";
/// The only number that is two: a list of two is one of it.
const PAIR: &str = "betas";
/// The number that says whether there is a memory.
const MOMENTUM: &str = "momentum";
/// ε.
pub(in crate::run) const RATE: &str = "learning_rate";

/// What a run file says of some parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// The numbers; of those that change, the first step's.
    pub optimizer: Optimizer,
    /// Those that change: a list with one for each step, or a file of them.
    pub changing: Table,
}

/// A group of parameters with numbers of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedGroup {
    /// Patterns of tensors' names, in which `*` is any text.
    pub parameters: Vec<String>,
    /// What it says of the numbers: a number, or as in [`Numbers::changing`].
    pub own: Table,
}

/// The key's form.
pub(super) struct Optimization;

impl Form<Training> for Optimization {
    fn read(&self, at: &str, given: &Value, into: &mut Training) -> key::Result<()> {
        let Value::Table(given) = given else { return FORM.read(at, given, &mut into.optimizer) };
        let mut rest = given.clone();
        let groups = rest.remove(GROUPS);
        let Numbers { optimizer, changing } = numbers(at, rest)?;
        (into.optimizer, into.changing) = (optimizer, changing);
        into.groups = groups.map_or(Ok(Vec::new()), |given| read_groups(&dotted(at, GROUPS), &given, &optimizer))?;
        Ok(())
    }

    fn write(&self, from: &Training) -> Option<Value> {
        let Some(Value::Table(mut table)) = FORM.write(&from.optimizer) else { return None };
        from.changing.0.iter().for_each(|(name, value)| table.set(name, value.clone()));
        let group = |group: &NamedGroup| {
            let parameters: Value = group.parameters.iter().map(String::as_str).collect();
            let first = (PARAMETERS.to_owned(), parameters);
            Value::Table(Table(std::iter::once(first).chain(group.own.0.iter().cloned()).collect()))
        };
        if !from.groups.is_empty() {
            table.set(GROUPS, Value::List(from.groups.iter().map(group).collect()));
        }
        Some(Value::Table(table))
    }

    fn shape(&self, start: &Training) -> Shape {
        let mut shape = FORM.shape(&start.optimizer);
        if let Shape::OneOf { shared, .. } = &mut shape {
            shared.push(Entry {
                name: GROUPS,
                help: "parameters with numbers of their own; a tensor belongs to the first group that names it",
                unset: Unset::Absent,
                shape: Shape::Plain(
                    "a list of tables: `parameters`, patterns of tensors' names (`*` is any text), and any of the numbers".into(),
                ),
                incidental: false,
            });
        }
        shape
    }
}

/// Whether a text is the name of a file of numbers, or of an array in memory.
pub(super) fn is_file(text: &str) -> bool {
    text.ends_with(".npy") || text.contains(".npz:") || Given::is_name(text)
}

/// Takes an optimizer and what changes of it apart.
fn numbers(at: &str, mut table: Table) -> key::Result<Numbers> {
    let is_changing = |(name, value): &&(String, Value)| match value {
        Value::List(values) if name == PAIR => values.iter().any(|value| matches!(value, Value::List(_))),
        Value::List(_) => true,
        Value::Text(text) => is_file(text),
        _ => false,
    };
    let changing = Table(table.0.iter().filter(is_changing).cloned().collect());
    for (name, value) in &changing.0 {
        match value {
            Value::List(values) => {
                let empty = || Wrong::new(dotted(at, name), "is empty; give it a number for each step");
                // The first steps of a warmup may have no rate.
                let is_zero = |value: &Value| matches!(value, Value::Integer(0)) || *value == Value::Number(0.0);
                let mut first = values.iter().filter(|value| name != RATE || !is_zero(value));
                table.set(name, first.next().ok_or_else(empty)?.clone());
            }
            // What a file holds is not read yet: these stand for a rate, and for a momentum that there is.
            _ if name == RATE => table.set(name, Value::Number(1.0)),
            _ if name == MOMENTUM => table.set(name, Value::Number(0.5)),
            _ => drop(table.remove(name)),
        }
    }
    let mut optimizer = crate::optimizer::START;
    FORM.read(at, &Value::Table(table), &mut optimizer)?;
    Ok(Numbers { optimizer, changing })
}

fn read_groups(at: &str, given: &Value, base: &Optimizer) -> key::Result<Vec<NamedGroup>> {
    let Value::List(groups) = given else {
        return Err(Wrong::new(at, format!("must be a list of tables, not {}", given.type_name())));
    };
    let read = |(number, group): (usize, &Value)| {
        let at = format!("{at}[{number}]");
        let Value::Table(group) = group else {
            return Err(Wrong::new(at, format!("must be a table, not {}", group.type_name())));
        };
        let mut own = group.clone();
        let patterns = own.remove(PARAMETERS);
        let name = |value: &Value| match value {
            Value::Text(name) => Some(name.clone()),
            _ => None,
        };
        let parameters = match &patterns {
            Some(Value::List(patterns)) => patterns.iter().map(name).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        let problem = "must be a list of patterns of tensors' names, such as [\"*.bias\"]";
        let parameters = parameters.filter(|patterns| !patterns.is_empty());
        let parameters = parameters.ok_or_else(|| Wrong::new(dotted(&at, PARAMETERS), problem))?;
        if let Some((name, value)) = own.0.iter().find(|(_, value)| matches!(value, Value::Text(_))) {
            let problem = format!("is {value}; in a group it must be a number, or a list with one for each step");
            return Err(Wrong::new(dotted(&at, name), problem));
        }
        let group = NamedGroup { parameters, own };
        group.numbers(&at, &Numbers { optimizer: *base, changing: Table::default() })?;
        Ok(group)
    };
    groups.iter().enumerate().map(read).collect()
}

impl NamedGroup {
    /// Its numbers, where it does not name them those of the optimizer.
    ///
    /// # Errors
    ///
    /// A number that the optimizer lacks, or that is out of its range.
    pub fn numbers(&self, at: &str, base: &Numbers) -> key::Result<Numbers> {
        let Some(Value::Table(mut table)) = FORM.write(&base.optimizer) else {
            return Err(Wrong::new(at, "has no optimizer"));
        };
        base.changing.0.iter().for_each(|(name, value)| table.set(name, value.clone()));
        self.own.0.iter().for_each(|(name, value)| table.set(name, value.clone()));
        numbers(at, table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::keys::RunFile;
    use std::path::Path;

    fn parse(optimizer: &str) -> std::result::Result<RunFile, String> {
        let text = format!(
            "[run]\ndirectory = \"out\"\n[data.train]\ninputs = \"x.npy\"\ntargets = \"y.npy\"\n[model]\ninput = [4]\n\
             layers = [{{ type = \"linear\", features = 2 }}]\n[training]\nloss = \"cross_entropy\"\nsteps = 2\n\
             optimizer = {{ {optimizer} }}\n"
        );
        RunFile::parse(&text, Path::new("/folder/run.toml"), &[]).map_err(|error| error.to_string())
    }

    #[test]
    fn what_changes_and_groups_are_written_back() {
        let run_file = parse(
            "type = \"adamw\", learning_rate = [0.0, 0.1], betas = [[0.9, 0.99], [0.8, 0.9]], eps = \"eps.npy\", \
             groups = [{ parameters = [\"*.bias\"], weight_decay = 0.0, learning_rate = [1, 2] }]",
        )
        .expect("a run file");
        let training = &run_file.training;
        assert_eq!(training.optimizer.learning_rate(), 0.1);
        assert_eq!(training.changing.get("eps"), Some(&Value::from("/folder/eps.npy")));
        assert_eq!(training.groups[0].parameters, ["*.bias"]);
        let again = RunFile::parse(&run_file.to_toml(), Path::new("/other/run.toml"), &[]);
        assert_eq!(again, Ok(run_file));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("momentum = []", "training.optimizer.momentum: is empty"),
            ("momentum = [-1.0, 0.5]", "training.optimizer.momentum: is -1.0; it must not be negative"),
            ("groups = [{ momentum = 0.5 }]", "training.optimizer.groups[0].parameters: must be a list of patterns"),
            (
                "groups = [{ parameters = [\"*\"], momentun = 0.5 }]",
                "groups[0].momentun: unknown key; did you mean \"momentum\"?",
            ),
            (
                "groups = [{ parameters = [\"*\"], momentum = \"m.npy\" }]",
                "groups[0].momentum: is \"m.npy\"; in a group",
            ),
            ("groups = { parameters = [\"*\"] }", "training.optimizer.groups: must be a list of tables"),
        ];
        for (keys, part) in cases {
            let error = parse(&format!("type = \"sgd\", learning_rate = 0.1, {keys}")).expect_err("an error");
            assert!(error.contains(part), "{error:?} lacks {part:?}");
        }
    }
}
