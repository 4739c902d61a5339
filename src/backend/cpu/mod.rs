/*!
The native backend: `f32` or `f64`, all cores, matrix products by the `gemm` crate.

It is the default where there is no GPU, and in `f64` the oracle that the GPU is tested against. Second-level totals
are `f64`.
*/

mod activation;
mod activation_backward;
mod axpy;
mod bias;
mod col2im;
mod copy;
mod fill;
mod fold;
mod gather;
mod gram;
mod im2col;
mod layer_norm;
mod layer_norm_backward;
mod loss;
mod matmul;
mod outer;
mod outer_diagonal;
mod pool;
mod pool_backward;
mod product;
mod row_dot;
mod scalar;
mod scale_shift;
mod seed;
mod sgd;
mod transpose;
mod window;

use super::*;
use rayon::prelude::*;
use std::marker::PhantomData;

/// The CPU, in `f32` or `f64`.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuBackend<E>(PhantomData<E>);

impl<E: Element> CpuBackend<E> {
    /// The backend; it holds nothing.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

/// How many elements a thread takes at a time in elementwise work.
const CHUNK: usize = 16 * 1024;

fn view<E>(slice: Slice<'_, Vec<E>>) -> Result<&[E]> {
    slice.buffer.get(slice.offset..slice.offset + slice.len).ok_or_else(|| outside(slice.offset, slice.len))
}

fn view_mut<E>(slice: SliceMut<'_, Vec<E>>) -> Result<&mut [E]> {
    let (offset, len) = (slice.offset, slice.len);
    slice.buffer.get_mut(offset..offset + len).ok_or_else(|| outside(offset, len))
}

fn outside(offset: usize, len: usize) -> BackendError {
    BackendError::Invalid(format!("a slice of {len} elements from {offset} leaves its buffer"))
}

/// Fails unless every pair is equal.
fn check(operation: &str, pairs: &[(usize, usize)]) -> Result<()> {
    match pairs.iter().find(|(have, want)| have != want) {
        None => Ok(()),
        Some((have, want)) => {
            Err(BackendError::Invalid(format!("{operation}: an array has {have} elements instead of {want}")))
        }
    }
}

/// The parameters that one row sees: `start + τ step`.
fn weight<E: Element>(start: &[E], step: Option<(&[E], E)>, index: usize) -> E {
    match step {
        None => start[index],
        Some((step, tau)) => start[index] + tau * step[index],
    }
}

/// [`Weights`] as plain slices.
struct Parameters<'a, E> {
    start: &'a [E],
    step: Option<(&'a [E], &'a [E], usize)>,
}

impl<'a, E: Element> Parameters<'a, E> {
    fn new(weights: Weights<'a, Vec<E>>) -> Result<Self> {
        let step = match weights.step {
            None => None,
            Some((step, position)) => Some((view(step)?, view(position.tau)?, position.positions)),
        };
        Ok(Self { start: view(weights.start)?, step })
    }

    /// The step and the τ of a row.
    fn at(&self, row: usize) -> Option<(&'a [E], E)> {
        self.step.map(|(step, tau, positions)| (step, tau[(row / positions) % tau.len()]))
    }
}

impl<E: Element> Backend for CpuBackend<E> {
    type Element = E;
    type Buffer = Vec<E>;
    type Index = Vec<u32>;
    type Total = Vec<f64>;
    type Ticket = Vec<E>;

    fn name(&self) -> String {
        format!("CPU, {} threads, {}", rayon::current_num_threads(), E::NAME)
    }

    fn largest_buffer(&self) -> usize {
        isize::MAX as usize / 8
    }

    fn zeros(&self, len: usize) -> Result<Vec<E>> {
        let mut values = Vec::new();
        values
            .try_reserve_exact(len)
            .map_err(|_| BackendError::OutOfMemory(format!("no room for an array of {len} elements")))?;
        values.resize(len, E::ZERO);
        Ok(values)
    }

    fn upload(&self, values: &[E]) -> Result<Vec<E>> {
        Ok(values.to_vec())
    }

    fn write(&self, out: SliceMut<'_, Vec<E>>, values: &[E]) -> Result<()> {
        copy::copy(view_mut(out)?, values)
    }

