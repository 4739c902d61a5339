//! The operations: what each checks and hands to the shader of its name.

use super::blocks::row_blocks;
use super::context::Bound;
use super::contraction::Mapped;
use super::products::Operands;
use super::{Buffer, GpuBackend, Index, Ticket};
use crate::activation::Order;
use crate::compute::gpu::blocks::Part;
use crate::compute::*;
use crate::loss::TargetKind;

type In<'a> = Slice<'a, Buffer>;
type Out<'a> = SliceMut<'a, Buffer>;

pub(super) fn read(slice: In<'_>) -> Bound<'_> {
    Bound { buffer: slice.buffer.raw(), offset: slice.offset, len: slice.len, written: false }
}

fn write<'a>(slice: &'a Out<'_>) -> Bound<'a> {
    Bound { buffer: slice.buffer.raw(), offset: slice.offset, len: slice.len, written: true }
}

pub(super) fn check(operation: &str, pairs: &[(usize, usize)]) -> Result<()> {
    match pairs.iter().find(|(have, want)| have != want) {
        None => Ok(()),
        Some((have, want)) => {
            Err(BackendError::Invalid(format!("{operation}: an array has {have} elements instead of {want}")))
        }
    }
}

/// Numbers as a shader reads them.
fn words(numbers: &[usize]) -> Vec<u32> {
    numbers.iter().map(|&number| number as u32).collect()
}

fn window(shape: &Window) -> [usize; 8] {
    let (height, width) = (shape.out_height(), shape.out_width());
    [shape.channels, shape.height, shape.width, shape.kernel, shape.stride, shape.padding, height, width]
}

/// The classes of a readout, one a row and each an output.
fn check_classes<'a>(batch: &ReadoutBatch<'a, GpuBackend>) -> Result<Bound<'a>> {
    let missing = || BackendError::Invalid("readout: there are no classes".into());
    let classes = batch.classes.ok_or_else(missing)?;
    let beyond = classes.values.iter().any(|&class| class as usize >= batch.width);
    let alone = batch.width < batch.kind.least_outputs();
    check("readout", &[(classes.values.len(), batch.rows), (usize::from(beyond || alone), 0)])?;
    Ok(GpuBackend::indices(classes))
}

/// The step of some parameters, and how rows of an operation see them.
struct Along<'a> {
    step: Part<'a>,
    tau: Part<'a>,
    positions: usize,
    taus: usize,
}

impl GpuBackend {
    /// What the shader is told of the segment; `taus` is 0 where there is no step.
    fn along<'a>(&'a self, weights: &Weights<'a, Buffer>) -> Along<'a> {
        match weights.step {
            None => {
                let nothing = Part::shared(self.nothing());
                Along { step: nothing, tau: nothing, positions: 1, taus: 0 }
            }
            Some((step, Position { tau, positions })) => Along {
                step: Part::shared(read(step)),
                tau: Part::grouped(read(tau), positions),
                positions,
                taus: tau.len,
            },
        }
    }

    fn activation_of_order(&self, order: Order, kind: Activation, out: Out<'_>, x: In<'_>) -> Result<()> {
        check(order.operation(), &[(out.len, x.len)])?;
        self.each(order.operation(), &[write(&out), read(x)], &[kind as u32])
    }

    /// An operation on each element; `more` are the shader's numbers after the length.
    fn each(&self, name: &'static str, arrays: &[Bound<'_>], more: &[u32]) -> Result<()> {
        let parts: Vec<Part<'_>> = arrays.iter().map(|&array| Part::rows(array, 1)).collect();
        let len = arrays.first().map_or(0, |array| array.len);
        self.by_rows(name, &parts, len, 1, &|block| [&words(&[block.len()])[..], more].concat())
    }
}

impl Backend for GpuBackend {
    type Element = f32;
    type Buffer = Buffer;
    type Index = Index;
    type Total = Buffer;
    type Ticket = Ticket;

    fn name(&self) -> String {
        self.context.name.clone()
    }

