//! Functions of each number, and dropout.

use super::{Given, Inputs, each, given, maybe_known, product};
use crate::activation::{Activation, Approximate, Clamp, Elu, Gelu, LeakyRelu};
use crate::layer::{Dropout, LayerKind, Offset, Scale};
use crate::onnx::Refused;
use crate::onnx::proto::Node;
use crate::onnx::translate::Translation;
use crate::onnx::value::{Flow, Value};

pub(super) fn output<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    let function = function(work, node, inputs)?;
    let flow = work.flow(given(inputs, 0)?)?;
    match node.operator {
        "HardSigmoid" => {
            let slope = each(work, &flow, Scale { by: node.real("alpha", 0.2) })?;
            let line = each(work, &slope, Offset { by: node.real("beta", 0.5) })?;
            each(work, &line, LayerKind::Activation(function))
        }
        "Swish" if node.real("alpha", 1.0) != 1.0 => {
            let steep = each(work, &flow, Scale { by: node.real("alpha", 1.0) })?;
            let gate = each(work, &steep, Activation::Sigmoid)?;
            product(work, &flow, &gate)
        }
        "Cos" => {
            let moved = each(work, &flow, Offset { by: std::f64::consts::FRAC_PI_2 })?;
            each(work, &moved, Activation::Sin)
        }
        _ => each(work, &flow, LayerKind::Activation(function)),
    }
}

/// The function that an operator is, or ends with.
fn function<'a>(work: &Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Activation, Refused> {
    let (alpha, gamma) = (node.real("alpha", 1.6732632), node.real("gamma", 1.050701));
    Ok(match node.operator {
        "Relu" => Activation::Relu,
        "Tanh" => Activation::Tanh,
        "Sigmoid" => Activation::Sigmoid,
        "Softplus" => Activation::Softplus,
        "Softsign" => Activation::Softsign,
        "Sin" | "Cos" => Activation::Sin,
        "Abs" => Activation::Abs,
        "Exp" => Activation::Exp,
        "Log" => Activation::Log,
        "Mish" => Activation::Mish,
        "HardSwish" => Activation::Hardswish,
        "Swish" => Activation::Silu,
        "HardSigmoid" => Clamp { min: Some(0.0), max: Some(1.0) }.into(),
        "LeakyRelu" => LeakyRelu { slope: node.real("alpha", 0.01) }.into(),
        "Elu" => Elu { alpha: node.real("alpha", 1.0) }.into(),
        "Selu" if (alpha - 1.673_263).abs() < 1e-5 && (gamma - 1.050_701).abs() < 1e-5 => Activation::Selu,
        "Gelu" if node.text("approximate") == Some("tanh") => Gelu { approximate: Approximate::Tanh }.into(),
        "Gelu" => Gelu { approximate: Approximate::None }.into(),
        "Clip" => {
            let bound = |index| -> Result<Option<f64>, Refused> {
                let array = maybe_known(work, inputs, index)?;
                array
                    .map(|array| array.uniform().ok_or_else(|| Refused::from("has a bound that is no number")))
                    .transpose()
            };
            let finite = |bound: &f64| bound.is_finite();
            match (bound(1)?.filter(finite), bound(2)?.filter(finite)) {
                (Some(0.0), Some(6.0)) => Activation::Relu6,
                (Some(0.0), None) => Activation::Relu,
                (min, max) => Clamp { min, max }.into(),
            }
        }
        "PRelu" => return Err("has a slope that is learned, which no layer has; use leaky_relu".into()),
        operator => return Err(no_layer(operator)),
    })
}

/// What is said of an operator that is not known, with what comes near to it.
fn no_layer(operator: &str) -> Refused {
    let near = match operator {
        "Erf" => "gelu, exported as one operator (opset 20 or later)",
        "Floor" | "Ceil" | "Round" | "Sign" | "ArgMax" | "ArgMin" | "TopK" | "NonZero" | "Less" | "Greater"
        | "LessOrEqual" | "GreaterOrEqual" => "none: it has no derivative; compute it beforehand, as an input",
        "GRU" | "RNN" => "lstm",
        "Loop" | "If" | "Scan" => "none: let the module do without loops and conditions at run time",
        "ReduceMin" | "ReduceProd" | "ReduceLogSumExp" => "mean, sum and global_max_pool",
        "ScatterND" | "ScatterElements" => "concat of slices",
        "GatherND" | "GatherElements" => "slice, or embedding",
        "Tan" | "Sinh" | "Cosh" | "Asin" | "Acos" | "Atan" | "Celu" | "ThresholdedRelu" | "Shrink" => {
            "elu, tanh, sin and other functions of one number"
        }
        "QuantizeLinear" | "DequantizeLinear" | "QLinearConv" | "QLinearMatMul" => {
            "linear and conv2d, of weights that are not quantised"
        }
        _ => "those of docs/run-file.md, put together by hand in model.json",
    };
    format!("has no layer; the nearest: {near}").into()
}

/// Dropout in training, where the file was exported so; else nothing.
pub(super) fn dropout<'a>(work: &mut Translation<'a>, _node: &'a Node<'a>, inputs: Inputs<'_>) -> Given {
    let flow = work.flow(given(inputs, 0)?)?;
    let training = maybe_known(work, inputs, 2)?.and_then(|array| array.uniform());
    if training.is_none_or(|training| training == 0.0) {
        return Ok(vec![Value::Flow(flow)]);
    }
    let p = maybe_known(work, inputs, 1)?.and_then(|array| array.uniform()).unwrap_or(0.5);
    Ok(vec![Value::Flow(each(work, &flow, Dropout { p })?)])
}
