//! Attention of some rows, heads and queries: the scores of a tile, and products with them.

use super::Attention;
use crate::compute::op::{BatchMatMul, Center, CenterArrays, Softmax, Strides, Visible};
use crate::compute::{Backend, Result, Slice, SliceMut, Start};
use crate::graph::Draw;
use std::ops::Range;

/// A part of the scores: those of some queries, in some groups of heads, of some base rows.
#[derive(Debug, Clone)]
pub(super) struct Tile {
    pub rows: Range<usize>,
    /// Base rows of all tiles.
    pub base: usize,
    /// Groups of heads that share keys and values.
    pub groups: Range<usize>,
    pub queries: Range<usize>,
}

/// Which rows of an array a tile takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// The base rows.
    Base,
    /// Some copies of them, such as rows of δ: of more than one, where the tile has all base rows.
    Copies { first: usize, count: usize },
}

/// An array of features, for each query or for each key: `width` for each head, heads side by side.
pub(super) struct Features<'a, T> {
    pub values: Slice<'a, T>,
    pub width: usize,
    pub of: Of,
}

impl<T> Clone for Features<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Features<'_, T> {}

/// Scores of a tile, or anything of their shape: `[rows, groups, heads of a group, queries, keys]`.
pub(super) struct Scores<B: Backend> {
    pub values: B::Buffer,
    pub len: usize,
    pub of: Of,
}

impl<B: Backend> Scores<B> {
    pub fn all(&self) -> Slice<'_, B::Buffer> {
        Slice::new(&self.values, 0, self.len)
    }

    pub fn all_mut(&mut self) -> SliceMut<'_, B::Buffer> {
        SliceMut::new(&mut self.values, 0, self.len)
    }
}

/// The softmax of scores, and what dropout leaves of it.
pub(super) struct Weighed<B: Backend> {
    pub softmax: Scores<B>,
    left: Option<Scores<B>>,
}

impl<B: Backend> Weighed<B> {
    pub fn left(&self) -> &Scores<B> {
        self.left.as_ref().unwrap_or(&self.softmax)
    }
}

/// Which array of features a product writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Queries,
    Keys,
}

impl Attention {
    /// The tiles of `base` rows: of as many rows as there is room for, or of one row's heads, or of one head's queries.
    pub(super) fn tiles(&self, base: usize) -> Vec<Tile> {
        let query = self.group * self.keys;
        let group = query * self.queries;
        let room = |each: usize, most: usize| (self.scores / each.max(1)).clamp(1, most.max(1));
        let rows = room(group * self.groups, base);
        let groups = if self.groups * group > self.scores { room(group, self.groups) } else { self.groups };
        let queries = if group > self.scores { room(query, self.queries) } else { self.queries };
        let mut tiles = Vec::new();
        for rows in parts(base, rows) {
            for groups in parts(self.groups, groups) {
                for queries in parts(self.queries, queries) {
                    tiles.push(Tile { rows: rows.clone(), base, groups: groups.clone(), queries });
                }
            }
        }
        tiles
    }
}

/// `count` in parts of `size`.
pub(super) fn parts(count: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(size.max(1)).map(move |start| start..(start + size).min(count))
}

/// A tile at work.
pub(super) struct Work<'a, B: Backend> {
    pub backend: &'a B,
    pub own: &'a Attention,
    pub tile: &'a Tile,
    /// What the rows draw by, in a pass in training.
    pub draw: Option<Draw<'a, B>>,
}

