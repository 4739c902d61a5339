//! The shapes that operations take, one struct an operation.

/// Which way the second factor of a product lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `b` is `[columns, depth]`: `out = a bᵀ`.
    Transposed,
    /// `b` is `[depth, columns]`: `out = a b`.
    Plain,
}

/// What a product is added to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// A constant: the output is overwritten.
    Value(f64),
    /// What the output holds.
    Output,
}

/// A matrix product: `a` is `[rows, depth]`, `out` is `[rows, columns]`.
#[derive(Debug, Clone, Copy)]
pub struct MatMul {
    /// Rows of `a` and of the output.
    pub rows: usize,
    /// Columns of the output.
    pub columns: usize,
    /// The summed dimension.
    pub depth: usize,
    /// How `b` lies.
    pub layout: Layout,
    /// What the product is added to.
    pub start: Start,
}

/// A square window moving over images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Channels of the images.
    pub channels: usize,
    /// Height of the images.
    pub height: usize,
    /// Width of the images.
    pub width: usize,
    /// Side of the window.
    pub kernel: usize,
    /// Step of the window.
    pub stride: usize,
    /// Zeros added on each side.
    pub padding: usize,
}

impl Window {
    /// Height of the output; 0 where the window does not fit.
    pub fn out_height(&self) -> usize {
        steps(self.height, self)
    }

    /// Width of the output; 0 where the window does not fit.
    pub fn out_width(&self) -> usize {
        steps(self.width, self)
    }

    /// Positions of the window.
    pub fn positions(&self) -> usize {
        self.out_height() * self.out_width()
    }

    /// Entries of one patch.
    pub fn patch(&self) -> usize {
        self.channels * self.kernel * self.kernel
    }

    /// Elements of one image.
    pub fn image(&self) -> usize {
        self.channels * self.height * self.width
    }
}

fn steps(side: usize, window: &Window) -> usize {
    (side + 2 * window.padding).checked_sub(window.kernel).map_or(0, |room| room / window.stride.max(1) + 1)
}

/// What a pooling window keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The largest entry, the first in row order of several.
    Max,
    /// The mean.
    Average,
}

/// `batches` matrices of `[rows, columns]`.
#[derive(Debug, Clone, Copy)]
pub struct Transpose {
    /// How many matrices.
    pub batches: usize,
    /// Rows of each input.
    pub rows: usize,
    /// Columns of each input.
    pub columns: usize,
}

/// Gradients of a weight matrix: each output row is `[height, width]`, then `height` bias entries where there is a
/// bias: the layout of the layer's parameters.
#[derive(Debug, Clone, Copy)]
pub struct Outer {
    /// Features of the gradient with respect to the layer's output.
    pub height: usize,
    /// Features of the layer's input.
    pub width: usize,
    /// Positions of each row.
    pub positions: usize,
    /// Whether the layer has a bias.
    pub bias: bool,
}

impl Outer {
    /// Elements of one materialised row.
    pub fn row(&self) -> usize {
        self.height * self.width + if self.bias { self.height } else { 0 }
    }
}

/// The fused product. For `o` in `0..outputs` and `s` in `0..columns`:
///
/// ```text
/// out[o * stride + columns[s]] += scale Σ_r ω_r Σ_{p,p'} G[(g(r), p), (s % examples, p')] Σ_k left[(r,p),k] right[(s,p'),k]
/// ```
///
/// with `r` over the rows of output `first + o` of the map. `left` holds all rows of the map, `right` the columns of
/// this call. Without a Gram matrix `G` is 1; with one it is `[base rows * positions, examples * positions]`.
/// The entries of `columns` are distinct.
#[derive(Debug, Clone, Copy)]
pub struct Gram {
    /// The first output of the map that takes part.
    pub first: usize,
    /// How many outputs take part.
    pub outputs: usize,
    /// How many columns.
    pub columns: usize,
    /// Columns of one copy: column `s` has Gram column `s % examples`.
    pub examples: usize,
    /// Positions of each row, left and right.
    pub positions: usize,
    /// The summed dimension.
    pub depth: usize,
    /// Elements from one output row to the next.
    pub stride: usize,
    /// What the product is multiplied by.
    pub scale: f64,
}

/// The numbers of one step of gradient descent.
#[derive(Debug, Clone, Copy)]
pub struct Sgd {
    /// ε.
    pub learning_rate: f64,
    /// λ, in the gradient.
    pub weight_decay: f64,
}
