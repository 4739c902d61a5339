//! Gradient factors on the host, and gradient rows by loops over them.

use crate::cases::Case;
use crate::loops::{Entry, dot};
use pathkernel::compute::cpu::{Buffer, CpuBackend};
use pathkernel::compute::{Backend, Slice, SliceMut};
use pathkernel::graph::{Parameters, Segment};

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

/// One layer's factors, `[copies * rows, positions, height]` and `[rows, positions, width]`.
pub struct Factors {
    pub index: usize,
    pub delta: Vec<f64>,
    pub input: Vec<f64>,
}

/// The seeds of the gradients of every output.
pub fn seeds(case: &Case, rows: usize) -> Array {
    let outputs = case.network.outputs;
    let mut seed = upload(&vec![0.0; rows * outputs * outputs]);
    Cpu::new().seed(rows, outputs, whole_mut(&mut seed), None).expect("seed");
    seed
}

/// The factors of the gradients of every output, by index of the parameters.
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
        let values = |slice| backend.download(slice).expect("values");
        all.push(Factors { index: factor.index, delta: values(factor.delta()), input: values(factor.input) });
        Ok(())
    });
    visited.expect("backward");
    all.sort_by_key(|factors| factors.index);
    let indices: Vec<usize> = all.iter().map(|factors| factors.index).collect();
    assert_eq!(indices, (0..network.parameters.len()).collect::<Vec<_>>(), "{}: layers visited", case.name);
    all
}

/// Adds `scale` times a layer's gradient row, `Σ_p δ_p ⊗ a_p` and its bias, to `out`.
pub fn add_gradient(own: &Parameters, layer: &Factors, row: usize, base: usize, scale: f64, out: &mut [Entry]) {
    let height = if own.is_norm() { own.width } else { own.height };
    for p in 0..own.positions {
        let delta = &layer.delta[(row * own.positions + p) * height..][..height];
        let input = &layer.input[(base * own.positions + p) * own.width..][..own.width];
        for (i, &delta) in delta.iter().enumerate() {
            let product = |input: f64| Entry::new(delta).times(Entry::new(input));
            if own.is_norm() {
                out[i].add(scale, product(input[i]));
            } else {
                let weights = &mut out[i * own.width..][..own.width];
                weights.iter_mut().zip(input).for_each(|(out, &input)| out.add(scale, product(input)));
            }
            if own.bias > 0 {
                out[own.weight_len() + i].add(scale, Entry::new(delta));
            }
        }
    }
}

/// Gradient rows one after another, `count` of them over `base` base rows.
pub fn gradients(own: &Parameters, layer: &Factors, count: usize, base: usize) -> Vec<Vec<Entry>> {
    let one = |row: usize| {
        let mut out = vec![Entry::default(); own.len()];
        add_gradient(own, layer, row, row % base, 1.0, &mut out);
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
pub fn roundings(own: &Parameters, nodes: usize, terms: usize) -> f64 {
    let (positions, height) = (own.positions, own.height.max(1));
    let along = terms * (own.len() + height * positions) + own.width;
    2.0 * (along + nodes * (positions * positions + 1) + 10) as f64
}
