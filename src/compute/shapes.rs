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

/// Gradients of a factor for each feature: each output row is `width` of them, then as many of a shift where there is one.
#[derive(Debug, Clone, Copy)]
pub struct OuterDiagonal {
    /// Features.
    pub width: usize,
    /// Positions of each row.
    pub positions: usize,
    /// Whether there is a shift.
    pub shift: bool,
    /// What the rows are added to.
    pub start: Start,
}

impl OuterDiagonal {
    /// Elements of one materialised row.
    pub fn row(&self) -> usize {
        self.width * if self.shift { 2 } else { 1 }
    }
}

/// How rows are normalised: `normal = (x - mean) scale` with `scale = 1/√(mean (x - mean)² + eps)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalize {
    /// Elements of a row.
    pub width: usize,
    /// Whether the mean is that of the row, or 0.
    pub about_mean: bool,
    /// Added to the mean square.
    pub eps: f64,
}

/// Which pairs of output rows an accumulator holds, and how they lie: `[R, n, m]`, `[n, m]`, `[R, n, m]`,
/// `[R, n, C, m]` (the query's output first, then the query, the example's output, the example). A query has R rows, an
/// example C, except that R = C for the trace and the diagonal, and that an example has one row for its loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// Every row of the query with the example's one row.
    Loss,
    /// The mean over equal outputs.
    Trace,
    /// Equal outputs.
    Diagonal,
    /// All pairs of rows.
    Full,
}

impl Entries {
    /// Elements of an accumulator, for `outputs` rows of a query and `copies` of an example.
    pub fn len(&self, outputs: usize, copies: usize, queries: usize, examples: usize) -> usize {
        queries * examples * self.per_pair(outputs, copies)
    }

    /// Elements of one pair of query and example, of `outputs` and `copies` rows.
    pub fn per_pair(&self, outputs: usize, copies: usize) -> usize {
        match self {
            Entries::Trace => 1,
            Entries::Loss | Entries::Diagonal => outputs,
            Entries::Full => outputs.saturating_mul(copies),
        }
    }

    /// Gradient rows of an example, for a network of so many outputs.
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
/// Trace     out[q, columns[i]]          += scale / R    Σ_c v[(c, q), (c, i)]
/// Diagonal  out[(c, q), columns[i]]     += scale w[(c, i)]  v[(c, q), (c, i)]
/// Full      out[(c, q), d, columns[i]]  += scale w[(d, i)]  v[(c, q), (d, i)]
/// ```
///
/// with rows of `stride` elements. `columns` ascend and are below `stride`. The loss takes one copy, the trace and the
/// diagonal as many copies as outputs; a call with others fails.
#[derive(Debug, Clone, Copy)]
pub struct Gram {
    /// Which pairs of rows and columns.
    pub entries: Entries,
    /// R: gradient rows of a query.
    pub outputs: usize,
    /// Gradient rows of an example.
    pub copies: usize,
    /// Queries.
    pub queries: usize,
    /// Examples of this call: columns of one copy.
    pub examples: usize,
    /// Examples of the accumulator.
    pub stride: usize,
    /// Where only one half of a symmetric accumulator is wanted: entries with `columns[i] < first + q` may be left as
    /// they are, or get some of the parts.
    pub triangle: Option<usize>,
}

impl Gram {
    /// Columns: `copies × examples`.
    pub fn columns(&self) -> usize {
        self.copies * self.examples
    }

    /// Elements of an accumulator.
    pub fn len(&self) -> usize {
        self.entries.len(self.outputs, self.copies, self.queries, self.stride)
    }

    /// The copies that the entries ask for.
    pub(crate) fn wanted_copies(&self) -> usize {
        match self.entries {
            Entries::Loss => 1,
            Entries::Trace | Entries::Diagonal => self.outputs,
            Entries::Full => self.copies,
        }
    }

    /// Whether there is nothing to add to.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The numbers of one step of Adam (D. Kingma and J. Ba, 2015) with the first moment's correction in the rate. PyTorch's
/// Adam after t steps has `rate = lr / (1 - β1^t)` and `correction = √(1 - β2^t)`.
#[derive(Debug, Clone, Copy)]
pub struct Adam {
    /// What the step's direction is multiplied by.
    pub rate: f64,
    /// β1 and β2.
    pub betas: [f64; 2],
    /// What the root of the second moment is divided by.
    pub correction: f64,
    /// Added to the corrected root.
    pub eps: f64,
    /// λ, in the gradient.
    pub weight_decay: f64,
    /// What the weights are multiplied by: `1 - lr λ` for AdamW, else 1.
    pub shrink: f64,
}
