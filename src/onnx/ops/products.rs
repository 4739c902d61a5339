//! Products of matrices: linear layers where one is a tensor of the file.

use super::{Inputs, beside, each, given, optional, sum};
use crate::layer::{Linear, MatMul, Scale};
use crate::onnx::Refused;
use crate::onnx::constant::common;
use crate::onnx::proto::Node;
use crate::onnx::translate::Translation;
use crate::onnx::value::{Batch, Flow, Value, Weight};

pub(super) fn output<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    let (a, b) = (given(inputs, 0)?, given(inputs, 1)?);
    if node.operator == "MatMul" {
        return product(work, a, b);
    }
    if node.whole("transA", 0) != 0 {
        return Err("multiplies its first matrix transposed; examples are rows".into());
    }
    let (alpha, beta) = (node.real("alpha", 1.0), node.real("beta", 1.0));
    let bias = optional(inputs, 2);
    if bias.is_some() && beta != 1.0 {
        return Err(format!("multiplies its bias by {beta}; fold that into the bias").into());
    }
    let turned = node.whole("transB", 0) != 0;
    let weight = work.own(b).and_then(|weight| if turned { Some(weight) } else { weight.transposed() });
    let flow = work.flow(a)?;
    let value = match (weight, bias.and_then(|bias| work.own(bias))) {
        (Some(weight), Some(bias)) if alpha == 1.0 && bias.shape == weight.shape[..1] => {
            return linear(work, &flow, weight, Some(bias));
        }
        (Some(weight), _) => linear(work, &flow, weight, None)?,
        (None, _) => {
            let mut matrix = work.flow(b)?;
            if turned {
                matrix = super::shapes::permuted(work, &matrix, &[1, 0])?;
            }
            product(work, &Value::Flow(flow), &Value::Flow(matrix))?
        }
    };
    let value = if alpha == 1.0 { value } else { each(work, &value, Scale { by: alpha })? };
    match bias {
        None => Ok(value),
        Some(bias) => {
            let bias = work.flow(bias)?;
            sum(work, &[value, bias])
        }
    }
}

/// A linear layer of a weight `[out, in]`.
pub(super) fn linear(
    work: &mut Translation<'_>,
    flow: &Flow,
    weight: Weight,
    bias: Option<Weight>,
) -> Result<Flow, Refused> {
    let wrong =
        || Refused::from(format!("has a weight of shape {:?} for a value of shape {:?}", weight.shape, flow.shape));
    let (&[features, width], Some(last)) = (weight.shape.as_slice(), flow.axes().checked_sub(1)) else {
        return Err(wrong());
    };
    if width != flow.shape[last] {
        return Err(wrong());
    }
    super::example_axis(flow, last)?;
    let mut shape = flow.shape.clone();
    shape[last] = features;
    let layer = Linear { features, bias: bias.is_some() };
    let tensors = std::iter::once(("weight", weight)).chain(bias.map(|bias| ("bias", bias))).collect();
    work.layer_with(layer, &[flow.place], tensors, &shape, flow.batch)
}

fn product(work: &mut Translation<'_>, a: &Value, b: &Value) -> Result<Flow, Refused> {
    if let Some(weight) = work.own(b).filter(|weight| weight.shape.len() == 2).and_then(|weight| weight.transposed()) {
        let flow = work.flow(a)?;
        return linear(work, &flow, weight, None);
    }
    let (left, right) = (work.flow(a)?, work.flow(b)?);
    if right.axes() != 1 || right.batch.is_some() {
        return matrices(work, &left, &right);
    }
    // A vector is a matrix of one column, whose axis falls away.
    let column = work.reshaped(&right, &[right.shape[0], 1], None)?;
    let product = matrices(work, &left, &column)?;
    let shape = &product.shape[..product.axes() - 1];
    work.reshaped(&product, shape, product.batch)
}

/// The product of the last two axes of two values, the axes before broadcast.
pub(super) fn matrices(work: &mut Translation<'_>, left: &Flow, right: &Flow) -> Result<Flow, Refused> {
    let (&[ref before_left @ .., rows, depth], &[ref before_right @ .., other, columns]) =
        (left.shape.as_slice(), right.shape.as_slice())
    else {
        return Err("multiplies a vector with a matrix; make it a matrix of one row".into());
    };
    if depth != other {
        return Err(format!("multiplies matrices of shapes {:?} and {:?}", left.shape, right.shape).into());
    }
    let axes = left.axes().max(right.axes());
    let at = |flow: &Flow| flow.batch.map(|batch| Batch { axis: batch.axis + axes - flow.axes(), ..batch });
    let shape = [common(&[before_left, before_right])?, vec![rows, columns]].concat();
    let (of_left, of_right) = (at(left), at(right));
    match (of_left, of_right) {
        (Some(a), Some(b)) if a != b => {
            return Err("multiplies values whose batches lie along different axes; examples may not meet".into());
        }
        (Some(batch), Some(_)) if batch.axis + 2 >= axes => {
            return Err("multiplies examples of a batch with each other".into());
        }
        (Some(batch), None) if batch.axis + 1 == axes => return Err("sums over the examples of a batch".into()),
        (Some(batch), None) if batch.axis + 2 == axes && right.axes() > 2 => {
            return Err("multiplies the examples of a batch, as rows, with several matrices".into());
        }
        (None, Some(batch)) if batch.axis + 2 >= axes => {
            return Err(
                "multiplies a matrix from the left with examples as its rows or columns; exchange the two".into()
            );
        }
        _ => {}
    }
    let batch = of_left.or(of_right);
    let (mut left, mut right) = (left.clone(), right.clone());
    if let Some(Batch { axis, .. }) = batch.filter(|batch| batch.axis + 2 < axes) {
        let alone = shape[axis] == 1;
        left = if left.batch.is_some() { left } else { beside(work, &left, axes, axis, alone)? };
        right = if right.batch.is_some() { right } else { beside(work, &right, axes, axis, alone)? };
    }
    work.layer(MatMul, &[left.place, right.place], &shape, batch)
}
