//! Where a network's function of τ has kinks: units that pass a kink of their activation, and windows of max pooling.

use super::pieces::Piece;
use super::polynomial::{Changes, Section};
use crate::compute::Window;
use crate::compute::cpu::window::Places;
use crate::graph::Graph;
use crate::graph::primitive::{Kinks, Magnitude, Primitive};

/// Rounding units of a layer's largest value that are no sign, for the feature with the largest weights.
const NOISE: f64 = 8.0;
/// The highest degree that is taken exactly: products of values double it, and half as many nodes as it says are too many.
const HIGHEST_DEGREE: usize = 256;

/// A layer with kinks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kink {
    /// The node that it reads.
    pub node: usize,
    /// Elements of that node, an example.
    pub len: usize,
    /// Layers with kinks on the longest path to it.
    depth: usize,
    flip: Flip,
    /// The layer of weights that the node's values come from, where it is one.
    source: Option<Source>,
}

/// What happens at a flip of a layer.
#[derive(Debug, Clone, PartialEq)]
enum Flip {
    /// An element passes one of these values.
    Passing(Vec<f64>),
    /// A window of max pooling gets another winner.
    Winner(Window),
}

/// The weights that a node's values come from, and which of them are an element's.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Source {
    /// Of the graph's.
    block: usize,
    features: usize,
    /// Neighbouring elements of one feature.
    inner: usize,
}

/// What a rule's nodes say of a layer with kinks on one piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// The values of the node, `[nodes, len]`.
    pub values: &'a [f64],
    /// Their derivatives along the segment.
    pub slopes: &'a [f64],
}

/// A piece as its nodes see it.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub piece: Piece,
    /// The nodes' places in the piece, from 0 to 1.
    pub nodes: &'a [f64],
    pub sections: &'a [Section],
    /// By layer with kinks.
    pub seen: &'a [Seen<'a>],
    /// By layer with kinks; see [`Kink::sizes`].
    pub sizes: &'a [Vec<f64>],
    /// The rounding unit of the arithmetic.
    pub rounding: f64,
}

/// Functions of the piece's τ whose signs matter: `[nodes, count]` values and derivatives.
struct Curves {
    count: usize,
    /// Of each, what is no sign.
    noise: Vec<f64>,
    values: Vec<f64>,
    slopes: Vec<f64>,
}

/// The layers with kinks whose input depends on parameters.
pub(super) fn kinks(network: &Graph) -> Vec<Kink> {
    let mut depths = vec![0];
    let mut kinks = Vec::new();
    for node in &network.nodes {
        let depth = node.inputs.iter().map(|&input| depths[input]).max().unwrap_or(0);
        let flip = match node.kind.kinks() {
            Kinks::Elements(places) => Some(Flip::Passing(places)),
            Kinks::Windows(window) => Some(Flip::Winner(window)),
            Kinks::Nowhere => None,
        };
        let kink = node.inputs.first().copied().filter(|&input| network.is_trained(input)).zip(flip);
        depths.push(depth + usize::from(kink.is_some()));
        kinks.extend(kink.map(|(node, flip)| {
            let len = network.node_len(node);
            Kink { node, len, depth, flip, source: source(network, node, len) }
        }));
    }
    kinks
}

/// The weights that say how large the elements of a node are, taken on by other nodes element by element or window by window.
fn source(network: &Graph, mut node: usize, len: usize) -> Option<Source> {
    let mut pooled = false;
    loop {
        let index = node.checked_sub(1)?;
        let own = || network.blocks.iter().position(|block| block.uses.iter().any(|one| one.node == node));
        match network.nodes[index].kind.magnitude() {
            Magnitude::Element => {}
            Magnitude::Channel => pooled = true,
            Magnitude::Features(features) if !pooled => return Some(Source { block: own()?, features, inner: 1 }),
            Magnitude::Channels(features) => {
                return Some(Source { block: own()?, features, inner: len / features.max(1) });
            }
            Magnitude::Features(_) | Magnitude::Mixed => return None,
        }
        node = *network.nodes[index].inputs.first()?;
    }
}

