//! Operations on elements and rows.

use crate::harness::*;
use pathkernel::activation::{Activation, Order};
use pathkernel::compute::op::{Activate, BatchLoss, BatchLossArrays, LossBatch, Read, ReadArrays};
use pathkernel::compute::{Adam, AdamOut, Backend, Normalize, Position, Slice, SliceMut, Targets, Weights};
use pathkernel::loss::{Loss, TargetKind};
use pathkernel::readout::OutputFunction;

/// 1, primes, a workgroup and its neighbours, more than a binding of the small device.
const LENGTHS: [usize; 8] = [1, 2, 7, 255, 256, 257, 4099, 20_011];

fn copied<B: Backend>(backend: &B, &len: &usize) -> Vec<f64> {
    let x = Held::new(backend, &numbers(1, len));
    let mut out = Held::output(backend, len);
    backend.copy(out.out(), x.get()).unwrap();
    backend.axpy(out.out(), -0.3, x.get()).unwrap();
    out.values(backend)
}

fn multiplied_by_a_number<B: Backend>(backend: &B, &len: &usize) -> Vec<f64> {
    let mut out = Held::new(backend, &numbers(2, len));
    backend.scale(out.out(), -0.3).unwrap();
    out.values(backend)
}

fn filled<B: Backend>(backend: &B, &len: &usize) -> Vec<f64> {
    let mut out = Held::output(backend, len);
    backend.fill(out.out(), 0.625).unwrap();
    out.values(backend)
}

fn written<B: Backend>(backend: &B, &len: &usize) -> Vec<f64> {
    let mut out = Held::output(backend, len);
    let values: Vec<B::Element> =
        numbers(2, len).into_iter().map(<B::Element as pathkernel::compute::Element>::from_f64).collect();
    backend.write(out.out(), &values).unwrap();
    out.values(backend)
}

/// The weights, the moments and the preconditioner after a step, each relative to its size.
fn adapted<B: Backend>(backend: &B, &(len, decay, shrink): &(usize, f64, f64)) -> Vec<f64> {
    let (weights, gradient) = (Held::new(backend, &numbers(3, len)), Held::new(backend, &numbers(4, len)));
    let (mut next, mut preconditioner) = (Held::output(backend, len), Held::output(backend, len));
    let mut first = Held::new(backend, &numbers(5, len));
    let squares: Vec<f64> = numbers(6, len).into_iter().map(|x| f64::from((x * x) as f32)).collect();
    let mut second = Held::new(backend, &squares);
    let step = Adam { rate: 0.05, betas: [0.9, 0.999], correction: 0.5, eps: 0.125, weight_decay: decay, shrink };
    let out =
        AdamOut { next: next.out(), first: first.out(), second: second.out(), preconditioner: preconditioner.out() };
    backend.adam(&step, out, weights.get(), gradient.get()).unwrap();
    // d is at most 1 / eps.
    let factors = preconditioner.values(backend).into_iter().map(|d| d / 8.0).collect();
    [next.values(backend), first.values(backend), second.values(backend), factors].concat()
}

#[test]
fn steps_of_adam() {
    let devices = devices();
    for len in LENGTHS {
        for (decay, shrink) in [(0.0, 1.0), (0.25, 1.0), (0.0, 0.75)] {
            // Relative to itself, the second moment is wrong by 6 roundings: g by one, since these decays are powers of two.
            // Its root by 3 and the 9 that WGSL allows a root, the quotients by 5 each; all in all d by 24, which the step
            // of at most 1/2 has too.
            agree!(&devices, adapted, (len, decay, shrink), 24.0 * EPS);
        }
    }
}

fn folded<B: Backend>(backend: &B, &len: &usize) -> Vec<f64> {
    let mut total = backend.totals(len).unwrap();
    let mut block = backend.zeros(len).unwrap();
    for seed in 0..3 {
        let values = Held::new(backend, &numbers(seed, len));
        backend.axpy(SliceMut::new(&mut block, 0, len), 1.0, values.get()).unwrap();
        backend.fold(&mut total, &mut block).unwrap();
        // Kept in between, as a run that is interrupted keeps them.
        let kept = backend.download_totals(&total).unwrap();
        total = backend.upload_totals(kept.clone()).unwrap();
        assert_eq!(backend.download_totals(&total).unwrap(), kept);
    }
    let rest = backend.download(Slice::new(&block, 0, len)).unwrap();
    assert!(rest.into_iter().all(|value| pathkernel::compute::Element::to_f64(value) == 0.0), "a block is not cleared");
    backend.download_totals(&total).unwrap()
}

