//! Primitives whose bias is a node of its own, because it is not of one kind with the weight: tied, frozen, or of another group.

use super::{Affine, Convolve, Drawn, Kind, Parameters, Primitive, ScaleShift};

/// A primitive without its bias.
pub(in crate::graph) struct Bare {
    /// The primitive.
    pub kind: Kind,
    /// The bias.
    pub bias: Drawn,
    /// The shape in which the bias is added to its value: that of the value, but for axes of length 1.
    pub shape: Vec<usize>,
}

impl Kind {
    /// The same without its bias; `None` where there is no such primitive.
    pub(in crate::graph) fn bare(&self) -> Option<Bare> {
        let (kind, after): (Kind, usize) = match self {
            Kind::Affine(affine) => (Affine::without_bias(affine).into(), 0),
            Kind::Convolve(convolve) => {
                let sides = convolve.built().shape.len() - 1;
                (Convolve::without_bias(convolve).into(), sides)
            }
            Kind::ScaleShift(scale) => (ScaleShift::without_shift(scale).into(), 0),
            _ => return None,
        };
        let Parameters { tensors, .. } = self.built().parameters?;
        let bias = tensors.into_iter().find(|drawn| drawn.name == "bias")?;
        let shape = bias.shape.iter().copied().chain(std::iter::repeat_n(1, after)).collect();
        Some(Bare { kind, bias, shape })
    }
}
