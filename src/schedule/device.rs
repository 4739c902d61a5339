//! From a run file to the backend that it asks for.

use crate::backend::cpu::CpuBackend;
#[cfg(feature = "gpu")]
use crate::backend::gpu::{Choice, GpuBackend, Options, Tune};
use crate::backend::{Backend, BackendError, Element};
use crate::error::Error;
use crate::run_file::{Precision, Run};
use crate::tangent::Rates;

/// Something to be done on whatever backend a run file asks for.
pub(crate) trait Work: Send {
    /// What comes of it.
    type Output: Send;
    /// Does it.
    fn on<B: Backend>(self, backend: &B) -> Result<Self::Output, Error>;
}

/// Opens the device of a run file and works on it.
pub(crate) fn on_device<W: Work>(run: &Run, work: W) -> Result<W::Output, Error> {
    #[cfg(feature = "gpu")]
    if let Some(backend) = gpu(run)? {
        return work.on(&backend);
    }
    #[cfg(not(feature = "gpu"))]
    if !matches!(run.device.as_str(), "auto" | "cpu") {
        let problem = "this program was built without the feature \"gpu\"; set run.device to \"cpu\"";
        return Err(Error::Backend(BackendError::NoAdapter(problem.into())));
    }
    match run.precision {
        Precision::Mixed => Err(Error::Input(
            "run.precision = \"mixed\" stores factors of a GPU, and there is none; set it to \"f32\"".into(),
        )),
        Precision::F32 => on_cpu::<f32, W>(work),
        Precision::F64 => on_cpu::<f64, W>(work),
    }
}

/// On a thread of the pool that the operations use: from another one, each would have to wake it and wait.
fn on_cpu<E: Element, W: Work>(work: W) -> Result<W::Output, Error> {
    rayon::scope(|_| work.on(&CpuBackend::<E>::new()))
}

/// The GPU that a run asks for; `None` is the CPU. `auto` takes hardware alone.
#[cfg(feature = "gpu")]
fn gpu(run: &Run) -> Result<Option<GpuBackend>, Error> {
    let choice = match run.device.as_str() {
        "cpu" => return Ok(None),
        "auto" if run.precision == Precision::F64 => return Ok(None),
        "auto" => Choice::Hardware,
        "gpu" => Choice::Any,
        name => Choice::Named(name.to_owned()),
    };
    let half_storage = run.precision == Precision::Mixed;
    let tune = if run.tune { Tune::Measure } else { Tune::Table };
    let backend =
        match GpuBackend::open_with(&Options { choice: choice.clone(), tune, half_storage, ..Options::default() }) {
            Err(BackendError::NoAdapter(_)) if choice == Choice::Hardware => return Ok(None),
            opened => opened?,
        };
    if backend.is_software() && choice == Choice::Any {
        tracing::warn!("{} computes on the CPU; run.device = \"cpu\" is much faster", backend.name());
    }
    Ok(Some(backend))
}

/// Memory that is free on this machine, in bytes.
pub fn free_memory() -> u64 {
    // Where the system does not say, nothing is refused.
    sysinfo::System::new().map_or(u64::MAX / 4, |mut system| {
        system.refresh_memory();
        system.available_memory()
    })
}

/// The rates of a device: measured, or typical ones where a run wants nothing measured.
pub(crate) fn rates<B: Backend>(backend: &B, run: &Run) -> Result<Rates, Error> {
    Ok(if run.tune { Rates::of(backend)? } else { Rates::TYPICAL })
}
