//! LSTM of one layer and direction. ONNX has the gates in another order than PyTorch, whose exporter takes its tensors apart for
//! it.

use super::{Given, Inputs, given, optional, shapes};
use crate::layer::Lstm;
use crate::onnx::Refused;
use crate::onnx::proto::Node;
use crate::onnx::translate::Translation;
use crate::onnx::value::{Batch, Flow, Value, Weight};

/// Where PyTorch's gates (input, forget, cell, output) are among ONNX's (input, output, forget, cell).
const GATES: [usize; 4] = [0, 2, 3, 1];

pub(super) fn outputs<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Given {
    let direction = node.text("direction").unwrap_or("forward");
    if direction != "forward" {
        return Err(format!(
            "runs {direction}; lstm runs forward. Turn the input round beforehand, or give it as a second input"
        )
        .into());
    }
    if node.whole("layout", 0) != 0 || node.whole("input_forget", 0) != 0 || node.wholes("activations").is_some() {
        return Err("has a layout, gates or functions of its own; lstm is PyTorch's".into());
    }
    let zero = |value: &Value| work.constant(value).and_then(|array| array.uniform()) == Some(0.0);
    if optional(inputs, 4).is_some()
        || optional(inputs, 7).is_some()
        || (5..7).any(|index| optional(inputs, index).is_some_and(|value| !zero(value)))
    {
        return Err(
            "has lengths, a state to begin with, or peepholes; lstm begins with zeros and takes all positions".into()
        );
    }
    let flow = work.flow(given(inputs, 0)?)?;
    if flow.axes() != 3 || flow.alone() != Some(1) {
        return Err("takes [positions, batch, features], and is given other axes".into());
    }
    let hidden =
        usize::try_from(node.whole("hidden_size", 0)).ok().filter(|&hidden| hidden > 0).ok_or("has no hidden_size")?;
    let length = flow.shape[0];
    let mut tensors = vec![
        ("weight_ih_l0", whole(work, &rows(given(inputs, 1)?, 0, hidden)?)?),
        ("weight_hh_l0", whole(work, &rows(given(inputs, 2)?, 0, hidden)?)?),
    ];
    if let Some(bias) = optional(inputs, 3) {
        tensors.push(("bias_ih_l0", whole(work, &rows(bias, 0, hidden)?)?));
        tensors.push(("bias_hh_l0", whole(work, &rows(bias, 4, hidden)?)?));
    }
    let layer = Lstm { features: hidden, bias: tensors.len() == 4 };
    let states = work.layer_with(layer, &[flow.place], tensors, &[length, 1, hidden], flow.batch)?;
    let all = work.reshaped(&states, &[length, 1, 1, hidden], Some(Batch { axis: 2, before: 1 }))?;
    let is_read = |index: usize| node.outputs.get(index).is_some_and(|name| !name.is_empty());
    let mut outputs = vec![Value::Flow(all)];
    if is_read(1) {
        let last = shapes::sliced(work, &states, 0, length - 1..length, 1)?;
        outputs.push(Value::Flow(Flow { batch: flow.batch, ..last }));
    }
    Ok(outputs)
}

/// The rows of PyTorch's four gates, from a gate of a stack on.
fn rows(value: &Value, from: usize, hidden: usize) -> Result<Vec<Weight>, Refused> {
    let Value::Stack(parts, _) = value else { return Err(NO_PARTS.into()) };
    let gate = |gate: &usize| parts.get(from + gate).filter(|part| part.shape.first() == Some(&hidden)).cloned();
    let gates: Option<Vec<Weight>> = GATES.iter().map(gate).collect();
    gates.filter(|_| parts.len() == 4 || parts.len() == 8).ok_or_else(|| NO_PARTS.into())
}

const NO_PARTS: &str = "has weights whose gates are in ONNX's own order; those of a PyTorch module, exported \
    with optimize=False, are read";

/// Parts that follow each other in a tensor as one.
fn whole(work: &Translation<'_>, parts: &[Weight]) -> Result<Weight, Refused> {
    let first = parts.first().ok_or(NO_PARTS)?;
    let all = work.shape_of(&first.view.tensor)?.first().copied().ok_or(NO_PARTS)?;
    let joined = parts[1..].iter().try_fold(first.clone(), |joined, part| joined.joined(part, all)).ok_or(NO_PARTS)?;
    work.own(&Value::Weight(joined)).ok_or_else(|| "has weights that other nodes take in other parts".into())
}
