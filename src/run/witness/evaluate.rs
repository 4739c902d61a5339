//! The network's outputs at an end of a path.

use super::causes::Point;
use crate::compute::{Backend, Element, Slice, convert};
use crate::device::Work;
use crate::error::Error;
use crate::graph::{Graph, Segment};
use crate::tape::{AnyTape, Kept, Tape};

/// The outputs of some queries, `[n, C]`.
pub(super) struct Evaluate<'a> {
    pub network: &'a Graph,
    pub tape: &'a AnyTape,
    /// `[n, …]`.
    pub queries: &'a [f64],
    /// Where on the path.
    pub point: Point,
    /// Rows that pass together.
    pub rows: usize,
}

impl Work for Evaluate<'_> {
    type Output = Vec<f64>;

    fn on<B: Backend>(self, backend: &B) -> Result<Vec<f64>, Error> {
        let Self { network, tape, queries, point, rows } = self;
        let weights = match point {
            Point::First => Tape::<B::Element>::row(tape, Kept::Weights, 0)?,
            Point::Last => Tape::<B::Element>::last(tape)?,
        };
        let (weights, width) = (backend.upload(&weights)?, network.input_len().max(1));
        let mut outputs = Vec::new();
        for part in queries.chunks(width * rows.max(1)) {
            let inputs = backend.upload(&convert::<B::Element>(part))?;
            let inputs = Slice::new(&inputs, 0, part.len());
            let pass = network.forward(backend, Segment::at(&weights), inputs, part.len() / width)?;
            outputs.extend(backend.download(network.outputs(&pass))?.into_iter().map(Element::to_f64));
        }
        Ok(outputs)
    }
}
