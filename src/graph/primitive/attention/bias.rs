//! What is added to the scores of attention: a mask for all heads, or one for each.

use super::tile::{Of, Scores, Work, rest};
use crate::compute::op::{BatchMatMul, Strides};
use crate::compute::{Backend, Result, Slice, SliceMut, Start};
use crate::graph::primitive::site::fresh;

/// The same number everywhere.
const ONE: Strides = Strides { rows: 1, row: 0, batch: 0, line: 0, column: 0 };

impl<B: Backend> Work<'_, B> {
    /// `scores = start + mask`, of the tile's heads and queries.
    pub fn add_mask(
        &self,
        scores: &mut Scores<B>,
        start: Start,
        (mask, of): (Slice<'_, B::Buffer>, Of),
    ) -> Result<()> {
        let (from, lies) = self.mask_lies(of);
        let product = BatchMatMul {
            rows: self.rows(scores.of),
            batches: self.heads(),
            depth: 1,
            start,
            out: self.heads_lie(scores.of),
            b: lies,
            ..self.all_scores()
        };
        let one = self.one()?;
        self.backend.run(&product, (scores.all_mut(), Slice::new(&one, 0, 1), rest(mask, from)))
    }

    /// The δ of the mask: the scores', added up where one mask is for all heads.
    pub fn mask_delta(&self, out: &mut SliceMut<'_, B::Buffer>, scores: &Scores<B>) -> Result<()> {
        let (from, lies) = self.mask_lies(scores.of);
        let shared = self.own.masks == 1;
        let begun = shared && self.tile.groups.start > 0;
        let product = BatchMatMul {
            rows: self.rows(scores.of),
            batches: if shared { 1 } else { self.heads() },
            depth: if shared { self.heads() } else { 1 },
            start: if begun { Start::Output } else { Start::Value(0.0) },
            out: lies,
            b: self.heads_lie(scores.of),
            ..self.all_scores()
        };
        let one = self.one()?;
        let out = SliceMut::new(&mut *out.buffer, out.offset + from, out.len - from);
        self.backend.run(&product, (out, Slice::new(&one, 0, 1), scores.all()))
    }

    /// A product with 1 that goes over all scores of a head as one line.
    fn all_scores(&self) -> BatchMatMul {
        BatchMatMul {
            rows: 1,
            batches: 1,
            lines: 1,
            columns: self.square(),
            depth: 1,
            scale: 1.0,
            start: Start::Output,
            out: ONE,
            a: ONE,
            b: ONE,
        }
    }

    fn one(&self) -> Result<B::Buffer> {
        fresh(self.backend, 1, |out| self.backend.fill(out, 1.0))
    }

    /// Heads of the tile.
    fn heads(&self) -> usize {
        self.tile.groups.len() * self.own.group
    }

    /// How the scores lie, the heads of all groups one after the other.
    fn heads_lie(&self, of: Of) -> Strides {
        let square = self.square();
        Strides { rows: self.rows(of), row: self.heads() * square, batch: square, line: square, column: 1 }
    }

    /// Where the masks of the tile's heads begin, and how they lie.
    fn mask_lies(&self, of: Of) -> (usize, Strides) {
        let head = self.own.queries * self.own.keys;
        let batch = if self.own.masks == 1 { 0 } else { head };
        let row = self.own.mask_len();
        let first = self.tile.groups.start * self.own.group * batch + self.tile.queries.start * self.own.keys;
        (self.first_row(of) * row + first, Strides { rows: self.rows(of), row, batch, line: head, column: 1 })
    }
}
