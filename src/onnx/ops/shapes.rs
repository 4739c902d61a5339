//! Values in other shapes, side by side, and as lists.

use super::sides::{cast, of_attribute, shape_of, sides_of, size_of};
use super::{Given, Inputs, given, known, maybe_known, stretched};
use crate::layer::{Concat, Permute, Slice};
use crate::onnx::batch::{self, Size};
use crate::onnx::constant::{Number, common};
use crate::onnx::proto::Node;
use crate::onnx::translate::Translation;
use crate::onnx::value::{Batch, Flow, Place, Value};
use crate::onnx::{Refused, axes_of, axis_of, order};

pub(super) fn outputs<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Given {
    let value = match node.operator {
        "Constant" => Value::Known(of_attribute(node)?),
        "Shape" => Value::Known(shape_of(work, node, given(inputs, 0)?)?),
        "Size" => Value::Known(size_of(work, given(inputs, 0)?)?),
        "Identity" | "Cast" | "CastLike" => cast(node, inputs)?,
        "Split" => return split(work, node, inputs),
        "SplitToSequence" => return Ok(vec![Value::List(split(work, node, inputs)?)]),
        "SequenceConstruct" => Value::List(inputs.iter().flatten().cloned().collect()),
        "SequenceAt" => at(work, inputs)?,
        "Concat" => {
            let is_empty = |value: &&Value| matches!(value, Value::Known(constant) if constant.len() == 0);
            let values: Vec<Value> = inputs.iter().flatten().filter(|value| !is_empty(value)).cloned().collect();
            concat(work, node, &values)?
        }
        "ConcatFromSequence" => match given(inputs, 0)? {
            Value::List(values) if node.whole("new_axis", 0) == 0 => concat(work, node, &values.clone())?,
            _ => return Err("stacks values along a new axis; let the module use concat".into()),
        },
        "Transpose" => transpose(work, node, given(inputs, 0)?)?,
        "Expand" => expand(work, inputs)?,
        _ => reshape(work, node, inputs)?,
    };
    Ok(vec![value])
}

fn at(work: &Translation<'_>, inputs: Inputs<'_>) -> Result<Value, Refused> {
    let Value::List(values) = given(inputs, 0)? else { return Err("takes one of a list, and is given none".into()) };
    let place = known(work, inputs, 1)?.whole()?;
    let from_first = if place < 0 { place.saturating_add_unsigned(values.len() as u64) } else { place };
    let value = usize::try_from(from_first).ok().and_then(|place| values.get(place));
    value.cloned().ok_or_else(|| format!("takes the value {place} of {}", values.len()).into())
}

fn reshape<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Value, Refused> {
    let value = given(inputs, 0)?;
    let before = sides_of(work, value)?;
    let (sides, copies) = match node.operator {
        "Reshape" => (known(work, inputs, 1)?.numbers.to_vec(), node.whole("allowzero", 0) == 0),
        "Flatten" => (flat(&before, axis_of(node.whole("axis", 1), before.len() + 1)?), true),
        operator => {
            let axes = match maybe_known(work, inputs, 1)? {
                Some(axes) => Some(axes.wholes()?),
                None => node.wholes("axes").map(<[i64]>::to_vec),
            };
            return if operator == "Unsqueeze" {
                unsqueeze(work, value, &axes.unwrap_or_default())
            } else {
                squeeze(work, value, axes)
            };
        }
    };
    let plain = |shape: &[usize]| {
        let flow = Flow { place: Place::Input(0), shape: shape.to_vec(), batch: None, whole: false };
        batch::reshape(&flow, &sides, copies, Size::Open).map(|(shape, _)| shape)
    };
    Ok(match value {
        Value::Known(constant) => Value::Known(constant.reshaped(&plain(&constant.shape)?)?),
        Value::Weight(weight) => Value::Weight(weight.reshaped(&plain(&weight.shape)?)),
        Value::Stack(parts, shape) => Value::Stack(parts.clone(), plain(shape)?),
        value => {
            let flow = work.flow(value)?;
            let (shape, batch) = batch::reshape(&flow, &sides, copies, work.size)?;
            Value::Flow(work.reshaped(&flow, &shape, batch)?)
        }
    })
}

