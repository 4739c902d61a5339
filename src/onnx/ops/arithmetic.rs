//! Sums, products and quotients, and choices by truths.

use super::{Inputs, each, given, known, product, stretched, sum, together};
use crate::activation::{Activation, Clamp};
use crate::layer::{LayerKind, Mask, Offset, Scale};
use crate::onnx::Refused;
use crate::onnx::batch::Size;
use crate::onnx::constant::{Constant, Numbers, common};
use crate::onnx::proto::Node;
use crate::onnx::translate::Translation;
use crate::onnx::value::{Flow, Value};

pub(super) fn output<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    match (node.operator, inputs.len()) {
        ("Neg", _) => {
            let flow = work.flow(given(inputs, 0)?)?;
            each(work, &flow, Scale { by: -1.0 })
        }
        ("Sqrt", _) => root(work, given(inputs, 0)?),
        ("Reciprocal", 1) => reciprocal(work, node.inputs[0], given(inputs, 0)?),
        ("Pow", _) => power(work, inputs),
        ("Min" | "Max", 2) => bound(work, node.operator, inputs),
        ("Sum", _) => {
            let flows = inputs.iter().flatten().map(|value| work.flow(value)).collect::<Result<Vec<_>, _>>()?;
            sum(work, &flows)
        }
        (_, 2) => binary(work, node, given(inputs, 0)?, given(inputs, 1)?),
        (operator, count) => Err(format!("{operator} of {count} values has no layer; split it into several").into()),
    }
}

/// A sum, a difference, a product or a quotient of two.
fn binary<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, a: &Value, b: &Value) -> Result<Flow, Refused> {
    let (left, right) = (work.constant(a), work.constant(b));
    match (node.operator, left, right) {
        ("Add", Some(array), None) => add_array(work, b, &array),
        ("Add", None, Some(array)) => add_array(work, a, &array),
        ("Sub", None, Some(array)) => {
            let array = array.map(array.kind, |number| Ok(number.map(|part| -part)))?;
            add_array(work, a, &array)
        }
        ("Sub", array, None) => {
            let flow = work.flow(b)?;
            let negative = each(work, &flow, Scale { by: -1.0 })?;
            let negative = Value::Flow(negative);
            match array {
                Some(array) => add_array(work, &negative, &array),
                None => add(work, a, &negative),
            }
        }
        ("Mul", Some(array), None) => multiply_array(work, b, &array),
        ("Mul", None, Some(array)) => multiply_array(work, a, &array),
        ("Div", None, Some(array)) => {
            let array = array.map(Numbers::Real, |number| Ok(number.known()?.recip().into()))?;
            multiply_array(work, a, &array)
        }
        ("Div", array, None) => {
            let inverse = Value::Flow(reciprocal(work, node.inputs[1], b)?);
            match array {
                Some(array) => multiply_array(work, &inverse, &array),
                None => multiply(work, a, &inverse),
            }
        }
        ("Add", ..) => add(work, a, b),
        _ => multiply(work, a, b),
    }
}

fn add(work: &mut Translation<'_>, a: &Value, b: &Value) -> Result<Flow, Refused> {
    let flows = [work.flow(a)?, work.flow(b)?];
    sum(work, &flows)
}

fn multiply(work: &mut Translation<'_>, a: &Value, b: &Value) -> Result<Flow, Refused> {
    let flows = [work.flow(a)?, work.flow(b)?];
    product(work, &flows[0], &flows[1])
}

/// An array beside a value: of a batch of fixed size, which the array has as many equal rows as, one of them.
fn row_of_batch(work: &Translation<'_>, flow: &Flow, array: &Constant) -> Result<Constant, Refused> {
    let (Size::Fixed(size), Some(alone)) = (work.size, flow.alone()) else { return Ok(array.clone()) };
    let Some(axis) = (alone + array.shape.len()).checked_sub(flow.axes()) else { return Ok(array.clone()) };
    if size == 1 || axis >= array.shape.len() || array.shape[axis] != size {
        return Ok(array.clone());
    }
    let first = array.taken(axis, &[0])?;
    let same = first.broadcast(&array.shape)? == *array;
    if same {
        Ok(first)
    } else {
        Err("takes an array with other numbers for each example of the batch; export with an open batch".into())
    }
}