impl<B: Backend> Work<'_, B> {
    /// The copies of the tile's rows that fit at once.
    pub fn copies(&self, copies: usize) -> Vec<Of> {
        let most = if self.tile.rows.len() == self.tile.base { self.own.scores / self.len(Of::Base).max(1) } else { 1 };
        parts(copies, most.max(1)).map(|part| Of::Copies { first: part.start, count: part.len() }).collect()
    }

    pub fn rows(&self, of: Of) -> usize {
        let count = if let Of::Copies { count, .. } = of { count } else { 1 };
        count * self.tile.rows.len()
    }

    /// Scores of a member of each group.
    pub fn square(&self) -> usize {
        self.tile.queries.len() * self.own.keys
    }

    fn len(&self, of: Of) -> usize {
        self.rows(of) * self.tile.groups.len() * self.own.group * self.square()
    }

    /// Room for scores.
    pub fn scores(&self, of: Of) -> Result<Scores<B>> {
        let len = self.len(of);
        Ok(Scores { values: self.backend.scratch(len)?, len, of })
    }

    /// How the scores of one member of each group lie.
    fn scores_lie(&self, of: Of) -> Strides {
        let batch = self.own.group * self.square();
        let row = self.tile.groups.len() * batch;
        Strides { rows: self.rows(of), row, batch, line: self.own.keys, column: 1 }
    }

    /// Where the features of one member of each group begin, and how they lie.
    fn features_lie(&self, side: Side, width: usize, of: Of, member: usize) -> (usize, Strides) {
        let Self { own, tile, .. } = self;
        let (heads, batch, head, first, positions) = match side {
            Side::Queries => {
                let head = tile.groups.start * own.group + member;
                (own.groups * own.group, own.group * width, head, tile.queries.start, own.queries)
            }
            Side::Keys => (own.groups, width, tile.groups.start, 0, own.keys),
        };
        let (line, row) = (heads * width, positions * heads * width);
        let start = self.first_row(of) * row + first * line + head * width;
        (start, Strides { rows: self.rows(of), row, batch, line, column: 1 })
    }

    /// `out = start + scale q kᵀ`, the product of each query's features with each key's.
    pub fn pair(
        &self,
        out: &mut Scores<B>,
        (start, scale): (Start, f64),
        q: Features<'_, B::Buffer>,
        k: Features<'_, B::Buffer>,
    ) -> Result<()> {
        for member in 0..self.own.group {
            let (q_start, q_lies) = self.features_lie(Side::Queries, q.width, q.of, member);
            let (k_start, k_lies) = self.features_lie(Side::Keys, k.width, k.of, member);
            let product = BatchMatMul {
                rows: self.rows(out.of),
                batches: self.tile.groups.len(),
                lines: self.tile.queries.len(),
                columns: self.own.keys,
                depth: q.width,
                scale,
                start,
                out: self.scores_lie(out.of),
                a: q_lies,
                b: k_lies.transposed(),
            };
            let from = member * self.square();
            let part = SliceMut::new(&mut out.values, from, out.len - from);
            self.backend.run(&product, (part, rest(q.values, q_start), rest(k.values, k_start)))?;
        }
        Ok(())
    }

    /// `out = start + scale s x`: of a query the sum of the keys' features with its scores, or of a key that of the queries'.
    pub fn weigh(
        &self,
        (side, out, width): (Side, &mut SliceMut<'_, B::Buffer>, usize),
        (start, scale): (Start, f64),
        s: &Scores<B>,
        x: Features<'_, B::Buffer>,
    ) -> Result<()> {
        let of = if s.of == Of::Base { x.of } else { s.of };
        let scores = self.scores_lie(s.of);
        for member in 0..self.own.group {
            let (other, a, lines, depth) = match side {
                Side::Queries => (Side::Keys, scores, self.tile.queries.len(), self.own.keys),
                Side::Keys => (Side::Queries, scores.transposed(), self.own.keys, self.tile.queries.len()),
            };
            // Keys add up what all members of their group, and all tiles of queries, say.
            let begun = side == Side::Keys && (member > 0 || self.tile.queries.start > 0);
            let (out_start, out_lies) = self.features_lie(side, width, of, member);
            let (x_start, x_lies) = self.features_lie(other, x.width, x.of, member);
            let product = BatchMatMul {
                rows: self.rows(of),
                batches: self.tile.groups.len(),
                lines,
                columns: width,
                depth,
                scale,
                start: if begun { Start::Output } else { start },
                out: out_lies,
                a,
                b: x_lies,
            };
            let from = member * self.square();
            let out = SliceMut::new(&mut *out.buffer, out.offset + out_start, out.len - out_start);
            self.backend.run(&product, (out, s.all().part(from, s.len - from), rest(x.values, x_start)))?;
        }
        Ok(())
    }

    /// The first of the array's rows that belongs to the tile.
    pub fn first_row(&self, of: Of) -> usize {
        let copy = if let Of::Copies { first, .. } = of { first } else { 0 };
        copy * self.tile.base + self.tile.rows.start
    }

    /// What dropout leaves of a softmax, or of what it is multiplied with; `None`: all of it.
    pub fn left(&self, of: &Scores<B>) -> Result<Option<Scores<B>>> {
        let Self { backend, own, tile, draw } = *self;
        let Some(dropped) = own.dropped else { return Ok(None) };
        let mut found = self.scores(of.of)?;
        let (head, heads) = (own.queries * own.keys, tile.groups.len() * own.group);
        let (first, before) = (tile.groups.start * own.group, tile.queries.start * own.keys);
        if tile.queries.len() == own.queries {
            let elements = first * head..(first + heads) * head;
            dropped.run(backend, draw, (&tile.rows, elements), found.all_mut(), of.all())?;
            return Ok(Some(found));
        }
        // Parts of heads do not follow one another.
        let len = self.square();
        for part in 0..of.len / len {
            let start = (first + part % heads) * head + before;
            let out = SliceMut::new(&mut found.values, part * len, len);
            dropped.run(backend, draw, (&tile.rows, start..start + len), out, of.all().part(part * len, len))?;
        }
        Ok(Some(found))
    }

    /// The same, where what there was before is not needed.
    pub fn thinned(&self, scores: Scores<B>) -> Result<Scores<B>> {
        Ok(self.left(&scores)?.unwrap_or(scores))
    }

    /// Softmax over the keys.
    pub fn softmax(&self, scores: &Scores<B>) -> Result<Weighed<B>> {
        let Range { start: first, end } = self.tile.queries;
        let seen = if self.own.causal { Visible::Causal { first, lines: end - first } } else { Visible::All };
        let softmax = Softmax { length: self.own.keys, inner: 1, seen, log: false };
        let mut found = self.scores(scores.of)?;
        self.backend.run(&softmax, (found.all_mut(), scores.all()))?;
        Ok(Weighed { left: self.left(&found)?, softmax: found })
    }

    /// `s ∘ (x - Σ s x)` over the keys: what the derivative of the softmax s makes of x.
    pub fn center(&self, x: &Scores<B>, s: &Scores<B>) -> Result<Scores<B>> {
        let center = Center { length: self.own.keys, inner: 1, own: 1.0, start: Start::Value(0.0) };
        let mut found = self.scores(x.of)?;
        let (u, v) = (Some(s.all()), Some(s.all()));
        self.backend.run(&center, CenterArrays { out: found.all_mut(), h: x.all(), u, v })?;
        Ok(found)
    }
}

/// The array from an element on.
pub(super) fn rest<T>(array: Slice<'_, T>, from: usize) -> Slice<'_, T> {
    array.part(from, array.len - from)
}
