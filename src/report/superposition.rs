//! Which examples the change of the weights is made of.

use super::chart::{number, percent};
use super::contents::Contents;
use super::example::examples;
use crate::formats::MappedArray;
use crate::graph::Graph;
use crate::run::store::Largest;
use maud::{Markup, html};

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

pub(super) fn superposition(contents: &Contents) -> Markup {
    let Some(array) = &contents.superposition else { return html! {} };
    let &[_, layers, 2] = array.shape.as_slice() else { return html! {} };
    let others = [
        (contents.has_decay(), "weight decay"),
        (contents.terms.earlier.is_some(), "gradients from before the first step"),
        (contents.terms.unexplained.is_some(), "unexplained"),
    ];
    let others: Vec<&str> = others.into_iter().filter(|(is_there, _)| *is_there).map(|(_, words)| words).collect();
    let more = if others.is_empty() {
        String::new()
    } else {
        format!("; what is missing of 100% is {}", others.join(", or "))
    };
    html! {
        section {
            h2 { "The weights" }
            p {
                "The change of the weights is a sum over the training examples. An example's share is how much of a layer's \
                 change lies in its part, along the change: below zero, it pulled the other way. The shares of all \
                 examples add up to 100%" (more) "."
            }
            (rows(contents, array, layers))
        }
    }
}

fn rows(contents: &Contents, array: &MappedArray, layers: usize) -> Markup {
    let all = array.all();
    html! {
        @for (place, name) in names(contents, layers).into_iter().enumerate() {
            @let parts = LayerParts::new(&all, layers, place);
            article class="layer" {
                p {
                    b { (name) } br;
                    @if parts.sum.is_nan() {
                        "no shares: it hardly moved, and its change is mostly rounding" br;
                    } @else {
                        "all shares: " (percent(parts.sum)) br;
                    }
                    @if let Some(half) = parts.half {
                        "half of the change: the " @if half > 1 { (half) " largest" } @else { "largest alone" } br;
                    }
                    "longest part: " (number(parts.longest))
                }
                div {
                    (examples(contents, &parts.along, percent, |_| html! {}))
                    (examples(contents, &parts.against, percent, |_| html! {}))
                }
            }
        }
    }
}

/// The layers with trained parameters.
fn names(contents: &Contents, layers: usize) -> Vec<String> {
    let model = &contents.run_file.model;
    let name = |layer: usize| format!("layer {layer}, {}", model.layers[layer].kind.name());
    let of =
        |network: Graph| network.layers().into_iter().map(|blocks| name(network.blocks[blocks.start].layer)).collect();
    let mut names: Vec<String> = contents.run_file.build().map(of).unwrap_or_default();
    names.resize(layers, "layer".into());
    names
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
