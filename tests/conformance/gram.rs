//! The fused product.

use crate::harness::*;
use pathkernel::compute::gpu;
use pathkernel::compute::{Accumulator, Backend, Entries, Gram, Outer, OuterRows, Part, RowMap, Start};

/// What one part is: rows of a map times the inputs' Gram matrix, a look-up, whole rows, or half of either.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Factored { positions: usize, depth: usize },
    Output,
    Rows { depth: usize },
    Half { positions: usize, height: usize, width: usize, bias: bool },
    Picked { positions: usize, count: usize, width: usize },
}

#[derive(Debug, Clone, Copy)]
struct Shape<'a> {
    entries: Entries,
    outputs: usize,
    /// Rows of an example, of the full entries alone: as many as outputs without.
    copies: Option<usize>,
    queries: usize,
    examples: usize,
    parts: &'a [Kind],
    /// How many accumulators, and whether those have weights.
    into: usize,
    weighted: bool,
    triangle: Option<usize>,
}

const ALL: [Entries; 4] = [Entries::Loss, Entries::Trace, Entries::Diagonal, Entries::Full];
const FACTORED: &[Kind] = &[Kind::Factored { positions: 1, depth: 3 }];

impl Shape<'_> {
    /// Products that an entry sums.
    fn terms(&self) -> f64 {
        let of = |kind: &Kind| match *kind {
            Kind::Factored { positions, depth } => 3 * positions * positions * depth,
            Kind::Output => 1,
            Kind::Rows { depth } => depth,
            Kind::Half { positions, height, width, .. } => positions * height * (width + 1),
            Kind::Picked { positions, width, .. } => positions * width,
        };
        self.parts.iter().map(of).sum::<usize>() as f64
    }
}

/// 1, 2 or 3 rows for each query, none for every fifth; all outputs of a query have the same.
fn nodes<B: Backend>(backend: &B, outputs: usize, queries: usize, base: usize) -> RowMap<B::Buffer, B::Index> {
    let (mut offsets, mut inputs) = (vec![0], Vec::new());
    for _ in 0..outputs {
        for query in 0..queries {
            let rows = if query % 5 == 4 { 0 } else { query % 3 + 1 };
            inputs.extend((0..rows).map(|node| ((3 * query + node) % base) as u32));
            offsets.push(inputs.len() as u32);
        }
    }
    RowMap::new(backend, &offsets, &inputs, &numbers(1, inputs.len())).unwrap()
}

/// Columns are every other example of the accumulator.
fn fused<B: Backend>(backend: &B, shape: &Shape<'_>) -> Vec<f64> {
    let &Shape { entries, outputs, queries, examples, .. } = shape;
    let base = 6;
    let copies = shape.copies.unwrap_or(entries.copies(outputs));
    let (rows, columns) = (outputs * queries, copies * examples);
    let stride = 2 * examples + 1;
    let gram = Gram { entries, outputs, copies, queries, examples, stride, triangle: shape.triangle };
    let map = nodes(backend, outputs, queries, base);
    let held: Vec<[Held<B>; 3]> = shape
        .parts
        .iter()
        .enumerate()
        .map(|(number, kind)| {
            let lengths = match *kind {
                Kind::Factored { positions, depth } => {
                    [map.rows * positions * depth, columns * positions * depth, base * positions * positions * examples]
                }
                Kind::Output => [1, columns * outputs, queries * examples],
                Kind::Rows { depth } => [rows * depth, columns * depth, 1],
                Kind::Half { positions, height, width, bias } => [
                    rows * (height * width + if bias { height } else { 0 }),
                    columns * positions * height,
                    examples * positions * width,
                ],
                Kind::Picked { positions, count, width } => {
                    [rows * count * width, columns * positions * width, examples * positions]
                }
            };
            let seed = 20 + 3 * number as u64;
            [0, 1, 2].map(|which| {
                let mut values = numbers(seed + which, lengths[which as usize]);
                if let (Kind::Picked { count, .. }, 2) = (kind, which) {
                    // Tokens, some of them beyond the table.
                    let token = |value: &mut f64| *value = ((*value + 1.0) * *count as f64 / 1.8).floor();
                    values.iter_mut().for_each(token);
                }
                Held::new(backend, &values)
            })
        })
        .collect();
    let parts: Vec<Part<'_, B::Buffer, B::Index>> = shape
        .parts
        .iter()
        .zip(&held)
        .map(|(kind, [left, right, inputs])| {
            let (left, right, inputs) = (left.get(), right.get(), inputs.get());
            match *kind {
                Kind::Factored { positions, depth } => {
                    Part::Factored { map: &map, positions, depth, left, right, inputs, exchanges: false }
                }
                Kind::Output => Part::Output { right, inputs },
                Kind::Rows { depth } => Part::Rows { depth, left, right },
                Kind::Half { positions, height, width, bias } => {
                    let shape = Outer { height, width, positions, bias, start: Start::Value(0.0) };
                    Part::Half { shape, left, delta: right, input: inputs }
                }
                Kind::Picked { positions, count, width } => {
                    let shape = OuterRows { count, width, positions, padding: None, start: Start::Value(0.0) };
                    Part::Picked { shape, left, delta: right, tokens: inputs }
                }
            }
        })
        .collect();
    let order = backend.index(&(0..examples as u32).map(|i| 2 * i + 1).collect::<Vec<_>>()).unwrap();
    let weights = Held::new(backend, &numbers(50, columns));
    let len = gram.len();
    let mut outs: Vec<Held<B>> = (0..shape.into).map(|n| Held::new(backend, &numbers(60 + n as u64, len))).collect();
    let mut into: Vec<Accumulator<'_, B::Buffer>> = outs
        .iter_mut()
        .enumerate()
        .map(|(number, out)| Accumulator {
            out: out.out(),
            scale: 0.37 - number as f64,
            weights: (shape.weighted && number != 1 && entries != Entries::Trace).then(|| weights.get()),
        })
        .collect();
    backend.gram(&gram, &order, &parts, &mut into).unwrap();
    drop(into);
    let kept = |at: usize| {
        let (row, column) = (at / stride, at % stride);
        let copies = if entries == Entries::Full { copies } else { 1 };
        shape.triangle.is_none_or(|first| column >= first + row / copies % queries)
    };
    // What lies below the diagonal may be anything.
    let visible = |(at, value): (usize, f64)| if kept(at) { value } else { 0.0 };
    outs.iter().flat_map(|out| out.values(backend).into_iter().enumerate().map(visible).collect::<Vec<_>>()).collect()
}

