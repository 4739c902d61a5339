//! What each pass does with a tile.

use super::tile::{Features, Of, Scores, Side, Weighed, Work};
use crate::compute::{Backend, Result, Slice, SliceMut, Start};
use crate::graph::primitive::softmax::add_turn;

/// Queries, keys, values and the mask.
pub(super) struct Inputs<'a, T> {
    pub q: Features<'a, T>,
    pub k: Features<'a, T>,
    pub v: Features<'a, T>,
    pub mask: Option<Slice<'a, T>>,
}

/// Their derivatives along directions, or along one; `None` where there is none.
pub(super) struct Slopes<'a, T> {
    pub q: Option<Features<'a, T>>,
    pub k: Option<Features<'a, T>>,
    pub v: Option<Features<'a, T>>,
    pub mask: Option<Slice<'a, T>>,
    pub of: Of,
}

/// Where the δ of the inputs are written; `None` where none is wanted.
pub(super) struct Found<'a, B: Backend> {
    pub q: Option<SliceMut<'a, B::Buffer>>,
    pub k: Option<SliceMut<'a, B::Buffer>>,
    pub v: Option<SliceMut<'a, B::Buffer>>,
    pub mask: Option<SliceMut<'a, B::Buffer>>,
}

/// A product as it is.
pub(super) const PRODUCT: (Start, f64) = (Start::Value(0.0), 1.0);
/// A product that is added.
const MORE: (Start, f64) = (Start::Output, 1.0);

