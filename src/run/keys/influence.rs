//! `kernel.influence`: what is asked of the influence.

use super::{Kernel, RunFile};
use crate::influence::Influence;
use crate::key::{Form, Key, Keys, Number, Result, Shape, Value, Wrong, at};

const KEYS: &[Key<Influence>] = &[
    Key::new(
        "weight",
        "the weight of all examples on the path along which it is taken",
        at!(Influence.weight, Number::AboveZero),
    ),
    Key::new("eps", "what is added to the optimizer's eps in the derivative", at!(Influence.eps, Number::NotNegative)),
    Key::new(
        "smooth",
        "the width over which a relu's slope rises in the derivative",
        at!(Influence.smooth, Number::NotNegative),
    ),
];

/// True, false, or a table of what is not as usual.
pub(super) struct AskedInfluence;

impl Form<Option<Influence>> for AskedInfluence {
    fn read(&self, at: &str, given: &Value, into: &mut Option<Influence>) -> Result<()> {
        *into = match given {
            Value::Flag(wanted) => wanted.then(Influence::default),
            Value::Table(_) => {
                let mut asked = Influence::default();
                Keys(KEYS).read(at, given, &mut asked)?;
                Some(asked)
            }
            other => {
                let problem =
                    format!("must be true, false or a table such as {{ weight = 0.5 }}, not {}", other.type_name());
                return Err(Wrong::new(at, problem));
            }
        };
        Ok(())
    }

    fn write(&self, from: &Option<Influence>) -> Option<Value> {
        match from {
            None => Some(Value::Flag(false)),
            Some(asked) if *asked == Influence::default() => Some(Value::Flag(true)),
            Some(asked) => Keys(KEYS).write(asked),
        }
    }

    fn shape(&self, _start: &Option<Influence>) -> Shape {
        let Influence { weight, eps, smooth } = Influence::default();
        Shape::Plain(format!(
            "true, false, or a table with any of `weight` ({weight:?} without it), `eps` ({eps:?}) and `smooth` ({smooth:?})"
        ))
    }
}

/// What the influence does not go together with.
///
/// # Errors
///
/// The key to change, and why.
pub(super) fn check(RunFile { training, trajectory, kernel, .. }: &RunFile) -> Result<()> {
    let Some(asked) = kernel.influence else { return Ok(()) };
    let wrong = |key: &str, problem: &str| Err(Wrong::new(key, problem));
    if let Some(why) = training.optimizer.no_derivative() {
        let problem = format!(
            "is the derivative of training, and training.optimizer.type = {:?} {why}; take another optimizer, or remove it",
            training.optimizer.name()
        );
        return wrong("kernel.influence", &problem);
    }
    if training.steps == 0 {
        return wrong("kernel.influence", "is that of training, and training.steps = 0; remove it");
    }
    if asked.weight != 1.0 && trajectory.import.is_some() {
        let problem = "other than 1 takes a path that is made here with examples of that weight, and this one is imported; remove it";
        return wrong("kernel.influence.weight", problem);
    }
    Ok(())
}

impl Kernel {
    /// The influence, for people, where it is asked for.
    pub(super) fn influence_words(&self) -> Option<String> {
        let Influence { weight, .. } = self.influence?;
        Some(if weight == 1.0 { "influence".to_owned() } else { format!("influence at weight {weight:?}") })
    }
}
