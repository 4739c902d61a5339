//! Parts of buffers, and parameters on a segment of weights.

/// A read-only part of a buffer, in elements.
#[derive(Debug)]
pub struct Slice<'a, T> {
    /// The buffer it lies in.
    pub buffer: &'a T,
    /// Its first element.
    pub offset: usize,
    /// How many elements.
    pub len: usize,
}

impl<T> Clone for Slice<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Slice<'_, T> {}

impl<'a, T> Slice<'a, T> {
    /// The part of `buffer` of `len` elements that starts at `offset`.
    pub fn new(buffer: &'a T, offset: usize, len: usize) -> Self {
        Self { buffer, offset, len }
    }

    /// A part of this part.
    pub fn part(&self, offset: usize, len: usize) -> Slice<'a, T> {
        Slice { buffer: self.buffer, offset: self.offset + offset, len }
    }
}

/// A writable part of a buffer, in elements.
#[derive(Debug)]
pub struct SliceMut<'a, T> {
    /// The buffer it lies in.
    pub buffer: &'a mut T,
    /// Its first element.
    pub offset: usize,
    /// How many elements.
    pub len: usize,
}

impl<'a, T> SliceMut<'a, T> {
    /// The part of `buffer` of `len` elements that starts at `offset`.
    pub fn new(buffer: &'a mut T, offset: usize, len: usize) -> Self {
        Self { buffer, offset, len }
    }
}

/// Where rows sit on the segment of weights `w + τ Δw`: row `r` of an operation uses
/// `tau[(r / positions) % tau.len]`.
#[derive(Debug)]
pub struct Position<'a, T> {
    /// τ of each base row.
    pub tau: Slice<'a, T>,
    /// How many consecutive rows of the operation share one τ.
    pub positions: usize,
}

impl<T> Clone for Position<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Position<'_, T> {}

/// Parameters of a layer, at `w` or, with a `step`, at each row's own `w + τ Δw`.
#[derive(Debug)]
pub struct Weights<'a, T> {
    /// The values at the start of the segment.
    pub start: Slice<'a, T>,
    /// The change over the segment, and where each row sits on it.
    pub step: Option<(Slice<'a, T>, Position<'a, T>)>,
}

impl<T> Clone for Weights<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Weights<'_, T> {}
