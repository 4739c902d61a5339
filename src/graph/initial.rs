//! Initial weights: PyTorch's default initialisation, or tensors of a file.

use super::{Block, Graph, Role, Tensor, View};
use crate::formats::Array;
use crate::key::near;
use crate::random::Random;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// How a tensor is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Initial {
    /// Uniform in ± a bound.
    Uniform(f64),
    /// Normal about 0, of a standard deviation.
    Normal(f64),
    /// The same, with zeros in a range of entries.
    NormalAround(f64, Range<usize>),
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
            Initial::NormalAround(deviation, zeros) => {
                Initial::Normal(*deviation).draw(random, values);
                values[zeros.clone()].fill(0.0);
            }
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

impl Graph {
    /// The flat parameters of which tensors with values of their own have them, and the others are 0.
    pub(super) fn given(&self) -> Vec<f64> {
        let mut flat = vec![0.0; self.len];
        for tensor in self.tensors() {
            if let Initial::Values(values) = &tensor.initial {
                flat[tensor.offset..tensor.offset + tensor.len()].copy_from_slice(values);
            }
        }
        flat
    }
}

/// Tensors whose views a message writes out.
const VIEWS: usize = 8;
/// A tensor of a file that has not the shape of the graph's.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// The file's name of it.
    pub name: String,
    /// The graph's.
    pub tensor: String,
    /// Its shape as the graph sees it, or why it cannot.
    pub has: Result<Vec<usize>, String>,
    /// The shape that it should have.
    pub wanted: Vec<usize>,
}

/// What of a file is a tensor: the name of the file's, and how it is seen.
struct Found<'a> {
    name: &'a str,
    view: Option<&'a View>,
}

impl Found<'_> {
    /// The shape of what a tensor of a shape gives.
    fn shape(&self, of: &[usize]) -> Result<Vec<usize>, String> {
        self.view.map_or_else(|| Ok(of.to_vec()), |view| view.shape(of))
    }

    /// The values that an array gives.
    fn values(&self, of: &Array) -> Result<Vec<f64>, String> {
        if let Some(at) = of.first_not_finite() {
            return Err(format!("tensor {} holds NaN or infinity, first at element {at}", self.name));
        }
        Ok(self.view.map_or_else(|| of.to_f64(), |view| view.values(of)))
    }
}

impl Graph {
    /// Where a tensor may be in a file: where the user says, or under any of its own names.
    fn places<'a>(&'a self, tensor: &'a Tensor) -> impl Iterator<Item = Found<'a>> {
        let viewed = self.names(tensor).filter_map(|name| self.views.get(name));
        let viewed = viewed.map(|view| Found { name: &view.tensor, view: Some(view) });
        viewed.chain(self.names(tensor).map(|name| Found { name, view: None }))
    }

    /// The names that a tensor may have in a file: that which the user says, and its own.
    pub fn file_names<'a>(&'a self, tensor: &'a Tensor) -> impl Iterator<Item = &'a str> {
        self.places(tensor).map(|found| found.name)
    }

    /// Where a tensor is in a file that has tensors of some names; more than one for tensors that are tied.
    fn found<'a>(&'a self, tensor: &'a Tensor, has: impl Fn(&str) -> bool) -> Vec<Found<'a>> {
        let all: Vec<Found<'a>> = self.places(tensor).filter(|found| has(found.name)).collect();
        // What the user says goes before names that are also there.
        let viewed = all.iter().any(|found| found.view.is_some());
        all.into_iter().filter(|found| !viewed || found.view.is_some()).collect()
    }
}

impl Graph {
    /// The parameters, trained and frozen, in the order of their layers, each with what training does with it: arrays of files and
    /// statistics are none.
    pub(crate) fn parameters(&self) -> Vec<(&Tensor, Role)> {
        let mut blocks: Vec<&Block> = self.blocks.iter().chain(&self.held).collect();
        blocks.sort_by_key(|block| block.layer);
        let own = blocks.into_iter().flat_map(|block| block.tensors.iter().map(move |tensor| (tensor, block.role)));
        own.filter(|(_, role)| matches!(role, Role::Trained(_) | Role::Frozen)).collect()
    }

    /// The first trained tensor that does not fit what a file has for it under the names of the weights.
    pub(crate) fn first_misfit(&self, shapes: &BTreeMap<&str, &[usize]>) -> Option<Misfit> {
        let misfit = |tensor: &Tensor| {
            let found = self.found(tensor, |name| shapes.contains_key(name));
            found.into_iter().find_map(|found| {
                let has = found.shape(shapes[found.name]);
                let (name, tensor, wanted) = (found.name.to_owned(), tensor.name.clone(), tensor.shape.clone());
                (has.as_ref() != Ok(&wanted)).then_some(Misfit { name, tensor, has, wanted })
            })
        };
        self.blocks.iter().flat_map(|block| &block.tensors).find_map(misfit)
    }