/// The sides of a matrix: the product of those before an axis, and what is left.
fn flat(sides: &[Number], axis: usize) -> Vec<Number> {
    let product = |sides: &[Number]| {
        sides.iter().fold(Number::from(1.0), |product, side| match side.batches {
            0.0 => product.map(|part| part * side.fixed),
            _ => side.map(|part| part * product.fixed),
        })
    };
    vec![product(&sides[..axis]), product(&sides[axis..])]
}

/// A value in a shape of other axes of one place.
fn with_axes(
    work: &mut Translation<'_>,
    value: &Value,
    shape: &[usize],
    batch: Option<Batch>,
) -> Result<Value, Refused> {
    Ok(match value {
        Value::Known(constant) => Value::Known(constant.reshaped(shape)?),
        Value::Weight(weight) => Value::Weight(weight.reshaped(shape)),
        Value::Stack(parts, _) => Value::Stack(parts.clone(), shape.to_vec()),
        value => {
            let flow = work.flow(value)?;
            Value::Flow(work.reshaped(&flow, shape, batch)?)
        }
    })
}

/// The shape of a value, the batch left out of its axis, and where that is.
pub(super) fn example_shape(value: &Value) -> Result<(Vec<usize>, Option<Batch>), Refused> {
    Ok(match value {
        Value::Known(constant) => (constant.shape.clone(), None),
        Value::Weight(weight) => (weight.shape.clone(), None),
        Value::Stack(_, shape) => (shape.clone(), None),
        Value::Flow(flow) => (flow.shape.clone(), flow.batch),
        Value::List(_) | Value::Lost => return Err("takes a value, and is given a list".into()),
    })
}

fn unsqueeze(work: &mut Translation<'_>, value: &Value, axes: &[i64]) -> Result<Value, Refused> {
    let (shape, batch) = example_shape(value)?;
    let count = shape.len() + axes.len();
    let axes = axes_of(axes, count)?;
    let (mut old, mut new, mut moved) = (0, Vec::new(), batch);
    for axis in 0..count {
        if axes.contains(&axis) {
            new.push(1);
            continue;
        }
        if let Some(batch) = batch
            && batch.axis == old
        {
            moved = Some(Batch { axis, ..batch });
        }
        new.push(*shape.get(old).ok_or("names an axis twice")?);
        old += 1;
    }
    with_axes(work, value, &new, moved)
}

fn squeeze(work: &mut Translation<'_>, value: &Value, axes: Option<Vec<i64>>) -> Result<Value, Refused> {
    let (shape, batch) = example_shape(value)?;
    let is_batch = |axis: usize| batch.is_some_and(|batch| batch.axis == axis);
    let axes = match axes {
        Some(axes) => axes_of(&axes, shape.len())?,
        None => (0..shape.len()).filter(|&axis| shape[axis] == 1 && !is_batch(axis)).collect(),
    };
    if let Some(&axis) = axes.iter().find(|&&axis| is_batch(axis) || shape[axis] != 1) {
        return Err(format!(
            "takes the axis {axis} away, in which the examples of the batch lie or that has more than one place"
        )
        .into());
    }
    let kept: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
    let new: Vec<usize> = kept.iter().map(|&axis| shape[axis]).collect();
    let moved = batch.map(|batch| Batch { axis: kept.iter().filter(|&&axis| axis < batch.axis).count(), ..batch });
    with_axes(work, value, &new, moved)
}

fn transpose<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, value: &Value) -> Result<Value, Refused> {
    if let Value::Weight(weight) = value
        && order(node, weight.shape.len())? == [1, 0]
        && let Some(turned) = weight.transposed()
    {
        return Ok(Value::Weight(turned));
    }
    let flow = work.flow(value)?;
    let order = order(node, flow.axes())?;
    Ok(Value::Flow(permuted(work, &flow, &order)?))
}

/// The axes of a value in another order.
pub(super) fn permuted(work: &mut Translation<'_>, flow: &Flow, order: &[usize]) -> Result<Flow, Refused> {
    let shape: Vec<usize> = order.iter().map(|&axis| flow.shape[axis]).collect();
    let to = |old: usize| order.iter().position(|&axis| axis == old).unwrap_or(old);
    let batch = flow.batch.map(|batch| Batch { axis: to(batch.axis), ..batch });
    let axes: Vec<i64> = order.iter().filter_map(|&axis| flow.own_axis(axis)).map(|axis| axis as i64).collect();
    if axes.is_sorted() {
        return Ok(Flow { shape, batch, ..flow.clone() });
    }
    let permuted = work.layer(Permute { axes }, &[flow.place], &shape, batch)?;
    Ok(Flow { whole: flow.whole, ..permuted })
}

