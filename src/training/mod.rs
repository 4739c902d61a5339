/*!
Training: the loss gradient of each step on the device, and the path that an optimizer takes from it.

A [`Training`] writes its path through a [`Recorder`](crate::tape::Recorder): weights, batches, learning rates, and what the
optimizer's decomposition needs of each step. [`Recall`] gives the steps back, the last one first.
*/

mod batches;
mod descent;
mod dormand_prince;
mod examples;
mod flow;
mod groups;
mod part;
mod recall;
mod replay;
pub(crate) mod schedule;
mod targets;
mod walk;

pub use batches::{Reduction, draw_batches};
pub(crate) use descent::CLIP_EPS;
pub use descent::Training;
pub(crate) use descent::rows_at_once;
pub use dormand_prince::{Accepted, Course, DormandPrince, Slope, least_tolerance};
pub use examples::Examples;
pub use groups::Groups;
pub(crate) use part::BatchPart;
pub use recall::Recall;
pub(crate) use replay::{Passage, Replay};
pub use schedule::{Cosine, Schedule, ScheduleKind, StepDecay};
pub use targets::{Places, TargetBuffer};
pub use walk::{Leg, Recorded};
