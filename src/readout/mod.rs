//! What of a query's outputs is taken apart.

/// What of a query's outputs f is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readout {
    /// f itself.
    Outputs,
    /// Softmax with cross_entropy, the sigmoid of each output with logistic.
    Probabilities,
    /// The query's own loss.
    Loss,
    /// The output of the query's class.
    Target,
    /// The output of the query's class less log Σ e^f over the others.
    Margin,
}

/// Every readout and its name.
pub(crate) const READOUTS: [(&str, Readout); 5] = [
    ("outputs", Readout::Outputs),
    ("probabilities", Readout::Probabilities),
    ("loss", Readout::Loss),
    ("target", Readout::Target),
    ("margin", Readout::Margin),
];

impl Readout {
    /// Its name in a run file.
    pub fn name(self) -> &'static str {
        READOUTS.iter().find(|(_, readout)| *readout == self).map_or("", |(name, _)| name)
    }

    /// Its values for each query, of a network with C outputs.
    pub fn len(self, outputs: usize) -> usize {
        match self {
            Readout::Outputs | Readout::Probabilities => outputs,
            Readout::Loss | Readout::Target | Readout::Margin => 1,
        }
    }

    /// By how many times a rounding a value of it is off, that was computed from outputs of some length, about: a function of f
    /// moves by its slope times the rounding of f.
    pub(crate) fn roundings(self, value: f64, outputs: f64) -> f64 {
        match self {
            Readout::Outputs => value.abs(),
            Readout::Target | Readout::Margin => value.abs() + outputs,
            Readout::Probabilities => value.abs() * (1.0 + outputs),
            Readout::Loss => value.abs() * (1.0 + outputs) + outputs,
        }
    }

    /// Whether it is linear in the outputs.
    pub fn is_linear(self) -> bool {
        matches!(self, Readout::Outputs | Readout::Target)
    }

    /// Whether it depends on the query's target.
    pub fn needs_targets(self) -> bool {
        matches!(self, Readout::Loss | Readout::Target | Readout::Margin)
    }

    /// One of its values.
    pub fn noun(self) -> &'static str {
        match self {
            Readout::Outputs | Readout::Target => "output",
            Readout::Probabilities => "probability",
            Readout::Loss => "loss",
            Readout::Margin => "margin",
        }
    }

    /// What it is.
    pub fn words(self) -> &'static str {
        match self {
            Readout::Outputs => "the outputs",
            Readout::Probabilities => "the probabilities",
            Readout::Loss => "each query's loss",
            Readout::Target => "the output of each query's class",
            Readout::Margin => "the margin of each query's class",
        }
    }
}
