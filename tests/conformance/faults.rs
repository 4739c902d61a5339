//! A device that fails gives typed errors, then and later, and nothing panics.

use crate::harness::{devices, impatient_device};
use pathkernel::compute::gpu::{Buffer, GpuBackend};
use pathkernel::compute::{Backend, BackendError, Layout, MatMul, Slice, SliceMut, Start};
use wgpu::{BufferDescriptor, BufferUsages};

const SIDE: usize = 1024;

/// The adapter as it is.
fn device() -> Option<GpuBackend> {
    devices().into_iter().next()
}

fn is_lost<T>(result: Result<T, BackendError>) -> bool {
    let other = match result {
        Err(BackendError::Lost(_)) => return true,
        Err(other) => other.to_string(),
        Ok(_) => "no error".into(),
    };
    println!("instead of a loss: {other}");
    false
}

/// Queues some work, and gives what it works on.
fn busy(device: &GpuBackend, products: usize) -> Result<Buffer, BackendError> {
    let a = device.upload(&vec![0.5; SIDE * SIDE])?;
    let mut out = device.scratch(SIDE * SIDE)?;
    let shape = MatMul { rows: SIDE, columns: SIDE, depth: SIDE, layout: Layout::Plain, start: Start::Value(0.0) };
    let whole = Slice::new(&a, 0, SIDE * SIDE);
    for _ in 0..products {
        device.matmul(&shape, SliceMut::new(&mut out, 0, SIDE * SIDE), whole, whole, None)?;
    }
    Ok(out)
}

/// Every kind of call fails at once, again and again.
fn stays_lost(device: &GpuBackend, buffer: &Buffer) {
    for _ in 0..3 {
        assert!(is_lost(device.download(Slice::new(buffer, 0, 1))));
        assert!(is_lost(device.download_later(Slice::new(buffer, 0, 1))));
        assert!(is_lost(device.zeros(1 << 20)));
        assert!(is_lost(device.scratch(12_345)));
        assert!(is_lost(device.upload(&vec![1.0; 77_777])));
        assert!(is_lost(device.index(&[1; 55_555])));
        assert!(is_lost(device.device_seconds()));
        assert_eq!(device.phase_seconds(), None);
    }
}

#[test]
fn a_device_destroyed_with_work_queued_is_lost() {
    if let Some(device) = device() {
        let mut buffer = busy(&device, 3).unwrap();
        device.device().destroy();
        // A pipeline that was not built before, and one that was.
        let _ = device.fill(SliceMut::new(&mut buffer, 0, 9), 1.0);
        let _ = busy(&device, 1);
        assert!(is_lost(device.download(Slice::new(&buffer, 0, SIDE))));
        stays_lost(&device, &buffer);
    }
}

#[test]
fn a_device_destroyed_before_a_copy_is_collected_is_lost_or_gives_it() {
    if let Some(device) = device() {
        let buffer = device.upload(&[2.0; 100]).unwrap();
        let ticket = device.download_later(Slice::new(&buffer, 0, 100)).unwrap();
        device.device().destroy();
        match device.collect(ticket) {
            Ok(values) => assert_eq!(values, [2.0; 100]),
            Err(error) => assert!(matches!(error, BackendError::Lost(_)), "{error}"),
        }
        assert!(is_lost(device.download(Slice::new(&buffer, 0, 1))));
        stays_lost(&device, &buffer);
    }
}

#[test]
fn a_device_that_does_not_answer_in_time_is_lost() {
    let Some(device) = impatient_device() else { return };
    let buffer = busy(&device, 2).unwrap();
    let error = device.download(Slice::new(&buffer, 0, SIDE)).unwrap_err();
    assert!(matches!(&error, BackendError::Lost(what) if what.contains("no answer in 1ns")), "{error}");
    stays_lost(&device, &buffer);
}

/// The driver refuses a call: what was computed since is not to be trusted.
#[test]
fn a_refused_call_shows_in_the_next_download_and_stays() {
    if let Some(device) = device() {
        let buffer = device.upload(&[2.0; 100]).unwrap();
        let usage = BufferUsages::MAP_READ | BufferUsages::STORAGE;
        let refused = BufferDescriptor { label: None, size: 4, usage, mapped_at_creation: false };
        drop(device.device().create_buffer(&refused));
        for _ in 0..3 {
            let refused = device.download(Slice::new(&buffer, 0, 1));
            assert!(matches!(refused, Err(BackendError::Invalid(_))));
        }
        assert!(matches!(device.zeros(1 << 20), Err(BackendError::Invalid(_))));
    }
}

/// More than a buffer of the device holds.
#[test]
fn a_buffer_beyond_the_device_is_out_of_memory_and_does_no_harm() {
    if let Some(device) = device() {
        let before = device.upload(&[3.0; 100]).unwrap();
        for _ in 0..2 {
            for len in [usize::MAX / 8, 1 << 40] {
                assert!(matches!(device.scratch(len), Err(BackendError::OutOfMemory(_))));
                assert!(matches!(device.zeros(len), Err(BackendError::OutOfMemory(_))));
                assert!(matches!(device.totals(len), Err(BackendError::OutOfMemory(_))));
            }
        }
        assert_eq!(device.download(Slice::new(&before, 0, 100)).unwrap(), [3.0; 100]);
    }
}

/// Says to a child that it has little memory.
const LITTLE: &str = "PATHKERNEL_TEST_LITTLE_MEMORY";

/// More than the driver has: it says so, and the device goes on. In a process of its own, whose memory is limited.
#[test]
#[cfg(target_os = "linux")]
fn a_driver_without_memory_does_no_harm() {
    if std::env::var_os(LITTLE).is_some() {
        return fill_the_device();
    }
    let limited = "ulimit -v 6291456 && exec \"$0\" --exact faults::a_driver_without_memory_does_no_harm --nocapture";
    let test = std::env::current_exe().expect("this program");
    let output = std::process::Command::new("sh").arg("-c").arg(limited).arg(test).env(LITTLE, "1").output();
    let output = output.expect("a shell");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success() && said.contains("1 passed") && !said.contains("panicked"), "{said}");
}

/// Takes arrays of 512 MiB until there are no more.
fn fill_the_device() {
    let Some(device) = device().filter(GpuBackend::is_software) else { return };
    let before = device.upload(&[3.0; 100]).unwrap();
    let mut arrays = Vec::new();
    let error = loop {
        match device.scratch(1 << 27) {
            Ok(array) => arrays.push(array),
            Err(error) => break error,
        }
        assert!(arrays.len() < 13, "6 GiB hold more than 6.5");
    };
    assert!(matches!(&error, BackendError::OutOfMemory(what) if what.contains("has no room for")), "{error}");
    assert!(matches!(device.scratch(1 << 27), Err(BackendError::OutOfMemory(_))));
    assert_eq!(device.download(Slice::new(&before, 0, 100)).unwrap(), [3.0; 100]);
    // What is given back can be had again, in another size.
    arrays.clear();
    let mut smaller = device.scratch(1 << 26).unwrap();
    device.fill(SliceMut::new(&mut smaller, 0, 9), 1.0).unwrap();
    assert_eq!(device.download(Slice::new(&smaller, 0, 9)).unwrap(), [1.0; 9]);
}
