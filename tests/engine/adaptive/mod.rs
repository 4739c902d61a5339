//! The rule `adaptive`, through the library: each query's nodes against integrals by brute force.

mod cases;
mod digits;
mod dual;
mod made;
mod reference;

use cases::{Case, cases, linear, network, numbers, relu};
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Backend, Element, Slice};
use pathkernel::graph::Graph;
use pathkernel::path::adaptive::{Adaptive, Read, Readout, Row, Settled, Step};
use reference::{Line, distance, largest};

const QUERIES: usize = 3;

/// The nodes of some queries on a step, on the CPU in a precision.
fn settle<E: Element>(
    network: &Graph,
    weights: &[f64],
    change: &[f64],
    x: &[f64],
    readout: Option<Box<dyn Readout<CpuBackend<E>>>>,
    tolerance: f64,
) -> Settled {
    settle_on(&CpuBackend::<E>::new(), network, (weights, change), x, readout, tolerance)
}

fn settle_on<B: Backend>(
    backend: &B,
    network: &Graph,
    (weights, change): (&[f64], &[f64]),
    x: &[f64],
    readout: Option<Box<dyn Readout<B>>>,
    tolerance: f64,
) -> Settled {
    let upload = |values: &[f64]| {
        let values: Vec<B::Element> = values.iter().map(|&value| B::Element::from_f64(value)).collect();
        backend.upload(&values).expect("room")
    };
    let queries = x.len() / network.input_len();
    let moved: Vec<f64> = weights.iter().zip(change).map(|(w, d)| w + d).collect();
    let adaptive = Adaptive::new(backend, network, readout, tolerance).expect("room");
    let (start, end, change, inputs) = (upload(weights), upload(&moved), upload(change), upload(x));
    let ends = [&start, &end].map(|weights| adaptive.values(weights, &inputs, queries).expect("values"));
    let step = Step { weights: &start, change: &change, inputs: &inputs, queries, ends: [&ends[0], &ends[1]] };
    let settled = adaptive.settle(&step).expect("settled");
    check_rows(&settled, queries);
    settled
}

/// Sorted by query and τ, in the segment, and weights that sum to 1.
fn check_rows(settled: &Settled, queries: usize) {
    let key = |row: &Row| (row.query, row.tau);
    assert!(settled.rows.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])));
    assert!(settled.rows.iter().all(|row| row.tau > 0.0 && row.tau < 1.0 && row.weight > 0.0));
    for query in 0..queries {
        let sum: f64 = of(settled, query).map(|(_, weight)| weight).sum();
        assert!((sum - 1.0).abs() < 1e-12, "query {query}: the weights sum to {sum}");
    }
}

fn of(settled: &Settled, query: usize) -> impl Iterator<Item = (f64, f64)> + '_ {
    settled.rows.iter().filter(move |row| row.query as usize == query).map(|row| (row.tau, row.weight))
}

/// A case with weights, a change of some size and inputs.
struct Problem<'a> {
    network: &'a Graph,
    weights: Vec<f64>,
    change: Vec<f64>,
    x: Vec<f64>,
}

impl<'a> Problem<'a> {
    fn new(network: &'a Graph, seed: u64, size: f64) -> Self {
        let weights = network.draw(seed).iter().map(|w| 1.5 * w).collect();
        let change = numbers(seed + 1, network.len).iter().map(|x| size * x).collect();
        Self { network, weights, change, x: numbers(seed + 2, QUERIES * network.input_len()) }
    }

    fn line(&self, query: usize) -> Line<'_> {
        let width = self.network.input_len();
        let x = &self.x[query * width..][..width];
        Line { network: self.network, weights: &self.weights, change: &self.change, x }
    }

    fn settle(&self, tolerance: f64) -> Settled {
        settle::<f64>(self.network, &self.weights, &self.change, &self.x, None, tolerance)
    }
}

/// The certificate of some rows, by dual numbers: what is missing, and what may be.
fn certificate(line: &Line<'_>, rows: impl Iterator<Item = (f64, f64)>, tolerance: f64) -> (f64, f64) {
    let (start, end) = (line.values(0.0), line.values(1.0));
    let change: Vec<f64> = end.iter().zip(&start).map(|(end, start)| end - start).collect();
    let error = distance(&change, &line.integral(line.change, rows));
    let floor = 16.0 * f64::EPSILON / 2.0 * largest(&start).max(largest(&end));
    (error, (tolerance * largest(&change)).max(floor))
}

/// For every kind of network and changes of every size: the nodes give ∫ ∇f · v for directions v that have nothing to do with
/// the step.
#[test]
fn integrals_agree_with_brute_force() {
    for (number, case) in cases().into_iter().enumerate() {
        for (seed, size) in [(0, 0.003), (1, 0.05), (2, 0.5), (3, 0.5), (4, 1.5)] {
            check_integrals(&case, &Problem::new(&case.network, 100 * number as u64 + 10 * seed, size));
        }
    }
}