    fn index(&self, values: &[u32]) -> Result<Vec<u32>> {
        Ok(values.to_vec())
    }

    fn download(&self, source: Slice<'_, Vec<E>>) -> Result<Vec<E>> {
        Ok(view(source)?.to_vec())
    }

    fn download_later(&self, source: Slice<'_, Vec<E>>) -> Result<Vec<E>> {
        self.download(source)
    }

    fn collect(&self, ticket: Vec<E>) -> Result<Vec<E>> {
        Ok(ticket)
    }

    fn totals(&self, len: usize) -> Result<Vec<f64>> {
        Ok(vec![0.0; len])
    }

    fn fold(&self, total: &mut Vec<f64>, block: &mut Vec<E>) -> Result<()> {
        fold::fold(total, block)
    }

    fn download_totals(&self, total: &Vec<f64>) -> Result<Vec<f64>> {
        Ok(total.clone())
    }

    fn copy(&self, out: SliceMut<'_, Vec<E>>, source: Slice<'_, Vec<E>>) -> Result<()> {
        copy::copy(view_mut(out)?, view(source)?)
    }

    fn fill(&self, out: SliceMut<'_, Vec<E>>, value: f64) -> Result<()> {
        fill::fill(view_mut(out)?, E::from_f64(value))
    }

    fn axpy(&self, out: SliceMut<'_, Vec<E>>, scale: f64, x: Slice<'_, Vec<E>>) -> Result<()> {
        axpy::axpy(view_mut(out)?, E::from_f64(scale), view(x)?)
    }

    fn gather(&self, out: SliceMut<'_, Vec<E>>, x: Slice<'_, Vec<E>>, rows: &Vec<u32>, width: usize) -> Result<()> {
        gather::gather(view_mut(out)?, view(x)?, rows, width)
    }

    fn matmul(
        &self,
        shape: &MatMul,
        out: SliceMut<'_, Vec<E>>,
        a: Slice<'_, Vec<E>>,
        b: Slice<'_, Vec<E>>,
        scale: Option<Position<'_, Vec<E>>>,
    ) -> Result<()> {
        let scale = match scale {
            None => None,
            Some(position) => Some((view(position.tau)?, position.positions)),
        };
        matmul::matmul(shape, view_mut(out)?, view(a)?, view(b)?, scale)
    }

    fn bias(&self, out: SliceMut<'_, Vec<E>>, bias: Weights<'_, Vec<E>>) -> Result<()> {
        bias::bias(view_mut(out)?, &Parameters::new(bias)?)
    }

    fn activation(&self, kind: Activation, out: SliceMut<'_, Vec<E>>, x: Slice<'_, Vec<E>>) -> Result<()> {
        activation::activation(kind, view_mut(out)?, view(x)?)
    }

    fn activation_backward(
        &self,
        kind: Activation,
        out: SliceMut<'_, Vec<E>>,
        delta: Slice<'_, Vec<E>>,
        x: Slice<'_, Vec<E>>,
    ) -> Result<()> {
        activation_backward::activation_backward(kind, view_mut(out)?, view(delta)?, view(x)?)
    }

    fn im2col(&self, shape: &Window, rows: usize, out: SliceMut<'_, Vec<E>>, x: Slice<'_, Vec<E>>) -> Result<()> {
        im2col::im2col(shape, rows, view_mut(out)?, view(x)?)
    }

    fn col2im(&self, shape: &Window, rows: usize, out: SliceMut<'_, Vec<E>>, patches: Slice<'_, Vec<E>>) -> Result<()> {
        col2im::col2im(shape, rows, view_mut(out)?, view(patches)?)
    }

    fn transpose(&self, shape: &Transpose, out: SliceMut<'_, Vec<E>>, x: Slice<'_, Vec<E>>) -> Result<()> {
        transpose::transpose(shape, view_mut(out)?, view(x)?)
    }

    fn pool(
        &self,
        shape: &Window,
        kind: Pooling,
        rows: usize,
        out: SliceMut<'_, Vec<E>>,
        x: Slice<'_, Vec<E>>,
    ) -> Result<()> {
        pool::pool(shape, kind, rows, view_mut(out)?, view(x)?)
    }

