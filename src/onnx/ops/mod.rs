//! ONNX's operators on values of the network, one family a file.

mod arithmetic;
mod attention;
mod einsum;
mod lstm;
mod norms;
mod pointwise;
mod products;
mod reduce;
mod select;
mod shapes;
mod sides;
mod windows;

use super::Refused;
use super::constant::{Constant, common};
use super::proto::Node;
use super::translate::Translation;
use super::value::{Batch, Flow, Place, Value};
use crate::layer;

/// What a node reads; `None` where an input is left out.
pub(super) type Inputs<'i> = &'i [Option<Value>];

/// What one operator gives.
type Given = Result<Vec<Value>, Refused>;

/// Translates a node that reads a value of the network.
pub(super) fn outputs<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Given {
    let flow = match node.operator {
        "Constant" | "Shape" | "Size" | "Identity" | "Cast" | "CastLike" | "SequenceAt" | "SplitToSequence"
        | "Split" | "SequenceConstruct" | "ConcatFromSequence" | "Reshape" | "Transpose" | "Squeeze" | "Unsqueeze"
        | "Flatten" | "Concat" | "Expand" => {
            return shapes::outputs(work, node, inputs);
        }
        "LSTM" => return lstm::outputs(work, node, inputs),
        "Dropout" => return pointwise::dropout(work, node, inputs),
        "BatchNormalization" => return norms::batch(work, node, inputs).map(|flow| vec![flow]),
        "Slice" | "Gather" | "Pad" | "Tile" => return select::output(work, node, inputs).map(|value| vec![value]),
        "Add" | "Sub" | "Mul" | "Div" | "Sum" | "Pow" | "Neg" | "Sqrt" | "Reciprocal" | "Min" | "Max" => {
            arithmetic::output(work, node, inputs)?
        }
        "Where" | "Equal" | "Not" | "And" => arithmetic::truth(work, node, inputs)?,
        "MatMul" | "Gemm" => products::output(work, node, inputs)?,
        "Einsum" => einsum::output(work, node, inputs)?,
        "Attention" => attention::output(work, node, inputs)?,
        "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool" | "GlobalAveragePool" | "GlobalMaxPool" | "Resize"
        | "Upsample" => windows::output(work, node, inputs)?,
        "LayerNormalization" | "RMSNormalization" | "GroupNormalization" | "InstanceNormalization" => {
            norms::output(work, node, inputs)?
        }
        "ReduceMean" | "ReduceSum" | "ReduceSumSquare" | "ReduceL2" | "ReduceMax" => {
            reduce::output(work, node, inputs)?
        }
        "Softmax" | "LogSoftmax" => reduce::softmax(work, node, inputs)?,
        _ => pointwise::output(work, node, inputs)?,
    };
    Ok(vec![Value::Flow(flow)])
}

/// An input that has to be there.
fn given<'i>(inputs: Inputs<'i>, index: usize) -> Result<&'i Value, Refused> {
    inputs.get(index).and_then(Option::as_ref).ok_or_else(|| format!("lacks its input {index}").into())
}

/// An input that may be left out.
fn optional<'i>(inputs: Inputs<'i>, index: usize) -> Option<&'i Value> {
    inputs.get(index).and_then(Option::as_ref)
}

/// An array among the inputs, which must be known.
fn known(work: &Translation<'_>, inputs: Inputs<'_>, index: usize) -> Result<Constant, Refused> {
    let value = given(inputs, index)?;
    work.constant(value).ok_or_else(|| {
        format!(
            "takes its input {index} from what the network computes; it has to be the same for every example, and known"
        )
        .into()
    })
}

/// The array that an input may be.
fn maybe_known(work: &Translation<'_>, inputs: Inputs<'_>, index: usize) -> Result<Option<Constant>, Refused> {
    match optional(inputs, index) {
        None => Ok(None),
        Some(_) => known(work, inputs, index).map(Some),
    }
}

/// The axis of an example that an axis of a value is.
fn example_axis(flow: &Flow, axis: usize) -> Result<i64, Refused> {
    match flow.own_axis(axis) {
        Some(own) if !flow.is_batch(axis) => Ok(own as i64),
        _ => {
            Err(format!("acts along the axis {axis}, in which the examples of the batch lie; they may not meet").into())
        }
    }
}

/// A value that is the same for every example, beside the batch of another: without the axis that is the batch's alone.
fn beside(work: &mut Translation<'_>, flow: &Flow, axes: usize, at: usize, alone: bool) -> Result<Flow, Refused> {
    let Some(own) = at.checked_sub(axes - flow.axes()) else { return Ok(flow.clone()) };
    if flow.shape[own] != 1 {
        return Err(format!(
            "meets an array of {} rows where the examples of the batch lie; it has to be the same for each",
            flow.shape[own]
        )
        .into());
    }
    if !alone {
        return Ok(flow.clone());
    }
    let mut shape = flow.shape.clone();
    shape.remove(own);
    work.reshaped(flow, &shape, None)
}

/// Places of values that are stretched to one shape, and the shape and the batch that they have together.
type Together = (Vec<Place>, Vec<usize>, Option<Batch>);

/// Values stretched to one shape, as they lie in the file.
fn together(work: &mut Translation<'_>, flows: &[Flow]) -> Result<Together, Refused> {
    let axes = flows.iter().map(Flow::axes).max().unwrap_or(0);
    let at = |flow: &Flow| flow.batch.map(|batch| Batch { axis: batch.axis + axes - flow.axes(), ..batch });
    let batch = flows.iter().find_map(at);
    if flows.iter().filter_map(at).any(|other| Some(other) != batch) {
        return Err("puts the batches of two values along different axes; examples may not meet".into());
    }
    let shapes: Vec<&[usize]> = flows.iter().map(|flow| flow.shape.as_slice()).collect();
    let shape = common(&shapes)?;
    let Some(Batch { axis, .. }) = batch else {
        return Ok((flows.iter().map(|flow| flow.place).collect(), shape, None));
    };
    let alone = shape[axis] == 1;
    let mut places = Vec::new();
    for flow in flows {
        places.push(if flow.batch.is_some() { flow.place } else { beside(work, flow, axes, axis, alone)?.place });
    }
    Ok((places, shape, batch))
}

/// A value in a shape that it is stretched to.
fn stretched(work: &mut Translation<'_>, flow: &Flow, shape: &[usize], batch: Option<Batch>) -> Result<Flow, Refused> {
    let wanted = super::value::own(shape, batch);
    if flow.own() == wanted {
        return Ok(Flow { shape: shape.to_vec(), batch, ..flow.clone() });
    }
    let sides = wanted.iter().map(|&side| side as i64).collect();
    let whole = flow.whole;
    Ok(Flow { whole, ..work.layer(layer::Broadcast { shape: sides }, &[flow.place], shape, batch)? })
}

/// A function of each number.
fn each(work: &mut Translation<'_>, flow: &Flow, kind: impl Into<layer::LayerKind>) -> Result<Flow, Refused> {
    work.layer(kind, &[flow.place], &flow.shape, flow.batch)
}

/// The product of two values.
fn product(work: &mut Translation<'_>, a: &Flow, b: &Flow) -> Result<Flow, Refused> {
    let (places, shape, batch) = together(work, &[a.clone(), b.clone()])?;
    work.layer(layer::Multiply, &places, &shape, batch)
}

/// The sum of values.
fn sum(work: &mut Translation<'_>, flows: &[Flow]) -> Result<Flow, Refused> {
    let (places, shape, batch) = together(work, flows)?;
    work.layer(layer::Add, &places, &shape, batch)
}
