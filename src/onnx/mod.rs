/*!
Networks of ONNX files as layers: what `pathkernel import` reads.

A file is a graph of operators on arrays that have the batch as an axis; layers here see one example. `translate` goes over
the nodes once: what is known is worked out, tensors of the file become weights, and operators layers. Where the batch lies in a
value is carried along, so that it drops out of shapes. `fuse` puts together what an exporter took apart, and `naming` gives
layers the names of the module's tensors.

Nothing of a file is taken on trust: no length reserves memory, and what a layer is given is checked by the engine's own graph.
*/

mod batch;
mod constant;
mod fold;
mod fuse;
mod inputs;
mod naming;
mod network;
mod ops;
mod proto;
mod refusal;
mod tensor;
mod translate;
mod value;
mod wire;
mod write;

pub use refusal::Refusal;
pub use write::Written;

use crate::error::Error;
use crate::formats::DataError;
use crate::graph::{Input, View};
use crate::layer::{Layer, Source};
use batch::Size;
use constant::Constant;
use proto::{Model, Node};
use refusal::Refused;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use translate::Translation;

/// The oldest operators that are read.
const OLDEST: i64 = 13;

/// What is said beside a file.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The axis of the inputs along which examples lie.
    pub batch_axis: usize,
    /// The sizes of axes that the file leaves open, by their names.
    pub sizes: BTreeMap<String, usize>,
    /// The output, by name; the first without it.
    pub output: Option<String>,
}

/// An ONNX file.
#[derive(Debug)]
pub struct OnnxFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// A network from a file.
#[derive(Debug)]
pub struct Imported {
    /// The inputs of one example.
    pub inputs: Vec<Input>,
    /// The layers, in order.
    pub layers: Vec<Layer>,
    /// The layer whose value is the output; the last one without it.
    pub output: Option<Source>,
    /// Where tensors are found in the file of weights, by the layers' names.
    pub parameters: Vec<(String, View)>,
    /// Tensors that training leaves as they are.
    pub frozen: Vec<String>,
    /// What is worth knowing.
    pub notes: Vec<String>,
    /// The arrays of layers of the type `constant`, by the index of the layer.
    constants: BTreeMap<usize, Constant>,
}

impl OnnxFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        Ok(Self { path: path.to_owned(), bytes: crate::formats::read_bytes(path)? })
    }

    fn model(&self) -> Result<Model<'_>, Error> {
        Model::read(&self.bytes).map_err(|problem| self.wrong(format!("is no readable ONNX file: {problem}")))
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn wrong(&self, problem: String) -> Error {
        Error::Input(format!("{}: {problem}", self.path.display()))
    }

    /// The network that the file describes.
    ///
    /// # Errors
    ///
    /// A file that is no ONNX file, and operators that no layer does: all of them at once, each with its place.
    pub fn translate(&self, options: &Options) -> Result<Imported, Error> {
        let model = self.model()?;
        if model.opset < OLDEST {
            let opset = model.opset;
            return Err(
                self.wrong(format!("has operators of opset {opset}; export with {OLDEST} or later, 20 for example"))
            );
        }
        let outputs: Vec<&str> = model.graph.outputs.iter().map(|output| output.name).collect();
        let output = match &options.output {
            None => outputs.first().copied().ok_or_else(|| self.wrong("has no output".into()))?,
            Some(name) => outputs
                .iter()
                .copied()
                .find(|output| output == name)
                .ok_or_else(|| self.wrong(format!("has no output {name:?}{}", crate::key::near(name, &outputs))))?,
        };
        let mut whole = BTreeSet::new();
        loop {
            let mut work = Translation::new(&model.graph, self.folder(), options, &whole)
                .map_err(|refused| self.wrong(refused.to_string()))?;
            let flow = work.run(output);
            if !work.refusals.is_empty() {
                return Err(self.wrong(refusal::all(&work.refusals)));
            }
            let flow = flow.map_err(|refused| self.wrong(refused.to_string()))?;
            if flow.alone() != Some(0) {
                return Err(self.wrong(format!(
                    "the output {output:?} has the shape {}; its first axis has to be the batch",
                    batch::shape_text(&flow)
                )));
            }
            fuse::fuse(&mut work.network, flow.place);
            let live = fuse::live(&work.network.steps, flow.place);
            let overlapping = naming::overlapping(&work.network, &live);
            if !overlapping.is_subset(&whole) {
                drop(work);
                whole.extend(overlapping);
                continue;
            }
            let named = naming::name(&work.network, &live, flow.place);
            let notes = self.notes(&work, &outputs, output);
            let constants = named
                .constants
                .iter()
                .map(|(&layer, &index)| (layer, work.network.constants[index].1.clone()))
                .collect();
            let naming::Named { layers, output, parameters, frozen, .. } = named;
            return Ok(Imported { inputs: work.network.inputs, layers, output, parameters, frozen, notes, constants });
        }
    }

    /// What is worth knowing of a translation.
    fn notes(&self, work: &Translation<'_>, outputs: &[&str], output: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if let Size::Fixed(size) = work.size {
            notes.push(format!(
                "the file has a batch of {size}: it was followed by that number. Export with an open one \
                 (dynamic_shapes) if a shape looks wrong"
            ));
        }
        let others: Vec<&str> = outputs.iter().copied().filter(|other| *other != output).collect();
        if !others.is_empty() {
            notes.push(format!("the output is {output:?}; left out: {} (--take names another)", others.join(", ")));
        }
        let nameless: Vec<&str> = work
            .network
            .steps
            .iter()
            .flat_map(|step| &step.tensors)
            .map(|(_, weight)| weight.view.tensor.as_str())
            .filter(|name| name.starts_with("onnx::"))
            .collect();
        if !nameless.is_empty() {
            notes.push(format!(
                "the exporter renamed weights ({}): checkpoints of the module do not have them; export with \
                 optimize=False",
                nameless.join(", ")
            ));
        }
        notes
    }
}

/// An axis, counted from the end where it is negative.
fn axis_of(given: i64, axes: usize) -> Result<usize, Refused> {
    let from_first = if given < 0 { given.saturating_add_unsigned(axes as u64) } else { given };
    usize::try_from(from_first)
        .ok()
        .filter(|&axis| axis < axes)
        .ok_or_else(|| format!("has an axis {given} of {axes}").into())
}

fn axes_of(given: &[i64], axes: usize) -> Result<Vec<usize>, Refused> {
    given.iter().map(|&axis| axis_of(axis, axes)).collect()
}

/// The order of a transposition's axes; reversed where it has none.
fn order(node: &Node<'_>, axes: usize) -> Result<Vec<usize>, Refused> {
    let Some(given) = node.wholes("perm") else { return Ok((0..axes).rev().collect()) };
    let order = axes_of(given, axes)?;
    let distinct: BTreeSet<usize> = order.iter().copied().collect();
    if distinct.len() == axes && order.len() == axes {
        Ok(order)
    } else {
        Err(format!("has the order {given:?} of {axes} axes").into())
    }
}

/// The axes that are summed over, from an input or an attribute; all without them.
fn reduced_axes(node: &Node<'_>, given: Option<&Constant>, axes: usize) -> Result<Vec<usize>, Refused> {
    let given = match given {
        Some(given) => given.wholes()?,
        None => node.wholes("axes").unwrap_or_default().to_vec(),
    };
    if given.is_empty() && node.whole("noop_with_empty_axes", 0) == 0 {
        return Ok((0..axes).collect());
    }
    let distinct: BTreeSet<usize> = axes_of(&given, axes)?.into_iter().collect();
    Ok(distinct.into_iter().collect())
}