#[test]
fn copies_and_updates() {
    let devices = devices();
    for len in LENGTHS {
        agree!(&devices, copied, len, 2.0 * EPS);
        agree!(&devices, multiplied_by_a_number, len, 2.0 * EPS);
        agree!(&devices, filled, len, 0.0);
        agree!(&devices, written, len, 0.0);
        agree!(&devices, folded, len, 2.0 * 3.0 * EPS);
    }
}

fn gathered<B: Backend>(backend: &B, &(rows, all, width): &(usize, usize, usize)) -> Vec<f64> {
    let x = Held::new(backend, &numbers(5, all * width));
    let wanted: Vec<u32> = (0..rows).map(|row| ((row * 7919 + 3) % all) as u32).collect();
    let mut out = Held::output(backend, rows * width);
    backend.gather(out.out(), x.get(), &backend.index(&wanted).unwrap(), width).unwrap();
    out.values(backend)
}

#[test]
fn gathers_rows() {
    let devices = devices();
    for shape in [(1, 1, 1), (5, 3, 7), (300, 11, 17), (2500, 700, 13)] {
        agree!(&devices, gathered, shape, 0.0);
    }
}

/// Small, usual and large arguments of both signs, and zero.
fn arguments(len: usize) -> Vec<f64> {
    let scales = [1e-6, 0.03, 0.6, 2.0, 7.0, 40.0];
    numbers(6, len).iter().enumerate().map(|(i, x)| f64::from((x * scales[i % 6]) as f32)).collect()
}

/// Of the arguments, where the function is defined: otherwise of their sizes.
fn activated<B: Backend>(backend: &B, &(kind, order, len): &(Activation, Order, usize)) -> Vec<f64> {
    let is_defined = kind.at(Order::Value, -1.0).is_finite();
    let x: Vec<f64> = arguments(len).into_iter().map(|x| if is_defined { x } else { x.abs().max(1e-9) }).collect();
    let held = Held::new(backend, &x);
    let mut out = Held::output(backend, len);
    backend.run(&Activate { kind, order }, (out.out(), held.get())).unwrap();
    // Relative to the value's size, and to the argument's where f is taken, so that one tolerance does for all.
    let least = |x: f64| if order == Order::Value { x.abs().max(1.0) } else { 1.0 };
    let scale = x.iter().map(|&x| kind.at(order, x).abs().max(least(x)));
    out.values(backend).into_iter().zip(scale).map(|(y, scale)| y / scale).collect()
}

fn multiplied<B: Backend>(backend: &B, &(len, copies): &(usize, usize)) -> Vec<f64> {
    let slope = Held::new(backend, &numbers(6, len));
    let delta = Held::new(backend, &numbers(7, copies * len));
    let mut out = Held::output(backend, copies * len);
    backend.multiply(out.out(), delta.get(), slope.get()).unwrap();
    out.values(backend)
}

#[test]
fn multiplies_by_slopes() {
    let devices = devices();
    for shape in [(1, 1), (83, 3), (257, 1), (4099, 5)] {
        agree!(&devices, multiplied, shape, EPS);
    }
}

#[test]
fn activations_are_precise() {
    let devices = devices();
    for kind in Activation::samples() {
        for len in [1, 257, 20_011] {
            // Polynomials and one division: a few roundings. The argument of the sine is reduced in three steps.
            agree!(&devices, activated, (kind, Order::Value, len), 6.0 * EPS);
            // x φ(x) and x σ(-x) multiply the argument's rounding by up to its size.
            agree!(&devices, activated, (kind, Order::Slope, len), 16.0 * EPS);
            agree!(&devices, activated, (kind, Order::Curvature, len), 16.0 * EPS);
        }
    }
}

/// Rows, width, positions that share a τ, and whether there is a step.
type RowShape = (usize, usize, usize, bool);

