//! What a finished run says of itself.

use super::{Fingerprint, STATE, Store, bytes};
use crate::compute::Phase;
use crate::error::Error;
use crate::formats::each_piece;
use crate::optimizer::Optimizer;
use crate::path::Rule;
use crate::run::PlanFigures;
use crate::run::keys::Measured;
use crate::run::verdict::{Findings, InfluenceFindings, Judgement};
use crate::tangent::Contraction;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a finished run says of itself.
#[derive(Debug)]
pub struct Summary {
    /// The optimizer that made the path.
    pub optimizer: Optimizer,
    /// The readout's name.
    pub readout: &'static str,
    /// What it ran on.
    pub device: String,
    /// `f32` or `f64`.
    pub precision: &'static str,
    /// m, n, C, trained numbers and steps.
    pub shapes: [usize; 5],
    /// The share of the queries classified right, where that is known.
    pub query_accuracy: Option<f64>,
    /// How large residual and unexplained part are.
    pub findings: Findings,
    /// What causes that they are larger than what is accepted.
    pub causes: Vec<String>,
    /// What is to be said of the influences, where there are any.
    pub influence: Option<InfluenceFindings>,
    /// The largest share that the sums' rounding has of what it may have.
    pub largest_rounding_share: f64,
    /// Values of queries whose sums rounding should not be able to miss so far, and whose tiles came out with the same bits when
    /// they were computed again.
    pub repeated_values: usize,
    /// The rule.
    pub rule: Rule,
    /// What it was chosen by, where it was.
    pub measured: Option<Measured>,
    /// The steps at which stretches of training begin that are kept apart, and the number of steps; empty where none are.
    pub windows: Vec<usize>,
    /// Quadrature nodes of each step, summed over the queries.
    pub nodes: Vec<usize>,
    /// Steps of queries that the rule `adaptive` could not explain to its tolerance; `None` for other rules.
    pub missed_tolerance: Option<usize>,
    /// Coefficients that are not a number.
    pub undefined_coefficients: usize,
    /// Shares of the superposition that are not a number.
    pub undefined_shares: usize,
    /// Seconds of training, integration and writing.
    pub seconds: [f64; 3],
    /// Seconds of each phase of the integration, where the device can tell.
    pub phases: Option<[f64; Phase::COUNT]>,
    /// Floating-point operations of the contractions.
    pub flops: f64,
    /// Floating-point operations of the forward and backward passes, roughly.
    pub pass_flops: f64,
    /// The layer of each block of parameters, and its contraction.
    pub contraction: Vec<(usize, Contraction)>,
    /// Tiles.
    pub tiles: usize,
    /// What was planned.
    pub planned: PlanFigures,
    /// The input files, and what they held.
    pub inputs: BTreeMap<String, Fingerprint>,
    /// What was done to fit files of weights to the model.
    pub notes: Vec<String>,
}

impl Summary {
    /// The verdict, with its reason.
    pub fn judgement(&self) -> Judgement {
        let influence = self.influence.as_ref().map(InfluenceFindings::judgement);
        Judgement::new(&self.findings, &self.causes).with(influence)
    }

    /// Quadrature nodes for each query and step: the mean, and that of the step that took most.
    pub fn nodes_each(&self) -> [f64; 2] {
        let [_, queries, _, _, steps] = self.shapes;
        let each = |nodes: usize| nodes as f64 / queries.max(1) as f64;
        let (all, largest) = (self.nodes.iter().sum::<usize>(), self.nodes.iter().max().copied().unwrap_or(0));
        [each(all) / steps.max(1) as f64, each(largest)]
    }

    /// What `summary.json` says, without what it says of the directory's files.
    pub fn to_json(&self) -> serde_json::Value {
        let [examples, queries, outputs, parameters, steps] = self.shapes;
        let [train, integrate, write] = self.seconds;
        let contraction = by_layer(&self.contraction);
        let Judgement { verdict, because, .. } = self.judgement();
        let Findings { residual, unexplained, outputs_differ, loss_differs, .. } = self.findings;
        let mut value = json!({
            "verdict": verdict.name(),
            "because": because,
            "causes": self.causes,
            "imported": unexplained.is_some(),
            "version": env!("CARGO_PKG_VERSION"),
            "device": self.device,
            "optimizer": self.optimizer.name(),
            "readout": self.readout,
            "precision": self.precision,
            "shapes": { "examples": examples, "queries": queries, "outputs": outputs, "parameters": parameters, "steps": steps },
            "query_accuracy": self.query_accuracy,
            "largest_relative_residual": residual,
            "largest_relative_unexplained": unexplained,
            "largest_rounding_share": self.largest_rounding_share,
            "repeated_values": self.repeated_values,
            "rule": self.rule(),
            "nodes": self.nodes(),
            "missed_tolerance": self.missed_tolerance,
            "undefined_coefficients": self.undefined_coefficients,
            "undefined_shares": self.undefined_shares,
            "seconds": { "train": train, "integrate": integrate, "write": write },
            "planned": self.planned,
            "phases": self.phases(),
            "flops": self.flops,
            "contraction": contraction,
            "tiles": self.tiles,
            "inputs": self.inputs,
            "notes": self.notes,
        });
        if !self.windows.is_empty() {
            value["windows"] = json!(self.windows);
        }
        if let Some(influence) = &self.influence {
            value["influence"] = influence.to_json();
        }
        for (key, differ) in [("outputs_differ", outputs_differ), ("loss_differs", loss_differs)] {
            if let Some(differ) = differ {
                value[key] = json!(differ);
            }
        }
        value
    }

