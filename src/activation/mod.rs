/*!
Elementwise functions.

Each has one file: its words, its arithmetic on the CPU and on the GPU, and a test. The list in this file makes the enum of
them, their numbers in WGSL, and the table in the documentation; tests and operations go over it.
*/

#[cfg(test)]
mod check;

use crate::compute::Element;

/// An elementwise function f of x, of which every part is required.
///
/// None has numbers of its own so far: the slope of `leaky_relu` is a constant. For one that has, let its struct hold them
/// and its variant hold the struct, give the functions and `kinks` a `self`, and hand the numbers to the shader beside `kind`.
pub(crate) trait Function {
    /// Its name in a run file.
    const NAME: &'static str;
    /// What it is, in a line of the documentation.
    const HELP: &'static str;
    /// Where f or a derivative of it jumps, in order. A path is cut where a unit passes one of these places.
    const KINKS: &'static [f64];
    /// f's degree between its kinks, where it is a polynomial there.
    const DEGREE: Option<usize>;
    /// In WGSL, for each [`Order`]: statements that return the derivative at `x`.
    #[cfg_attr(not(feature = "gpu"), expect(dead_code, reason = "shaders alone read it"))]
    const WGSL: [&'static str; 3];

    // A loop over each of these is vector code: constants are written where they are used, since captured ones prevent that.
    /// f.
    fn value<E: Element>(x: E) -> E;
    /// f'; at a kink the derivative that PyTorch takes.
    fn slope<E: Element>(x: E) -> E;
    /// f''; at a kink the derivative of [`slope`](Self::slope) on one of its sides.
    fn curvature<E: Element>(x: E) -> E;
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
    fn visit<F: Function>(self) -> Self::Output;
}

macro_rules! activations {
    ($($file:ident :: $name:ident,)*) => {
        $(mod $file;)*

        /// An elementwise function; [`help`](Self::help) says what each is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Activation {
            $($name,)*
        }

        impl Activation {
            /// Every activation, by its number in WGSL.
            pub const ALL: &'static [Activation] = &[$(Activation::$name,)*];

            /// Its name in a run file.
            pub fn name(self) -> &'static str {
                match self {
                    $(Activation::$name => $file::$name::NAME,)*
                }
            }

            /// What it is, in one line.
            pub fn help(self) -> &'static str {
                match self {
                    $(Activation::$name => $file::$name::HELP,)*
                }
            }

            /// Where it or a derivative of it jumps, in order.
            pub fn kinks(self) -> &'static [f64] {
                match self {
                    $(Activation::$name => $file::$name::KINKS,)*
                }
            }

            /// Its degree between its kinks; `None` where it is no polynomial there.
            pub fn degree(self) -> Option<usize> {
                match self {
                    $(Activation::$name => $file::$name::DEGREE,)*
                }
            }

            /// Hands its type to a visitor.
            pub(crate) fn accept<V: Visitor>(self, visitor: V) -> V::Output {
                match self {
                    $(Activation::$name => visitor.visit::<$file::$name>(),)*
                }
            }

            /// Its statements in WGSL.
            #[cfg(feature = "gpu")]
            fn wgsl(self, order: Order) -> &'static str {
                match self {
                    $(Activation::$name => $file::$name::WGSL[order as usize],)*
                }
            }
        }
    };
}

activations! {
    identity::Identity,
    relu::Relu,
    leaky_relu::LeakyRelu,
    tanh::Tanh,
    sigmoid::Sigmoid,
    softplus::Softplus,
    silu::Silu,
    gelu::Gelu,
    sin::Sin,
    relu6::Relu6,
}

impl Activation {
    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|activation| activation.name() == name)
    }

    /// The names of all.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|activation| activation.name())
    }
}

/// `fn function(kind: u32, x: f32) -> f32` in WGSL: the derivative of every activation, by its number.
#[cfg(feature = "gpu")]
pub(crate) fn wgsl(order: Order) -> String {
    let case = |kind: &Activation| format!("        case {}u: {{ {} }}\n", *kind as u32, kind.wgsl(order));
    let cases: String = Activation::ALL.iter().map(case).collect();
    // Every function must return where no case does.
    format!(
        "fn function(kind: u32, x: f32) -> f32 {{\n    switch kind {{\n{cases}        default: {{ return x; }}\n    }}\n}}\n"
    )
}
