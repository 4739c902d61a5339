//! Parts of axes, rows of tables, and places around.

use super::{Inputs, given, known, maybe_known, shapes};
use crate::layer::{Embedding, Pad};
use crate::onnx::constant::{Constant, Numbers};
use crate::onnx::fold::places_of;
use crate::onnx::proto::Node;
use crate::onnx::translate::Translation;
use crate::onnx::value::{Batch, Value};
use crate::onnx::{Refused, axes_of, axis_of};

pub(super) fn output<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Value, Refused> {
    match node.operator {
        "Slice" => slice(work, inputs),
        "Gather" => gather(work, node, inputs),
        "Tile" => tile(work, inputs),
        _ => pad(work, node, inputs),
    }
}

fn slice(work: &mut Translation<'_>, inputs: Inputs<'_>) -> Result<Value, Refused> {
    let mut value = given(inputs, 0)?.clone();
    let count = shapes::example_shape(&value)?.0.len();
    let (starts, stops) = (known(work, inputs, 1)?.wholes()?, known(work, inputs, 2)?);
    let axes = match maybe_known(work, inputs, 3)? {
        Some(axes) => axes_of(&axes.wholes()?, count)?,
        None => (0..starts.len()).collect(),
    };
    let steps = maybe_known(work, inputs, 4)?.map_or(Ok(vec![1; starts.len()]), |steps| steps.wholes())?;
    for (index, &axis) in axes.iter().enumerate() {
        let stop = *stops.numbers.get(index).ok_or("has fewer ends than axes")?;
        let (start, step) = starts.get(index).zip(steps.get(index)).ok_or("has fewer starts than axes")?;
        if let Value::Flow(flow) = &value
            && flow.is_batch(axis)
        {
            // The whole batch, up to its own size.
            let whole =
                *start == 0 && *step == 1 && (stop == work.side(flow, axis) || stop.fixed >= f64::from(i32::MAX));
            if whole {
                continue;
            }
            return Err("takes some examples of a batch; examples may not be told apart".into());
        }
        let side = shapes::example_shape(&value)?.0[axis];
        let end = |place: i64| {
            let from_first = if place < 0 { place.saturating_add_unsigned(side as u64) } else { place };
            usize::try_from(from_first).unwrap_or(0).min(side)
        };
        let range = end(*start)..end(stop.known()? as i64);
        if range.is_empty() {
            // It may be put beside others, as a part of no places.
            let mut shape = shapes::example_shape(&value)?.0;
            shape[axis] = 0;
            return Ok(Value::Known(Constant::new(&shape, Numbers::Real, Vec::new())));
        }
        value = match usize::try_from(*step) {
            Ok(1) => shapes::cut(work, &value, axis, range)?,
            Ok(step @ 2..) => {
                if let Value::Known(constant) = &value {
                    value = Value::Known(constant.taken(axis, &range.step_by(step).collect::<Vec<_>>())?);
                    continue;
                }
                let flow = work.flow(&value)?;
                Value::Flow(shapes::sliced(work, &flow, axis, range, step)?)
            }
            _ => return Err("goes backwards along an axis; turn it round beforehand".into()),
        };
    }
    Ok(value)
}

fn gather<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Value, Refused> {
    let (table, places) = (given(inputs, 0)?, given(inputs, 1)?);
    let Some(array) = work.constant(places) else { return embedding(work, node, table, places) };
    let shape = shapes::example_shape(table)?.0;
    let axis = axis_of(node.whole("axis", 0), shape.len())?;
    let rows = places_of(&array.wholes()?, shape[axis])?;
    // Stretches of places that follow each other.
    let mut stretches: Vec<std::ops::Range<usize>> = Vec::new();
    for &row in &rows {
        match stretches.last_mut() {
            Some(last) if last.end == row => last.end += 1,
            _ => stretches.push(row..row + 1),
        }
    }
    if stretches.len() > 64 {
        return Err(format!(
            "takes places of an axis in {} stretches; a few, in order, can be slices",
            stretches.len()
        )
        .into());
    }
    let mut parts =
        stretches.into_iter().map(|range| shapes::cut(work, table, axis, range)).collect::<Result<Vec<_>, _>>()?;
    let taken = match parts.len() {
        0 => return Err("takes no places of an axis".into()),
        1 => parts.remove(0),
        _ => {
            let flows = parts.iter().map(|part| work.flow(part)).collect::<Result<Vec<_>, _>>()?;
            let mut shape = flows[0].shape.clone();
            shape[axis] = rows.len();
            let concat = crate::layer::Concat { axis: super::example_axis(&flows[0], axis)? };
            let places: Vec<_> = flows.iter().map(|flow| flow.place).collect();
            Value::Flow(work.layer(concat, &places, &shape, flows[0].batch)?)
        }
    };
    // The axes of the places stand where the one was.
    let given = array.shape.len();
    let spliced = |shape: &[usize]| [&shape[..axis], &array.shape, &shape[axis + 1..]].concat();
    Ok(match taken {
        Value::Weight(weight) => Value::Weight(weight.reshaped(&spliced(&weight.shape))),
        value => {
            let flow = work.flow(&value)?;
            let moved =
                |batch: Batch| if batch.axis > axis { Batch { axis: batch.axis + given - 1, ..batch } } else { batch };
            Value::Flow(work.reshaped(&flow, &spliced(&flow.shape), flow.batch.map(moved))?)
        }
    })
}

