//! Which examples the change of the weights is made of.

use crate::report::contents::Contents;
use crate::run::store::Largest;
use serde_json::{Value, json};

/// Examples shown of each layer and sign.
const EXAMPLES: usize = 6;

/// A layer's part of `superposition.npy`.
struct LayerParts {
    /// The sum of all shares.
    sum: f64,
    /// How many of the examples with the largest shares make up half of the layer's change.
    half: Option<usize>,
    /// The length of the longest part.
    longest: f64,
    along: Vec<(usize, f64)>,
    against: Vec<(usize, f64)>,
}

impl LayerParts {
    /// Of the layer `place` among `layers`; `parts` are `[m, layers, 2]`.
    fn new(parts: &[f64], layers: usize, place: usize) -> Self {
        let own = || parts.chunks_exact(2).skip(place).step_by(layers.max(1));
        let mut shares: Vec<(usize, f64)> = own().map(|part| part[1]).enumerate().collect();
        let sum = shares.iter().map(|&(_, share)| share).sum();
        let longest = own().fold(0.0, |longest: f64, part| longest.max(part[0]));
        let [along, against] = Largest::of(&shares, EXAMPLES).lists;
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut reached = 0.0;
        let half = shares.iter().position(|&(_, share)| {
            reached += share;
            reached >= 0.5
        });
        Self { sum, half: half.map(|place| place + 1), longest, along, against }
    }
}

/// Each layer's change of the weights as a sum over examples, where it was taken apart.
pub(super) fn weights(contents: &Contents) -> Option<Value> {
    let array = contents.superposition.as_ref()?;
    let &[_, layers, 2] = array.shape.as_slice() else { return None };
    let all = array.all();
    let layer = |(place, name): (usize, String)| {
        let LayerParts { sum, half, longest, along, against } = LayerParts::new(&all, layers, place);
        json!({ "name": name, "sum": sum, "half": half, "longest": longest, "along": along, "against": against })
    };
    Some(contents.layer_names(layers).into_iter().enumerate().map(layer).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_layer_are_picked_from_all_layers() {
        // Three examples, two layers, norm and share.
        let parts = [1.0, 0.1, 9.0, 0.6, 2.0, 0.7, 3.0, -0.1, 3.0, 0.2, 1.0, 0.5];
        let first = LayerParts::new(&parts, 2, 0);
        assert_eq!((first.along, first.against, first.half), (vec![(1, 0.7), (2, 0.2), (0, 0.1)], vec![], Some(1)));
        let second = LayerParts::new(&parts, 2, 1);
        assert_eq!((second.along, second.against), (vec![(0, 0.6), (2, 0.5)], vec![(1, -0.1)]));
        assert_eq!((second.longest, second.sum), (9.0, 1.0));
    }
}
