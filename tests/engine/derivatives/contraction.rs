//! What an integration calls for one step: the contraction of each layer in every way that it allows.

use super::cases::{Case, cases};
use super::factors::{
    Array, Cpu, Factors, add_gradient, factors, pairs, roundings, seeded_factors, seeds, upload, whole, whole_mut,
};
use crate::common::loops::{Entry, accumulated, compare};
use pathkernel::compute::{Accumulator, Backend, Entries, Gram, RowMap};
use pathkernel::graph::Segment;
use pathkernel::random::numbers;
use pathkernel::readout::Readout;
use pathkernel::tangent::{
    Along, AlongTerm, Carried, ConstantInputs, Contraction, ExampleRows, Node, Products, QueryFactors, Term, choices,
    contract, contract_along,
};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

/// One rounding of f64, relative.
const ROUNDING: f64 = f64::EPSILON / 2.0;
const QUERIES: usize = 2;
const EXAMPLES: usize = 3;
/// Where the examples lie, in rows of 6.
const COLUMNS: [u32; EXAMPLES] = [1, 2, 4];
const STRIDE: usize = 6;
/// Quadrature nodes and weights.
const NODES: [f64; 2] = [0.2, 0.9];
const RULE: [f64; 2] = [0.3, 0.7];

/// Adds the contraction of some layers to accumulators of a shape, whose columns are given.
type Adding<'a> = dyn Fn(Range<usize>, Gram, &Vec<u32>, Vec<Accumulator<'_, Array>>) + 'a;

/// A step, and what its contraction must give.
struct Step<'a> {
    case: &'a Case,
    weights: Array,
    change: Vec<f64>,
    queries: Array,
    examples: Array,
    /// `[EXAMPLES, C]`: the loss gradients.
    losses: Vec<f64>,
    /// By layer, `[C * QUERIES, C * EXAMPLES]` and `[C * QUERIES, EXAMPLES]`.
    kernel: Vec<Vec<Entry>>,
    loss: Vec<Vec<Entry>>,
}

impl<'a> Step<'a> {
    /// The inputs are the same for every `number`, the weights are not.
    fn new(case: &'a Case, seed: u64, number: usize) -> Self {
        let (network, outputs) = (&case.network, case.network.outputs);
        let change: Vec<f64> = numbers(seed + 1, network.len).iter().map(|value| 0.1 * value).collect();
        let start: Vec<f64> = case.weights.iter().zip(&change).map(|(w, d)| w + number as f64 * d).collect();
        let mut step = Self {
            case,
            weights: upload(&start),
            change,
            queries: upload(&numbers(seed + 2, QUERIES * network.input_len())),
            examples: upload(&numbers(seed + 3, EXAMPLES * network.input_len())),
            losses: numbers(seed + 4, EXAMPLES * outputs),
            kernel: Vec::new(),
            loss: Vec::new(),
        };
        let nodes = NODES.map(|tau| factors(case, Segment::at(&step.moved(tau)), &step.queries));
        let rights = factors(case, Segment::at(&step.weights), &step.examples);
        let losses = seeded_factors(case, Segment::at(&step.weights), &step.examples, upload(&step.losses), 1);
        for (index, own) in network.blocks.iter().enumerate() {
            let uses =
                |all: &'_ [Factors]| -> Vec<usize> { (0..all.len()).filter(|&at| all[at].block == index).collect() };
            let mut rows = vec![vec![Entry::default(); own.len()]; outputs * QUERIES];
            for (factors, weight) in nodes.iter().zip(RULE) {
                for one in uses(factors).into_iter().map(|at| &factors[at]) {
                    for (row, out) in rows.iter_mut().enumerate() {
                        add_gradient(one, row, row % QUERIES, weight, out);
                    }
                }
            }
            let right = |all: &[Factors], count: usize| {
                let mut rows = vec![vec![Entry::default(); own.len()]; count];
                for one in uses(all).into_iter().map(|at| &all[at]) {
                    for (row, out) in rows.iter_mut().enumerate() {
                        add_gradient(one, row, row % EXAMPLES, 1.0, out);
                    }
                }
                rows
            };
            step.kernel.push(pairs(&rows, &right(&rights, outputs * EXAMPLES)));
            step.loss.push(pairs(&rows, &right(&losses, EXAMPLES)));
        }
        step
    }

