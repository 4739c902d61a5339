//! The CPU's matrix product beside faer's, in one process and in turns, in the shapes that occur:
//! `cargo run --release --manifest-path benches/peers/products/Cargo.toml -- [threads] [rounds]`.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pathkernel::compute::cpu::{Buffer, CpuBackend};
use pathkernel::compute::{Backend, Element, Layout, MatMul, Slice, SliceMut, Start};
use std::error::Error;
use std::time::Instant;

/// Rows, columns and depth: a large product, a full kernel's last hidden layer, and the first layer of digits for a few queries and
/// for all nodes of many.
const SHAPES: [[usize; 3]; 4] = [[2048, 2048, 2048], [2560, 2560, 512], [500, 1437, 64], [25_600, 1437, 65]];
/// Multiply-adds that are timed together.
const TIMED: usize = 1 << 30;

/// Numbers in ±½.
fn numbers<E: Element>(seed: usize, len: usize) -> Vec<E> {
    (0..len).map(|place| E::from_f64(((place * 7919 + seed) % 1013) as f64 / 1013.0 - 0.5)).collect()
}

/// Operations a second of so many runs of `work`, in thousand millions.
fn rate(flops: f64, runs: usize, mut work: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    (0..runs).try_for_each(|_| work())?;
    Ok(flops * runs as f64 / started.elapsed().as_secs_f64() / 1e9)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn whole<E: Element>(values: &Buffer<E>) -> Slice<'_, Buffer<E>> {
    Slice::new(values, 0, values.len())
}

/// Compares one shape: `out = a bᵀ`, where all arrays lie row by row in buffers of the backend.
fn compare<E: Element + faer::traits::ComplexField>(
    [rows, columns, depth]: [usize; 3],
    threads: usize,
    rounds: usize,
) -> Result<(), Box<dyn Error>> {
    let backend = CpuBackend::<E>::new();
    let (a, b) = (backend.upload(&numbers(1, rows * depth))?, backend.upload(&numbers(2, columns * depth))?);
    let (mut ours, mut theirs) = (backend.zeros(rows * columns)?, backend.zeros(rows * columns)?);
    let shape = MatMul { rows, columns, depth, layout: Layout::Transposed, start: Start::Value(0.0) };
    let parallel = if threads == 1 { Par::Seq } else { Par::rayon(threads) };
    let (left, right) = (MatRef::from_row_major_slice(&a, rows, depth), MatRef::from_row_major_slice(&b, columns, depth));
    let (flops, runs) = (2.0 * (rows * columns * depth) as f64, (TIMED / (rows * columns * depth)).max(1));
    let mut rates = [Vec::new(), Vec::new()];
    // The first round wakes threads and takes memory.
    for round in 0..=rounds {
        let own = rate(flops, runs, || {
            let out = SliceMut::new(&mut ours, 0, rows * columns);
            Ok(backend.matmul(&shape, out, whole(&a), whole(&b), None)?)
        })?;
        let other = rate(flops, runs, || {
            let out = MatMut::from_row_major_slice_mut(&mut theirs, rows, columns);
            matmul(out, Accum::Replace, left, right.transpose(), E::ONE, parallel);
            Ok(())
        })?;
        if round > 0 {
            rates[0].push(own);
            rates[1].push(other);
        }
    }
    let apart = ours.iter().zip(theirs.iter()).map(|(&a, &b)| (a - b).to_f64().abs()).fold(0.0, f64::max);
    let [own, other] = rates.map(median);
    let name = <E as Element>::NAME;
    println!("| {name} | {rows} × {columns} × {depth} | {own:.1} | {other:.1} | {:.2} | {apart:.0e} |", own / other);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |usual: usize| arguments.next().map_or(Ok(usual), |word| word.parse());
    let (threads, rounds) = (next(1)?, next(5)?.max(1));
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    println!("| | rows × columns × depth | pathkernel, GFLOP/s | faer | ratio | largest difference |\n|---|---|---|---|---|---|");
    for shape in SHAPES {
        compare::<f32>(shape, threads, rounds)?;
        compare::<f64>(shape, threads, rounds)?;
    }
    Ok(())
}
