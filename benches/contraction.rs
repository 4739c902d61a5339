//! What `pathkernel bench kernel` measures, one operation at a time: the fused product in each of its ways and gradient
//! rows formed, beside a plain matrix product of as many operations.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pathkernel::compute::cpu::{Buffer, CpuBackend};
use pathkernel::compute::{
    Accumulator, Backend, Entries, Gram, Layout, MatMul, Outer, Part, RowMap, Slice, SliceMut, Start,
};
use std::hint::black_box;
use std::time::Duration;

/// Rows, columns and depth of the products.
const ROWS: usize = 1024;
const COLUMNS: usize = 1024;
const DEPTH: usize = 256;
/// A layer whose gradient rows are as long, but for a bias.
const WIDTH: usize = 16;
const LAYER: Outer = Outer { height: DEPTH / WIDTH, width: WIDTH, positions: 1, bias: true, start: Start::Value(0.0) };
/// A layer whose gradient rows are formed: long ones, summed over many positions.
const FORMED: Outer = Outer { height: 32, width: 288, positions: 256, bias: true, start: Start::Value(0.0) };
const FORMED_ROWS: usize = 32;

type Cpu = CpuBackend<f32>;

fn upload(backend: &Cpu, len: usize) -> Buffer<f32> {
    let values: Vec<f32> = (0..len).map(|i| (i % 61) as f32 / 61.0 - 0.5).collect();
    backend.upload(&values).expect("room")
}

fn whole(values: &Buffer<f32>) -> Slice<'_, Buffer<f32>> {
    Slice::new(values, 0, values.len())
}

fn whole_mut(values: &mut Buffer<f32>) -> SliceMut<'_, Buffer<f32>> {
    let len = values.len();
    SliceMut::new(values, 0, len)
}

fn products(criterion: &mut Criterion) {
    let backend = Cpu::new();
    let (left, right) = (upload(&backend, ROWS * DEPTH), upload(&backend, COLUMNS * DEPTH));
    let mut out = upload(&backend, ROWS * COLUMNS);
    let mut group = criterion.benchmark_group("products");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements((2 * ROWS * COLUMNS * DEPTH) as u64));

    let start = Start::Value(0.0);
    let shape = MatMul { rows: ROWS, columns: COLUMNS, depth: DEPTH, layout: Layout::Transposed, start };
    group.bench_function("matmul", |bencher| {
        bencher.iter(|| {
            let out = whole_mut(black_box(&mut out));
            backend.matmul(&shape, out, whole(&left), whole(&right), None).expect("fits");
        });
    });

    // One output, one row each: as in the attribution with the rule `left`.
    let gram = Gram {
        entries: Entries::Loss,
        outputs: 1,
        copies: 1,
        queries: ROWS,
        examples: COLUMNS,
        stride: COLUMNS,
        triangle: None,
    };
    let map = RowMap::each(&backend, 1, ROWS, 1.0).expect("a map");
    let columns: Vec<u32> = (0..COLUMNS as u32).collect();
    let (inputs, gradients) = (upload(&backend, ROWS * COLUMNS), upload(&backend, ROWS * LAYER.row()));
    let (delta, input) = (upload(&backend, COLUMNS * LAYER.height), upload(&backend, COLUMNS * LAYER.width));
    let parts = [
        (
            "gram, factored",
            Part::Factored {
                map: &map,
                positions: 1,
                depth: DEPTH,
                left: whole(&left),
                right: whole(&right),
                inputs: whole(&inputs),
                exchanges: false,
            },
        ),
        ("gram, whole rows", Part::Rows { depth: DEPTH, left: whole(&left), right: whole(&right) }),
        (
            "gram, half",
            Part::Half { shape: LAYER, left: whole(&gradients), delta: whole(&delta), input: whole(&input) },
        ),
    ];
    for (name, part) in &parts {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                let out = whole_mut(black_box(&mut out));
                let into = &mut [Accumulator { out, scale: 0.1, weights: None }];
                backend.gram(&gram, &columns, std::slice::from_ref(part), into).expect("fits");
            });
        });
    }
    group.finish();
}

fn forming(criterion: &mut Criterion) {
    let backend = Cpu::new();
    let map = RowMap::each(&backend, 1, FORMED_ROWS, 1.0).expect("a map");
    let delta = upload(&backend, FORMED_ROWS * FORMED.positions * FORMED.height);
    let input = upload(&backend, FORMED_ROWS * FORMED.positions * FORMED.width);
    let mut out = upload(&backend, FORMED_ROWS * FORMED.row());
    let mut group = criterion.benchmark_group("forming");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements((2 * FORMED_ROWS * FORMED.positions * FORMED.row()) as u64));
    group.bench_function("outer", |bencher| {
        bencher.iter(|| {
            let out = whole_mut(black_box(&mut out));
            backend.outer(&FORMED, &map, out, whole(&delta), whole(&input), None).expect("fits");
        });
    });
    group.finish();
}

criterion_group!(benches, products, forming);
criterion_main!(benches);