/// Shapes that fit the small device too.
fn shapes() -> Vec<Shape<'static>> {
    let plain = Shape {
        entries: Entries::Loss,
        outputs: 3,
        copies: None,
        queries: 5,
        examples: 7,
        parts: FACTORED,
        into: 1,
        weighted: false,
        triangle: None,
    };
    let mut shapes = Vec::new();
    for entries in ALL {
        let plain = Shape { entries, ..plain };
        shapes.extend([
            Shape { outputs: 1, queries: 1, examples: 1, parts: &[Kind::Factored { positions: 1, depth: 1 }], ..plain },
            plain,
            Shape { into: 2, weighted: true, ..plain },
            Shape { into: 3, weighted: true, parts: &[Kind::Rows { depth: 5 }], ..plain },
            Shape { parts: &[Kind::Output], ..plain },
            Shape { parts: &[Kind::Half { positions: 1, height: 3, width: 5, bias: true }], ..plain },
            Shape { parts: &[Kind::Picked { positions: 3, count: 4, width: 5 }], ..plain },
            Shape {
                parts: &[
                    Kind::Output,
                    Kind::Factored { positions: 2, depth: 5 },
                    Kind::Half { positions: 3, height: 4, width: 2, bias: false },
                    Kind::Rows { depth: 9 },
                    Kind::Output,
                ],
                into: 2,
                weighted: true,
                ..plain
            },
            Shape {
                outputs: 2,
                queries: 31,
                examples: 33,
                parts: &[Kind::Factored { positions: 1, depth: 17 }],
                ..plain
            },
            Shape { outputs: 1, queries: 63, examples: 65, parts: &[Kind::Rows { depth: 16 }, Kind::Output], ..plain },
            Shape {
                outputs: 2,
                queries: 17,
                examples: 40,
                parts: &[Kind::Factored { positions: 3, depth: 8 }],
                ..plain
            },
            Shape { queries: 40, examples: 70, triangle: Some(0), parts: &[Kind::Rows { depth: 5 }], ..plain },
            Shape { outputs: 2, queries: 130, examples: 127, triangle: Some(11), into: 2, weighted: true, ..plain },
            Shape {
                outputs: 1,
                queries: 300,
                examples: 9,
                parts: &[Kind::Factored { positions: 1, depth: 7 }],
                ..plain
            },
        ]);
    }
    // As with readouts: a query has fewer rows than an example, or more.
    for (outputs, copies) in [(1, 3), (3, 1), (2, 5)] {
        let plain = Shape { entries: Entries::Full, outputs, copies: Some(copies), ..plain };
        let all: &[Kind] = &[
            Kind::Factored { positions: 2, depth: 5 },
            Kind::Half { positions: 3, height: 4, width: 2, bias: true },
            Kind::Rows { depth: 9 },
        ];
        shapes.extend([
            plain,
            Shape { parts: all, into: 2, weighted: true, ..plain },
            Shape { parts: &[Kind::Half { positions: 1, height: 3, width: 5, bias: true }], ..plain },
            Shape { queries: 130, examples: 67, parts: &[Kind::Rows { depth: 5 }], ..plain },
            Shape { queries: 17, examples: 40, parts: &[Kind::Factored { positions: 3, depth: 8 }], ..plain },
        ]);
    }
    shapes
}

#[test]
fn fused_products() {
    let devices = devices_of_every_tile();
    for shape in shapes() {
        // Sums of `terms` products of at most three numbers in [-1, 1], the mean of such sums in a trace.
        let terms = shape.terms() + 2.0;
        agree!(&devices, fused, shape, (terms + 6.0) * EPS * terms);
    }
}