fn check_integrals(Case { name, network, linear }: &Case, problem: &Problem<'_>) {
    let settled = problem.settle(1e-9);
    let (mut worst, mut flips): (f64, usize) = (0.0, 0);
    for query in 0..QUERIES {
        let line = problem.line(query);
        let found = line.flips(2000);
        let v = numbers(7 + query as u64, network.len);
        let want = line.exact(&v, &found, if *linear { 1 } else { 30 });
        worst = worst.max(distance(&line.integral(&v, of(&settled, query)), &want) / largest(&want));
        flips += found.len();
    }
    let (nodes, size) = (settled.rows.len(), largest(&problem.change));
    println!("{name}, change {size:.3}: largest error {worst:.1e}, {nodes} nodes, {flips} flips");
    // Of a mixed network the certificate alone says how near the integral is.
    assert!(worst <= if *linear { 1e-9 } else { 1e-6 }, "{name}, {size}: {worst:e}");
    assert_eq!(settled.missed, [] as [u32; 0], "{name}, {size}");
}

/// What is not reported as missed holds the certificate, by other arithmetic: to twice the bound, for its roundings.
#[test]
fn certificates_hold() {
    for (number, Case { name, network, .. }) in cases().into_iter().enumerate() {
        for tolerance in [1e-6, 1e-9, 1e-12] {
            let problem = Problem::new(&network, 1000 + 10 * number as u64, 0.1);
            let settled = problem.settle(tolerance);
            for query in (0..QUERIES).filter(|&query| !settled.missed.contains(&(query as u32))) {
                let (error, allowed) = certificate(&problem.line(query), of(&settled, query), tolerance);
                assert!(error <= 2.0 * allowed, "{name}, {tolerance:e}, query {query}: {error:e} > {allowed:e}");
            }
            assert!(settled.missed.is_empty(), "{name}, {tolerance:e}: missed {:?}", settled.missed);
        }
    }
}

/// An output of the network alone, and the product of two.
struct Product;

impl<E: Element> Readout<CpuBackend<E>> for Product {
    fn count(&self) -> usize {
        1
    }

    fn is_linear(&self) -> bool {
        false
    }

    fn read(
        &self,
        backend: &CpuBackend<E>,
        outputs: Slice<'_, <CpuBackend<E> as Backend>::Buffer>,
        queries: &[u32],
    ) -> Result<Read<CpuBackend<E>>, pathkernel::compute::BackendError> {
        let outputs = backend.download(outputs)?;
        let width = outputs.len() / queries.len();
        let (mut values, mut seeds) = (Vec::new(), vec![E::ZERO; outputs.len()]);
        for (row, outputs) in outputs.chunks(width).enumerate() {
            values.push(outputs[0] * outputs[1]);
            seeds[row * width] = outputs[1];
            seeds[row * width + 1] = outputs[0];
        }
        Ok(Read { values: backend.upload(&values)?, seeds: backend.upload(&seeds)? })
    }
}

/// A readout of one number: d(f₀ f₁) = f₁ df₀ + f₀ df₁, whose integral is no longer exact with few nodes.
#[test]
fn readouts_have_a_certificate_of_their_own() {
    let network = network(&[6], vec![linear(12), relu(), linear(10), relu(), linear(3)]);
    let problem = Problem::new(&network, 77, 0.2);
    let settled = settle::<f64>(&network, &problem.weights, &problem.change, &problem.x, Some(Box::new(Product)), 1e-9);
    assert!(settled.missed.is_empty());
    let v = numbers(78, network.len);
    for query in 0..QUERIES {
        let line = problem.line(query);
        let slope = |direction: &[f64], tau: f64| {
            let outputs = line.at(tau, direction).outputs;
            outputs[0].value * outputs[1].slope + outputs[1].value * outputs[0].slope
        };
        let sum = |direction: &[f64], rows: &mut dyn Iterator<Item = (f64, f64)>| -> f64 {
            rows.map(|(tau, weight)| weight * slope(direction, tau)).sum()
        };
        let flips = line.flips(2000);
        let ends: Vec<f64> = [0.0].into_iter().chain(flips).chain([1.0]).collect();
        // Of degree 5 between flips: Simpson's rule on 200 parts of each.
        let mut rows = Vec::new();
        for pair in ends.windows(2) {
            let width = (pair[1] - pair[0]) / 200.0;
            for part in 0..200 {
                let from = pair[0] + f64::from(part) * width;
                rows.extend(
                    [(1e-9, 1.0), (0.5, 4.0), (1.0 - 1e-9, 1.0)].map(|(x, w)| (from + x * width, w * width / 6.0)),
                );
            }
        }
        let want = sum(&v, &mut rows.into_iter());
        let got = sum(&v, &mut of(&settled, query));
        assert!((got - want).abs() <= 1e-7 * want.abs(), "query {query}: {got} instead of {want}");
        let product = |tau: f64| line.values(tau)[0] * line.values(tau)[1];
        let change = product(1.0) - product(0.0);
        let missing = (change - sum(line.change, &mut of(&settled, query))).abs();
        assert!(missing <= 2e-9 * change.abs(), "query {query}: {missing:e}");
    }
}

