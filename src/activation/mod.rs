/*!
Elementwise functions.

Each has one file: its words, its arithmetic on the CPU and on the GPU, and a test. The list in this file makes the enum of
them, their numbers in WGSL, and the table in the documentation; tests and operations go over it.
*/

#[cfg(test)]
mod check;

use crate::compute::Element;
use crate::key::{Alternative, Key, Variant};
#[cfg(feature = "gpu")]
use std::mem::discriminant;

/// An elementwise function f of x, of which every part is required.
pub(crate) trait Function: Copy + Send + Sync + 'static {
    /// Its name in a run file.
    const NAME: &'static str;
    /// What it is, in a line of the documentation.
    const HELP: &'static str;
    /// f's degree between its kinks, where it is a polynomial there.
    const DEGREE: Option<usize>;
    /// In WGSL, for each [`Order`]: statements that return the derivative at `x`; `a` and `b` are its
    /// [numbers](Numbered::numbers).
    #[cfg_attr(not(feature = "gpu"), expect(dead_code, reason = "shaders alone read it"))]
    const WGSL: [&'static str; 3];

    /// Where f or a derivative of it jumps, in order. A path is cut where a unit passes one of these places.
    fn kinks(self) -> Vec<f64>;

    // A loop over each of these is vector code: constants are written where they are used.
    /// f.
    fn value<E: Element>(self, x: E) -> E;
    /// f'; at a kink the derivative that PyTorch takes.
    fn slope<E: Element>(self, x: E) -> E;
    /// f''; at a kink the derivative of [`slope`](Self::slope) on one of its sides.
    fn curvature<E: Element>(self, x: E) -> E;
}

/// A function with numbers of its own.
pub(crate) trait Numbered: Function + PartialEq {
    /// What stands before its keys are read.
    const START: Self;
    /// Its keys in a run file.
    const KEYS: &'static [Key<Self>];
    /// The numbers that tests try it with.
    const SAMPLES: &'static [Self];

    /// Checks its numbers against each other: the key, and what is wrong with it.
    fn check(&self) -> Result<(), (&'static str, String)>;

    /// What its shader takes.
    #[cfg_attr(not(feature = "gpu"), expect(dead_code, reason = "shaders alone read them"))]
    fn numbers(self) -> [f64; 2];
}

/// How often an activation is differentiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// f.
    Value,
    /// f'.
    Slope,
    /// f''.
    Curvature,
}

impl Order {
    /// All, in order.
    pub const ALL: [Order; 3] = [Order::Value, Order::Slope, Order::Curvature];

    /// The name of its shader.
    pub fn operation(self) -> &'static str {
        match self {
            Order::Value => "activation",
            Order::Slope => "activation_slope",
            Order::Curvature => "activation_curvature",
        }
    }
}

/// What is done with an activation whose type is known where it is compiled.
pub(crate) trait Visitor {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<F: Function>(self, function: F) -> Self::Output;
}

