//! Saves an unfinished tile in a state file, and restores it.

use super::sums::{Certificate, PairSums, State, Sums};
use super::{Finished, Spec};
use crate::compute::{Backend, Slice};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};

impl<B: Backend> Sums<B> {
    fn save(&self, backend: &B, writer: &mut StateWriter) -> Result<(), Error> {
        self.0.iter().try_for_each(|sum| sum.save(backend, writer))
    }

    fn restore(&mut self, backend: &B, reader: &mut StateReader) -> Result<(), Error> {
        self.0.iter_mut().try_for_each(|sum| sum.restore(backend, reader))
    }
}

impl<B: Backend> PairSums<B> {
    fn save(&self, backend: &B, writer: &mut StateWriter) -> Result<(), Error> {
        self.all().into_iter().try_for_each(|sums| sums.save(backend, writer))
    }

    fn restore(&mut self, backend: &B, reader: &mut StateReader) -> Result<(), Error> {
        self.all_mut().into_iter().try_for_each(|sums| sums.restore(backend, reader))
    }
}

impl<B: Backend> Certificate<B> {
    fn save(&self, backend: &B, writer: &mut StateWriter) -> Result<(), Error> {
        self.regularizer.save(backend, writer)?;
        self.statistics.save(backend, writer)?;
        self.earlier.save(backend, writer)?;
        let [explained, values, outputs] = self.lens();
        writer.put("explained", &backend.download(Slice::new(&self.explained, 0, explained))?)?;
        writer.put("unexplained", &backend.download(Slice::new(&self.unexplained, 0, explained))?)?;
        writer.put("reached", &backend.download(Slice::new(&self.reached, 0, explained))?)?;
        writer.put("values", &backend.download(Slice::new(&self.values, 0, values))?)?;
        Ok(writer.put("outputs", &backend.download(Slice::new(&self.outputs, 0, outputs))?)?)
    }

    fn restore(&mut self, backend: &B, reader: &mut StateReader) -> Result<(), Error> {
        self.regularizer.restore(backend, reader)?;
        self.statistics.restore(backend, reader)?;
        self.earlier.restore(backend, reader)?;
        let [explained, values, outputs] = self.lens();
        self.explained = backend.upload(&reader.take_exactly::<B::Element>("explained", explained)?)?;
        self.unexplained = backend.upload(&reader.take_exactly::<B::Element>("unexplained", explained)?)?;
        self.reached = backend.upload(&reader.take_exactly::<B::Element>("reached", explained)?)?;
        self.values = backend.upload(&reader.take_exactly::<B::Element>("values", values)?)?;
        self.outputs = backend.upload(&reader.take_exactly::<B::Element>("outputs", outputs)?)?;
        Ok(())
    }
}

impl<B: Backend> State<'_, B> {
    /// Writes the state of a way along the path, which is the one of this number, after `done` steps.
    pub fn save(
        &self,
        backend: &B,
        spec: &Spec,
        (way, done): (usize, usize),
        finished: &Finished,
        writer: &mut StateWriter,
    ) -> Result<(), Error> {
        writer.put("way", &[way as u64])?;
        writer.put("steps done", &[done as u64])?;
        finished.account.save(writer)?;
        writer.put("tangents", &[finished.tangent_final.len() as u64])?;
        finished.tangent_final.iter().try_for_each(|values| writer.put("tangent", values))?;
        self.sums.save(backend, writer)?;
        self.windows.iter().try_for_each(|windows| windows.save(writer))?;
        self.certificate.iter().try_for_each(|certificate| certificate.save(backend, writer))?;
        if let Some(momentum) = &self.momentum {
            return momentum.save(backend, writer);
        }
        // Without memory ψ is not carried from step to step.
        if spec.optimizer.whole().has_memory() { self.psi.save(backend, writer) } else { Ok(()) }
    }

    /// Reads what was [saved](Self::save) of the same way of the same tile, and returns the number of steps that are done.
    pub fn restore(
        &mut self,
        backend: &B,
        spec: &Spec,
        finished: &mut Finished,
        reader: &mut StateReader,
    ) -> Result<usize, Error> {
        let done: Vec<u64> = reader.take_exactly("steps done", 1)?;
        finished.account.restore(reader)?;
        let tangents: Vec<u64> = reader.take_exactly("tangents", 1)?;
        let tangents = (0..tangents[0]).map(|_| reader.take("tangent"));
        finished.tangent_final = tangents.collect::<Result<_, _>>()?;
        self.sums.restore(backend, reader)?;
        self.windows.iter_mut().try_for_each(|windows| windows.restore(reader))?;
        self.certificate.iter_mut().try_for_each(|certificate| certificate.restore(backend, reader))?;
        if let Some(momentum) = &mut self.momentum {
            momentum.restore(backend, reader)?;
        } else if spec.optimizer.whole().has_memory() {
            self.psi.restore(backend, reader)?;
        }
        Ok(done[0].min(finished.account.residuals.len() as u64) as usize)
    }
}

/// The number of the way along the path that was under way.
pub(super) fn way_of(reader: &mut StateReader, ways: usize) -> Result<usize, Error> {
    let [way] = reader.take_counts("way", 1)?[..] else { return Ok(0) };
    if way >= ways { Err(reader.damaged(format!("way {way} of {ways}")).into()) } else { Ok(way) }
}
