//! Convolutions, pools and upsampling: windows over the axes after the channels.

use super::{Inputs, given, maybe_known, optional};
use crate::layer::{
    AvgPool1d, AvgPool2d, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, GlobalAvgPool, GlobalMaxPool, LayerKind,
    MaxPool1d, MaxPool2d, Pad, Upsample,
};
use crate::onnx::Refused;
use crate::onnx::proto::Node;
use crate::onnx::translate::Translation;
use crate::onnx::value::{Batch, Flow, Value, Weight};

pub(super) fn output<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    let flow = work.flow(given(inputs, 0)?)?;
    if flow.alone() != Some(0) || flow.axes() < 3 {
        return Err("takes [batch, channels, ...], and is given other axes".into());
    }
    match node.operator {
        "Conv" | "ConvTranspose" => convolution(work, node, &flow, inputs),
        "MaxPool" | "AveragePool" => pool(work, node, &flow),
        "GlobalAveragePool" => whole(work, &flow, GlobalAvgPool.into()),
        "GlobalMaxPool" => whole(work, &flow, GlobalMaxPool.into()),
        _ => resize(work, node, &flow, inputs),
    }
}

/// Adds a layer of which an example's shape is as it is found.
fn found(
    work: &mut Translation<'_>,
    kind: LayerKind,
    flow: &Flow,
    tensors: Vec<(&'static str, Weight)>,
) -> Result<Flow, Refused> {
    let place = work.network.add(kind, &[flow.place], tensors)?;
    let shape = [&[1], work.network.shape(place)].concat();
    Ok(Flow { place, shape, batch: Some(Batch { axis: 0, before: 1 }), whole: false })
}

/// The numbers of a window along each axis.
struct Window {
    kernel: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    /// Before and after each axis.
    padding: Vec<[usize; 2]>,
}

impl Window {
    fn of(node: &Node<'_>, flow: &Flow, kernel: &[usize]) -> Result<Self, Refused> {
        let axes = kernel.len();
        if !(1..=2).contains(&axes) || flow.axes() != axes + 2 {
            return Err(format!(
                "has windows of {axes} axes over a value of {}; lines and images have layers",
                flow.axes()
            )
            .into());
        }
        let numbers = |name: &str, absent: i64, count: usize| -> Result<Vec<usize>, Refused> {
            let given =
                node.wholes(name).filter(|given| !given.is_empty()).map_or(vec![absent; count], <[i64]>::to_vec);
            let numbers: Option<Vec<usize>> =
                given.iter().map(|&number| usize::try_from(number).ok().filter(|&n| n < 1 << 31)).collect();
            numbers.filter(|numbers| numbers.len() == count).ok_or_else(|| format!("has {name} = {given:?}").into())
        };
        let (stride, dilation) = (numbers("strides", 1, axes)?, numbers("dilations", 1, axes)?);
        let pads = numbers("pads", 0, 2 * axes)?;
        let mut padding: Vec<[usize; 2]> = (0..axes).map(|axis| [pads[axis], pads[axis + axes]]).collect();
        match node.text("auto_pad").unwrap_or("NOTSET") {
            "NOTSET" => {}
            "VALID" => padding = vec![[0; 2]; axes],
            same @ ("SAME_UPPER" | "SAME_LOWER") if node.operator != "ConvTranspose" => {
                for axis in 0..axes {
                    let (side, step) = (flow.shape[axis + 2], stride[axis].max(1));
                    let reach = reach(kernel[axis], dilation[axis]);
                    let all = ((side.div_ceil(step) - 1) * step).saturating_add(reach).saturating_sub(side);
                    let (less, more) = (all / 2, all - all / 2);
                    padding[axis] = if same == "SAME_UPPER" { [less, more] } else { [more, less] };
                }
            }
            other => return Err(format!("has auto_pad = {other:?}; export with pads").into()),
        }
        Ok(Self { kernel: kernel.to_vec(), stride, dilation, padding })
    }

    /// The padding of both sides of each axis, where it is the same.
    fn even(&self) -> Option<Vec<usize>> {
        self.padding.iter().map(|&[before, after]| (before == after).then_some(before)).collect()
    }

    fn even_or_refused(&self) -> Result<Vec<usize>, Refused> {
        self.even().ok_or_else(|| {
            format!("pads by {:?}, other before than after an axis; pad beforehand", self.padding).into()
        })
    }
}

/// From the first entry of a window to its last one.
fn reach(kernel: usize, dilation: usize) -> usize {
    kernel.saturating_sub(1).saturating_mul(dilation).saturating_add(1)
}

/// Numbers as an array of so many.
fn array<const N: usize>(numbers: &[usize]) -> Result<[usize; N], Refused> {
    numbers.try_into().map_err(|_| Refused::from("has another number of axes than its window"))
}

fn convolution<'a>(
    work: &mut Translation<'a>,
    node: &'a Node<'a>,
    flow: &Flow,
    inputs: Inputs<'_>,
) -> Result<Flow, Refused> {
    let own = |work: &Translation<'a>, value: &Value| {
        work.own(value).ok_or_else(|| {
            Refused::from(
                "has a weight or bias that the network computes or shares in parts; a layer's own is a \
                 tensor of the file",
            )
        })
    };
    let weight = own(work, given(inputs, 1)?)?;
    // Without a bias the exporter writes zeros.
    let is_zero = |value: &&Value| work.constant(value).and_then(|array| array.uniform()) == Some(0.0);
    let bias = optional(inputs, 2).filter(|value| !is_zero(value)).map(|bias| own(work, bias)).transpose()?;
    let kernel = weight.shape.get(2..).unwrap_or_default().to_vec();
    let mut window = Window::of(node, flow, &kernel)?;
    let groups = usize::try_from(node.whole("group", 1)).map_err(|_| "has a negative number of groups")?;
    let has_bias = bias.is_some();
    let is_transposed = node.operator == "ConvTranspose";
    let channels = if is_transposed { weight.shape[1].saturating_mul(groups) } else { weight.shape[0] };
    let fits = if is_transposed {
        weight.shape[0] == flow.shape[1]
    } else {
        weight.shape[1].saturating_mul(groups) == flow.shape[1]
    };
    if !fits {
        return Err(format!(
            "has a weight of shape {:?} and {groups} groups for a value of {} channels",
            weight.shape, flow.shape[1]
        )
        .into());
    }
    let mut flow = flow.clone();
    if window.even().is_none() && !is_transposed {
        flow = padded(work, &flow, &window)?;
        window.padding = vec![[0; 2]; kernel.len()];
    }
    let padding = window.even_or_refused()?;
    let Window { kernel, stride, dilation, .. } = window;
    let tensors = std::iter::once(("weight", weight)).chain(bias.map(|bias| ("bias", bias))).collect();
    macro_rules! convolution {
        ($layer:ident { $($more:ident: $value:expr),* }) => {
            LayerKind::from($layer {
                channels, groups, bias: has_bias, kernel: array(&kernel)?, stride: array(&stride)?, padding: array(&padding)?,
                dilation: array(&dilation)?, $($more: $value),*
            })
        };
    }
    let kind = if is_transposed {
        if node.wholes("output_shape").is_some_and(|shape| !shape.is_empty()) {
            return Err("is told its output's shape; export with output_padding".into());
        }
        let more: Vec<usize> = node
            .wholes("output_padding")
            .map_or(vec![0; kernel.len()], |more| more.iter().map(|&more| more as usize).collect());
        match kernel.len() {
            1 => convolution!(ConvTranspose1d { output_padding: array(&more)? }),
            _ => convolution!(ConvTranspose2d { output_padding: array(&more)? }),
        }
    } else {
        match kernel.len() {
            1 => convolution!(Conv1d {}),
            _ => convolution!(Conv2d {}),
        }
    };
    found(work, kind, &flow, tensors)
}