    fn largest_buffer(&self) -> usize {
        self.context.binding
    }

    fn stretch(&self) -> usize {
        // Enough work for a dispatch; no more memory than another layer takes.
        self.context.binding.min(1 << 24)
    }

    fn fixed_rates(&self) -> Option<Rates> {
        None
    }

    fn enter(&self, phase: Phase) -> Phase {
        self.context.phase.replace(phase)
    }

    fn phase_seconds(&self) -> Option<[f64; Phase::COUNT]> {
        // A lost device shows in the next operation.
        self.seconds_by_phase().ok().flatten()
    }

    fn zeros(&self, len: usize) -> Result<Buffer> {
        self.context.array(len, true)
    }

    fn scratch(&self, len: usize) -> Result<Buffer> {
        self.context.array(len, false)
    }

    fn upload(&self, values: &[f32]) -> Result<Buffer> {
        self.context.upload(bytemuck::cast_slice(values))
    }

    fn write(&self, out: Out<'_>, values: &[f32]) -> Result<()> {
        check("write", &[(values.len(), out.len)])?;
        let source = self.upload(values)?;
        self.copy(out, Slice::new(&source, 0, values.len()))
    }

    fn index(&self, values: &[u32]) -> Result<Index> {
        Ok(Index { buffer: self.context.upload(bytemuck::cast_slice(values))?, values: values.to_vec() })
    }

    fn download(&self, source: In<'_>) -> Result<Vec<f32>> {
        let ticket = self.download_later(source)?;
        self.collect(ticket)
    }

    fn download_later(&self, source: In<'_>) -> Result<Ticket> {
        self.context.read_later(read(source))
    }

    fn collect(&self, ticket: Ticket) -> Result<Vec<f32>> {
        self.context.finish_read(ticket)
    }

    fn totals(&self, len: usize) -> Result<Buffer> {
        self.zeros(len)
    }

    fn fold(&self, total: &mut Buffer, block: &mut Buffer) -> Result<()> {
        let len = total.len();
        check("fold", &[(block.len(), len)])?;
        let (total, block) = (SliceMut::new(total, 0, len), SliceMut::new(block, 0, len));
        self.each("fold", &[write(&total), write(&block)], &[])
    }

    fn download_totals(&self, total: &Buffer) -> Result<Vec<f64>> {
        let values = self.download(Slice::new(total, 0, total.len()))?;
        Ok(values.into_iter().map(f64::from).collect())
    }

    fn upload_totals(&self, values: Vec<f64>) -> Result<Buffer> {
        self.upload(&values.into_iter().map(|value| value as f32).collect::<Vec<_>>())
    }

    fn copy(&self, out: Out<'_>, source: In<'_>) -> Result<()> {
        check("copy", &[(source.len, out.len)])?;
        self.each("copy", &[write(&out), read(source)], &[])
    }

    fn fill(&self, out: Out<'_>, value: f64) -> Result<()> {
        self.each("fill", &[write(&out)], &[(value as f32).to_bits()])
    }

    fn axpy(&self, out: Out<'_>, scale: f64, x: In<'_>) -> Result<()> {
        check("axpy", &[(x.len, out.len)])?;
        self.each("axpy", &[write(&out), read(x)], &[(scale as f32).to_bits()])
    }

    fn scale(&self, out: Out<'_>, factor: f64) -> Result<()> {
        self.each("scale", &[write(&out)], &[(factor as f32).to_bits()])
    }

    fn gather(&self, out: Out<'_>, x: In<'_>, rows: &Index, width: usize) -> Result<()> {
        check("gather", &[(out.len, rows.values.len() * width)])?;
        let cuts = row_blocks(&[Part::rows(read(x), width)], x.len / width.max(1), self.context.binding);
        for cut in cuts {
            let x = Part::shared(read(x.part(cut.start * width, cut.len() * width)));
            let parts = [Part::rows(write(&out), width), x, Part::rows(Self::indices(rows), 1)];
            self.by_rows("gather", &parts, rows.values.len(), width, &|block| {
                words(&[block.len() * width, width, cut.start, cut.len()])
            })?;
        }
        Ok(())
    }

