//! Matrix products of whole arrays.

use super::*;
use crate::compute::cpu::kernel::panels;
use crate::compute::cpu::pack::Packed;
use crate::compute::cpu::tiles::{Shared, each_tile_of, finish, kept};
#[cfg(feature = "gpu")]
use crate::compute::gpu::{PRODUCTS, TileSize};
#[cfg(feature = "gpu")]
use std::ops::Range;

/// Which way the second factor of a product lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `b` is `[columns, depth]`: `out = a bᵀ`.
    Transposed,
    /// `b` is `[depth, columns]`: `out = a b`.
    Plain,
}

/// A matrix product, `out[r, c] = start + s_r Σ_k a[r, k] b[..]`: `a` is `[rows, depth]`, `out` is `[rows, columns]`.
#[derive(Debug, Clone, Copy)]
pub struct MatMul {
    /// Rows of `a` and of the output.
    pub rows: usize,
    /// Columns of the output.
    pub columns: usize,
    /// The summed dimension.
    pub depth: usize,
    /// How `b` lies.
    pub layout: Layout,
    /// What the product is added to.
    pub start: Start,
}

/// The arrays of [`MatMul`].
#[derive(Debug)]
pub struct MatMulArrays<'a, T> {
    /// `[rows, columns]`.
    pub out: SliceMut<'a, T>,
    /// `[rows, depth]`.
    pub a: Slice<'a, T>,
    /// As the [`Layout`] says.
    pub b: Slice<'a, T>,
    /// s; without it 1.
    pub scale: Option<Position<'a, T>>,
}

impl Operation for MatMul {
    const NAME: &'static str = "matmul";
    const ROUNDINGS: f64 = 60.0;

    type Arrays<'a, T: 'a, I: 'a> = MatMulArrays<'a, T>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let MatMulArrays { out, a, b, .. } = arrays;
        let &Self { rows, columns, depth, .. } = self;
        fit(Self::NAME, &[(out.len, rows * columns), (a.len, rows * depth), (b.len, depth * columns)])
    }

    fn cpu<E: Element>(&self, cpu: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let MatMulArrays { out, a, b, scale } = arrays;
        let (pool, shape, out, a, b) = (cpu.pool(), self, view_mut(out)?, view(a)?, view(b)?);
        let scale = match scale {
            None => None,
            Some(position) => Some((view(position.tau)?, position.positions)),
        };
        let &Self { rows, columns, depth, .. } = self;
        let (tall, wide) = panels::<E>();
        let a = Packed::lines(pool, tall, (rows, depth), |row, k, part| {
            part.copy_from_slice(&a[row * depth + k..][..part.len()]);
            if let Some((tau, positions)) = scale {
                let tau = tau[(row / positions) % tau.len()];
                part.iter_mut().for_each(|a| *a = tau * *a);
            }
        })?;
        let b = match shape.layout {
            Layout::Transposed => Packed::lines(pool, wide, (columns, depth), |column, k, part| {
                part.copy_from_slice(&b[column * depth + k..][..part.len()]);
            }),
            Layout::Plain => Packed::columns(pool, wide, (columns, depth), |k| &b[k * columns..][..columns]),
        }?;
        let out = Shared::new(out);
        each_tile_of(pool, kept(depth), (rows, columns, depth), |tile, sums| {
            finish(tile, (&a, &b), depth, sums, |row, column, entries| {
                let from = row * columns + column;
                // SAFETY: tiles do not overlap.
                put(shape.start, unsafe { out.part(from..from + entries.len()) }, entries);
            });
        })
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let MatMulArrays { out, a, b, scale } = arrays;
        let scale =
            scale.map_or((gpu.nothing(), 1, 0), |scale| (read(scale.tau), scale.positions.max(1), scale.tau.len));
        self.queue(gpu, &Operands { out: write(&out), a: read(a), b: read(b), scale })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        let body = include_str!("../../../shaders/op/matmul.wgsl");
        Shader::tiled::<Numbers>(Self::NAME, PRODUCTS, &[body])
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (rows, depth) = (7, 29);
        let columns = trial.rows(rows);
        let (a, b) = (trial.numbers(rows * depth)?, trial.numbers(columns * depth)?);
        let (tau, mut out) = (trial.numbers(3)?, trial.numbers(rows * columns)?);
        let position = Position { tau: front(&tau, 3), positions: 2 };
        for (layout, start, scale) in
            [(Layout::Plain, Start::Value(0.5), None), (Layout::Transposed, Start::Output, Some(position))]
        {
            let product = MatMul { rows, columns, depth, layout, start };
            trial.run(|| {
                let out = front_mut(&mut out, rows * columns);
                let (a, b) = (front(&a, rows * depth), front(&b, columns * depth));
                backend.run(&product, MatMulArrays { out, a, b, scale })
            })?;
            trial.wrote(&out, rows * columns)?;
        }
        Ok(())
    }
}