/// A value with zeros around, other before than after.
fn padded(work: &mut Translation<'_>, flow: &Flow, window: &Window) -> Result<Flow, Refused> {
    let padding = window.padding.iter().rev().flat_map(|&[before, after]| [before as i64, after as i64]).collect();
    found(work, Pad { padding, value: 0.0 }.into(), flow, Vec::new())
}

fn pool<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, flow: &Flow) -> Result<Flow, Refused> {
    let kernel: Vec<usize> =
        node.wholes("kernel_shape").unwrap_or_default().iter().map(|&side| side.max(0) as usize).collect();
    let window = Window::of(node, flow, &kernel)?;
    let padding = window.even_or_refused()?;
    if node.whole("ceil_mode", 0) != 0 {
        for (axis, &kernel) in kernel.iter().enumerate() {
            let reach = reach(kernel, window.dilation[axis]);
            let rest = (flow.shape[axis + 2] + 2 * padding[axis])
                .checked_sub(reach)
                .map(|room| room % window.stride[axis].max(1));
            if rest != Some(0) {
                return Err(
                    "has a last window that goes beyond the end (ceil_mode); set ceil_mode=False, or pad beforehand"
                        .into(),
                );
            }
        }
    }
    let average = node.operator == "AveragePool";
    if average && padding.iter().any(|&padding| padding > 0) && node.whole("count_include_pad", 0) == 0 {
        return Err("leaves the padding out of its means (count_include_pad=False); padding counts here".into());
    }
    if average && window.dilation.iter().any(|&dilation| dilation != 1) {
        return Err("has windows with gaps, which avg_pool has not".into());
    }
    let Window { stride, dilation, .. } = window;
    let kind = match (average, kernel.len()) {
        (true, 1) => {
            AvgPool1d { kernel: array(&kernel)?, stride: Some(array(&stride)?), padding: array(&padding)? }.into()
        }
        (true, _) => {
            AvgPool2d { kernel: array(&kernel)?, stride: Some(array(&stride)?), padding: array(&padding)? }.into()
        }
        (false, 1) => MaxPool1d {
            kernel: array(&kernel)?,
            stride: Some(array(&stride)?),
            padding: array(&padding)?,
            dilation: array(&dilation)?,
        }
        .into(),
        (false, _) => MaxPool2d {
            kernel: array(&kernel)?,
            stride: Some(array(&stride)?),
            padding: array(&padding)?,
            dilation: array(&dilation)?,
        }
        .into(),
    };
    found(work, kind, flow, Vec::new())
}

