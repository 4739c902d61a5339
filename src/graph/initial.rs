//! Initial weights: PyTorch's default initialisation, or tensors of a file.

use super::Graph;
use crate::data::Array;
use crate::random::Random;
use std::collections::BTreeMap;

impl Graph {
    /// Draws the flat parameters from a seed as PyTorch does by default: the weights and biases of linear and conv2d
    /// uniform in ±1/√(fan in), layer_norm one and zero. (The distribution is PyTorch's; the stream of random numbers
    /// is our own.)
    pub fn draw(&self, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed, "weights");
        let mut flat = vec![0.0; self.len];
        for own in &self.parameters {
            let part = &mut flat[own.offset..own.offset + own.len()];
            if own.is_norm() {
                part[..own.width].fill(1.0);
            } else {
                let bound = 1.0 / (own.width as f64).sqrt();
                part.iter_mut().for_each(|value| *value = bound * (2.0 * random.unit() - 1.0));
            }
        }
        flat
    }

    /// The name, shape, first element and length of every tensor in the flat vector.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>, usize, usize)> {
        let mut tensors = Vec::new();
        for own in &self.parameters {
            tensors.push((format!("{}.weight", own.layer), own.weight.clone(), own.offset, own.weight_len()));
            if own.bias > 0 {
                let offset = own.offset + own.weight_len();
                tensors.push((format!("{}.bias", own.layer), vec![own.bias], offset, own.bias));
            }
        }
        tensors
    }
}

/// Checks that tensors of these names and shapes are the network's.
///
/// # Errors
///
/// A tensor that is missing, left over or misshapen: the message names it.
pub fn check_tensors(network: &Graph, shapes: &BTreeMap<&str, &[usize]>) -> Result<(), String> {
    let wanted = network.tensors();
    if let Some(name) = shapes.keys().find(|name| !wanted.iter().any(|(wanted, ..)| wanted == *name)) {
        let names: Vec<&str> = wanted.iter().map(|(name, ..)| name.as_str()).collect();
        return Err(format!("tensor {name} belongs to no layer; the model has {}", names.join(", ")));
    }
    for (name, shape, ..) in wanted {
        match shapes.get(name.as_str()) {
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
pub fn from_tensors(network: &Graph, tensors: &BTreeMap<String, Array>) -> Result<Vec<f64>, String> {
    check_tensors(network, &tensors.iter().map(|(name, array)| (name.as_str(), array.shape.as_slice())).collect())?;
    let mut flat = vec![0.0; network.len];
    for (name, shape, offset, len) in network.tensors() {
        let array = tensors.get(&name).ok_or_else(|| format!("tensor {name} of shape {shape:?} is missing"))?;
        if let Some(at) = array.first_not_finite() {
            return Err(format!("tensor {name} holds NaN or infinity, first at element {at}"));
        }
        flat[offset..offset + len].copy_from_slice(&array.to_f64());
    }
    Ok(flat)
}
