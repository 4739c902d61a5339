//! Operations on images.

use crate::harness::*;
use pathkernel::compute::{Backend, Convolution, Pooling, Transpose, Window};

fn window(channels: usize, (height, width): (usize, usize), kernel: usize, stride: usize, padding: usize) -> Window {
    Window::square([channels, height, width], kernel, stride, padding)
}

fn unfolded<B: Backend>(backend: &B, &(shape, rows): &(Window, usize)) -> Vec<f64> {
    let x = Held::new(backend, &numbers(1, rows * shape.image()));
    let mut out = Held::output(backend, rows * shape.positions() * shape.patch());
    backend.im2col(&shape, rows, out.out(), x.get()).unwrap();
    out.values(backend)
}

fn folded<B: Backend>(backend: &B, &(shape, rows): &(Window, usize)) -> Vec<f64> {
    let patches = Held::new(backend, &numbers(2, rows * shape.positions() * shape.patch()));
    let mut out = Held::output(backend, rows * shape.image());
    backend.col2im(&shape, rows, out.out(), patches.get()).unwrap();
    out.values(backend)
}

#[test]
fn patches_and_back() {
    let devices = devices();
    for shape in [
        (window(1, (1, 1), 1, 1, 0), 1),
        (window(3, (5, 7), 3, 1, 1), 2),
        (window(2, (8, 6), 3, 2, 0), 3),
        (window(1, (4, 4), 5, 3, 2), 5),
        (window(2, (7, 9), 3, 2, 1), 70),
        (Window { kernel: [2, 3], padding: [0, 3], dilation: [3, 2], ..window(2, (7, 9), 3, 2, 1) }, 9),
    ] {
        agree!(&devices, unfolded, shape, 0.0);
        // A pixel lies in at most 25 patches.
        agree!(&devices, folded, shape, 25.0 * 25.0 * EPS);
    }
}

fn back<B: Backend>(backend: &B, &(window, channels, rows): &(Window, usize, usize)) -> Vec<f64> {
    let delta = Held::new(backend, &numbers(6, rows * channels * window.positions()));
    let weight = Held::new(backend, &numbers(7, channels * window.patch()));
    let mut out = Held::output(backend, rows * window.image());
    let shape = Convolution { window, channels, rows };
    backend.convolve_backward(&shape, out.out(), delta.get(), weight.get()).unwrap();
    out.values(backend)
}

#[test]
fn convolutions_back() {
    let devices = devices();
    for shape in [
        (window(1, (1, 1), 1, 1, 0), 1, 1),
        (window(3, (5, 7), 3, 1, 1), 4, 2),
        (window(2, (8, 6), 3, 1, 0), 1, 3),
        (window(1, (4, 4), 5, 1, 4), 3, 5),
        (window(2, (7, 9), 2, 1, 1), 5, 40),
        (Window { kernel: [2, 4], padding: [0, 3], ..window(2, (7, 9), 2, 1, 1) }, 3, 4),
    ] {
        // Each pixel sums over channels and over the kernel's weights.
        let terms = (shape.1 * shape.0.area()) as f64;
        agree!(&devices, back, shape, (terms + 2.0) * EPS * terms);
    }
}

fn pooled<B: Backend>(backend: &B, &(shape, kind, rows): &(Window, Pooling, usize)) -> Vec<f64> {
    let x = Held::new(backend, &ties(rows * shape.image()));
    let size = shape.channels * shape.positions();
    let mut out = Held::output(backend, rows * size);
    backend.pool(&shape, kind, rows, out.out(), x.get()).unwrap();
    let delta = Held::new(backend, &numbers(4, 3 * rows * size));
    let mut back = Held::output(backend, 3 * rows * shape.image());
    backend.pool_backward(&shape, kind, 3 * rows, back.out(), delta.get(), x.get()).unwrap();
    [out.values(backend), back.values(backend)].concat()
}

fn directional<B: Backend>(backend: &B, &(shape, rows): &(Window, usize)) -> Vec<f64> {
    let x = Held::new(backend, &ties(rows * shape.image()));
    let slope = Held::new(backend, &numbers(8, 3 * rows * shape.image()));
    let mut out = Held::output(backend, 3 * rows * shape.channels * shape.positions());
    backend.pool_directional(&shape, 3 * rows, out.out(), slope.get(), x.get()).unwrap();
    out.values(backend)
}

/// Few different values, so that maxima tie.
fn ties(len: usize) -> Vec<f64> {
    numbers(3, len).iter().map(|x| (x * 4.0).round() / 4.0).collect()
}

#[test]
fn pooling_and_its_gradient() {
    let devices = devices();
    for kind in [Pooling::Max, Pooling::Average] {
        for shape in [
            (window(1, (1, 1), 1, 1, 0), kind, 1),
            (window(3, (5, 7), 2, 2, 0), kind, 2),
            (window(2, (9, 6), 3, 3, 0), kind, 5),
            (window(2, (8, 8), 2, 2, 0), kind, 40),
            (window(2, (7, 6), 3, 2, 1), kind, 3),
            (Window { dilation: [2, 1], stride: [1, 2], ..window(3, (8, 5), 3, 1, 1) }, kind, 7),
        ] {
            agree!(&devices, pooled, shape, 10.0 * EPS);
            agree!(&devices, directional, (shape.0, shape.2), 0.0);
        }
    }
}

fn turned<B: Backend>(backend: &B, &(batches, rows, columns): &(usize, usize, usize)) -> Vec<f64> {
    let x = Held::new(backend, &numbers(5, batches * rows * columns));
    let mut out = Held::output(backend, batches * rows * columns);
    backend.transpose(&Transpose { batches, rows, columns }, out.out(), x.get()).unwrap();
    out.values(backend)
}

#[test]
fn transposes() {
    let devices = devices();
    for shape in [(1, 1, 1), (3, 1, 7), (2, 63, 5), (5, 17, 65), (40, 13, 11)] {
        agree!(&devices, turned, shape, 0.0);
    }
}