    fn matmul(
        &self,
        shape: &MatMul,
        out: Out<'_>,
        a: In<'_>,
        b: In<'_>,
        scale: Option<Position<'_, Buffer>>,
    ) -> Result<()> {
        let (rows, columns, depth) = (shape.rows, shape.columns, shape.depth);
        check("matmul", &[(out.len, rows * columns), (a.len, rows * depth), (b.len, depth * columns)])?;
        let scale =
            scale.map_or((self.nothing(), 1, 0), |scale| (read(scale.tau), scale.positions.max(1), scale.tau.len));
        self.product(shape, &Operands { out: write(&out), a: read(a), b: read(b), scale })
    }

    fn bias(&self, out: Out<'_>, bias: Weights<'_, Buffer>) -> Result<()> {
        let width = bias.start.len;
        let rows = out.len / width.max(1);
        check("bias", &[(out.len, rows * width)])?;
        let Along { step, tau, positions, taus } = self.along(&bias);
        let parts = [Part::rows(write(&out), width), Part::shared(read(bias.start)), step, tau];
        self.by_rows("bias", &parts, rows, width, &|block| words(&[block.len() * width, width, positions, taus]))
    }

    fn activation(&self, kind: Activation, out: Out<'_>, x: In<'_>) -> Result<()> {
        self.activation_of_order(Order::Value, kind, out, x)
    }

    fn activation_slope(&self, kind: Activation, out: Out<'_>, x: In<'_>) -> Result<()> {
        self.activation_of_order(Order::Slope, kind, out, x)
    }

    fn activation_curvature(&self, kind: Activation, out: Out<'_>, x: In<'_>) -> Result<()> {
        self.activation_of_order(Order::Curvature, kind, out, x)
    }

    fn multiply(&self, out: Out<'_>, delta: In<'_>, slope: In<'_>) -> Result<()> {
        check("multiply", &[(out.len, delta.len), (out.len % slope.len.max(1), 0)])?;
        let parts = [Part::rows(write(&out), 1), Part::rows(read(delta), 1), Part::repeated(read(slope), 1)];
        self.by_rows("multiply", &parts, out.len, 1, &|block| words(&[block.len(), slope.len]))
    }

    fn im2col(&self, shape: &Window, rows: usize, out: Out<'_>, x: In<'_>) -> Result<()> {
        let (image, patches) = (shape.image(), shape.positions() * shape.patch());
        check("im2col", &[(out.len, rows * patches), (x.len, rows * image)])?;
        let parts = [Part::rows(write(&out), patches), Part::rows(read(x), image)];
        let sides = words(&window(shape));
        self.by_rows("im2col", &parts, rows, patches, &|block| [&words(&[block.len() * patches])[..], &sides].concat())
    }

    fn col2im(&self, shape: &Window, rows: usize, out: Out<'_>, patches: In<'_>) -> Result<()> {
        let (image, width) = (shape.image(), shape.positions() * shape.patch());
        check("col2im", &[(patches.len, rows * width), (out.len, rows * image)])?;
        let parts = [Part::rows(write(&out), image), Part::rows(read(patches), width)];
        let sides = words(&window(shape));
        self.by_rows("col2im", &parts, rows, image, &|block| [&words(&[block.len() * image])[..], &sides].concat())
    }

    fn convolve_backward(
        &self,
        shape: &Convolution,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        weight: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.convolution_back(shape, out, delta, weight)
    }

    fn transpose(&self, shape: &Transpose, out: Out<'_>, x: In<'_>) -> Result<()> {
        let size = shape.rows * shape.columns;
        check("transpose", &[(out.len, shape.batches * size), (x.len, out.len)])?;
        let parts = [Part::rows(write(&out), size), Part::rows(read(x), size)];
        self.by_rows("transpose", &parts, shape.batches, size, &|block| {
            words(&[block.len() * size, shape.rows, shape.columns])
        })
    }