    fn moved(&self, tau: f64) -> Array {
        let moved: Vec<f64> = self.weights.iter().zip(&self.change).map(|(w, d)| w + tau * d).collect();
        upload(&moved)
    }

    /// ψ of the nodes, and the layer inputs that no step changes.
    fn queries<'c>(&'c self, choice: &'c [Contraction]) -> (QueryFactors<'c, Cpu>, ConstantInputs<Cpu>) {
        let (backend, network, outputs) = (Cpu::new(), &self.case.network, self.case.network.outputs);
        let mut queries = QueryFactors::new(network, choice, outputs, QUERIES);
        queries.begin(&backend, |_| (0.0, 1.0), None).expect("a step");
        let mut inputs = None;
        for (tau, weight) in NODES.into_iter().zip(RULE) {
            let rows: Vec<(u32, f64)> = (0..QUERIES as u32).map(|query| (query, weight)).collect();
            let node = Rc::new(Node::new(&backend, outputs, QUERIES, &rows, 1.0).expect("a node"));
            let moved = self.moved(tau);
            let segment = Segment::at(&moved);
            let pass = network.forward(&backend, segment, whole(&self.queries), QUERIES).expect("forward");
            let seed = seeds(self.case, QUERIES);
            let visited = network.backward(&backend, segment, &pass, outputs, seed, &mut |factor| {
                queries.add(&backend, &node, factor, None)
            });
            visited.expect("backward");
            inputs = Some(ConstantInputs::new(&backend, network, choice, &pass).expect("inputs"));
        }
        (queries, inputs.expect("a node"))
    }

    /// Contracts as an integration does, every layer alone and all of them together.
    fn check(&self, choice: &[Contraction], constant: &mut BTreeMap<usize, (Array, usize)>) {
        let (backend, network, outputs) = (Cpu::new(), &self.case.network, self.case.network.outputs);
        let segment = Segment::at(&self.weights);
        let pass = network.forward(&backend, segment, whole(&self.examples), EXAMPLES).expect("forward");
        let rows = |seed: Array, copies: usize| {
            ExampleRows::new(&backend, network, choice, &self.weights, &pass, seed, copies).expect("rows")
        };
        let (kernel, loss) = (rows(seeds(self.case, EXAMPLES), outputs), rows(upload(&self.losses), 1));
        let (queries, inputs) = self.queries(choice);
        let products = Products::new(&backend, network, &queries, &inputs, &pass, constant).expect("products");
        let averaged = RowMap::each(&backend, outputs, QUERIES, 1.0).expect("a map");
        self.compare_all(choice, &|layers, gram, columns, into| {
            let rows = if gram.entries == Entries::Loss { &loss } else { &kernel };
            let mut term = Term { gram, rows, averaged: &averaged, columns, into };
            contract(&backend, layers, &queries, &products, &mut term).expect("contract");
        });
    }

    /// The same by a pass of the examples along ψ.
    fn check_along(&self) {
        let (backend, network) = (Cpu::new(), &self.case.network);
        let choice = vec![Contraction::Directional; network.blocks.len()];
        let segment = Segment::at(&self.weights);
        let pass = network.forward(&backend, segment, whole(&self.examples), EXAMPLES).expect("forward");
        let (queries, _) = self.queries(&choice);
        let gradient = upload(&self.losses);
        self.compare_all(&choice, &|layers, gram, columns, into| {
            let gradient = (gram.entries == Entries::Loss).then(|| whole(&gradient));
            let blocks: Vec<usize> = layers.collect();
            let along = Along { network, segment, pass: &pass };
            let mut terms = [AlongTerm { gram, gradient, into }];
            let found = contract_along(&backend, &blocks, &queries, &along, columns, &mut terms);
            found.expect("derivatives");
        });
    }

    /// Every layer alone and all of them together, with all entries.
    fn compare_all(&self, choice: &[Contraction], add: &Adding<'_>) {
        let all = self.case.network.blocks.len();
        let alone = (0..all).map(|layer| layer..layer + 1);
        for layers in alone.chain(std::iter::once(0..all)) {
            for entries in [Entries::Loss, Entries::Trace, Entries::Diagonal, Entries::Full] {
                let what = format!("{}, layers {layers:?}, {entries:?}, {choice:?}", self.case.name);
                self.compare(&what, &layers, entries, add);
            }
        }
    }

    /// One term, with the column weights in a second accumulator.
    fn compare(&self, what: &str, layers: &Range<usize>, entries: Entries, add: &Adding<'_>) {
        let (backend, outputs) = (Cpu::new(), self.case.network.outputs);
        let (queries, examples, stride) = (QUERIES, EXAMPLES, STRIDE);
        let copies = entries.copies(outputs);
        let gram = Gram { entries, outputs, copies, queries, examples, stride, triangle: None };
        let columns = backend.index(&COLUMNS).expect("columns");
        let starts = [numbers(21, gram.len()), numbers(22, gram.len())];
        let weights = numbers(23, gram.columns());
        let held = upload(&weights);
        let mut outs = starts.each_ref().map(|start| upload(start));
        let weighted = [None, Some(&weights)];
        // A trace sums over outputs, the loss's gradient already holds its weight.
        let count = if matches!(entries, Entries::Loss | Entries::Trace) { 1 } else { 2 };
        let into = outs.iter_mut().zip(weighted).take(count).map(|(out, weights)| Accumulator {
            out: whole_mut(out),
            scale: -0.75,
            weights: weights.map(|_| whole(&held)),
        });
        add(layers.clone(), gram, &columns, into.collect());

        let (wanted, across) = match entries {
            Entries::Loss => (&self.loss, EXAMPLES),
            _ => (&self.kernel, outputs * EXAMPLES),
        };
        let value = |row: usize, column: usize| {
            let mut sum = Entry::default();
            wanted[layers.clone()].iter().for_each(|pairs| sum.add(1.0, pairs[row * across + column]));
            sum
        };
        let terms = if entries == Entries::Trace { outputs } else { 1 };
        // A layer's sum passes through the additions of the layers after it.
        let parameters = &self.case.network.blocks[layers.clone()];
        let uses = parameters.iter().flat_map(|block| &block.uses);
        let limit: f64 = uses.map(|one| roundings(one.structure, NODES.len(), terms)).sum();
        for ((out, start), weights) in outs.iter().zip(&starts).zip(weighted).take(count) {
            let want = accumulated(&gram, &COLUMNS, start, -0.75, weights.map(Vec::as_slice), &value);
            compare(what, out, &want, limit * ROUNDING);
        }
    }
}

