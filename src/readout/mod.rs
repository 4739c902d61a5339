/*!
What of a query's outputs is taken apart.

Each readout has one file, which says all that is known of it. The list in this file makes the enum of them and the table in
the documentation. `function` holds the functions that backends compute for readouts.
*/

mod chosen;
pub(crate) mod function;

pub use chosen::Chosen;
pub use function::OutputFunction;

pub(crate) use chosen::positions;

use crate::key::Word;
use crate::loss::{Loss, TargetKind};

/// See [`Readout::badness`].
type Badness = fn(Loss, values: &[f64], targets: Option<&[f64]>) -> Option<f64>;

/// What is known of a readout.
pub(crate) struct Kind {
    /// Its name in a run file.
    pub name: &'static str,
    /// What it is, in a line of the documentation.
    pub help: &'static str,
    /// One of its values.
    pub noun: &'static str,
    /// What it is, within a sentence.
    pub words: &'static str,
    /// Whether it has a value for each output, or one in all.
    pub per_output: bool,
    /// Whether it can be taken of chosen positions, with a value for each.
    pub positions: bool,
    /// Whether it is of all positions together, where none is chosen.
    pub all_positions: bool,
    /// Whether it is linear in the outputs.
    pub is_linear: bool,
    /// Whether it depends on the query's target.
    pub needs_targets: bool,
    /// See [`Readout::roundings`].
    pub roundings: fn(value: f64, outputs: f64) -> f64,
    /// See [`Readout::source`].
    pub source: fn(Loss) -> Result<Source, String>,
    /// See [`Readout::badness`].
    pub badness: Badness,
    /// What reports say of it.
    pub report: Sentences,
}

/// What a report says of a readout.
pub(crate) struct Sentences {
    /// One of a query's values.
    pub value: fn(Value) -> String,
    /// What a page takes apart, as the subject of a sentence.
    pub subject: &'static str,
    /// What an amount is measured in.
    pub unit: &'static str,
    /// What it is, where its name does not say so.
    pub meaning: Option<&'static str>,
    /// What the mean over a query's values pairs, where it has one for each output.
    pub mean: Option<&'static str>,
}

/// One of a query's values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value {
    /// Which of them, from 0.
    pub number: usize,
    /// The query's class, where it is known.
    pub class: Option<u32>,
    /// C, the network's outputs.
    pub outputs: usize,
    /// What the network was trained with.
    pub loss: Loss,
}

/// Where a readout's values and gradients come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The outputs themselves.
    Outputs,
    /// The loss.
    Loss,
    /// One output less another.
    Difference,
    /// A function of the outputs.
    Function(OutputFunction),
}

macro_rules! readouts {
    ($($file:ident :: $name:ident,)*) => {
        $(mod $file;)*

        /// What of a query's outputs f is taken apart; [`help`](Self::help) says what each is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Readout {
            $($name,)*
        }

        impl Readout {
            /// Every readout.
            pub const ALL: &'static [Readout] = &[$(Readout::$name,)*];

            fn kind(self) -> &'static Kind {
                match self {
                    $(Readout::$name => &$file::KIND,)*
                }
            }
        }
    };
}

readouts! {
    outputs::Outputs,
    probabilities::Probabilities,
    log_probabilities::LogProbabilities,
    loss::Loss,
    target::Target,
    margin::Margin,
    difference::Difference,
}

impl Word for Readout {
    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }

    fn word(self) -> &'static str {
        self.name()
    }

    fn help(self) -> &'static str {
        Self::help(self)
    }
}

