//! Gradient factors on the host, and gradient rows by loops over them.

use super::cases::Case;
use crate::common::loops::{Entry, dot};
use pathkernel::compute::cpu::{Buffer, CpuBackend};
use pathkernel::compute::op::OuterArrays;
use pathkernel::compute::{Backend, Outer, OuterDiagonal, OuterRows, RowMap, Slice, SliceMut, Start};
use pathkernel::graph::{Block, Diagonal, Factor, Graph, Matrix, Segment, Structure, Table};

pub type Cpu = CpuBackend<f64>;
pub type Array = Buffer<f64>;

pub fn upload(values: &[f64]) -> Array {
    Cpu::new().upload(values).expect("room")
}

pub fn whole(values: &Array) -> Slice<'_, Array> {
    Slice::new(values, 0, values.len())
}

pub fn whole_mut(values: &mut Array) -> SliceMut<'_, Array> {
    let len = values.len();
    SliceMut::new(values, 0, len)
}

/// The factors of one use of a block, `[copies * rows, positions, height]` and `[rows, positions, width]`.
pub struct Factors {
    pub block: usize,
    pub structure: Structure,
    pub delta: Vec<f64>,
    pub input: Vec<f64>,
}

impl Factors {
    /// Forms the gradient rows of a map's outputs.
    pub fn write_rows(&self, map: &RowMap<Array, Vec<u32>>, start: Start, out: &mut Array) {
        let (backend, delta, input) = (Cpu::new(), upload(&self.delta), upload(&self.input));
        let (out, delta, input) = (whole_mut(out), whole(&delta), whole(&input));
        let formed = match self.structure {
            Structure::Outer(matrix) => backend.outer(&outer(matrix, start), map, out, delta, input, None),
            Structure::Diagonal(Diagonal { width, positions, shift }) => {
                let shape = OuterDiagonal { width, positions, shift, start };
                backend.outer_diagonal(&shape, map, out, delta, input, None)
            }
            Structure::Rows(Table { count, width, positions, padding }) => {
                let shape = OuterRows { count, width, positions, padding, start };
                backend.run(&shape, OuterArrays { map, out, delta, input, preconditioner: None })
            }
            Structure::Dense(len) => backend.average(len, start, map, out, delta),
        };
        formed.expect("rows");
    }
}

pub fn outer(Matrix { height, width, positions, bias }: Matrix, start: Start) -> Outer {
    Outer { height, width, positions, bias, start }
}

/// The seeds of the gradients of every output.
pub fn seeds(case: &Case, rows: usize) -> Array {
    let outputs = case.network.outputs;
    let mut seed = upload(&vec![0.0; rows * outputs * outputs]);
    Cpu::new().seed(rows, outputs, whole_mut(&mut seed), None).expect("seed");
    seed
}

/// The factors of the gradients of every output, by block.
pub fn factors(case: &Case, segment: Segment<'_, Array>, inputs: &Array) -> Vec<Factors> {
    let rows = inputs.len() / case.network.input_len();
    seeded_factors(case, segment, inputs, seeds(case, rows), case.network.outputs)
}

/// The factors of what `seed` picks of the outputs.
pub fn seeded_factors(
    case: &Case,
    segment: Segment<'_, Array>,
    inputs: &Array,
    seed: Array,
    copies: usize,
) -> Vec<Factors> {
    let (backend, network) = (Cpu::new(), &case.network);
    let rows = inputs.len() / network.input_len();
    let pass = network.forward(&backend, segment, whole(inputs), rows).expect("forward");
    let mut all = Vec::new();
    let visited = network.backward(&backend, segment, &pass, copies, seed, &mut |factor| {
        all.push(held(&factor));
        Ok(())
    });
    visited.expect("backward");
    all.sort_by_key(|factors| factors.block);
    let blocks: Vec<usize> = all.iter().map(|factors| factors.block).collect();
    let used = used(network);
    let uses = |(index, block): (usize, &Block)| vec![index; block.uses.iter().filter(|one| used[one.node]).count()];
    let uses: Vec<usize> = network.blocks.iter().enumerate().flat_map(uses).collect();
    assert_eq!(blocks, uses, "{}: uses visited", case.name);
    all
}

