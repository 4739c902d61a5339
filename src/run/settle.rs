//! What all tiles of a run add up to, in a directory or in memory: residuals, the verdict, and what is said of the run.

use super::certificate::{PRACTICAL, Retrained, small};
use super::prepared::{Prepared, Purpose};
use super::resume::Watch;
use crate::compute::{Element, Phase, convert};
use crate::device::Precision;
use crate::error::Error;
use crate::loss::{IGNORED, Targets};
use crate::path::{Rule, Tile, larger};
use crate::problem::{Problem, SelfAttribution};
use crate::run::store::{Arrays, Doubt, Fingerprint, Queries, Record, Summary};
use crate::run::verdict::{
    Findings, Imported, InfluenceFindings, Integral, Retrainings, Verdict, of_inexact, of_unexplained,
};
use crate::run::witness::Witness;
use crate::tape::AnyTape;
use std::collections::BTreeMap;

/// What one rounding to 16 bits changes at the most, relative.
const HALF_ROUNDING: f64 = 1.0 / 2048.0;

/// The records of all tiles, in their order.
pub(super) struct Records {
    pub pairs: Vec<Record>,
    pub own: Vec<Record>,
    pub influence: Vec<Record>,
}

impl Records {
    /// Those of a purpose.
    pub fn of(&mut self, purpose: Purpose) -> &mut Vec<Record> {
        match purpose {
            Purpose::Pairs => &mut self.pairs,
            Purpose::Own => &mut self.own,
            Purpose::Influence => &mut self.influence,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Record> {
        self.pairs.iter().chain(&self.own).chain(&self.influence)
    }

    /// By step the largest growth of λ; empty without influences.
    pub fn growth(&self) -> Vec<f64> {
        let Some((first, others)) = self.influence.split_first() else { return Vec::new() };
        let mut growth = first.growth.clone();
        for other in others {
            growth.iter_mut().zip(&other.growth).for_each(|(all, &own)| *all = larger(*all, own));
        }
        growth
    }

    /// What the tiles were computed on.
    fn device_names(&self, planned: &str) -> String {
        let mut names: Vec<&str> = self.all().map(|record| record.effort.device.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() { planned.to_owned() } else { names.join(", ") }
    }

    /// Seconds of each phase of all tiles, where every device can tell.
    fn phases(&self) -> Option<[f64; Phase::COUNT]> {
        let mut all = [0.0; Phase::COUNT];
        for record in self.all() {
            let own = record.effort.phases?;
            all.iter_mut().zip(own).for_each(|(all, own)| *all += own);
        }
        Some(all)
    }
}

/// What the tiles of pairs add up to.
pub(super) struct Settled {
    /// What belongs to the queries and the steps, residuals among it.
    pub queries: Queries,
    /// Coefficients that are not a number.
    undefined_coefficients: usize,
    /// Tiles whose queries' sums rounding does not explain.
    pub doubted: Vec<(Tile, Doubt)>,
}

/// Fills in the halves of symmetric kernels that were not computed, divides the coefficients, and finds what is left of each
/// query's change.
///
/// # Errors
///
/// A tile that is missing or damaged, a disk that refuses, or the run shall stop.
pub(super) fn settle<E: Element>(
    prepared: &Prepared,
    tape: &AnyTape,
    arrays: &Arrays<E>,
    records: &Records,
    watch: &Watch<'_>,
) -> Result<Settled, Error> {
    let (problem, history) = (prepared.problem(), tape.history());
    let largest = records.pairs.iter().fold(0.0, |largest: f64, record| largest.max(record.largest_kernel));
    let is_mixed = prepared.run_file.run.precision == Precision::Mixed;
    let unit = if is_mixed { HALF_ROUNDING } else { E::ROUNDING };
    let mut settled =
        Settled { queries: Queries::new(problem, history), undefined_coefficients: 0, doubted: Vec::new() };
    for (tile, record) in prepared.plan().tiles.iter().zip(&records.pairs) {
        if problem.spec.triangle(&history.steps) {
            arrays.mirror_kernel(tile)?;
        }
        if problem.spec.half_tangent() {
            arrays.mirror_tangent(tile)?;
        }
        settled.undefined_coefficients += arrays.divide(tile, largest)?;
        settled.queries.insert(tile, record);
        if tile.examples.start == 0
            && let Some(doubt) = settled.queries.find_residual(tile, arrays, unit)?
        {
            settled.doubted.push((tile.clone(), doubt));
        }
        watch.step()?;
    }
    Ok(settled)
}

/// The self-attributions, `[m, R]`, of the tiles' records.
pub(super) fn own<E: Element>(prepared: &Prepared, records: &Records) -> ([usize; 2], Vec<E>) {
    let problem = prepared.problem();
    let values: Vec<f64> = records.own.iter().flat_map(|record| &record.own).copied().collect();
    let shape = [problem.examples(), problem.spec.values(problem.network.outputs)];
    (shape, convert::<E>(&SelfAttribution::new(problem).arranged(&values)))
}

/// `[5, n, R]`: readouts on the path of the influences, and after training again a small and a practical radius above and below it.
pub(super) fn certificate<E: Element>(
    prepared: &Prepared,
    settled: &Settled,
    Retrained { base, small, practical }: &Retrained,
) -> ([usize; 3], Vec<E>) {
    let problem = prepared.problem();
    let base = base.as_deref().unwrap_or(settled.queries.prediction());
    let all = [base].into_iter().chain(small.iter().chain(practical).map(Vec::as_slice));
    let shape = [5, problem.query_count(), problem.spec.values(problem.network.outputs)];
    (shape, all.flat_map(convert::<E>).collect())
}

/// A run whose arrays are there.
pub(super) struct Ended<'a, 'w> {
    pub prepared: &'a Prepared,
    pub tape: &'a AnyTape,
    pub records: &'a Records,
    pub settled: &'a Settled,
    pub witness: &'a Witness,
    /// Values of queries whose sums rounding should not miss so far, and that came out with the same bits again.
    pub repeated: usize,
    /// Seconds of taking the change of the weights apart, and shares of it that are not a number.
    pub superposition: (f64, usize),
    /// What training again gave, where influences are asked for.
    pub retrained: Option<&'a Retrained>,
    /// Seconds since the last tile was computed.
    pub writing: f64,
    /// The input files, and what they held.
    pub inputs: BTreeMap<String, Fingerprint>,
    pub watch: &'a Watch<'w>,
}

impl Ended<'_, '_> {
    /// What is said of it, the verdict with its causes among it; its numbers have so many roundings.
    ///
    /// # Errors
    ///
    /// A path that cannot be read any more, or the run shall stop.
    pub fn summary<E: Element>(&self) -> Result<Summary, Error> {
        let Self { prepared, tape, records, settled, witness, .. } = *self;
        let (run_file, problem, plan) = (&prepared.run_file, prepared.problem(), prepared.plan());
        let (spec, queries) = (&problem.spec, &settled.queries);
        let (nodes, missed) = queries.nodes();
        let adaptive = matches!(spec.rule, Rule::Adaptive { .. });
        let (superposing, undefined_shares) = self.superposition;
        let integrate = records.all().map(|record| record.effort.seconds).sum::<f64>() + superposing;
        let findings = Findings {
            accept: run_file.kernel.accept,
            residual: queries.largest_relative_residual(E::ROUNDING),
            unexplained: queries.largest_relative_unexplained(E::ROUNDING),
            outputs_differ: witness.outputs,
            loss_differs: witness.loss,
        };
        let blocks = problem.network.blocks.iter().map(|own| own.layer);
        Ok(Summary {
            optimizer: run_file.training.optimizer,
            readout: run_file.kernel.readout.name(),
            device: records.device_names(prepared.planned.device_name()),
            precision: run_file.run.precision.name(),
            shapes: plan.shapes_of(tape.history().steps.len()),
            rule: spec.rule,
            measured: run_file.kernel.measured.clone(),
            windows: tape.history().windows(spec.windows),
            nodes: nodes.to_vec(),
            missed_tolerance: adaptive.then(|| missed.iter().sum()),
            query_accuracy: query_accuracy(problem, queries.prediction()),
            causes: self.causes(&findings, E::ROUNDING)?,
            influence: self.influence(E::ROUNDING),
            findings,
            largest_rounding_share: queries.largest_share(),
            repeated_values: self.repeated,
            undefined_coefficients: settled.undefined_coefficients,
            undefined_shares,
            seconds: [tape.history().seconds(), integrate, self.writing],
            phases: records.phases(),
            flops: plan.flops,
            pass_flops: plan.pass_flops,
            contraction: blocks.zip(plan.contraction.iter().copied()).collect(),
            tiles: plan.tiles.len(),
            planned: prepared.planned.figures(),
            inputs: self.inputs.clone(),
            notes: prepared.inputs.notes.clone(),
        })
    }

    /// What is to be said of the influences.
    fn influence(&self, unit: f64) -> Option<InfluenceFindings> {
        let Self { prepared, records, settled, retrained, .. } = *self;
        let (problem, retrained) = (prepared.problem(), retrained?);
        let asked = problem.influence?;
        let prediction = settled.queries.prediction();
        let along = records.influence.iter().flat_map(|record| &record.along).map(|along| asked.weight * along);
        let retrainings = Retrainings {
            along: &along.collect::<Vec<f64>>(),
            base: retrained.base.as_deref().unwrap_or(prediction),
            imported: problem.imported.then_some(prediction),
            steps: problem.steps.len(),
            small: (small(unit), retrained.small.each_ref().map(Vec::as_slice)),
            practical: (PRACTICAL, retrained.practical.each_ref().map(Vec::as_slice)),
        };
        let accept = prepared.run_file.kernel.accept;
        Some(InfluenceFindings::new((asked, accept), &retrainings, unit).warned(problem, &records.growth()))
    }

    /// What causes that a run is not exact. Of a path that was made here nothing is unexplained.
    fn causes(&self, findings: &Findings, unit: f64) -> Result<Vec<String>, Error> {
        let Self { prepared, tape, settled: Settled { queries, .. }, witness, watch, .. } = *self;
        match (Verdict::judge(findings), &prepared.inputs.checkpoints) {
            (Verdict::WrongInputs, _) => Ok(witness.causes.clone()),
            (Verdict::Unexplained, Some(checkpoints)) => of_unexplained(&Imported {
                problem: prepared.problem(),
                tape,
                unit,
                file: &|number| checkpoints.name(number),
                check: &|| watch.check(),
            }),
            (Verdict::Inexact, checkpoints) => Ok(of_inexact(&Integral {
                rule: prepared.problem().spec.rule,
                residuals: queries.residuals(),
                missed: queries.nodes().1.iter().sum(),
                of_rounding: queries.residual_of_rounding(unit),
                is_single: !prepared.is_double(),
                is_imported: checkpoints.is_some(),
            })),
            (Verdict::Exact | Verdict::Unexplained, _) => Ok(Vec::new()),
        }
    }
}

/// The steps at which windows of training begin, and the number of steps; nothing where there is no window.
pub(super) fn windows(prepared: &Prepared, tape: &AnyTape) -> Vec<i64> {
    let borders = tape.history().windows(prepared.problem().spec.windows);
    borders.into_iter().map(|border| border as i64).collect()
}

/// Says where sums came out twice, though rounding does not explain them.
pub(super) fn warn_of_repeated(summary: &Summary) {
    if summary.repeated_values > 0 {
        tracing::warn!(
            "{} values of queries miss their change by more than rounding should make of it, the largest residual being {:.1e} of \
             the largest change; path and sums came out with the same bits when they were made again, so that no fault of the \
             moment made them",
            summary.repeated_values,
            summary.findings.residual
        );
    }
}

/// The share of the queries, or of their positions, whose class has the largest output, where classes are known.
fn query_accuracy(problem: &Problem, prediction: &[f64]) -> Option<f64> {
    let Some(Targets::Classes(classes)) = &problem.query_targets else {
        return None;
    };
    let outputs = problem.network.outputs;
    if prediction.len() != problem.query_count() * outputs {
        return None;
    }
    let width = prediction.len() / classes.len().max(1);
    let known = || prediction.chunks(width).zip(classes).filter(|(_, class)| **class != IGNORED);
    let hits = known().filter(|(f, class)| {
        let best = (1..width).fold(0, |best, c| if f[c] > f[best] { c } else { best });
        best == **class as usize
    });
    let count = known().count();
    (count > 0).then(|| hits.count() as f64 / count as f64)
}
