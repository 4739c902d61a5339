/*!
Losses: functions of a network's outputs and a target.

Each has one file: its words, its arithmetic on the CPU and on the GPU, and a test. The list in this file makes the enum of
them, their numbers in WGSL, and the table in the documentation; tests and operations go over it.
*/

mod aims;
#[cfg(test)]
mod check;
mod read;
mod targets;

pub use aims::{Aims, Numbers};
pub use targets::{IGNORED, TargetKind, Targets};

pub(crate) use read::TargetArray;
pub(crate) use targets::of_rows;

use crate::compute::Element;
use crate::key::Word;
use crate::readout::OutputFunction;

/// What every loss has.
pub(crate) trait Function {
    /// Its name in a run file.
    const NAME: &'static str;
    /// What it is, in a line of the documentation.
    const HELP: &'static str;
    /// The probabilities that it takes the outputs for, where it does.
    const PROBABILITIES: Option<OutputFunction>;
    /// The key of the number that it has for each output, where it has one.
    const NUMBER: Option<&'static str>;
    /// Whether it is the mean over the outputs, and not their sum.
    const MEAN: bool;
    /// Whether a derivative of it jumps somewhere.
    const KINKS: bool;
    /// Which reals it takes for targets.
    const LABELS: Labels;
    /// In WGSL, statements that return `vec2<f32>`. Of a loss of classes: the loss and the class that is read from the outputs of
    /// `row`, which are `output(row, c)`, after `put(row, c, slope)` of every c; the terms' factors are `aim(target_, c)`. Of a
    /// loss of reals: the loss and its slope, of an output `f`, a target `y` and the output's `number`.
    #[cfg_attr(not(feature = "gpu"), expect(dead_code, reason = "shaders alone read it"))]
    const WGSL: &'static str;
    /// In WGSL, how the gradient changes. Of a loss of classes, statements that `put(row, c, change)` for every c, as the outputs
    /// of `row` move along `along(row, c)`. Of a loss of reals, statements that return its second derivative, an `f32`.
    #[cfg_attr(not(feature = "gpu"), expect(dead_code, reason = "shaders alone read it"))]
    const CURVATURE: &'static str;
}

/// The reals that a loss takes for targets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Labels {
    least: f64,
    most: f64,
    /// What to do with others.
    remedy: &'static str,
}

impl Labels {
    const ANY: Self = Self { least: f64::NEG_INFINITY, most: f64::INFINITY, remedy: "" };
}

/// A loss of the class of each position, or of the classes' probabilities.
pub(crate) trait OfClasses: Function {
    /// The loss of a position and the class that its outputs are read as, where term c has the factor `aim(c)`; writes ∂L/∂f.
    fn row<E: Element>(outputs: &[E], aim: impl Fn(usize) -> E, gradient: &mut [E]) -> (E, usize);

    /// Writes how ∂L/∂f changes as the outputs move along a direction.
    fn curvature<E: Element>(outputs: &[E], aim: impl Fn(usize) -> E, along: &[E], change: &mut [E]);
}

/// A loss of one real number an output, summed over the outputs or their mean.
pub(crate) trait OfReals: Function {
    /// One output's loss and its derivative, with the output's own number.
    fn one<E: Element>(f: E, y: E, number: E) -> (E, E);

    /// The second derivative of one output's loss; where the first jumps, that on the side which has the point.
    fn curvature<E: Element>(f: E, y: E, number: E) -> E;
}

/// What is done with a loss whose type is known where it is compiled.
pub(crate) trait Visitor {
    /// What comes of it.
    type Output;
    /// Does it with a loss of classes.
    fn of_classes<F: OfClasses>(self) -> Self::Output;
    /// Does it with a loss of reals.
    fn of_reals<F: OfReals>(self) -> Self::Output;
}

