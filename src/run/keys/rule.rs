//! `kernel.rule`: the rule that a run file asks for, and what it was chosen by.

use super::Kernel;
use super::kernel::AUTO;
use crate::key::{Count, Custom, Form, Key, Keys, List, Number, Optional, Shape, Table, Value, Word, at};
use crate::path::{ChosenRule, Rule};
use crate::plural::counted;
use crate::problem::Expected;

/// The rule that a run file asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AskedRule {
    /// What a few steps show to be enough, once the path is there.
    Auto {
        /// What may stay unexplained of a step's change, relative.
        tolerance: f64,
    },
    /// This one.
    Given(Rule),
}

/// What a few steps showed when the rule was chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measured {
    /// The tolerance that was asked for.
    pub tolerance: f64,
    /// The largest error that was found, relative to the query's largest change in the step.
    pub error: f64,
    /// Nodes of a query and step: the mean.
    pub nodes: f64,
    /// Rows that the search for them passes for a query and step: the mean.
    pub searched: f64,
    /// The steps that were looked at.
    pub steps: Vec<usize>,
    /// How many queries were.
    pub queries: usize,
}

/// The tolerance, where none is given.
const USUAL: f64 = 1e-6;

impl AskedRule {
    /// What stands before a run file is read.
    pub(super) const START: Self = AskedRule::Auto { tolerance: USUAL };
}

/// Each rule with its defaults.
impl Word for AskedRule {
    fn all() -> Vec<Self> {
        let given = [Rule::Gauss { nodes: 3 }, Rule::Left, Rule::Adaptive { tolerance: USUAL }];
        std::iter::once(Self::START).chain(given.map(AskedRule::Given)).collect()
    }

    fn word(self) -> &'static str {
        match self {
            AskedRule::Auto { .. } => AUTO,
            AskedRule::Given(rule) => rule.name(),
        }
    }

    fn help(self) -> &'static str {
        match self {
            AskedRule::Auto { .. } => {
                "once the path is there, `gauss` with the fewest nodes whose error on a few steps is within `tolerance`, or `adaptive` \
                 where the network is piecewise linear; `gauss` with 3 nodes for gradient flow, whose path has its nodes in it"
            }
            AskedRule::Given(Rule::Gauss { .. }) => {
                "exactly `nodes` Gauss-Legendre nodes on each step's segment, nothing split; 3 without them"
            }
            AskedRule::Given(Rule::Left) => "the query's gradient at the step's start (Domingos' sum, TracIn)",
            AskedRule::Given(Rule::Adaptive { .. }) => "nodes by the certificate, segments split where a unit flips",
        }
    }
}

/// Nodes on each step's segment: one that needs more than 4096 is better split into smaller steps.
const COUNT: Count = Count { least: 1, most: 4096 };

/// A number of nodes, which gauss alone has.
pub(super) const NODES: Custom<Kernel> = Custom {
    read: |at, given, kernel: &mut Kernel| {
        let mut nodes = 0;
        COUNT.read(at, given, &mut nodes)?;
        kernel.rule = AskedRule::Given(Rule::Gauss { nodes });
        Ok(())
    },
    write: |kernel| match kernel.rule {
        AskedRule::Given(Rule::Gauss { nodes }) => Some(Value::from(nodes)),
        AskedRule::Given(Rule::Left | Rule::Adaptive { .. }) | AskedRule::Auto { .. } => None,
    },
    shape: || Form::<usize>::shape(&COUNT, &0),
};

/// The tolerance of the rules that have one.
pub(super) const TOLERANCE: Custom<Kernel> = Custom {
    read: |at, given, kernel: &mut Kernel| {
        let mut given_tolerance = 0.0;
        Number::AboveZero.read(at, given, &mut given_tolerance)?;
        match &mut kernel.rule {
            AskedRule::Auto { tolerance } | AskedRule::Given(Rule::Adaptive { tolerance }) => {
                *tolerance = given_tolerance;
            }
            AskedRule::Given(Rule::Gauss { .. } | Rule::Left) => {}
        }
        Ok(())
    },
    write: |kernel| match kernel.rule {
        AskedRule::Auto { tolerance } | AskedRule::Given(Rule::Adaptive { tolerance }) => {
            Some(Value::Number(tolerance))
        }
        AskedRule::Given(Rule::Gauss { .. } | Rule::Left) => None,
    },
    shape: || Number::AboveZero.shape(&0.0),
};