/// A pool over all of each channel, whose axes stay with one place.
fn whole(work: &mut Translation<'_>, flow: &Flow, kind: LayerKind) -> Result<Flow, Refused> {
    let pooled = work.layer(kind, &[flow.place], &[1, flow.shape[1]], flow.batch)?;
    let shape: Vec<usize> = [1, flow.shape[1]].into_iter().chain(flow.shape[2..].iter().map(|_| 1)).collect();
    work.reshaped(&pooled, &shape, flow.batch)
}

fn resize<'a>(
    work: &mut Translation<'a>,
    node: &'a Node<'a>,
    flow: &Flow,
    inputs: Inputs<'_>,
) -> Result<Flow, Refused> {
    let mode = node.text("mode").unwrap_or("nearest");
    let coordinates = node.text("coordinate_transformation_mode").unwrap_or("half_pixel");
    let nearest = node.text("nearest_mode").unwrap_or("round_prefer_floor");
    let repeats = match coordinates {
        "asymmetric" => nearest == "floor",
        "half_pixel" | "pytorch_half_pixel" => nearest.starts_with("round"),
        _ => false,
    };
    if mode != "nearest" || !(repeats || node.operator == "Upsample") {
        return Err(format!(
            "stretches by the mode {mode:?} ({coordinates}, {nearest}); upsample repeats places (mode=\"nearest\")"
        )
        .into());
    }
    let scales =
        maybe_known(work, inputs, if node.operator == "Upsample" { 1 } else { 2 })?.filter(|scales| scales.len() > 0);
    let factors: Vec<f64> = match (scales, maybe_known(work, inputs, 3)?) {
        (Some(scales), _) => scales.known()?,
        (None, Some(sides)) => {
            let factor = |(axis, side)| {
                Ok(if axis == 0 { 1.0 } else { crate::onnx::constant::Number::known(side)? / flow.shape[axis] as f64 })
            };
            sides.numbers.iter().copied().enumerate().map(factor).collect::<Result<_, Refused>>()?
        }
        _ => return Err("has neither scales nor sizes".into()),
    };
    let is_whole = |&factor: &f64| factor.fract() == 0.0 && (1.0..1e6).contains(&factor);
    match factors.as_slice() {
        &[first, second, ref rest @ ..]
            if first == 1.0 && second == 1.0 && rest.iter().all(is_whole) && rest.len() + 2 == flow.axes() =>
        {
            let scale_factor = rest.iter().map(|&factor| factor as usize).collect();
            found(work, Upsample { scale_factor }.into(), flow, Vec::new())
        }
        _ => {
            Err(format!("stretches by {factors:?}; upsample takes whole factors of the axes after the channels").into())
        }
    }
}
