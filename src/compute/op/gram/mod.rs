//! The fused product of a contraction.

mod applied;
mod exchanged;
#[cfg(feature = "gpu")]
mod grid;
mod left;
mod on_cpu;
#[cfg(feature = "gpu")]
mod on_gpu;
mod prepared;
#[cfg(feature = "gpu")]
mod spans;

use super::lookup::row_of;
use super::*;

/// Which pairs of output rows an accumulator holds, and how they lie: `[R, n, m]`, `[n, m]`, `[R, n, m]`,
/// `[R, n, C, m]` (the query's output first, then the query, the example's output, the example). A query has R rows, an
/// example C, except that R = C for the trace and the diagonal, and that an example has one row for its loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// Every row of the query with the example's one row.
    Loss,
    /// The mean over equal outputs.
    Trace,
    /// Equal outputs.
    Diagonal,
    /// All pairs of rows.
    Full,
}

impl Entries {
    /// Elements of an accumulator, for `outputs` rows of a query and `copies` of an example.
    pub fn len(&self, outputs: usize, copies: usize, queries: usize, examples: usize) -> usize {
        queries * examples * self.per_pair(outputs, copies)
    }

    /// Elements of one pair of query and example, of `outputs` and `copies` rows.
    pub fn per_pair(&self, outputs: usize, copies: usize) -> usize {
        match self {
            Entries::Trace => 1,
            Entries::Loss | Entries::Diagonal => outputs,
            Entries::Full => outputs.saturating_mul(copies),
        }
    }

    /// Gradient rows of an example, for a network of so many outputs.
    pub fn copies(&self, outputs: usize) -> usize {
        if *self == Entries::Loss { 1 } else { outputs }
    }
}

/// The fused product: the sum of all parts of a contraction, added to accumulators in one pass.
///
/// With rows `(c, q)` of `outputs × queries` and columns `(d, i)` of `copies × examples`, each part gives a value
/// `v[(c, q), (d, i)]`; see [`Part`]. Their sum goes to the entries that [`Entries`] names:
///
/// ```text
/// Loss      out[(c, q), columns[i]]     += scale            v[(c, q), i]
/// Trace     out[q, columns[i]]          += scale / R    Σ_c v[(c, q), (c, i)]
/// Diagonal  out[(c, q), columns[i]]     += scale w[(c, i)]  v[(c, q), (c, i)]
/// Full      out[(c, q), d, columns[i]]  += scale w[(d, i)]  v[(c, q), (d, i)]
/// ```
///
/// with rows of `stride` elements. `columns` ascend and are below `stride`. The loss takes one copy, the trace and the
/// diagonal as many copies as outputs; a call with others fails.
#[derive(Debug, Clone, Copy)]
pub struct Gram {
    /// Which pairs of rows and columns.
    pub entries: Entries,
    /// R: gradient rows of a query.
    pub outputs: usize,
    /// Gradient rows of an example.
    pub copies: usize,
    /// Queries.
    pub queries: usize,
    /// Examples of this call: columns of one copy.
    pub examples: usize,
    /// Examples of the accumulator.
    pub stride: usize,
    /// Where only one half of a symmetric accumulator is wanted: entries with `columns[i] < first + q` may be left as
    /// they are, or get some of the parts.
    pub triangle: Option<usize>,
}

impl Gram {
    /// Columns: `copies × examples`.
    pub fn columns(&self) -> usize {
        self.copies * self.examples
    }

    /// Elements of an accumulator.
    pub fn len(&self) -> usize {
        self.entries.len(self.outputs, self.copies, self.queries, self.stride)
    }

    /// The copies that the entries ask for.
    pub(crate) fn wanted_copies(&self) -> usize {
        match self.entries {
            Entries::Loss => 1,
            Entries::Trace | Entries::Diagonal => self.outputs,
            Entries::Full => self.copies,
        }
    }

