//! The operations that contractions are made of, with the factors of networks: rows of queries that have different
//! numbers of nodes, averages and gradients formed in several calls.

use super::cases::{Case, cases};
use super::factors::{
    Array, Cpu, Factors, add_gradient, factors, gradients, outer, pairs, roundings, upload, whole, whole_mut,
};
use crate::common::loops::{Entry, accumulated, compare};
use pathkernel::compute::{
    Accumulator, Backend, Entries, Gram, Layout, MatMul, Matches, OuterRows, Part, RowMap, Start,
};
use pathkernel::graph::{Block, Matrix, Segment, Structure, Table};
use pathkernel::random::numbers;

/// One rounding of f64, relative.
const ROUNDING: f64 = f64::EPSILON / 2.0;
const EXAMPLES: usize = 3;
/// Where the examples lie, in rows of 5.
const COLUMNS: [u32; EXAMPLES] = [0, 2, 3];
const STRIDE: usize = 5;
/// Nodes of each query.
const NODES: [usize; 4] = [2, 0, 3, 1];
const LONGEST: usize = 3;

/// Queries with a node count of their own each, one of them with none: base rows, τ and quadrature weights.
struct Queries {
    weights: Vec<f64>,
    change: Array,
    tau: Array,
    inputs: Array,
}

impl Queries {
    fn new(case: &Case, seed: u64) -> Self {
        let base = Self::base();
        let change: Vec<f64> = numbers(seed + 2, case.network.len).iter().map(|value| 0.1 * value).collect();
        let tau: Vec<f64> = numbers(seed + 3, base).iter().map(|value| 0.5 + 0.5 * value).collect();
        Self {
            weights: numbers(seed + 1, base),
            change: upload(&change),
            tau: upload(&tau),
            inputs: upload(&numbers(seed + 4, base * case.network.input_len())),
        }
    }

    fn base() -> usize {
        NODES.iter().sum()
    }

    /// The factors of the queries, each row at its own weights.
    fn factors(&self, case: &Case) -> Vec<Factors> {
        let weights = upload(&case.weights);
        let segment = Segment { weights: &weights, step: Some((&self.change, whole(&self.tau))) };
        factors(case, segment, &self.inputs)
    }

    /// The first row of every output `(c, query)`, c first, and the end.
    fn offsets(outputs: usize) -> Vec<u32> {
        let counts = (0..outputs).flat_map(|_| NODES);
        let ends = counts.scan(0, |end, count| {
            *end += count as u32;
            Some(*end)
        });
        [0].into_iter().chain(ends).collect()
    }

    fn map(&self, outputs: usize) -> RowMap<Array, Vec<u32>> {
        let base = Self::base();
        let inputs: Vec<u32> = (0..outputs * base).map(|row| (row % base) as u32).collect();
        RowMap::new(&Cpu::new(), &Self::offsets(outputs), &inputs, &self.weights.repeat(outputs)).expect("a map")
    }

    /// The gradient rows of the outputs, added to `start`.
    fn rows(&self, layer: &Factors, outputs: usize, start: &[f64]) -> Vec<Vec<Entry>> {
        let base = Self::base();
        let mut all = Vec::new();
        for (ends, start) in Self::offsets(outputs).windows(2).zip(start.chunks(layer.structure.len())) {
            let mut out: Vec<Entry> = start.iter().map(|&value| Entry::new(value)).collect();
            for row in ends[0] as usize..ends[1] as usize {
                add_gradient(layer, row, row % base, self.weights[row % base], &mut out);
            }
            all.push(out);
        }
        all
    }
}

/// The cases whose blocks have one use each.
fn untied() -> impl Iterator<Item = Case> {
    cases().into_iter().filter(|case| case.network.blocks.iter().all(|block| block.only_use().is_some()))
}

/// What the parts of a layer borrow.
struct Layer<'a> {
    own: &'a Block,
    structure: Structure,
    left: Array,
    right: Array,
    left_rows: Array,
    right_rows: Array,
    inputs: Array,
    products: Array,
}

impl<'a> Layer<'a> {
    fn new(own: &'a Block, queries: &Queries, left: &Factors, right: &Factors, outputs: usize) -> Self {
        let (map, copies) = (queries.map(outputs), RowMap::each(&Cpu::new(), outputs, EXAMPLES, 1.0).expect("a map"));
        let form = |map: &RowMap<Array, Vec<u32>>, layer: &Factors| {
            let mut rows = upload(&vec![f64::NAN; map.outputs * own.len()]);
            layer.write_rows(map, Start::Value(0.0), &mut rows);
            rows
        };
        Self {
            own,
            structure: left.structure,
            left: upload(&left.delta),
            right: upload(&right.delta),
            left_rows: form(&map, left),
            right_rows: form(&copies, right),
            inputs: upload(&right.input),
            products: products(left, right),
        }
    }

