/*!
What graphs are made of: one primitive a file, with everything that the engine asks of it.

A primitive is built of the shapes of its inputs, so that a value knows its own sizes. To add one: its file, which implements
[`Primitive`], and its line in the list below. Layers (`layer/`) lower into primitives.
*/

mod apart;
#[cfg(test)]
mod check;
mod matrix;
mod shape;
mod site;

pub(in crate::graph) use apart::Bare;
pub use attention::Heads;
pub use dropout::Dropped;
pub(crate) use parameter::raw;
pub use rearrange::Part;
pub(crate) use rearrange::broadcast_shape;
pub use shape::Sweep;
pub(crate) use site::fresh;
pub use site::{Back, Deltas, Moved, Seen, Site, Turning, Used, Visit};

use super::{Initial, Structure};
use crate::compute::{Backend, BackendError, Result, Slice, SliceMut, Window};
use shape::{count, last_axis};
use site::{first, plus};

/// A function of one or more values and of parameters, with its derivatives.
///
/// Rows of a value lie one after the other, of every example the whole value. A backward pass carries `copies` rows of each
/// base row, a derivative one for each direction, both copy-major.
pub trait Primitive {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// What it takes and gives.
    fn built(&self) -> Built;

    /// Writes the values of all rows; returns what the other passes need beside values. What a primitive with parameters
    /// saves first is the input of its factors; where it saves nothing, its first input is.
    ///
    /// # Errors
    ///
    /// A device error.
    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>>;

    /// From δ, `[copies * rows, …]`, the δ of each wanted input; shows the factors of its parameters to `visit`.
    ///
    /// # Errors
    ///
    /// A device error, or one of `visit`.
    fn backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>>;

    /// Writes the derivatives of the values along directions in the weights, `[directions * rows, …]`. Called where an input
    /// has a derivative or there are parameters.
    ///
    /// # Errors
    ///
    /// A device error.
    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()>;

    /// How [`backward`](Self::backward) changes as the weights and inputs move along one direction: from δ and its change, the
    /// change of the δ of each wanted input. Shows `visit` the factors of the gradient's change: the change of δ with the
    /// input, and δ with the input's derivative.
    ///
    /// # Errors
    ///
    /// A device error, or one of `visit`.
    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>>;

    /// Where it is not smooth as a function of its first input.
    fn kinks(&self) -> Kinks;

    /// Between kinks, its degree as a polynomial in τ where its inputs are of the degrees `before` and its parameters of degree
    /// 1; `None` where it is no polynomial.
    fn degree(&self, before: &[usize]) -> Option<usize>;

    /// What an element of an input that is -∞ for every weight makes of the value.
    fn minus_infinity(&self, input: usize) -> MinusInfinity;

    /// Which weights say how large an element of its value is.
    fn magnitude(&self) -> Magnitude;

    /// What a row costs.
    fn work(&self) -> Work;
}

/// What a primitive takes and gives.
#[derive(Debug, Clone)]
pub struct Built {
    /// Elements of each input, an example.
    pub inputs: Vec<usize>,
    /// The shape of its value, an example.
    pub shape: Vec<usize>,
    /// Its parameters, where it has any.
    pub parameters: Option<Parameters>,
    /// Whether its value is that of its first input in another shape, so that it needs no buffer.
    pub aliases: bool,
    /// Whether its value depends on what a step draws; see [`Draw`](crate::graph::Draw).
    pub draws: bool,
}

impl Built {
    /// Of a primitive without parameters.
    fn plain(inputs: Vec<usize>, shape: &[usize]) -> Self {
        Self { inputs, shape: shape.to_vec(), parameters: None, aliases: false, draws: false }
    }
}

/// The parameters of a primitive.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// How their gradient factors.
    pub structure: Structure,
    /// The tensors, in the order in which a gradient row has them.
    pub tensors: Vec<Drawn>,
}

impl Parameters {
    /// The shapes of the tensors.
    pub(super) fn shapes(&self) -> impl Iterator<Item = &[usize]> {
        self.tensors.iter().map(|drawn| drawn.shape.as_slice())
    }
}

/// A tensor before it has a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// Its name within the layer, such as `weight`.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How it is drawn.
    pub initial: Initial,
}

/// Where a function of a value is not smooth.
#[derive(Debug, Clone, PartialEq)]
pub enum Kinks {
    /// Nowhere.
    Nowhere,
    /// Where an element of the first input is one of these numbers.
    Elements(Vec<f64>),
    /// Where another entry of a window of the first input becomes the largest.
    Windows(Window),
}