fn split<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Given {
    let value = given(inputs, 0)?;
    let (shape, batch) = example_shape(value)?;
    let axis = axis_of(node.whole("axis", 0), shape.len())?;
    let side = shape[axis];
    let lengths: Vec<usize> = match maybe_known(work, inputs, 1)? {
        Some(array) if array.shape.is_empty() || (array.len() == 1 && node.operator != "Split") => {
            equal(side, array.sides()?[0])?
        }
        Some(array) => array.sides()?,
        None => {
            let count = node.whole("num_outputs", node.outputs.len() as i64);
            let count = if node.operator == "Split" { usize::try_from(count).unwrap_or(0) } else { side };
            equal(side, side.div_ceil(count.max(1)))?
        }
    };
    if lengths.iter().try_fold(0usize, |sum, &length| sum.checked_add(length)) != Some(side) {
        return Err(format!("splits an axis of {side} into {lengths:?}").into());
    }
    if batch.is_some_and(|batch| batch.axis == axis) {
        return Err("splits the batch; examples may not be told apart".into());
    }
    let mut start = 0;
    let mut parts = Vec::new();
    for length in lengths {
        let part = cut(work, value, axis, start..start + length)?;
        // A list of single places may be one of values without the axis.
        let drops = node.operator == "SplitToSequence" && inputs.len() < 2 && node.whole("keepdims", 1) == 0;
        parts.push(if drops { squeeze(work, &part, Some(vec![axis as i64]))? } else { part });
        start += length;
    }
    Ok(parts)
}

fn equal(side: usize, length: usize) -> Result<Vec<usize>, Refused> {
    if length == 0 {
        return Err("splits into parts of no length".into());
    }
    Ok((0..side).step_by(length).map(|start| length.min(side - start)).collect())
}

/// A stretch of an axis.
pub(super) fn cut(
    work: &mut Translation<'_>,
    value: &Value,
    axis: usize,
    range: std::ops::Range<usize>,
) -> Result<Value, Refused> {
    if let Value::Known(constant) = value {
        return Ok(Value::Known(constant.taken(axis, &range.collect::<Vec<_>>())?));
    }
    if let Value::Weight(weight) = value
        && axis == 0
        && let Some(rows) = weight.rows(range.start, range.end)
    {
        return Ok(Value::Weight(rows));
    }
    let flow = work.flow(value)?;
    Ok(Value::Flow(sliced(work, &flow, axis, range, 1)?))
}

/// Places of an axis of a value.
pub(super) fn sliced(
    work: &mut Translation<'_>,
    flow: &Flow,
    axis: usize,
    range: std::ops::Range<usize>,
    step: usize,
) -> Result<Flow, Refused> {
    if range == (0..flow.shape[axis]) && step == 1 {
        return Ok(flow.clone());
    }
    let mut shape = flow.shape.clone();
    shape[axis] = range.len().div_ceil(step);
    let slice =
        Slice { axis: super::example_axis(flow, axis)?, start: range.start as i64, stop: Some(range.end as i64), step };
    let sliced = work.layer(slice, &[flow.place], &shape, flow.batch)?;
    Ok(Flow { whole: flow.whole, ..sliced })
}

