//! Initial weights: PyTorch's default initialisation, or tensors of a file.

use super::Graph;
use crate::formats::Array;
use crate::key::near;
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

/// Checks that tensors of these names and shapes are the graph's. A tensor that others are tied to may have any of their names.
///
/// # Errors
///
/// A tensor that is missing, left over or misshapen: the message names it.
pub fn check_tensors(graph: &Graph, shapes: &BTreeMap<&str, &[usize]>) -> Result<(), String> {
    let mut names: Vec<&str> = graph.tensors().flat_map(|tensor| graph.names(tensor)).collect();
    names.sort_unstable();
    if let Some(name) = shapes.keys().find(|name| names.binary_search(name).is_err()) {
        let advice = near(name, &names);
        let names: Vec<&str> = graph.tensors().map(|tensor| tensor.name.as_str()).collect();
        return Err(format!("tensor {name} belongs to no layer; the model has {}{advice}", names.join(", ")));
    }
    for tensor in graph.tensors() {
        let (name, shape) = (&tensor.name, tensor.shape.as_slice());
        let found: Vec<(&str, &[usize])> =
            graph.names(tensor).filter_map(|name| Some((name, *shapes.get(name)?))).collect();
        if found.is_empty() && !tensor.is_given() {
            return Err(format!("tensor {name} of shape {shape:?} is missing"));
        }
        if let Some((name, found)) = found.into_iter().find(|(_, found)| *found != shape) {
            return Err(format!("tensor {name} has shape {found:?}; the model needs {shape:?}"));
        }
    }
    Ok(())
}

/// The flat parameters from named tensors.
///
/// # Errors
///
/// As [`check_tensors`], a tensor that is not finite, and tied ones that differ.
pub fn from_tensors(graph: &Graph, tensors: &BTreeMap<String, Array>) -> Result<Vec<f64>, String> {
    check_tensors(graph, &tensors.iter().map(|(name, array)| (name.as_str(), array.shape.as_slice())).collect())?;
    let mut flat = vec![0.0; graph.len];
    for tensor in graph.tensors() {
        let place = &mut flat[tensor.offset..tensor.offset + tensor.len()];
        let mut found = graph.names(tensor).filter_map(|name| Some((name, tensors.get(name)?)));
        let Some((name, array)) = found.next() else {
            tensor.initial.draw(&mut Random::new(0, "weights"), place);
            continue;
        };
        if let Some(at) = array.first_not_finite() {
            return Err(format!("tensor {name} holds NaN or infinity, first at element {at}"));
        }
        place.copy_from_slice(&array.to_f64());
        if let Some((other, _)) = found.find(|(_, array)| array.to_f64() != *place) {
            return Err(format!(
                "tensors {name} and {other} differ, and the model ties them; untie them, or remove one"
            ));
        }
    }
    Ok(flat)
}