    /// The layer's part in each way, for examples with `copies` rows each.
    fn parts<'b>(&'b self, map: &'b RowMap<Array, Vec<u32>>, copies: usize) -> Vec<Part<'b, Array, Vec<u32>>> {
        let (own, columns) = (self.own, copies * EXAMPLES);
        let rows = whole(&self.right_rows).part(0, columns * own.len());
        let mut parts = vec![Part::Rows { depth: own.len(), left: whole(&self.left_rows), right: rows }];
        if let Structure::Dense(depth) = self.structure {
            let right = whole(&self.right).part(0, columns * depth);
            parts.push(Part::Rows { depth, left: whole(&self.left_rows), right });
        }
        if let Structure::Rows(Table { count, width, positions, padding }) = self.structure {
            let delta = whole(&self.right).part(0, columns * positions * width);
            let shape = OuterRows { count, width, positions, padding, start: Start::Value(0.0) };
            let (left, tokens) = (whole(&self.left_rows), whole(&self.inputs));
            parts.push(Part::Picked { shape, left, delta, tokens });
            let (left, inputs) = (whole(&self.left), whole(&self.products));
            parts.push(Part::Factored { map, positions, depth: width, left, right: delta, inputs, exchanges: false });
        }
        if let Structure::Outer(matrix) = self.structure {
            let Matrix { height, positions, .. } = matrix;
            let delta = whole(&self.right).part(0, columns * positions * height);
            let shape = outer(matrix, Start::Value(0.0));
            parts.push(Part::Half { shape, left: whole(&self.left_rows), delta, input: whole(&self.inputs) });
            let (left, inputs) = (whole(&self.left), whole(&self.products));
            parts.push(Part::Factored { map, positions, depth: height, left, right: delta, inputs, exchanges: false });
        }
        parts
    }
}

/// The products of a layer's inputs, `[base rows, P, P, examples]`, and 1 for a bias; nothing for a diagonal.
fn products(left: &Factors, right: &Factors) -> Array {
    if let Structure::Rows(Table { count, positions, padding, .. }) = left.structure {
        let mut out = upload(&vec![0.0; left.input.len() * right.input.len()]);
        let (left, right) = (upload(&left.input), upload(&right.input));
        let matches = Matches { count, positions, examples: EXAMPLES, padding };
        Cpu::new().run(&matches, (whole_mut(&mut out), whole(&left), whole(&right))).expect("matches");
        return out;
    }
    let Structure::Outer(Matrix { width, positions: p, bias, .. }) = left.structure else {
        return upload(&[]);
    };
    let turned = (0..p).flat_map(|at| (0..EXAMPLES).map(move |example| example * p + at));
    let turned: Vec<f64> = turned.flat_map(|row| right.input[row * width..][..width].to_vec()).collect();
    let start = Start::Value(if bias { 1.0 } else { 0.0 });
    let shape =
        MatMul { rows: Queries::base() * p, columns: p * EXAMPLES, depth: width, layout: Layout::Transposed, start };
    let mut out = upload(&vec![0.0; shape.rows * shape.columns]);
    let (left, turned) = (upload(&left.input), upload(&turned));
    Cpu::new().matmul(&shape, whole_mut(&mut out), whole(&left), whole(&turned), None).expect("products");
    out
}

