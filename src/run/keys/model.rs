//! `[model]`: the network.

use super::graph::{self, GraphFile};
use super::training::TENSORS;
use crate::error::Error;
use crate::graph::{Design, Graph, GraphError, Input, Roles, View};
use crate::key::{
    Count, Custom, Flag, Form, Key, Keys, List, Name, Optional, Path, Shape, Table, Value, Wrong, at, dotted, known,
};
use crate::layer::keys::{FROM, LayerForm, START};
use crate::layer::{Layer, Source};
use std::path::PathBuf;

/// The network.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// One example's shape, where it has one input.
    pub input: Vec<usize>,
    /// Its inputs, where they have names.
    pub inputs: Vec<Input>,
    /// The layers, in order.
    pub layers: Vec<Layer>,
    /// The layer whose value is the output; the last one without it.
    pub output: Option<Source>,
    /// Initial weights; drawn from the seed without them.
    pub weights: Option<PathBuf>,
    /// Where tensors are found in files that name them otherwise, by their own names.
    pub parameters: Vec<(String, View)>,
    /// The file that gave the graph.
    pub graph: Option<GraphFile>,
    /// Patterns of the names of tensors that training leaves as they are.
    pub frozen: Vec<String>,
}

pub(super) const KEYS: &[Key<Model>] = &[
    Key::new("graph", "in place of `layers`: the same tables, as `nodes`, in a JSON file of their own", &graph::FORM),
    Key::new(
        "inputs",
        "in place of `input`: a table of inputs by name, each with its `shape` and a `type`, \"real\" or \"integer\"; an integer \
         input is of whole numbers, such as tokens",
        at!(Model.inputs, Inputs),
    ),
    Key::required(
        "input",
        "one example's shape; images are channels, height, width; data is reshaped to it",
        at!(Model.input, SIZES),
    )
    .unless(|model| {
        (!model.inputs.is_empty()).then(|| "has no place beside model.inputs, which has the shapes; remove one".into())
    }),
    Key::required(
        "layers",
        "the layers, in order",
        &Custom { read: read_layers, write: write_layers, shape: || LayerForm.shape(&START) },
    ),
    Key::new(
        "output",
        "the layer, by name or index, whose value is the output; without it, the last one. What the output does not depend on \
         is not computed",
        at!(Model.output, Optional(Output)),
    ),
    Key::new(
        "weights",
        "initial weights: tensors `<layer index>.weight` and `<layer index>.bias`, indices from 0 over all layers, in PyTorch's \
         layouts (linear [out, in], conv2d [out, in, kh, kw]); without it, they are drawn from the seed",
        at!(Model.weights, Optional(Path { takes: TENSORS })),
    ),
    Key::new(
        "parameters",
        "where a tensor is found in `weights` and in imported checkpoints, when they name it otherwise: a table of tensors by \
         name, each with the file's `tensor` and, done in this order, `rows = [first, end]` of its first axis, `transposed = true` \
         for an exchange of two axes, and `reshape`",
        at!(Model.parameters, Views),
    ),
    Key::new(
        "frozen",
        "tensors, by name, that training leaves as they are: no gradient, no step and no weight decay; `*` is any text",
        at!(Model.frozen, Patterns),
    ),
];

pub(super) fn start() -> Model {
    Model {
        input: Vec::new(),
        inputs: Vec::new(),
        layers: Vec::new(),
        output: None,
        parameters: Vec::new(),
        graph: None,
        weights: None,
        frozen: Vec::new(),
    }
}

const SIZES: List<Count> = List { each: Count::from(1), takes: "a list of sizes, such as [1, 8, 8]" };

/// Inputs by name; left out where there are none.
struct Inputs;

/// The keys of one input.
const INPUT: &[Key<Input>] = &[
    Key::required("shape", "its shape", at!(Input.shape, SIZES)),
    Key::new("type", "the numbers that it holds", at!(Input.whole, Numbers)),
];

/// The word for the numbers of an input.
struct Numbers;

impl Form<bool> for Numbers {
    fn read(&self, at: &str, given: &Value, into: &mut bool) -> crate::key::Result<()> {
        *into = known(at, given, &["real", "integer"])? == 1;
        Ok(())
    }

