/*!
What graphs are made of: one primitive a file, with everything that the engine asks of it.

A primitive is built of the shapes of its inputs, so that a value knows its own sizes. To add one: its file, which implements
[`Primitive`], and its line in the list below. Layers (`layer/`) lower into primitives.
*/

mod add;
mod affine;
mod convolve;
mod matrix;
mod normalize;
mod pointwise;
mod pool;
mod reshape;
mod scale_shift;

pub use add::Add;
pub use affine::Affine;
pub use convolve::Convolve;
pub use normalize::Normalize;
pub use pointwise::Pointwise;
pub use pool::Pool;
pub use reshape::Reshape;
pub use scale_shift::ScaleShift;

use super::build::elements;
use super::{Factor, Initial, Segment, Structure};
use crate::compute::{Backend, BackendError, Result, Slice, SliceMut, Weights, Window};

/// Shows the factors of a gradient to whoever asked for it.
pub type Visit<'v, B> = dyn FnMut(Factor<'_, <B as Backend>::Buffer>) -> Result<()> + 'v;
/// One δ for each input; `None` where none is wanted.
pub type Deltas<B> = Vec<Option<<B as Backend>::Buffer>>;

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

    /// Between kinks, its degree as a polynomial in τ where its inputs are of degree `before` and its parameters of degree 1;
    /// `None` where it is no polynomial.
    fn degree(&self, before: usize) -> Option<usize>;

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
}

impl Built {
    /// Of a primitive without parameters.
    fn plain(inputs: Vec<usize>, shape: &[usize]) -> Self {
        Self { inputs, shape: shape.to_vec(), parameters: None, aliases: false }
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
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Its name within the layer, such as `weight`.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How it is drawn.
    pub initial: Initial,
}

/// Where a node's parameters lie; zeros for one that has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// The block.
    pub block: usize,
    /// Which of its uses.
    pub place: usize,
    /// The first element in the flat vector.
    pub offset: usize,
}

/// What every pass over a node works with.
pub struct Site<'a, B: Backend> {
    /// The device.
    pub backend: &'a B,
    /// The weights.
    pub segment: Segment<'a, B::Buffer>,
    /// Where the node's own lie.
    pub used: Used,
    /// Base rows.
    pub rows: usize,
}

impl<'a, B: Backend> Site<'a, B> {
    /// `len` of the node's parameters from one on, for rows of which `positions` belong to one base row.
    fn weights(&self, from: usize, len: usize, positions: usize) -> Weights<'a, B::Buffer> {
        self.segment.part(self.used.offset + from, len, positions)
    }

    /// The same at other weights.
    pub(crate) fn at<'b>(&'b self, weights: &'b B::Buffer) -> Site<'b, B> {
        Site { backend: self.backend, segment: Segment::at(weights), used: self.used, rows: self.rows }
    }

    /// The factors of its parameters' gradient.
    fn factor<'f>(
        &self,
        structure: Structure,
        (delta, len): (B::Buffer, usize),
        input: Slice<'f, B::Buffer>,
    ) -> Factor<'f, B::Buffer> {
        let Used { block, place, .. } = self.used;
        Factor { block, place, structure, delta, len, input }
    }
}

/// What a forward pass left at a node.
pub struct Seen<'p, B: Backend> {
    /// The values of its inputs.
    pub inputs: Vec<Slice<'p, B::Buffer>>,
    /// Its own value.
    pub value: Slice<'p, B::Buffer>,
    /// What it saved.
    pub saved: &'p [B::Buffer],
}

impl<'p, B: Backend> Seen<'p, B> {
    /// The first input.
    ///
    /// # Errors
    ///
    /// There is none.
    fn input(&self) -> Result<Slice<'p, B::Buffer>> {
        first(&self.inputs)
    }

    /// What it saved first, of `len` elements.
    ///
    /// # Errors
    ///
    /// It saved nothing.
    fn saved(&self, len: usize) -> Result<Slice<'p, B::Buffer>> {
        let saved = self.saved.first().ok_or_else(|| BackendError::Invalid("a node that saved nothing".into()))?;
        Ok(Slice::new(saved, 0, len))
    }

    /// What the factors of its parameters take, of `len` elements; see [`Primitive::forward`].
    pub(super) fn factor_input(&self, len: usize) -> Slice<'p, B::Buffer> {
        match self.saved.first() {
            Some(saved) => Slice::new(saved, 0, len),
            None => self.inputs.first().map_or(self.value, |input| input.part(0, len)),
        }
    }
}

/// What a backward pass asks of a node.
pub struct Back<'a> {
    /// Rows of each base row.
    pub copies: usize,
    /// Which inputs depend on parameters.
    pub wanted: &'a [bool],
}

impl Back<'_> {
    /// Whether the first input does.
    fn wants_input(&self) -> bool {
        self.wanted.first().copied().unwrap_or(false)
    }

    /// The δ of a node with one input, made where it is wanted.
    fn to_input<T>(&self, make: impl FnOnce() -> Result<T>) -> Result<Vec<Option<T>>> {
        Ok(vec![self.wants_input().then(make).transpose()?])
    }
}

