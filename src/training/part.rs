//! Some rows of a step's batch on the device.

use super::{Places, Training};
use crate::compute::{Backend, Result, Slice};
use crate::graph::{Forward, Segment};

/// Rows of a step's batch that pass together.
pub(crate) struct BatchPart<B: Backend> {
    /// How many.
    pub rows: usize,
    /// Where their targets are, and the factor of each one's loss.
    pub places: Places<B>,
    inputs: B::Buffer,
    /// Their numbers among all examples, where the network draws by them.
    drawn: Option<B::Index>,
    /// The number of the step.
    step: usize,
}

impl<B: Backend> BatchPart<B> {
    /// Some rows of step `number`, each an example with its factor in the loss.
    pub fn new(training: &Training<'_, B>, number: usize, held: &[(usize, f64)]) -> Result<Self> {
        let Training { backend, network, examples, targets, .. } = *training;
        let numbers: Vec<u32> = held.iter().map(|&(example, _)| example as u32).collect();
        Ok(Self {
            rows: held.len(),
            places: targets.places(backend, held)?,
            inputs: examples.gather(backend, &numbers)?,
            drawn: network.draws().then(|| backend.index(&numbers)).transpose()?,
            step: number,
        })
    }

    /// Their pass at some weights.
    pub fn pass(&self, training: &Training<'_, B>, weights: &B::Buffer) -> Result<Forward<'_, B>> {
        let Training { backend, network, .. } = *training;
        let input = Slice::new(&self.inputs, 0, self.rows * network.input_len());
        let draw = network.drawing(self.step, self.drawn.as_ref());
        network.forward_drawing(backend, Segment::at(weights), input, self.rows, draw)
    }
}
