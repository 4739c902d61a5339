/*!
Optimizers, with PyTorch's updates: one file each, with everything that the engine asks of one.

A step is linear in the gradients up to it once the path is known (docs/theory.md), so that an optimizer says two things of it:
how it is made, and by which recursion backwards in time its gradients' effects are found. What it keeps from step to step,
and what has to be recorded of a step, follow from these.
*/

mod adam;
mod adjoint;
mod flow;
mod groups;
mod lion;
mod nadam;
mod recursion;
mod rmsprop;
mod sgd;
mod state;
#[cfg(test)]
mod tests;
mod vectors;

pub use adam::Adam;
pub(crate) use adjoint::{Adjoint, Kept, Passed};
pub use flow::Flow;
pub use groups::{Group, ParameterGroups};
pub use lion::Lion;
pub use nadam::NAdam;
pub(crate) use recursion::{Forth, Meets, Recursion};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;
pub(crate) use state::Carry;
pub use state::OptimizerState;
pub(crate) use vectors::{Given, Made, Memory, Vectors};

use crate::compute::{Backend, Result};
use crate::key::{self, Alternative, Form, Key, OneOf, Value, Variant};

/// How an optimizer moves the weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Motion {
    /// By as many steps as a run asks for, each at a learning rate.
    Steps,
    /// Along `dw/dt = -∇L`, in steps that a solver chooses.
    Solved {
        /// How long.
        time: f64,
        /// Of the solver, absolute and relative.
        tolerance: f64,
    },
}

/// What a step takes of earlier gradients. It decides in what form ψ can go from step to step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Past {
    /// Nothing: a step is a multiple of its own gradient.
    Nothing,
    /// A sum in which each gradient counts this much less with every later step.
    Momentum(f64),
    /// The same sum, and the step's own gradient once more (Nesterov).
    Ahead,
    /// A sum of gradients, and entry by entry a product with a vector of the step's own, the preconditioner.
    Preconditioned {
        /// Whether what a step's gradient meets is not what goes on to the step before, and is held beside it.
        apart: bool,
        /// Whether gradients are summed before that product, and not after it.
        of_sums: bool,
    },
}

/// The part of a step that weight decay makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Decay {
    /// None.
    Absent,
    /// The weights before the step times this.
    OfWeights(f64),
    /// A vector that depends on earlier weights too: the step gives it ([`Made::decay`]), and it is recorded.
    Remembered,
}

/// What the engine asks of an optimizer. Nothing has a default: one that forgot an answer does not compile.
pub(crate) trait Update: Copy + Sync + 'static {
    /// The names that a run file knows it by, each with what it stands for and the numbers that are its defaults.
    const TYPES: &'static [(&'static str, &'static str, Self)];

    /// Its numbers in a run file.
    const KEYS: &'static [Key<Self>];

    /// The vectors that it may keep, each with PyTorch's name of it.
    const THEIRS: &'static [(&'static str, &'static str)];

    /// Whether its steps depend on how many there were, as moments do that began at zero and are corrected.
    const COUNTS: bool;

    /// What its keys do not allow together: the key, and what is wrong with it.
    fn check(&self) -> std::result::Result<(), (&'static str, String)>;

    /// Which of the names these numbers go by.
    fn name(&self) -> &'static str;

    /// It and its numbers.
    fn words(&self, say: &Say<'_>) -> String;

    /// ε before any schedule; 1 where there is none.
    fn learning_rate(&self) -> f64;

    /// How it moves the weights.
    fn motion(&self) -> Motion;

    /// The vectors that it keeps from step to step, like the weights and zero at first.
    fn keeps(&self) -> Vec<&'static str>;

    /// What a step takes of earlier gradients.
    fn past(&self) -> Past;

    /// What step `number`, at a learning rate, does with the momentum that it finds; `None` where there is none.
    fn carry(&self, number: usize, rate: f64) -> Option<Carry>;

    /// Weight decay's part of a step at a learning rate.
    fn decay(&self, rate: f64) -> Decay;

    /// The recursion of step `number`, at a learning rate, whose gradient was clipped by a factor; `next` are the numbers of the
    /// step after it.
    fn recursion(&self, next: &Self, number: usize, rate: f64, clip: f64) -> Recursion;

    /// Makes a step.
    ///
    /// # Errors
    ///
    /// A device error, or the memory of another optimizer.
    fn step<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        memory: &mut Memory<B>,
        given: Given<'_, B>,
    ) -> Result<Made<B>>;

    /// Why no derivative says what other gradients would do to its steps; `None` where one does.
    fn no_derivative(&self) -> Option<&'static str>;

    /// Whether going back through a step needs the vectors that it was made of, and not its numbers alone.
    fn looks_back(&self) -> bool;

    /// Goes back through a step: takes the derivatives by what it leaves behind to those by what there was before it, but for
    /// what comes through the loss gradient. Returns ψ, minus the derivative by that gradient, as clipped. Where a
    /// preconditioner is that of a weight which never had a gradient, its derivative is taken as 0.
    ///
    /// # Errors
    ///
    /// A device error, a step that comes without what [`looks_back`](Self::looks_back) asks for, or no derivative.
    fn back<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        step: &Passed<'_, B>,
        adjoint: &mut Adjoint<B>,
    ) -> Result<B::Buffer>;

    /// One of each kind of behaviour, for the tests that every optimizer has to pass.
    #[cfg(test)]
    fn samples() -> Vec<Self>
    where
        Self: Sized;
}

