//! Networks by plain loops over dual numbers: outputs, their derivative along a direction, and which side of its kink every
//! unit is on. Shares nothing with the library but the description of the graph.

use pathkernel::activation::{Activation, Hardtanh, LeakyRelu};
use pathkernel::compute::{Pooling, Window};
use pathkernel::graph::primitive::{Kind, Part, Rearrange};
use pathkernel::graph::{Graph, Matrix, Structure};

/// A number and its derivative.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dual {
    pub value: f64,
    pub slope: f64,
}

impl Dual {
    fn plus(self, other: Dual) -> Dual {
        Dual { value: self.value + other.value, slope: self.slope + other.slope }
    }

    fn times(self, other: Dual) -> Dual {
        Dual { value: self.value * other.value, slope: self.slope * other.value + self.value * other.slope }
    }

    fn scaled(self, factor: f64) -> Dual {
        Dual { value: self.value * factor, slope: self.slope * factor }
    }

    fn mapped(self, value: f64, slope: f64) -> Dual {
        Dual { value, slope: self.slope * slope }
    }
}

/// What a pass shows.
#[derive(Debug, Default)]
pub struct Seen {
    pub outputs: Vec<Dual>,
    /// One number for each unit of relu and leaky_relu (whether it is on) and of relu6 (below, between or above its kinks), and
    /// for each window of max pooling (which entry
    /// wins).
    pub pattern: Vec<u8>,
}

/// One example through a network, at weights `w + τ Δw`, with derivatives along `direction`.
pub fn pass(network: &Graph, (weights, change): (&[f64], &[f64]), tau: f64, direction: &[f64], x: &[f64]) -> Seen {
    let at = |place: usize| Dual { value: weights[place] + tau * change[place], slope: direction[place] };
    let mut values: Vec<Vec<Dual>> = vec![x.iter().map(|&value| Dual { value, slope: 0.0 }).collect()];
    let mut seen = Seen::default();
    for (index, node) in network.nodes.iter().enumerate() {
        let input = node.inputs.first().map_or(&[][..], |&input| &values[input]);
        let own = network.blocks.iter().find(|own| own.uses[0].node == index + 1);
        let own = own.map(|own| (own.uses[0].structure, own.offset));
        let value = match (&node.kind, own) {
            (Kind::Affine(_), Some((Structure::Outer(matrix), first))) => {
                input.chunks(matrix.width).flat_map(|x| affine(matrix, first, &at, x)).collect()
            }
            (Kind::Convolve(kind), Some((Structure::Outer(matrix), first))) => {
                convolved(matrix, first, &at, &kind.window(), input)
            }
            (Kind::ScaleShift(_), Some((Structure::Diagonal(diagonal), first))) => {
                let width = diagonal.width;
                let weight = |(place, &x): (usize, &Dual)| {
                    let scaled = at(first + place % width).times(x);
                    if diagonal.shift { scaled.plus(at(first + width + place % width)) } else { scaled }
                };
                input.iter().enumerate().map(weight).collect()
            }
            (Kind::Normalize(_), _) => {
                let width = node.shape.last().copied().unwrap_or(1);
                input.chunks(width).flat_map(normalised).collect()
            }
            (Kind::Pool(kind), _) => pooled(&kind.window(), kind.pooling(), input, &mut seen.pattern),
            (Kind::Product(_), _) => input.iter().zip(&values[node.inputs[1]]).map(|(a, b)| a.times(*b)).collect(),
            (Kind::Pointwise(kind), _) => {
                input.iter().map(|&x| activated(kind.function(), x, &mut seen.pattern)).collect()
            }
            (Kind::Lookup(_), Some((Structure::Rows(table), first))) => {
                let row = |token: &Dual| first + token.value as usize * table.width;
                input.iter().flat_map(|token| (row(token)..row(token) + table.width).map(&at)).collect()
            }
            (Kind::Parameter(_), Some((Structure::Dense(len), first))) => (first..first + len).map(&at).collect(),
            (Kind::Rearrange(kind), _) => {
                let inputs: Vec<&[Dual]> = node.inputs.iter().map(|&input| values[input].as_slice()).collect();
                rearranged(kind, node.shape.iter().product(), &inputs)
            }
            (kind, _) => panic!("no dual of {kind:?}"),
        };
        values.push(value);
    }
    seen.outputs = values.pop().unwrap_or_default();
    seen
}

fn rearranged(kind: &Rearrange, len: usize, inputs: &[&[Dual]]) -> Vec<Dual> {
    let mut out = vec![Dual { value: kind.constant(), slope: 0.0 }; len];
    for (Part { map, added }, x) in kind.parts().iter().zip(inputs) {
        let mut places = vec![(map.to().start, map.from().start)];
        for axis in map.kept().iter().chain(map.summed()) {
            let step = |&(to, from): &(usize, usize)| {
                (0..axis.extent).map(move |at| (to + at * axis.to, from + at * axis.from))
            };
            places = places.iter().flat_map(step).collect();
        }
        if !added {
            places.iter().for_each(|&(to, _)| out[to] = Dual::default());
        }
        places.iter().for_each(|&(to, from)| out[to] = out[to].plus(x[from].scaled(map.factor())));
    }
    out
}

