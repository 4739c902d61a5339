/*!
Training: optimizers on the device, and the path that they take.

The recorded [`Trajectory`] is the boundary between training and integration: weights, batches, learning rates, and what
the optimizer's decomposition needs of each step. [`Recall`] gives it back, the last step first.
*/

mod batches;
mod checkpoints;
mod descent;
mod describe;
mod dormand_prince;
mod examples;
mod flow;
mod history;
mod optimizer;
mod recall;
mod rows;
pub(crate) mod schedule;
mod trajectory;
mod walk;

pub use batches::{Reduction, Step, draw_batches};
pub use checkpoints::Checkpoints;
pub use descent::{TargetBuffer, Training};
pub use describe::describe;
pub use dormand_prince::{Accepted, Course, DormandPrince, Slope, least_tolerance};
pub use examples::Examples;
pub use recall::Recall;
pub use rows::Rows;
pub use schedule::{Cosine, Schedule, ScheduleKind, StepDecay};
pub use trajectory::{Kept, Recorder, Recording, Trajectory};
pub use walk::{Leg, Metrics, Recorded};
