//! Matrix products of whole arrays.

use super::{bound, upload, whole, whole_mut, wide};
use crate::common::loops::{Entry, compare};
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Backend, Element, Layout, MatMul, Position, Start};
use pathkernel::random::numbers;

const ROWS: [usize; 13] = [1, 2, 5, 6, 7, 11, 12, 13, 23, 95, 96, 97, 193];
const COLUMNS: [usize; 14] = [1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 255, 256, 257];
const DEPTHS: [usize; 11] = [0, 1, 2, 7, 127, 128, 129, 255, 256, 257, 521];

/// A product's factors, as loops take them.
struct Factors {
    a: Vec<f64>,
    b: Vec<f64>,
    tau: Vec<f64>,
    before: Vec<f64>,
}

/// Consecutive rows that share a τ, and how many there are before they repeat.
const POSITIONS: usize = 2;
const TAUS: usize = 3;

impl Factors {
    fn new(rows: usize, columns: usize, depth: usize) -> Self {
        Self {
            a: numbers(1, rows * depth),
            b: numbers(2, columns * depth),
            tau: numbers(3, TAUS),
            before: numbers(4, rows * columns),
        }
    }

    fn expected(&self, shape: &MatMul, scaled: bool) -> Vec<Entry> {
        let &MatMul { rows, columns, depth, layout, start } = shape;
        let cell = |row: usize, column: usize| {
            let mut sum = Entry::default();
            for k in 0..depth {
                let b = match layout {
                    Layout::Transposed => column * depth + k,
                    Layout::Plain => k * columns + column,
                };
                sum.add(1.0, Entry::new(self.a[row * depth + k] * self.b[b]));
            }
            let mut out = Entry::new(match start {
                Start::Value(value) => value,
                Start::Output => self.before[row * columns + column],
            });
            out.add(if scaled { self.tau[row / POSITIONS % TAUS] } else { 1.0 }, sum);
            out
        };
        (0..rows * columns).map(|place| cell(place / columns, place % columns)).collect()
    }

    fn product<E: Element>(&self, shape: &MatMul, scaled: bool) -> Vec<E> {
        let (a, b, tau) = (upload::<E>(&self.a), upload(&self.b), upload(&self.tau));
        let mut out = match shape.start {
            Start::Value(_) => upload(&vec![f64::NAN; self.before.len()]),
            Start::Output => upload(&self.before),
        };
        let scale = scaled.then(|| Position { tau: whole(&tau), positions: POSITIONS });
        CpuBackend::new().matmul(shape, whole_mut(&mut out), whole(&a), whole(&b), scale).expect("matmul");
        out.to_vec()
    }
}

fn check_matmul<E: Element>(rows: usize, columns: usize, depth: usize) {
    let factors = Factors::new(rows, columns, depth);
    for layout in [Layout::Transposed, Layout::Plain] {
        for (start, scaled) in [(Start::Value(0.0), false), (Start::Value(1.0), true), (Start::Output, true)] {
            let shape = MatMul { rows, columns, depth, layout, start };
            let (got, want) = (factors.product::<E>(&shape, scaled), factors.expected(&shape, scaled));
            // One rounding for each multiply-add, one for each stretch of the depth, the scale and the start.
            let bound = bound::<E>(depth + depth.div_ceil(256) + 2);
            compare(&format!("{shape:?}, scaled: {scaled}, {}", E::NAME), &wide(&got), &want, bound);
        }
    }
}

#[test]
fn matmul_agrees_with_loops() {
    for rows in ROWS {
        for columns in COLUMNS {
            check_matmul::<f32>(rows, columns, 3);
            check_matmul::<f64>(rows, columns, 3);
        }
    }
    for depth in DEPTHS {
        for (rows, columns) in [(1, 1), (13, 33), (97, 257)] {
            check_matmul::<f32>(rows, columns, depth);
            check_matmul::<f64>(rows, columns, depth);
        }
    }
}

/// Where in a product an entry lies, and what is computed with it, does not show in its bits.
#[test]
fn an_entry_has_the_same_bits_in_every_product() {
    same_bits::<f32>();
    same_bits::<f64>();
}

fn same_bits<E: Element>() {
    let (rows, columns, depth) = (193, 521, 300);
    let factors = Factors::new(rows, columns, depth);
    let shape = MatMul { rows, columns, depth, layout: Layout::Transposed, start: Start::Value(0.0) };
    let all = factors.product::<E>(&shape, false);
    for (height, width) in [(1, 1), (1, 521), (193, 1), (7, 17), (96, 256), (101, 263)] {
        for (top, left) in [(0, 0), (1, 3), (89, 250), (rows - height, columns - width)] {
            let (top, left) = (top.min(rows - height), left.min(columns - width));
            let part = Factors {
                a: factors.a[top * depth..][..height * depth].to_vec(),
                b: factors.b[left * depth..][..width * depth].to_vec(),
                tau: Vec::new(),
                before: vec![0.0; height * width],
            };
            let own = MatMul { rows: height, columns: width, ..shape };
            for (row, got) in part.product::<E>(&own, false).chunks(width).enumerate() {
                let want = &all[(top + row) * columns + left..][..width];
                assert!(got == want, "{}, {height} by {width} from {top}, {left}", E::NAME);
            }
        }
    }
}
