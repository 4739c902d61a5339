//! From a run file to the backend that it asks for.

use crate::backend::cpu::CpuBackend;
#[cfg(feature = "gpu")]
use crate::backend::gpu::{Choice, GpuBackend};
use crate::backend::{Backend, BackendError, Layout, MatMul, Result as DeviceResult, Slice, SliceMut, Start};
use crate::error::Error;
use crate::run_file::{Precision, RunFile};
use std::time::Instant;

/// Something to be done on whatever backend a run file asks for.
pub(super) trait Work {
    /// What comes of it.
    type Output;
    /// Does it.
    fn on<B: Backend>(self, backend: &B) -> Result<Self::Output, Error>;
}

/// Opens the device of a run file and works on it.
pub(super) fn on_device<W: Work>(run_file: &RunFile, work: W) -> Result<W::Output, Error> {
    #[cfg(feature = "gpu")]
    if let Some(backend) = gpu(run_file)? {
        return work.on(&backend);
    }
    #[cfg(not(feature = "gpu"))]
    if !matches!(run_file.run.device.as_str(), "auto" | "cpu") {
        let problem = "this program was built without the feature \"gpu\"; set run.device to \"cpu\"";
        return Err(Error::Backend(BackendError::NoAdapter(problem.into())));
    }
    match run_file.run.precision {
        Precision::F32 => work.on(&CpuBackend::<f32>::new()),
        Precision::F64 => work.on(&CpuBackend::<f64>::new()),
    }
}

/// The GPU that a run asks for; `None` is the CPU. `auto` takes hardware alone.
#[cfg(feature = "gpu")]
fn gpu(run_file: &RunFile) -> Result<Option<GpuBackend>, Error> {
    let choice = match run_file.run.device.as_str() {
        "cpu" => return Ok(None),
        "auto" if run_file.run.precision == Precision::F64 => return Ok(None),
        "auto" => Choice::Hardware,
        "gpu" => Choice::Any,
        name => Choice::Named(name.to_owned()),
    };
    let backend = match GpuBackend::open(&choice) {
        Err(BackendError::NoAdapter(_)) if choice == Choice::Hardware => return Ok(None),
        opened => opened?,
    };
    if backend.is_software() && choice == Choice::Any {
        tracing::warn!("{} computes on the CPU; run.device = \"cpu\" is much faster", backend.name());
    }
    Ok(Some(backend))
}

/// Memory that is free on this machine, in bytes.
pub(crate) fn free_memory() -> u64 {
    // Where the system does not say, nothing is refused.
    sysinfo::System::new().map_or(u64::MAX / 4, |mut system| {
        system.refresh_memory();
        system.available_memory()
    })
}

/// Floating-point operations a second of a plain matrix product, measured in some hundredths of a second.
pub(super) fn product_rate<B: Backend>(backend: &B) -> DeviceResult<f64> {
    const SIDE: usize = 256;
    let (a, b) = (backend.zeros(SIDE * SIDE)?, backend.zeros(SIDE * SIDE)?);
    let mut out = backend.zeros(SIDE * SIDE)?;
    let shape = MatMul { rows: SIDE, columns: SIDE, depth: SIDE, layout: Layout::Transposed, start: Start::Value(0.0) };
    let whole = |buffer| Slice::new(buffer, 0, SIDE * SIDE);
    let mut product = || -> DeviceResult<f64> {
        let started = Instant::now();
        backend.matmul(&shape, SliceMut::new(&mut out, 0, SIDE * SIDE), whole(&a), whole(&b), None)?;
        backend.download(Slice::new(&out, 0, 1))?;
        Ok(started.elapsed().as_secs_f64())
    };
    // The first ones wake threads and build pipelines.
    let started = Instant::now();
    let mut fastest = f64::INFINITY;
    while started.elapsed().as_secs_f64() < 0.05 || fastest.is_infinite() {
        fastest = fastest.min(product()?);
    }
    Ok(2.0 * (SIDE * SIDE * SIDE) as f64 / fastest.max(1e-9))
}
