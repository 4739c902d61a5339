//! Maps from gradient rows to outputs.

use super::{Backend, BackendError, Element, Result};
use std::sync::Arc;

/// How gradient rows are combined into outputs: output `o` sums rows `offsets[o] .. offsets[o + 1]`, in order, each
/// with its weight; row `r` takes its layer input from base row `inputs[r]`.
///
/// The rows of a query are its quadrature nodes, and queries may have different numbers of them.
#[derive(Debug)]
pub struct RowMap<T, I> {
    /// `[outputs + 1]`, ascending, from 0 to `rows`.
    pub offsets: Arc<I>,
    /// `[rows]`: the base row whose layer input belongs to the row.
    pub inputs: Arc<I>,
    /// `[rows]`: the quadrature weight.
    pub weights: T,
    /// How many outputs.
    pub outputs: usize,
    /// How many rows.
    pub rows: usize,
    /// The largest number of rows of one output.
    pub longest: usize,
    /// How many base rows there must be, for every row to have its input.
    pub base: usize,
}

impl<T, I> RowMap<T, I> {
    /// One row an output, each with the same weight: `copies * base` of them, copy-major.
    pub fn each<B: Backend<Buffer = T, Index = I>>(
        backend: &B,
        copies: usize,
        base: usize,
        weight: f64,
    ) -> Result<Self> {
        let rows = copies * base;
        let offsets: Vec<u32> = (0..=rows as u32).collect();
        let inputs: Vec<u32> = (0..rows).map(|row| (row % base.max(1)) as u32).collect();
        Self::new(backend, &offsets, &inputs, &vec![weight; rows])
    }

    /// The same rows with other weights. Both maps share their index arrays.
    pub fn weighing<B: Backend<Buffer = T, Index = I>>(&self, backend: &B, weights: &[f64]) -> Result<Self> {
        if weights.len() != self.rows {
            let problem = format!("{} weights for a map of {} rows", weights.len(), self.rows);
            return Err(BackendError::Invalid(problem));
        }
        let values: Vec<B::Element> = weights.iter().map(|&weight| B::Element::from_f64(weight)).collect();
        Ok(Self {
            offsets: Arc::clone(&self.offsets),
            inputs: Arc::clone(&self.inputs),
            weights: backend.upload(&values)?,
            ..*self
        })
    }

    /// Uploads a map. `offsets` must ascend from 0 to the number of rows.
    pub fn new<B: Backend<Buffer = T, Index = I>>(
        backend: &B,
        offsets: &[u32],
        inputs: &[u32],
        weights: &[f64],
    ) -> Result<Self> {
        let ascending = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        let ends = offsets.first() == Some(&0) && offsets.last().map(|&last| last as usize) == Some(inputs.len());
        if !ascending || !ends || inputs.len() != weights.len() {
            return Err(BackendError::Invalid(format!(
                "a row map of {} offsets, {} inputs and {} weights does not fit together",
                offsets.len(),
                inputs.len(),
                weights.len()
            )));
        }
        let longest = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize).max().unwrap_or(0);
        let values: Vec<B::Element> = weights.iter().map(|&w| B::Element::from_f64(w)).collect();
        Ok(Self {
            offsets: Arc::new(backend.index(offsets)?),
            inputs: Arc::new(backend.index(inputs)?),
            weights: backend.upload(&values)?,
            outputs: offsets.len() - 1,
            rows: inputs.len(),
            longest,
            base: inputs.iter().max().map_or(0, |&row| row as usize + 1),
        })
    }
}
