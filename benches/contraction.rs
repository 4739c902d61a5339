//! The fused product beside a plain matrix product of as many operations.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pathkernel::backend::cpu::CpuBackend;
use pathkernel::backend::{Backend, Gram, GramFactors, Layout, MatMul, RowMap, Slice, SliceMut, Start};
use std::hint::black_box;

/// Outputs, columns and depth of both products.
const OUTPUTS: usize = 1024;
const COLUMNS: usize = 1024;
const DEPTH: usize = 256;

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i % 61) as f32 / 61.0 - 0.5).collect()
}

fn products(criterion: &mut Criterion) {
    let backend = CpuBackend::<f32>::new();
    let upload = |len: usize| backend.upload(&numbers(len)).expect("room");
    let (left, right, inputs) = (upload(OUTPUTS * DEPTH), upload(COLUMNS * DEPTH), upload(OUTPUTS * COLUMNS));
    let mut out = backend.zeros(OUTPUTS * COLUMNS).expect("room");
    let mut group = criterion.benchmark_group("products");
    group.sample_size(20).throughput(Throughput::Elements((2 * OUTPUTS * COLUMNS * DEPTH) as u64));

    let shape =
        MatMul { rows: OUTPUTS, columns: COLUMNS, depth: DEPTH, layout: Layout::Transposed, start: Start::Value(0.0) };
    group.bench_function("matmul", |bencher| {
        bencher.iter(|| {
            let (a, b) = (Slice::new(&left, 0, OUTPUTS * DEPTH), Slice::new(&right, 0, COLUMNS * DEPTH));
            backend.matmul(&shape, SliceMut::new(black_box(&mut out), 0, OUTPUTS * COLUMNS), a, b, None).expect("fits");
        });
    });

    // One row an output: as in the attribution with the rule `left`.
    let offsets: Vec<u32> = (0..=OUTPUTS as u32).collect();
    let map = RowMap::new(&backend, &offsets, &offsets[..OUTPUTS], &[1.0; OUTPUTS]).expect("a map");
    let columns: Vec<u32> = (0..COLUMNS as u32).collect();
    let gram = Gram {
        first: 0,
        outputs: OUTPUTS,
        columns: COLUMNS,
        examples: COLUMNS,
        positions: 1,
        depth: DEPTH,
        stride: COLUMNS,
        scale: 0.1,
    };
    group.bench_function("gram", |bencher| {
        bencher.iter(|| {
            let factors = GramFactors {
                left: Slice::new(&left, 0, OUTPUTS * DEPTH),
                right: Slice::new(&right, 0, COLUMNS * DEPTH),
                inputs: Some(Slice::new(&inputs, 0, OUTPUTS * COLUMNS)),
            };
            let out = SliceMut::new(black_box(&mut out), 0, OUTPUTS * COLUMNS);
            backend.gram(&gram, &map, &columns, out, factors).expect("fits");
        });
    });
    group.finish();
}

criterion_group!(benches, products);
criterion_main!(benches);
