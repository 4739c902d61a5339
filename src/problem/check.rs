//! Whether the parts of a problem fit together.

use super::Problem;
use crate::compute::{Element, Entries};
use crate::error::Error;
use crate::influence::Influence;
use crate::loss::Targets;
use crate::path::{Rule, Spec};
use crate::plural::counted;
use crate::tangent::{Carried, Contraction, choices, is_directional};
use crate::tape::Step;
use crate::training::Reduction;
use std::ops::Range;

impl Problem {
    /// Checks numbers of elements, classes, batches and contractions against each other.
    ///
    /// # Errors
    ///
    /// What does not fit, and what would.
    pub fn check(&self) -> Result<(), Error> {
        self.check_rows("inputs", &self.inputs)?;
        self.check_targets("targets", &self.targets, self.examples())?;
        let fits = self.aims().check(self.spec.loss);
        fits.map_err(|(key, problem)| wrong(format!("{key}: {problem}")))?;
        self.check_rows("queries", self.queries())?;
        self.check_tokens()?;
        if let Some(targets) = &self.query_targets {
            self.check_targets("query targets", targets, self.query_count())?;
        }
        let same = self.queries.is_none() && self.groups.is_none() && !self.network.differs_in_training();
        if self.spec.symmetric != same {
            return Err(wrong(
                "spec.symmetric: is true where the queries are the columns of the arrays and meet the same network, and nowhere else",
            ));
        }
        if let Some(groups) = self.groups.as_ref().filter(|groups| groups.rows() != self.examples()) {
            let (have, want) = (groups.rows(), self.examples());
            return Err(wrong(format!("data.train.groups: has {have} numbers, and there are {want} examples")));
        }
        self.check_steps()?;
        self.check_path()?;
        self.check_coupling()?;
        self.check_kernel()?;
        self.check_readout()?;
        self.check_influence()?;
        self.check_contraction()
    }

