//! `bench devices`: the same kernel on every adapter and on the CPU.

use super::KernelBench;
use crate::compute::Entries;
use crate::device::{DeviceOptions, Precision};
use crate::error::Error;
use crate::run::Progress;
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

/// Every device that could be named.
fn all(base: &DeviceOptions) -> Vec<DeviceOptions> {
    let cpu = |precision| DeviceOptions { name: "cpu".into(), precision, ..base.clone() };
    #[cfg_attr(not(feature = "gpu"), allow(unused_mut))]
    let mut all = vec![cpu(Precision::F32), cpu(Precision::F64)];
    #[cfg(feature = "gpu")]
    for adapter in crate::compute::gpu::adapters() {
        let name = crate::compute::gpu::describe(&adapter).name;
        all.push(DeviceOptions { name, precision: Precision::F32, ..base.clone() });
    }
    all
}

/// Measures `bench` on every device, its kernel and its attribution. A device that fails gives its error in its place.
pub fn measure_devices(
    bench: &KernelBench,
    progress: &mut dyn Progress,
) -> Vec<Result<DeviceFigures, (String, Error)>> {
    let one = |device: DeviceOptions| {
        let bench = KernelBench { device: device.clone(), ..bench.clone() };
        let mut figures = || {
            let kernel = bench.measure(progress)?;
            let attribution = KernelBench { entries: Entries::Loss, ..bench.clone() }.measure(progress)?;
            Ok(DeviceFigures {
                device: kernel.device,
                precision: kernel.precision,
                kernel_gflops: kernel.gflops,
                attribution_gflops: attribution.gflops,
                gemm_gflops: kernel.gemm_gflops,
            })
        };
        figures().map_err(|error: Error| (device.name.clone(), error))
    };
    all(&bench.device).into_iter().map(one).collect()
}
