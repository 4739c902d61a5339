//! The contractions of a layer's rows, factored and materialised, against loops over the factors.

use crate::cases::{Case, Cpu, Factors, cases, factors, numbers};
use pathkernel::backend::{Backend, Gram, GramFactors, Layout, MatMul, Outer, RowMap, Slice, SliceMut, Start};
use pathkernel::network::{Parameters, Segment};
use pathkernel::tangent::{Contraction, Entries, ExampleRows, QueryRows, Term};

/// One rounding of f64, relative.
const ROUNDING: f64 = f64::EPSILON / 2.0;
const EXAMPLES: usize = 3;

fn whole(values: &Vec<f64>) -> Slice<'_, Vec<f64>> {
    Slice::new(values, 0, values.len())
}

/// A layer's gradient row `Σ_p δ_p ⊗ a_p` and its bias, by loops; with `size` each number counts by its absolute
/// value, and what comes out is what roundings are relative to.
fn gradient(own: &Parameters, layer: &Factors, row: usize, base: usize, size: bool) -> Vec<f64> {
    let value = |x: f64| if size { x.abs() } else { x };
    let height = if own.is_norm() { own.width } else { own.height };
    let mut out = vec![0.0; own.len()];
    for p in 0..own.positions {
        let delta = &layer.delta[(row * own.positions + p) * height..][..height];
        let input = &layer.input[(base * own.positions + p) * own.width..][..own.width];
        for (i, &delta) in delta.iter().enumerate() {
            if own.is_norm() {
                out[i] += value(delta * input[i]);
            } else {
                (0..own.width).for_each(|j| out[i * own.width + j] += value(delta * input[j]));
            }
            if own.bias > 0 {
                out[own.weight_len() + i] += value(delta);
            }
        }
    }
    out
}

/// Queries with a node count of their own each, one of them with none: base rows, τ and quadrature weights.
struct Queries {
    nodes: Vec<usize>,
    weights: Vec<f64>,
    change: Vec<f64>,
    tau: Vec<f64>,
    inputs: Vec<f64>,
}

impl Queries {
    fn new(case: &Case, seed: u64, nodes: &[usize]) -> Self {
        let base: usize = nodes.iter().sum();
        Self {
            nodes: nodes.to_vec(),
            weights: numbers(seed + 1, base),
            change: numbers(seed + 2, case.network.len).iter().map(|value| 0.1 * value).collect(),
            tau: numbers(seed + 3, base).iter().map(|value| 0.5 + 0.5 * value).collect(),
            inputs: numbers(seed + 4, base * case.network.input_len()),
        }
    }

    fn base(&self) -> usize {
        self.nodes.iter().sum()
    }

    fn segment<'a>(&'a self, case: &'a Case) -> Segment<'a, Vec<f64>> {
        Segment { weights: &case.weights, step: Some((&self.change, whole(&self.tau))) }
    }

    /// The first row of every output `(c, query)`, c first, and the end.
    fn offsets(&self, outputs: usize) -> Vec<u32> {
        let counts = (0..outputs).flat_map(|_| self.nodes.iter());
        let ends = counts.scan(0, |end, &count| {
            *end += count as u32;
            Some(*end)
        });
        [0].into_iter().chain(ends).collect()
    }

    fn map(&self, outputs: usize) -> RowMap<Cpu> {
        let base = self.base();
        let inputs: Vec<u32> = (0..outputs * base).map(|row| (row % base) as u32).collect();
        let weights: Vec<f64> = (0..outputs).flat_map(|_| self.weights.clone()).collect();
        RowMap::new(&Cpu::new(), &self.offsets(outputs), &inputs, &weights).expect("a map")
    }

    /// What a contraction must give, and its size: `[C * queries, C * examples]`.
    fn expected(&self, case: &Case, own: &Parameters, left: &Factors, right: &Factors) -> Vec<(f64, f64)> {
        let (outputs, base) = (case.network.outputs, self.base());
        let offsets = self.offsets(outputs);
        let mut all = Vec::new();
        let columns: Vec<[Vec<f64>; 2]> = (0..outputs * EXAMPLES)
            .map(|column| [false, true].map(|size| gradient(own, right, column, column % EXAMPLES, size)))
            .collect();
        for ends in offsets.windows(2) {
            let mut sums = vec![(0.0, 0.0); outputs * EXAMPLES];
            for row in ends[0] as usize..ends[1] as usize {
                let [value, size] = [false, true].map(|size| gradient(own, left, row, row % base, size));
                let weight = self.weights[row % base];
                for (sum, [other, other_size]) in sums.iter_mut().zip(&columns) {
                    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                    sum.0 += weight * dot(&value, other);
                    sum.1 += weight.abs() * dot(&size, other_size);
                }
            }
            all.extend(sums);
        }
        all
    }
}