    /// What the influence asks of steps, and the numbers that it is asked with.
    fn check_influence(&self) -> Result<(), Error> {
        let Some(Influence { weight, eps, smooth }) = self.influence else { return Ok(()) };
        let optimizer = self.spec.optimizer.whole();
        if let Some(why) = optimizer.no_derivative() {
            return Err(wrong(format!(
                "kernel.influence: {} {why}; take another optimizer, or leave the influence out",
                optimizer.name()
            )));
        }
        if !(weight > 0.0 && weight.is_finite()) {
            return Err(wrong(format!(
                "kernel.influence.weight: is {weight}, and has to be above 0; 1 is the run's own path"
            )));
        }
        for (key, value) in [("eps", eps), ("smooth", smooth)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(wrong(format!("kernel.influence.{key}: is {value}, and may not be below 0")));
            }
        }
        Ok(())
    }

    fn check_rows(&self, name: &str, values: &[f64]) -> Result<(), Error> {
        let width = self.network.input_len();
        if values.is_empty() || width == 0 || !values.len().is_multiple_of(width) {
            let (have, shape) = (values.len(), &self.network.input);
            return Err(wrong(format!("{name}: {have} numbers are not rows of shape {shape:?}, at least one")));
        }
        Ok(())
    }

    fn check_tokens(&self) -> Result<(), Error> {
        let of = |name: &str, values: &[f64]| {
            self.network.check_tokens(values).map_err(|problem| wrong(format!("{name}: {problem}")))
        };
        of("inputs", &self.inputs)?;
        self.queries.as_ref().map_or(Ok(()), |queries| of("queries", queries))
    }

    fn check_targets(&self, name: &str, targets: &Targets, rows: usize) -> Result<(), Error> {
        let fits = targets.check(self.spec.loss, rows, self.network.outputs);
        fits.map_err(|problem| wrong(format!("{name}: {problem}")))
    }

    fn check_steps(&self) -> Result<(), Error> {
        let examples = self.examples();
        if self.every == 0 {
            return Err(wrong("every: must be at least 1"));
        }
        for (number, step) in self.steps.iter().enumerate() {
            let batch = step.batch.as_deref().unwrap_or_default();
            if step.batch.is_some() && batch.is_empty() {
                return Err(wrong(format!("steps: step {number} has no example")));
            }
            if let Some(example) = batch.iter().find(|&&example| example as usize >= examples) {
                return Err(wrong(format!(
                    "steps: step {number} names example {example}, but there are examples 0 to {}",
                    examples - 1
                )));
            }
            if self.reduction == Reduction::Mean && !(step.total > 0.0 && step.total.is_finite()) {
                return Err(wrong(format!(
                    "steps: the weights of step {number}'s batch add up to {}, and its loss is divided by their sum; give it an \
                     example with a weight (data.train.weights, class_weights and ignore all count), or set \
                     training.reduction = \"sum\"",
                    step.total
                )));
            }
        }
        Ok(())
    }

    /// Which paths can be made, followed and integrated.
    fn check_path(&self) -> Result<(), Error> {
        let optimizer = &self.spec.optimizer;
        optimizer.check(self.network.blocks.len(), self.steps.len()).map_err(|problem| wrong(problem.to_string()))?;
        optimizer.check_state(self.network.len).map_err(|problem| wrong(problem.to_string()))?;
        let solved = optimizer.whole().is_solved();
        if solved && !matches!(self.spec.rule, Rule::Gauss { .. }) {
            return Err(wrong("kernel.rule: gradient flow is integrated at Gauss nodes within the solver's steps"));
        }
        let Spec { loss, rule, .. } = &self.spec;
        if matches!(rule, Rule::Adaptive { .. }) && !self.spec.may_split() {
            return Err(wrong(format!(
                "kernel.rule: adaptive splits steps where a unit of the network flips, not where the loss {} does, which is the \
                 readout; use gauss",
                loss.name()
            )));
        }
        if solved && self.network.in_training().draws() {
            return Err(wrong(
                "training.optimizer: gradient flow has no steps for which dropout could be drawn; set p = 0, or take another \
                 optimizer",
            ));
        }
        if self.every > 1 && (solved || self.imported) {
            return Err(wrong("trajectory.every: gradient flow and imported paths record every step"));
        }
        if solved && self.imported {
            return Err(wrong("trajectory.import: gradient flow records its own path"));
        }
        if self.imported && !self.network.held.is_empty() && !self.network.follows_held() {
            return Err(wrong("network: an imported path may move held parameters; take Graph::following_held"));
        }
        Ok(())
    }

    /// What has no meaning where the examples of a batch depend on each other.
    fn check_coupling(&self) -> Result<(), Error> {
        let network = self.network.in_training();
        if !network.couples_rows() {
            return Ok(());
        }
        if self.spec.optimizer.whole().is_solved() {
            return Err(wrong(
                "training.optimizer: gradient flow takes no batches by which batch_norm's running statistics would move; take an \
                 optimizer with steps, or model.layers with statistics = \"running\"",
            ));
        }
        if self.spec.kernel.is_some() {
            return Err(wrong(
                "kernel.kernel: batch_norm with statistics = \"batch\" makes each output depend on the whole batch, so that no kernel \
                 pairs a query with one example; set kernel.kernel = \"none\" and take the attribution, or statistics = \"running\"",
            ));
        }
        if self.spec.positions.is_some() {
            return Err(wrong(
                "kernel.positions: batch_norm with statistics = \"batch\" makes each position's loss depend on the whole batch, which \
                 is not split yet; remove the key, or take statistics = \"running\"",
            ));
        }
        let single = |step: &Step| step.batch_len() == 1;
        match self.steps.iter().position(single).filter(|_| network.needs_two_rows()) {
            None => Ok(()),
            Some(number) => Err(wrong(format!(
                "training.batch_size or training.batches: the batch of step {number} is one example, and batch_norm with statistics = \
                 \"batch\" has one number a channel there, which has no variance; give each batch two examples at least, the last \
                 one of a pass over the data among them"
            ))),
        }
    }

    fn check_kernel(&self) -> Result<(), Error> {
        let Spec { optimizer, kernel, coefficients, tangent, .. } = &self.spec;
        if optimizer.whole().has_memory() && kernel.is_some() {
            return Err(wrong(
                "kernel.kernel: a step with momentum, or of Adam and its like, mixes the gradients of many steps, so that no integral of \
                 tangent kernels is multiplied with loss gradients; the attribution is as exact",
            ));
        }
        if *coefficients && !matches!(kernel, Some(Entries::Diagonal | Entries::Full)) {
            return Err(wrong("kernel.coefficients: need the kernel's diagonal or all of it"));
        }
        if *tangent && kernel.is_none() {
            return Err(wrong("kernel.tangent: has the kernel's shape, and no kernel is asked for"));
        }
        self.check_windows()?;
        self.check_positions()
    }

    /// Windows of training need steps. Those that gradient flow takes show only when it runs: a window of its time may have none.
    fn check_windows(&self) -> Result<(), Error> {
        let (windows, steps) = (self.spec.windows, self.steps.len());
        if windows > 0 && !self.spec.attribution {
            return Err(wrong("kernel.windows: split the attribution, which is not asked for"));
        }
        if windows > steps && !self.spec.optimizer.whole().is_solved() {
            return Err(wrong(format!(
                "kernel.windows: asks for {}, and training takes {}; a window holds one step at the least",
                counted(windows, "window"),
                counted(steps, "step")
            )));
        }
        Ok(())
    }

    /// Attributions of positions need targets that have several.
    fn check_positions(&self) -> Result<(), Error> {
        let (Some(positions), have) = (self.spec.positions, self.aims().positions()) else { return Ok(()) };
        if !self.spec.attribution {
            return Err(wrong("kernel.positions: splits the attribution, which is not asked for"));
        }
        if have == 1 {
            return Err(wrong(
                "kernel.positions: the targets have one position, so that an example's loss has a single term, and the \
                 attribution is that of it; remove the key, or give targets of several positions, [m, T]",
            ));
        }
        if positions != have {
            return Err(wrong(format!("kernel.positions: are {positions}, and the targets have {have}")));
        }
        Ok(())
    }

    fn check_readout(&self) -> Result<(), Error> {
        let (readout, loss, kernel) = (self.spec.readout, self.spec.loss, self.spec.kernel);
        readout.source(loss).map_err(|problem| wrong(format!("kernel.readout: {problem}")))?;
        if readout.needs_targets() && self.query_targets.is_none() {
            return Err(wrong("kernel.readout: needs the targets of the queries"));
        }
        let (shape, positions) = (self.network.shape(self.network.output()), self.aims().positions());
        let fits = self.spec.chosen.check(readout, loss, shape, self.query_aims(), positions);
        fits.map_err(|problem| wrong(format!("kernel.readout: {problem}")))?;
        if self.own {
            let fits = self.spec.chosen.check(readout, loss, shape, Some(self.own_aims()), positions);
            fits.map_err(|problem| wrong(format!("kernel.own: the examples are queries here: {problem}")))?;
        }
        if !readout.is_per_output() && matches!(kernel, Some(Entries::Trace | Entries::Diagonal)) {
            return Err(wrong("kernel.kernel: pairs equal outputs, and this kernel.readout has one row a query"));
        }
        Ok(())
    }

    /// Contractions must be possible ones, one for each layer that has parameters.
    fn check_contraction(&self) -> Result<(), Error> {
        let Some(wanted) = &self.contraction else { return Ok(()) };
        let (blocks, layers) = (&self.network.blocks, self.network.layers());
        if wanted.len() != blocks.len() && wanted.len() != layers.len() {
            let (have, want) = (counted(wanted.len(), "layer"), layers.len());
            return Err(wrong(format!(
                "kernel.contraction: names {have}, and {want} have weights; give one word for each, or \"auto\""
            )));
        }
        if is_directional(wanted) {
            return self.check_directional(wanted);
        }
        let each: Vec<Range<usize>> = if wanted.len() == blocks.len() {
            (0..blocks.len()).map(|block| block..block + 1).collect()
        } else {
            layers
        };
        for (range, wanted) in each.into_iter().zip(wanted) {
            let own = &blocks[range.start];
            let mut possible: Vec<Contraction> = range.flat_map(|block| self.possible(block)).collect();
            if !possible.contains(wanted) {
                possible.sort_by_key(|choice| Contraction::ALL.iter().position(|other| other == choice));
                possible.dedup();
                let mut possible: Vec<&str> = possible.into_iter().map(Contraction::name).collect();
                if self.network.in_training().couples_rows() {
                    possible
                        .push("directional, of all layers (batch_norm with statistics = \"batch\" allows no other)");
                }
                let is_split = *wanted == Contraction::Forwards && self.spec.windows > 0;
                let because = if is_split {
                    " with kernel.windows, since what goes forwards in time is momentum of all steps so far"
                } else {
                    ""
                };
                return Err(wrong(format!(
                    "kernel.contraction: layer {} cannot be {}{because}; one of {}",
                    own.layer,
                    wanted.name(),
                    possible.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// A pass of the examples along ψ is for all layers.
    fn check_directional(&self, wanted: &[Contraction]) -> Result<(), Error> {
        let Some(at) = wanted.iter().position(|own| *own != Contraction::Directional) else { return Ok(()) };
        let (blocks, layers) = (&self.network.blocks, self.network.layers());
        // A word is a block's or a layer's.
        let block = if wanted.len() == blocks.len() { at } else { layers[at].start };
        Err(wrong(format!(
            "kernel.contraction: layer {} is {}, and another one is directional, which is a way for all layers or for none; give \
             \"directional\" {} times, or other words alone",
            blocks[block].layer,
            wanted[at].name(),
            wanted.len()
        )))
    }

    /// How ψ is carried over steps of these rates, in arithmetic with a rounding of `rounding`. Momentum of examples goes forwards in
    /// time where each has a column of its own, nothing but its loss over the whole of training is asked for, and the queries' nodes are
    /// found without a search: a step that momentum reaches does not tell the steps apart that it came from.
    pub(crate) fn carried(&self, rates: &[f64], rounding: f64) -> Carried {
        let Spec { optimizer, windows, positions, rule, .. } = &self.spec;
        let carried = Carried::new(optimizer.whole(), rates, rounding);
        let is_searched = matches!(rule, Rule::Adaptive { .. });
        let is_split = *windows > 0 || positions.is_some();
        if is_searched || is_split || self.groups.is_some() { carried.backwards() } else { carried }
    }

    /// The ways in which a block's gradients can be contracted.
    fn possible(&self, block: usize) -> Vec<Contraction> {
        let carried = self.carried(&[], <f32 as Element>::ROUNDING);
        choices(&self.network, &self.network.blocks[block], self.spec.readout, carried)
    }

    /// The contraction of each block, where they are given. A layer's word is that of all its blocks that can be contracted so;
    /// the others are materialised.
    pub(crate) fn contractions(&self) -> Option<Vec<Contraction>> {
        let (wanted, layers) = (self.contraction.as_ref()?, self.network.layers());
        if wanted.len() == self.network.blocks.len() || wanted.len() != layers.len() {
            return Some(wanted.clone());
        }
        let of = |block: usize, word: Contraction| {
            let takes = word == Contraction::Directional || self.possible(block).contains(&word);
            if takes { word } else { Contraction::Materialised }
        };
        Some(
            layers
                .into_iter()
                .zip(wanted)
                .flat_map(|(blocks, &word)| blocks.map(move |block| of(block, word)))
                .collect(),
        )
    }
}

fn wrong(problem: impl Into<String>) -> Error {
    Error::Input(problem.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::layer::{Flatten, Layer, LayerKind, Linear, Lstm};
    use crate::loss::Loss;
    use crate::optimizer::{Optimizer, Sgd};

    /// An lstm has four blocks of parameters, two of which are biases, whose gradient rows have no factors.
    #[test]
    fn a_word_for_a_layer_is_for_all_its_blocks() {
        use Contraction::{Factored, Half, Materialised, Output};
        let layers: [LayerKind; 3] =
            [Lstm { features: 2, bias: true }.into(), Flatten.into(), Linear { features: 1, bias: true }.into()];
        let network = Graph::new(&[2, 3], &layers.map(Layer::new)).expect("a graph");
        assert_eq!((network.blocks.len(), network.layers().len()), (5, 2));
        let with = |words: &[Contraction]| {
            let (inputs, targets) = (vec![0.5; 6], Targets::Reals(vec![1.0]));
            let optimizer = Optimizer::Sgd(Sgd::plain(0.1));
            let problem = Problem::new(network.clone(), Loss::SquaredError, optimizer, inputs, targets).full_batches(1);
            Problem { contraction: Some(words.to_vec()), ..problem }
        };
        let found = |words: &[Contraction]| {
            let problem = with(words);
            problem.check().map(|()| problem.contractions().unwrap_or_default()).map_err(|error| error.to_string())
        };
        assert_eq!(found(&[Factored, Output]), Ok(vec![Factored, Materialised, Materialised, Factored, Output]));
        assert_eq!(found(&[Half, Materialised]), Ok(vec![Half, Half, Half, Half, Materialised]));
        let each = [Half, Materialised, Half, Factored, Output];
        assert_eq!(found(&each), Ok(each.to_vec()));
        let problem = |words: &[Contraction]| found(words).expect_err("an error");
        assert!(
            problem(&[Output, Half])
                .contains("layer 0 cannot be output; one of factored, averaged, materialised, half")
        );
        assert!(problem(&[Half; 3]).contains("names 3 layers, and 2 have weights"));
    }
}