/// What becomes of -∞ in an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinusInfinity {
    /// Elements that have no use: infinite, no numbers, or their derivatives are.
    Spoils,
    /// It stays -∞, with derivatives of 0.
    Stays,
    /// It has no weight in a sum of weights: the value is finite.
    Vanishes,
}

/// Where the size of an element of a value, and so of its roundings, comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Magnitude {
    /// From the weights of its own feature, one of so many that lie side by side.
    Features(usize),
    /// From the weights of its own feature, one of so many channels that lie one after the other.
    Channels(usize),
    /// From the element of the first input at the same place.
    Element,
    /// From elements of the first input in the same channel.
    Channel,
    /// From more than one feature.
    Mixed,
}

/// What a row costs in a pass, beside its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Elements that are kept, or read once more for the factors of parameters.
    pub kept: usize,
    /// Elements of the widest array that is neither a value nor a δ of one.
    pub widest: usize,
    /// Products of parameters with elements.
    pub multiply_adds: usize,
}

/// The highest of the degrees of a primitive's inputs.
fn highest(degrees: &[usize]) -> usize {
    degrees.iter().copied().max().unwrap_or(0)
}

/// Makes one type of all primitives, which hands every question on.
macro_rules! primitives {
    ($($file:ident::$name:ident,)*) => {
        $(mod $file;)*
        $(pub use $file::$name;)*

        /// Any primitive.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs)]
        pub enum Kind {
            $($name($name),)*
        }

        $(impl From<$name> for Kind {
            fn from(primitive: $name) -> Self {
                Kind::$name(primitive)
            }
        })*

        impl Primitive for Kind {
            fn name(&self) -> &'static str {
                match self { $(Kind::$name(own) => own.name(),)* }
            }

            fn built(&self) -> Built {
                match self { $(Kind::$name(own) => own.built(),)* }
            }

            fn forward<B: Backend>(
                &self,
                site: &Site<'_, B>,
                inputs: &[Slice<'_, B::Buffer>],
                out: SliceMut<'_, B::Buffer>,
            ) -> Result<Vec<B::Buffer>> {
                match self { $(Kind::$name(own) => own.forward(site, inputs, out),)* }
            }

            fn backward<B: Backend>(
                &self,
                site: &Site<'_, B>,
                seen: &Seen<'_, B>,
                back: &Back<'_>,
                delta: B::Buffer,
                visit: &mut Visit<'_, B>,
            ) -> Result<Deltas<B>> {
                match self { $(Kind::$name(own) => own.backward(site, seen, back, delta, visit),)* }
            }

            fn tangent<B: Backend>(
                &self,
                site: &Site<'_, B>,
                seen: &Seen<'_, B>,
                moved: &Moved<'_, B>,
                out: SliceMut<'_, B::Buffer>,
            ) -> Result<()> {
                match self { $(Kind::$name(own) => own.tangent(site, seen, moved, out),)* }
            }

            fn tangent_of_backward<B: Backend>(
                &self,
                site: &Site<'_, B>,
                seen: &Seen<'_, B>,
                back: &Back<'_>,
                turning: Turning<'_, B>,
                visit: &mut Visit<'_, B>,
            ) -> Result<Deltas<B>> {
                match self { $(Kind::$name(own) => own.tangent_of_backward(site, seen, back, turning, visit),)* }
            }

            fn kinks(&self) -> Kinks {
                match self { $(Kind::$name(own) => own.kinks(),)* }
            }

            fn degree(&self, before: &[usize]) -> Option<usize> {
                match self { $(Kind::$name(own) => own.degree(before),)* }
            }

            fn minus_infinity(&self, input: usize) -> MinusInfinity {
                match self { $(Kind::$name(own) => own.minus_infinity(input),)* }
            }

            fn magnitude(&self) -> Magnitude {
                match self { $(Kind::$name(own) => own.magnitude(),)* }
            }

            fn work(&self) -> Work {
                match self { $(Kind::$name(own) => own.work(),)* }
            }
        }
    };
}

primitives! {
    affine::Affine,
    attention::Attention,
    batch_normalize::BatchNormalize,
    convolve::Convolve,
    dropout::Dropout,
    lookup::Lookup,
    mask::Mask,
    matrix_product::MatrixProduct,
    normalize::Normalize,
    parameter::Parameter,
    pointwise::Pointwise,
    pool::Pool,
    product::Product,
    rearrange::Rearrange,
    scale_shift::ScaleShift,
    softmax::Softmax,
    unfold::Unfold,
}
