//! Derivatives of examples' outputs, added to an accumulator.

use super::*;

/// Derivatives of examples' outputs along some rows of the queries, added to an accumulator of [`Gram`]'s layout. The rows belong
/// to output c of the queries from `query` on; of row r, with D for the derivatives and G for the losses' gradients:
///
/// ```text
/// Loss      out[(c, query + r), columns[i]]     += scale     Σ_d G[i, d] D[r, i, d]
/// Trace     out[query + r, columns[i]]          += scale / R             D[r, i, c]
/// Diagonal  out[(c, query + r), columns[i]]     += scale w[(c, i)]       D[r, i, c]
/// Full      out[(c, query + r), d, columns[i]]  += scale w[(d, i)]       D[r, i, d]
/// Full, G   out[(c, query + r), t, columns[i]]  += scale     Σ_v G[i, (t, v)] D[r, i, (t, v)]
/// ```
///
/// The last is of the positions t of an example's loss, as many as the accumulator has copies.
///
/// Each entry is added to once, so that its bits do not depend on how many rows a call has.
#[derive(Debug, Clone, Copy)]
pub struct Accumulate {
    /// Which pairs, and the shape of the accumulator.
    pub gram: Gram,
    /// Outputs of an example.
    pub width: usize,
    /// c: the output that the rows belong to.
    pub output: usize,
    /// The query of the first row.
    pub query: usize,
}

/// The arrays of [`Accumulate`].
#[derive(Debug)]
pub struct AccumulateArrays<'a, T, I> {
    /// `[examples]`: which column of an accumulator's row each example is.
    pub columns: &'a I,
    /// D, `[rows, examples, width]`.
    pub derivatives: Slice<'a, T>,
    /// G, `[examples, width]`: for [`Entries::Loss`], and for positions.
    pub gradient: Option<Slice<'a, T>>,
    /// What is added to.
    pub into: Accumulator<'a, T>,
}

impl Accumulate {
    /// Lines of the accumulator that a row adds to.
    fn lines(&self) -> usize {
        if self.gram.entries == Entries::Full { self.gram.copies } else { 1 }
    }

    /// Elements of the accumulator before those of the first row.
    fn start(&self) -> usize {
        let output = if self.gram.entries == Entries::Trace { 0 } else { self.output };
        (output * self.gram.queries + self.query) * self.lines() * self.gram.stride
    }

    /// The first output that is taken as it is.
    fn first(&self) -> usize {
        if self.gram.entries == Entries::Full { 0 } else { self.output }
    }

    /// How many rows have so many derivatives.
    fn rows(&self, derivatives: usize) -> usize {
        derivatives / (self.gram.examples * self.width).max(1)
    }

    /// What is added of a value.
    fn scale(&self, scale: f64) -> f64 {
        if self.gram.entries == Entries::Trace { scale / self.gram.outputs as f64 } else { scale }
    }
}

impl Operation for Accumulate {
    const NAME: &'static str = "accumulate";
    const ROUNDINGS: f64 = 20.0;