macro_rules! activations {
    (plain { $($file:ident :: $name:ident,)* } numbered { $($own_file:ident :: $own:ident,)* }) => {
        $(mod $file;)*
        $(mod $own_file; pub use $own_file::$own;)*

        /// An elementwise function.
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[allow(missing_docs)]
        pub enum Activation {
            $($name,)*
            $($own($own),)*
        }

        $(impl From<$own> for Activation {
            fn from(own: $own) -> Self {
                Activation::$own(own)
            }
        })*

        impl Activation {
            /// One of every kind, by its number in WGSL.
            pub const ALL: &'static [Activation] = &[$(Activation::$name,)* $(Activation::$own($own::START),)*];

            /// Every kind, those that have numbers several times: what tests go over.
            pub fn samples() -> Vec<Activation> {
                let mut samples = vec![$(Activation::$name,)*];
                $(samples.extend($own::SAMPLES.iter().map(|&own| Activation::$own(own)));)*
                samples
            }

            /// Its name in a run file.
            pub fn name(self) -> &'static str {
                match self {
                    $(Activation::$name => $file::$name::NAME,)*
                    $(Activation::$own(_) => $own::NAME,)*
                }
            }

            /// Its degree between its kinks; `None` where it is no polynomial there.
            pub fn degree(self) -> Option<usize> {
                match self {
                    $(Activation::$name => $file::$name::DEGREE,)*
                    $(Activation::$own(_) => $own::DEGREE,)*
                }
            }

            /// Hands its function to a visitor.
            pub(crate) fn accept<V: Visitor>(self, visitor: V) -> V::Output {
                match self {
                    $(Activation::$name => visitor.visit($file::$name),)*
                    $(Activation::$own(own) => visitor.visit(own),)*
                }
            }

            /// The numbers that its shader takes.
            #[cfg(feature = "gpu")]
            pub(crate) fn numbers(self) -> [f64; 2] {
                match self {
                    $(Activation::$name => [0.0; 2],)*
                    $(Activation::$own(own) => own.numbers(),)*
                }
            }

            /// Its statements in WGSL.
            #[cfg(feature = "gpu")]
            fn wgsl(self, order: Order) -> &'static str {
                match self {
                    $(Activation::$name => $file::$name::WGSL[order as usize],)*
                    $(Activation::$own(_) => $own::WGSL[order as usize],)*
                }
            }

            /// Every kind with its keys.
            pub(crate) fn variants() -> Vec<Box<dyn Variant<Activation>>> {
                vec![
                    $(Box::new(Alternative {
                        name: $file::$name::NAME,
                        help: $file::$name::HELP,
                        start: $file::$name,
                        keys: &[],
                        check: |_| Ok(()),
                        make: |_| Activation::$name,
                        of: |kind| (*kind == Activation::$name).then_some($file::$name),
                    }),)*
                    $(Box::new(Alternative {
                        name: $own::NAME,
                        help: $own::HELP,
                        start: $own::START,
                        keys: $own::KEYS,
                        check: |own| own.check(),
                        make: Activation::$own,
                        of: |kind| if let Activation::$own(own) = kind { Some(*own) } else { None },
                    }),)*
                ]
            }
        }
    };
}

activations! {
    plain {
        identity::Identity,
        relu::Relu,
        tanh::Tanh,
        sigmoid::Sigmoid,
        softplus::Softplus,
        silu::Silu,
        sin::Sin,
        relu6::Relu6,
        abs::Abs,
        exp::Exp,
        log::Log,
        rsqrt::Rsqrt,
        logsigmoid::Logsigmoid,
        softsign::Softsign,
        hardswish::Hardswish,
        mish::Mish,
        selu::Selu,
    }
    numbered {
        leaky_relu::LeakyRelu,
        gelu::Gelu,
        elu::Elu,
        hardtanh::Hardtanh,
        clamp::Clamp,
        smooth_relu::SmoothRelu,
    }
}

pub use gelu::Approximate;

impl Activation {
    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|activation| activation.name() == name)
    }

    /// The names of all.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|activation| activation.name())
    }

    /// Where it or a derivative of it jumps, in order.
    pub fn kinks(self) -> Vec<f64> {
        struct Kinks;
        impl Visitor for Kinks {
            type Output = Vec<f64>;

            fn visit<F: Function>(self, function: F) -> Vec<f64> {
                function.kinks()
            }
        }
        self.accept(Kinks)
    }

    /// It or a derivative of it at a number.
    pub fn at(self, order: Order, x: f64) -> f64 {
        struct At(Order, f64);
        impl Visitor for At {
            type Output = f64;

            fn visit<F: Function>(self, function: F) -> f64 {
                let At(order, x) = self;
                match order {
                    Order::Value => function.value(x),
                    Order::Slope => function.slope(x),
                    Order::Curvature => function.curvature(x),
                }
            }
        }
        self.accept(At(order, x))
    }

    /// Its number in WGSL.
    #[cfg(feature = "gpu")]
    pub(crate) fn number(self) -> u32 {
        let kind = discriminant(&self);
        Self::ALL.iter().position(|other| discriminant(other) == kind).map_or(u32::MAX, |place| place as u32)
    }
}

/// `fn function(kind: u32, a: f32, b: f32, x: f32) -> f32` in WGSL: the derivative of every activation, by its number.
#[cfg(feature = "gpu")]
pub(crate) fn wgsl(order: Order) -> String {
    let case = |kind: &Activation| format!("        case {}u: {{ {} }}\n", kind.number(), kind.wgsl(order));
    let cases: String = Activation::ALL.iter().map(case).collect();
    let head = "fn function(kind: u32, a: f32, b: f32, x: f32) -> f32";
    // Every function must return where no case does.
    format!("{head} {{\n    switch kind {{\n{cases}        default: {{ return x; }}\n    }}\n}}\n")
}
