//! The operations, each a dispatch of the shader of its name.

use super::context::Bound;
use super::{GpuBackend, Ticket};
use crate::backend::*;
use crate::run_file::Loss;
use wgpu::Buffer;

type In<'a> = Slice<'a, Buffer>;
type Out<'a> = SliceMut<'a, Buffer>;

fn read(slice: In<'_>) -> Bound<'_> {
    Bound { buffer: slice.buffer, offset: slice.offset, len: slice.len, written: false }
}

fn write<'a>(slice: &'a Out<'_>) -> Bound<'a> {
    Bound { buffer: slice.buffer, offset: slice.offset, len: slice.len, written: true }
}

fn whole(buffer: &Buffer) -> Bound<'_> {
    Bound { buffer, offset: 0, len: buffer.size() as usize / 4, written: false }
}

/// Workgroups of a one-dimensional problem.
fn groups(len: usize) -> usize {
    len.div_ceil(256)
}

fn tiles(rows: usize, columns: usize) -> usize {
    rows.div_ceil(64) * columns.div_ceil(64)
}

fn check(operation: &str, pairs: &[(usize, usize)]) -> Result<()> {
    match pairs.iter().find(|(have, want)| have != want) {
        None => Ok(()),
        Some((have, want)) => {
            Err(BackendError::Invalid(format!("{operation}: an array has {have} elements instead of {want}")))
        }
    }
}

fn window(shape: &Window) -> [u32; 8] {
    let sides = [shape.channels, shape.height, shape.width, shape.kernel, shape.stride, shape.padding];
    let [a, b, c, d, e, f] = sides.map(|side| side as u32);
    [a, b, c, d, e, f, shape.out_height() as u32, shape.out_width() as u32]
}

impl GpuBackend {
    /// The step and τ of weights, and how many positions share a τ and how many τ there are (0: no step).
    fn step<'a>(&'a self, weights: &Weights<'a, Buffer>) -> (Bound<'a>, Bound<'a>, usize, usize) {
        match weights.step {
            None => (whole(&self.nothing), whole(&self.nothing), 1, 0),
            Some((step, position)) => (read(step), read(position.tau), position.positions, position.tau.len),
        }
    }

    /// An elementwise operation over `len` invocations.
    fn each(&self, name: &'static str, arrays: &[Bound<'_>], len: usize, words: &[u32]) -> Result<()> {
        self.context.dispatch(name, arrays, words, groups(len), 20.0 * len as f64)
    }
}

impl Backend for GpuBackend {
    type Element = f32;
    type Buffer = Buffer;
    type Index = Buffer;
    type Total = Buffer;
    type Ticket = Ticket;

    fn name(&self) -> String {
        self.context.name.clone()
    }

    fn largest_buffer(&self) -> usize {
        let limits = &self.context.limits;
        (limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 4) as usize - 64
    }

    fn zeros(&self, len: usize) -> Result<Buffer> {
        self.context.buffer(len * 4)
    }