#[test]
fn every_contraction_agrees_with_loops() {
    let mut seen = BTreeMap::new();
    for (seed, case) in cases().into_iter().enumerate() {
        let steps = [0, 1].map(|number| Step::new(&case, seed as u64 + 4000, number));
        steps.iter().for_each(Step::check_along);
        // Momentum of the examples asks for a preconditioner: tests/engine/directional.rs has it.
        for wanted in Contraction::OF_LAYERS.into_iter().filter(|way| *way != Contraction::Forwards) {
            let allowed =
                case.network.blocks.iter().map(|own| choices(&case.network, own, Readout::Outputs, Carried::Nothing));
            let layers = allowed.clone().filter(|allowed| allowed.contains(&wanted)).count();
            *seen.entry(wanted.name()).or_insert(0) += layers;
            if layers == 0 {
                continue;
            }
            // A layer that does not allow it takes the first way that it does.
            let choice: Vec<Contraction> =
                allowed.map(|allowed| if allowed.contains(&wanted) { wanted } else { allowed[0] }).collect();
            // What does not change from step to step is kept.
            let mut constant = BTreeMap::new();
            steps.iter().for_each(|step| step.check(&choice, &mut constant));
        }
    }
    println!("layers of each contraction: {seen:?}");
    assert!(seen.values().all(|&count| count >= 5), "{seen:?}");
}