    fn pool(&self, shape: &Window, kind: Pooling, rows: usize, out: Out<'_>, x: In<'_>) -> Result<()> {
        let (image, pooled) = (shape.image(), shape.channels * shape.positions());
        check("pool", &[(out.len, rows * pooled), (x.len, rows * image)])?;
        let parts = [Part::rows(write(&out), pooled), Part::rows(read(x), image)];
        let sides = words(&window(shape));
        self.by_rows("pool", &parts, rows, pooled, &|block| {
            [&words(&[block.len() * pooled, kind as usize])[..], &sides].concat()
        })
    }

    fn pool_backward(
        &self,
        shape: &Window,
        kind: Pooling,
        rows: usize,
        out: Out<'_>,
        delta: In<'_>,
        x: In<'_>,
    ) -> Result<()> {
        let (image, pooled) = (shape.image(), shape.channels * shape.positions());
        check("pool_backward", &[(delta.len, rows * pooled), (out.len, rows * image)])?;
        let parts = [Part::rows(write(&out), image), Part::rows(read(delta), pooled), Part::repeated(read(x), image)];
        let sides = words(&window(shape));
        self.by_rows("pool_backward", &parts, rows, image, &|block| {
            [&words(&[block.len() * image, x.len, kind as usize])[..], &sides].concat()
        })
    }

    fn pool_directional(&self, shape: &Window, rows: usize, out: Out<'_>, slope: In<'_>, x: In<'_>) -> Result<()> {
        let (image, pooled) = (shape.image(), shape.channels * shape.positions());
        check("pool_directional", &[(out.len, rows * pooled), (slope.len, rows * image)])?;
        let parts = [Part::rows(write(&out), pooled), Part::rows(read(slope), image), Part::repeated(read(x), image)];
        let sides = words(&window(shape));
        self.by_rows("pool_directional", &parts, rows, pooled, &|block| {
            [&words(&[block.len() * pooled, x.len])[..], &sides].concat()
        })
    }

    fn normalize(&self, shape: &Normalize, normal: Out<'_>, scale: Out<'_>, x: In<'_>) -> Result<()> {
        let (rows, width) = (scale.len, shape.width);
        check("normalize", &[(normal.len, x.len), (rows * width, x.len)])?;
        let parts = [Part::rows(write(&normal), width), Part::rows(write(&scale), 1), Part::rows(read(x), width)];
        let eps = (shape.eps as f32).to_bits();
        self.by_rows("normalize", &parts, rows, 1, &|block| {
            [&words(&[block.len(), width, usize::from(shape.about_mean)])[..], &[eps]].concat()
        })
    }

    fn normalize_backward(
        &self,
        shape: &Normalize,
        out: Out<'_>,
        delta: In<'_>,
        normal: In<'_>,
        scale: In<'_>,
    ) -> Result<()> {
        let width = shape.width;
        let rows = out.len / width.max(1);
        check("normalize_backward", &[(out.len, delta.len), (normal.len, scale.len * width)])?;
        let parts = [
            Part::rows(write(&out), width),
            Part::rows(read(delta), width),
            Part::repeated(read(normal), width),
            Part::repeated(read(scale), 1),
        ];
        self.by_rows("normalize_backward", &parts, rows, 1, &|block| {
            words(&[block.len(), scale.len, width, usize::from(shape.about_mean)])
        })
    }

    fn normalize_curvature(
        &self,
        shape: &Normalize,
        out: Out<'_>,
        delta: In<'_>,
        normal: In<'_>,
        scale: In<'_>,
        slope: In<'_>,
    ) -> Result<()> {
        let width = shape.width;
        let rows = out.len / width.max(1);
        check(
            "normalize_curvature",
            &[(out.len, delta.len), (normal.len, scale.len * width), (slope.len, normal.len)],
        )?;
        let parts = [
            Part::rows(write(&out), width),
            Part::rows(read(delta), width),
            Part::repeated(read(normal), width),
            Part::repeated(read(scale), 1),
            Part::repeated(read(slope), width),
        ];
        self.by_rows("normalize_curvature", &parts, rows, 1, &|block| {
            words(&[block.len(), scale.len, width, usize::from(shape.about_mean)])
        })
    }