/// Makes the enum of all optimizers, and passes what is asked of it on to the one at hand.
macro_rules! optimizers {
    ($($(#[$doc:meta])* $kind:ident),* $(,)?) => {
        /// An optimizer, with PyTorch's update.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum Optimizer {
            $($(#[$doc])* $kind($kind),)*
        }

        /// What an expression is for the optimizer at hand.
        macro_rules! of_each {
            ($optimizer:expr, $own:ident => $what:expr) => {
                match $optimizer {
                    $(Optimizer::$kind($own) => $what,)*
                }
            };
        }

        fn variants() -> Vec<Box<dyn Variant<Optimizer>>> {
            let mut all: Vec<Box<dyn Variant<Optimizer>>> = Vec::new();
            $(for &(name, help, start) in $kind::TYPES {
                all.push(Box::new(Alternative {
                    name,
                    help,
                    start,
                    keys: $kind::KEYS,
                    check: $kind::check,
                    make: Optimizer::$kind,
                    of: |optimizer| if let Optimizer::$kind(own) = optimizer { Some(*own) } else { None },
                }));
            })*
            all
        }

        impl Optimizer {
            /// The names of all in a run file, each with what it stands for.
            pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
                variants().into_iter().map(|variant| (variant.name(), variant.help()))
            }

            /// The recursion of step `number`, at a learning rate, whose gradient was clipped by a factor; `next` is the
            /// optimizer of the step after it, which is of the same kind.
            pub(crate) fn recursion(&self, next: &Self, number: usize, rate: f64, clip: f64) -> Recursion {
                match (self, next) {
                    $((Optimizer::$kind(own), Optimizer::$kind(next)) => own.recursion(next, number, rate, clip),)*
                    (own, _) => own.recursion(own, number, rate, clip),
                }
            }

            /// Samples of all.
            #[cfg(test)]
            pub(crate) fn samples() -> Vec<Self> {
                let mut all = Vec::new();
                $(all.extend($kind::samples().into_iter().map(Optimizer::$kind));)*
                all
            }
        }
    };
}

optimizers! {
    /// Stochastic gradient descent.
    Sgd,
    /// Adam, AdamW.
    Adam,
    /// RMSprop.
    RmsProp,
    /// NAdam.
    NAdam,
    /// Lion.
    Lion,
    /// Gradient flow.
    Flow,
}

/// A table whose `type` names an optimizer.
pub(crate) const FORM: OneOf<Optimizer> = OneOf { variants, name: Optimizer::name, shared: &[] };

/// What stands before a run file is read.
pub(crate) const START: Optimizer = Optimizer::Sgd(Sgd::plain(0.0));

/// Whether the optimizer of a name has a learning rate.
pub(crate) fn has_learning_rate(name: &str) -> bool {
    let own = variants().into_iter().find(|variant| variant.name() == name);
    own.is_some_and(|variant| variant.known().iter().any(|(key, _)| *key == "learning_rate"))
}

impl Optimizer {
    /// Its name in a run file.
    pub fn name(&self) -> &'static str {
        of_each!(self, own => own.name())
    }

    /// It and its numbers.
    pub fn words(&self) -> String {
        self.words_where(&[])
    }

    /// The same, where numbers of some keys change from step to step.
    pub fn words_where(&self, changing: &[&str]) -> String {
        of_each!(self, own => own.words(&Say { changing, rate: true }))
    }

    /// The same without the learning rate.
    fn words_without_rate(&self) -> String {
        of_each!(self, own => own.words(&Say { changing: &[], rate: false }))
    }

    /// ε before any schedule; 1 for gradient flow.
    pub fn learning_rate(&self) -> f64 {
        of_each!(self, own => own.learning_rate())
    }

    /// How it moves the weights.
    pub fn motion(&self) -> Motion {
        of_each!(self, own => own.motion())
    }

    /// Whether a solver chooses the steps, as for gradient flow.
    pub fn is_solved(&self) -> bool {
        matches!(self.motion(), Motion::Solved { .. })
    }

    /// Whether a step depends on earlier gradients.
    pub fn has_memory(&self) -> bool {
        self.past() != Past::Nothing
    }

    /// Whether weight decay has a part in its steps.
    pub fn has_decay(&self) -> bool {
        self.decay(1.0) != Decay::Absent
    }

    /// The vectors that it keeps from step to step.
    pub(crate) fn keeps(&self) -> Vec<&'static str> {
        of_each!(self, own => own.keeps())
    }

    /// The vectors that it may keep, each with PyTorch's name of it.
    pub(crate) fn theirs(&self) -> &'static [(&'static str, &'static str)] {
        fn of<U: Update>(_: &U) -> &'static [(&'static str, &'static str)] {
            U::THEIRS
        }
        of_each!(self, own => of(own))
    }

    /// Whether its steps depend on how many there were.
    pub(crate) fn counts(&self) -> bool {
        fn of<U: Update>(_: &U) -> bool {
            U::COUNTS
        }
        of_each!(self, own => of(own))
    }

    /// What a step takes of earlier gradients.
    pub(crate) fn past(&self) -> Past {
        of_each!(self, own => own.past())
    }

    /// What step `number`, at a learning rate, does with the momentum that it finds.
    pub(crate) fn carry(&self, number: usize, rate: f64) -> Option<Carry> {
        of_each!(self, own => own.carry(number, rate))
    }

    /// Weight decay's part of a step at a learning rate.
    pub(crate) fn decay(&self, rate: f64) -> Decay {
        of_each!(self, own => own.decay(rate))
    }

    /// Makes a step.
    ///
    /// # Errors
    ///
    /// A device error, or the memory of another optimizer.
    pub(crate) fn step<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        memory: &mut Memory<B>,
        given: Given<'_, B>,
    ) -> Result<Made<B>> {
        of_each!(self, own => own.step(vectors, memory, given))
    }

    /// Why no derivative says what other gradients would do to its steps; `None` where one does.
    pub(crate) fn no_derivative(&self) -> Option<&'static str> {
        of_each!(self, own => own.no_derivative())
    }

    /// Whether going back through a step needs the vectors that it was made of, and not its numbers alone.
    pub(crate) fn looks_back(&self) -> bool {
        of_each!(self, own => own.looks_back())
    }

    /// Goes back through a step. Returns ψ, minus the derivative by the loss gradient, as clipped.
    ///
    /// # Errors
    ///
    /// A device error, a step without what it was made of, or no derivative.
    pub(crate) fn back<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        step: &Passed<'_, B>,
        adjoint: &mut Adjoint<B>,
    ) -> Result<B::Buffer> {
        of_each!(self, own => own.back(vectors, step, adjoint))
    }

    /// Whether a step with its numbers may come before one with others.
    fn goes_before(&self, next: &Self) -> bool {
        match (self, next) {
            (Optimizer::NAdam(own), Optimizer::NAdam(next)) => own.goes_before(next),
            _ => true,
        }
    }

    /// Checks its numbers as a run file's are checked.
    ///
    /// # Errors
    ///
    /// A number out of its range, or what its keys do not allow together.
    pub fn check(&self) -> key::Result<()> {
        let given = FORM.write(self).unwrap_or(Value::Flag(false));
        FORM.read("training.optimizer", &given, &mut { *self })
    }

    /// The first of its numbers, with its key, that is 0 or infinite in single precision and not in double.
    pub(crate) fn first_not_single(&self) -> Option<(&'static str, f64)> {
        of_each!(self, own => numbers(own)).into_iter().find(|&(_, value)| is_not_single(value))
    }
}