/// The parameters of rows on a segment; every base row has a τ.
fn with_weights<B: Backend>(
    backend: &B,
    &(rows, width, positions, step): &RowShape,
    run: &mut dyn FnMut(Weights<'_, B::Buffer>),
) {
    let start = Held::new(backend, &numbers(8, width));
    let change = Held::new(backend, &numbers(9, width));
    let tau = Held::new(backend, &numbers(10, rows / positions));
    let position = Position { tau: tau.get(), positions };
    run(Weights { start: start.get(), step: step.then(|| (change.get(), position)) });
}

fn biased<B: Backend>(backend: &B, shape: &RowShape) -> Vec<f64> {
    let mut out = Held::new(backend, &numbers(11, shape.0 * shape.1));
    with_weights(backend, shape, &mut |weights| backend.bias(out.out(), weights).unwrap());
    out.values(backend)
}

fn scaled<B: Backend>(backend: &B, shape: &RowShape) -> Vec<f64> {
    let (rows, width, ..) = *shape;
    let x = Held::new(backend, &numbers(12, rows * width));
    let mut out = Held::output(backend, rows * width);
    with_weights(backend, shape, &mut |factors| backend.scale_features(out.out(), x.get(), factors).unwrap());
    out.values(backend)
}

/// Normalised rows, their scales, and for three copies a gradient through them and how it changes.
fn normalised<B: Backend>(backend: &B, &(rows, width, about_mean): &(usize, usize, bool)) -> Vec<f64> {
    let shape = Normalize { width, about_mean, eps: 1e-5 };
    let x = Held::new(backend, &numbers(13, rows * width));
    let (mut normal, mut scale) = (Held::output(backend, rows * width), Held::output(backend, rows));
    backend.normalize(&shape, normal.out(), scale.out(), x.get()).unwrap();
    let delta = Held::new(backend, &numbers(14, 3 * rows * width));
    let slope = Held::new(backend, &numbers(8, rows * width));
    let (mut back, mut change) = (Held::output(backend, delta.get().len), Held::output(backend, delta.get().len));
    backend.normalize_backward(&shape, back.out(), delta.get(), normal.get(), scale.get()).unwrap();
    let curved = backend.normalize_curvature(&shape, change.out(), delta.get(), normal.get(), scale.get(), slope.get());
    curved.unwrap();
    [normal.values(backend), back.values(backend), change.values(backend)].concat()
}

#[test]
fn rows_on_a_segment() {
    let devices = devices();
    for shape in [(1, 1, 1, true), (6, 7, 2, true), (15, 64, 5, false), (1200, 17, 4, true), (3000, 3, 1, true)] {
        agree!(&devices, biased, shape, 4.0 * EPS);
        agree!(&devices, scaled, shape, 6.0 * EPS);
    }
    for shape in [(1, 5, true), (6, 8, true), (15, 64, false), (1200, 17, true), (1200, 17, false)] {
        // Two means of at most 64 terms, and scales of a few units: the smallest variance of these rows is above 0.01.
        agree!(&devices, normalised, shape, 10.0 * 10.0 * 64.0 * EPS);
    }
}

/// A loss of so many rows and outputs, with so many places; whether its targets are classes.
type LossCase = (Loss, usize, usize, usize, bool);

fn losses<B: Backend>(backend: &B, &(loss, rows, width, all, of_classes): &LossCase) -> Vec<f64> {
    let outputs = Held::new(backend, &numbers(15, rows * width).iter().map(|x| 6.0 * x).collect::<Vec<_>>());
    let share = Held::new(backend, &numbers(16, rows));
    let places: Vec<u32> = (0..rows).map(|row| ((row * 31 + 1) % all) as u32).collect();
    let places = backend.index(&places).unwrap();
    let classes = backend.index(&(0..all).map(|i| (i * 5 % width) as u32).collect::<Vec<_>>()).unwrap();
    let reals = Held::new(backend, &numbers(17, all * width));
    let positive = |seed: u64, len: usize| numbers(seed, len).iter().map(|x| x.abs()).collect::<Vec<_>>();
    let (weights, of_outputs) = (Held::new(backend, &positive(27, all)), Held::new(backend, &positive(28, width)));
    let targets = if of_classes { Targets::Classes(&classes) } else { Targets::Reals(reals.get()) };
    let (mut gradient, mut statistics) = (Held::output(backend, rows * width), Held::output(backend, rows * 2));
    let batch = LossBatch {
        outputs: outputs.get(),
        targets,
        weights: weights.get(),
        numbers: of_outputs.get(),
        places: &places,
        share: share.get(),
    };
    let arrays = BatchLossArrays { gradient: gradient.out(), statistics: statistics.out(), batch };
    backend.run(&BatchLoss { loss, width, smoothing: 0.25 }, arrays).unwrap();
    [gradient.values(backend), statistics.values(backend)].concat()
}

#[test]
fn losses_and_their_gradients() {
    let devices = devices();
    for &loss in Loss::ALL {
        for (rows, width, all) in [(1, 1, 1), (7, 3, 5), (257, 10, 300), (700, 5, 2300)] {
            for of_classes in [false, true] {
                if of_classes && loss.takes() != TargetKind::Classes {
                    continue;
                }
                // Sums of up to ten losses, each of at most e⁶ + 6 and wrong by a few roundings.
                agree!(&devices, losses, (loss, rows, width, all, of_classes), 10.0 * 8.0 * 410.0 * EPS);
            }
        }
    }
}

fn seeded<B: Backend>(backend: &B, &(rows, outputs, scaled): &(usize, usize, bool)) -> Vec<f64> {
    let scale = Held::new(backend, &numbers(18, rows * outputs));
    let mut out = Held::output(backend, rows * outputs * outputs);
    backend.seed(rows, outputs, out.out(), scaled.then(|| scale.get())).unwrap();
    out.values(backend)
}

#[test]
fn seeds_pick_outputs() {
    let devices = devices();
    for shape in [(1, 1, true), (7, 3, false), (64, 10, true), (500, 7, true), (2500, 3, false)] {
        agree!(&devices, seeded, shape, 0.0);
    }
}

/// Values and seeds, of outputs in [-`size`, `size`].
fn read_out<B: Backend>(backend: &B, &(kind, rows, width, size): &(OutputFunction, usize, usize, f64)) -> Vec<f64> {
    let outputs: Vec<f64> = numbers(19, rows * width).iter().map(|x| f64::from((size * x) as f32)).collect();
    let outputs = Held::new(backend, &outputs);
    let classes = backend.index(&(0..rows).map(|row| (row * 5 % width) as u32).collect::<Vec<_>>()).unwrap();
    let count = kind.count(width);
    let (mut values, mut seeds) = (Held::output(backend, rows * count), Held::output(backend, count * rows * width));
    let classes = kind.has_classes().then_some(&classes);
    let arrays = ReadArrays { values: values.out(), seeds: seeds.out(), outputs: outputs.get(), classes };
    backend.run(&Read { kind, rows, width }, arrays).unwrap();
    [values.values(backend), seeds.values(backend)].concat()
}

#[test]
fn readouts_and_their_gradients() {
    let devices = devices();
    for &kind in OutputFunction::ALL {
        for (rows, width) in [(1, 2), (7, 3), (64, 10), (500, 7), (2500, 3)] {
            for size in [1.0, 12.0, 200.0] {
                // A difference of two outputs is rounded once, at up to twice their size, before its exponential is taken;
                // then sums of at most ten terms, a logarithm and a division.
                agree!(&devices, read_out, (kind, rows, width, size), (4.0 * size + 20.0) * EPS);
            }
        }
    }
    agree!(&devices, read_out, (OutputFunction::Softmax, 5, 1, 1.0), 0.0);
}

#[test]
fn readouts_without_a_value_are_refused() {
    for device in devices() {
        let outputs = Held::new(&device, &numbers(1, 6));
        let refused = |kind: OutputFunction, width: usize, classes: Option<&[u32]>| {
            let rows = 6 / width;
            let classes = classes.map(|classes| device.index(classes).unwrap());
            let (mut values, mut seeds) =
                (Held::output(&device, rows * kind.count(width)), Held::output(&device, kind.count(width) * 6));
            let (values, seeds) = (values.out(), seeds.out());
            let arrays = ReadArrays { values, seeds, outputs: outputs.get(), classes: classes.as_ref() };
            device.run(&Read { kind, rows, width }, arrays).is_err()
        };
        assert!(!refused(OutputFunction::Target, 3, Some(&[0, 2])));
        assert!(refused(OutputFunction::Target, 3, Some(&[0, 3])));
        assert!(refused(OutputFunction::Target, 3, Some(&[0])));
        assert!(refused(OutputFunction::Margin, 3, None));
        assert!(refused(OutputFunction::Margin, 1, Some(&[0; 6])));
    }
}
