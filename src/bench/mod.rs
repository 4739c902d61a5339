/*!
Throughput: of one tangent kernel, of accumulation along a path, of single operations, of every device.

Every figure is the median of several repeats, with a plain matrix product measured between them in the same process:
machines are noisy, and a ratio from one run says more than seconds.
*/

mod choice;
mod counts;
mod devices;
mod kernel;
mod measure;
mod operations;
mod run;

pub use choice::{ChoiceFigures, expected_of_choices, measure_choices};
pub use devices::{DeviceFigures, Failed, measure_devices};
pub use kernel::{AccumulateFigures, KernelBench, KernelFigures, Layers};
pub use operations::{OperationFigures, OperationsBench, OperationsFigures};
pub use run::{RunFigures, measure_run};