    fn pool_backward(
        &self,
        shape: &Window,
        kind: Pooling,
        rows: usize,
        out: SliceMut<'_, Vec<E>>,
        delta: Slice<'_, Vec<E>>,
        x: Slice<'_, Vec<E>>,
    ) -> Result<()> {
        pool_backward::pool_backward(shape, kind, rows, view_mut(out)?, view(delta)?, view(x)?)
    }

    fn layer_norm(
        &self,
        width: usize,
        normal: SliceMut<'_, Vec<E>>,
        scale: SliceMut<'_, Vec<E>>,
        x: Slice<'_, Vec<E>>,
    ) -> Result<()> {
        layer_norm::layer_norm(width, view_mut(normal)?, view_mut(scale)?, view(x)?)
    }

    fn scale_shift(&self, out: SliceMut<'_, Vec<E>>, x: Slice<'_, Vec<E>>, weights: Weights<'_, Vec<E>>) -> Result<()> {
        scale_shift::scale_shift(view_mut(out)?, view(x)?, &Parameters::new(weights)?)
    }

    fn layer_norm_backward(
        &self,
        out: SliceMut<'_, Vec<E>>,
        delta: Slice<'_, Vec<E>>,
        normal: Slice<'_, Vec<E>>,
        scale: Slice<'_, Vec<E>>,
        weights: Weights<'_, Vec<E>>,
    ) -> Result<()> {
        layer_norm_backward::layer_norm_backward(
            view_mut(out)?,
            view(delta)?,
            view(normal)?,
            view(scale)?,
            &Parameters::new(weights)?,
        )
    }

    fn loss(
        &self,
        batch: &LossBatch<'_, Self>,
        gradient: SliceMut<'_, Vec<E>>,
        statistics: SliceMut<'_, Vec<E>>,
    ) -> Result<()> {
        loss::loss(batch, view_mut(gradient)?, view_mut(statistics)?)
    }

    fn seed(
        &self,
        rows: usize,
        outputs: usize,
        out: SliceMut<'_, Vec<E>>,
        scale: Option<Slice<'_, Vec<E>>>,
    ) -> Result<()> {
        seed::seed(rows, outputs, view_mut(out)?, scale.map(view).transpose()?)
    }

    fn outer(
        &self,
        shape: &Outer,
        map: &RowMap<Self>,
        out: SliceMut<'_, Vec<E>>,
        delta: Slice<'_, Vec<E>>,
        input: Slice<'_, Vec<E>>,
    ) -> Result<()> {
        outer::outer(shape, map, view_mut(out)?, view(delta)?, view(input)?)
    }

    fn outer_diagonal(
        &self,
        width: usize,
        positions: usize,
        map: &RowMap<Self>,
        out: SliceMut<'_, Vec<E>>,
        delta: Slice<'_, Vec<E>>,
        input: Slice<'_, Vec<E>>,
    ) -> Result<()> {
        outer_diagonal::outer_diagonal(width, positions, map, view_mut(out)?, view(delta)?, view(input)?)
    }

    fn gram(
        &self,
        shape: &Gram,
        map: &RowMap<Self>,
        columns: &Vec<u32>,
        out: SliceMut<'_, Vec<E>>,
        factors: GramFactors<'_, Vec<E>>,
    ) -> Result<()> {
        gram::gram(shape, map, columns, view_mut(out)?, factors)
    }

    fn row_dot(
        &self,
        width: usize,
        scale: f64,
        map: &RowMap<Self>,
        out: SliceMut<'_, Vec<E>>,
        delta: Slice<'_, Vec<E>>,
        values: Slice<'_, Vec<E>>,
    ) -> Result<()> {
        row_dot::row_dot(width, scale, map, view_mut(out)?, view(delta)?, view(values)?)
    }

    fn sgd(
        &self,
        step: &Sgd,
        next: SliceMut<'_, Vec<E>>,
        weights: Slice<'_, Vec<E>>,
        gradient: Slice<'_, Vec<E>>,
    ) -> Result<()> {
        sgd::sgd(step, view_mut(next)?, view(weights)?, view(gradient)?)
    }
}