fn affine(matrix: Matrix, first: usize, at: &dyn Fn(usize) -> Dual, x: &[Dual]) -> Vec<Dual> {
    let Matrix { height, width, bias, .. } = matrix;
    let one = |i: usize| {
        let start = if bias { at(first + height * width + i) } else { Dual::default() };
        let terms = x.iter().enumerate().map(|(j, x)| at(first + i * width + j).times(*x));
        terms.fold(start, Dual::plus)
    };
    (0..height).map(one).collect()
}

fn convolved(matrix: Matrix, first: usize, at: &dyn Fn(usize) -> Dual, window: &Window, x: &[Dual]) -> Vec<Dual> {
    let (rows, columns) = (window.out_height(), window.out_width());
    let mut out = vec![Dual::default(); matrix.height * rows * columns];
    for position in 0..rows * columns {
        let mut patch = Vec::new();
        for entry in 0..window.patch() {
            patch.push(pixel(window, position, entry).map_or(Dual::default(), |pixel| x[pixel]));
        }
        for (channel, value) in affine(matrix, first, at, &patch).into_iter().enumerate() {
            out[channel * rows * columns + position] = value;
        }
    }
    out
}

/// The pixel that is an entry of the patch at a position; none in the padding.
fn pixel(window: &Window, position: usize, entry: usize) -> Option<usize> {
    let (channel, rest) = (entry / window.area(), entry % window.area());
    let (corner, columns) = (window.out_width(), window.kernel[1]);
    let along = |axis: usize, corner: usize, entry: usize, side: usize| {
        let place = corner * window.stride[axis] + entry * window.dilation[axis];
        place.checked_sub(window.padding[axis]).filter(|&place| place < side)
    };
    let row = along(0, position / corner, rest / columns, window.height)?;
    let column = along(1, position % corner, rest % columns, window.width)?;
    Some((channel * window.height + row) * window.width + column)
}

fn normalised(x: &[Dual]) -> Vec<Dual> {
    let share = 1.0 / x.len() as f64;
    let mean = x.iter().copied().fold(Dual::default(), Dual::plus).scaled(share);
    let centred: Vec<Dual> = x.iter().map(|x| x.plus(mean.scaled(-1.0))).collect();
    let variance = centred.iter().map(|x| x.times(*x)).fold(Dual::default(), Dual::plus).scaled(share);
    let total = variance.value + 1e-5;
    let scale = variance.mapped(total.powf(-0.5), -0.5 * total.powf(-1.5));
    centred.into_iter().map(|x| x.times(scale)).collect()
}

fn pooled(window: &Window, kind: Pooling, x: &[Dual], pattern: &mut Vec<u8>) -> Vec<Dual> {
    let mut out = Vec::new();
    for channel in 0..window.channels {
        for position in 0..window.positions() {
            let entries = channel * window.area()..(channel + 1) * window.area();
            let all: Vec<Dual> =
                entries.filter_map(|entry| pixel(window, position, entry)).map(|pixel| x[pixel]).collect();
            out.push(match kind {
                Pooling::Average => {
                    all.iter().copied().fold(Dual::default(), Dual::plus).scaled(1.0 / window.area() as f64)
                }
                Pooling::Max => {
                    let best = (0..all.len()).fold(0, |best, k| if all[k].value > all[best].value { k } else { best });
                    pattern.push(best as u8);
                    all[best]
                }
            });
        }
    }
    out
}

fn activated(kind: Activation, x: Dual, pattern: &mut Vec<u8>) -> Dual {
    let value = x.value;
    match kind {
        Activation::Identity => x,
        Activation::Relu => {
            pattern.push(u8::from(value > 0.0));
            x.scaled(if value > 0.0 { 1.0 } else { 0.0 })
        }
        Activation::LeakyRelu(LeakyRelu { slope }) => {
            pattern.push(u8::from(value > 0.0));
            x.scaled(if value > 0.0 { 1.0 } else { slope })
        }
        Activation::Relu6 => {
            pattern.push(u8::from(value > 0.0) + u8::from(value >= 6.0));
            x.mapped(value.clamp(0.0, 6.0), if value > 0.0 && value < 6.0 { 1.0 } else { 0.0 })
        }
        Activation::Hardtanh(Hardtanh { min_val, max_val }) => {
            pattern.push(u8::from(value > min_val) + u8::from(value >= max_val));
            x.mapped(value.clamp(min_val, max_val), if value > min_val && value < max_val { 1.0 } else { 0.0 })
        }
        Activation::Tanh => x.mapped(value.tanh(), 1.0 - value.tanh().powi(2)),
        Activation::Softplus => x.mapped(value.exp().ln_1p(), 1.0 / (1.0 + (-value).exp())),
        Activation::Sin => x.mapped(value.sin(), value.cos()),
        _ => panic!("no dual of {kind:?}"),
    }
}
