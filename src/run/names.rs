//! What examples, queries and classes are called.

use super::exclude::Excluded;
use super::keys::{Report, RunFile};
use super::vocabulary::Vocabulary;
use crate::error::Error;
use crate::formats::read_text;
use crate::graph::Graph;
use crate::problem::Problem;

/// What examples, queries and classes are called, and how their tokens are read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Names {
    classes: Vec<String>,
    examples: Vec<String>,
    /// Whether the queries are the examples.
    shared: bool,
    vocabulary: Option<Vocabulary>,
}

impl Names {
    /// Those that a run file names, held against the problem where its data are there.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or another number of names or pixels than there is.
    pub fn read(run_file: &RunFile, problem: Option<&Problem>) -> Result<Self, Error> {
        let Report { class_names, names, vocabulary, .. } = &run_file.report;
        let vocabulary = vocabulary.as_ref().map(|path| Vocabulary::read(path.as_ref())).transpose()?;
        let text = names.as_ref().map(|path| read_text(path.as_ref())).transpose()?.unwrap_or_default();
        let mut examples: Vec<String> = text.lines().map(shown).collect();
        let excluded = Excluded::read(run_file)?;
        if let Some(problem) = problem {
            check(&run_file.report, problem, [examples.len(), problem.examples() + excluded.count()])?;
        } else if run_file.data.groups.is_some() {
            // Nothing tells whose column is which row's.
            examples.clear();
        }
        // Rows of the training set are those that are left.
        let mut number = 0..;
        examples.retain(|_| number.next().is_some_and(|number| excluded.place(number).is_some()));
        let classes = class_names.iter().flatten().map(|name| shown(name)).collect();
        Ok(Self { classes, examples, shared: run_file.data.query_inputs.is_none(), vocabulary })
    }

    /// What a class is called, or an output; of outputs at several positions each position has all classes.
    pub fn class(&self, number: usize) -> Option<&str> {
        let place = number.checked_rem(self.classes.len())?;
        self.classes.get(place).map(String::as_str)
    }

    /// What a row of the training data is called.
    pub fn example(&self, row: usize) -> Option<&str> {
        self.examples.get(row).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// What a query is called, where the queries are the training set.
    pub fn query(&self, number: usize) -> Option<&str> {
        self.example(number).filter(|_| self.shared)
    }

    /// Whether tokens have words.
    pub fn has_vocabulary(&self) -> bool {
        self.vocabulary.is_some()
    }

    /// An example's tokens as pieces of text, where their words are known: those of each input of whole numbers.
    pub fn tokens(&self, network: &Graph, example: &[f64]) -> Option<Vec<Vec<String>>> {
        let vocabulary = self.vocabulary.as_ref()?;
        let mut rest = example;
        let mut texts = Vec::new();
        for input in &network.inputs {
            let (own, others) = rest.split_at_checked(input.len())?;
            rest = others;
            texts.extend(input.whole.then(|| vocabulary.pieces(own)));
        }
        Some(texts)
    }

    /// The text of some tokens, where their words are known.
    pub fn text(&self, tokens: &[f64]) -> Option<String> {
        Some(self.vocabulary.as_ref()?.pieces(tokens).concat())
    }
}

/// A name without what a terminal would obey.
fn shown(name: &str) -> String {
    name.replace(char::is_control, " ").trim().to_owned()
}

/// `names` are how many there are, and how many there should be.
fn check(report: &Report, problem: &Problem, [names, examples]: [usize; 2]) -> Result<(), Error> {
    let wrong = |key: &str, problem: String| Err(Error::Input(format!("report.{key}: {problem}")));
    let network = &problem.network;
    let outputs = network.shape(network.output());
    let classes = [network.outputs, outputs.last().copied().unwrap_or(1)];
    match &report.class_names {
        Some(names) if !classes.contains(&names.len()) => {
            let problem =
                format!("has {} names, but the network's outputs are {outputs:?}; give one for each", names.len());
            return wrong("class_names", problem);
        }
        _ => {}
    }
    match &report.names {
        Some(path) if names != examples => {
            let problem =
                format!("{path} has {names} lines, but there are {examples} training examples; give each one line");
            return wrong("names", problem);
        }
        _ => {}
    }
    match report.shape.as_deref() {
        Some(shape @ ([_, _] | [1 | 3, _, _]))
            if shape.iter().try_fold(1usize, |all, &side| all.checked_mul(side)) != Some(network.input_len()) =>
        {
            let problem = format!("{shape:?} has not the {} values of an input", network.input_len());
            return wrong("shape", problem);
        }
        Some([_, _] | [1 | 3, _, _]) | None => {}
        Some(shape) => {
            let problem = "is no picture; give height and width, or 1 or 3 channels before them";
            return wrong("shape", format!("{shape:?} {problem}"));
        }
    }
    if report.vocabulary.is_some() && network.inputs.iter().all(|input| !input.whole) {
        let problem = "the network has no input of type = \"integer\", whose tokens it would name; remove it";
        return wrong("vocabulary", problem.into());
    }
    Ok(())
}
