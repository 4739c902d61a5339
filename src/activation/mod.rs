//! Elementwise functions.

/// Elementwise functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Activation {
    Identity,
    Relu,
    LeakyRelu,
    Tanh,
    Sigmoid,
    Softplus,
    Silu,
    Gelu,
    Sin,
}

/// Every activation and its name.
const ACTIVATIONS: [(&str, Activation); 9] = [
    ("identity", Activation::Identity),
    ("relu", Activation::Relu),
    ("leaky_relu", Activation::LeakyRelu),
    ("tanh", Activation::Tanh),
    ("sigmoid", Activation::Sigmoid),
    ("softplus", Activation::Softplus),
    ("silu", Activation::Silu),
    ("gelu", Activation::Gelu),
    ("sin", Activation::Sin),
];

impl Activation {
    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        ACTIVATIONS.iter().find(|(known, _)| *known == name).map(|(_, activation)| *activation)
    }

    /// The names of all.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ACTIVATIONS.iter().map(|(name, _)| *name)
    }

    /// Its name in a run file.
    pub fn name(self) -> &'static str {
        ACTIVATIONS.iter().find(|(_, activation)| *activation == self).map_or("", |(name, _)| name)
    }
}
