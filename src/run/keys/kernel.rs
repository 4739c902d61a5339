//! `[kernel]`: what is integrated along the path, and how.

use super::influence::AskedInfluence;
use super::{AskedRule, Measured, RunFile, rule};
use crate::influence::Influence;
use crate::key::{
    Count, Custom, Flag, Form, Key, List, Number, Optional, Result, Shape, Table, Value, Word, Words, Wrong, at,
};
use crate::path::Rule;
use crate::plural::counted;
use crate::readout::{Chosen, Readout};
use crate::tangent::Contraction;

/// What is integrated.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    /// The rule on each step's segment.
    pub rule: AskedRule,
    /// What residual and unexplained part may be at the most, of the largest change, in an exact run.
    pub accept: f64,
    /// What the rule was chosen by, where it was.
    pub measured: Option<Measured>,
    /// Whether A is wanted.
    pub attribution: bool,
    /// How many of the largest entries of A of each sign are kept of each value of a query; all without it.
    pub top: Option<usize>,
    /// Windows of training of which A is wanted as well; 0: none.
    pub windows: usize,
    /// Whether A is wanted of each position of an example's loss as well.
    pub positions: bool,
    /// Which entries of K.
    pub kernel: KernelShape,
    /// Whether the coefficients are wanted.
    pub coefficients: bool,
    /// Whether layers are kept apart as well.
    pub layers: bool,
    /// Whether the tangent kernel at both ends is wanted.
    pub tangent: bool,
    /// What of the outputs is taken apart.
    pub readout: Readout,
    /// The positions and classes that it takes, where those are chosen.
    pub chosen: Chosen,
    /// Whether the weights' change is taken apart as well.
    pub superposition: bool,
    /// Examples whose part of the weights' change is wanted whole.
    pub superposition_vectors: Vec<u32>,
    /// Whether what each example contributed to its own readout is wanted.
    pub own: bool,
    /// What is asked of the influence, where it is.
    pub influence: Option<Influence>,
    /// How each layer that has parameters is contracted, or each block of parameters; the fastest without it.
    pub contraction: Option<Vec<Contraction>>,
}

pub(super) const KEYS: &[Key<Kernel>] = &[
    Key::new("rule", "where a step's integral takes gradients", at!(Kernel.rule, Words)),
    Key::new(
        "nodes",
        "how many nodes. Given without a rule they ask for gauss; with another rule they are an error",
        &rule::NODES,
    )
    // Whoever gives a number of nodes means to have it; see [`fill_rule`].
    .unless(|kernel| match kernel.rule {
        AskedRule::Given(Rule::Gauss { .. }) => None,
        AskedRule::Given(Rule::Left | Rule::Adaptive { .. }) | AskedRule::Auto { .. } => Some(format!(
            "belongs to kernel.rule = \"gauss\", and the rule is {:?}; remove it, or take the rule \"gauss\"",
            kernel.rule.word()
        )),
    }),
    Key::new(
        "tolerance",
        "for auto and adaptive, 1e-6 without it: what may stay unexplained of a query's largest change in a step, relative; may stand \
         beside any rule",
        &rule::TOLERANCE,
    ),
    Key::new(
        "accept",
        "the verdict: what residual and unexplained part may each be at the most, of the largest change, in a run that is exact",
        at!(Kernel.accept, Number::AboveZero),
    )
    .incidental(),
    Key::new(
        "measured",
        "what the rule auto found when it chose: a run writes it into its run.toml",
        &rule::MEASUREMENT,
    )
    .incidental()
    .unless(|kernel| match kernel.rule {
        AskedRule::Auto { .. } => Some(
            "is what chose a rule, and the rule is auto, to be chosen when the path is there; remove it".to_owned(),
        ),
        AskedRule::Given(_) => None,
    }),
    Key::new("attribution", "A [n, m, C]", at!(Kernel.attribution, Flag)),
    Key::new(
        "top",
        "keep this many of the most positive and of the most negative examples of each query and output, and the sums of the rest, \
         instead of A: `top_values.npy`, `top_examples.npy`, `top_rest.npy`",
        at!(Kernel.top, Optional(Count::from(1))),
    ),
    Key::new(
        "windows",
        "also split the attribution by when in training the example's loss was taken, into this many windows of as many steps each \
         (of gradient flow: of as much time): `attribution_windows.npy`, `windows.npy`. 0: not",
        at!(Kernel.windows, Count::from(0)),
    ),
    Key::new(
        "positions",
        "also split the attribution by the positions of an example's targets [m, T]",
        at!(Kernel.positions, Flag),
    ),
    Key::new("kernel", "which entries of K", at!(Kernel.kernel, Words)),
    Key::new("coefficients", "needs `kernel` = diagonal or full", at!(Kernel.coefficients, Flag)),
    Key::new("layers", "also split attribution and kernel by layer", at!(Kernel.layers, Flag)),
    Key::new(
        "tangent",
        "also the tangent kernel, shaped as the kernel, at the first and the last weights",
        at!(Kernel.tangent, Flag),
    ),
    Key::new(
        "contraction",
        "how gradient rows are contracted; `auto` takes the fastest; `directional` is for all layers or for none, and stands for all by \
         itself",
        at!(Kernel.contraction, Contractions),
    ),
    Key::new(
        "readout",
        "what of a query's outputs is taken apart. For outputs [T, V], { type = \"loss\", positions = [..] } has a value for each of \
         the positions, and so have target, margin and difference; the loss without positions is the sum over all",
        &READOUT,
    ),
    Key::new(
        "own",
        "also what each training example contributed to its own readout, without the array of all pairs: `own.npy`",
        at!(Kernel.own, Flag),
    ),
    Key::new(
        "influence",
        "also the influence, the derivative of the readout at the last weights by each example's weight in the loss: `influence.npy`; by \
         each step's learning rate: `influence_rates.npy`; with `top` its largest entries. `weight`: along another path, trained with all \
         examples at this weight; better for predicting what leaving many out does. `eps` and `smooth` are added in the derivative alone \
         (to the optimizer's eps, and as the width over which a relu's slope rises), and are experimental",
        at!(Kernel.influence, AskedInfluence),
    ),
    Key::new(
        "superposition",
        "take the change of the weights apart: `superposition.npy`",
        at!(Kernel.superposition, Flag),
    ),
    Key::new(
        "superposition_vectors",
        "examples whose part of it is wanted whole: `superposition.safetensors`",
        at!(Kernel.superposition_vectors, List { each: Count::from(0), takes: "a list of examples, counted from 0" }),
    ),
];

