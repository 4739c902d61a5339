//! Losses: functions of a network's outputs and a target.

/// A loss function of outputs f and a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// -log softmax(f) of the class.
    CrossEntropy,
    /// ½ Σ (f - y)².
    SquaredError,
    /// Σ log(1 + e^f) - y f.
    Logistic,
    /// Σ e^f - y f.
    Poisson,
}

/// Every loss and its name.
pub(crate) const LOSSES: [(&str, Loss); 4] = [
    ("cross_entropy", Loss::CrossEntropy),
    ("squared_error", Loss::SquaredError),
    ("logistic", Loss::Logistic),
    ("poisson", Loss::Poisson),
];

impl Loss {
    /// Its name in a run file.
    pub fn name(self) -> &'static str {
        LOSSES.iter().find(|(_, loss)| *loss == self).map_or("", |(name, _)| name)
    }
}
