//! Running statistics: what training keeps of its batches, by no gradient.

use super::primitive::{BatchNormalize, Kind, Parameter, fresh};
use super::{Block, Forward, Graph, NodeId, Owner, Role};
use crate::compute::op::{Center, CenterArrays};
use crate::compute::{Backend, Element, Result, RowMap, Slice, SliceMut, Start};

/// Statistics of the batches that a node normalises, one for each channel: after each pass of training `1 - momentum` of what
/// they were and `momentum` of what the pass has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Running {
    /// The node that normalises, a [`BatchNormalize`].
    pub normal: NodeId,
    /// The node of the means.
    pub mean: NodeId,
    /// The node of the variances.
    pub variance: NodeId,
    /// How much of a pass's statistics enters them.
    pub momentum: f64,
}

impl Graph {
    /// Adds a tensor that no gradient moves, but what [`run_with`](Self::run_with) says.
    pub(crate) fn add_running(&mut self, owner: &Owner, tensor: Parameter) -> std::result::Result<NodeId, String> {
        self.add_as(Role::Running, owner.clone(), tensor.into(), &[])
    }

    /// Lets passes of training move running statistics.
    pub(crate) fn run_with(&mut self, running: Running) {
        self.running.push(running);
    }

    /// Whether the rows of a pass depend on each other, so that a batch has to pass whole.
    pub fn couples_rows(&self) -> bool {
        self.batch_normalizations().next().is_some()
    }

    /// Whether a pass of a single row has a channel of a single number, which has no variance.
    pub(crate) fn needs_two_rows(&self) -> bool {
        self.batch_normalizations().any(|own| own.positions() == 1)
    }

    fn batch_normalizations(&self) -> impl Iterator<Item = &BatchNormalize> {
        self.nodes.iter().filter_map(|node| if let Kind::BatchNormalize(own) = &node.kind { Some(own) } else { None })
    }

    /// Whether training moves running statistics, so that predictions change by more than the step.
    pub fn has_running(&self) -> bool {
        !self.in_training().running.is_empty()
    }

    /// The blocks of running statistics.
    pub(crate) fn running_blocks(&self) -> impl Iterator<Item = &Block> {
        self.held.iter().filter(|block| block.role == Role::Running)
    }

    /// The flat weights after a pass of training, all but the running statistics as before; `None` where there are none. As
    /// PyTorch, variances are unbiased.
    ///
    /// # Errors
    ///
    /// A device error.
    pub(crate) fn run_statistics<B: Backend>(
        &self,
        backend: &B,
        weights: &B::Buffer,
        pass: &Forward<'_, B>,
    ) -> Result<Option<B::Buffer>> {
        if self.running.is_empty() {
            return Ok(None);
        }
        let mut next = backend.copied(Slice::new(weights, 0, self.len))?;
        for running in &self.running {
            let Some([mean, variance]) = self.statistics_of(backend, pass, running.normal)? else { continue };
            for (node, now) in [(running.mean, mean), (running.variance, variance)] {
                let (offset, len) = (self.nodes[node - 1].used.offset, self.node_len(node));
                backend.scale(SliceMut::new(&mut next, offset, len), 1.0 - running.momentum)?;
                backend.axpy(SliceMut::new(&mut next, offset, len), running.momentum, Slice::new(&now, 0, len))?;
            }
        }
        Ok(Some(next))
    }

    /// From the derivatives of a number by the running statistics after a pass, flat like the weights, times a scale, those by the
    /// values that the pass normalised, as far as these depend on trained parameters: each with its node, `[rows, …]`.
    ///
    /// # Errors
    ///
    /// A device error.
    pub(crate) fn back_from_statistics<B: Backend>(
        &self,
        backend: &B,
        pass: &Forward<'_, B>,
        by: &B::Buffer,
        scale: f64,
    ) -> Result<Vec<(NodeId, B::Buffer)>> {
        let mut found = Vec::new();
        for running in &self.running {
            let own = &self.nodes[running.normal - 1];
            let Kind::BatchNormalize(normalize) = &own.kind else { continue };
            if self.is_trained(own.inputs[0]) {
                let seen = self.seen(pass, running.normal - 1);
                let of = |node: NodeId| Slice::new(by, self.nodes[node - 1].used.offset, self.node_len(node));
                let by = [of(running.mean), of(running.variance)];
                let scale = scale * running.momentum;
                let back = normalize.back_from_statistics(backend, (pass.rows, &seen), by, scale)?;
                found.push((own.inputs[0], back));
            }
        }
        Ok(found)
    }

    /// Takes the derivatives of a number by the running statistics after a pass to those by what they were before it.
    ///
    /// # Errors
    ///
    /// A device error.
    pub(crate) fn back_to_earlier_statistics<B: Backend>(&self, backend: &B, by: &mut B::Buffer) -> Result<()> {
        self.running.iter().flat_map(|own| [own.mean, own.variance].map(|node| (node, own.momentum))).try_for_each(
            |(node, momentum)| {
                let (offset, len) = (self.nodes[node - 1].used.offset, self.node_len(node));
                backend.scale(SliceMut::new(&mut *by, offset, len), 1.0 - momentum)
            },
        )
    }

    /// The mean and the unbiased variance of each channel that a node normalises; `None` of another node.
    fn statistics_of<B: Backend>(
        &self,
        backend: &B,
        pass: &Forward<'_, B>,
        node: NodeId,
    ) -> Result<Option<[B::Buffer; 2]>> {
        let own = &self.nodes[node - 1];
        let Kind::BatchNormalize(normalize) = &own.kind else { return Ok(None) };
        let (rows, positions) = (pass.rows, normalize.positions());
        let x = self.value(pass, own.inputs[0]);
        let turned = normalize.by_channel(backend, x, rows)?;
        let turned = Slice::new(&turned, 0, x.len);
        let (length, channels) = (rows * positions, x.len / (rows * positions).max(1));
        // A channel's rows add up, each over its positions first.
        let lines = channels * rows;
        let offsets: Vec<u32> = (0..=channels).map(|channel| (channel * rows) as u32).collect();
        let sum = |inputs: Vec<u32>, scale: f64, a: Slice<'_, B::Buffer>, b: Slice<'_, B::Buffer>| {
            let map = RowMap::new(backend, &offsets, &inputs, &vec![1.0; lines])?;
            let mut out = backend.zeros(channels)?;
            backend.row_dot(positions, scale, &map, SliceMut::new(&mut out, 0, channels), a, b)?;
            Ok(out)
        };
        let ones = backend.upload(&vec![B::Element::ONE; positions])?;
        let mean = sum(vec![0; lines], 1.0 / length as f64, turned, Slice::new(&ones, 0, positions))?;
        let share = backend.upload(&vec![B::Element::from_f64(1.0 / length as f64); length])?;
        let centered = fresh(backend, x.len, |out| {
            let center = Center { length, inner: 1, own: 1.0, start: Start::Value(0.0) };
            let v = Some(Slice::new(&share, 0, length));
            backend.run(&center, CenterArrays { out, h: turned, u: None, v })
        })?;
        let centered = Slice::new(&centered, 0, x.len);
        let variance = sum((0..lines as u32).collect(), 1.0 / (length as f64 - 1.0), centered, centered)?;
        Ok(Some([mean, variance]))
    }
}
