//! A problem's data on a device.

use super::Problem;
use crate::compute::{Backend, convert};
use crate::error::Error;
use crate::loss::{Aims, Targets};
use crate::path::{QueryTargets, Setting, Spec};
use crate::tangent::Contraction;
use crate::training::{Examples, TargetBuffer, Training};

/// The training data of a problem on a device.
pub struct TrainingData<'a, B: Backend> {
    backend: &'a B,
    problem: &'a Problem,
    examples: Examples<B>,
    targets: TargetBuffer<B>,
}

impl<'a, B: Backend> TrainingData<'a, B> {
    /// Uploads inputs and targets.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(backend: &'a B, problem: &'a Problem) -> Result<Self, Error> {
        Self::aiming(backend, problem, &problem.aims())
    }

    /// The same where the examples count other than in the problem itself.
    pub(super) fn aiming(backend: &'a B, problem: &'a Problem, aims: &Aims<'_>) -> Result<Self, Error> {
        let inputs = convert::<B::Element>(&problem.inputs);
        let examples = Examples::new(backend, &inputs, problem.network.input_len())?;
        Ok(Self { backend, problem, examples, targets: TargetBuffer::new(backend, aims)? })
    }

    /// The network to be trained on them.
    pub fn training(&self) -> Training<'_, B> {
        let Problem { network, spec, clip_norm, .. } = self.problem;
        Training {
            backend: self.backend,
            network: network.in_training(),
            loss: spec.loss,
            optimizer: spec.optimizer.clone(),
            clip_norm: *clip_norm,
            examples: &self.examples,
            targets: &self.targets,
        }
    }

    /// What tiles of some queries share, with a contraction for each layer that has parameters.
    pub fn setting<'b>(&'b self, contraction: &'b [Contraction], queries: &'b QueryData<B>) -> Setting<'b, B> {
        Setting {
            backend: self.backend,
            network: &self.problem.network,
            in_training: self.problem.network.in_training(),
            spec: &self.problem.spec,
            contraction,
            examples: &self.examples,
            queries: &queries.values,
            targets: &self.targets,
            groups: self.problem.groups.as_ref(),
            query_targets: queries.targets.as_ref(),
        }
    }
}

/// The queries of a problem, in a device's precision.
pub struct QueryData<B: Backend> {
    /// `[n, …]`, on the host.
    pub(super) values: Vec<B::Element>,
    /// Their targets, where the readout depends on them.
    pub(super) targets: Option<QueryTargets<B>>,
}

impl<B: Backend> QueryData<B> {
    /// All queries of a problem.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(backend: &B, problem: &Problem) -> Result<Self, Error> {
        Ok(Self {
            values: convert(problem.queries()),
            targets: query_targets(backend, &problem.spec, problem.query_aims())?,
        })
    }

    /// No query.
    pub fn none() -> Self {
        Self { values: Vec::new(), targets: None }
    }
}

/// The targets of queries, where the readout depends on them.
pub(super) fn query_targets<B: Backend>(
    backend: &B,
    spec: &Spec,
    aims: Option<Aims<'_>>,
) -> Result<Option<QueryTargets<B>>, Error> {
    match aims {
        Some(aims) if spec.readout.needs_targets() => Ok(Some(QueryTargets {
            buffer: TargetBuffer::new(backend, &aims)?,
            classes: if let Targets::Classes(classes) = aims.targets { classes.clone() } else { Vec::new() },
        })),
        _ => Ok(None),
    }
}