/// Roundings of an entry, however it is computed: products along the height, the width or the whole row, sums over
/// pairs of positions and over rows; as many again for what it is compared with.
fn roundings(own: &Parameters, longest: usize) -> f64 {
    2.0 * (own.len() + own.height + own.width + (longest + 2) * own.positions + longest + 8) as f64
}

/// Fails where an entry is off by more than its roundings; the largest share of the bound that is used.
fn compare(what: &str, got: &[f64], want: &[(f64, f64)], roundings: f64) -> f64 {
    assert_eq!(got.len(), want.len(), "{what}");
    let mut worst: f64 = 0.0;
    for (place, (got, (want, size))) in got.iter().zip(want).enumerate() {
        let bound = roundings * ROUNDING * size;
        let near = (got - want).abs() <= bound;
        assert!(near, "{what}: entry {place} is {got} instead of {want}, off by {:e} > {bound:e}", (got - want).abs());
        if got != want {
            worst = worst.max((got - want).abs() / bound);
        }
    }
    worst
}

/// The operations, with a map whose outputs have 2, 0, 3 and 1 rows.
#[test]
fn both_contractions_agree_with_loops_on_uneven_rows() {
    let backend = Cpu::new();
    for (seed, case) in cases().into_iter().enumerate() {
        let outputs = case.network.outputs;
        let queries = Queries::new(&case, seed as u64 + 2000, &[2, 0, 3, 1]);
        let inputs = numbers(seed as u64 + 3000, EXAMPLES * case.network.input_len());
        let lefts = factors(&case, queries.segment(&case), &queries.inputs);
        let rights = factors(&case, Segment::at(&case.weights), &inputs);
        let map = queries.map(outputs);
        let columns: Vec<u32> = (0..(outputs * EXAMPLES) as u32).collect();
        for ((own, left), right) in case.network.parameters.iter().zip(&lefts).zip(&rights) {
            let want = queries.expected(&case, own, left, right);
            let limit = roundings(own, 3);
            let what = format!("{}, layer {}", case.name, own.layer);
            let gram = Gram {
                first: 0,
                outputs: map.outputs,
                columns: columns.len(),
                examples: EXAMPLES,
                positions: own.positions,
                depth: own.height,
                stride: columns.len(),
                scale: 1.0,
            };
            let out = |values: &mut Vec<f64>, shape: &Gram, map: &RowMap<Cpu>, factors: GramFactors<'_, Vec<f64>>| {
                let out = SliceMut::new(values, 0, want.len());
                backend.gram(shape, map, &columns, out, factors).expect("gram");
            };

            let form = |map: &RowMap<Cpu>, layer: &Factors| {
                let mut rows = vec![0.0; map.outputs * own.len()];
                let out = SliceMut::new(&mut rows, 0, map.outputs * own.len());
                let (delta, input) = (whole(&layer.delta), whole(&layer.input));
                if own.is_norm() {
                    backend.outer_diagonal(own.width, own.positions, map, out, delta, input).expect("rows");
                } else {
                    let (height, width, positions) = (own.height, own.width, own.positions);
                    let shape = Outer { height, width, positions, bias: own.bias > 0 };
                    backend.outer(&shape, map, out, delta, input).expect("rows");
                }
                rows
            };
            let each = |rows: usize, base: usize| {
                let offsets: Vec<u32> = (0..=rows as u32).collect();
                let inputs: Vec<u32> = (0..rows).map(|row| (row % base) as u32).collect();
                RowMap::new(&backend, &offsets, &inputs, &vec![1.0; rows]).expect("a map")
            };
            let (formed, others) = (form(&map, left), form(&each(columns.len(), EXAMPLES), right));
            let mut materialised = vec![0.0; want.len()];
            let shape = Gram { positions: 1, depth: own.len(), ..gram };
            let rows = GramFactors { left: whole(&formed), right: whole(&others), inputs: None };
            out(&mut materialised, &shape, &each(map.outputs, map.outputs), rows);
            let worst = compare(&format!("{what}, materialised"), &materialised, &want, limit);

            if own.is_norm() {
                println!("{what}: {worst:.1e} of the bound");
                continue;
            }
            let product = MatMul {
                rows: queries.base() * own.positions,
                columns: EXAMPLES * own.positions,
                depth: own.width,
                layout: Layout::Transposed,
                start: Start::Value(if own.bias > 0 { 1.0 } else { 0.0 }),
            };
            let len = product.rows * product.columns;
            let mut inner = vec![0.0; len];
            backend
                .matmul(&product, SliceMut::new(&mut inner, 0, len), whole(&left.input), whole(&right.input), None)
                .expect("matmul");
            let mut factored = vec![0.0; want.len()];
            let rows =
                GramFactors { left: whole(&left.delta), right: whole(&right.delta), inputs: Some(whole(&inner)) };
            out(&mut factored, &gram, &map, rows);
            let other = compare(&format!("{what}, factored"), &factored, &want, limit);
            println!("{what}: {worst:.1e} materialised, {other:.1e} factored, of the bound");
        }
    }
}

