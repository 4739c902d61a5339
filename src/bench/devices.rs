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
    /// Queries and examples: fewer on slow devices.
    pub sizes: [usize; 2],
    /// Seconds of the full kernel.
    pub seconds: f64,
    /// Rate of the operations that the full kernel does.
    pub kernel_gflops: f64,
    /// Rate of those of the attribution.
    pub attribution_gflops: f64,
    /// Rate of a plain matrix product.
    pub gemm_gflops: f64,
}

/// A device that failed, and why.
pub type Failed = (String, Error);

/// About how many seconds a device may take, and how few queries and examples say anything.
const PATIENCE: f64 = 8.0;
const FEWEST: usize = 16;

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

impl KernelBench {
    /// The same with queries and examples halved until a device takes no more time than it may.
    fn in_patience(mut self) -> Result<Self, Error> {
        while self.expected()? > PATIENCE && self.queries.min(self.examples) > FEWEST {
            self.queries = (self.queries / 2).max(FEWEST);
            self.examples = (self.examples / 2).max(FEWEST);
        }
        Ok(self)
    }

    fn of_device(self, progress: &mut dyn Progress) -> Result<DeviceFigures, Error> {
        let bench = self.in_patience()?;
        let kernel = bench.measure(progress)?;
        let sizes = [bench.queries, bench.examples];
        let attribution = KernelBench { entries: Entries::Loss, ..bench }.measure(progress)?;
        Ok(DeviceFigures {
            device: kernel.device,
            precision: kernel.precision,
            sizes,
            seconds: kernel.seconds,
            kernel_gflops: kernel.gflops,
            attribution_gflops: attribution.gflops,
            gemm_gflops: kernel.gemm_gflops,
        })
    }
}

/// Measures `bench` on every device, its kernel and its attribution, and gives each as it is done. A device that fails gives its
/// error in its place.
pub fn measure_devices<'b>(
    bench: &'b KernelBench,
    progress: &'b mut dyn Progress,
) -> impl Iterator<Item = Result<DeviceFigures, Failed>> + 'b {
    all(&bench.device).into_iter().map(move |device| {
        let name = device.name.clone();
        KernelBench { device, ..bench.clone() }.of_device(progress).map_err(|error| (name, error))
    })
}
