//! Networks that act otherwise in training: a graph for predictions, and its twin for training.

use super::Graph;
use super::primitive::Kind;

/// What a graph is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Of a network that predicts, as PyTorch's after `eval()`.
    Evaluation,
    /// Of one that is trained, as PyTorch's after `train()`.
    Training,
}

/// The mode of a graph that is being built, and whether a layer acts by it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Modal {
    pub mode: Mode,
    pub asked: bool,
}

impl Modal {
    /// Of a mode for which no layer has asked yet.
    pub fn new(mode: Mode) -> Self {
        Self { mode, asked: false }
    }
}

impl Graph {
    /// Of which mode the graph is. A layer that asks when it is lowered acts by the answer, so that there is a twin.
    pub(crate) fn mode(&mut self) -> Mode {
        self.modal.asked = true;
        self.modal.mode
    }

    /// The network as training meets it: its twin, which has the same parameters at the same places, or where no layer acts
    /// otherwise in training itself.
    pub fn in_training(&self) -> &Graph {
        self.twin.as_deref().unwrap_or(self)
    }

    /// The same with every relu one whose slope goes from 0 to 1 over a width, in training as well.
    pub(crate) fn smoothed(&self, width: f64) -> Self {
        let mut smooth = self.clone();
        for node in &mut smooth.nodes {
            if let Kind::Pointwise(own) = &mut node.kind {
                own.smooth(width);
            }
        }
        smooth.twin = self.twin.as_ref().map(|twin| Box::new(twin.smoothed(width)));
        smooth
    }

    /// Whether some layer acts otherwise in training.
    pub fn differs_in_training(&self) -> bool {
        self.twin.is_some()
    }
}
