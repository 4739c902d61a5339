//! Buffers that are used again hold what they should, and a loop creates none.

use crate::harness::*;
use pathkernel::compute::gpu::GpuBackend;
use pathkernel::compute::{Accumulator, Backend, Entries, Gram, Layout, MatMul, Part, RowMap, Slice, SliceMut, Start};

const LEN: usize = 5000;

#[test]
fn zeros_are_zero_again() {
    for device in &devices() {
        for round in 0..3 {
            let mut buffer = device.zeros(LEN).unwrap();
            let values = device.download(Slice::new(&buffer, 0, LEN)).unwrap();
            assert!(values.iter().all(|&value| value == 0.0), "round {round}");
            device.fill(SliceMut::new(&mut buffer, 0, LEN), 3.0).unwrap();
        }
    }
}

/// An upload goes at once, a dispatch that is queued later: neither may see the other's values.
#[test]
fn uploads_do_not_overtake() {
    for device in &devices() {
        let mut sum = device.zeros(LEN).unwrap();
        let mut want = 0.0;
        for round in 0..40 {
            let value = (round % 7) as f32;
            let x = device.upload(&vec![value; LEN]).unwrap();
            device.axpy(SliceMut::new(&mut sum, 0, LEN), 1.0, Slice::new(&x, 0, LEN)).unwrap();
            drop(x);
            let mut scratch = device.scratch(LEN).unwrap();
            device.fill(SliceMut::new(&mut scratch, 0, LEN), 100.0).unwrap();
            want += value;
        }
        let values = device.download(Slice::new(&sum, 0, LEN)).unwrap();
        assert!(values.iter().all(|&value| value == want), "{} instead of {want}", values[0]);
    }
}

/// What a step does: uploads, intermediate arrays, products, a download that is collected later.
fn step(device: &GpuBackend, sum: &mut pathkernel::compute::gpu::Buffer) {
    let side = 48;
    let a = device.upload(&vec![0.5; side * side]).unwrap();
    let mut product = device.scratch(side * side).unwrap();
    let shape = MatMul { rows: side, columns: side, depth: side, layout: Layout::Plain, start: Start::Value(0.0) };
    let whole = Slice::new(&a, 0, side * side);
    device.matmul(&shape, SliceMut::new(&mut product, 0, side * side), whole, whole, None).unwrap();
    let map = RowMap::each(device, 1, side, 0.5).unwrap();
    let columns = device.index(&(0..side as u32).collect::<Vec<_>>()).unwrap();
    let left = Slice::new(&product, 0, side * side);
    let exchanges = false;
    let part = Part::Factored { map: &map, positions: 1, depth: side, left, right: whole, inputs: left, exchanges };
    let gram = Gram {
        entries: Entries::Loss,
        outputs: 1,
        copies: 1,
        queries: side,
        examples: side,
        stride: side,
        triangle: None,
    };
    let out = SliceMut::new(sum, 0, side * side);
    device.gram(&gram, &columns, &[part], &mut [Accumulator { out, scale: 1.0, weights: None }]).unwrap();
    let ticket = device.download_later(left).unwrap();
    assert_eq!(device.collect(ticket).unwrap().len(), side * side);
}

#[test]
fn a_loop_creates_no_buffers() {
    for device in &devices().into_iter().take(1).collect::<Vec<_>>() {
        let mut sum = device.zeros(48 * 48).unwrap();
        for _ in 0..3 {
            step(device, &mut sum);
        }
        let before = device.buffers_created();
        for _ in 0..20 {
            step(device, &mut sum);
        }
        assert_eq!(device.buffers_created(), before);
        if let Some(seconds) = device.device_seconds().unwrap() {
            assert!(seconds > 0.0 && seconds < 100.0, "{seconds} s on the device");
        }
    }
}