/// Between flips, the degree in τ of a network whose nonlinearities are all polynomials there: of a piecewise-linear one, the
/// weight layers on its longest path. `None` for any other network, and for a polynomial of too high a degree.
pub(super) fn degree(network: &Graph) -> Option<usize> {
    let mut degrees = vec![0];
    for (index, node) in network.nodes.iter().enumerate() {
        if !network.is_trained(index + 1) {
            degrees.push(0);
            continue;
        }
        let before: Vec<usize> = node.inputs.iter().map(|&input| degrees[input]).collect();
        degrees.push(node.kind.degree(&before).filter(|&degree| degree <= HIGHEST_DEGREE)?);
    }
    degrees.last().copied()
}

/// The flips at which a piece can be cut, of the layers nearest to the input that have any: their τ, in order. Those of
/// later layers are not known before the piece is cut at these. A flip too near to an end to be cut at is one that the piece
/// was cut at already, or as good as that; it must not hide the later layers' flips.
pub(super) fn flips(kinks: &[Kink], view: &View<'_>) -> Vec<f64> {
    let deepest = kinks.iter().map(|kink| kink.depth).max().unwrap_or(0);
    for depth in 0..=deepest {
        let mut found: Vec<f64> = Vec::new();
        for (number, kink) in kinks.iter().enumerate().filter(|(_, kink)| kink.depth == depth) {
            kink.flips(number, view, &mut found);
        }
        found.iter_mut().for_each(|place| *place = view.piece.at(*place));
        found.retain(|&tau| view.piece.can_be_cut(tau, view.rounding));
        if !found.is_empty() {
            found.sort_by(f64::total_cmp);
            return found;
        }
    }
    Vec::new()
}

impl Kink {
    /// How often a piece may be cut for its flips: units flip in one round, a window changes its winner round by round.
    pub fn cuts(&self) -> usize {
        match &self.flip {
            Flip::Passing(_) => 1,
            Flip::Winner(window) => window.area(),
        }
    }

    /// How large the weights of each feature are on a step, relative to the largest: so are the roundings of its values. One
    /// number of 1 where the node comes from no layer of weights.
    pub fn sizes(&self, network: &Graph, weights: &[f64], change: &[f64]) -> Vec<f64> {
        let Some(Source { block, features, .. }) = self.source else { return vec![1.0] };
        let block = &network.blocks[block];
        // Each tensor has the features first.
        let rows: Vec<(usize, usize)> =
            block.tensors.iter().map(|tensor| (tensor.offset, tensor.len() / features.max(1))).collect();
        let square = |at: usize| weights[at].powi(2).max((weights[at] + change[at]).powi(2));
        let size = |feature: usize| -> f64 {
            let row = |&(offset, width): &(usize, usize)| offset + feature * width..offset + (feature + 1) * width;
            rows.iter().flat_map(row).map(square).sum::<f64>().sqrt()
        };
        let sizes: Vec<f64> = (0..features).map(size).collect();
        let largest = sizes.iter().copied().fold(0.0, f64::max);
        sizes.into_iter().map(|size| if largest > 0.0 { size / largest } else { 1.0 }).collect()
    }

    /// The size of an element's feature.
    fn size(&self, sizes: &[f64], element: usize) -> f64 {
        self.source.map_or(1.0, |source| sizes[element / source.inner % source.features])
    }

    /// Adds the layer's flips in a piece, as places from 0 to 1.
    fn flips(&self, number: usize, view: &View<'_>, found: &mut Vec<f64>) {
        let (seen, sizes) = (view.seen[number], &view.sizes[number]);
        let scale = seen.values.iter().fold(0.0, |top: f64, x| top.max(x.abs()));
        let scale = seen.slopes.iter().fold(scale, |top, x| top.max(x.abs() * view.piece.length()));
        if !scale.is_finite() {
            return;
        }
        let growth = view.sections.iter().map(|section| section.growth).fold(1.0, f64::max);
        let unit = NOISE * view.rounding * growth;
        let noise = |element: usize| unit * scale * self.size(sizes, element);
        match &self.flip {
            Flip::Passing(kinks) => {
                for &kink in kinks {
                    // A kink away from 0 is rounded as the values around it are.
                    let flips = self.above(kink, seen, view, |element| noise(element) + unit * kink.abs()).flips(view);
                    found.extend(flips.into_iter().map(|(_, place)| place));
                }
            }
            Flip::Winner(window) => {
                let (leads, of) = leads(window, seen, view, noise);
                let flips = leads.flips(view);
                let windows = flips.chunk_by(|(a, _), (b, _)| of[*a] == of[*b]);
                windows.for_each(|flips| found.extend(nearest(flips, view.nodes[0])));
            }
        }
    }

