//! Means and sums over axes, and softmax along one.

use super::{Inputs, each, example_axis, given, maybe_known, product};
use crate::activation::Activation;
use crate::layer::{GlobalMaxPool, LayerKind, LogSoftmax, Mean, Softmax, Sum};
use crate::onnx::proto::Node;
use crate::onnx::translate::Translation;
use crate::onnx::value::{Batch, Flow};
use crate::onnx::{Refused, axis_of, reduced_axes};

pub(super) fn output<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    let mut flow = work.flow(given(inputs, 0)?)?;
    let axes = reduced_axes(node, maybe_known(work, inputs, 1)?.as_ref(), flow.axes())?;
    let keepdim = node.whole("keepdims", 1) != 0;
    if node.operator == "ReduceMax" {
        return largest(work, &flow, &axes, keepdim);
    }
    let own = axes.iter().map(|&axis| example_axis(&flow, axis)).collect::<Result<Vec<_>, _>>()?;
    if matches!(node.operator, "ReduceSumSquare" | "ReduceL2") {
        flow = product(work, &flow, &flow)?;
    }
    let mut shape = flow.shape.clone();
    axes.iter().for_each(|&axis| shape[axis] = 1);
    let kept: Vec<usize> = (0..shape.len()).filter(|axis| keepdim || !axes.contains(axis)).collect();
    let shape: Vec<usize> = kept.iter().map(|&axis| shape[axis]).collect();
    let batch = flow.batch.map(|batch| Batch { axis: kept.iter().filter(|&&axis| axis < batch.axis).count(), ..batch });
    if own.is_empty() {
        return Ok(flow);
    }
    let axes = Some(own);
    let kind: LayerKind =
        if node.operator == "ReduceMean" { Mean { axes, keepdim }.into() } else { Sum { axes, keepdim }.into() };
    let reduced = work.layer(kind, &[flow.place], &shape, batch)?;
    if node.operator != "ReduceL2" {
        return Ok(reduced);
    }
    let inverse = each(work, &reduced, Activation::Rsqrt)?;
    product(work, &reduced, &inverse)
}

/// The largest of each channel.
fn largest(work: &mut Translation<'_>, flow: &Flow, axes: &[usize], keepdim: bool) -> Result<Flow, Refused> {
    if flow.alone() != Some(0) || flow.axes() < 3 || !axes.iter().copied().eq(2..flow.axes()) {
        return Err("takes the largest over other axes than all behind the channels; global_max_pool does that".into());
    }
    let shape = [1, flow.shape[1]];
    let largest = work.layer(GlobalMaxPool, &[flow.place], &shape, flow.batch)?;
    let behind = vec![1; if keepdim { axes.len() } else { 0 }];
    work.reshaped(&largest, &[&shape[..], &behind].concat(), flow.batch)
}

pub(super) fn softmax<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    let flow = work.flow(given(inputs, 0)?)?;
    let axis = example_axis(&flow, axis_of(node.whole("axis", -1), flow.axes())?)?;
    let kind: LayerKind = if node.operator == "Softmax" { Softmax { axis }.into() } else { LogSoftmax { axis }.into() };
    each(work, &flow, kind)
}