/// Settles every case in f32 and looks at what the certificates leave, by dual numbers, in rounding units of the outputs.
fn check_single_precision<B: Backend>(backend: &B, queries: usize) {
    let rounding = f64::from(f32::EPSILON) / 2.0;
    for (number, Case { name, network, .. }) in cases().into_iter().enumerate() {
        for (size, tolerance) in [(0.003, 1e-6), (0.1, 1e-6), (0.1, 1e-12), (0.5, 1e-6)] {
            let problem = Problem::new(&network, 2000 + 10 * number as u64, size);
            let single = |values: &[f64]| -> Vec<f64> { values.iter().map(|&x| f64::from(x as f32)).collect() };
            let problem = Problem {
                weights: single(&problem.weights),
                change: single(&problem.change),
                x: single(&problem.x[..queries * network.input_len()]),
                ..problem
            };
            let step = (problem.weights.as_slice(), problem.change.as_slice());
            let settled = settle_on(backend, &network, step, &problem.x, None, tolerance);
            let mut worst: f64 = 0.0;
            for query in 0..queries {
                let line = problem.line(query);
                let (error, _) = certificate(&line, of(&settled, query), tolerance);
                let scale = largest(&line.values(0.0)).max(largest(&line.values(1.0)));
                worst = worst.max(error / scale / rounding);
            }
            let (mean, passed) = (settled.rows.len() / queries, settled.passed / queries);
            let missed = settled.missed.len();
            println!(
                "{name}, {size}, {tolerance:e}: {mean} nodes from {passed}, missed {missed}, {worst:.1} roundings"
            );
            // What is allowed, and as much again for the roundings of the certificate itself.
            assert!(worst <= 32.0, "{name}, {size}, {tolerance:e}: {worst} roundings");
            assert!(mean <= 200 && passed <= 1000, "{name}, {size}, {tolerance:e}: {mean} nodes from {passed}");
            assert_eq!(missed, 0, "{name}, {size}, {tolerance:e}");
        }
    }
}

/// In f32 it ends at the floor of the certificate, and with no more nodes than are of use.
#[test]
fn single_precision_ends_at_its_floor() {
    check_single_precision(&CpuBackend::<f32>::new(), QUERIES);
}

#[cfg(feature = "gpu")]
#[test]
fn a_gpu_ends_at_its_floor() {
    use pathkernel::compute::gpu::{Choice, GpuBackend, Options, Tune};
    let (choice, tune) = (Choice::Any, Tune::Table);
    let options = Options { choice, checked: true, tune, ..Options::default() };
    match GpuBackend::open_with(&options) {
        Ok(backend) => check_single_precision(&backend, QUERIES),
        Err(error) => {
            let required = std::env::var("PATHKERNEL_REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "PATHKERNEL_REQUIRE_GPU=1, but: {error}");
            println!("skipped: {error}");
        }
    }
}

/// What a query gets does not depend on the others: bit by bit.
#[test]
fn queries_are_settled_each_by_itself() {
    for (number, Case { name, network, .. }) in cases().into_iter().enumerate() {
        let problem = Problem::new(&network, 3000 + 10 * number as u64, 0.3);
        let together = problem.settle(1e-9);
        for query in 0..QUERIES {
            let x = problem.line(query).x;
            let alone = settle::<f64>(&network, &problem.weights, &problem.change, x, None, 1e-9);
            assert!(of(&alone, 0).eq(of(&together, query)), "{name}, query {query}");
        }
    }
}

/// Nothing moves: one piece, nothing missed.
#[test]
fn an_empty_change_needs_one_piece() {
    for Case { name, network, .. } in cases() {
        let problem = Problem::new(&network, 31, 0.0);
        let settled = problem.settle(1e-9);
        assert!(settled.missed.is_empty(), "{name}");
        let nodes = settled.rows.len() / QUERIES;
        assert!(nodes <= 5, "{name}: {nodes} nodes");
    }
    // And where all values are zero.
    let network = network(&[4], vec![linear(3), relu(), linear(3)]);
    let settled = settle::<f64>(&network, &vec![0.0; network.len], &vec![0.0; network.len], &[1.0; 4], None, 1e-9);
    assert!(settled.missed.is_empty() && settled.rows.len() == 1);
}