fn concat<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, values: &[Value]) -> Result<Value, Refused> {
    match values {
        [] => return Err("puts nothing side by side".into()),
        [only] => return Ok(only.clone()),
        _ => {}
    }
    let parts: Option<Vec<_>> = values
        .iter()
        .map(|value| if let Value::Weight(weight) = value { Some(weight.clone()) } else { None })
        .collect();
    let axis = node.whole("axis", 0);
    if let (Some(parts), 0) = (parts, axis) {
        let rows = parts.iter().filter_map(|part| part.shape.first()).sum();
        let rest = parts.first().and_then(|part| part.shape.get(1..)).unwrap_or_default();
        if parts.iter().all(|part| part.shape.get(1..) == Some(rest)) {
            let shape = [&[rows], rest].concat();
            return Ok(Value::Stack(parts, shape));
        }
    }
    if let (Some(stacked), 0) = (stacked(values), axis) {
        return Ok(stacked);
    }
    let flows = values.iter().map(|value| work.flow(value)).collect::<Result<Vec<_>, _>>()?;
    let axes = flows.first().map_or(0, Flow::axes);
    let axis = axis_of(axis, axes)?;
    if flows.iter().any(|flow| flow.axes() != axes) {
        return Err("puts values of different numbers of axes side by side".into());
    }
    let batch = flows.iter().find_map(|flow| flow.batch);
    if batch.is_some_and(|batch| batch.axis == axis)
        || flows.iter().any(|flow| flow.batch.is_some() && flow.batch != batch)
    {
        return Err("puts values side by side along the batch; examples may not meet".into());
    }
    let mut places = Vec::new();
    let mut shape = flows[0].shape.clone();
    shape[axis] = flows.iter().map(|flow| flow.shape[axis]).sum();
    let alone = batch.filter(|batch| flows.iter().any(|flow| flow.batch.is_some() && flow.shape[batch.axis] == 1));
    for flow in &flows {
        let flow = match alone {
            Some(batch) if flow.batch.is_none() => super::beside(work, flow, axes, batch.axis, true)?,
            _ => flow.clone(),
        };
        places.push(flow.place);
    }
    let reference = Flow { batch, shape: shape.clone(), ..flows[0].clone() };
    let axis = super::example_axis(&reference, axis)?;
    let whole = flows.iter().all(|flow| flow.whole);
    Ok(Value::Flow(Flow { whole, ..work.layer(Concat { axis }, &places, &shape, batch)? }))
}

/// Stacks one below the other, as one.
fn stacked(values: &[Value]) -> Option<Value> {
    let (mut parts, mut rows, mut rest) = (Vec::new(), 0, None);
    for value in values {
        let (more, shape) = match value {
            Value::Stack(parts, shape) => (parts.clone(), shape),
            Value::Weight(weight) => (vec![weight.clone()], &weight.shape),
            _ => return None,
        };
        // In another shape than that of its rows it is no stack of these any more.
        if more.iter().map(|part| part.shape[..].first().copied().unwrap_or(1)).sum::<usize>() != *shape.first()? {
            return None;
        }
        if *rest.get_or_insert(shape[1..].to_vec()) != shape[1..] {
            return None;
        }
        rows += shape[0];
        parts.extend(more);
    }
    Some(Value::Stack(parts, [&[rows], &rest?[..]].concat()))
}

fn expand(work: &mut Translation<'_>, inputs: Inputs<'_>) -> Result<Value, Refused> {
    let (value, sides) = (given(inputs, 0)?, known(work, inputs, 1)?);
    let flow = work.flow(value)?;
    let axes = flow.axes().max(sides.len());
    let late = axes - sides.len();
    // The axis that the batch is given.
    let is_batch = |axis: usize, side: &Number| match work.size {
        Size::Open => side.batches != 0.0,
        Size::Fixed(size) => axis == 0 && side.fixed == size as f64,
    };
    let given_batch =
        sides.numbers.iter().enumerate().find(|(axis, side)| is_batch(axis + late, side)).map(|(axis, _)| axis + late);
    let own = flow.batch.map(|batch| Batch { axis: batch.axis + axes - flow.axes(), ..batch });
    let batch = own.or_else(|| {
        let axis = given_batch?;
        let stretches = axis.checked_sub(axes - flow.axes()).is_none_or(|own| flow.shape[own] == 1);
        stretches.then_some(Batch { axis, before: 1 })
    });
    let wanted = sides.numbers.iter().enumerate().map(|(axis, side)| match batch {
        Some(batch) if batch.axis == axis + late => Ok(own.map_or(1, |own| flow.shape[own.axis + flow.axes() - axes])),
        _ => side.known().map(|side| side.max(1.0) as usize),
    });
    let wanted = wanted.collect::<Result<Vec<usize>, Refused>>()?;
    let shape = common(&[&flow.shape, &wanted])?;
    let alone = batch.is_some_and(|batch| shape[batch.axis] == 1);
    let flow = match (flow.batch, batch) {
        (None, Some(batch)) => super::beside(work, &flow, axes, batch.axis, alone)?,
        _ => flow,
    };
    let as_is = Flow { shape: flow.own(), batch: None, ..flow };
    Ok(Value::Flow(stretched(work, &as_is, &shape, batch)?))
}
