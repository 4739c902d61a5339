/*!
Attention: each query's average of the values, weighted by the softmax of its products with the keys.

Its scores, a number for each pair of a query and a key, are never held for all rows: they are computed tile by tile
(`tile.rs`), once more in each pass, and nothing but the value is kept.
*/

mod bias;
mod passes;
mod tile;

use super::*;
use crate::compute::BackendError;
use crate::compute::op::{Softmax as Sums, Visible};
use crate::graph::build::elements;
use passes::{Found, Inputs, PRODUCT, Slopes};
use tile::{Features, Of, Side, Work as AtWork};

/// Scores that are held at once, at the most, unless a single query has more. A constant, so that results depend on no device.
const SCORES: usize = 1 << 20;

/// `softmax(scale q kᵀ + mask) v` for each head; heads lie side by side in the features of queries, keys and values.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    queries: usize,
    keys: usize,
    /// Groups of heads that share their keys and values.
    groups: usize,
    /// Heads of a group.
    group: usize,
    /// Features of a head's queries and keys.
    width: usize,
    /// Features of a head's values.
    values: usize,
    scale: f64,
    causal: bool,
    /// 0: no mask is read; 1: one for all heads; or one for each.
    masks: usize,
    /// What is dropped of the softmax, whose elements are numbered as [heads, queries, keys].
    dropped: Option<Dropped>,
    /// Scores that are held at once.
    scores: usize,
}

/// What there is to say of attention beside shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Heads {
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of keys and values, of which each serves as many of the queries' that follow one another.
    pub kv_heads: usize,
    /// Whether a query sees only the keys up to its own place.
    pub causal: bool,
    /// What products are multiplied by; without it 1 / √(features of a head).
    pub scale: Option<f64>,
}

impl Attention {
    /// Of queries, keys, values, and perhaps a mask that is added to the scores: `[queries, heads * width]`,
    /// `[keys, kv_heads * width]`, `[keys, kv_heads * any width]`, and `[queries, keys]` or `[heads, queries, keys]`.
    ///
    /// # Errors
    ///
    /// Shapes that do not fit.
    pub fn new(inputs: &[&[usize]], heads: &Heads) -> std::result::Result<Self, String> {
        let &Heads { heads, kv_heads, causal, scale } = heads;
        let (&[q, k, v], mask) = inputs.split_at(inputs.len().min(3)) else {
            return Err(format!("reads queries, keys and values, not {} layers", inputs.len()));
        };
        let (&[queries, q_features], &[keys, k_features], &[v_keys, v_features]) = (q, k, v) else {
            return Err(format!(
                "queries, keys and values have the shapes {q:?}, {k:?} and {v:?}; each must be [positions, features]"
            ));
        };
        let divides = |features: usize, heads: usize| heads > 0 && features > 0 && features.is_multiple_of(heads);
        if !divides(q_features, heads) || !divides(k_features, kv_heads) || !divides(v_features, kv_heads) {
            return Err(format!(
                "{q_features} features of queries are to be cut into {heads} heads, {k_features} of keys and {v_features} of \
                 values into {kv_heads}; change the numbers so that each divides"
            ));
        }
        if !divides(heads, kv_heads) {
            return Err(format!("{heads} heads cannot share {kv_heads} of keys and values; kv_heads must divide heads"));
        }
        let width = q_features / heads;
        if width != k_features / kv_heads || keys != v_keys {
            return Err(format!(
                "a head has {width} features in queries and {} in keys, and there are {keys} keys and {v_keys} values; \
                 both must be equal",
                k_features / kv_heads
            ));
        }
        let masks = match mask {
            [] => 0,
            [mask] if *mask == [queries, keys] => 1,
            [mask] if *mask == [heads, queries, keys] => heads,
            [mask] => {
                return Err(format!(
                    "the mask has the shape {mask:?}; it must be [{queries}, {keys}] or [{heads}, {queries}, {keys}], or have \
                     lengths of 1 instead"
                ));
            }
            _ => return Err(format!("reads queries, keys, values and perhaps a mask, not {} layers", inputs.len())),
        };
        elements(&[heads, queries, keys])?;
        elements(&[heads, queries, v_features])?;
        let (groups, group, values) = (kv_heads, heads / kv_heads, v_features / kv_heads);
        let scale = scale.unwrap_or(1.0 / (width as f64).sqrt());
        Ok(Self { queries, keys, groups, group, width, values, scale, causal, masks, dropped: None, scores: SCORES })
    }

    /// The same, with elements of the softmax dropped.
    pub fn dropping(self, dropped: Option<Dropped>) -> Self {
        Self { dropped, ..self }
    }

    fn heads(&self) -> usize {
        self.groups * self.group
    }

    fn mask_len(&self) -> usize {
        self.masks * self.queries * self.keys
    }

    fn sums(&self) -> Sums {
        Sums { length: self.keys, inner: 1, seen: Visible::All, log: false }
    }

