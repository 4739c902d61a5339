//! `reshape`: the same numbers in another shape.

use super::{Lower, Reads, only};
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Key, List, Whole, at};

const SIDES: List<Whole> = List { each: Whole, takes: "a list of sides, one of which may be -1" };

/// The same numbers in another shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Reshape {
    /// The sides of an example; one of them may be -1.
    pub shape: Vec<i64>,
}

impl Lower for Reshape {
    const NAME: &'static str = "reshape";
    const HELP: &'static str = "the same numbers in another shape";
    const START: Self = Reshape { shape: Vec::new() };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("shape", "of an example; one side may be -1, which is then what is left", at!(Reshape.shape, SIDES)),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = self.sides(graph.shape(input))?;
        let reshape = Rearrange::reshape(graph.shape(input), &shape)?;
        graph.add(owner, reshape, &[input])
    }
}

impl Reshape {
    /// The shape that holds what an input of a shape does.
    fn sides(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let shape = &self.shape;
        let count: usize = input.iter().product();
        let given = shape.iter().filter(|&&side| side != -1);
        let wrong = |why: &str| format!("shape = {shape:?} {why}; the input has shape {input:?}, {count} elements");
        if shape.len() > given.clone().count() + 1 {
            return Err(wrong("has more than one -1"));
        }
        let side = |&side: &i64| usize::try_from(side).ok().filter(|&side| side > 0);
        let known: Option<usize> = given.map(side).try_fold(1usize, |product, side| product.checked_mul(side?));
        let known = known.ok_or_else(|| wrong("must be of whole numbers of at least 1, of which one may be -1"))?;
        if !count.is_multiple_of(known) || (count != known && !shape.contains(&-1)) {
            return Err(wrong("does not hold as many elements"));
        }
        Ok(shape.iter().map(|given| side(given).unwrap_or(count / known)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_side_may_be_what_is_left() {
        let sides = |shape: &[i64]| Reshape { shape: shape.to_vec() }.sides(&[2, 3, 4]);
        assert_eq!(sides(&[4, 6]), Ok(vec![4, 6]));
        assert_eq!(sides(&[-1]), Ok(vec![24]));
        assert_eq!(sides(&[2, -1, 1, 3]), Ok(vec![2, 4, 1, 3]));
        let cases: [(&[i64], &str); 6] = [
            (&[-1, -1], "more than one -1"),
            (&[0, -1], "at least 1"),
            (&[-2, 12], "at least 1"),
            (&[i64::MAX, i64::MAX, -1], "at least 1"),
            (&[5, -1], "as many elements"),
            (&[23], "as many elements; the input has shape [2, 3, 4], 24 elements"),
        ];
        for (shape, problem) in cases {
            assert!(sides(shape).is_err_and(|found| found.contains(problem)), "{shape:?}");
        }
    }
}
