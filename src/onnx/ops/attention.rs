//! Attention as one operator, of opset 23.

use super::{Inputs, given, optional, shapes};
use crate::layer::{self, Mask};
use crate::onnx::Refused;
use crate::onnx::constant::{Constant, Numbers};
use crate::onnx::proto::Node;
use crate::onnx::translate::Translation;
use crate::onnx::value::{Batch, Flow, Place, Value};

pub(super) fn output<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    if node.real("softcap", 0.0) != 0.0 || (4..7).any(|index| optional(inputs, index).is_some()) {
        return Err("has a soft cap, or keys and values of earlier calls, which attention here has not".into());
    }
    let flows = (0..3).map(|index| work.flow(given(inputs, index)?)).collect::<Result<Vec<_>, Refused>>()?;
    let [queries, keys, values] = flows.as_slice() else { return Err("takes queries, keys and values".into()) };
    let by_heads = queries.axes() == 4;
    if !(3..=4).contains(&queries.axes()) || flows.iter().any(|flow| flow.axes() != queries.axes()) {
        return Err("takes queries, keys and values of three axes each, or of four".into());
    }
    let heads = |flow: &Flow, name: &str| if by_heads { flow.shape[1] } else { node.whole(name, 1).max(0) as usize };
    let (heads, kv_heads) = (heads(queries, "q_num_heads"), heads(keys, "kv_num_heads"));
    if heads == 0 || kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
        return Err(format!("has {heads} heads of queries and {kv_heads} of keys").into());
    }
    let scale = Some(node.real("scale", 0.0)).filter(|&scale| scale != 0.0);
    let mut places = Vec::new();
    for flow in [queries, keys, values] {
        places.push(if by_heads { side_by_side(work, flow)?.place } else { only(flow)?.place });
    }
    if let Some(mask) = optional(inputs, 3) {
        places.push(added(work, mask)?);
    }
    let (length, features) = (queries.shape[queries.axes() - 2], values.shape[values.axes() - 1]);
    let width = if by_heads { heads.saturating_mul(features) } else { (features / kv_heads).saturating_mul(heads) };
    let causal = node.whole("is_causal", 0) != 0;
    let kind = layer::Attention { heads, kv_heads: Some(kv_heads), causal, scale, dropout: 0.0 };
    let batch = Some(Batch { axis: 0, before: 1 });
    let flow = work.layer(kind, &places, &[1, length, width], batch)?;
    if !by_heads {
        return Ok(flow);
    }
    let apart = work.reshaped(&flow, &[1, length, heads, features], batch)?;
    shapes::permuted(work, &apart, &[0, 2, 1, 3])
}

/// A value whose batch is its first axis.
fn only(flow: &Flow) -> Result<&Flow, Refused> {
    match flow.alone() {
        Some(0) => Ok(flow),
        _ => Err("takes queries, keys and values whose first axis is not the batch alone".into()),
    }
}

/// `[batch, heads, positions, features]` with the heads side by side in the features.
fn side_by_side(work: &mut Translation<'_>, flow: &Flow) -> Result<Flow, Refused> {
    let &[_, heads, length, features] = only(flow)?.shape.as_slice() else {
        return Err("takes values of four axes".into());
    };
    let turned = shapes::permuted(work, flow, &[0, 2, 1, 3])?;
    work.reshaped(&turned, &[1, length, heads * features], flow.batch)
}

/// What is added to the scores: a mask of truths is 0 where it is true, and -inf elsewhere.
fn added(work: &mut Translation<'_>, mask: &Value) -> Result<Place, Refused> {
    let array = work.constant(mask).map(|array| match array.shape.as_slice() {
        // The batch's axis is of one place.
        &[1, _, _, _] => array.reshaped(&array.shape[1..]),
        _ => Ok(array),
    });
    let Some(array) = array.transpose()? else {
        let flow = work.flow(mask)?;
        return if flow.whole {
            Err("has a mask of truths that is an input; give numbers to be added".into())
        } else {
            Ok(flow.place)
        };
    };
    let is_out = |number: f64| if array.kind == Numbers::Truth { number == 0.0 } else { number == f64::NEG_INFINITY };
    let (truths, numbers) = (array.kind == Numbers::Truth, array.known()?);
    let rest =
        array.map(Numbers::Real, |number| Ok(if truths || is_out(number.fixed) { 0.0.into() } else { number }))?;
    let rest = work.network.add_constant(&rest)?;
    if !numbers.iter().any(|&number| is_out(number)) {
        return Ok(rest);
    }
    let out: Constant = array.map(Numbers::Truth, |number| Ok(f64::from(is_out(number.fixed)).into()))?;
    let out = work.network.add_constant(&out)?;
    work.network.add(Mask { value: f64::NEG_INFINITY }, &[rest, out], Vec::new())
}