    fn write(&self, from: &bool) -> Option<Value> {
        Some(Value::from(if *from { "integer" } else { "real" }))
    }

    fn shape(&self, _start: &bool) -> Shape {
        Shape::Words(vec![("real", ""), ("integer", "whole numbers")])
    }
}

impl Form<Vec<Input>> for Inputs {
    fn read(&self, at: &str, given: &Value, into: &mut Vec<Input>) -> crate::key::Result<()> {
        let Value::Table(Table(given)) = given else {
            return Err(Wrong::new(
                at,
                "must be a table of inputs, such as { tokens = { shape = [64], type = \"integer\" } }",
            ));
        };
        if given.is_empty() {
            return Err(Wrong::new(at, "is empty; name at least one input"));
        }
        let one = |(name, given): &(String, Value)| {
            let mut input = Input { name: Some(name.clone()), ..Input::only(&[]) };
            Keys(INPUT).read(&dotted(at, name), given, &mut input).map(|()| input)
        };
        *into = given.iter().map(one).collect::<crate::key::Result<_>>()?;
        Ok(())
    }

    fn write(&self, from: &Vec<Input>) -> Option<Value> {
        let one = |input: &Input| Some((input.name.clone()?, Keys(INPUT).write(input)?));
        let all: Vec<(String, Value)> = from.iter().filter_map(one).collect();
        (!all.is_empty()).then_some(Value::Table(Table(all)))
    }

    fn shape(&self, _start: &Vec<Input>) -> Shape {
        Shape::Plain("a table of inputs, such as `{ tokens = { shape = [64], type = \"integer\" } }`".into())
    }
}

/// Views of files' tensors, by the names of the model's; left out where there are none.
struct Views;

/// The keys of one view.
const VIEW: &[Key<View>] = &[
    Key::required("tensor", "its name in the file", at!(View.tensor, Name { takes: "a name" })),
    Key::new("rows", "of its first axis, from the first one to before the second", at!(View.rows, Optional(Rows))),
    Key::new("transposed", "whether its two axes are exchanged", at!(View.transposed, Flag)),
    Key::new("reshape", "the shape that it gets in the end", at!(View.reshape, Optional(SIZES))),
];

/// The first row, and the one after the last.
struct Rows;

impl Form<[usize; 2]> for Rows {
    fn read(&self, at: &str, given: &Value, into: &mut [usize; 2]) -> crate::key::Result<()> {
        let mut rows: Vec<usize> = Vec::new();
        let takes = "two numbers, the first row and the one after the last, such as [0, 32]";
        List { each: Count::from(0), takes }.read(at, given, &mut rows)?;
        match rows.as_slice() {
            &[first, end] if first < end => *into = [first, end],
            _ => return Err(Wrong::new(at, format!("must be {takes}"))),
        }
        Ok(())
    }

    fn write(&self, from: &[usize; 2]) -> Option<Value> {
        Some(from.iter().copied().collect())
    }

    fn shape(&self, _start: &[usize; 2]) -> Shape {
        Shape::Plain("two row numbers".into())
    }
}

impl Form<Vec<(String, View)>> for Views {
    fn read(&self, at: &str, given: &Value, into: &mut Vec<(String, View)>) -> crate::key::Result<()> {
        let Value::Table(Table(given)) = given else {
            return Err(Wrong::new(
                at,
                "must be a table, such as { \"head.weight\" = { tensor = \"lm_head.weight\" } }",
            ));
        };
        let one = |(name, given): &(String, Value)| {
            let mut view = View::default();
            Keys(VIEW).read(&dotted(at, name), given, &mut view).map(|()| (name.clone(), view))
        };
        *into = given.iter().map(one).collect::<crate::key::Result<_>>()?;
        Ok(())
    }

    fn write(&self, from: &Vec<(String, View)>) -> Option<Value> {
        let one = |(name, view): &(String, View)| Some((name.clone(), Keys(VIEW).write(view)?));
        let all: Vec<(String, Value)> = from.iter().filter_map(one).collect();
        (!all.is_empty()).then_some(Value::Table(Table(all)))
    }

    fn shape(&self, _start: &Vec<(String, View)>) -> Shape {
        Shape::Plain("a table of tensors, such as `{ \"head.weight\" = { tensor = \"lm_head.weight\" } }`".into())
    }
}

