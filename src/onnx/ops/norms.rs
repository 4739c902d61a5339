//! Normalisations, with weight and bias where these are tensors of the file.

use super::{Inputs, given, optional, product, shapes, sum};
use crate::layer::{self, BatchNorm, GroupNorm, LayerKind, LayerNorm, RmsNorm, Statistics};
use crate::onnx::Refused;
use crate::onnx::axis_of;
use crate::onnx::proto::Node;
use crate::onnx::translate::Translation;
use crate::onnx::value::{Flow, Value, Weight};

pub(super) fn output<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    let flow = work.flow(given(inputs, 0)?)?;
    let eps = node.real("epsilon", 1e-5);
    match node.operator {
        "LayerNormalization" | "RMSNormalization" => of_last_axes(work, node, &flow, inputs, eps),
        _ => {
            if flow.alone() != Some(0) || flow.axes() < 2 {
                return Err("takes [batch, channels, ...], and is given other axes".into());
            }
            let channels = flow.shape[1];
            let groups = match node.operator {
                "InstanceNormalization" => channels,
                _ => usize::try_from(node.whole("num_groups", 1)).map_err(|_| "has a negative number of groups")?,
            };
            by_channel(work, &flow, inputs, |affine| GroupNorm { groups, eps, affine }.into())
        }
    }
}

/// Weight and bias of a norm as a layer's own, of a shape.
fn own_affine(work: &Translation<'_>, inputs: Inputs<'_>, shape: &[usize]) -> Option<(Weight, Option<Weight>)> {
    let fits = |value: &Value| work.own(value).filter(|weight| weight.shape == shape);
    let weight = fits(optional(inputs, 1)?)?;
    match optional(inputs, 2) {
        None => Some((weight, None)),
        Some(bias) => Some((weight, Some(fits(bias)?))),
    }
}

fn of_last_axes<'a>(
    work: &mut Translation<'a>,
    node: &'a Node<'a>,
    flow: &Flow,
    inputs: Inputs<'_>,
    eps: f64,
) -> Result<Flow, Refused> {
    let first = axis_of(node.whole("axis", -1), flow.axes())?;
    let axes = flow.axes() - first;
    for axis in first..flow.axes() {
        super::example_axis(flow, axis)?;
    }
    let kind = |affine, bias| match node.operator {
        "RMSNormalization" => LayerKind::from(RmsNorm { axes, eps: Some(eps), affine }),
        _ => LayerKind::from(LayerNorm { axes, eps, affine, bias }),
    };
    if let Some((weight, bias)) = own_affine(work, inputs, &flow.shape[first..]) {
        let has_bias = bias.is_some();
        let tensors = std::iter::once(("weight", weight)).chain(bias.map(|bias| ("bias", bias))).collect();
        return work.layer_with(kind(true, has_bias), &[flow.place], tensors, &flow.shape, flow.batch);
    }
    let normal = work.layer(kind(false, false), &[flow.place], &flow.shape, flow.batch)?;
    affine(work, normal, optional(inputs, 1), optional(inputs, 2), &[])
}

/// A value times one and plus another, each with axes of one place behind, unless they change nothing.
fn affine(
    work: &mut Translation<'_>,
    normal: Flow,
    weight: Option<&Value>,
    bias: Option<&Value>,
    behind: &[usize],
) -> Result<Flow, Refused> {
    let is = |work: &Translation<'_>, value: &Value, number: f64| {
        work.constant(value).and_then(|array| array.uniform()) == Some(number)
    };
    let mut value = normal;
    if let Some(weight) = weight.filter(|weight| !is(work, weight, 1.0)) {
        let weight = column(work, weight, behind)?;
        value = product(work, &value, &weight)?;
    }
    if let Some(bias) = bias.filter(|bias| !is(work, bias, 0.0)) {
        let bias = column(work, bias, behind)?;
        value = sum(work, &[value, bias])?;
    }
    Ok(value)
}

fn column(work: &mut Translation<'_>, value: &Value, behind: &[usize]) -> Result<Flow, Refused> {
    let flow = work.flow(value)?;
    let shape = [&flow.shape[..], behind].concat();
    work.reshaped(&flow, &shape, flow.batch)
}

/// A norm with a weight and a bias for each channel.
fn by_channel<'a>(
    work: &mut Translation<'a>,
    flow: &Flow,
    inputs: Inputs<'_>,
    kind: impl Fn(bool) -> LayerKind,
) -> Result<Flow, Refused> {
    if let Some((weight, Some(bias))) = own_affine(work, inputs, &flow.shape[1..2]) {
        let tensors = vec![("weight", weight), ("bias", bias)];
        return work.layer_with(kind(true), &[flow.place], tensors, &flow.shape, flow.batch);
    }
    let normal = work.layer(kind(false), &[flow.place], &flow.shape, flow.batch)?;
    affine(work, normal, optional(inputs, 1), optional(inputs, 2), &vec![1; flow.axes() - 2])
}

pub(super) fn batch<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Value, Refused> {
    let mut flow = work.flow(given(inputs, 0)?)?;
    let before = (flow.shape.clone(), flow.batch);
    // Positions beside the batch in its axis are places of each channel.
    let merged = flow.axes() == 2 && flow.is_batch(0) && flow.shape[0] > 1;
    if merged {
        let as_matrix = Flow { batch: None, ..flow.clone() };
        flow = shapes::permuted(work, &as_matrix, &[1, 0])?;
    } else if flow.alone() != Some(0) || flow.axes() < 2 {
        return Err("takes [batch, channels, ...], and is given other axes".into());
    }
    let training = node.whole("training_mode", 0) != 0;
    let statistics = if training { Statistics::Batch } else { Statistics::Running };
    let tensor = |work: &Translation<'a>, index| {
        work.own(given(inputs, index)?).ok_or_else(|| Refused::from("has statistics that are no tensors of the file"))
    };
    let kept = [("running_mean", tensor(work, 3)?), ("running_var", tensor(work, 4)?)];
    let own = [work.own(given(inputs, 1)?), work.own(given(inputs, 2)?)];
    let (affine, mut tensors) = match own {
        [Some(weight), Some(bias)] => (true, vec![("weight", weight), ("bias", bias)]),
        _ => (false, Vec::new()),
    };
    tensors.extend(kept);
    let kind =
        BatchNorm { eps: node.real("epsilon", 1e-5), momentum: 1.0 - node.real("momentum", 0.9), affine, statistics };
    let mut normal = work.layer_with(layer::LayerKind::from(kind), &[flow.place], tensors, &flow.shape, flow.batch)?;
    if !affine {
        let behind = vec![1; normal.axes() - if merged { 1 } else { 2 }];
        normal = self::affine(work, normal, optional(inputs, 1), optional(inputs, 2), &behind)?;
    }
    if merged {
        normal = shapes::permuted(work, &normal, &[1, 0])?;
        normal = Flow { shape: before.0, batch: before.1, ..normal };
    }
    Ok(Value::Flow(normal))
}