    /// Whether there is nothing to add to.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One part of a fused product: what a layer (at one quadrature node, or averaged over nodes) adds to the value of row
/// `(c, q)` and column `(d, i)`; see [`Gram`]. P are the layer's positions.
pub enum Part<'a, T, I> {
    /// `Σ_r ω_r Σ_{p,p'} G[(g(r), p), (p', i)] Σ_k left[(r, p), k] right[(d, i), p', k]` over the rows r of output
    /// `(c, q)` of the map. For [`Entries::Trace`] the outputs of a query have rows with the same
    /// inputs.
    Factored {
        /// From gradient rows to outputs `(c, q)`.
        map: &'a RowMap<T, I>,
        /// P.
        positions: usize,
        /// The summed dimension, at least 1.
        depth: usize,
        /// `[rows, P, depth]`.
        left: Slice<'a, T>,
        /// `[copies, examples, P, depth]`.
        right: Slice<'a, T>,
        /// G: the Gram matrix of the layer's inputs, `[base rows, P, P', examples]`: the row's position p, the example's
        /// position p', the example.
        inputs: Slice<'a, T>,
        /// Whether the values of `(c, q)`, `(d, i)` and of `(d, q)`, `(c, i)` are the same but for rounding, R = C: one product
        /// may serve both.
        exchanges: bool,
    },
    /// `G[q, i] right[(d, i), c]`: a last linear layer, whose gradient with respect to output c is the unit vector c. The
    /// rows of a query are the outputs, R = C. Where the outputs have inputs of their own, `G[(c, q), i]`; a trace has none such.
    Output {
        /// `[copies, examples, R]`.
        right: Slice<'a, T>,
        /// G, `[queries, examples]` or `[R, queries, examples]`.
        inputs: Slice<'a, T>,
    },
    /// `Σ_k left[(c, q), k] right[(d, i), k]`: whole gradient rows.
    Rows {
        /// The summed dimension, at least 1.
        depth: usize,
        /// `[R, queries, depth]`.
        left: Slice<'a, T>,
        /// `[copies, examples, depth]`.
        right: Slice<'a, T>,
    },
    /// `Σ_{p,k} delta[(d, i), p, k] (Σ_j left[(c, q), k, j] input[i, p, j] + bias[(c, q), k])`: whole gradient rows of
    /// the queries, applied to the factors of the examples.
    Half {
        /// The layer's shape; a row of `left` is [`Outer::row`] long, its bias last.
        shape: Outer,
        /// `[R, queries, row]`.
        left: Slice<'a, T>,
        /// `[copies, examples, P, height]`.
        delta: Slice<'a, T>,
        /// `[examples, P, width]`.
        input: Slice<'a, T>,
    },
    /// `Σ_{p,j} left[(c, q), tokens[i, p], j] delta[(d, i), p, j]`: whole gradient rows of the queries' table, applied to the
    /// examples' δ at the rows that they look up.
    Picked {
        /// The table's shape; a row of `left` is [`OuterRows::row`] long.
        shape: OuterRows,
        /// `[R, queries, row]`.
        left: Slice<'a, T>,
        /// `[copies, examples, P, width]`.
        delta: Slice<'a, T>,
        /// `[examples, P]`.
        tokens: Slice<'a, T>,
    },
}

impl<T, I> Clone for Part<'_, T, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, I> std::marker::Copy for Part<'_, T, I> {}

/// What a fused product is added to.
#[derive(Debug)]
pub struct Accumulator<'a, T> {
    /// Laid out as [`Gram`] says.
    pub out: SliceMut<'a, T>,
    /// What the product is multiplied by.
    pub scale: f64,
    /// w, `[copies, examples]`: what each column is multiplied by. Not with [`Entries::Trace`].
    pub weights: Option<Slice<'a, T>>,
}