/// A value, the array beside it, and the number that the array is everywhere, where that makes the value no larger.
fn beside_array(
    work: &mut Translation<'_>,
    value: &Value,
    array: &Constant,
) -> Result<(Flow, Constant, Option<f64>), Refused> {
    let flow = work.flow(value)?;
    let array = row_of_batch(work, &flow, array)?;
    let larger = common(&[&flow.shape, &array.shape])? != flow.shape;
    let uniform = array.uniform().filter(|_| !larger);
    Ok((flow, array, uniform))
}

fn add_array(work: &mut Translation<'_>, value: &Value, array: &Constant) -> Result<Flow, Refused> {
    let (flow, array, uniform) = beside_array(work, value, array)?;
    match uniform {
        Some(0.0) => return Ok(flow),
        Some(by) if by.is_finite() => return each(work, &flow, Offset { by }),
        _ => {}
    }
    let numbers = array.known()?;
    if !numbers.contains(&f64::NEG_INFINITY) {
        let array = Value::Known(array);
        return add(work, &Value::Flow(flow), &array);
    }
    // -inf stands where a mask says so; the rest is added.
    let masked = array.map(Numbers::Truth, |number| Ok(f64::from(number.fixed == f64::NEG_INFINITY).into()))?;
    let rest =
        array.map(array.kind, |number| Ok(if number.fixed == f64::NEG_INFINITY { 0.0.into() } else { number }))?;
    let summed = Value::Flow(add_array(work, &Value::Flow(flow), &rest)?);
    fill(work, &summed, &Value::Known(masked), f64::NEG_INFINITY)
}

fn multiply_array(work: &mut Translation<'_>, value: &Value, array: &Constant) -> Result<Flow, Refused> {
    let (flow, array, uniform) = beside_array(work, value, array)?;
    match uniform {
        Some(1.0) => Ok(flow),
        Some(by) if by.is_finite() => each(work, &flow, Scale { by }),
        _ => multiply(work, &Value::Flow(flow), &Value::Known(array)),
    }
}

/// √x as x / √x.
fn root(work: &mut Translation<'_>, value: &Value) -> Result<Flow, Refused> {
    let flow = work.flow(value)?;
    let inverse = each(work, &flow, Activation::Rsqrt)?;
    product(work, &flow, &inverse)
}

/// 1 / √x of a root; else 1 / x as x (1 / √(x²))².
fn reciprocal(work: &mut Translation<'_>, name: &str, value: &Value) -> Result<Flow, Refused> {
    let under_root = work.maker(name).filter(|maker| maker.operator == "Sqrt").and_then(|maker| maker.inputs.first());
    if let Some(under_root) = under_root.and_then(|name| work.value(name).cloned()) {
        let flow = work.flow(&under_root)?;
        return each(work, &flow, Activation::Rsqrt);
    }
    let flow = work.flow(value)?;
    let square = product(work, &flow, &flow)?;
    let inverse = each(work, &square, Activation::Rsqrt)?;
    let square = product(work, &inverse, &inverse)?;
    product(work, &flow, &square)
}

/// Small whole powers as products, and roots.
fn power(work: &mut Translation<'_>, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    let exponent = known(work, inputs, 1)?.uniform();
    let value = given(inputs, 0)?;
    let flow = work.flow(value)?;
    match exponent {
        Some(1.0) => Ok(flow),
        Some(0.5) => root(work, value),
        Some(-0.5) => each(work, &flow, Activation::Rsqrt),
        Some(count) if count.fract() == 0.0 && (2.0..=8.0).contains(&count) => {
            let mut power = flow.clone();
            for _ in 1..count as usize {
                power = product(work, &power, &flow)?;
            }
            Ok(power)
        }
        other => Err(format!("raises to the power {other:?}; powers from 2 to 8, 0.5 and -0.5 are known").into()),
    }
}