    fn upload(&self, values: &[f32]) -> Result<Buffer> {
        let buffer = self.context.buffer(values.len() * 4)?;
        self.context.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(values));
        Ok(buffer)
    }

    fn write(&self, out: Out<'_>, values: &[f32]) -> Result<()> {
        check("write", &[(values.len(), out.len)])?;
        let source = self.upload(values)?;
        self.copy(out, Slice::new(&source, 0, values.len()))
    }

    fn index(&self, values: &[u32]) -> Result<Buffer> {
        let buffer = self.context.buffer(values.len() * 4)?;
        self.context.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(values));
        Ok(buffer)
    }

    fn download(&self, source: In<'_>) -> Result<Vec<f32>> {
        let ticket = self.download_later(source)?;
        self.collect(ticket)
    }

    fn download_later(&self, source: In<'_>) -> Result<Ticket> {
        self.read_later(source.buffer, source.offset, source.len)
    }

    fn collect(&self, ticket: Ticket) -> Result<Vec<f32>> {
        self.finish_read(&ticket)
    }

    fn totals(&self, len: usize) -> Result<Buffer> {
        self.zeros(len)
    }

    fn fold(&self, total: &mut Buffer, block: &mut Buffer) -> Result<()> {
        let len = total.size() as usize / 4;
        check("fold", &[(block.size() as usize / 4, len)])?;
        let (total, block) = (SliceMut::new(total, 0, len), SliceMut::new(block, 0, len));
        self.each("fold", &[write(&total), write(&block)], len, &[len as u32])
    }

    fn download_totals(&self, total: &Buffer) -> Result<Vec<f64>> {
        let values = self.download(Slice::new(total, 0, total.size() as usize / 4))?;
        Ok(values.into_iter().map(f64::from).collect())
    }

    fn copy(&self, out: Out<'_>, source: In<'_>) -> Result<()> {
        check("copy", &[(source.len, out.len)])?;
        self.each("copy", &[write(&out), read(source)], out.len, &[out.len as u32])
    }

    fn fill(&self, out: Out<'_>, value: f64) -> Result<()> {
        self.each("fill", &[write(&out)], out.len, &[out.len as u32, (value as f32).to_bits()])
    }

    fn axpy(&self, out: Out<'_>, scale: f64, x: In<'_>) -> Result<()> {
        check("axpy", &[(x.len, out.len)])?;
        self.each("axpy", &[write(&out), read(x)], out.len, &[out.len as u32, (scale as f32).to_bits()])
    }

    fn gather(&self, out: Out<'_>, x: In<'_>, rows: &Buffer, width: usize) -> Result<()> {
        self.each("gather", &[write(&out), read(x), whole(rows)], out.len, &[out.len as u32, width as u32])
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
        let (b_row, b_column) = if shape.layout == Layout::Plain { (columns, 1) } else { (1, depth) };
        let (tau, positions, taus) =
            scale.map_or((whole(&self.nothing), 1, 0), |scale| (read(scale.tau), scale.positions, scale.tau.len));
        let (keep, start) = match shape.start {
            Start::Output => (1, 0.0),
            Start::Value(value) => (0, value as f32),
        };
        let numbers = [rows, columns, depth, b_row, b_column, positions, taus, keep].map(|n| n as u32);
        let words = [&numbers[..], &[start.to_bits(), columns.div_ceil(64) as u32]].concat();
        let work = 2.0 * rows as f64 * columns as f64 * depth as f64;
        self.context.dispatch("matmul", &[write(&out), read(a), read(b), tau], &words, tiles(rows, columns), work)
    }

    fn bias(&self, out: Out<'_>, bias: Weights<'_, Buffer>) -> Result<()> {
        let (step, tau, positions, taus) = self.step(&bias);
        let words = [out.len, bias.start.len, positions, taus].map(|n| n as u32);
        self.each("bias", &[write(&out), read(bias.start), step, tau], out.len, &words)
    }

    fn activation(&self, kind: Activation, out: Out<'_>, x: In<'_>) -> Result<()> {
        check("activation", &[(out.len, x.len)])?;
        self.each("activation", &[write(&out), read(x)], out.len, &[out.len as u32, kind as u32])
    }

    fn activation_backward(&self, kind: Activation, out: Out<'_>, delta: In<'_>, x: In<'_>) -> Result<()> {
        check("activation_backward", &[(out.len, delta.len)])?;
        let words = [out.len as u32, x.len as u32, kind as u32];
        self.each("activation_backward", &[write(&out), read(delta), read(x)], out.len, &words)
    }

    fn im2col(&self, shape: &Window, rows: usize, out: Out<'_>, x: In<'_>) -> Result<()> {
        check("im2col", &[(out.len, rows * shape.positions() * shape.patch()), (x.len, rows * shape.image())])?;
        let words = [&[out.len as u32][..], &window(shape)].concat();
        self.each("im2col", &[write(&out), read(x)], out.len, &words)
    }

    fn col2im(&self, shape: &Window, rows: usize, out: Out<'_>, patches: In<'_>) -> Result<()> {
        check("col2im", &[(patches.len, rows * shape.positions() * shape.patch()), (out.len, rows * shape.image())])?;
        let words = [&[out.len as u32][..], &window(shape)].concat();
        self.each("col2im", &[write(&out), read(patches)], out.len, &words)
    }

    fn transpose(&self, shape: &Transpose, out: Out<'_>, x: In<'_>) -> Result<()> {
        check("transpose", &[(out.len, shape.batches * shape.rows * shape.columns), (x.len, out.len)])?;
        let words = [out.len, shape.rows, shape.columns].map(|n| n as u32);
        self.each("transpose", &[write(&out), read(x)], out.len, &words)
    }

    fn pool(&self, shape: &Window, kind: Pooling, rows: usize, out: Out<'_>, x: In<'_>) -> Result<()> {
        let pooled = rows * shape.channels * shape.positions();
        check("pool", &[(out.len, pooled), (x.len, rows * shape.image())])?;
        let words = [&[out.len as u32, kind as u32][..], &window(shape)].concat();
        self.each("pool", &[write(&out), read(x)], out.len, &words)
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
        let pooled = rows * shape.channels * shape.positions();
        check("pool_backward", &[(delta.len, pooled), (out.len, rows * shape.image())])?;
        let words = [&[out.len as u32, x.len as u32, kind as u32][..], &window(shape)].concat();
        self.each("pool_backward", &[write(&out), read(delta), read(x)], out.len, &words)
    }

    fn layer_norm(&self, width: usize, normal: Out<'_>, scale: Out<'_>, x: In<'_>) -> Result<()> {
        check("layer_norm", &[(normal.len, x.len), (scale.len * width, x.len)])?;
        let words = [scale.len as u32, width as u32];
        self.each("layer_norm", &[write(&normal), write(&scale), read(x)], scale.len, &words)
    }

    fn scale_shift(&self, out: Out<'_>, x: In<'_>, weights: Weights<'_, Buffer>) -> Result<()> {
        check("scale_shift", &[(out.len, x.len)])?;
        let (step, tau, positions, taus) = self.step(&weights);
        let words = [out.len, weights.start.len / 2, positions, taus].map(|n| n as u32);
        self.each("scale_shift", &[write(&out), read(x), read(weights.start), step, tau], out.len, &words)
    }

    fn layer_norm_backward(
        &self,
        out: Out<'_>,
        delta: In<'_>,
        normal: In<'_>,
        scale: In<'_>,
        weights: Weights<'_, Buffer>,
    ) -> Result<()> {
        let width = weights.start.len / 2;
        check("layer_norm_backward", &[(out.len, delta.len), (normal.len, scale.len * width)])?;
        let (step, tau, positions, taus) = self.step(&weights);
        let rows = out.len / width;
        let words = [rows, scale.len, width, positions, taus].map(|n| n as u32);
        let arrays = [write(&out), read(delta), read(normal), read(scale), read(weights.start), step, tau];
        self.each("layer_norm_backward", &arrays, rows, &words)
    }

    fn loss(
        &self,
        shape: &LossShape,
        gradient: Out<'_>,
        statistics: Out<'_>,
        outputs: In<'_>,
        targets: Targets<'_, Self>,
        examples: &Buffer,
        share: In<'_>,
    ) -> Result<()> {
        let len = shape.rows * shape.outputs;
        check("loss", &[(gradient.len, len), (outputs.len, len), (statistics.len, shape.rows * 2)])?;
        let kind = match shape.loss {
            Loss::CrossEntropy => 0,
            Loss::SquaredError => 1,
            Loss::Logistic => 2,
            Loss::Poisson => 3,
        };
        let (classes, values) = match targets {
            Targets::Classes(classes) => (whole(classes), whole(&self.nothing)),
            Targets::Reals(values) => (whole(&self.nothing), read(values)),
        };
        let arrays =
            [write(&gradient), write(&statistics), read(outputs), classes, values, whole(examples), read(share)];
        self.each("loss", &arrays, shape.rows, &[shape.rows as u32, shape.outputs as u32, kind])
    }

    fn seed(&self, rows: usize, outputs: usize, out: Out<'_>, scale: Option<In<'_>>) -> Result<()> {
        check("seed", &[(out.len, rows * outputs * outputs)])?;
        let scaled = u32::from(scale.is_some());
        let scale = scale.map_or(whole(&self.nothing), read);
        let words = [out.len as u32, rows as u32, outputs as u32, scaled];
        self.each("seed", &[write(&out), scale], out.len, &words)
    }

    fn outer(&self, shape: &Outer, map: &RowMap<Self>, out: Out<'_>, delta: In<'_>, input: In<'_>) -> Result<()> {
        let (height, width, positions) = (shape.height, shape.width, shape.positions);
        check("outer", &[(out.len, map.outputs * shape.row()), (delta.len, map.rows * positions * height)])?;
        let (down, across) = (height.div_ceil(64), (width + usize::from(shape.bias)).div_ceil(64));
        let bias = usize::from(shape.bias);
        let words = [map.outputs, height, width, positions, bias, across, down].map(|n| n as u32);
        let arrays =
            [write(&out), read(delta), read(input), whole(&map.offsets), whole(&map.inputs), whole(&map.weights)];
        let work = 2.0 * (map.rows * positions) as f64 * (height * width) as f64;
        self.context.dispatch("outer", &arrays, &words, map.outputs * down * across, work)
    }

    fn outer_diagonal(
        &self,
        width: usize,
        positions: usize,
        map: &RowMap<Self>,
        out: Out<'_>,
        delta: In<'_>,
        input: In<'_>,
    ) -> Result<()> {
        check("outer_diagonal", &[(out.len, map.outputs * 2 * width), (delta.len, map.rows * positions * width)])?;
        let len = map.outputs * width;
        let arrays =
            [write(&out), read(delta), read(input), whole(&map.offsets), whole(&map.inputs), whole(&map.weights)];
        self.each("outer_diagonal", &arrays, len, &[len as u32, width as u32, positions as u32])
    }

    fn gram(
        &self,
        shape: &Gram,
        map: &RowMap<Self>,
        columns: &Buffer,
        out: Out<'_>,
        left: In<'_>,
        right: In<'_>,
        inputs: Option<In<'_>>,
    ) -> Result<()> {
        let size = shape.positions * shape.depth;
        check("gram", &[(left.len, map.rows * size), (right.len, shape.columns * size)])?;
        let across = shape.columns.div_ceil(64);
        let numbers = [
            shape.first,
            shape.outputs,
            shape.columns,
            shape.examples,
            shape.positions,
            shape.depth,
            shape.stride,
            map.longest,
            usize::from(inputs.is_some()),
            across,
        ];
        let words = [&numbers.map(|n| n as u32)[..], &[(shape.scale as f32).to_bits()]].concat();
        let products = inputs.map_or(whole(&self.nothing), read);
        let arrays = [
            write(&out),
            read(left),
            read(right),
            products,
            whole(&map.offsets),
            whole(&map.inputs),
            whole(&map.weights),
            whole(columns),
        ];
        let pairs = (shape.outputs * map.longest * shape.columns) as f64;
        let work = 2.0 * pairs * (shape.positions * shape.positions * shape.depth) as f64;
        self.context.dispatch("gram", &arrays, &words, tiles(shape.outputs, shape.columns), work)
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
        let arrays =
            [write(&out), read(delta), read(values), whole(&map.offsets), whole(&map.inputs), whole(&map.weights)];
        let words = [map.outputs as u32, width as u32, (scale as f32).to_bits()];
        self.context.dispatch("row_dot", &arrays, &words, map.outputs, 2.0 * (map.rows * width) as f64)
    }

    fn sgd(&self, step: &Sgd, next: Out<'_>, weights: In<'_>, gradient: In<'_>) -> Result<()> {
        check("sgd", &[(next.len, weights.len), (next.len, gradient.len)])?;
        let words = [next.len as u32, (step.learning_rate as f32).to_bits(), (step.weight_decay as f32).to_bits()];
        self.each("sgd", &[write(&next), read(weights), read(gradient)], next.len, &words)
    }
}
