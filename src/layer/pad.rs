//! `pad`: a number around the axes.

use super::{Lower, Reads, only};
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Key, List, Number, Whole, at};

const PADDING: List<Whole> = List { each: Whole, takes: "a list of two whole numbers for each axis, from the last axis on" };

/// Places that hold a number before and after axes, as PyTorch's pad adds them.
#[derive(Debug, Clone, PartialEq)]
pub struct Pad {
    /// How many before and after the last axis, then the one before it, and so on; negative ones are taken away.
    pub padding: Vec<i64>,
    /// What they hold.
    pub value: f64,
}

impl Lower for Pad {
    const NAME: &'static str = "pad";
    const HELP: &'static str = "places that hold a number before and after axes, as torch.nn.functional.pad adds them";
    const START: Self = Pad { padding: Vec::new(), value: 0.0 };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("padding", "before and after the last axis, then around the one before it", at!(Pad.padding, PADDING)),
        Key::new("value", "what they hold", at!(Pad.value, Number::Any)),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = graph.shape(input);
        let pad = Rearrange::pad(shape, &self.around(shape)?, self.value)?;
        graph.add(owner, pad, &[input])
    }
}

impl Pad {
    /// Places before and after each axis of a shape, the first axis first.
    fn around(&self, shape: &[usize]) -> Result<Vec<(i64, i64)>, String> {
        let given = self.padding.len();
        if given == 0 || !given.is_multiple_of(2) || given / 2 > shape.len() {
            return Err(format!(
                "padding has {given} numbers; it takes two for each axis, from the last one on, of the {} of shape {shape:?}",
                shape.len()
            ));
        }
        let mut around = vec![(0, 0); shape.len()];
        for (axis, pair) in around.iter_mut().rev().zip(self.padding.chunks(2)) {
            *axis = (pair[0], pair[1]);
        }
        Ok(around)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_axis_comes_first() {
        let around = |padding: &[i64]| Pad { padding: padding.to_vec(), value: 0.0 }.around(&[4, 5, 6]);
        assert_eq!(around(&[1, 2]), Ok(vec![(0, 0), (0, 0), (1, 2)]));
        assert_eq!(around(&[1, 2, -1, 0]), Ok(vec![(0, 0), (-1, 0), (1, 2)]));
        for wrong in [&[][..], &[1], &[1; 8]] {
            assert!(around(wrong).is_err_and(|problem| problem.contains("two for each axis")), "{wrong:?}");
        }
    }
}