macro_rules! losses {
    ($($file:ident :: $name:ident: $kind:ident,)*) => {
        $(mod $file;)*

        /// A loss function of outputs f and a target; [`help`](Self::help) says what each is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Loss {
            $($name,)*
        }

        impl Loss {
            /// Every loss, by its number in WGSL.
            pub const ALL: &'static [Loss] = &[$(Loss::$name,)*];

            /// Its name in a run file.
            pub fn name(self) -> &'static str {
                match self {
                    $(Loss::$name => $file::$name::NAME,)*
                }
            }

            /// What it is, in one line.
            pub fn help(self) -> &'static str {
                match self {
                    $(Loss::$name => $file::$name::HELP,)*
                }
            }

            /// The probabilities that it takes the outputs for; `None` where it takes them for none.
            pub fn probabilities(self) -> Option<OutputFunction> {
                match self {
                    $(Loss::$name => $file::$name::PROBABILITIES,)*
                }
            }

            /// The key of the number that it has for each output, 1 by default: the weight of a class, the weight of
            /// positive labels, or where a huber loss becomes linear.
            pub fn number(self) -> Option<&'static str> {
                match self {
                    $(Loss::$name => $file::$name::NUMBER,)*
                }
            }

            /// Whether it is the mean over the outputs, and not their sum.
            pub fn is_mean(self) -> bool {
                match self {
                    $(Loss::$name => $file::$name::MEAN,)*
                }
            }

            /// Whether a derivative of it jumps somewhere.
            pub fn has_kinks(self) -> bool {
                match self {
                    $(Loss::$name => $file::$name::KINKS,)*
                }
            }

            fn labels(self) -> Labels {
                match self {
                    $(Loss::$name => $file::$name::LABELS,)*
                }
            }

            /// Hands its type to a visitor.
            pub(crate) fn accept<V: Visitor>(self, visitor: V) -> V::Output {
                match self {
                    $(Loss::$name => visitor.$kind::<$file::$name>(),)*
                }
            }

            /// Its statements in WGSL.
            #[cfg(feature = "gpu")]
            fn wgsl(self) -> &'static str {
                match self {
                    $(Loss::$name => $file::$name::WGSL,)*
                }
            }

            /// Its statements in WGSL for how its gradient changes.
            #[cfg(feature = "gpu")]
            fn wgsl_of_curvature(self) -> &'static str {
                match self {
                    $(Loss::$name => $file::$name::CURVATURE,)*
                }
            }
        }
    };
}

losses! {
    cross_entropy::CrossEntropy: of_classes,
    squared_error::SquaredError: of_reals,
    mse::Mse: of_reals,
    huber::Huber: of_reals,
    l1::L1: of_reals,
    logistic::Logistic: of_reals,
    poisson::Poisson: of_reals,
}

impl Word for Loss {
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

impl Loss {
    /// What it compares outputs with.
    pub fn takes(self) -> TargetKind {
        self.accept(Takes)
    }

    /// The loss of one output and its target, where its number is 1; `None` where it takes classes.
    pub(crate) fn of_one(self, f: f64, y: f64) -> Option<f64> {
        self.accept(OfOne { f, y })
    }
}

struct Takes;

impl Visitor for Takes {
    type Output = TargetKind;

    fn of_classes<F: OfClasses>(self) -> TargetKind {
        TargetKind::Classes
    }

    fn of_reals<F: OfReals>(self) -> TargetKind {
        TargetKind::Reals
    }
}

struct OfOne {
    f: f64,
    y: f64,
}

impl Visitor for OfOne {
    type Output = Option<f64>;

    fn of_classes<F: OfClasses>(self) -> Option<f64> {
        None
    }

    fn of_reals<F: OfReals>(self) -> Option<f64> {
        Some(F::one(self.f, self.y, 1.0).0)
    }
}

/// The functions of `shaders/op/loss.wgsl` that are made of the list: `class_loss(kind, row, target_)` and
/// `real_loss(kind, f, y, number)`.
#[cfg(feature = "gpu")]
pub(crate) fn wgsl() -> String {
    let none = "return vec2<f32>(0.0, 0.0);";
    let classes = cases(TargetKind::Classes, Loss::wgsl, none);
    let reals = cases(TargetKind::Reals, Loss::wgsl, none);
    format!(
        "fn class_loss(kind: u32, row: u32, target_: u32) -> vec2<f32> {{\n{classes}\
         fn real_loss(kind: u32, f: f32, y: f32, number: f32) -> vec2<f32> {{\n{reals}"
    )
}

/// Those of `shaders/op/loss_curvature.wgsl`: `class_curvature(kind, row, target_)` and `real_curvature(kind, f, y, number)`.
#[cfg(feature = "gpu")]
pub(crate) fn wgsl_of_curvature() -> String {
    let classes = cases(TargetKind::Classes, Loss::wgsl_of_curvature, "");
    let reals = cases(TargetKind::Reals, Loss::wgsl_of_curvature, "return 0.0;");
    format!(
        "fn class_curvature(kind: u32, row: u32, target_: u32) {{\n{classes}\
         fn real_curvature(kind: u32, f: f32, y: f32, number: f32) -> f32 {{\n{reals}"
    )
}

/// The end of a function in WGSL that has a case for each loss which takes such targets, and statements for none.
#[cfg(feature = "gpu")]
fn cases(takes: TargetKind, statements: fn(Loss) -> &'static str, none: &str) -> String {
    let own = Loss::ALL.iter().filter(|loss| loss.takes() == takes);
    let cases: String =
        own.map(|&loss| format!("        case {}u: {{ {} }}\n", loss as u32, statements(loss))).collect();
    format!("    switch kind {{\n{cases}        default: {{ {none} }}\n    }}\n}}\n")
}
