//! Gradients of weights, and of scales and shifts, materialised.

use super::{bound, upload, whole, whole_mut, wide};
use crate::common::loops::{Entry, compare};
use pathkernel::compute::cpu::{Buffer, CpuBackend};
use pathkernel::compute::{Backend, Element, Outer, OuterDiagonal, RowMap, Start};
use pathkernel::random::numbers;

/// Two outputs that share their inputs, one of none, and one of its own.
const OFFSETS: [u32; 5] = [0, 2, 4, 4, 5];
const INPUTS: [u32; 5] = [1, 0, 1, 0, 2];
const BASE: usize = 3;

/// `start + d Σ_{r of o} ω_r Σ_p element(r, p, e)` for every output and element of a row.
fn expected(
    (positions, row): (usize, usize),
    before: Option<&[f64]>,
    factors: Option<&[f64]>,
    element: &dyn Fn(usize, usize, usize) -> f64,
) -> Vec<Entry> {
    let omega = numbers(1, INPUTS.len());
    let cell = |place: usize| {
        let (output, at) = (place / row, place % row);
        let mut sum = Entry::default();
        let rows = OFFSETS[output] as usize..OFFSETS[output + 1] as usize;
        for (found, &omega) in rows.clone().zip(&omega[rows]) {
            (0..positions).for_each(|p| sum.add(omega, Entry::new(element(found, p, at))));
        }
        let mut out = Entry::new(before.map_or(0.5, |before| before[place]));
        out.add(factors.map_or(1.0, |factors| factors[at]), sum);
        out
    };
    (0..(OFFSETS.len() - 1) * row).map(cell).collect()
}

/// With and without a preconditioner, over a constant and over what is there; `form(start, preconditioned)`.
fn check<E: Element>(
    what: &str,
    (positions, row): (usize, usize),
    before: &[f64],
    factors: &[f64],
    element: &dyn Fn(usize, usize, usize) -> f64,
    form: &dyn Fn(Start, bool) -> Vec<E>,
) {
    for start in [Start::Value(0.5), Start::Output] {
        for preconditioned in [false, true] {
            let kept = (start == Start::Output).then_some(before);
            let want = expected((positions, row), kept, preconditioned.then_some(factors), element);
            let what = format!("{what}, {start:?}, preconditioned: {preconditioned}, {}", E::NAME);
            // One rounding for each multiply-add, the weight, the preconditioner and the start.
            compare(&what, &wide(&form(start, preconditioned)), &want, bound::<E>(2 * positions + 5));
        }
    }
}

fn map<E: Element>() -> RowMap<Buffer<E>, Vec<u32>> {
    RowMap::new(&CpuBackend::new(), &OFFSETS, &INPUTS, &numbers(1, INPUTS.len())).expect("a map")
}

fn check_outer<E: Element>(height: usize, width: usize, positions: usize, bias: bool) {
    let shape = Outer { height, width, positions, bias, start: Start::Value(0.0) };
    let row = shape.row();
    let (delta, input) = (numbers(2, INPUTS.len() * positions * height), numbers(3, BASE * positions * width));
    let (before, factors) = (numbers(4, (OFFSETS.len() - 1) * row), numbers(5, row));
    let element = |found: usize, p: usize, at: usize| {
        let k = if at < height * width { at / width } else { at - height * width };
        let seen = (INPUTS[found] as usize * positions + p) * width + at % width;
        delta[(found * positions + p) * height + k] * if at < height * width { input[seen] } else { 1.0 }
    };
    let form = |start: Start, preconditioned: bool| {
        let (mut out, d, a) = (upload::<E>(&before), upload(&delta), upload(&input));
        let held = upload(&factors);
        let factors = preconditioned.then(|| whole(&held));
        let shape = Outer { start, ..shape };
        CpuBackend::new().outer(&shape, &map(), whole_mut(&mut out), whole(&d), whole(&a), factors).expect("outer");
        out.to_vec()
    };
    check(&format!("{shape:?}"), (positions, row), &before, &factors, &element, &form);
}

#[test]
fn outer_agrees_with_loops() {
    // Around panels and tiles: lines of several outputs lie one below the other.
    for (height, width) in [(1, 1), (5, 7), (6, 8), (13, 33), (31, 16), (50, 257), (97, 3)] {
        for (positions, bias) in [(1, true), (3, false), (3, true)] {
            check_outer::<f32>(height, width, positions, bias);
            check_outer::<f64>(height, width, positions, bias);
        }
    }
}

fn check_diagonal<E: Element>(width: usize, positions: usize, shift: bool) {
    let row = OuterDiagonal { width, positions, shift, start: Start::Output }.row();
    let (delta, input) = (numbers(6, INPUTS.len() * positions * width), numbers(7, BASE * positions * width));
    let (before, factors) = (numbers(8, (OFFSETS.len() - 1) * row), numbers(9, row));
    let element = |found: usize, p: usize, at: usize| {
        let seen = (INPUTS[found] as usize * positions + p) * width + at % width;
        delta[(found * positions + p) * width + at % width] * if at < width { input[seen] } else { 1.0 }
    };
    let form = |start: Start, preconditioned: bool| {
        let (mut out, d, a) = (upload::<E>(&before), upload(&delta), upload(&input));
        let held = upload(&factors);
        let factors = preconditioned.then(|| whole(&held));
        let shape = OuterDiagonal { width, positions, shift, start };
        let formed =
            CpuBackend::new().outer_diagonal(&shape, &map(), whole_mut(&mut out), whole(&d), whole(&a), factors);
        formed.expect("outer_diagonal");
        out.to_vec()
    };
    check(&format!("width {width}, {positions} positions"), (positions, row), &before, &factors, &element, &form);
}

#[test]
fn outer_diagonal_agrees_with_loops() {
    for (width, positions) in [(1, 1), (7, 3), (33, 2)] {
        for shift in [false, true] {
            check_diagonal::<f32>(width, positions, shift);
            check_diagonal::<f64>(width, positions, shift);
        }
    }
}

/// A preconditioner of another length than a row: an error.
#[test]
fn a_preconditioner_of_another_length_is_refused() {
    let (height, width, positions) = (2, 3, 1);
    let shape = Outer { height, width, positions, bias: true, start: Start::Value(0.0) };
    let zeros = |len: usize| upload::<f64>(&vec![0.0; len]);
    let (mut out, delta, input) = (zeros(4 * shape.row()), zeros(INPUTS.len() * height), zeros(BASE * width));
    let short = zeros(shape.row() - 1);
    let formed =
        CpuBackend::new().outer(&shape, &map(), whole_mut(&mut out), whole(&delta), whole(&input), Some(whole(&short)));
    assert!(formed.is_err());
    let (mut out, delta, short) = (zeros(4 * 2 * width), zeros(INPUTS.len() * width), zeros(width));
    let shape = OuterDiagonal { width, positions, shift: true, start: Start::Output };
    let formed = CpuBackend::new().outer_diagonal(
        &shape,
        &map(),
        whole_mut(&mut out),
        whole(&delta),
        whole(&input),
        Some(whole(&short)),
    );
    assert!(formed.is_err());
}
