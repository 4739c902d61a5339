//! Many small matrix products at once.

use super::*;
use crate::compute::cpu::kernel::{Weighting, panels};
use crate::compute::cpu::pack::Panels;
use crate::compute::cpu::tiles::{SMALL, Shared, Tile, add_panels};
#[cfg(feature = "gpu")]
use crate::compute::gpu::{PRODUCTS, TileSize};

/// A matrix product for each batch of each row, `out[r, n, i, j] = start + scale Σ_k a[r, n, i, k] b[r, n, k, j]`. Where an
/// array's matrices lie is said by its [`Strides`], so that none has to be transposed or cut first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchMatMul {
    /// Rows of the output. Row r meets row `r % rows` of an array of fewer.
    pub rows: usize,
    /// Products of a row.
    pub batches: usize,
    /// Lines of `a` and of the output.
    pub lines: usize,
    /// Columns of `b` and of the output.
    pub columns: usize,
    /// The summed dimension.
    pub depth: usize,
    /// What the sums are multiplied by.
    pub scale: f64,
    /// What the products are added to.
    pub start: Start,
    /// How `out` lies: its columns side by side.
    pub out: Strides,
    /// How `a` lies.
    pub a: Strides,
    /// How `b` lies; its lines are the summed dimension.
    pub b: Strides,
}

/// How the matrices of an array lie: elements from one to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strides {
    /// How many rows there are.
    pub rows: usize,
    /// From one row to the next.
    pub row: usize,
    /// From one batch of a row to the next.
    pub batch: usize,
    /// From one line of a matrix to the next.
    pub line: usize,
    /// From one column of a matrix to the next.
    pub column: usize,
}

impl Strides {
    /// The same with lines for columns.
    pub fn transposed(self) -> Self {
        Self { line: self.column, column: self.line, ..self }
    }

    /// The first element of a matrix.
    fn at(&self, row: usize, batch: usize) -> usize {
        row % self.rows.max(1) * self.row + batch * self.batch
    }

    fn sides(&self, (batches, lines, columns): (usize, usize, usize)) -> [(usize, usize); 4] {
        [(self.rows, self.row), (batches, self.batch), (lines, self.line), (columns, self.column)]
    }

    /// Elements from the first to the last, both included.
    fn span(&self, size: (usize, usize, usize)) -> usize {
        self.sides(size)
            .iter()
            .try_fold(1, |span, &(count, step)| Some(span + count.checked_sub(1)? * step))
            .unwrap_or(0)
    }

    /// The array up to the last element, as it follows the rows of a product.
    #[cfg(feature = "gpu")]
    fn array<'a>(&self, bound: Bound<'a>, size: (usize, usize, usize)) -> BlockArray<'a> {
        BlockArray::cyclic(bound.part(0, self.span(size)), self.row, self.rows)
    }

    /// Whether no two places are the same element.
    fn are_apart(&self, size: (usize, usize, usize)) -> bool {
        let mut sides = self.sides(size).to_vec();
        sides.retain(|&(count, _)| count > 1);
        sides.sort_by_key(|&(_, step)| step);
        let mut span = 1;
        sides.iter().all(|&(count, step)| {
            let apart = step >= span;
            span += (count - 1) * step;
            apart
        })
    }
}

/// Lines of an output that a thread takes at a time.
const LINES: usize = 96;

impl Operation for BatchMatMul {
    const NAME: &'static str = "batch_matmul";
    const ROUNDINGS: f64 = 60.0;