    /// By how much each element is above a kink.
    fn above(&self, kink: f64, seen: Seen<'_>, view: &View<'_>, noise: impl Fn(usize) -> f64) -> Curves {
        Curves {
            count: self.len,
            noise: (0..self.len).map(noise).collect(),
            values: seen.values.iter().map(|value| value - kink).collect(),
            slopes: seen.slopes.iter().map(|slope| slope * view.piece.length()).collect(),
        }
    }
}

/// Where a window's winner at a place first loses, before and after it. Whoever wins there is compared with the others
/// once the piece is cut.
fn nearest(flips: &[(usize, f64)], place: f64) -> impl Iterator<Item = f64> {
    let part = |before: bool| flips.iter().map(|(_, flip)| *flip).filter(move |flip| (*flip < place) == before);
    part(true).max_by(f64::total_cmp).into_iter().chain(part(false).min_by(f64::total_cmp))
}

/// By how much each window's winner at the first node leads the other entries, and the window of each curve.
fn leads(window: &Window, seen: Seen<'_>, view: &View<'_>, noise: impl Fn(usize) -> f64) -> (Curves, Vec<usize>) {
    let size = window.image();
    let first = &seen.values[..size];
    let (mut pairs, mut of) = (Vec::new(), Vec::new());
    for (entry, placed) in Places::new(window).pooled().enumerate() {
        let winner = placed.largest(first);
        let others = placed.pixels().filter(|&pixel| pixel != winner);
        pairs.extend(others.map(|other| (winner, other)));
        of.resize(pairs.len(), entry);
    }
    let lead = |all: &[f64], scale: f64| -> Vec<f64> {
        let row = |row: &[f64]| pairs.iter().map(|&(a, b)| (row[a] - row[b]) * scale).collect::<Vec<_>>();
        all.chunks(size).flat_map(row).collect()
    };
    let noise = pairs.iter().map(|&(winner, _)| noise(winner)).collect();
    let (values, slopes) = (lead(seen.values, 1.0), lead(seen.slopes, view.piece.length()));
    (Curves { count: pairs.len(), noise, values, slopes }, of)
}

impl Curves {
    /// The places from 0 to 1 where curves change sign, curve by curve.
    fn flips(&self, view: &View<'_>) -> Vec<(usize, f64)> {
        let mut flips: Vec<(usize, f64)> = Vec::new();
        for curve in self.changing(view) {
            let mut changes = Changes::new(self.noise[curve]);
            for section in view.sections {
                changes.add(section, &section.coefficients(&self.data(section, curve)));
            }
            flips.extend(changes.places.into_iter().map(|place| (curve, place)));
        }
        flips
    }

    /// The values and derivatives of a curve at a section's nodes.
    fn data(&self, section: &Section, curve: usize) -> Vec<f64> {
        let at = |all: &[f64]| -> Vec<f64> {
            (section.first..section.first + section.nodes).map(|node| all[node * self.count + curve]).collect()
        };
        [at(&self.values), at(&self.slopes)].concat()
    }

    /// The curves whose coefficients lie on both sides of their noise: those that may change sign.
    fn changing(&self, view: &View<'_>) -> Vec<usize> {
        let mut low = vec![f64::INFINITY; self.count];
        let mut high = vec![f64::NEG_INFINITY; self.count];
        let mut coefficient = vec![0.0; self.count];
        for section in view.sections {
            for row in section.matrix.chunks(2 * section.nodes) {
                coefficient.fill(0.0);
                for (node, (&value, &slope)) in row.iter().zip(&row[section.nodes..]).enumerate() {
                    let from = (section.first + node) * self.count;
                    let data = self.values[from..].iter().zip(&self.slopes[from..]);
                    let each = coefficient.iter_mut().zip(data);
                    each.for_each(|(sum, (x, y))| *sum += value * x + slope * y);
                }
                for ((low, high), &x) in low.iter_mut().zip(&mut high).zip(&coefficient) {
                    *low = if x < *low { x } else { *low };
                    *high = if x > *high { x } else { *high };
                }
            }
        }
        let changes = |curve: &usize| low[*curve] < -self.noise[*curve] && high[*curve] > self.noise[*curve];
        (0..self.count).filter(changes).collect()
    }
}
