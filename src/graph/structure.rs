//! How the gradients of parameters factor.

/// How a gradient row of one use of parameters is made of two factors: δ of the row, and the input of its base row.
///
/// What each contraction does with a structure is in `tangent/structure.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// `Σ_p δ_p ⊗ x_p`, then of a bias `Σ_p δ_p`.
    Outer(Matrix),
    /// `Σ_p δ_p ∘ x_p`, then of a shift `Σ_p δ_p`.
    Diagonal(Diagonal),
    /// `Σ_p e_{t_p} ⊗ δ_p`, where e_t is a unit vector: the inputs are tokens, which name rows of a table.
    Rows(Table),
    /// δ itself, of so many entries: the parameters are the value. There is no input.
    Dense(usize),
}

/// A weight matrix that maps rows of `width` features to rows of `height`, and a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matrix {
    /// Features out.
    pub height: usize,
    /// Features in.
    pub width: usize,
    /// Rows of one example that share the matrix.
    pub positions: usize,
    /// Whether there is a bias.
    pub bias: bool,
}

/// A factor, and perhaps a shift, for each of `width` features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diagonal {
    /// Features.
    pub width: usize,
    /// Rows of one example that share the factors.
    pub positions: usize,
    /// Whether there is a shift.
    pub shift: bool,
}

/// A table of rows of `width` features, of which each position of an example names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Rows.
    pub count: usize,
    /// Features of a row.
    pub width: usize,
    /// Tokens of one example.
    pub positions: usize,
    /// A row that no loss is derived by: the gradients of examples, and so those of training, are 0 there.
    pub padding: Option<usize>,
}

impl Structure {
    /// The row of a table whose uses have no gradient.
    pub(crate) fn padding(&self) -> Option<usize> {
        if let Structure::Rows(table) = self { table.padding } else { None }
    }

    /// The same with all rows of a table in the gradient.
    pub(crate) fn unpadded(self) -> Self {
        match self {
            Structure::Rows(table) => Structure::Rows(Table { padding: None, ..table }),
            other => other,
        }
    }

    /// Entries of a gradient row, in the order of the parameters.
    pub fn len(&self) -> usize {
        match self {
            Structure::Outer(Matrix { height, width, bias, .. }) => height * (width + usize::from(*bias)),
            Structure::Diagonal(Diagonal { width, shift, .. }) => width * (1 + usize::from(*shift)),
            Structure::Rows(Table { count, width, .. }) => count * width,
            Structure::Dense(len) => *len,
        }
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows of one example that share the parameters.
    pub fn positions(&self) -> usize {
        match self {
            Structure::Outer(Matrix { positions, .. })
            | Structure::Diagonal(Diagonal { positions, .. })
            | Structure::Rows(Table { positions, .. }) => *positions,
            Structure::Dense(_) => 1,
        }
    }

    /// Products and sums that make up a gradient row.
    pub fn formed(&self) -> usize {
        match self {
            Structure::Outer(_) | Structure::Diagonal(_) | Structure::Dense(_) => self.len() * self.positions(),
            Structure::Rows(_) => self.delta_len(),
        }
    }

    /// Entries of a gradient row that may not be zero, at the most.
    pub fn filled(&self) -> usize {
        self.len().min(self.formed())
    }

    /// Elements of one row's δ, of every position.
    pub fn delta_len(&self) -> usize {
        match self {
            Structure::Outer(Matrix { height, positions, .. }) => positions * height,
            Structure::Diagonal(Diagonal { width, positions, .. })
            | Structure::Rows(Table { width, positions, .. }) => positions * width,
            Structure::Dense(len) => *len,
        }
    }

    /// Elements of one base row's input, of every position.
    pub fn input_len(&self) -> usize {
        match self {
            Structure::Outer(Matrix { width, positions, .. })
            | Structure::Diagonal(Diagonal { width, positions, .. }) => positions * width,
            Structure::Rows(Table { positions, .. }) => *positions,
            Structure::Dense(_) => 0,
        }
    }

    /// The same without the bias or shift.
    pub(super) fn bare(self) -> Self {
        match self {
            Structure::Outer(matrix) => Structure::Outer(Matrix { bias: false, ..matrix }),
            Structure::Diagonal(diagonal) => Structure::Diagonal(Diagonal { shift: false, ..diagonal }),
            Structure::Rows(_) | Structure::Dense(_) => self,
        }
    }
}
