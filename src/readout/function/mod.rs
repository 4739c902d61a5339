/*!
Functions of a row of outputs, and their gradients.

Each has one file: its arithmetic on the CPU and on the GPU, and a test. The list in this file makes the enum of them and their
numbers in WGSL; tests and operations go over it.
*/

#[cfg(test)]
mod check;

use crate::compute::Element;

/// A function of a row of outputs f and, of some, the row's class: one number of each output, or one of all.
pub(crate) trait Function {
    /// Whether it gives a number of each output, or one of all.
    const PER_OUTPUT: bool;
    /// Whether the row's class enters.
    const HAS_CLASSES: bool;
    /// The fewest outputs that it is a function of.
    const LEAST_OUTPUTS: usize;
    /// In WGSL, statements that put the seed of number `r` of a `row` into `seeds[seed + c]` for every c, and return the
    /// number. `output(row, c)` is f_c, and `class_of(row)` the class.
    #[cfg_attr(not(feature = "gpu"), expect(dead_code, reason = "shaders alone read it"))]
    const WGSL: &'static str;

    /// All numbers of a row.
    fn values<E: Element>(outputs: &[E], class: usize, values: &mut [E]);
    /// The gradient of number `which` of a row, whose numbers are `values`.
    fn seed<E: Element>(outputs: &[E], class: usize, values: &[E], which: usize, seed: &mut [E]);
}

/// What is done with a function whose type is known where it is compiled.
pub(crate) trait Visitor {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<F: Function>(self) -> Self::Output;
}

macro_rules! functions {
    ($($(#[$doc:meta])* $file:ident :: $name:ident,)*) => {
        $(mod $file;)*

        /// A function of a network's outputs f: one number of each, or one of all.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum OutputFunction {
            $($(#[$doc])* $name,)*
        }

        impl OutputFunction {
            /// Every function, by its number in WGSL.
            pub const ALL: &'static [OutputFunction] = &[$(OutputFunction::$name,)*];

            fn is_per_output(self) -> bool {
                match self {
                    $(OutputFunction::$name => $file::$name::PER_OUTPUT,)*
                }
            }

            /// Whether a row's class enters.
            pub fn has_classes(self) -> bool {
                match self {
                    $(OutputFunction::$name => $file::$name::HAS_CLASSES,)*
                }
            }

            /// The fewest outputs that it is a function of.
            pub fn least_outputs(self) -> usize {
                match self {
                    $(OutputFunction::$name => $file::$name::LEAST_OUTPUTS,)*
                }
            }

            /// Hands its type to a visitor.
            pub(crate) fn accept<V: Visitor>(self, visitor: V) -> V::Output {
                match self {
                    $(OutputFunction::$name => visitor.visit::<$file::$name>(),)*
                }
            }

            /// Its statements in WGSL.
            #[cfg(feature = "gpu")]
            fn wgsl(self) -> &'static str {
                match self {
                    $(OutputFunction::$name => $file::$name::WGSL,)*
                }
            }
        }
    };
}

functions! {
    /// `softmax f`: as many as outputs.
    softmax::Softmax,
    /// `1 / (1 + e^-f)`, each output for itself: as many as outputs.
    sigmoid::Sigmoid,
    /// `log softmax f`: as many as outputs.
    log_softmax::LogSoftmax,
    /// `-log(1 + e^-f)`, each output for itself: as many as outputs.
    log_sigmoid::LogSigmoid,
    /// `f_y`: one, the output of the row's class.
    target::Target,
    /// `f_y - log Σ_{c≠y} e^{f_c}`: one. Needs two outputs.
    margin::Margin,
}

impl OutputFunction {
    /// R, for C outputs of the network.
    pub fn count(self, outputs: usize) -> usize {
        if self.is_per_output() { outputs } else { 1 }
    }
}

/// `fn function(kind, r, row, seed) -> f32` of `shaders/op/readout.wgsl`, made of the list.
#[cfg(feature = "gpu")]
pub(crate) fn wgsl() -> String {
    let case = |kind: &OutputFunction| format!("        case {}u: {{ {} }}\n", *kind as u32, kind.wgsl());
    let cases: String = OutputFunction::ALL.iter().map(case).collect();
    format!(
        "fn function(kind: u32, r: u32, row: u32, seed: u32) -> f32 {{\n    switch kind {{\n{cases}        \
         default: {{ return 0.0; }}\n    }}\n}}\n"
    )
}

/// The largest of some numbers, and `Σ e^(x - largest)`.
fn sum_of_exp<E: Element>(numbers: impl Iterator<Item = E> + Clone) -> (E, E) {
    let largest = numbers.clone().reduce(|a, b| if b > a { b } else { a }).unwrap_or(E::ZERO);
    (largest, numbers.map(|x| (x - largest).exp()).sum())
}