    /// A flat vector of what a file has of the trained tensors, under the names of the weights and seen as they are; the rest is
    /// zero. What the file has must [fit](Self::first_misfit).
    ///
    /// # Errors
    ///
    /// A tensor that is not finite.
    pub(crate) fn flat(&self, arrays: &BTreeMap<&str, &Array>) -> Result<Vec<f64>, String> {
        let mut flat = vec![0.0; self.len];
        for tensor in self.blocks.iter().flat_map(|block| &block.tensors) {
            if let Some(found) = self.found(tensor, |name| arrays.contains_key(name)).first() {
                let values = found.values(arrays[found.name])?;
                flat[tensor.offset..tensor.offset + tensor.len()].copy_from_slice(&values);
            }
        }
        Ok(flat)
    }
}

/// Checks that tensors of these names and shapes are the graph's: under the names that [`Design::views`](super::Design) gives,
/// or their own. A tensor that others are tied to may have any of their names.
///
/// # Errors
///
/// A tensor that is missing, left over or misshapen: the message names it.
pub fn check_tensors(graph: &Graph, shapes: &BTreeMap<&str, &[usize]>) -> Result<(), String> {
    let mut names: Vec<&str> =
        graph.tensors().flat_map(|tensor| graph.places(tensor)).map(|found| found.name).collect();
    names.sort_unstable();
    if let Some(name) = shapes.keys().find(|name| names.binary_search(name).is_err()) {
        let advice = near(name, &names);
        let names: Vec<&str> = graph.tensors().map(|tensor| tensor.name.as_str()).collect();
        return Err(format!("tensor {name} belongs to no layer; the model has {}{advice}", names.join(", ")));
    }
    for tensor in graph.tensors() {
        let (name, shape) = (&tensor.name, tensor.shape.as_slice());
        let found = graph.found(tensor, |name| shapes.contains_key(name));
        if found.is_empty() && !tensor.is_given() {
            let wanted = graph.places(tensor).next().filter(|found| found.view.is_some());
            let wanted =
                wanted.map_or(String::new(), |found| format!(", which model.parameters finds in {}", found.name));
            return Err(format!("tensor {name} of shape {shape:?}{wanted} is missing"));
        }
        for found in found {
            let has =
                found.shape(shapes[found.name]).map_err(|problem| format!("model.parameters.{name:?}: {problem}"))?;
            if has != shape {
                let name = found.name;
                let advice = turned(graph, shapes, &has, shape);
                return Err(format!("tensor {name} has shape {has:?}; the model needs {shape:?}{advice}"));
            }
        }
    }
    Ok(())
}

/// What to do where a tensor has its axes in the order in which JAX and Keras write kernels; empty where it has not.
fn turned(graph: &Graph, shapes: &BTreeMap<&str, &[usize]>, has: &[usize], needs: &[usize]) -> String {
    let (&[rows, columns], &[outputs, inputs]) = (has, needs) else {
        return match (has, needs) {
            (&[a, b, c, d], &[outputs, inputs, height, width]) if [a, b, c, d] == [height, width, inputs, outputs] => {
                "; its axes are those of a kernel of JAX or Keras: write numpy.transpose(w, (3, 2, 0, 1))".to_owned()
            }
            _ => String::new(),
        };
    };
    if [rows, columns] != [inputs, outputs] {
        return String::new();
    }
    let is_turned = |name: &str, shape: &[usize]| match (shapes.get(name), shape) {
        (Some(&&[rows, columns]), &[outputs, inputs]) => [rows, columns] == [inputs, outputs],
        _ => false,
    };
    let tensors = graph.tensors().filter(|tensor| is_turned(&tensor.name, &tensor.shape)).map(|tensor| &tensor.name);
    let views: Vec<String> =
        tensors.map(|name| format!("{name:?} = {{ tensor = {name:?}, transposed = true }}")).collect();
    if views.is_empty() {
        return "; where it is found, add transposed = true".to_owned();
    }
    let (shown, more) = (views[..views.len().min(VIEWS)].join(", "), if views.len() > VIEWS { ", …" } else { "" });
    format!("; as JAX and Keras write kernels, [in, out]: set model.parameters = {{ {shown}{more} }}")
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
        let found = graph.found(tensor, |name| tensors.contains_key(name));
        let Some((first, others)) = found.split_first() else {
            tensor.initial.draw(&mut Random::new(0, "weights"), place);
            continue;
        };
        place.copy_from_slice(&first.values(&tensors[first.name])?);
        for other in others {
            if other.values(&tensors[other.name])? != *place {
                return Err(format!(
                    "tensors {} and {} differ, and the model ties them; untie them, or remove one",
                    first.name, other.name
                ));
            }
        }
    }
    Ok(flat)
}
