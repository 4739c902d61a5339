//! What the passes over a graph tell a node, and what it tells them.

use crate::compute::{Backend, BackendError, Result, Slice, SliceMut, Weights};
use crate::graph::{Draw, Factor, Segment, Structure};

/// Shows the factors of a gradient to whoever asked for it.
pub type Visit<'v, B> = dyn FnMut(Factor<'_, <B as Backend>::Buffer>) -> Result<()> + 'v;
/// One δ for each input; `None` where none is wanted.
pub type Deltas<B> = Vec<Option<<B as Backend>::Buffer>>;

/// Where a node's parameters lie; zeros for one that has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// The block, among those of its kind.
    pub block: usize,
    /// Whether the block is a held one.
    pub held: bool,
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
    /// What they draw by, in a pass in training.
    pub draw: Option<Draw<'a, B>>,
}

impl<'a, B: Backend> Site<'a, B> {
    /// `len` of the node's parameters from one on, for rows of which `positions` belong to one base row.
    pub(super) fn weights(&self, from: usize, len: usize, positions: usize) -> Weights<'a, B::Buffer> {
        self.segment.part(self.used.offset + from, len, positions)
    }

    /// The same at other weights.
    pub(crate) fn at<'b>(&'b self, weights: &'b B::Buffer) -> Site<'b, B> {
        let Self { backend, used, rows, draw, .. } = *self;
        Site { backend, segment: Segment::at(weights), used, rows, draw }
    }

    /// The factors of its parameters' gradient.
    pub(super) fn factor<'f>(
        &self,
        structure: Structure,
        (delta, len): (B::Buffer, usize),
        input: Slice<'f, B::Buffer>,
    ) -> Factor<'f, B::Buffer> {
        let Used { block, held, place, .. } = self.used;
        Factor { block, held, place, structure, delta, len, pooled: None, input }
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
    pub(super) fn input(&self) -> Result<Slice<'p, B::Buffer>> {
        first(&self.inputs)
    }

    /// What it saved first, of `len` elements.
    ///
    /// # Errors
    ///
    /// It saved nothing.
    pub(super) fn saved(&self, len: usize) -> Result<Slice<'p, B::Buffer>> {
        let saved = self.saved.first().ok_or_else(|| BackendError::Invalid("a node that saved nothing".into()))?;
        Ok(Slice::new(saved, 0, len))
    }

    /// What the factors of its parameters take, of `len` elements; see [`Primitive::forward`].
    pub(in crate::graph) fn factor_input(&self, len: usize) -> Slice<'p, B::Buffer> {
        match self.saved.first() {
            Some(saved) => Slice::new(saved, 0, len),
            None => self.inputs.first().unwrap_or(&self.value).part(0, len),
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
    pub(super) fn wants_input(&self) -> bool {
        self.wanted.first().copied().unwrap_or(false)
    }

    /// The δ of a node with one input, made where it is wanted.
    pub(super) fn to_input<T>(&self, make: impl FnOnce() -> Result<T>) -> Result<Vec<Option<T>>> {
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
    pub(super) fn slope(&self) -> Option<Slice<'a, B::Buffer>> {
        self.slopes.first().copied().flatten()
    }

    /// The derivatives of the first input of a node without parameters, which is called only where there are some.
    pub(super) fn only_slope(&self) -> Result<Slice<'a, B::Buffer>> {
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
    pub(super) fn slope(&self) -> Option<Slice<'a, B::Buffer>> {
        self.slopes.first().copied().flatten()
    }

    /// The change of δ.
    pub(super) fn change(&self) -> Slice<'_, B::Buffer> {
        Slice::new(&self.change, 0, self.delta.len)
    }

    /// Shows the factors of the change of a gradient that is bilinear in δ and the input x: of (δ, ẋ), which leaves a bias
    /// as it is, and of the change of δ with x.
    pub(super) fn show(
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
pub(super) fn plus<B: Backend>(backend: &B, mut a: B::Buffer, b: &B::Buffer, len: usize) -> Result<B::Buffer> {
    backend.axpy(SliceMut::new(&mut a, 0, len), 1.0, Slice::new(b, 0, len))?;
    Ok(a)
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

pub(super) fn first<'p, T>(inputs: &[Slice<'p, T>]) -> Result<Slice<'p, T>> {
    inputs.first().copied().ok_or_else(|| BackendError::Invalid("a node without inputs".into()))
}