    type Arrays<'a, T: 'a, I: 'a> = AccumulateArrays<'a, T, I>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let &Self { gram, width, output, query } = self;
        let AccumulateArrays { columns, derivatives, gradient, into } = arrays;
        gram.check_columns(Self::NAME, columns.values())?;
        let rows = self.rows(derivatives.len);
        fit(Self::NAME, &[(derivatives.len, rows * gram.examples * width), (into.out.len, gram.len())])?;
        let inside = output < gram.outputs.max(1) && query + rows <= gram.queries;
        require(Self::NAME, rows == 0 || inside, "rows of queries that the accumulator does not have")?;
        let is_met = gradient.is_some();
        fit(Self::NAME, &[(gradient.map_or(0, |own| own.len), if is_met { gram.examples * width } else { 0 })])?;
        let fits = match gram.entries {
            Entries::Loss => is_met,
            Entries::Full if is_met => width.is_multiple_of(gram.copies.max(1)),
            Entries::Full | Entries::Trace | Entries::Diagonal => !is_met && gram.copies == width,
        };
        require(Self::NAME, fits, "an example has another number of outputs")?;
        let columns = into.weights.map_or(gram.columns(), |weights| weights.len);
        fit(Self::NAME, &[(columns, gram.columns())])?;
        let weighted = into.weights.is_some() && (is_met || gram.entries == Entries::Trace);
        require(Self::NAME, !weighted, "losses and a trace have no weights")
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let &Self { gram, width, .. } = self;
        let AccumulateArrays { columns, derivatives, gradient, into } = arrays;
        let (rows, length) = (self.rows(derivatives.len), self.lines() * gram.stride);
        let (scale, first) = (E::from_f64(self.scale(into.scale)), self.first());
        let (out, derivatives) = (view_mut(into.out)?, view(derivatives)?);
        let (gradient, weights) = (gradient.map(view).transpose()?, into.weights.map(view).transpose()?);
        let span = width / self.lines().max(1);
        let value = |row: usize, example: usize, line: usize| {
            let own = &derivatives[(row * gram.examples + example) * width..][..width];
            let output = first + line;
            match (gradient, weights) {
                (Some(gradient), _) => {
                    let gradient = &gradient[example * width..][..width];
                    let part = line * span..(line + 1) * span;
                    gradient[part.clone()].iter().zip(&own[part]).map(|(&a, &b)| a * b).sum()
                }
                (None, Some(weights)) => weights[output * gram.examples + example] * own[output],
                (None, None) => own[output],
            }
        };
        let out = &mut out[self.start()..][..rows * length];
        out.par_chunks_mut(length.max(1)).enumerate().for_each(|(row, out)| {
            for (line, out) in out.chunks_mut(gram.stride.max(1)).enumerate() {
                for (example, &column) in columns.iter().enumerate() {
                    out[column as usize] += scale * value(row, example, line);
                }
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let &Self { gram, width, .. } = self;
        let AccumulateArrays { columns, derivatives, gradient, into } = arrays;
        let (rows, lines) = (self.rows(derivatives.len), self.lines());
        if rows == 0 || gram.examples == 0 {
            return Ok(());
        }
        let out = write(&into.out).part(self.start(), rows * lines * gram.stride);
        let arrays = [
            BlockArray::rows(out, lines * gram.stride),
            BlockArray::rows(read(derivatives), gram.examples * width),
            BlockArray::shared(gradient.map_or(gpu.nothing(), read)),
            BlockArray::shared(into.weights.map_or(gpu.nothing(), read)),
            BlockArray::shared(GpuBackend::indices(columns)),
        ];
        gpu.by_rows(Self::NAME, &arrays, rows, lines * gram.examples, &|block| Numbers {
            len: (block.len() * lines * gram.examples) as u32,
            examples: gram.examples as u32,
            width: width as u32,
            lines: lines as u32,
            stride: gram.stride as u32,
            first: self.first() as u32,
            met: u32::from(gradient.is_some()),
            weighted: u32::from(into.weights.is_some()),
            scale: self.scale(into.scale) as f32,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/accumulate.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (outputs, examples) = (3, 4);
        let queries = trial.rows(outputs * outputs * examples);
        let columns = backend.index(&(0..examples as u32).collect::<Vec<_>>())?;
        let each = examples * outputs;
        let (derivatives, rest) = (trial.numbers(queries * each)?, trial.numbers(each)?);
        for entries in [Entries::Loss, Entries::Trace, Entries::Diagonal, Entries::Full] {
            let copies = entries.copies(outputs);
            let gram = Gram { entries, outputs, copies, queries, examples, stride: examples, triangle: None };
            let mut out = trial.numbers(gram.len())?;
            let weighted = matches!(entries, Entries::Diagonal | Entries::Full);
            trial.run(|| {
                let into = Accumulator {
                    out: front_mut(&mut out, gram.len()),
                    scale: -0.5,
                    weights: weighted.then(|| front(&rest, each)),
                };
                let gradient = (entries == Entries::Loss).then(|| front(&rest, each));
                let derivatives = front(&derivatives, queries * each);
                let arrays = AccumulateArrays { columns: &columns, derivatives, gradient, into };
                backend.run(&Accumulate { gram, width: outputs, output: 1, query: 0 }, arrays)
            })?;
            trial.wrote(&out, gram.len())?;
        }
        // Positions of one output each.
        let gram = Gram {
            entries: Entries::Full,
            outputs,
            copies: outputs,
            queries,
            examples,
            stride: examples,
            triangle: None,
        };
        let mut out = trial.numbers(gram.len())?;
        trial.run(|| {
            let into = Accumulator { out: front_mut(&mut out, gram.len()), scale: 0.5, weights: None };
            let (derivatives, gradient) = (front(&derivatives, queries * each), Some(front(&rest, each)));
            let arrays = AccumulateArrays { columns: &columns, derivatives, gradient, into };
            backend.run(&Accumulate { gram, width: outputs, output: 2, query: 0 }, arrays)
        })?;
        trial.wrote(&out, gram.len())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers {
        len: u32, examples: u32, width: u32, lines: u32, stride: u32, first: u32, met: u32, weighted: u32, scale: f32,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const COLUMNS: [u32; 3] = [0, 2, 3];
    const STRIDE: usize = 4;
    const OUTPUTS: usize = 2;
    const QUERIES: usize = 3;

    /// Two rows of the second output, those of the last two queries.
    fn check(entries: Entries) {
        let (examples, output, query, rows) = (COLUMNS.len(), 1, 1, 2);
        let copies = entries.copies(OUTPUTS);
        let (outputs, queries, stride) = (OUTPUTS, QUERIES, STRIDE);
        let gram = Gram { entries, outputs, copies, queries, examples, stride, triangle: None };
        let derivatives = numbers(1, rows * examples * OUTPUTS);
        let (gradient, weights) = (numbers(2, examples * OUTPUTS), numbers(3, gram.columns()));
        let before = numbers(4, gram.len());
        let got = written(&before, |cpu, out| {
            let [derivatives, gradient, weights] = [&derivatives, &gradient, &weights].map(|own| held(own));
            let weighted = matches!(entries, Entries::Diagonal | Entries::Full);
            let arrays = AccumulateArrays {
                columns: &COLUMNS.to_vec(),
                derivatives: derivatives.all(),
                gradient: (entries == Entries::Loss).then(|| gradient.all()),
                into: Accumulator { out, scale: 0.7, weights: weighted.then(|| weights.all()) },
            };
            cpu.run(&Accumulate { gram, width: OUTPUTS, output, query }, arrays)
        });
        let mut want = before;
        for (row, example) in (0..rows).flat_map(|row| (0..examples).map(move |example| (row, example))) {
            let column = COLUMNS[example] as usize;
            let of = |output: usize| derivatives[(row * examples + example) * OUTPUTS + output];
            let (own, line) = (query + row, output * QUERIES + query + row);
            for other in 0..OUTPUTS {
                let weighted = weights.get(other * examples + example).map_or(0.0, |weight| weight * of(other));
                match entries {
                    Entries::Loss => {
                        want[line * STRIDE + column] += 0.7 * gradient[example * OUTPUTS + other] * of(other)
                    }
                    Entries::Trace if other == output => want[own * STRIDE + column] += 0.35 * of(other),
                    Entries::Diagonal if other == output => want[line * STRIDE + column] += 0.7 * weighted,
                    Entries::Full => want[(line * OUTPUTS + other) * STRIDE + column] += 0.7 * weighted,
                    Entries::Trace | Entries::Diagonal => {}
                }
            }
        }
        close(&got, |entry| want[entry]);
    }

    /// Two positions of two outputs each.
    #[test]
    fn positions_as_plain_loops() {
        let (width, copies, examples, stride) = (4, 2, COLUMNS.len(), STRIDE);
        let (entries, outputs, queries) = (Entries::Full, OUTPUTS, QUERIES);
        let gram = Gram { entries, outputs, copies, queries, examples, stride, triangle: None };
        let (derivatives, gradient) = (numbers(5, examples * width), numbers(6, examples * width));
        let before = numbers(7, gram.len());
        let got = written(&before, |cpu, out| {
            let [derivatives, gradient] = [&derivatives, &gradient].map(|own| held(own));
            let arrays = AccumulateArrays {
                columns: &COLUMNS.to_vec(),
                derivatives: derivatives.all(),
                gradient: Some(gradient.all()),
                into: Accumulator { out, scale: -2.0, weights: None },
            };
            cpu.run(&Accumulate { gram, width, output: 1, query: 2 }, arrays)
        });
        let mut want = before;
        for (example, &column) in COLUMNS.iter().enumerate() {
            for at in 0..width {
                let line = (QUERIES + 2) * copies + at / 2;
                let place = example * width + at;
                want[line * STRIDE + column as usize] += -2.0 * gradient[place] * derivatives[place];
            }
        }
        close(&got, |entry| want[entry]);
    }

    #[test]
    fn as_plain_loops() {
        [Entries::Loss, Entries::Trace, Entries::Diagonal, Entries::Full].into_iter().for_each(check);
    }
}