/// How the weights and a node's inputs move.
pub struct Moved<'a, B: Backend> {
    /// The directions, flat vectors like the parameters.
    pub directions: &'a [&'a B::Buffer],
    /// The derivatives of each input, `[directions * rows, …]`; `None` where it depends on no parameter.
    pub slopes: &'a [Option<Slice<'a, B::Buffer>>],
}

impl<'a, B: Backend> Moved<'a, B> {
    /// The derivatives of the first input.
    fn slope(&self) -> Option<Slice<'a, B::Buffer>> {
        self.slopes.first().copied().flatten()
    }

    /// The derivatives of the first input of a node without parameters, which is called only where there are some.
    fn only_slope(&self) -> Result<Slice<'a, B::Buffer>> {
        self.slope().ok_or_else(|| BackendError::Invalid("a node that does not move has no derivative".into()))
    }
}

/// A backward pass that changes as the weights move along one direction.
pub struct Turning<'a, B: Backend> {
    /// The direction.
    pub direction: &'a B::Buffer,
    /// The derivatives of each input, `[rows, …]`; `None` where it depends on no parameter.
    pub slopes: &'a [Option<Slice<'a, B::Buffer>>],
    /// δ, `[copies * rows, …]`.
    pub delta: Slice<'a, B::Buffer>,
    /// Its change, of the same shape.
    pub change: B::Buffer,
}

impl<'a, B: Backend> Turning<'a, B> {
    /// The derivatives of the first input.
    fn slope(&self) -> Option<Slice<'a, B::Buffer>> {
        self.slopes.first().copied().flatten()
    }

    /// The change of δ.
    fn change(&self) -> Slice<'_, B::Buffer> {
        Slice::new(&self.change, 0, self.delta.len)
    }

    /// Shows the factors of the change of a gradient that is bilinear in δ and the input x: of (δ, ẋ), which leaves a bias
    /// as it is, and of the change of δ with x.
    fn show(
        self,
        site: &Site<'_, B>,
        structure: Structure,
        x: Slice<'_, B::Buffer>,
        visit: &mut Visit<'_, B>,
    ) -> Result<()> {
        let len = self.delta.len;
        if let Some(slope) = self.slope() {
            let delta = site.backend.copied(self.delta)?;
            visit(site.factor(structure.bare(), (delta, len), slope))?;
        }
        visit(site.factor(structure, (self.change, len), x))
    }
}

/// `a += b`, of `len` elements.
fn plus<B: Backend>(backend: &B, mut a: B::Buffer, b: &B::Buffer, len: usize) -> Result<B::Buffer> {
    backend.axpy(SliceMut::new(&mut a, 0, len), 1.0, Slice::new(b, 0, len))?;
    Ok(a)
}

/// Where a function of a value is not smooth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kinks {
    /// Nowhere.
    Nowhere,
    /// Where an element of the first input is one of these numbers.
    Elements(&'static [f64]),
    /// Where another entry of a window of the first input becomes the largest.
    Windows(Window),
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

/// A new array of `len` elements, filled by `write`.
///
/// # Errors
///
/// The device has no room, or what `write` says.
pub(crate) fn fresh<B: Backend>(
    backend: &B,
    len: usize,
    write: impl FnOnce(SliceMut<'_, B::Buffer>) -> Result<()>,
) -> Result<B::Buffer> {
    let mut buffer = backend.scratch(len)?;
    write(SliceMut::new(&mut buffer, 0, len))?;
    Ok(buffer)
}

fn first<'p, T>(inputs: &[Slice<'p, T>]) -> Result<Slice<'p, T>> {
    inputs.first().copied().ok_or_else(|| BackendError::Invalid("a node without inputs".into()))
}

/// Elements of a shape that the graph has counted before.
fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// The length of the last axis, and the product of those before it.
fn last_axis(shape: &[usize]) -> (usize, usize) {
    let width = shape.last().copied().unwrap_or(1);
    (width, count(shape) / width.max(1))
}

/// A square window over images of some shape.
fn window(shape: &[usize], kernel: usize, stride: usize, padding: usize) -> std::result::Result<Window, String> {
    let &[channels, height, width] = shape else {
        return Err(format!("the input has shape {shape:?}; images are [channels, height, width]"));
    };
    let window = Window { channels, height, width, kernel, stride, padding };
    if window.out_height() == 0 || window.out_width() == 0 {
        return Err(format!(
            "a window of {kernel} x {kernel} does not fit an image of {height} x {width} with padding {padding}; \
             make it smaller or drop the layer"
        ));
    }
    // What a convolution unfolds its image to.
    elements(&[channels, kernel, kernel, window.out_height(), window.out_width()])?;
    Ok(window)
}

/// Makes one type of all primitives, which hands every question on.
macro_rules! primitives {
    ($($name:ident),* $(,)?) => {
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

            fn degree(&self, before: usize) -> Option<usize> {
                match self { $(Kind::$name(own) => own.degree(before),)* }
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

primitives! { Add, Affine, Convolve, Normalize, Pointwise, Pool, Reshape, ScaleShift }