/// Rows of a table by whole numbers that the network reads.
fn embedding<'a>(
    work: &mut Translation<'a>,
    node: &'a Node<'a>,
    table: &Value,
    places: &Value,
) -> Result<Value, Refused> {
    let places = work.flow(places)?;
    if !places.whole {
        return Err("looks rows up by numbers that are not whole".into());
    }
    let Some(weight) = work.own(table) else {
        return Err("looks rows up in a table that the network computes; only a tensor of the file can be one".into());
    };
    let &[count, features] = weight.shape.as_slice() else {
        return Err(format!("looks rows up in a table of shape {:?}; it takes [rows, features]", weight.shape).into());
    };
    if axis_of(node.whole("axis", 0), 2)? != 0 {
        return Err("looks columns up; transpose the table".into());
    }
    let shape = [&places.shape[..], &[features]].concat();
    let layer = Embedding { count, features, padding_idx: None };
    Ok(Value::Flow(work.layer_with(layer, &[places.place], vec![("weight", weight)], &shape, places.batch)?))
}

fn tile(work: &mut Translation<'_>, inputs: Inputs<'_>) -> Result<Value, Refused> {
    let (mut flow, repeats) = (work.flow(given(inputs, 0)?)?, known(work, inputs, 1)?.sides()?);
    if repeats.len() != flow.axes() {
        return Err("has another number of repeats than of axes".into());
    }
    for (axis, &count) in repeats.iter().enumerate().filter(|(_, count)| **count != 1) {
        if count == 0 || count > 64 {
            return Err(format!("repeats {count} times; up to 64 are put side by side").into());
        }
        let mut shape = flow.shape.clone();
        shape[axis] *= count;
        let concat = crate::layer::Concat { axis: super::example_axis(&flow, axis)? };
        flow = work.layer(concat, &vec![flow.place; count], &shape, flow.batch)?;
    }
    Ok(Value::Flow(flow))
}

fn pad<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Value, Refused> {
    let mode = node.text("mode").unwrap_or("constant");
    if mode != "constant" {
        return Err(format!("pads by the mode {mode:?}; only constant has a layer").into());
    }
    let flow = work.flow(given(inputs, 0)?)?;
    let pads = known(work, inputs, 1)?.wholes()?;
    let value =
        maybe_known(work, inputs, 2)?.filter(|array| array.kind == Numbers::Real).and_then(|array| array.uniform());
    let axes = match maybe_known(work, inputs, 3)? {
        Some(axes) => axes_of(&axes.wholes()?, flow.axes())?,
        None => (0..flow.axes()).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err("has another number of paddings than two for each axis".into());
    }
    let mut around = vec![(0i64, 0i64); flow.axes()];
    for (index, &axis) in axes.iter().enumerate() {
        around[axis] = (pads[index], pads[index + axes.len()]);
    }
    let mut shape = flow.shape.clone();
    let mut padding = Vec::new();
    for (axis, &(before, after)) in around.iter().enumerate() {
        if (before, after) != (0, 0) {
            super::example_axis(&flow, axis)?;
        }
        let side = (shape[axis] as i64).checked_add(before).and_then(|side| side.checked_add(after));
        shape[axis] = side.and_then(|side| usize::try_from(side).ok()).ok_or("takes more than there is")?;
        if flow.own_axis(axis).is_some() {
            padding.splice(0..0, [before, after]);
        }
    }
    if padding.iter().all(|&count| count == 0) {
        return Ok(Value::Flow(flow));
    }
    let layer = Pad { padding, value: value.unwrap_or(0.0) };
    Ok(Value::Flow(work.layer(layer, &[flow.place], &shape, flow.batch)?))
}
