//! Whether the parts of a problem fit together.

use super::Problem;
use crate::compute::{Element, Entries};
use crate::error::Error;
use crate::loss::Targets;
use crate::path::{Rule, Spec};
use crate::readout::Readout;
use crate::tangent::{Carried, Contraction, choices};
use crate::training::Reduction;

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
        self.check_kernel()?;
        self.check_readout()?;
        self.check_contraction()
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
        let solved = optimizer.whole().is_solved();
        if solved && !matches!(self.spec.rule, Rule::Gauss { .. }) {
            return Err(wrong("kernel.rule: gradient flow is integrated at Gauss nodes within the solver's steps"));
        }
        let Spec { readout, loss, rule, .. } = &self.spec;
        if matches!(rule, Rule::Adaptive { .. }) && *readout == Readout::Loss && loss.has_kinks() {
            return Err(wrong(format!(
                "kernel.rule: adaptive splits steps where a unit of the network flips, not where the loss {} does, which is the \
                 readout; use gauss",
                loss.name()
            )));
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

    fn check_kernel(&self) -> Result<(), Error> {
        let Spec { optimizer, attribution, kernel, coefficients, tangent, .. } = &self.spec;
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
        self.check_positions()?;
        if !attribution && kernel.is_none() && !self.superposition {
            return Err(wrong("kernel.kernel: nothing is asked for"));
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
        if !readout.is_per_output() && matches!(kernel, Some(Entries::Trace | Entries::Diagonal)) {
            return Err(wrong("kernel.kernel: pairs equal outputs, and this kernel.readout has one row a query"));
        }
        Ok(())
    }

    /// Contractions must be possible ones, one for each layer that has parameters.
    fn check_contraction(&self) -> Result<(), Error> {
        let Some(wanted) = &self.contraction else { return Ok(()) };
        let layers = &self.network.blocks;
        let carried = Carried::new(self.spec.optimizer.whole(), &[], <f32 as Element>::ROUNDING);
        if wanted.len() != layers.len() {
            let (have, want) = (wanted.len(), layers.len());
            return Err(wrong(format!(
                "kernel.contraction: names {have} layers, but {want} have weights; give one word for each, or \"auto\""
            )));
        }
        for (own, wanted) in layers.iter().zip(wanted) {
            let possible = choices(&self.network, own, self.spec.readout, carried);
            if !possible.contains(wanted) {
                let possible: Vec<&str> = possible.into_iter().map(Contraction::name).collect();
                return Err(wrong(format!(
                    "kernel.contraction: layer {} cannot be {}; one of {}",
                    own.layer,
                    wanted.name(),
                    possible.join(", ")
                )));
            }
        }
        Ok(())
    }
}

fn wrong(problem: impl Into<String>) -> Error {
    Error::Input(problem.into())
}
