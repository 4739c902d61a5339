/*!
Training: gradient descent on the device, and the path that it took.

The recorded [`Trajectory`] is the boundary between training and integration: weights per step, batches, learning
rates.
*/

mod batches;
mod descent;
mod describe;
mod examples;
mod trajectory;

pub use batches::{Step, draw_batches};
pub use descent::{Metrics, TargetBuffer, Training};
pub use describe::describe;
pub use examples::Examples;
pub use trajectory::{Recorder, Trajectory};
