//! The rates of a device, by a short measurement.

use super::Rates;
use crate::backend::{Accumulator, Backend, Entries, Gram, Outer, Part, Result, RowMap, Slice, SliceMut, Start};
use std::time::Instant;

/// Seconds of the fastest of some runs of `work`, over some hundredths of a second.
fn fastest<B: Backend>(backend: &B, probe: &B::Buffer, work: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    const LONG: f64 = 0.02;
    let started = Instant::now();
    let mut fastest = f64::INFINITY;
    let mut runs = 0;
    // The first one wakes threads and builds pipelines.
    while runs < 3 || started.elapsed().as_secs_f64() < LONG {
        let now = Instant::now();
        work()?;
        backend.download(Slice::new(probe, 0, 1))?;
        fastest = fastest.min(now.elapsed().as_secs_f64());
        runs += 1;
    }
    Ok(fastest.max(1e-9))
}

/// One part of a fused product, `depth` deep, 256 by 512.
fn product<B: Backend>(backend: &B, depth: usize) -> Result<f64> {
    const ROWS: usize = 256;
    const COLUMNS: usize = 512;
    let (left, right) = (backend.zeros(ROWS * depth)?, backend.zeros(COLUMNS * depth)?);
    let (inputs, mut out) = (backend.zeros(ROWS * COLUMNS)?, backend.zeros(ROWS * COLUMNS)?);
    let probe = backend.zeros(1)?;
    let map = RowMap::each(backend, 1, ROWS, 1.0)?;
    let columns = backend.index(&(0..COLUMNS as u32).collect::<Vec<_>>())?;
    let shape = Gram {
        entries: Entries::Loss,
        outputs: 1,
        copies: 1,
        queries: ROWS,
        examples: COLUMNS,
        stride: COLUMNS,
        triangle: None,
    };
    let part = Part::Factored {
        map: &map,
        positions: 1,
        depth,
        left: Slice::new(&left, 0, ROWS * depth),
        right: Slice::new(&right, 0, COLUMNS * depth),
        inputs: Slice::new(&inputs, 0, ROWS * COLUMNS),
    };
    fastest(backend, &probe, &mut || {
        let out = SliceMut::new(&mut out, 0, ROWS * COLUMNS);
        backend.gram(&shape, &columns, &[part], &mut [Accumulator { out, scale: 1.0, weights: None }])
    })
    .map(|seconds| seconds / (ROWS * COLUMNS) as f64)
}

/// Gradient rows of a convolution's size.
fn forming<B: Backend>(backend: &B) -> Result<f64> {
    const ROWS: usize = 64;
    let shape = Outer { height: 32, width: 72, positions: 64, bias: false, start: Start::Value(0.0) };
    let (delta, input) = (ROWS * shape.positions * shape.height, ROWS * shape.positions * shape.width);
    let (deltas, inputs) = (backend.zeros(delta)?, backend.zeros(input)?);
    let (mut out, probe) = (backend.zeros(ROWS * shape.row())?, backend.zeros(1)?);
    let map = RowMap::each(backend, 1, ROWS, 1.0)?;
    fastest(backend, &probe, &mut || {
        let out = SliceMut::new(&mut out, 0, ROWS * shape.row());
        backend.outer(&shape, &map, out, Slice::new(&deltas, 0, delta), Slice::new(&inputs, 0, input), None)
    })
    .map(|seconds| seconds / (ROWS * shape.positions * shape.height * shape.width) as f64)
}

/// An array copied.
fn element<B: Backend>(backend: &B) -> Result<f64> {
    const LEN: usize = 1 << 20;
    let (source, mut out, probe) = (backend.zeros(LEN)?, backend.zeros(LEN)?, backend.zeros(1)?);
    fastest(backend, &probe, &mut || backend.copy(SliceMut::new(&mut out, 0, LEN), Slice::new(&source, 0, LEN)))
        .map(|seconds| seconds / LEN as f64)
}

impl Rates {
    /// Measures a device, in a few tenths of a second.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn measure<B: Backend>(backend: &B) -> Result<Self> {
        const SHALLOW: usize = 8;
        const DEEP: usize = 512;
        let (shallow, deep) = (product(backend, SHALLOW)?, product(backend, DEEP)?);
        let multiply_add = ((deep - shallow) / (DEEP - SHALLOW) as f64).max(deep / (2 * DEEP) as f64);
        let entry = (shallow - SHALLOW as f64 * multiply_add).max(multiply_add);
        Ok(Self { multiply_add, entry, forming: forming(backend)?.max(multiply_add), element: element(backend)? })
    }

    /// The rates of a device: as kept from an earlier run, or measured now and kept.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn of<B: Backend>(backend: &B) -> Result<Self> {
        let device = format!("{} {}", backend.name(), processor());
        if let Some(rates) = crate::cache::read("rates", &device) {
            return Ok(rates);
        }
        let rates = Self::measure(backend)?;
        crate::cache::write("rates", &device, &rates);
        Ok(rates)
    }
}

/// The processor's name: machines that share a home folder differ in it.
fn processor() -> String {
    sysinfo::System::new()
        .map(|mut system| {
            system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
            system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default()
        })
        .unwrap_or_default()
}