#[test]
fn the_size_of_tiles_changes_nothing() {
    let devices = whole_devices_of_every_tile();
    for shape in shapes() {
        let values: Vec<Vec<f64>> = devices.iter().map(|device| fused(device, &shape)).collect();
        assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "{shape:?}");
    }
}

/// What is measured leaves no trace in the result.
#[test]
fn measured_tiles_change_nothing() {
    let Some(measuring) = measuring_device() else { return };
    let fixed = whole_devices_of_every_tile();
    for entries in ALL {
        let parts = &[
            Kind::Factored { positions: 1, depth: 40 },
            Kind::Half { positions: 2, height: 40, width: 20, bias: true },
        ];
        let (queries, examples) = (70, 40);
        let (copies, triangle) = (None, None);
        let shape = Shape { entries, outputs: 2, copies, queries, examples, parts, into: 2, weighted: true, triangle };
        assert_eq!(fused(&measuring, &shape), fused(&fixed[0], &shape), "{entries:?}");
    }
}

/// Each factor is rounded to 11 bits: two more errors of 2⁻¹¹ in each product.
#[test]
fn factors_in_sixteen_bits_are_two_roundings_off() {
    let (half, single) = (devices_of_f16_storage(), devices());
    for shape in shapes() {
        let terms = shape.terms() + 2.0;
        let bound = ((terms + 6.0) * EPS + 2.0 / 2048.0) * terms;
        agree!(&half, fused, shape, bound);
    }
    // Equal results would mean that nothing was rounded.
    let shape = Shape { parts: &[Kind::Rows { depth: 16 }], ..shapes()[0] };
    if let (Some(half), Some(single)) = (half.first(), single.first()) {
        assert_ne!(fused(half, &shape), fused(single, &shape));
    }
}

/// Rows of numbers far outside the range of 16 bits, left and right.
fn far<B: Backend>(backend: &B, &(left, right): &(f64, f64)) -> Vec<f64> {
    let (rows, columns, depth) = (20, 9, 33);
    let times = |values: Vec<f64>, scale: f64| values.into_iter().map(|value| value * scale).collect::<Vec<_>>();
    let left = Held::new(backend, &times(numbers(1, rows * depth), left));
    let right = Held::new(backend, &times(numbers(2, columns * depth), right));
    let mut out = Held::new(backend, &vec![0.0; rows * columns]);
    let index = backend.index(&(0..columns as u32).collect::<Vec<_>>()).unwrap();
    let gram = Gram {
        entries: Entries::Loss,
        outputs: 1,
        copies: 1,
        queries: rows,
        examples: columns,
        stride: columns,
        triangle: None,
    };
    let part = Part::Rows { depth, left: left.get(), right: right.get() };
    backend.gram(&gram, &index, &[part], &mut [Accumulator { out: out.out(), scale: 1.0, weights: None }]).unwrap();
    out.values(backend)
}

#[test]
fn factors_in_sixteen_bits_keep_their_size() {
    let half = devices_of_f16_storage();
    for (left, right) in [(1.0f64 / 1048576.0, 1.0), (1048576.0, 1.0 / 16_777_216.0), (2f64.powi(-60), 2f64.powi(60))] {
        let bound = 33.0 * (2.0 / 2048.0 + 40.0 * EPS) * left * right;
        agree!(&half, far, (left, right), bound);
    }
    agree!(&half, far, (0.0, 1.0), 0.0);
}

/// Other numbers of rows than the entries take, and a last layer of more outputs than a query has rows.
#[test]
fn rows_that_do_not_fit_are_refused() {
    for device in devices() {
        let refused = |entries: Entries, outputs: usize, copies: usize, part: Part<'_, gpu::Buffer, gpu::Index>| {
            let gram = Gram { entries, outputs, copies, queries: 2, examples: 2, stride: 2, triangle: None };
            let index = device.index(&[0, 1]).unwrap();
            let mut out = Held::output(&device, gram.len());
            let into = &mut [Accumulator { out: out.out(), scale: 1.0, weights: None }];
            device.gram(&gram, &index, &[part], into).is_err()
        };
        let held = Held::new(&device, &numbers(1, 24));
        let part = |len: usize| held.get().part(0, len);
        let rows =
            |outputs: usize, copies: usize| Part::Rows { depth: 1, left: part(2 * outputs), right: part(2 * copies) };
        assert!(!refused(Entries::Full, 1, 3, rows(1, 3)));
        assert!(refused(Entries::Trace, 1, 3, rows(1, 3)));
        assert!(refused(Entries::Diagonal, 3, 1, rows(3, 1)));
        assert!(refused(Entries::Loss, 3, 3, rows(3, 3)));
        let last = |copies: usize, width: usize| Part::Output { right: part(2 * copies * width), inputs: part(4) };
        assert!(!refused(Entries::Full, 3, 3, last(3, 3)));
        assert!(!refused(Entries::Loss, 3, 1, last(1, 3)));
        assert!(refused(Entries::Full, 1, 3, last(3, 3)));
        assert!(refused(Entries::Loss, 1, 1, last(1, 3)));
    }
}