impl<B: Backend> Work<'_, B> {
    /// s, the softmax of the scores.
    pub fn weights(&self, inputs: &Inputs<'_, B::Buffer>) -> Result<Weighed<B>> {
        let mut scores = self.scores(Of::Base)?;
        if let Some(mask) = inputs.mask {
            self.add_mask(&mut scores, Start::Value(0.0), (mask, Of::Base))?;
        }
        let start = if inputs.mask.is_some() { Start::Output } else { Start::Value(0.0) };
        self.pair(&mut scores, (start, self.own.scale), inputs.q, inputs.k)?;
        self.softmax(&scores)
    }

    /// The derivatives of the scores; `None` where only the values move.
    pub fn moved(
        &self,
        inputs: &Inputs<'_, B::Buffer>,
        slopes: &Slopes<'_, B::Buffer>,
    ) -> Result<Option<Scores<B>>> {
        let mut scores = self.scores(slopes.of)?;
        let mut start = Start::Value(0.0);
        let pairs = [slopes.q.map(|q| (q, inputs.k)), slopes.k.map(|k| (inputs.q, k))];
        for (q, k) in pairs.into_iter().flatten() {
            self.pair(&mut scores, (start, self.own.scale), q, k)?;
            start = Start::Output;
        }
        if let Some(mask) = slopes.mask {
            self.add_mask(&mut scores, start, (mask, slopes.of))?;
            start = Start::Output;
        }
        Ok((start == Start::Output).then_some(scores))
    }

    /// `ṡ v + s v̇`, with what dropout leaves of both.
    pub fn tangent(
        &self,
        inputs: &Inputs<'_, B::Buffer>,
        weights: &Weighed<B>,
        slopes: &Slopes<'_, B::Buffer>,
        out: &mut SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let mut product = PRODUCT;
        if let Some(moved) = self.moved(inputs, slopes)? {
            let change = self.thinned(self.center(&moved, &weights.softmax)?)?;
            self.weigh((Side::Queries, &mut *out, inputs.v.width), product, &change, inputs.v)?;
            product = MORE;
        }
        match slopes.v {
            Some(v) => self.weigh((Side::Queries, out, v.width), product, weights.left(), v),
            None => Ok(()),
        }
    }

    /// `sᵀ δ` for the values, with what dropout leaves of s; with `g = s ∘ (δ vᵀ - Σ s δ vᵀ)`, and what it leaves of `δ vᵀ`, `g k`
    /// for the queries and `gᵀ q` for the keys.
    pub fn backward(
        &self,
        inputs: &Inputs<'_, B::Buffer>,
        weights: &Weighed<B>,
        delta: Features<'_, B::Buffer>,
        found: &mut Found<'_, B>,
    ) -> Result<()> {
        if let Some(v) = &mut found.v {
            self.weigh((Side::Keys, v, delta.width), PRODUCT, weights.left(), delta)?;
        }
        if found.scores_are_wanted() {
            let met = self.thinned(self.paired(delta, inputs.v)?)?;
            let through = self.center(&met, &weights.softmax)?;
            self.hand_on(inputs, &through, found)?;
        }
        Ok(())
    }

    /// How all of that changes as s, the inputs, and δ do.
    pub fn turn(
        &self,
        (inputs, slopes): (&Inputs<'_, B::Buffer>, &Slopes<'_, B::Buffer>),
        (weights, change): (&Weighed<B>, Option<&Scores<B>>),
        (delta, turned): (Features<'_, B::Buffer>, Features<'_, B::Buffer>),
        found: &mut Found<'_, B>,
    ) -> Result<()> {
        if let Some(v) = &mut found.v {
            self.weigh((Side::Keys, &mut *v, delta.width), PRODUCT, weights.left(), turned)?;
            if let Some(change) = change {
                let left = self.left(change)?;
                self.weigh((Side::Keys, v, delta.width), MORE, left.as_ref().unwrap_or(change), delta)?;
            }
        }
        if !found.scores_are_wanted() {
            return Ok(());
        }
        let met = self.thinned(self.paired(delta, inputs.v)?)?;
        let mut turn = self.paired(turned, inputs.v)?;
        if let Some(v) = slopes.v {
            self.pair(&mut turn, MORE, delta, v)?;
        }
        let mut turn = self.center(&self.thinned(turn)?, &weights.softmax)?;
        if let Some(change) = change {
            let softmax = (weights.softmax.all(), change.all());
            add_turn(self.backend, self.own.sums(), softmax, met.all(), &mut turn.values)?;
        }
        self.hand_on(inputs, &turn, found)?;
        let (through, more) = (self.center(&met, &weights.softmax)?, (Start::Output, self.own.scale));
        if let (Some(out), Some(k)) = (&mut found.q, slopes.k) {
            self.weigh((Side::Queries, out, k.width), more, &through, k)?;
        }
        if let (Some(out), Some(q)) = (&mut found.k, slopes.q) {
            self.weigh((Side::Keys, out, q.width), more, &through, q)?;
        }
        Ok(())
    }

    /// `q kᵀ`, of the rows of q.
    fn paired(&self, q: Features<'_, B::Buffer>, k: Features<'_, B::Buffer>) -> Result<Scores<B>> {
        let mut scores = self.scores(q.of)?;
        self.pair(&mut scores, PRODUCT, q, k)?;
        Ok(scores)
    }

    /// From the δ of the scores those of queries, keys and mask.
    fn hand_on(
        &self,
        inputs: &Inputs<'_, B::Buffer>,
        through: &Scores<B>,
        found: &mut Found<'_, B>,
    ) -> Result<()> {
        let (product, width) = ((Start::Value(0.0), self.own.scale), self.own.width);
        if let Some(q) = &mut found.q {
            self.weigh((Side::Queries, q, width), product, through, inputs.k)?;
        }
        if let Some(k) = &mut found.k {
            self.weigh((Side::Keys, k, width), product, through, inputs.q)?;
        }
        match &mut found.mask {
            Some(mask) => self.mask_delta(mask, through),
            None => Ok(()),
        }
    }
}

impl<B: Backend> Found<'_, B> {
    /// Whether any δ passes through the scores.
    fn scores_are_wanted(&self) -> bool {
        self.q.is_some() || self.k.is_some() || self.mask.is_some()
    }
}
