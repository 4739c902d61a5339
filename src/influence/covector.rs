//! λ: the derivatives of the queries' readouts by the weights, and by what else training carries from step to step.

use crate::compute::{Backend, RowMap, Slice, SliceMut, Start};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use crate::graph::primitive::fresh;
use crate::graph::{Factor, Graph, Role, Segment};
use crate::optimizer::{Adjoint, ParameterGroups, Vectors};
use crate::path::{Setting, Tile};
use crate::tangent::write_gradient;

/// Derivatives of one value of a query's readout by what a step leaves behind.
pub(super) struct Covector<B: Backend> {
    /// By the trained weights, and by what the optimizer keeps.
    pub adjoint: Adjoint<B>,
    /// By the running statistics, flat like the weights, where training moves any.
    pub running: Option<B::Buffer>,
}

/// Elements of one pass of queries at the last weights, whole gradient rows among them: a constant, so that results depend on no
/// machine.
pub(crate) const ELEMENTS_AT_ONCE: usize = 1 << 25;

impl<B: Backend> Covector<B> {
    /// Zeros.
    fn new(backend: &B, network: &Graph, optimizer: &ParameterGroups) -> Result<Self, Error> {
        let vectors = Vectors { backend, len: network.trained_len };
        Ok(Self {
            adjoint: Adjoint::new(&vectors, optimizer.whole(), backend.zeros(network.trained_len)?)?,
            running: network.has_running().then(|| backend.zeros(network.len)).transpose()?,
        })
    }

    /// Zeros for each value of a tile's readouts, `[R, queries]`.
    pub fn zeros(setting: &Setting<'_, B>, tile: &Tile) -> Result<Vec<Self>, Error> {
        let one = |_| Self::new(setting.backend, setting.network, &setting.spec.optimizer);
        (0..setting.rows() * tile.queries.len()).map(one).collect()
    }

    /// Of each value of a tile's readouts, `[R, queries]`, the derivatives at the last weights.
    pub fn last(setting: &Setting<'_, B>, tile: &Tile, weights: &B::Buffer) -> Result<Vec<Self>, Error> {
        let Setting { network, .. } = *setting;
        let rows = setting.rows();
        let row = network.forward_len() + rows * (network.backward_len() + network.len);
        let at_once = (ELEMENTS_AT_ONCE / row).max(1);
        let mut all = Self::zeros(setting, tile)?;
        let numbers: Vec<u32> = (tile.queries.start as u32..tile.queries.end as u32).collect();
        for (part, queries) in numbers.chunks(at_once).enumerate() {
            Self::add_gradients(setting, weights, queries, (part * at_once, tile.queries.len()), &mut all)?;
        }
        Ok(all)
    }

    /// Adds the gradients of some queries' readouts, of which the first is at a place among so many queries.
    fn add_gradients(
        setting: &Setting<'_, B>,
        weights: &B::Buffer,
        queries: &[u32],
        (first, of): (usize, usize),
        all: &mut [Self],
    ) -> Result<(), Error> {
        let Setting { backend, network, .. } = *setting;
        let (rows, count, width) = (setting.rows(), queries.len(), network.input_len());
        let inputs = backend.upload(&setting.queries[queries[0] as usize * width..][..count * width])?;
        let segment = Segment::at(weights);
        let pass = network.forward(backend, segment, Slice::new(&inputs, 0, count * width), count)?;
        let seeds = setting.read(network.outputs(&pass), queries)?.seeds;
        let map = RowMap::each(backend, rows, count, 1.0)?;
        let mut visit = |factor: Factor<'_, B::Buffer>| {
            let block = network.block_of(&factor);
            if factor.held && block.role != Role::Running {
                return Ok(());
            }
            // Weight decay may move what no loss is derived by.
            let factor = Factor { structure: factor.structure.unpadded(), ..factor };
            let len = factor.structure.len();
            let found = fresh(backend, rows * count * len, |out| {
                write_gradient(backend, &map, None, &factor, Start::Value(0.0), out)
            })?;
            for place in 0..rows * count {
                let own = &mut all[place / count * of + first + place % count];
                let into = if factor.held { own.running.as_mut() } else { Some(&mut own.adjoint.weights) };
                let Some(into) = into else { continue };
                let out = SliceMut::new(into, block.offset, len);
                backend.axpy(out, 1.0, Slice::new(&found, place * len, len))?;
            }
            Ok(())
        };
        network.backward_of_all(backend, segment, &pass, (rows, seeds), &|_| false, &mut visit)?;
        Ok(())
    }

    fn vectors_mut(&mut self) -> impl Iterator<Item = &mut B::Buffer> {
        std::iter::once(&mut self.adjoint.weights).chain(self.adjoint.memory.vectors_mut()).chain(&mut self.running)
    }

    /// Writes the vectors.
    ///
    /// # Errors
    ///
    /// A device error, or a file that cannot be written.
    pub fn save(&self, backend: &B, network: &Graph, writer: &mut StateWriter) -> Result<(), Error> {
        let mut put = |vector: &B::Buffer, len: usize| -> Result<(), Error> {
            Ok(writer.put("lambda", &backend.download(Slice::new(vector, 0, len))?)?)
        };
        put(&self.adjoint.weights, network.trained_len)?;
        self.adjoint.memory.vectors().try_for_each(|vector| put(vector, network.trained_len))?;
        self.running.iter().try_for_each(|vector| put(vector, network.len))
    }

    /// Takes what was [saved](Self::save).
    ///
    /// # Errors
    ///
    /// A device error, or a file that holds something else.
    pub fn restore(&mut self, backend: &B, reader: &mut StateReader) -> Result<(), Error> {
        self.vectors_mut().try_for_each(|vector| {
            *vector = backend.upload(&reader.take::<B::Element>("lambda")?)?;
            Ok(())
        })
    }
}