/// The numbers of an optimizer, with their keys in a run file.
fn numbers<U: Update>(own: &U) -> Vec<(&'static str, f64)> {
    let of = |value: &Value| if let Value::Number(number) = value { Some(*number) } else { None };
    let named = |key: &'static Key<U>| match key.form.write(own) {
        Some(Value::List(values)) => values.iter().filter_map(of).map(|number| (key.name, number)).collect(),
        value => value.iter().filter_map(of).map(|number| (key.name, number)).collect::<Vec<_>>(),
    };
    U::KEYS.iter().flat_map(named).collect()
}

/// Whether a number is 0 or infinite in single precision, and not in double.
pub(crate) fn is_not_single(value: f64) -> bool {
    (value as f32).is_infinite() || (value as f32 == 0.0 && value != 0.0)
}

/// How an optimizer's numbers are said.
pub(crate) struct Say<'a> {
    /// Keys of numbers that change from step to step: none of them stands for all.
    changing: &'a [&'a str],
    /// Whether the learning rate is said.
    rate: bool,
}

impl Say<'_> {
    fn changes(&self, key: &str) -> bool {
        self.changing.contains(&key)
    }

    /// A number after its name.
    fn number(&self, words: &str, key: &str, number: f64) -> String {
        if self.changes(key) { format!("{words} of each step's own") } else { format!("{words} {number:?}") }
    }

    /// The same; nothing where it is always 0.
    fn unless_zero(&self, words: &str, key: &str, number: f64) -> String {
        if number == 0.0 && !self.changes(key) { String::new() } else { self.number(words, key, number) }
    }

    /// The learning rate and weight decay, after the other numbers.
    fn rate_and_decay(&self, rate: f64, decay: f64) -> String {
        let rate = if self.rate { self.number(", learning rate", "learning_rate", rate) } else { String::new() };
        format!("{rate}{}", self.unless_zero(", weight decay", "weight_decay", decay))
    }

    /// Adam's two.
    fn betas(&self, [first, second]: [f64; 2]) -> String {
        if self.changes("betas") {
            "betas of each step's own".into()
        } else {
            format!("betas {first:?} and {second:?}")
        }
    }
}
