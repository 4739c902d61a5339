//! Operators on arrays that are known, worked out here.

use super::constant::{Constant, Number, Numbers, common, elements};
use super::proto::Node;
use super::{Refused, axis_of};

/// The value of an operator whose inputs are all known; `None` where it is no operator of such values.
pub(super) fn fold(node: &Node<'_>, inputs: &[Option<&Constant>]) -> Option<Result<Vec<Constant>, Refused>> {
    let given: Vec<&Constant> = inputs.iter().flatten().copied().collect();
    let folded = match (node.operator, given.as_slice()) {
        ("Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "Min" | "Max", &[a, b]) => arithmetic(node.operator, a, b),
        ("Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" | "And" | "Or" | "Xor", &[a, b]) => {
            comparison(node.operator, a, b)
        }
        ("Where", &[condition, a, b]) => choice(condition, a, b),
        ("Transpose", &[array]) => transpose(node, array),
        ("Expand", &[array, shape]) => expand(array, shape),
        ("Tile", &[array, repeats]) => tile(array, repeats),
        ("Trilu", &[array]) => triangle(array, node.whole("upper", 1) == 1, 0),
        ("Trilu", &[array, diagonal]) => {
            diagonal.whole().and_then(|diagonal| triangle(array, node.whole("upper", 1) == 1, diagonal))
        }
        ("Range", &[start, limit, step]) => range(start, limit, step),
        ("ConstantOfShape", &[shape]) => filled(node, shape),
        ("Concat", arrays) => side_by_side(node, arrays),
        ("Gather", &[array, places]) => gather(node, array, places),
        ("ReduceSum" | "ReduceProd" | "ReduceMax" | "ReduceMin" | "ReduceMean", &[array, ref rest @ ..]) => {
            reduce(node, array, rest.first().copied())
        }
        ("CumSum", &[array, axis]) => running_sum(node, array, axis),
        (operator, &[array]) => return single(operator, array).map(|folded| folded.map(|array| vec![array])),
        _ => return None,
    };
    Some(folded.map(|array| vec![array]))
}

/// Operators of one array, element by element.
fn single(operator: &str, array: &Constant) -> Option<Result<Constant, Refused>> {
    let function: fn(f64) -> f64 = match operator {
        "Neg" => return Some(array.map(array.kind, |number| Ok(number.map(|part| -part)))),
        "Not" => |x| f64::from(x == 0.0),
        "Abs" => f64::abs,
        "Sqrt" => f64::sqrt,
        "Exp" => f64::exp,
        "Log" => f64::ln,
        "Reciprocal" => f64::recip,
        "Floor" => f64::floor,
        "Ceil" => f64::ceil,
        "Round" => f64::round_ties_even,
        "Sin" => f64::sin,
        "Cos" => f64::cos,
        "Tanh" => f64::tanh,
        "Sign" => |x| if x == 0.0 { 0.0 } else { x.signum() },
        "IsInf" => |x| f64::from(x.is_infinite()),
        "IsNaN" => |x| f64::from(x.is_nan()),
        _ => return None,
    };
    let kind = if matches!(operator, "Not" | "IsInf" | "IsNaN") { Numbers::Truth } else { array.kind };
    Some(array.map(kind, |number| Ok(function(number.known()?).into())))
}

/// Two arrays, stretched to one shape, element by element.
fn both(
    a: &Constant,
    b: &Constant,
    kind: Numbers,
    function: impl Fn(Number, Number) -> Result<Number, Refused>,
) -> Result<Constant, Refused> {
    let shape = common(&[&a.shape, &b.shape])?;
    let (a, b) = (a.broadcast(&shape)?, b.broadcast(&shape)?);
    let numbers = a.numbers.iter().zip(&*b.numbers).map(|(&a, &b)| function(a, b)).collect::<Result<_, _>>()?;
    Ok(Constant::new(&shape, kind, numbers))
}

pub(super) fn arithmetic(operator: &str, a: &Constant, b: &Constant) -> Result<Constant, Refused> {
    let kind = if a.kind == Numbers::Truth { b.kind } else { a.kind };
    both(a, b, kind, |a, b| {
        Ok(match operator {
            "Add" => Number { fixed: a.fixed + b.fixed, batches: a.batches + b.batches },
            "Sub" => Number { fixed: a.fixed - b.fixed, batches: a.batches - b.batches },
            "Mul" if b.batches == 0.0 => a.map(|part| part * b.fixed),
            "Mul" => {
                let factor = a.known()?;
                b.map(|part| part * factor)
            }
            // Multiples of one batch.
            "Div" if b.batches != 0.0 && a.fixed * b.batches == b.fixed * a.batches => (a.batches / b.batches).into(),
            "Div" => quotient(a, b.known()?, kind)?,
            "Pow" => a.known()?.powf(b.known()?).into(),
            "Mod" => remainder(a.known()?, b.known()?).into(),
            "Min" => a.known()?.min(b.known()?).into(),
            _ => a.known()?.max(b.known()?).into(),
        })
    })
}

/// Whole numbers are divided towards 0.
fn quotient(a: Number, by: f64, kind: Numbers) -> Result<Number, Refused> {
    let quotient = a.map(|part| part / by);
    match (kind, a.batches) {
        (Numbers::Real, _) => Ok(quotient),
        (_, 0.0) if by != 0.0 => Ok(quotient.fixed.trunc().into()),
        _ if [quotient.fixed, quotient.batches].iter().all(|part| part.fract() == 0.0) => Ok(quotient),
        _ => Err("divides whole numbers that it does not divide".into()),
    }
}

/// With the sign of the divisor.
fn remainder(a: f64, by: f64) -> f64 {
    a - by * (a / by).floor()
}

fn comparison(operator: &str, a: &Constant, b: &Constant) -> Result<Constant, Refused> {
    both(a, b, Numbers::Truth, |a, b| {
        // A batch is of any size: a multiple of it is no number.
        if operator == "Equal" {
            return Ok(f64::from(a == b).into());
        }
        let (a, b) = (a.known()?, b.known()?);
        let holds = match operator {
            "Less" => a < b,
            "LessOrEqual" => a <= b,
            "Greater" => a > b,
            "GreaterOrEqual" => a >= b,
            "And" => a != 0.0 && b != 0.0,
            "Or" => a != 0.0 || b != 0.0,
            _ => (a != 0.0) != (b != 0.0),
        };
        Ok(f64::from(holds).into())
    })
}

fn choice(condition: &Constant, a: &Constant, b: &Constant) -> Result<Constant, Refused> {
    let shape = common(&[&condition.shape, &a.shape, &b.shape])?;
    let (condition, a, b) = (condition.broadcast(&shape)?, a.broadcast(&shape)?, b.broadcast(&shape)?);
    let numbers = condition.numbers.iter().zip(a.numbers.iter().zip(&*b.numbers));
    let numbers = numbers.map(|(condition, (a, b))| if condition.fixed != 0.0 { *a } else { *b }).collect();
    Ok(Constant::new(&shape, a.kind, numbers))
}

fn transpose(node: &Node<'_>, array: &Constant) -> Result<Constant, Refused> {
    array.permuted(&super::order(node, array.shape.len())?)
}

fn expand(array: &Constant, shape: &Constant) -> Result<Constant, Refused> {
    // An array that is the same for every example is the same whatever their number.
    let sides: Vec<usize> =
        shape.numbers.iter().map(|side| if side.batches == 0.0 { side.fixed as usize } else { 1 }).collect();
    let shape = common(&[&array.shape, &sides])?;
    array.broadcast(&shape)
}

fn tile(array: &Constant, repeats: &Constant) -> Result<Constant, Refused> {
    let repeats = repeats.sides()?;
    if repeats.len() != array.shape.len() {
        return Err("has another number of repeats than of axes".into());
    }
    let mut tiled = array.clone();
    for (axis, &count) in repeats.iter().enumerate() {
        let side = tiled.shape[axis];
        let long = side.checked_mul(count).ok_or("repeats too often")?;
        elements(&[long])?;
        let places: Vec<usize> = (0..long).map(|place| place % side).collect();
        tiled = tiled.taken(axis, &places)?;
    }
    Ok(tiled)
}

fn triangle(array: &Constant, upper: bool, diagonal: i64) -> Result<Constant, Refused> {
    let &[.., _, columns] = array.shape.as_slice() else { return Err("takes matrices".into()) };
    let rows = array.shape[array.shape.len() - 2];
    let mut numbers = array.numbers.to_vec();
    for (at, number) in numbers.iter_mut().enumerate() {
        let (row, column) = ((at / columns % rows) as i64, (at % columns) as i64);
        let kept = if upper { column >= row.saturating_add(diagonal) } else { column <= row.saturating_add(diagonal) };
        if !kept {
            *number = 0.0.into();
        }
    }
    Ok(Constant::new(&array.shape, array.kind, numbers))
}

fn range(start: &Constant, limit: &Constant, step: &Constant) -> Result<Constant, Refused> {
    let one = |array: &Constant| -> Result<f64, Refused> {
        match *array.numbers {
            [only] => only.known(),
            _ => Err("takes single numbers".into()),
        }
    };
    let (first, limit, step) = (one(start)?, one(limit)?, one(step)?);
    let count = ((limit - first) / step).ceil().max(0.0);
    let count = elements(&[if count.is_nan() { usize::MAX } else { count as usize }])?;
    let numbers = (0..count).map(|place| Number::from(first + place as f64 * step)).collect();
    Ok(Constant::new(&[count], start.kind, numbers))
}

fn filled(node: &Node<'_>, shape: &Constant) -> Result<Constant, Refused> {
    let value = match node.value().and_then(|value| value.tensor.as_ref()) {
        None => Constant::single(0.0.into(), Numbers::Real),
        Some(tensor) => super::tensor::constant(tensor)?,
    };
    expand(&value.reshaped(&[])?, shape)
}

fn side_by_side(node: &Node<'_>, arrays: &[&Constant]) -> Result<Constant, Refused> {
    let axes = arrays.first().map_or(0, |array| array.shape.len());
    Constant::concat(arrays, axis_of(node.whole("axis", 0), axes)?)
}

pub(super) fn gather(node: &Node<'_>, array: &Constant, places: &Constant) -> Result<Constant, Refused> {
    let axis = axis_of(node.whole("axis", 0), array.shape.len())?;
    let rows = places_of(&places.wholes()?, array.shape[axis])?;
    let taken = array.taken(axis, &rows)?;
    let shape = [&array.shape[..axis], &places.shape, &array.shape[axis + 1..]].concat();
    taken.reshaped(&shape)
}

/// Places of an axis, negative ones from its end.
pub(super) fn places_of(given: &[i64], side: usize) -> Result<Vec<usize>, Refused> {
    let place = |&place: &i64| {
        let from_first = if place < 0 { place.saturating_add_unsigned(side as u64) } else { place };
        usize::try_from(from_first).ok().filter(|&place| place < side)
    };
    let places: Option<Vec<usize>> = given.iter().map(place).collect();
    places.ok_or_else(|| format!("takes places beyond an axis of {side}").into())
}

fn reduce(node: &Node<'_>, array: &Constant, axes: Option<&Constant>) -> Result<Constant, Refused> {
    let axes = super::reduced_axes(node, axes, array.shape.len())?;
    let keeps = node.whole("keepdims", 1) == 1;
    let operator = match node.operator {
        "ReduceProd" => "Mul",
        "ReduceMax" => "Max",
        "ReduceMin" => "Min",
        _ => "Add",
    };
    let mut reduced = array.clone();
    for &axis in &axes {
        let side = reduced.shape[axis];
        let mut sum = reduced.taken(axis, &[0])?;
        for place in 1..side {
            sum = arithmetic(operator, &sum, &reduced.taken(axis, &[place])?)?;
        }
        reduced = sum;
        if node.operator == "ReduceMean" {
            reduced = reduced.map(reduced.kind, |number| Ok(number.map(|part| part / side as f64)))?;
        }
    }
    let kept = |axis: &usize| keeps || !axes.contains(axis);
    let shape: Vec<usize> = (0..reduced.shape.len()).filter(kept).map(|axis| reduced.shape[axis]).collect();
    reduced.reshaped(&shape)
}

fn running_sum(node: &Node<'_>, array: &Constant, axis: &Constant) -> Result<Constant, Refused> {
    if node.whole("exclusive", 0) != 0 || node.whole("reverse", 0) != 0 {
        return Err("sums exclusively or in reverse".into());
    }
    let axis = axis_of(axis.whole()?, array.shape.len())?;
    let inner: usize = array.shape[axis + 1..].iter().product();
    let mut numbers = array.numbers.to_vec();
    for at in inner..numbers.len() {
        if !(at / inner).is_multiple_of(array.shape[axis]) {
            let before = numbers[at - inner];
            numbers[at] =
                Number { fixed: numbers[at].fixed + before.fixed, batches: numbers[at].batches + before.batches };
        }
    }
    Ok(Constant::new(&array.shape, array.kind, numbers))
}