pub(super) fn start() -> Kernel {
    Kernel {
        rule: AskedRule::START,
        accept: 1e-3,
        measured: None,
        attribution: true,
        top: None,
        windows: 0,
        positions: false,
        kernel: KernelShape::None,
        coefficients: false,
        layers: false,
        tangent: false,
        readout: Readout::Outputs,
        chosen: Chosen::default(),
        superposition: false,
        superposition_vectors: Vec::new(),
        own: false,
        influence: None,
        contraction: None,
    }
}

/// A word, or a table with it and what it takes.
const READOUT: Custom<Kernel> = Custom {
    read: |at, given, kernel| {
        let Value::Table(table) = given else { return Words.read(at, given, &mut kernel.readout) };
        if let Some((unknown, _)) =
            table.0.iter().find(|(key, _)| !["type", "positions", "classes"].contains(&key.as_str()))
        {
            let problem = "unknown key; a readout has a type, and may have positions and classes";
            return Err(Wrong::new(format!("{at}.{unknown}"), problem));
        }
        let named =
            table.get("type").ok_or_else(|| Wrong::new(at, "is a table without a `type`, the name of a readout"))?;
        Words.read(&format!("{at}.type"), named, &mut kernel.readout)?;
        kernel.chosen = Chosen::default();
        if let Some(given) = table.get("positions") {
            let mut positions = Vec::new();
            PLACES.read(&format!("{at}.positions"), given, &mut positions)?;
            kernel.chosen.positions = Some(positions);
        }
        if let Some(given) = table.get("classes") {
            let (at, mut classes) = (format!("{at}.classes"), Vec::new());
            PLACES.read(&at, given, &mut classes)?;
            let two = <[u32; 2]>::try_from(classes).map_err(|_| Wrong::new(at, "must be two outputs, [a, b]"))?;
            kernel.chosen.classes = Some(two);
        }
        Ok(())
    },
    write: |kernel| {
        let Chosen { positions, classes } = &kernel.chosen;
        if kernel.chosen == Chosen::default() {
            return Words.write(&kernel.readout);
        }
        let lists = [("positions", positions.as_deref()), ("classes", classes.as_ref().map(<[u32; 2]>::as_slice))];
        let lists = lists.into_iter().filter_map(|(key, list)| Some((key.to_owned(), list?.iter().copied().collect())));
        let name = ("type".to_owned(), Value::from(kernel.readout.word()));
        Some(Value::Table(Table(std::iter::once(name).chain(lists).collect())))
    },
    shape: || Words.shape(&Readout::Outputs),
};

const PLACES: List<Count> = List { each: Count::from(0), takes: "a list of numbers from 0" };

impl Word for Contraction {
    fn all() -> Vec<Self> {
        Contraction::ALL.to_vec()
    }

    fn word(self) -> &'static str {
        self.name()
    }

    fn help(self) -> &'static str {
        ""
    }
}

/// `"auto"`, or a list with a word for each layer that has parameters.
struct Contractions;

pub(super) const AUTO: &str = "auto";