impl<T> Accumulator<'_, T> {
    /// The same accumulator, for as long as a call takes.
    pub fn reborrow(&mut self) -> Accumulator<'_, T> {
        let SliceMut { buffer, offset, len } = &mut self.out;
        Accumulator { out: SliceMut::new(buffer, *offset, *len), scale: self.scale, weights: self.weights }
    }
}

/// The arrays of [`Gram`].
pub struct GramArrays<'a, T, I> {
    /// `[examples]`: which column of an accumulator's row each example is.
    pub columns: &'a I,
    /// What is summed.
    pub parts: &'a [Part<'a, T, I>],
    /// What the sum is added to.
    pub into: Vec<Accumulator<'a, T>>,
}

impl Operation for Gram {
    const NAME: &'static str = "gram";
    const ROUNDINGS: f64 = 600.0;

    type Arrays<'a, T: 'a, I: 'a> = GramArrays<'a, T, I>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        self.check_columns(Self::NAME, arrays.columns.values())?;
        arrays.parts.iter().try_for_each(|part| self.check_part(part))?;
        arrays.into.iter().try_for_each(|accumulator| {
            let columns = accumulator.weights.map_or(self.columns(), |weights| weights.len);
            fit(Self::NAME, &[(accumulator.out.len, self.len()), (columns, self.columns())])?;
            let weighted_trace = accumulator.weights.is_some() && self.entries == Entries::Trace;
            require(Self::NAME, !weighted_trace, "a trace has no weights")
        })
    }

    fn cpu<E: Element>(&self, cpu: &CpuBackend<E>, arrays: GramArrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let GramArrays { columns, parts, mut into } = arrays;
        on_cpu::gram(cpu.pool(), self, columns, parts, &mut into)
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: GramArrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        on_gpu::gram(gpu, self, &arrays)
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        on_gpu::shaders()
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (outputs, examples, depth) = (2, 5, 7);
        let queries = trial.rows(outputs * examples);
        let (rows, len) = (outputs * queries, outputs * queries * examples);
        let map = trial.map(rows)?;
        let (left, right) = (trial.numbers(map.rows * depth)?, trial.numbers(outputs * examples * depth)?);
        let (whole, inputs) = (trial.numbers(rows * depth)?, trial.numbers(map.base.max(queries) * examples)?);
        // A last layer whose outputs have inputs of their own.
        let (last, own) = (trial.numbers(outputs * examples * outputs)?, trial.numbers(rows * examples)?);
        let columns = backend.index(&(0..examples as u32).collect::<Vec<_>>())?;
        let mut out = backend.zeros(len)?;
        let gram = Gram {
            entries: Entries::Diagonal,
            outputs,
            copies: outputs,
            queries,
            examples,
            stride: examples,
            triangle: None,
        };
        let right = front(&right, outputs * examples * depth);
        let parts = [
            Part::Factored {
                map: &map,
                positions: 1,
                depth,
                left: front(&left, map.rows * depth),
                right,
                inputs: front(&inputs, map.base * examples),
                exchanges: false,
            },
            Part::Rows { depth, left: front(&whole, rows * depth), right },
            Part::Output { right: front(&last, outputs * examples * outputs), inputs: front(&own, rows * examples) },
        ];
        trial.run(|| {
            let into = vec![Accumulator { out: front_mut(&mut out, len), scale: 0.5, weights: None }];
            backend.run(&gram, GramArrays { columns: &columns, parts: &parts, into })
        })?;
        trial.wrote(&out, len)
    }
}

impl Gram {
    /// Fails where an operation's columns, or its copies, are not those of the accumulators.
    pub(super) fn check_columns(&self, operation: &str, columns: &[u32]) -> Result<()> {
        let end = columns.last().map_or(0, |&column| column as usize + 1);
        fit(operation, &[(columns.len(), self.examples), (self.copies, self.wanted_copies())])?;
        let ascend = columns.windows(2).all(|pair| pair[0] < pair[1]);
        require(operation, ascend && end <= self.stride, "columns do not ascend, or leave the accumulator's rows")
    }

