//! What the steps of a tile add up to.

use crate::compute::op::{Accumulate, AccumulateArrays};
use crate::compute::{Accumulator, Backend, Entries, Gram, Result, RowMap, Slice, SliceMut, widen};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use crate::path::{Effects, Finished, larger};
use crate::tangent::Sum;

use super::columns::Pick;

/// How many of what a tile has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// R.
    pub rows: usize,
    pub queries: usize,
    pub columns: usize,
    pub steps: usize,
}

/// The sums and numbers of a tile.
pub(super) struct Results<B: Backend> {
    size: Size,
    /// `[R, queries, columns]`.
    pub influence: Sum<B>,
    /// `[R, queries, steps]`: `λ_{s+1} · Δw_s`.
    moved: B::Buffer,
    /// `[R, queries, steps + 1]`: the squares of `‖λ_s‖`.
    lengths: B::Buffer,
    /// Of a product of two vectors.
    one: RowMap<B::Buffer, B::Index>,
}

impl<B: Backend> Results<B> {
    pub fn new(backend: &B, size: Size) -> Result<Self> {
        let Size { rows, queries, columns, steps } = size;
        Ok(Self {
            size,
            influence: Sum::new(backend, Entries::Loss.len(rows, 1, queries, columns))?,
            moved: backend.zeros(rows * queries * steps)?,
            lengths: backend.zeros(rows * queries * (steps + 1))?,
            one: RowMap::each(backend, 1, 1, 1.0)?,
        })
    }

    /// Puts down how a value, `[R, queries]`, moves with a step.
    pub fn put_moved(
        &mut self,
        backend: &B,
        (value, step): (usize, usize),
        lambda: Slice<'_, B::Buffer>,
        change: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        let out = SliceMut::new(&mut self.moved, value * self.size.steps + step, 1);
        backend.row_dot(lambda.len, 1.0, &self.one, out, lambda, change)
    }

    /// Puts down how long a value's λ is before a step.
    pub fn put_length(
        &mut self,
        backend: &B,
        (value, step): (usize, usize),
        lambda: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        let out = SliceMut::new(&mut self.lengths, value * (self.size.steps + 1) + step, 1);
        backend.row_dot(lambda.len, 1.0, &self.one, out, lambda, lambda)
    }

    /// Adds to a value's influences `scale` times the products of rows' loss gradients and derivatives, `[rows, C]`.
    pub fn add(
        &mut self,
        backend: &B,
        (value, scale): (usize, f64),
        pick: &Pick<B>,
        [gradient, derivatives]: [Slice<'_, B::Buffer>; 2],
    ) -> Result<()> {
        let Size { rows, queries, columns, .. } = self.size;
        let gram = Gram {
            entries: Entries::Loss,
            outputs: rows,
            copies: 1,
            queries,
            examples: pick.count,
            stride: columns,
            triangle: None,
        };
        let width = gradient.len / pick.count.max(1);
        let into = Accumulator { out: self.influence.block(), scale, weights: None };
        let arrays = AccumulateArrays { columns: &pick.columns, derivatives, gradient: Some(gradient), into };
        backend.run(&Accumulate { gram, width, output: value / queries, query: value % queries }, arrays)
    }

    /// The results, on the host.
    ///
    /// # Errors
    ///
    /// A device error, or numbers that are not finite.
    pub fn finish(&self, backend: &B, rates: &[f64]) -> std::result::Result<Finished, Error> {
        let Size { rows, queries, steps, .. } = self.size;
        let values = rows * queries;
        let lengths = widen(&backend.download(Slice::new(&self.lengths, 0, values * (steps + 1)))?);
        let moved = widen(&backend.download(Slice::new(&self.moved, 0, values * steps))?);
        let mut effects = Effects::new(values, steps);
        for value in 0..values {
            let lengths = &lengths[value * (steps + 1)..][..steps + 1];
            // A readout that no weight moves has a λ of 0 throughout.
            for (growth, length) in effects.growth.iter_mut().zip(lengths).filter(|_| lengths[steps] != 0.0) {
                *growth = larger(*growth, (length / lengths[steps]).sqrt());
            }
            let place = (value % queries * rows + value / queries) * steps;
            for (step, out) in effects.rates[place..][..steps].iter_mut().enumerate() {
                *out = moved[value * steps + step] / rates[step];
            }
        }
        let influence = self.influence.download(backend)?;
        if let Some(step) = effects.growth.iter().rposition(|growth| !growth.is_finite()) {
            return Err(Error::NotFinite { first: step, last: step, layer: None });
        }
        if influence.iter().any(|value| !value.is_finite()) {
            return Err(Error::NotFinite { first: 0, last: steps.saturating_sub(1), layer: None });
        }
        Ok(Finished { influence, effects, ..Finished::default() })
    }

    /// Writes the results as they stand.
    ///
    /// # Errors
    ///
    /// A device error, or a file that cannot be written.
    pub fn save(&self, backend: &B, writer: &mut StateWriter) -> std::result::Result<(), Error> {
        self.influence.save(backend, writer)?;
        let [moved, lengths] = self.lens();
        writer.put("moved", &backend.download(Slice::new(&self.moved, 0, moved))?)?;
        Ok(writer.put("lengths", &backend.download(Slice::new(&self.lengths, 0, lengths))?)?)
    }

    /// Takes what was [saved](Self::save).
    ///
    /// # Errors
    ///
    /// A device error, or a file that holds something else.
    pub fn restore(&mut self, backend: &B, reader: &mut StateReader) -> std::result::Result<(), Error> {
        self.influence.restore(backend, reader)?;
        let [moved, lengths] = self.lens();
        self.moved = backend.upload(&reader.take_exactly::<B::Element>("moved", moved)?)?;
        self.lengths = backend.upload(&reader.take_exactly::<B::Element>("lengths", lengths)?)?;
        Ok(())
    }

    /// Elements of `moved` and of `lengths`.
    fn lens(&self) -> [usize; 2] {
        let Size { rows, queries, steps, .. } = self.size;
        [rows * queries * steps, rows * queries * (steps + 1)]
    }
}
