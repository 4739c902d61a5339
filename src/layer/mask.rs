//! `mask`: a number in place of the elements that a mask names.

use super::{Lower, Reads, stretched};
use crate::graph::primitive::{self, broadcast_shape};
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Custom, Form, Key, Number, Result as Read, Shape, Value};

/// PyTorch's `masked_fill`: a number where a mask is not 0, the value elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    /// The number; -∞ is what softmax counts as nothing.
    pub value: f64,
}

fn read(at: &str, given: &Value, mask: &mut Mask) -> Read<()> {
    match given {
        Value::Number(number) if *number == f64::NEG_INFINITY => mask.value = *number,
        other => Number::Any.read(at, other, &mut mask.value)?,
    }
    Ok(())
}

impl Lower for Mask {
    const NAME: &'static str = "mask";
    const HELP: &'static str = "a number where the second of the layers that `from` names is not 0, elsewhere the first";
    const START: Self = Mask { value: f64::NEG_INFINITY };
    const KEYS: &'static [Key<Self>] = &[Key::new(
        "value",
        "what stands where the mask is not 0; -inf without it: softmax of nothing but that is no number",
        &Custom {
            read,
            write: |mask| mask.value.is_finite().then_some(Value::Number(mask.value)),
            shape: || Shape::Plain("a number, or -inf".into()),
        },
    )];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(2);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let &[input, mask] = inputs else { return Err(format!("reads a value and its mask, not {}", inputs.len())) };
        let shape = graph.shape(input).to_vec();
        // A mask of the last axes is read as it is.
        let is_whole = primitive::Mask::new(&shape, graph.shape(mask), self.value).is_ok();
        let stretches = broadcast_shape(&[graph.shape(mask), &shape]).is_ok_and(|both| both == shape);
        let mask = if is_whole || !stretches { mask } else { stretched(graph, owner, mask, &shape)? };
        let fill = primitive::Mask::new(&shape, graph.shape(mask), self.value)?;
        graph.add(owner, fill, &[input, mask])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_may_be_infinite_below() {
        let read = |given| {
            let mut mask = Mask::START;
            read("value", &given, &mut mask).map(|()| mask.value).map_err(|wrong| wrong.to_string())
        };
        assert_eq!(read(Value::Number(f64::NEG_INFINITY)), Ok(f64::NEG_INFINITY));
        assert_eq!(read(Value::Integer(-3)), Ok(-3.0));
        assert!(read(Value::Number(f64::INFINITY)).is_err());
    }
}