    /// Fails where a part's arrays do not fit.
    fn check_part<T, I: Indices>(&self, part: &Part<'_, T, I>) -> Result<()> {
        let (rows, columns) = (self.outputs * self.queries, self.columns());
        match *part {
            Part::Factored { map, positions, depth, left, right, inputs, exchanges } => {
                let size = positions * depth;
                let lengths = [(map.outputs, rows), (left.len, map.rows * size), (right.len, columns * size)];
                fit(Self::NAME, &lengths)?;
                require(Self::NAME, depth > 0, "a product without a depth")?;
                let both = !exchanges || self.entries != Entries::Full || self.outputs == self.copies;
                require(Self::NAME, both, "outputs of the queries and the examples that are not the same")?;
                let enough = inputs.len >= map.base * positions * positions * self.examples;
                require(Self::NAME, enough, "a base row lies beyond the array")?;
                let (offsets, inputs) = (map.offsets.values(), map.inputs.values());
                let inputs_of = |output: usize| &inputs[offsets[output] as usize..offsets[output + 1] as usize];
                let same = |row: usize| inputs_of(row) == inputs_of(row % self.queries);
                let together = self.entries != Entries::Trace || (0..rows).all(same);
                require(Self::NAME, together, "outputs that are summed have rows with other inputs")
            }
            Part::Rows { depth, left, right } => {
                fit(Self::NAME, &[(left.len, rows * depth), (right.len, columns * depth)])?;
                require(Self::NAME, depth > 0, "a product without a depth")
            }
            Part::Output { right, inputs } => {
                let shared = inputs.len == self.queries * self.examples;
                let len = if shared { inputs.len } else { rows * self.examples };
                fit(Self::NAME, &[(right.len, columns * self.outputs), (inputs.len, len)])?;
                let together = shared || self.entries != Entries::Trace;
                require(Self::NAME, together, "outputs that are summed have inputs of their own")
            }
            Part::Half { shape: own, left, delta, input } => {
                let (height, width) = (own.positions * own.height, own.positions * own.width);
                let lengths = [(left.len, rows * own.row()), (delta.len, columns * height)];
                fit(Self::NAME, &lengths)?;
                fit(Self::NAME, &[(input.len, self.examples * width)])
            }
            Part::Picked { shape: own, left, delta, tokens } => {
                let lengths = [(left.len, rows * own.row()), (delta.len, columns * own.positions * own.width)];
                fit(Self::NAME, &lengths)?;
                fit(Self::NAME, &[(tokens.len, self.examples * own.positions)])?;
                require(Self::NAME, own.row() > 0, "a table without rows")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const SCALE: f64 = 0.7;
    const COLUMNS: [u32; 3] = [0, 2, 3];
    const POSITIONS: usize = 2;
    const DEPTH: usize = 5;

    /// Whole rows beside factors, except for the trace: the map's outputs have rows with other inputs.
    fn check(entries: Entries) {
        let (outputs, queries, examples, stride) = (2, 2, COLUMNS.len(), 4);
        let copies = entries.copies(outputs);
        let gram = Gram { entries, outputs, copies, queries, examples, stride, triangle: None };
        let (rows, columns, size) = (outputs * queries, gram.columns(), POSITIONS * DEPTH);
        let map = map();
        let (left, right, weights) = (numbers(1, rows * DEPTH), numbers(2, columns * DEPTH), numbers(3, columns));
        let (from, to) = (numbers(4, map.rows * size), numbers(5, columns * size));
        let products = numbers(6, map.base * POSITIONS * POSITIONS * examples);
        let before = numbers(7, gram.len());
        let [is_trace, is_weighted] = [entries == Entries::Trace, matches!(entries, Entries::Diagonal | Entries::Full)];

        let found = {
            let [left, right, weights, from, to, products] =
                [&left, &right, &weights, &from, &to, &products].map(|own| held(own));
            let whole = Part::Rows { depth: DEPTH, left: left.all(), right: right.all() };
            let (positions, depth, inputs) = (POSITIONS, DEPTH, products.all());
            let (left, right, exchanges) = (from.all(), to.all(), false);
            let factored = Part::Factored { map: &map, positions, depth, left, right, inputs, exchanges };
            let parts = if is_trace { vec![whole] } else { vec![factored, whole] };
            written(&before, |cpu, out| {
                let into = Accumulator { out, scale: SCALE, weights: is_weighted.then(|| weights.all()) };
                cpu.run(&gram, GramArrays { columns: &COLUMNS.to_vec(), parts: &parts, into: vec![into] })
            })
        };

        let dot = |a: &[f64], a_row: usize, b: &[f64], b_row: usize| -> f64 {
            (0..DEPTH).map(|k| a[a_row * DEPTH + k] * b[b_row * DEPTH + k]).sum()
        };
        let mut want = before;
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let (copy, example) = (column / examples, column % examples);
            let mut value = dot(&left, row, &right, column);
            for own in rows_of(&map, row).filter(|_| !is_trace) {
                for (p, other) in (0..POSITIONS).flat_map(|p| (0..POSITIONS).map(move |other| (p, other))) {
                    let base = map.inputs[own] as usize;
                    let product = products[((base * POSITIONS + p) * POSITIONS + other) * examples + example];
                    value +=
                        map.weights[own] * product * dot(&from, own * POSITIONS + p, &to, column * POSITIONS + other);
                }
            }
            let (line, factor) = match entries {
                Entries::Loss => (row, 1.0),
                Entries::Trace if row / queries == copy => (row % queries, 1.0 / outputs as f64),
                Entries::Diagonal if row / queries == copy => (row, weights[column]),
                Entries::Full => (row * copies + copy, weights[column]),
                Entries::Trace | Entries::Diagonal => continue,
            };
            want[line * stride + COLUMNS[example] as usize] += SCALE * factor * value;
        }
        close(&found, |entry| want[entry]);
    }

    /// Of a last layer whose outputs have inputs of their own.
    #[test]
    fn inputs_of_each_output_as_plain_loops() {
        let (outputs, queries, examples, stride) = (2, 2, COLUMNS.len(), 4);
        for entries in [Entries::Loss, Entries::Diagonal, Entries::Full] {
            let copies = entries.copies(outputs);
            let gram = Gram { entries, outputs, copies, queries, examples, stride, triangle: None };
            let (right, inputs) = (numbers(1, gram.columns() * outputs), numbers(2, outputs * queries * examples));
            let before = numbers(3, gram.len());
            let got = written(&before, |cpu, out| {
                let [right, inputs] = [&right, &inputs].map(|own| held(own));
                let parts = [Part::Output { right: right.all(), inputs: inputs.all() }];
                let into = vec![Accumulator { out, scale: SCALE, weights: None }];
                cpu.run(&gram, GramArrays { columns: &COLUMNS.to_vec(), parts: &parts, into })
            });
            let mut want = before;
            for (row, column) in (0..outputs * queries).flat_map(|row| (0..gram.columns()).map(move |c| (row, c))) {
                let (output, copy, example) = (row / queries, column / examples, column % examples);
                if entries == Entries::Diagonal && output != copy {
                    continue;
                }
                let line = if entries == Entries::Full { row * copies + copy } else { row };
                let value = inputs[row * examples + example] * right[column * outputs + output];
                want[line * stride + COLUMNS[example] as usize] += SCALE * value;
            }
            close(&got, |entry| want[entry]);
        }
    }

    #[test]
    fn as_plain_loops() {
        [Entries::Loss, Entries::Trace, Entries::Diagonal, Entries::Full].into_iter().for_each(check);
    }
}