/// `out = start + sums`.
pub(super) fn put<E: Element>(start: Start, out: &mut [E], sums: &[E]) {
    match start {
        Start::Value(value) => {
            let value = E::from_f64(value);
            out.iter_mut().zip(sums).for_each(|(out, &sum)| *out = value + sum);
        }
        Start::Output => out.iter_mut().zip(sums).for_each(|(out, &sum)| *out += sum),
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers {
        rows: u32, columns: u32, depth: u32, out_row: u32, a_row: u32, b_row: u32, b_column: u32, positions: u32, taus: u32,
        keep: u32, across: u32, start: f32,
    }
}

/// The arrays of a product; `scale` comes with the rows that share a factor and the number of factors (0: none).
#[cfg(feature = "gpu")]
struct Operands<'a> {
    out: Bound<'a>,
    a: Bound<'a>,
    b: Bound<'a>,
    scale: (Bound<'a>, usize, usize),
}

/// A block of a product: some rows of `a`, and a range of columns and of depth in `b`.
#[cfg(feature = "gpu")]
#[derive(Clone)]
struct Block {
    rows: Range<usize>,
    columns: Range<usize>,
    depth: Range<usize>,
}

/// Rows of a block that is cut for its work alone: enough to keep a device busy.
#[cfg(feature = "gpu")]
const FEWEST_ROWS: usize = 256;

#[cfg(feature = "gpu")]
impl MatMul {
    /// The product, cut by rows of `a`, so that a dispatch is no more than a submission's work, and, where `b` does not fit a
    /// binding, by `b`'s own rows: columns of the output where it is transposed, else depth.
    fn queue(&self, gpu: &GpuBackend, operands: &Operands<'_>) -> Result<()> {
        let (tau, positions, taus) = operands.scale;
        let scale = if taus > 0 { BlockArray::grouped(tau, positions) } else { BlockArray::shared(tau) };
        let arrays = [BlockArray::rows(operands.out, self.columns), BlockArray::rows(operands.a, self.depth), scale];
        let length = if self.layout == Layout::Transposed { self.depth } else { self.columns };
        let across = if self.layout == Layout::Transposed { self.columns } else { self.depth };
        let cuts = gpu.cuts(&[BlockArray::rows(operands.b, length)], across);
        let longest = cuts.iter().map(Range::len).max().unwrap_or(0);
        let most = gpu.rows_of_a_submission(2.0 * longest as f64 * length as f64).max(FEWEST_ROWS);
        for rows in gpu.short_cuts(&arrays, self.rows, most) {
            for cut in &cuts {
                let block = match self.layout {
                    Layout::Transposed => Block { rows: rows.clone(), columns: cut.clone(), depth: 0..self.depth },
                    Layout::Plain => Block { rows: rows.clone(), columns: 0..self.columns, depth: cut.clone() },
                };
                self.block(gpu, operands, &block)?;
            }
        }
        Ok(())
    }

    fn block(&self, gpu: &GpuBackend, operands: &Operands<'_>, block: &Block) -> Result<()> {
        let (columns, depth) = (block.columns.len(), block.depth.len());
        let size = Size { rows: block.rows.len(), columns, depth, batches: 1, summed: false };
        let tile = gpu.tile(Self::NAME, size, &|tile, rows| {
            let scratch = gpu.context.array(rows * columns, false)?;
            let out = Bound { written: true, ..Bound::whole(&scratch) };
            // Rows of the scratch array are as wide as the block.
            let some = Block { rows: block.rows.start..block.rows.start + rows, ..block.clone() };
            self.tiles(gpu, operands, &some, tile, Some(out))
        })?;
        self.tiles(gpu, operands, block, tile, None)
    }

    /// A block with tiles of one size, to another place than the output where one is given.
    fn tiles(
        &self,
        gpu: &GpuBackend,
        operands: &Operands<'_>,
        block: &Block,
        tile: TileSize,
        elsewhere: Option<Bound<'_>>,
    ) -> Result<()> {
        let (rows, columns, depth) = (block.rows.len(), block.columns.len(), block.depth.len());
        let (tau, positions, taus) = operands.scale;
        // From the first to the last element that the block touches.
        let span = |row: usize, within: &Range<usize>| {
            let first = block.rows.start * row + within.start;
            (first, (rows * row + within.end).saturating_sub(row + within.start))
        };
        let (out, out_len) = span(self.columns, &block.columns);
        let (a, a_len) = span(self.depth, &block.depth);
        let (b, b_row, b_column) = match self.layout {
            Layout::Transposed => (block.columns.start * self.depth, 1, self.depth),
            Layout::Plain => (block.depth.start * self.columns, self.columns, 1),
        };
        let first = if taus > 0 { block.rows.start % (taus * positions) / positions } else { 0 };
        let arrays = [
            elsewhere.unwrap_or_else(|| operands.out.part(out, out_len)),
            operands.a.part(a, a_len),
            operands.b.part(b, columns * depth),
            tau.part(first, tau.len - first),
        ];
        let (keep, start) = start_numbers(if block.depth.start == 0 { self.start } else { Start::Output });
        let numbers = Numbers {
            rows: rows as u32,
            columns: columns as u32,
            depth: depth as u32,
            out_row: if elsewhere.is_some() { columns } else { self.columns } as u32,
            a_row: self.depth as u32,
            b_row: b_row as u32,
            b_column: b_column as u32,
            positions: positions as u32,
            taus: taus as u32,
            keep,
            across: tile.grid(rows, columns).1 as u32,
            start,
        };
        gpu.context.dispatch(&Dispatch {
            shader: Key::tiled(Self::NAME, tile),
            arrays: &arrays,
            numbers: numbers.words(),
            groups: tile.count(rows, columns),
            work: 2.0 * rows as f64 * columns as f64 * depth as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (rows, columns, depth) = (5, 7, 3);
        let (a, b, taus) = (numbers(1, rows * depth), numbers(2, depth * columns), numbers(3, 2));
        let (before, tau) = (numbers(4, rows * columns), held(&taus));
        for layout in [Layout::Plain, Layout::Transposed] {
            for (start, scale) in
                [(Start::Value(0.5), None), (Start::Output, Some(Position { tau: tau.all(), positions: 2 }))]
            {
                let product = MatMul { rows, columns, depth, layout, start };
                let got = written(&before, |cpu, out| {
                    cpu.run(&product, MatMulArrays { out, a: held(&a).all(), b: held(&b).all(), scale })
                });
                close(&got, |e| {
                    let (row, column) = (e / columns, e % columns);
                    let b = |k: usize| match layout {
                        Layout::Plain => b[k * columns + column],
                        Layout::Transposed => b[column * depth + k],
                    };
                    let sum: f64 = (0..depth).map(|k| a[row * depth + k] * b(k)).sum();
                    let sum = if scale.is_some() { taus[row / 2 % 2] * sum } else { sum };
                    sum + if start == Start::Output { before[e] } else { 0.5 }
                });
            }
        }
    }
}