    /// `(out, a, b)`.
    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, a, b): &Self::Arrays<'_, T, I>) -> Result<()> {
        let [put, left, right] = self.sizes();
        let within = self.out.span(put) <= out.len && self.a.span(left) <= a.len && self.b.span(right) <= b.len;
        require(Self::NAME, within, "a matrix lies beyond its array")?;
        require(Self::NAME, self.out.rows == self.rows, "the output has other rows")?;
        require(Self::NAME, self.out.column == 1 && self.out.are_apart(put), "entries of the output share a place")
    }

    fn cpu<E: Element>(
        &self,
        cpu: &CpuBackend<E>,
        (out, a, b): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let &Self { rows, batches, columns, depth, .. } = self;
        let (out, a, b) = (Shared::new(view_mut(out)?), view(a)?, view(b)?);
        let (tall, wide) = panels::<E>();
        let width = columns.next_multiple_of(wide);
        let (most, strips) = (self.lines.min(LINES), self.lines.div_ceil(LINES));
        let buffers = || -> Result<_> {
            let left = cpu.pool().take(most.next_multiple_of(tall) * depth)?;
            let right = cpu.pool().take(width * depth)?;
            Ok((left, right, cpu.pool().take(most.next_multiple_of(tall) * width)?))
        };
        let one = |buffers: &mut Result<_>, number: usize| -> Result<()> {
            let (left, right, sums): &mut (cpu::Buffer<E>, cpu::Buffer<E>, cpu::Buffer<E>) = buffers
                .as_mut()
                .map_err(|_| crate::compute::BackendError::OutOfMemory("no room for a product".into()))?;
            let (first, row, batch) = (number % strips * LINES, number / strips / batches, number / strips % batches);
            let count = most.min(self.lines - first);
            let from = self.a.at(row, batch) + first * self.a.line;
            pack(left, tall, (count, depth), &a[from..], (self.a.line, self.a.column));
            pack(right, wide, (columns, depth), &b[self.b.at(row, batch)..], (self.b.column, self.b.line));
            sums.fill(E::ZERO);
            let tile = Tile { rows: 0..count, columns: 0..columns, width };
            let factors = (Panels { values: left, panel: tall * depth }, Panels { values: right, panel: wide * depth });
            add_panels(&tile, factors, depth, Weighting::One, sums);
            for (line, sums) in sums.chunks(width.max(1)).take(count).enumerate() {
                let from = self.out.at(row, batch) + (first + line) * self.out.line;
                // SAFETY: lines of the output do not overlap, by `check`, and each belongs to one number.
                self.put(unsafe { out.part(from..from + columns) }, sums);
            }
            Ok(())
        };
        let least = (SMALL / (most * columns * depth).max(1)).max(1);
        (0..rows * batches * strips).into_par_iter().with_min_len(least).map_init(buffers, one).collect()
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, a, b): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let [put, left, right] = self.sizes();
        let arrays = [self.out.array(write(&out), put), self.a.array(read(a), left), self.b.array(read(b), right)];
        let products = self.batches * self.lines * self.columns;
        let most = gpu.rows_of_a_submission(2.0 * products as f64 * self.depth as f64);
        let groups = gpu.most_groups() / (self.batches * TileSize::S.count(self.lines, self.columns)).max(1);
        for rows in gpu.short_cuts(&arrays, self.rows, most.min(groups).max(1)) {
            let bounds = arrays.map(|array| array.block(&rows));
            let block = Self { rows: rows.len(), ..*self };
            let batches = block.rows * block.batches;
            let size = Size { rows: block.lines, columns: block.columns, depth: block.depth, batches, summed: false };
            let tile = gpu.tile(Self::NAME, size, &|tile, lines| {
                let scratch = gpu.context.array(batches * lines * block.columns, false)?;
                let out = Strides {
                    rows: block.rows,
                    row: block.batches * lines * block.columns,
                    batch: lines * block.columns,
                    line: block.columns,
                    column: 1,
                };
                let nowhere = Bound { written: true, ..Bound::whole(&scratch) };
                Self { lines, out, ..block }.tiles(gpu, tile, &[nowhere, bounds[1], bounds[2]])
            })?;
            block.tiles(gpu, tile, &bounds)?;
        }
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        let body = include_str!("../../../shaders/op/batch_matmul.wgsl");
        Shader::tiled::<Numbers>(Self::NAME, PRODUCTS, &[body])
    }

    /// Two heads of three positions: what each pair of positions has in common, and their values weighted by that.
    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (heads, positions, width, copies) = (2, 3, 5, 3);
        let (pairs, features) = (heads * positions * positions, heads * positions * width);
        let base = trial.rows(copies * pairs);
        let rows = copies * base;
        let (delta, values) = (trial.numbers(rows * features)?, trial.numbers(base * features)?);
        let (mut scores, mut out) = (backend.zeros(rows * pairs)?, trial.numbers(rows * features)?);
        let features_lie = |rows| Strides { rows, row: features, batch: width, line: heads * width, column: 1 };
        let pairs_lie = Strides { rows, row: pairs, batch: positions * positions, line: positions, column: 1 };
        let score = BatchMatMul {
            rows,
            batches: heads,
            lines: positions,
            columns: positions,
            depth: width,
            scale: 0.5,
            start: Start::Value(0.25),
            out: pairs_lie,
            a: features_lie(rows),
            b: features_lie(base).transposed(),
        };
        trial.run(|| {
            let factors = (front(&delta, rows * features), front(&values, base * features));
            backend.run(&score, (front_mut(&mut scores, rows * pairs), factors.0, factors.1))
        })?;
        trial.wrote(&scores, rows * pairs)?;
        let (a, b) = (pairs_lie.transposed(), features_lie(base));
        let weigh = BatchMatMul {
            columns: width,
            depth: positions,
            start: Start::Output,
            out: features_lie(rows),
            a,
            b,
            ..score
        };
        trial.run(|| {
            let factors = (front(&scores, rows * pairs), front(&values, base * features));
            backend.run(&weigh, (front_mut(&mut out, rows * features), factors.0, factors.1))
        })?;
        trial.wrote(&out, rows * features)
    }
}