/// A layer by name or index.
struct Output;

impl Form<Source> for Output {
    fn read(&self, at: &str, given: &Value, into: &mut Source) -> crate::key::Result<()> {
        *into = match given {
            Value::Integer(index @ 0..) => Source::Index(*index),
            Value::Text(name) => Source::Name(name.clone()),
            _ => return Err(Wrong::new(at, "must be the name or index of a layer")),
        };
        Ok(())
    }

    fn write(&self, from: &Source) -> Option<Value> {
        Some(match from {
            Source::Index(index) => Value::Integer(*index),
            Source::Name(name) => Value::Text(name.clone()),
        })
    }

    fn shape(&self, _start: &Source) -> Shape {
        Shape::Plain("the name or index of a layer".into())
    }
}

/// Patterns of names; left out where there are none.
struct Patterns;

impl Form<Vec<String>> for Patterns {
    fn read(&self, at: &str, given: &Value, into: &mut Vec<String>) -> crate::key::Result<()> {
        PATTERNS.read(at, given, into)
    }

    fn write(&self, from: &Vec<String>) -> Option<Value> {
        Some(from).filter(|patterns| !patterns.is_empty()).and_then(|patterns| PATTERNS.write(patterns))
    }

    fn shape(&self, start: &Vec<String>) -> Shape {
        PATTERNS.shape(start)
    }
}

const PATTERNS: List<Name> = List { each: Name { takes: "a name" }, takes: "a list of names, such as [\"wte.*\"]" };

impl Model {
    /// What its graph is made of.
    pub fn design(&self) -> Design {
        let roles = Roles { frozen: self.frozen.clone(), ..Roles::default() };
        let (output, views) = (self.output.clone(), self.parameters.iter().cloned().collect());
        let design = Design { roles, output, views, ..Design::new(&self.input, &self.layers) };
        if self.inputs.is_empty() { design } else { Design { inputs: self.inputs.clone(), ..design } }
    }

    /// The graph.
    ///
    /// # Errors
    ///
    /// What does not fit, with the layer or the key, in the file that says it.
    pub fn build(&self) -> Result<Graph, Error> {
        self.built(&self.design())
    }

    /// The graph of its design, or of one to which more was added.
    pub(super) fn built(&self, design: &Design) -> Result<Graph, Error> {
        design.build().map_err(|error| {
            let (key, problem) = match &error {
                GraphError::Layer { layer, kind, problem, .. } => (format!("model.layers[{layer}] ({kind})"), problem),
                GraphError::Key { key, problem } => (key.clone(), problem),
            };
            match self.graph.as_ref().and_then(|graph| graph.place(&key)) {
                Some((file, key)) => Error::Input(format!("{file}: {key}: {problem}")),
                None => error.into(),
            }
        })
    }
}

fn read_layers(at: &str, given: &Value, model: &mut Model) -> crate::key::Result<()> {
    let Value::List(values) = given else {
        return Err(Wrong::new(at, "must be a list of tables"));
    };
    model.layers =
        values.iter().enumerate().map(|(index, value)| read_layer(at, index, value)).collect::<Result<_, _>>()?;
    Ok(())
}

/// Reads the layer of an index.
fn read_layer(at: &str, index: usize, given: &Value) -> crate::key::Result<Layer> {
    if !matches!(given, Value::Table(_)) {
        return Err(Wrong::new(at, format!("entry {index} must be a table such as {{ type = \"relu\" }}")));
    }
    let at = format!("{at}[{index}]");
    let mut layer = START;
    LayerForm.read(&at, given, &mut layer)?;
    if layer.from.is_empty() && layer.kind.reads().least() > 1 {
        return Err(Wrong::new(
            format!("{at}.from"),
            "is required: the layers to read, by name or index, -1 for the input",
        ));
    }
    let later = |source: &Source| matches!(source, Source::Index(from) if *from >= index as i64);
    if layer.from.iter().any(later) {
        return Err(Wrong::new(format!("{at}.from"), format!("{FROM}; below {index}")));
    }
    Ok(layer)
}

fn write_layers(model: &Model) -> Option<Value> {
    Some(Value::List(model.layers.iter().filter_map(|layer| LayerForm.write(layer)).collect()))
}
