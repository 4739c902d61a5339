//! `broadcast`: stretched to a shape.

use super::{Lower, Reads, only};
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Key, List, Whole, at};

const SIDES: List<Whole> = List { each: Whole, takes: "a list of sides, of which -1 leaves an axis as it is" };

/// Stretched to a shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Broadcast {
    /// The shape of an example; -1: the length of the axis as it is.
    pub shape: Vec<i64>,
}

impl Lower for Broadcast {
    const NAME: &'static str = "broadcast";
    const HELP: &'static str = "stretched to a shape, as torch.Tensor.expand does: an axis of length 1 is repeated";
    const START: Self = Broadcast { shape: Vec::new() };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("shape", "of an example; -1 leaves an axis as it is", at!(Broadcast.shape, SIDES)),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = self.sides(graph.shape(input))?;
        let broadcast = Rearrange::broadcast(graph.shape(input), &shape)?;
        graph.add(owner, broadcast, &[input])
    }
}

impl Broadcast {
    /// The shape that an input of a shape is stretched to.
    fn sides(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let wrong = || {
            let shape = &self.shape;
            format!("shape = {shape:?} must be of numbers of at least 1, or -1 for an axis of the input, of shape {input:?}")
        };
        let side = |(from_last, &side): (usize, &i64)| match side {
            -1 => input.iter().rev().nth(from_last).copied(),
            side => usize::try_from(side).ok().filter(|&side| side > 0),
        };
        let mut sides: Vec<usize> = self.shape.iter().rev().enumerate().map(side).collect::<Option<_>>().ok_or_else(wrong)?;
        sides.reverse();
        Ok(sides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_may_stay_as_it_is() {
        let sides = |shape: &[i64]| Broadcast { shape: shape.to_vec() }.sides(&[3, 1]);
        assert_eq!(sides(&[2, -1, 4]), Ok(vec![2, 3, 4]));
        for wrong in [&[-1, 3, 1][..], &[0, 4], &[3, -2]] {
            assert!(sides(wrong).is_err_and(|problem| problem.contains("at least 1, or -1")), "{wrong:?}");
        }
    }
}