    fn scale_features(&self, out: Out<'_>, x: In<'_>, factors: Weights<'_, Buffer>) -> Result<()> {
        let width = factors.start.len;
        let rows = out.len / width.max(1);
        check("scale_features", &[(out.len, x.len), (out.len, rows * width)])?;
        let Along { step, tau, positions, taus } = self.along(&factors);
        let start = Part::shared(read(factors.start));
        let parts = [Part::rows(write(&out), width), Part::rows(read(x), width), start, step, tau];
        let numbers = |len: usize| words(&[len * width, width, positions, taus]);
        self.by_rows("scale_features", &parts, rows, width, &|block| numbers(block.len()))
    }

    fn loss(&self, batch: &LossBatch<'_, Self>, gradient: Out<'_>, statistics: Out<'_>) -> Result<()> {
        let LossBatch { loss, outputs, targets, examples, share, .. } = *batch;
        let (rows, width) = (batch.rows, batch.width);
        let len = rows * width;
        check("loss", &[(gradient.len, len), (outputs.len, len), (statistics.len, rows * 2)])?;
        check("loss", &[(examples.values.len(), rows), (share.len, rows)])?;
        let (classes, values, all) = match (loss.takes(), targets) {
            (TargetKind::Classes, Targets::Classes(classes)) => {
                (Self::indices(classes), self.nothing(), (Self::indices(classes), 1))
            }
            (TargetKind::Reals, Targets::Reals(values)) => (self.nothing(), read(values), (read(values), width)),
            (TargetKind::Classes, Targets::Reals(_)) | (TargetKind::Reals, Targets::Classes(_)) => {
                return Err(batch.wrong_targets());
            }
        };
        let of_classes = loss.takes() == TargetKind::Classes;
        let count = all.0.len / all.1.max(1);
        for cut in row_blocks(&[Part::rows(all.0, all.1)], count, self.context.binding) {
            let parts = [
                Part::rows(write(&gradient), width),
                Part::rows(write(&statistics), 2),
                Part::rows(read(outputs), width),
                Part::shared(if of_classes { classes.part(cut.start, cut.len()) } else { classes }),
                Part::shared(if of_classes { values } else { values.part(cut.start * width, cut.len() * width) }),
                Part::rows(Self::indices(examples), 1),
                Part::rows(read(share), 1),
            ];
            let kind = [loss as usize, usize::from(of_classes)];
            self.by_rows("loss", &parts, rows, 1, &|block| {
                words(&[block.len(), width, kind[0], kind[1], cut.start, cut.len()])
            })?;
        }
        Ok(())
    }

    fn seed(&self, rows: usize, outputs: usize, out: Out<'_>, scale: Option<In<'_>>) -> Result<()> {
        check("seed", &[(out.len, rows * outputs * outputs)])?;
        let scaled = usize::from(scale.is_some());
        let scale = scale.map_or(Part::shared(self.nothing()), |scale| Part::repeated(read(scale), outputs));
        let parts = [Part::rows(write(&out), outputs), scale];
        self.by_rows("seed", &parts, rows * outputs, outputs, &|block| {
            words(&[block.len() * outputs, block.start, rows, outputs, scaled])
        })
    }