fn bound(work: &mut Translation<'_>, operator: &str, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    let (index, array) = match (work.constant(given(inputs, 0)?), work.constant(given(inputs, 1)?)) {
        (Some(array), None) => (1, array),
        (None, Some(array)) => (0, array),
        _ => {
            return Err(
                "takes the larger or smaller of two values of the network; against a number it is a clamp".into()
            );
        }
    };
    let (flow, _, uniform) = beside_array(work, given(inputs, index)?, &array)?;
    let number = uniform.ok_or("takes the larger or smaller of a value and an array; only one number is known here")?;
    let clamp =
        if operator == "Max" { Clamp { min: Some(number), max: None } } else { Clamp { min: None, max: Some(number) } };
    each(work, &flow, LayerKind::Activation(clamp.into()))
}

/// Choices, and truths of whole numbers: 1 where they hold, else 0.
pub(super) fn truth<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    let flow = match node.operator {
        "Where" => return choose(work, inputs),
        "Not" => is_zero(work, given(inputs, 0)?)?,
        "And" => multiply(work, given(inputs, 0)?, given(inputs, 1)?)?,
        _ => {
            let (value, array) = match (work.constant(given(inputs, 0)?), work.constant(given(inputs, 1)?)) {
                (Some(array), None) => (given(inputs, 1)?, array),
                (None, Some(array)) => (given(inputs, 0)?, array),
                _ => return Err(
                    "compares two values of the network, which has no derivative; compute it beforehand, as an input"
                        .into(),
                ),
            };
            let array = array.map(array.kind, |number| Ok(number.map(|part| -part)))?;
            let difference = Value::Flow(add_array(work, value, &array)?);
            is_zero(work, &difference)?
        }
    };
    Ok(Flow { whole: true, ..flow })
}

/// 1 where a value is 0, else 0: ones that are filled with 0 where it is not.
fn is_zero(work: &mut Translation<'_>, value: &Value) -> Result<Flow, Refused> {
    let ones = Value::Known(Constant::single(1.0.into(), Numbers::Real));
    fill(work, &ones, value, 0.0)
}

/// A number where a mask is not 0.
fn fill(work: &mut Translation<'_>, value: &Value, mask: &Value, number: f64) -> Result<Flow, Refused> {
    let flows = [work.flow(value)?, work.flow(mask)?];
    let (places, shape, batch) = together(work, &flows)?;
    let own = work.network.shape(places[0]).to_vec();
    let first = Flow { place: places[0], shape: own, batch: None, whole: false };
    let value = stretched(work, &first, &shape, batch)?;
    work.layer(Mask { value: number }, &[value.place, places[1]], &shape, batch)
}

/// One of two values by a truth: filled where one of them is a number, else both times what says which.
fn choose(work: &mut Translation<'_>, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    let (condition, a, b) = (given(inputs, 0)?, given(inputs, 1)?, given(inputs, 2)?);
    let number = |work: &Translation<'_>, value: &Value| {
        let number = work.constant(value).filter(|array| array.len() == 1).and_then(|array| array.uniform());
        number.filter(|number| number.is_finite() || *number == f64::NEG_INFINITY)
    };
    if let Some(filled) = number(work, a) {
        return fill(work, b, condition, filled);
    }
    let inverse = match work.constant(condition) {
        Some(array) => Value::Known(array.map(Numbers::Truth, |number| Ok(f64::from(number.fixed == 0.0).into()))?),
        None => Value::Flow(is_zero(work, condition)?),
    };
    if let Some(filled) = number(work, b) {
        return fill(work, a, &inverse, filled);
    }
    // A zero of each where the other stands: a number that is not finite must not meet one.
    let first = Value::Flow(fill(work, a, &inverse, 0.0)?);
    let second = Value::Flow(fill(work, b, condition, 0.0)?);
    add(work, &first, &second)
}
