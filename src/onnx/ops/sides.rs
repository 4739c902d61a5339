//! What is known of values whatever their numbers: sides and types.

use super::{Inputs, given, optional};
use crate::onnx::constant::{Constant, Number, Numbers};
use crate::onnx::proto::Node;
use crate::onnx::translate::Translation;
use crate::onnx::value::{Flow, Value};
use crate::onnx::{Refused, tensor};

pub(super) fn of_attribute(node: &Node<'_>) -> Result<Constant, Refused> {
    let value = node.value().ok_or("has no value")?;
    let single = |number: f64, kind| Ok(Constant::single(number.into(), kind));
    match (value.name, &value.tensor) {
        (_, Some(tensor)) => tensor::constant(tensor),
        ("value_float", _) => single(node.real("value_float", 0.0), Numbers::Real),
        ("value_int", _) => single(node.whole("value_int", 0) as f64, Numbers::Whole),
        ("value_floats", _) => {
            let numbers = value.floats.iter().map(|&number| number.into()).collect::<Vec<_>>();
            Ok(Constant::new(&[numbers.len()], Numbers::Real, numbers))
        }
        ("value_ints", _) => Ok(Constant::row(value.wholes.iter().map(|&number| (number as f64).into()).collect())),
        _ => Err("has a value that is no array of numbers".into()),
    }
}

/// The sides of a value, in which the batch may be.
pub(super) fn sides_of(work: &Translation<'_>, value: &Value) -> Result<Vec<Number>, Refused> {
    let plain = |shape: &[usize]| shape.iter().map(|&side| Number::from(side as f64)).collect();
    Ok(match value {
        Value::Known(constant) => plain(&constant.shape),
        Value::Weight(weight) => plain(&weight.shape),
        Value::Stack(_, shape) => plain(shape),
        Value::Flow(flow) => (0..flow.axes()).map(|axis| work.side(flow, axis)).collect(),
        Value::List(_) | Value::Lost => return Err("asks for the shape of a list".into()),
    })
}

pub(super) fn shape_of(work: &Translation<'_>, node: &Node<'_>, value: &Value) -> Result<Constant, Refused> {
    let sides = sides_of(work, value)?;
    let end = |given: i64| {
        let from_first = if given < 0 { given.saturating_add_unsigned(sides.len() as u64) } else { given };
        usize::try_from(from_first).unwrap_or(0).min(sides.len())
    };
    let (start, stop) = (end(node.whole("start", 0)), end(node.whole("end", i64::MAX)));
    Ok(Constant::row(sides.get(start..stop).unwrap_or_default().to_vec()))
}

pub(super) fn size_of(work: &Translation<'_>, value: &Value) -> Result<Constant, Refused> {
    let mut size = Number::from(1.0);
    for side in sides_of(work, value)? {
        let (count, factor) = if side.batches == 0.0 { (size, side.fixed) } else { (side, size.known()?) };
        size = count.map(|part| part * factor);
    }
    Ok(Constant::single(size, Numbers::Whole))
}

/// Another type: of reals nothing changes, and whole numbers are reals as they are.
pub(super) fn cast(node: &Node<'_>, inputs: Inputs<'_>) -> Result<Value, Refused> {
    let value = given(inputs, 0)?.clone();
    let to = match (node.operator, optional(inputs, 1)) {
        ("Cast", _) => kind_of(node.whole("to", 1)),
        ("CastLike", Some(Value::Known(like))) => Some(like.kind),
        ("CastLike", Some(Value::Flow(like))) if like.whole => Some(Numbers::Whole),
        ("CastLike", _) => Some(Numbers::Real),
        _ => return Ok(value),
    };
    let to = to.ok_or("makes numbers of a type that is not known")?;
    match value {
        Value::Known(constant) => Ok(Value::Known(cast_array(&constant, to)?)),
        Value::Flow(flow) => match to {
            Numbers::Real => Ok(Value::Flow(Flow { whole: false, ..flow })),
            Numbers::Whole if flow.whole => Ok(Value::Flow(flow)),
            Numbers::Truth if flow.whole => Ok(Value::Flow(flow)),
            _ => Err("makes whole numbers of real ones, which has no derivative".into()),
        },
        other => Ok(other),
    }
}

fn kind_of(number: i64) -> Option<Numbers> {
    Some(match (number, tensor::is_real(number)?) {
        (9, _) => Numbers::Truth,
        (_, true) => Numbers::Real,
        (_, false) => Numbers::Whole,
    })
}

fn cast_array(array: &Constant, to: Numbers) -> Result<Constant, Refused> {
    array.map(to, |number| {
        Ok(match to {
            Numbers::Real => number,
            Numbers::Whole => number.map(f64::trunc),
            Numbers::Truth => f64::from(number.fixed != 0.0 || number.batches != 0.0).into(),
        })
    })
}