/// What a rule was chosen by.
pub(super) const MEASUREMENT: Custom<Kernel> = Custom {
    read: |at, given, kernel: &mut Kernel| MEASURED_FORM.read(at, given, &mut kernel.measured),
    write: |kernel| MEASURED_FORM.write(&kernel.measured),
    shape: || Shape::Plain("a table".to_owned()),
};

const MEASURED_FORM: Optional<Keys<Measured>> = Optional(Keys(MEASURED));

const MEASURED: &[Key<Measured>] = &[
    Key::required("tolerance", "the tolerance that was asked for", at!(Measured.tolerance, Number::AboveZero)),
    Key::required(
        "error",
        "the largest error, relative to the query's largest change in the step; 1 where it is as large as that",
        at!(Measured.error, Number::Share),
    ),
    Key::required("nodes", "nodes of a query and step: the mean", at!(Measured.nodes, Number::NotNegative)),
    Key::required(
        "searched",
        "rows that the search for these nodes passes for a query and step: the mean",
        at!(Measured.searched, Number::NotNegative),
    ),
    Key::required(
        "steps",
        "the steps that were looked at",
        at!(Measured.steps, List { each: Count::from(0), takes: "a list of steps, counted from 0" }),
    ),
    Key::required("queries", "how many queries were looked at", at!(Measured.queries, Count::from(0))),
];

/// What auto is for gradient flow, whose nodes are a part of its path: what is off there is off by less than the solver's steps are.
pub(super) const OF_FLOW: AskedRule = AskedRule::Given(Rule::Gauss { nodes: 3 });

/// Whoever gives a number of nodes and no rule means the rule that has one.
pub(super) fn fill_rule(kernel: &mut Table) {
    if kernel.get("nodes").is_some() && kernel.get("rule").is_none() {
        kernel.set("rule", Rule::Gauss { nodes: 0 }.name().into());
    }
}

impl Measured {
    /// The rule that was chosen by it and what it says, for people.
    pub fn words(&self, rule: Rule) -> String {
        let Self { error, nodes, steps, queries, .. } = self;
        let rule = match rule {
            Rule::Gauss { nodes } => format!("gauss with {}", counted(nodes, "node")),
            Rule::Left => rule.name().to_owned(),
            Rule::Adaptive { .. } => format!("adaptive, with {nodes:.1} nodes for each query and step"),
        };
        let (queries, steps) = (counted(*queries, "query"), counted(steps.len(), "step"));
        format!("{rule}; its largest error is {error:.1e} of a query's change, as {queries} on {steps} show")
    }
}

impl Kernel {
    /// The tolerance of the rule that is to be chosen; `None` where the rule is known.
    pub fn unchosen(&self) -> Option<f64> {
        match self.rule {
            AskedRule::Auto { tolerance } => Some(tolerance),
            AskedRule::Given(_) => None,
        }
    }

    /// What the rule `adaptive` is expected to take, where it was chosen by that.
    pub fn expected(&self) -> Option<Expected> {
        let Measured { nodes, searched, .. } = self.measured.as_ref()?;
        Some(Expected { nodes: (nodes.ceil() as usize).max(1), searched: *searched })
    }

    /// The rule that was chosen and what it was chosen by, for people; `None` where none was.
    pub fn chosen_words(&self) -> Option<String> {
        match self.rule {
            AskedRule::Auto { .. } => None,
            AskedRule::Given(rule) => self.measured.as_ref().map(|measured| measured.words(rule)),
        }
    }

    /// Takes a rule that was chosen.
    pub fn choose(&mut self, chosen: ChosenRule) {
        let Some(tolerance) = self.unchosen() else { return };
        let ChosenRule { rule, error, nodes, searched, steps, queries } = chosen;
        self.rule = AskedRule::Given(rule);
        self.measured = Some(Measured { tolerance, error: error.min(1.0), nodes, searched, steps, queries });
    }

    /// Takes the rule that was chosen for the same tolerance, where one is to be chosen.
    pub fn take_chosen(&mut self, recorded: &Kernel) {
        if recorded.measured.as_ref().is_some_and(|measured| Some(measured.tolerance) == self.unchosen()) {
            self.rule = recorded.rule;
            self.measured.clone_from(&recorded.measured);
        }
    }

    /// Forgets what chose another rule than the one that stands here.
    pub(super) fn forget_other_choice(&mut self) {
        let rule = self.rule;
        self.measured.take_if(|measured| match rule {
            AskedRule::Given(Rule::Gauss { nodes }) => measured.nodes != nodes as f64,
            AskedRule::Given(Rule::Adaptive { tolerance }) => measured.tolerance != tolerance,
            AskedRule::Given(Rule::Left) | AskedRule::Auto { .. } => true,
        });
    }
}