impl BatchMatMul {
    /// Batches, lines and columns of the output and of both factors.
    fn sizes(&self) -> [(usize, usize, usize); 3] {
        let &Self { batches, lines, columns, depth, .. } = self;
        [(batches, lines, columns), (batches, lines, depth), (batches, depth, columns)]
    }

    /// `out = start + scale sums`.
    fn put<E: Element>(&self, out: &mut [E], sums: &[E]) {
        let scale = E::from_f64(self.scale);
        match self.start {
            Start::Value(value) => {
                let value = E::from_f64(value);
                out.iter_mut().zip(sums).for_each(|(out, &sum)| *out = value + scale * sum);
            }
            Start::Output => out.iter_mut().zip(sums).for_each(|(out, &sum)| *out += scale * sum),
        }
    }

    /// All products, with tiles of one size.
    #[cfg(feature = "gpu")]
    fn tiles(&self, gpu: &GpuBackend, tile: TileSize, arrays: &[Bound<'_>; 3]) -> Result<()> {
        let (keep, start) = start_numbers(self.start);
        let &Self { rows, batches, lines, columns, depth, out, a, b, .. } = self;
        let (down, across) = tile.grid(lines, columns);
        let numbers = Numbers {
            rows: rows as u32,
            batches: batches as u32,
            lines: lines as u32,
            columns: columns as u32,
            depth: depth as u32,
            out_row: out.row as u32,
            out_batch: out.batch as u32,
            out_line: out.line as u32,
            a_rows: a.rows.max(1) as u32,
            a_row: a.row as u32,
            a_batch: a.batch as u32,
            a_line: a.line as u32,
            a_column: a.column as u32,
            b_rows: b.rows.max(1) as u32,
            b_row: b.row as u32,
            b_batch: b.batch as u32,
            b_line: b.line as u32,
            b_column: b.column as u32,
            down: down as u32,
            across: across as u32,
            keep,
            start,
            scale: self.scale as f32,
        };
        gpu.context.dispatch(&Dispatch {
            shader: Key::tiled(Self::NAME, tile),
            arrays,
            numbers: numbers.words(),
            groups: rows * batches * down * across,
            work: 2.0 * (rows * batches) as f64 * (lines * columns) as f64 * depth as f64,
        })
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers {
        rows: u32, batches: u32, lines: u32, columns: u32, depth: u32, out_row: u32, out_batch: u32, out_line: u32,
        a_rows: u32, a_row: u32, a_batch: u32, a_line: u32, a_column: u32,
        b_rows: u32, b_row: u32, b_batch: u32, b_line: u32, b_column: u32,
        down: u32, across: u32, keep: u32, start: f32, scale: f32,
    }
}

/// Packs `lines` lines of `depth` elements into panels of `width`; the steps are from one line to the next, and along it.
fn pack<E: Element>(
    out: &mut [E],
    width: usize,
    (lines, depth): (usize, usize),
    x: &[E],
    (line, along): (usize, usize),
) {
    for (number, panel) in out.chunks_mut((width * depth).max(1)).take(lines.div_ceil(width)).enumerate() {
        let first = number * width;
        let count = width.min(lines - first);
        for (k, out) in panel.chunks_exact_mut(width).enumerate() {
            let from = first * line + k * along;
            let (out, rest) = out.split_at_mut(count);
            if line == 1 {
                out.copy_from_slice(&x[from..from + count]);
            } else {
                out.iter_mut().enumerate().for_each(|(place, out)| *out = x[from + place * line]);
            }
            rest.fill(E::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    /// Heads side by side in the lines of the factors and of the output, a second factor of fewer rows, either way round.
    #[test]
    fn as_plain_loops() {
        let (rows, base, batches) = (4, 2, 3);
        for (lines, columns, depth) in [(5, 7, 3), (1, 1, 1), (100, 2, 4)] {
            let side_by_side = |rows: usize, lines: usize, columns: usize| Strides {
                rows,
                row: batches * lines * columns,
                batch: columns,
                line: batches * columns,
                column: 1,
            };
            let one_by_one = |rows: usize, lines: usize, columns: usize| Strides {
                batch: lines * columns,
                line: columns,
                ..side_by_side(rows, lines, columns)
            };
            let out = side_by_side(rows, lines, columns);
            let before = numbers(1, rows * out.row);
            let a = numbers(2, rows * batches * lines * depth);
            let b = numbers(3, base * batches * depth * columns);
            let layouts = [
                (side_by_side(rows, lines, depth), one_by_one(base, columns, depth).transposed()),
                (one_by_one(rows, depth, lines).transposed(), side_by_side(base, depth, columns)),
            ];
            for (left, right) in layouts {
                for (start, scale) in [(Start::Value(0.5), 1.0), (Start::Output, -0.25)] {
                    let product =
                        BatchMatMul { rows, batches, lines, columns, depth, scale, start, out, a: left, b: right };
                    let got = written(&before, |cpu, out| cpu.run(&product, (out, held(&a).all(), held(&b).all())));
                    close(&got, |e| {
                        let (row, line) = (e / out.row, e % out.row / out.line);
                        let (batch, column) = (e % out.line / columns, e % columns);
                        let a = |k: usize| a[left.at(row, batch) + line * left.line + k * left.column];
                        let b = |k: usize| b[right.at(row, batch) + k * right.line + column * right.column];
                        let sum: f64 = (0..depth).map(|k| a(k) * b(k)).sum();
                        scale * sum + if start == Start::Output { before[e] } else { 0.5 }
                    });
                }
            }
        }
    }

    #[test]
    fn places_that_overlap_are_refused() {
        let lies = Strides { rows: 2, row: 6, batch: 3, line: 2, column: 1 };
        assert!(lies.are_apart((1, 3, 2)) && !lies.are_apart((2, 3, 2)) && lies.are_apart((2, 1, 3)));
        assert_eq!((lies.span((1, 3, 2)), lies.span((1, 0, 2))), (12, 0));
    }
}
