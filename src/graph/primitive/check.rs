//! What the test beside each primitive does: its derivatives against differences.

use super::{Kind, Primitive, Rearrange, ScaleShift};
use crate::compute::cpu::{Buffer, CpuBackend};
use crate::compute::{Backend, Result, RowMap, Slice, SliceMut, Start};
use crate::graph::{Factor, Forward, Graph, Segment, Turn};
use crate::tangent::write_gradient;

type Cpu = CpuBackend<f64>;

const ROWS: usize = 2;
/// The step of central differences: about ε^(1/3), where truncation and rounding are equal.
const STEP: f64 = 6e-6;

/// A primitive whose inputs are all the same: a scaled input, so that they depend on weights; four times the input where
/// they must not.
struct Alone {
    graph: Graph,
    inputs: Buffer<f64>,
    /// The number of each row's example, for primitives that draw.
    examples: Vec<u32>,
}

/// Numbers in ±1 that lie apart from each other and from 0.
fn numbers(from: usize, len: usize) -> Vec<f64> {
    (from..from + len).map(|at| (1.7 * at as f64 + 0.3).sin()).collect()
}

fn upload(values: &[f64]) -> Buffer<f64> {
    Cpu::new().upload(values).expect("room")
}

impl Alone {
    fn new(input: &[usize], kind: Kind) -> Self {
        let mut graph = Graph::empty(input);
        let from = if matches!(kind, Kind::Lookup(_)) {
            graph.add(0, Rearrange::scale(input, 4.0), &[0]).expect("a scale")
        } else {
            graph.add(0, ScaleShift::new(input, false), &[0]).expect("a scale")
        };
        let inputs = vec![from; kind.built().inputs.len()];
        graph.add(1, kind, &inputs).expect("a primitive");
        let inputs = upload(&numbers(1, ROWS * graph.input_len()));
        Self { graph, inputs, examples: vec![4, 2] }
    }

    fn pass(&self, segment: Segment<'_, Buffer<f64>>) -> Forward<'_, Cpu> {
        let input = Slice::new(&self.inputs, 0, self.inputs.len());
        let draw = self.graph.drawing(5, Some(&self.examples));
        self.graph.forward_drawing(&Cpu::new(), segment, input, ROWS, draw).expect("forward")
    }

    fn outputs(&self, weights: &[f64]) -> Vec<f64> {
        let (backend, weights) = (Cpu::new(), upload(weights));
        let pass = self.pass(Segment::at(&weights));
        backend.download(self.graph.outputs(&pass)).expect("outputs")
    }

    /// `[rows * C, parameters]`: the Jacobian, or how it changes along a direction. Each value has a copy of all rows, whose
    /// parts add up, so that rows may depend on each other.
    fn gradients(&self, weights: &[f64], direction: Option<&[f64]>) -> Vec<f64> {
        let (backend, graph, weights) = (Cpu::new(), &self.graph, upload(weights));
        let (segment, copies) = (Segment::at(&weights), ROWS * graph.outputs);
        let pass = self.pass(segment);
        let seed: Vec<f64> =
            (0..copies * copies).map(|at| if at / copies == at % copies { 1.0 } else { 0.0 }).collect();
        let seed = upload(&seed);
        let offsets: Vec<u32> = (0..=copies).map(|copy| (copy * ROWS) as u32).collect();
        let inputs: Vec<u32> = (0..copies * ROWS).map(|row| (row % ROWS) as u32).collect();
        let map = RowMap::new(&backend, &offsets, &inputs, &vec![1.0; copies * ROWS]).expect("a map");
        let mut all = vec![0.0; map.outputs * graph.len];
        let mut visit = |factor: Factor<'_, Buffer<f64>>| -> Result<()> {
            let (len, offset) = (factor.structure.len(), graph.blocks[factor.block].offset);
            let mut part = upload(&vec![0.0; map.outputs * len]);
            let out = SliceMut::new(&mut part, 0, map.outputs * len);
            write_gradient(&backend, &map, None, &factor, Start::Value(0.0), out)?;
            for (row, part) in part.chunks(len).enumerate() {
                let all = &mut all[row * graph.len + offset..][..len];
                all.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
            }
            Ok(())
        };
        let visited = match direction {
            None => graph.backward(&backend, segment, &pass, copies, seed, &mut visit),
            Some(direction) => {
                let (change, direction) = (upload(&vec![0.0; copies * copies]), upload(direction));
                let derivatives = graph.directional(&backend, segment, &pass, &[&direction]).expect("derivatives");
                let back = graph.deltas(&backend, segment, &pass, (copies, seed)).expect("deltas");
                let changes = vec![(graph.output(), change)];
                let turn = Turn { direction: &direction, derivatives: &derivatives, changes };
                graph.tangent_of_backward(&backend, segment, (&pass, &back), turn, &mut visit)
            }
        };
        visited.expect("gradients");
        all
    }

    /// `[rows, C]`.
    fn derivatives(&self, weights: &[f64], direction: &[f64]) -> Vec<f64> {
        let (backend, weights, direction) = (Cpu::new(), upload(weights), upload(direction));
        let segment = Segment::at(&weights);
        let pass = self.pass(segment);
        let found = self.graph.directional(&backend, segment, &pass, &[&direction]).expect("derivatives");
        backend.download(self.graph.output_derivatives(&found).expect("weights")).expect("values")
    }
}

/// Holds gradients, derivatives along a direction and the change of gradients against central differences of what they are
/// derivatives of.
pub(super) fn against_differences(input: &[usize], kind: impl Into<Kind>) {
    let alone = Alone::new(input, kind.into());
    let len = alone.graph.len;
    let (weights, direction) = (numbers(50, len), numbers(90, len));
    let moved = |by: f64| -> Vec<f64> { weights.iter().zip(&direction).map(|(w, d)| w + by * d).collect() };
    let difference = |of: &dyn Fn(&[f64]) -> Vec<f64>| -> Vec<f64> {
        let (up, down) = (of(&moved(STEP)), of(&moved(-STEP)));
        up.iter().zip(&down).map(|(up, down)| (up - down) / (2.0 * STEP)).collect()
    };
    let gradients = alone.gradients(&weights, None);
    let slopes = difference(&|weights| alone.outputs(weights));
    let derivatives = alone.derivatives(&weights, &direction);
    let turned = alone.gradients(&weights, Some(&direction));
    let turns = difference(&|weights| alone.gradients(weights, None));
    // Third derivatives of these are of the size of the values, some ten times that of a normalised row.
    let size = [&gradients, &slopes, &turned].into_iter().flatten().fold(1.0f64, |top, x| top.max(x.abs()));
    let tolerance = 400.0 * (STEP * STEP + f64::EPSILON / STEP) * size;
    for (entry, (&derivative, &slope)) in derivatives.iter().zip(&slopes).enumerate() {
        let gradient = &gradients[entry * len..][..len];
        let product: f64 = gradient.iter().zip(&direction).map(|(a, b)| a * b).sum();
        assert!((derivative - slope).abs() <= tolerance, "derivative {entry}: {derivative}, not {slope}");
        assert!((product - slope).abs() <= tolerance, "gradient {entry}: {product}, not {slope}");
    }
    for (entry, (turned, turn)) in turned.iter().zip(&turns).enumerate() {
        assert!((turned - turn).abs() <= tolerance, "change of gradient {entry}: {turned}, not {turn}");
    }
}