    fn readout(&self, batch: &ReadoutBatch<'_, Self>, values: Out<'_>, seeds: Out<'_>) -> Result<()> {
        let &ReadoutBatch { kind, rows, width, outputs, .. } = batch;
        let count = kind.count(width);
        let lengths = [(outputs.len, rows * width), (values.len, rows * count), (seeds.len, count * rows * width)];
        check("readout", &lengths)?;
        let classes = if kind.has_classes() { check_classes(batch)? } else { self.nothing() };
        let classes = if kind.has_classes() { Part::repeated(classes, 1) } else { Part::shared(classes) };
        let (values, outputs) = (Part::repeated(write(&values), count), Part::repeated(read(outputs), width));
        let parts = [Part::rows(write(&seeds), width), values, outputs, classes];
        self.by_rows("readout", &parts, count * rows, 1, &|block| {
            words(&[block.len(), block.start, rows, width, count, kind as usize])
        })
    }

    fn outer(
        &self,
        shape: &Outer,
        map: &RowMap<Self>,
        out: Out<'_>,
        delta: In<'_>,
        input: In<'_>,
        preconditioner: Option<In<'_>>,
    ) -> Result<()> {
        let (row, size) = (shape.row(), shape.positions * shape.height);
        check("outer", &[(out.len, map.outputs * row), (delta.len, map.rows * size)])?;
        check("outer", &[(preconditioner.map_or(row, |factors| factors.len), row)])?;
        let arrays = Mapped { out: write(&out), left: read(delta), right: read(input) };
        self.outer_product(shape, map, &arrays, preconditioner.map(read))
    }

    fn outer_diagonal(
        &self,
        shape: &OuterDiagonal,
        map: &RowMap<Self>,
        out: Out<'_>,
        delta: In<'_>,
        input: In<'_>,
        preconditioner: Option<In<'_>>,
    ) -> Result<()> {
        let (row, size) = (shape.row(), shape.positions * shape.width);
        check("outer_diagonal", &[(out.len, map.outputs * row), (delta.len, map.rows * size)])?;
        check("outer_diagonal", &[(preconditioner.map_or(row, |factors| factors.len), row)])?;
        let arrays = Mapped { out: write(&out), left: read(delta), right: read(input) };
        self.outer_products_of_entries(shape, map, &arrays, preconditioner.map(read))
    }

    fn average(&self, width: usize, start: Start, map: &RowMap<Self>, out: Out<'_>, x: In<'_>) -> Result<()> {
        check("average", &[(out.len, map.outputs * width), (x.len, map.rows * width)])?;
        self.averages(width, start, map, &Mapped { out: write(&out), left: read(x), right: self.nothing() })
    }

    fn gram(
        &self,
        shape: &Gram,
        columns: &Index,
        parts: &[super::super::Part<'_, Self>],
        into: &mut [Accumulator<'_, Buffer>],
    ) -> Result<()> {
        self.fused_product(shape, columns, parts, into)
    }

    fn row_dot(
        &self,
        width: usize,
        scale: f64,
        map: &RowMap<Self>,
        out: Out<'_>,
        delta: In<'_>,
        values: In<'_>,
    ) -> Result<()> {
        check("row_dot", &[(out.len, map.outputs), (delta.len, map.rows * width)])?;
        self.row_dots(width, scale, map, &Mapped { out: write(&out), left: read(delta), right: read(values) })
    }

    fn adam(&self, step: &Adam, out: AdamOut<'_, Buffer>, weights: In<'_>, gradient: In<'_>) -> Result<()> {
        let AdamOut { next, first, second, preconditioner } = &out;
        let lengths = [gradient.len, next.len, first.len, second.len, preconditioner.len];
        check("adam", &lengths.map(|len| (len, weights.len)))?;
        let [keep, keep_square] = step.betas;
        let numbers = [keep, 1.0 - keep, keep_square, 1.0 - keep_square, step.rate, step.correction, step.eps];
        let numbers = [&numbers[..], &[step.weight_decay, step.shrink]].concat();
        let numbers: Vec<u32> = numbers.into_iter().map(|number| (number as f32).to_bits()).collect();
        let written = [next, first, second, preconditioner].map(write);
        self.each("adam", &[&written[..], &[read(weights), read(gradient)]].concat(), &numbers)
    }
}
