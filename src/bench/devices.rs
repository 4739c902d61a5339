//! `bench devices`: the same kernel on every adapter and on the CPU.

use super::KernelBench;
use crate::backend::Entries;
use crate::error::Error;
use crate::run::keys::{Precision, Run};
use serde::Serialize;

/// One device.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceFigures {
    /// The device.
    pub device: String,
    /// `f32` or `f64`.
    pub precision: &'static str,
    /// Rate of the full kernel.
    pub kernel_gflops: f64,
    /// Rate of the attribution.
    pub attribution_gflops: f64,
    /// Rate of a plain matrix product.
    pub gemm_gflops: f64,
}

/// Every device that a run could name.
fn runs(base: &Run) -> Vec<Run> {
    let cpu = |precision| Run { device: "cpu".into(), precision, ..base.clone() };
    #[cfg_attr(not(feature = "gpu"), allow(unused_mut))]
    let mut runs = vec![cpu(Precision::F32), cpu(Precision::F64)];
    #[cfg(feature = "gpu")]
    for adapter in crate::backend::gpu::adapters() {
        let device = crate::backend::gpu::describe(&adapter).name;
        runs.push(Run { device, precision: Precision::F32, ..base.clone() });
    }
    runs
}

/// Measures `bench` on every device, its kernel and its attribution. A device that fails gives its error in its place.
pub fn measure_devices(bench: &KernelBench) -> Vec<Result<DeviceFigures, (String, Error)>> {
    let one = |run: Run| {
        let bench = KernelBench { run: run.clone(), ..bench.clone() };
        let figures = || {
            let kernel = bench.measure()?;
            let attribution = KernelBench { entries: Entries::Loss, ..bench.clone() }.measure()?;
            Ok(DeviceFigures {
                device: kernel.device,
                precision: kernel.precision,
                kernel_gflops: kernel.gflops,
                attribution_gflops: attribution.gflops,
                gemm_gflops: kernel.gemm_gflops,
            })
        };
        figures().map_err(|error: Error| (run.device.clone(), error))
    };
    runs(&bench.run).into_iter().map(one).collect()
}