    /// What a forward pass read.
    fn inputs<'a, T>(&self, arrays: &[Slice<'a, T>]) -> Result<Inputs<'a, T>> {
        let &[q, k, v, ref mask @ ..] = arrays else {
            return Err(BackendError::Invalid("attention without its inputs".into()));
        };
        let features = |values, width| Features { values, width, of: Of::Base };
        let (q, k, v) = (features(q, self.width), features(k, self.width), features(v, self.values));
        Ok(Inputs { q, k, v, mask: mask.first().copied() })
    }

    /// How that moves.
    fn slopes<'a, T>(&self, arrays: &[Option<Slice<'a, T>>], of: Of) -> Slopes<'a, T> {
        let array = |place: usize| arrays.get(place).copied().flatten();
        let features = |place, width| array(place).map(|values| Features { values, width, of });
        let (q, k, v) = (features(0, self.width), features(1, self.width), features(2, self.values));
        Slopes { q, k, v, mask: array(3), of }
    }

    /// Makes the δ of the wanted inputs and has each tile write its part of them.
    fn deltas<B: Backend>(
        &self,
        site: &Site<'_, B>,
        back: &Back<'_>,
        write: impl Fn(&AtWork<'_, B>, &mut Found<'_, B>) -> Result<()>,
    ) -> Result<Deltas<B>> {
        let lens: Vec<usize> = self.built().inputs.iter().map(|len| back.copies * site.rows * len).collect();
        let wanted = back.wanted.iter().zip(&lens);
        let mut found: Deltas<B> =
            wanted.map(|(wanted, &len)| wanted.then(|| site.backend.scratch(len)).transpose()).collect::<Result<_>>()?;
        let parts = found.iter_mut().zip(&lens);
        let mut parts = parts.map(|(buffer, &len)| buffer.as_mut().map(|buffer| SliceMut::new(buffer, 0, len)));
        let mut one = || parts.next().flatten();
        let mut places = Found { q: one(), k: one(), v: one(), mask: one() };
        for tile in self.tiles(site.rows) {
            write(&AtWork { backend: site.backend, own: self, tile: &tile, draw: site.draw }, &mut places)?;
        }
        Ok(found)
    }
}

impl Primitive for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn built(&self) -> Built {
        let (heads, groups) = (self.heads(), self.groups);
        let (queries, keys) = (self.queries * heads * self.width, self.keys * groups * self.width);
        let inputs = [queries, keys, self.keys * groups * self.values, self.mask_len()];
        let count = if self.masks > 0 { 4 } else { 3 };
        let draws = self.dropped.is_some();
        Built { draws, ..Built::plain(inputs[..count].to_vec(), &[self.queries, heads * self.values]) }
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        mut out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        let inputs = self.inputs(inputs)?;
        for tile in self.tiles(site.rows) {
            let work = AtWork { backend: site.backend, own: self, tile: &tile, draw: site.draw };
            let weights = work.weights(&inputs)?;
            work.weigh((Side::Queries, &mut out, self.values), PRODUCT, weights.left(), inputs.v)?;
        }
        Ok(Vec::new())
    }

    fn backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let inputs = self.inputs(&seen.inputs)?;
        let delta = Slice::new(&delta, 0, back.copies * seen.value.len);
        self.deltas(site, back, |work, found| {
            let weights = work.weights(&inputs)?;
            work.copies(back.copies).into_iter().try_for_each(|of| {
                let delta = Features { values: delta, width: self.values, of };
                work.backward(&inputs, &weights, delta, found)
            })
        })
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        mut out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let inputs = self.inputs(&seen.inputs)?;
        for tile in self.tiles(site.rows) {
            let work = AtWork { backend: site.backend, own: self, tile: &tile, draw: site.draw };
            let weights = work.weights(&inputs)?;
            for of in work.copies(moved.directions.len()) {
                work.tangent(&inputs, &weights, &self.slopes(moved.slopes, of), &mut out)?;
            }
        }
        Ok(())
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (inputs, slopes) = (self.inputs(&seen.inputs)?, self.slopes(turning.slopes, Of::Base));
        self.deltas(site, back, |work, found| {
            let weights = work.weights(&inputs)?;
            let change = work.moved(&inputs, &slopes)?.map(|moved| work.center(&moved, &weights.softmax)).transpose()?;
            work.copies(back.copies).into_iter().try_for_each(|of| {
                let features = |values| Features { values, width: self.values, of };
                let delta = (features(turning.delta), features(turning.change()));
                work.turn((&inputs, &slopes), (&weights, change.as_ref()), delta, found)
            })
        })
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, _before: &[usize]) -> Option<usize> {
        None
    }

    fn minus_infinity(&self, input: usize) -> MinusInfinity {
        // Queries, keys and values come first, then the mask.
        if input == 3 { MinusInfinity::Vanishes } else { MinusInfinity::Spoils }
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Mixed
    }

    /// Scores are none of a row's: however many rows there are, no more are held at once. The δ of all inputs are.
    fn work(&self) -> Work {
        let pairs = self.heads() * self.queries * self.keys;
        let widest = self.built().inputs.into_iter().max().unwrap_or(0);
        Work { kept: 0, widest, multiply_adds: pairs * (self.width + self.values) }
    }
}

#[cfg(test)]
mod tests;