/// Whether the output depends on a node, by node.
fn used(network: &Graph) -> Vec<bool> {
    let mut used = vec![false; network.output() + 1];
    used[network.output()] = true;
    for (index, node) in network.nodes.iter().enumerate().rev() {
        if used[index + 1] {
            node.inputs.iter().for_each(|&input| used[input] = true);
        }
    }
    used
}

/// A factor, on the host.
pub fn held(factor: &Factor<'_, Array>) -> Factors {
    let values = |slice| Cpu::new().download(slice).expect("values");
    let (delta, input) = (values(factor.delta()), values(factor.input));
    Factors { block: factor.block, structure: factor.structure, delta, input }
}

/// Adds `scale` times a gradient row, `Σ_p δ_p ⊗ a_p` and its bias, to `out`.
pub fn add_gradient(layer: &Factors, row: usize, base: usize, scale: f64, out: &mut [Entry]) {
    let product = |delta: f64, input: f64| Entry::new(delta).times(Entry::new(input));
    match layer.structure {
        Structure::Outer(Matrix { height, width, positions, bias }) => {
            for p in 0..positions {
                let delta = &layer.delta[(row * positions + p) * height..][..height];
                let input = &layer.input[(base * positions + p) * width..][..width];
                for (i, &delta) in delta.iter().enumerate() {
                    let weights = &mut out[i * width..][..width];
                    weights.iter_mut().zip(input).for_each(|(out, &input)| out.add(scale, product(delta, input)));
                    if bias {
                        out[height * width + i].add(scale, Entry::new(delta));
                    }
                }
            }
        }
        Structure::Diagonal(Diagonal { width, positions, shift }) => {
            for p in 0..positions {
                let delta = &layer.delta[(row * positions + p) * width..][..width];
                let input = &layer.input[(base * positions + p) * width..][..width];
                for (i, (&delta, &input)) in delta.iter().zip(input).enumerate() {
                    out[i].add(scale, product(delta, input));
                    if shift {
                        out[width + i].add(scale, Entry::new(delta));
                    }
                }
            }
        }
        Structure::Rows(Table { count, width, positions, .. }) => {
            for p in 0..positions {
                let delta = &layer.delta[(row * positions + p) * width..][..width];
                let token = (layer.input[base * positions + p].max(0.0) as usize).min(count - 1);
                let out = out[token * width..][..width].iter_mut();
                out.zip(delta).for_each(|(out, &delta)| out.add(scale, Entry::new(delta)));
            }
        }
        Structure::Dense(len) => {
            let delta = &layer.delta[row * len..][..len];
            out.iter_mut().zip(delta).for_each(|(out, &delta)| out.add(scale, Entry::new(delta)));
        }
    }
}

/// Gradient rows one after another, `count` of them over `base` base rows.
pub fn gradients(layer: &Factors, count: usize, base: usize) -> Vec<Vec<Entry>> {
    let one = |row: usize| {
        let mut out = vec![Entry::default(); layer.structure.len()];
        add_gradient(layer, row, row % base, 1.0, &mut out);
        out
    };
    (0..count).map(one).collect()
}

/// The products of rows with rows: `[left, right]`.
pub fn pairs(left: &[Vec<Entry>], right: &[Vec<Entry>]) -> Vec<Entry> {
    left.iter().flat_map(|left| right.iter().map(|right| dot(left, right))).collect()
}

/// The most roundings that a term of an entry goes through, of whichever contraction, and as many again for the loops:
/// along the width (a product of inputs, a bias more), along the height at each position or along the whole row, of all
/// the outputs that a trace sums, over the pairs of positions of each of `nodes` rows, and for the quadrature weight,
/// the Gram entry, the scale, the column weight, the parts before and what was there.
pub fn roundings(structure: Structure, nodes: usize, terms: usize) -> f64 {
    let (positions, features) = match structure {
        Structure::Outer(Matrix { height, width, positions, .. }) => (positions, height * positions * terms + width),
        Structure::Diagonal(Diagonal { width, positions, .. }) => (positions, positions * terms + width),
        Structure::Rows(Table { width, positions, .. }) => (positions, width * positions * terms + 1),
        Structure::Dense(_) => (1, terms),
    };
    2.0 * (terms * structure.len() + features + nodes * (positions * positions + 1) + 10) as f64
}
