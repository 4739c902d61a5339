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

/// A convolution of some images.
#[derive(Debug, Clone, Copy)]
pub struct Convolution {
    /// The window over the images.
    pub window: Window,
    /// Channels out.
    pub channels: usize,
    /// Images.
    pub rows: usize,
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
    /// What the rows are added to.
    pub start: Start,
}

impl Outer {
    /// Elements of one materialised row.
    pub fn row(&self) -> usize {
        self.height * self.width + if self.bias { self.height } else { 0 }
    }
}

/// Gradients of a scale and a shift: each output row is `[2, width]`.
#[derive(Debug, Clone, Copy)]
pub struct OuterDiagonal {
    /// Features.
    pub width: usize,
    /// Positions of each row.
    pub positions: usize,
    /// What the rows are added to.
    pub start: Start,
}

/// Which pairs of output rows an accumulator holds, and how they lie: `[C, n, m]`, `[n, m]`, `[C, n, m]`,
/// `[C, n, C, m]` (the query's output first, then the query, the example's output, the example).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// Every output of the query with the example's one row.
    Loss,
    /// The mean over equal outputs.
    Trace,
    /// Equal outputs.
    Diagonal,
    /// All pairs of outputs.
    Full,
}

impl Entries {
    /// Elements of an accumulator.
    pub fn len(&self, outputs: usize, queries: usize, examples: usize) -> usize {
        queries * examples * self.per_pair(outputs)
    }

    /// Elements of one pair of query and example.
    pub fn per_pair(&self, outputs: usize) -> usize {
        match self {
            Entries::Trace => 1,
            Entries::Loss | Entries::Diagonal => outputs,
            Entries::Full => outputs.saturating_mul(outputs),
        }
    }

    /// Gradient rows of an example.
    pub fn copies(&self, outputs: usize) -> usize {
        if *self == Entries::Loss { 1 } else { outputs }
    }
}

/// The fused product: the sum of all parts of a contraction, added to accumulators in one pass.
///
/// With rows `(c, q)` of `outputs × queries` and columns `(d, i)` of `copies × examples`, each part gives a value
/// `v[(c, q), (d, i)]`; see [`Part`](super::Part). Their sum goes to the entries that [`Entries`] names:
///
/// ```text
/// Loss      out[(c, q), columns[i]]     += scale            v[(c, q), i]
/// Trace     out[q, columns[i]]          += scale / C    Σ_c v[(c, q), (c, i)]
/// Diagonal  out[(c, q), columns[i]]     += scale w[(c, i)]  v[(c, q), (c, i)]
/// Full      out[(c, q), d, columns[i]]  += scale w[(d, i)]  v[(c, q), (d, i)]
/// ```
///
/// with rows of `stride` elements. `columns` ascend and are below `stride`.
#[derive(Debug, Clone, Copy)]
pub struct Gram {
    /// Which pairs of rows and columns.
    pub entries: Entries,
    /// C.
    pub outputs: usize,
    /// Queries.
    pub queries: usize,
    /// Examples of this call: columns of one copy.
    pub examples: usize,
    /// Examples of the accumulator.
    pub stride: usize,
    /// Where only one half of a symmetric accumulator is wanted: entries with `columns[i] < first + q` may be left as
    /// they are.
    pub triangle: Option<usize>,
}

impl Gram {
    /// Columns: `copies × examples`.
    pub fn columns(&self) -> usize {
        self.entries.copies(self.outputs) * self.examples
    }

    /// Elements of an accumulator.
    pub fn len(&self) -> usize {
        self.entries.len(self.outputs, self.queries, self.stride)
    }

    /// Whether there is nothing to add to.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The numbers of one step of gradient descent.
#[derive(Debug, Clone, Copy)]
pub struct Sgd {
    /// ε.
    pub learning_rate: f64,
    /// λ, in the gradient.
    pub weight_decay: f64,
}
