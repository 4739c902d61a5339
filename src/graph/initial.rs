//! Initial weights: PyTorch's default initialisation, or tensors of a file.

use super::Graph;
use crate::formats::Array;
use crate::random::Random;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a tensor is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Initial {
    /// Uniform in ± a bound.
    Uniform(f64),
    /// Normal about 0, of a standard deviation.
    Normal(f64),
    /// Every entry the same.
    Constant(f64),
    /// These values, in order. A file of weights need not have the tensor.
    Values(Arc<[f64]>),
}

impl Initial {
    /// Uniform in ±1/√(fan in), as PyTorch draws the weights and biases of linear layers and of convolutions.
    pub(crate) fn fan_in(width: usize) -> Self {
        Initial::Uniform(1.0 / (width as f64).sqrt())
    }

    fn draw(&self, random: &mut Random, values: &mut [f64]) {
        match self {
            Initial::Uniform(bound) => {
                values.iter_mut().for_each(|value| *value = bound * (2.0 * random.unit() - 1.0));
            }
            Initial::Normal(deviation) => values.iter_mut().for_each(|value| *value = deviation * random.normal()),
            Initial::Constant(constant) => values.fill(*constant),
            Initial::Values(given) => values.copy_from_slice(given),
        }
    }
}

impl Graph {
    /// Draws the flat parameters from a seed as PyTorch does by default. (The distribution is PyTorch's; the stream of
    /// random numbers is our own.)
    pub fn draw(&self, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed, "weights");
        let mut flat = vec![0.0; self.len];
        for tensor in self.tensors() {
            tensor.initial.draw(&mut random, &mut flat[tensor.offset..tensor.offset + tensor.len()]);
        }
        flat
    }
}

/// Checks that tensors of these names and shapes are the graph's.
///
/// # Errors
///
/// A tensor that is missing, left over or misshapen: the message names it.
pub fn check_tensors(graph: &Graph, shapes: &BTreeMap<&str, &[usize]>) -> Result<(), String> {
    if let Some(name) = shapes.keys().find(|name| !graph.tensors().any(|wanted| wanted.name == **name)) {
        let names: Vec<&str> = graph.tensors().map(|tensor| tensor.name.as_str()).collect();
        return Err(format!("tensor {name} belongs to no layer; the model has {}", names.join(", ")));
    }
    for tensor in graph.tensors() {
        let (name, shape) = (&tensor.name, tensor.shape.as_slice());
        match shapes.get(name.as_str()) {
            None if tensor.is_given() => {}
            None => return Err(format!("tensor {name} of shape {shape:?} is missing")),
            Some(found) if *found != shape => {
                return Err(format!("tensor {name} has shape {found:?}; the model needs {shape:?}"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The flat parameters from named tensors.
///
/// # Errors
///
/// As [`check_tensors`], and a tensor that is not finite.
pub fn from_tensors(graph: &Graph, tensors: &BTreeMap<String, Array>) -> Result<Vec<f64>, String> {
    check_tensors(graph, &tensors.iter().map(|(name, array)| (name.as_str(), array.shape.as_slice())).collect())?;
    let mut flat = vec![0.0; graph.len];
    for tensor in graph.tensors() {
        let name = &tensor.name;
        let place = &mut flat[tensor.offset..tensor.offset + tensor.len()];
        let Some(array) = tensors.get(name) else {
            tensor.initial.draw(&mut Random::new(0, "weights"), place);
            continue;
        };
        if let Some(at) = array.first_not_finite() {
            return Err(format!("tensor {name} holds NaN or infinity, first at element {at}"));
        }
        place.copy_from_slice(&array.to_f64());
    }
    Ok(flat)
}