    /// The rule with its number, and what it was chosen by.
    fn rule(&self) -> serde_json::Value {
        let measured = self.measured.as_ref();
        let (nodes, tolerance) = match self.rule {
            Rule::Gauss { nodes } => (Some(nodes), measured.map(|measured| measured.tolerance)),
            Rule::Left => (None, None),
            Rule::Adaptive { tolerance } => (None, Some(tolerance)),
        };
        json!({
            "type": self.rule.name(),
            "nodes": nodes,
            "tolerance": tolerance,
            "error": measured.map(|measured| measured.error),
            "steps": measured.map(|measured| &measured.steps),
            "queries": measured.map(|measured| measured.queries),
        })
    }

    fn nodes(&self) -> serde_json::Value {
        let [each, largest] = self.nodes_each();
        json!({ "per_query_and_step": each, "of_largest_step": largest })
    }

    /// The integration's time by phase, with each phase's share and its operations a second.
    fn phases(&self) -> serde_json::Value {
        let Some(seconds) = self.phases else { return serde_json::Value::Null };
        let all: f64 = seconds.iter().sum();
        let one = |phase: Phase, flops: Option<f64>| {
            let seconds = seconds[phase as usize];
            json!({ "seconds": seconds, "share": seconds / all, "gflops": flops.map(|flops| flops / seconds / 1e9) })
        };
        json!({
            "passes": one(Phase::Passes, Some(self.pass_flops)),
            "contraction": one(Phase::Contraction, Some(self.flops)),
            "rest": one(Phase::Rest, None),
        })
    }
}

impl Store {
    /// Writes `summary.json`: from then on the run is finished.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn finish(&self, summary: &Summary) -> Result<(), Error> {
        let kept = |path: &PathBuf| {
            !path.ends_with(STATE) && ["tmp", "html"].iter().all(|end| path.extension() != Some(end.as_ref()))
        };
        let (mut checksums, mut disk) = (BTreeMap::new(), 0);
        for path in self.results().into_iter().filter(kept) {
            disk += bytes(&path);
            if path.is_file() {
                let name = path.strip_prefix(&self.directory).unwrap_or(&path).to_string_lossy().into_owned();
                checksums.insert(name, checksum(&path)?);
            }
        }
        let mut value = summary.to_json();
        value["disk"] = json!(disk);
        value["checksums"] = json!(checksums);
        self.write("summary.json", &format!("{value:#}\n"))
    }
}

/// The CRC-32C of a file, in hexadecimal digits.
pub(super) fn checksum(path: &Path) -> Result<String, Error> {
    let mut checksum = 0;
    each_piece(path, &mut |piece| checksum = crc32c::crc32c_append(checksum, piece))
        .map_err(|source| Error::file(path, source))?;
    Ok(format!("{checksum:08x}"))
}

/// By layer the contraction, or where its blocks of parameters differ, theirs in order.
fn by_layer(blocks: &[(usize, Contraction)]) -> serde_json::Map<String, serde_json::Value> {
    let mut layers: BTreeMap<usize, Vec<Contraction>> = BTreeMap::new();
    blocks.iter().for_each(|&(layer, choice)| layers.entry(layer).or_default().push(choice));
    let one = |(layer, choices): (usize, Vec<Contraction>)| {
        let is_one = choices.iter().all(|choice| *choice == choices[0]);
        (layer.to_string(), if is_one { json!(choices[0]) } else { json!(choices) })
    };
    layers.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_block_of_a_layer_is_lost() {
        use Contraction::{Factored, Materialised, Output};
        let blocks = [(0, Factored), (0, Materialised), (2, Materialised), (2, Materialised), (3, Output)];
        let want = json!({ "0": ["factored", "materialised"], "2": "materialised", "3": "output" });
        assert_eq!(serde_json::Value::Object(by_layer(&blocks)), want);
    }
}