/// A call with some parts, into two accumulators where the entries allow column weights, against the sum of all `pairs`.
fn check(what: &str, gram: &Gram, parts: &[Part<'_, Array, Vec<u32>>], pairs: &[&Vec<Entry>], roundings: f64) {
    let all = gram.outputs * gram.examples;
    let columns = gram.columns();
    let (first, second) = (numbers(11, gram.len()), numbers(12, gram.len()));
    let weights = numbers(13, columns);
    let weighted = matches!(gram.entries, Entries::Diagonal | Entries::Full);
    let (mut plain, mut other, held) = (upload(&first), upload(&second), upload(&weights));
    let mut into = vec![Accumulator { out: whole_mut(&mut plain), scale: -0.75, weights: None }];
    if weighted {
        into.push(Accumulator { out: whole_mut(&mut other), scale: 1.25, weights: Some(whole(&held)) });
    }
    Cpu::new().gram(gram, &COLUMNS.to_vec(), parts, &mut into).expect("gram");
    let value = |row: usize, column: usize| {
        let mut sum = Entry::default();
        pairs.iter().for_each(|pairs| sum.add(1.0, pairs[row * all + column]));
        sum
    };
    let want = accumulated(gram, &COLUMNS, &first, -0.75, None, &value);
    compare(what, &plain, &want, roundings * ROUNDING);
    if weighted {
        let want = accumulated(gram, &COLUMNS, &second, 1.25, Some(&weights), &value);
        compare(&format!("{what}, weighted"), &other, &want, roundings * ROUNDING);
    }
}

#[test]
fn uneven_rows_agree_with_loops_in_every_part() {
    for (seed, case) in untied().enumerate() {
        let (network, outputs) = (&case.network, case.network.outputs);
        let queries = Queries::new(&case, seed as u64 + 2000);
        let inputs = upload(&numbers(seed as u64 + 3000, EXAMPLES * network.input_len()));
        let lefts = queries.factors(&case);
        let rights = factors(&case, Segment::at(&upload(&case.weights)), &inputs);
        let map = queries.map(outputs);
        let mut layers = Vec::new();
        let mut wanted = Vec::new();
        for ((own, left), right) in network.blocks.iter().zip(&lefts).zip(&rights) {
            let rows = queries.rows(left, outputs, &vec![0.0; outputs * NODES.len() * own.len()]);
            wanted.push(pairs(&rows, &gradients(right, outputs * EXAMPLES, EXAMPLES)));
            layers.push(Layer::new(own, &queries, left, right, outputs));
        }
        for entries in [Entries::Loss, Entries::Trace, Entries::Diagonal, Entries::Full] {
            let (copies, terms) = (entries.copies(outputs), if entries == Entries::Trace { outputs } else { 1 });
            let (queries, examples, stride) = (NODES.len(), EXAMPLES, STRIDE);
            let gram = Gram { entries, outputs, copies, queries, examples, stride, triangle: None };
            let mut together = Vec::new();
            let mut most: f64 = 0.0;
            for (number, (layer, pairs)) in layers.iter().zip(&wanted).enumerate() {
                let limit = roundings(layer.structure, LONGEST, terms);
                let parts = layer.parts(&map, copies);
                for part in &parts {
                    let what = format!("{}, layer {}, {entries:?}, {}", case.name, layer.own.layer, name(part));
                    check(&what, &gram, std::slice::from_ref(part), &[pairs], limit);
                }
                together.push(parts[number % parts.len()]);
                most = most.max(limit);
            }
            // A layer's sum passes through the additions of the layers after it.
            let limit = most + 2.0 * together.iter().map(|part| pairs_of_positions(part)).sum::<usize>() as f64;
            let all: Vec<&Vec<Entry>> = wanted.iter().collect();
            check(&format!("{}, all layers, {entries:?}", case.name), &gram, &together, &all, limit);
        }
    }
}

fn name(part: &Part<'_, Array, Vec<u32>>) -> &'static str {
    match part {
        Part::Factored { .. } => "factored",
        Part::Output { .. } => "output",
        Part::Rows { .. } => "rows",
        Part::Half { .. } => "half",
        Part::Picked { .. } => "picked",
    }
}

/// Additions to an entry's sum that a part makes.
fn pairs_of_positions(part: &Part<'_, Array, Vec<u32>>) -> usize {
    match part {
        Part::Factored { positions, .. } => LONGEST * positions * positions,
        _ => 1,
    }
}

/// Quadrature nodes are added one call after another: to what is there, or to a number.
#[test]
fn gradients_and_averages_are_added_to_what_is_there() {
    for (seed, case) in untied().enumerate() {
        let outputs = case.network.outputs;
        let queries = Queries::new(&case, seed as u64 + 6000);
        let map = queries.map(outputs);
        for (own, layer) in case.network.blocks.iter().zip(&queries.factors(&case)) {
            let width = layer.structure.delta_len();
            let bound = roundings(layer.structure, LONGEST, 1) * ROUNDING;
            for start in [Start::Value(0.5), Start::Output] {
                let what = format!("{}, layer {}, {start:?}", case.name, own.layer);
                let before = |seed: u64, len: usize| match start {
                    Start::Value(value) => (vec![f64::NAN; len], vec![value; len]),
                    Start::Output => (numbers(seed, len), numbers(seed, len)),
                };
                let (held, first) = before(14, map.outputs * own.len());
                let mut rows = upload(&held);
                layer.write_rows(&map, start, &mut rows);
                compare(&format!("{what}, rows"), &rows, &queries.rows(layer, outputs, &first).concat(), bound);

                let (held, first) = before(15, map.outputs * width);
                let (mut mean, delta) = (upload(&held), upload(&layer.delta));
                Cpu::new().average(width, start, &map, whole_mut(&mut mean), whole(&delta)).expect("average");
                let mut want: Vec<Entry> = first.iter().map(|&value| Entry::new(value)).collect();
                for (output, ends) in Queries::offsets(outputs).windows(2).enumerate() {
                    for row in ends[0] as usize..ends[1] as usize {
                        let weight = queries.weights[row % Queries::base()];
                        let values = &layer.delta[row * width..][..width];
                        let want = want[output * width..][..width].iter_mut();
                        want.zip(values).for_each(|(want, &value)| want.add(weight, Entry::new(value)));
                    }
                }
                compare(&format!("{what}, average"), &mean, &want, bound);
            }
        }
    }
}
