//! The inputs of a file.

use super::batch::Size;
use super::proto::{Graph, Side, Tensor};
use super::value::{Batch, Flow, Place};
use super::{Options, Refused, tensor};
use crate::graph::Input;
use std::collections::{BTreeMap, BTreeSet};

/// The inputs, what they are in the network, and the size of the batch.
pub(super) type Inputs<'a> = (Vec<Input>, Vec<(&'a str, Flow)>, Size);

/// The inputs of a graph. Older files have initializers among them.
pub(super) fn inputs<'a>(
    graph: &'a Graph<'a>,
    tensors: &BTreeMap<&str, &Tensor<'_>>,
    options: &Options,
) -> Result<Inputs<'a>, Refused> {
    let (mut inputs, mut flows, mut size) = (Vec::new(), Vec::new(), None);
    let read: BTreeSet<&str> = graph.nodes.iter().flat_map(|node| node.inputs.iter().copied()).collect();
    for info in graph.inputs.iter().filter(|info| !tensors.contains_key(info.name) && read.contains(info.name)) {
        let name = info.name;
        let real =
            tensor::is_real(info.kind).ok_or_else(|| format!("the input {name:?} is of a type that is not read"))?;
        let sides = info.sides.as_ref().ok_or_else(|| format!("the input {name:?} has no shape"))?;
        if options.batch_axis >= sides.len() {
            return Err(format!(
                "the input {name:?} has {} axes, and no axis {} for the batch; --batch-axis names another",
                sides.len(),
                options.batch_axis
            )
            .into());
        }
        let mut shape = Vec::new();
        for (axis, side) in sides.iter().enumerate() {
            shape.push(match *side {
                side if axis == options.batch_axis => {
                    let own = if let Side::Known(size @ 1..) = side { Size::Fixed(size as usize) } else { Size::Open };
                    if size.is_some_and(|size| size != own) {
                        return Err(format!(
                            "the input {name:?} has another batch than those before it (dynamic_shapes)"
                        )
                        .into());
                    }
                    size = Some(own);
                    1
                }
                Side::Known(side @ 1..) => side as usize,
                Side::Open(open) if options.sizes.contains_key(open) => options.sizes[open],
                side => {
                    let open = if let Side::Open(open) = side { open } else { "" };
                    return Err(format!(
                        "the input {name:?} has no size along axis {axis} ({open:?}); give one with \
                         --size {open}=NUMBER, or export with one"
                    )
                    .into());
                }
            });
        }
        let batch = Some(Batch { axis: options.batch_axis, before: 1 });
        let flow = Flow { place: Place::Input(inputs.len()), shape, batch, whole: !real };
        if flow.own().is_empty() {
            return Err(format!("the input {name:?} has no axis beside the batch; give it one of one place").into());
        }
        inputs.push(Input { name: Some(name.to_owned()), shape: flow.own(), whole: !real });
        flows.push((name, flow));
    }
    let size = size.ok_or("it has no inputs")?;
    Ok((inputs, flows, size))
}