/// What an integration calls: every choice of entries, both contractions, columns that are not the examples' own.
#[test]
fn accumulated_entries_agree_with_loops() {
    const NODES: usize = 2;
    const QUERIES: usize = 2;
    const STRIDE: usize = EXAMPLES + 1;
    let (backend, places) = (Cpu::new(), [2, 0, 3u32]);
    let scale = -0.75;
    for (seed, case) in cases().into_iter().enumerate() {
        let (network, outputs) = (&case.network, case.network.outputs);
        let mut queries = Queries::new(&case, seed as u64 + 4000, &[NODES; QUERIES]);
        let rule = [0.3, 0.7];
        queries.weights = rule.repeat(QUERIES);
        let inputs = numbers(seed as u64 + 5000, EXAMPLES * network.input_len());
        let lefts = factors(&case, queries.segment(&case), &queries.inputs);
        let rights = factors(&case, Segment::at(&case.weights), &inputs);
        let pass = network.forward(&backend, Segment::at(&case.weights), whole(&inputs), EXAMPLES).expect("forward");
        let size = EXAMPLES * outputs * outputs;
        let mut seeds = vec![0.0; size];
        backend.seed(EXAMPLES, outputs, SliceMut::new(&mut seeds, 0, size), None).expect("seed");
        // The loss rows: the last output's gradient alone.
        let last: Vec<f64> = (0..EXAMPLES * outputs).map(|e| f64::from((e + 1) % outputs == 0)).collect();
        let all: Vec<u32> =
            (0..outputs * EXAMPLES).map(|s| (s / EXAMPLES * STRIDE) as u32 + places[s % EXAMPLES]).collect();
        let rows = QueryRows::new(&backend, outputs, QUERIES, &rule).expect("rows");
        for choice in [Contraction::Factored, Contraction::Materialised] {
            // A layer_norm has no factored form.
            let pick = |own: &Parameters| if own.is_norm() { Contraction::Materialised } else { choice };
            let choices: Vec<Contraction> = network.parameters.iter().map(pick).collect();
            let side = |seed: Vec<f64>, copies| {
                ExampleRows::new(&backend, network, &choices, &case.weights, &pass, seed, copies).expect("rows")
            };
            let (kernel, loss) = (side(seeds.clone(), outputs), side(last.clone(), 1));
            for entries in [Entries::Loss, Entries::Trace, Entries::Diagonal, Entries::Full] {
                for ((own, left), right) in network.parameters.iter().zip(&lefts).zip(&rights) {
                    let pairs = queries.expected(&case, own, left, right);
                    let pair = |c: usize, query: usize, d: usize, example: usize| {
                        let (value, size) = pairs[((c * QUERIES + query) * outputs + d) * EXAMPLES + example];
                        (scale * value, scale.abs() * size)
                    };
                    let full = entries == Entries::Full;
                    let (columns, stride) = if full { (&all, STRIDE * outputs) } else { (&places.to_vec(), STRIDE) };
                    let len = entries.len(outputs, QUERIES, STRIDE);
                    // Sums are added to what is there.
                    let mut out = vec![2.0; len];
                    let mut want = vec![(2.0, 2.0); len];
                    for (example, &place) in places.iter().enumerate() {
                        for (c, query, d) in triples(outputs, QUERIES) {
                            let (at, value) = match entries {
                                Entries::Loss if d + 1 == outputs => (c * QUERIES + query, pair(c, query, d, example)),
                                Entries::Trace if c == d => (query, pair(c, query, d, example)),
                                Entries::Diagonal if c == d => (c * QUERIES + query, pair(c, query, d, example)),
                                Entries::Full => ((c * QUERIES + query) * outputs + d, pair(c, query, d, example)),
                                _ => continue,
                            };
                            let share = if entries == Entries::Trace { 1.0 / outputs as f64 } else { 1.0 };
                            let want = &mut want[at * STRIDE + place as usize];
                            *want = (want.0 + share * value.0, want.1 + share * value.1);
                        }
                    }
                    let rows_of = if entries == Entries::Loss { &loss } else { &kernel };
                    let mut terms = [Term { entries, rows: rows_of, columns, stride, scale, out: &mut out }];
                    let factor = pathkernel::network::Factor {
                        index: left.index,
                        delta: whole(&left.delta),
                        input: whole(&left.input),
                    };
                    rows.contract(&backend, own, &factor, &mut terms, whole(&right.input)).expect("contract");
                    let what = format!("{}, layer {}, {entries:?}, {choice:?}", case.name, own.layer);
                    compare(&what, &out, &want, roundings(own, NODES) + 2.0 * outputs as f64);
                }
            }
        }
    }
}

/// Every (output, query, output).
fn triples(outputs: usize, queries: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..outputs * queries * outputs).map(move |k| (k / outputs / queries, k / outputs % queries, k % outputs))
}