impl Form<Option<Vec<Contraction>>> for Contractions {
    fn read(&self, at: &str, given: &Value, into: &mut Option<Vec<Contraction>>) -> Result<()> {
        let one = |value| {
            let mut choice = Contraction::Factored;
            Words.read(at, value, &mut choice).map(|()| choice)
        };
        *into = match given {
            Value::Text(word) if word == AUTO => None,
            // Of all layers or of none, it needs no list.
            Value::Text(word) if word == Contraction::Directional.name() => Some(vec![Contraction::Directional]),
            Value::List(values) => Some(values.iter().map(one).collect::<Result<_>>()?),
            _ => {
                let problem = "must be \"auto\", \"directional\", or a list with a word for each layer that has weights, or for each block of them";
                return Err(Wrong::new(at, problem));
            }
        };
        Ok(())
    }

    fn write(&self, from: &Option<Vec<Contraction>>) -> Option<Value> {
        Some(from.as_ref().map_or(Value::from(AUTO), |choices| choices.iter().map(|choice| choice.name()).collect()))
    }

    fn shape(&self, _start: &Option<Vec<Contraction>>) -> Shape {
        let names = Contraction::ALL.map(Contraction::name).join(", ");
        Shape::Plain(format!(
            "`auto`, or a list with a word for each layer that has weights, for those of its parameters that can be contracted so: {names}"
        ))
    }
}

/// Which entries of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelShape {
    /// None.
    None,
    /// The mean over outputs, `[n, m]`.
    Trace,
    /// Equal outputs, `[n, m, C]`.
    Diagonal,
    /// All pairs, `[n, m, C, C]`.
    Full,
}

impl Word for KernelShape {
    fn all() -> Vec<Self> {
        vec![KernelShape::None, KernelShape::Trace, KernelShape::Diagonal, KernelShape::Full]
    }

    fn word(self) -> &'static str {
        match self {
            KernelShape::None => "none",
            KernelShape::Trace => "trace",
            KernelShape::Diagonal => "diagonal",
            KernelShape::Full => "full",
        }
    }

    fn help(self) -> &'static str {
        match self {
            KernelShape::None => "",
            KernelShape::Trace => "[n, m], the mean over outputs",
            KernelShape::Diagonal => "[n, m, C]",
            KernelShape::Full => "[n, m, C, C]",
        }
    }
}

impl Kernel {
    /// R: the readout's values for each query, of a network with C outputs.
    pub fn values(&self, outputs: usize) -> usize {
        self.chosen.positions.as_ref().map_or_else(|| self.readout.len(outputs), Vec::len)
    }
}

impl RunFile {
    /// What is integrated along the path, and by which rule, for people.
    pub fn integral_words(&self) -> String {
        let Kernel { rule, attribution, top, windows, positions, kernel, own, superposition, readout, .. } =
            &self.kernel;
        let shape = match kernel {
            KernelShape::None => None,
            KernelShape::Trace => Some("trace kernel"),
            KernelShape::Diagonal => Some("diagonal kernel"),
            KernelShape::Full => Some("full kernel"),
        };
        let of_examples = match top {
            _ if *positions => "attribution by position".to_owned(),
            Some(count) => format!("attribution, the {count} largest of each sign"),
            None => "attribution".to_owned(),
        };
        let of_examples = match windows {
            0 => of_examples,
            windows => format!("{of_examples} (also in {} of training)", counted(*windows, "window")),
        };
        let own = own.then_some("self-attribution");
        let superposition = superposition.then_some("superposition");
        let influence = self.kernel.influence_words();
        let parts = [attribution.then_some(of_examples.as_str()), shape, own, superposition, influence.as_deref()];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        let flow = self.training.optimizer.is_solved();
        let place = if flow { "in each of the solver's steps" } else { "on each step" };
        let rule = match rule {
            AskedRule::Given(Rule::Gauss { nodes: 1 }) => format!("1 Gauss node {place}"),
            AskedRule::Given(Rule::Gauss { nodes }) => format!("{nodes} Gauss nodes {place}"),
            AskedRule::Given(Rule::Left) => "the gradient at each step's start".into(),
            AskedRule::Given(Rule::Adaptive { tolerance }) => {
                format!("as many nodes as a tolerance of {tolerance:?} takes")
            }
            AskedRule::Auto { tolerance } => {
                format!("as many nodes as a few steps show to be enough for a tolerance of {tolerance:?}")
            }
        };
        format!("{} of {}; {rule}", list(&parts), readout.words())
    }
}

/// "a, b and c".
fn list(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        all => all.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_listed() {
        assert_eq!((list(&[]), list(&["a"])), (String::new(), "a".to_owned()));
        assert_eq!((list(&["a", "b"]), list(&["a", "b", "c"])), ("a and b".to_owned(), "a, b and c".to_owned()));
    }
}
