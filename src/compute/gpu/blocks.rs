//! Operations on arrays that are larger than a binding: cut into blocks of rows that fit.

use super::context::Bound;
use super::numbers::Words;
use super::pipelines::Key;
use super::queue::Dispatch;
use super::{Buffer, GpuBackend, Index};
use crate::compute::{Position, Result, Slice, SliceMut, Weights};
use std::ops::Range;

/// An array of an operation on rows, and how it follows them.
#[derive(Clone, Copy)]
pub(in crate::compute) struct BlockArray<'a> {
    bound: Bound<'a>,
    /// Elements of a group of rows; 0: every row sees the whole array.
    elements: usize,
    /// Rows of a group.
    group: usize,
    /// Rows after which the array begins anew.
    period: usize,
}

impl<'a> BlockArray<'a> {
    /// `elements` a row.
    pub fn rows(bound: Bound<'a>, elements: usize) -> Self {
        Self { bound, elements, group: 1, period: usize::MAX }
    }

    /// The same for all rows.
    pub fn shared(bound: Bound<'a>) -> Self {
        Self { bound, elements: 0, group: 1, period: usize::MAX }
    }

    /// `elements` a row, beginning anew at its end.
    pub fn repeated(bound: Bound<'a>, elements: usize) -> Self {
        Self::cyclic(bound, elements, bound.len / elements.max(1))
    }

    /// `elements` a row, beginning anew after `period` rows.
    pub fn cyclic(bound: Bound<'a>, elements: usize, period: usize) -> Self {
        Self { period: period.max(1), ..Self::rows(bound, elements) }
    }

    /// One element for `group` rows, beginning anew at its end.
    pub fn grouped(bound: Bound<'a>, group: usize) -> Self {
        Self { bound, elements: 1, group: group.max(1), period: (bound.len * group).max(1) }
    }

    /// What a block of rows sees.
    pub fn block(&self, rows: &Range<usize>) -> Bound<'a> {
        if self.elements == 0 {
            return self.bound;
        }
        let first = rows.start % self.period / self.group * self.elements;
        let len = (rows.len().div_ceil(self.group) * self.elements).min(self.bound.len - first);
        self.bound.part(first, len)
    }
}

/// The blocks of an operation on `rows` rows, of about `most` rows at the most: one, where every array fits a binding.
fn row_blocks(arrays: &[BlockArray<'_>], rows: usize, limit: usize, most: usize) -> Vec<Range<usize>> {
    let follows = || arrays.iter().filter(|array| array.elements > 0);
    let fits =
        follows().filter(|array| array.bound.len > limit).map(|array| limit / array.elements * array.group).min();
    let fits = fits.map_or(most, |fits| fits.min(most));
    if fits >= rows {
        return std::iter::once(0..rows).collect();
    }
    let group = follows().map(|array| array.group).max().unwrap_or(1);
    let size = (fits / group * group).max(group);
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < rows {
        let turn = |array: &&BlockArray<'_>| (start / array.period + 1).saturating_mul(array.period);
        let end = follows().map(|array| turn(&array)).min().unwrap_or(rows).min(start + size).min(rows);
        blocks.push(start..end);
        start = end;
    }
    blocks
}

/// A slice as a shader reads it.
pub(in crate::compute) fn read(slice: Slice<'_, Buffer>) -> Bound<'_> {
    Bound { buffer: slice.buffer.raw(), offset: slice.offset, len: slice.len, written: false }
}

/// A slice as a shader writes it.
pub(in crate::compute) fn write<'a>(slice: &'a SliceMut<'_, Buffer>) -> Bound<'a> {
    Bound { buffer: slice.buffer.raw(), offset: slice.offset, len: slice.len, written: true }
}

/// The step of some parameters, and how rows of an operation see them.
pub(in crate::compute) struct Along<'a> {
    pub step: BlockArray<'a>,
    pub tau: BlockArray<'a>,
    pub positions: u32,
    /// How many τ there are; 0 where there is no step.
    pub taus: u32,
}

impl GpuBackend {
    /// What a shader is told of the segment.
    pub(in crate::compute) fn along<'a>(&'a self, weights: &Weights<'a, Buffer>) -> Along<'a> {
        match weights.step {
            None => {
                let nothing = BlockArray::shared(self.nothing());
                Along { step: nothing, tau: nothing, positions: 1, taus: 0 }
            }
            Some((step, Position { tau, positions })) => Along {
                step: BlockArray::shared(read(step)),
                tau: BlockArray::grouped(read(tau), positions),
                positions: positions as u32,
                taus: tau.len as u32,
            },
        }
    }

    /// The blocks of `rows` rows that fit a binding: one, where every array does.
    pub(in crate::compute) fn cuts(&self, arrays: &[BlockArray<'_>], rows: usize) -> Vec<Range<usize>> {
        row_blocks(arrays, rows, self.context.binding, usize::MAX)
    }

    /// As [`cuts`](Self::cuts), of about `most` rows at the most.
    pub(in crate::compute) fn short_cuts(
        &self,
        arrays: &[BlockArray<'_>],
        rows: usize,
        most: usize,
    ) -> Vec<Range<usize>> {
        row_blocks(arrays, rows, self.context.binding, most)
    }

    /// Workgroups of a dispatch at the most.
    pub(in crate::compute) fn most_groups(&self) -> usize {
        (self.context.limits.max_compute_workgroups_per_dimension as usize).pow(2)
    }

    /// Rows of so much work each that a submission may hold.
    pub(in crate::compute) fn rows_of_a_submission(&self, work: f64) -> usize {
        (self.context.most_work / work.max(1.0)) as usize
    }

    /// An operation on each element; `numbers` gives those of a block of a length.
    pub(in crate::compute) fn each<N: Words>(
        &self,
        name: &'static str,
        arrays: &[Bound<'_>],
        numbers: &dyn Fn(usize) -> N,
    ) -> Result<()> {
        let len = arrays.first().map_or(0, |array| array.len);
        let arrays: Vec<BlockArray<'_>> = arrays.iter().map(|&array| BlockArray::rows(array, 1)).collect();
        self.by_rows(name, &arrays, len, 1, &|block| numbers(block.len()))
    }

    /// An operation of one invocation for `width` elements of each row; `numbers` gives those of a block of rows.
    pub(in crate::compute) fn by_rows<N: Words>(
        &self,
        name: &'static str,
        arrays: &[BlockArray<'_>],
        rows: usize,
        width: usize,
        numbers: &dyn Fn(&Range<usize>) -> N,
    ) -> Result<()> {
        for block in self.cuts(arrays, rows) {
            let arrays: Vec<Bound<'_>> = arrays.iter().map(|array| array.block(&block)).collect();
            let len = block.len() * width;
            self.context.dispatch(&Dispatch {
                shader: Key::plain(name),
                arrays: &arrays,
                numbers: numbers(&block).words(),
                groups: len.div_ceil(256),
                work: 20.0 * len as f64,
            })?;
        }
        Ok(())
    }

    /// An index array, whole.
    pub(in crate::compute) fn indices(index: &Index) -> Bound<'_> {
        Bound::whole(&index.buffer)
    }
}