impl Readout {
    /// Its name in a run file.
    pub fn name(self) -> &'static str {
        self.kind().name
    }

    /// What it is, in one line.
    pub fn help(self) -> &'static str {
        self.kind().help
    }

    /// Its values for each query, of a network with C outputs.
    pub fn len(self, outputs: usize) -> usize {
        if self.is_per_output() { outputs } else { 1 }
    }

    /// Whether it has a value for each output, or one in all.
    pub fn is_per_output(self) -> bool {
        self.kind().per_output
    }

    /// Whether its values are the outputs themselves.
    pub fn is_identity(self) -> bool {
        self == Readout::Outputs
    }

    /// Whether it can be taken of chosen positions, with a value for each.
    pub fn has_positions(self) -> bool {
        self.kind().positions
    }

    /// Whether it is of all positions together, where none is chosen.
    pub(crate) fn takes_all_positions(self) -> bool {
        self.kind().all_positions
    }

    /// By how many times a rounding a value of it is off, that was computed from outputs of some length, about: a function of f
    /// moves by its slope times the rounding of f.
    pub(crate) fn roundings(self, value: f64, outputs: f64) -> f64 {
        (self.kind().roundings)(value, outputs)
    }

    /// Whether it is linear in the outputs.
    pub fn is_linear(self) -> bool {
        self.kind().is_linear
    }

    /// Whether it depends on the query's target.
    pub fn needs_targets(self) -> bool {
        self.kind().needs_targets
    }

    /// One of its values.
    pub fn noun(self) -> &'static str {
        self.kind().noun
    }

    /// What it is, within a sentence.
    pub fn words(self) -> &'static str {
        self.kind().words
    }

    /// What reports say of it.
    pub(crate) fn report(self) -> &'static Sentences {
        &self.kind().report
    }

    /// Where its values and gradients come from, for a network trained with a loss.
    ///
    /// # Errors
    ///
    /// Which losses it goes with, where that is none of them.
    pub(crate) fn source(self, loss: Loss) -> Result<Source, String> {
        (self.kind().source)(loss)
    }

    /// The fewest outputs that it can be read from.
    pub(crate) fn least_outputs(self, loss: Loss) -> usize {
        match self.source(loss) {
            Ok(Source::Function(function)) => function.least_outputs(),
            Ok(Source::Difference) => 2,
            Ok(Source::Outputs | Source::Loss) | Err(_) => 1,
        }
    }

    /// How far a query with these values is from what it should be, in any unit; `targets` are its reals. `None` where that
    /// cannot be told.
    pub(crate) fn badness(self, loss: Loss, values: &[f64], targets: Option<&[f64]>) -> Option<f64> {
        (self.kind().badness)(loss, values, targets)
    }
}

/// A function of the outputs and the query's class, with a loss of classes.
fn of_classes(readout: &str, function: OutputFunction, loss: Loss) -> Result<Source, String> {
    if loss.takes() == TargetKind::Classes {
        return Ok(Source::Function(function));
    }
    let losses = losses(|loss| loss.takes() == TargetKind::Classes);
    Err(format!("{readout} needs classes: the loss {}", losses.join(" or ")))
}

/// The names of some losses.
fn losses(some: impl Fn(Loss) -> bool) -> Vec<&'static str> {
    Loss::ALL.iter().filter(|&&loss| some(loss)).map(|loss| loss.name()).collect()
}

/// A value that belongs to the query's class.
fn of_class(noun: &str, class: Option<u32>) -> String {
    match class {
        Some(class) => format!("the {noun} of class {class}"),
        None => format!("the {noun} of its class"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a readout says of itself is true of the function that it comes from, and a loss that it does not go with is told
    /// which losses it goes with.
    #[test]
    fn readouts_agree_with_their_sources() {
        for &readout in Readout::ALL {
            let name = readout.name();
            for &loss in Loss::ALL {
                match readout.source(loss) {
                    Ok(Source::Outputs) => assert!(readout.is_per_output() && readout.is_linear(), "{name}"),
                    Ok(Source::Loss) => assert!(!readout.is_per_output() && readout.needs_targets(), "{name}"),
                    Ok(Source::Difference) => assert!(!readout.is_per_output() && readout.is_linear(), "{name}"),
                    Ok(Source::Function(function)) => {
                        assert_eq!(readout.len(7), function.count(7), "{name}");
                        assert_eq!(readout.needs_targets(), function.has_classes(), "{name}");
                        assert_eq!(readout.least_outputs(loss), function.least_outputs(), "{name}");
                    }
                    Err(problem) => {
                        let named = |other: &&Loss| problem.contains(other.name());
                        let told: Vec<&Loss> = Loss::ALL.iter().filter(named).collect();
                        assert!(!told.is_empty() && !told.contains(&&loss), "{name}: {problem}");
                        assert!(told.iter().all(|&&other| readout.source(other).is_ok()), "{name}: {problem}");
                    }
                }
            }
        }
    }

    #[test]
    fn roundings_grow_with_the_value() {
        for &readout in Readout::ALL {
            let at = |value: f64| readout.roundings(value, 3.0);
            assert!(at(0.0) >= 0.0 && at(-2.0) == at(2.0) && at(2.0) > at(1.0), "{}", readout.name());
        }
    }
}
