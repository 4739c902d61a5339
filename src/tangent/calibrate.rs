//! The rates of a device, by a short measurement.

use crate::cache::Cache;
use crate::compute::{
    Accumulator, Backend, Entries, Gram, Layout, MatMul, Outer, Padding, Part, Rates, Result, RowMap, Slice, SliceMut,
    Start,
};
use std::time::Instant;

/// The depth of a product whose time is mostly that of its entries.
const SHALLOW: usize = 8;
/// Operations one after the other, where a single one is too short to be timed.
const OFTEN: usize = 16;
/// How often everything is measured at the most, and seconds after which no further round begins: on a slow device a single one takes
/// seconds.
const ROUNDS: usize = 4;
const ENOUGH: f64 = 0.5;
/// Seconds of an operation that can be timed by itself.
const TIMED: f64 = 1e-3;

/// Seconds of the fastest of some runs of `work`, over a hundredth of a second.
fn fastest<B: Backend>(backend: &B, probe: &B::Buffer, work: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    const LONG: f64 = 0.01;
    let started = Instant::now();
    let mut fastest = f64::INFINITY;
    let mut runs = 0;
    // The first one wakes threads and builds pipelines.
    while runs < 2 || started.elapsed().as_secs_f64() < LONG {
        let now = Instant::now();
        work()?;
        backend.download(Slice::new(probe, 0, 1))?;
        fastest = fastest.min(now.elapsed().as_secs_f64());
        runs += 1;
    }
    Ok(fastest.max(1e-9))
}

/// Seconds of a short operation: of many together, unless it is long enough by itself.
fn fastest_of_many<B: Backend>(backend: &B, probe: &B::Buffer, work: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    // The first one builds pipelines.
    work()?;
    backend.download(Slice::new(probe, 0, 1))?;
    let started = Instant::now();
    work()?;
    backend.download(Slice::new(probe, 0, 1))?;
    if started.elapsed().as_secs_f64() > TIMED * OFTEN as f64 {
        return fastest(backend, probe, work);
    }
    let many = fastest(backend, probe, &mut || (0..OFTEN).try_for_each(|_| work()))?;
    Ok(many / OFTEN as f64)
}

/// One part of a fused product, `depth` deep, 256 by 512.
fn product<B: Backend>(backend: &B, depth: usize) -> Result<f64> {
    const ROWS: usize = 256;
    const COLUMNS: usize = 512;
    let (left, right) = (backend.zeros(ROWS * depth)?, backend.zeros(COLUMNS * depth)?);
    let (inputs, mut out) = (backend.zeros(ROWS * COLUMNS)?, backend.zeros(ROWS * COLUMNS)?);
    let probe = backend.zeros(1)?;
    let map = RowMap::each(backend, 1, ROWS, 1.0)?;
    let columns = backend.index(&(0..COLUMNS as u32).collect::<Vec<_>>())?;
    let shape = Gram {
        entries: Entries::Loss,
        outputs: 1,
        copies: 1,
        queries: ROWS,
        examples: COLUMNS,
        stride: COLUMNS,
        triangle: None,
    };
    let part = Part::Factored {
        map: &map,
        positions: 1,
        depth,
        left: Slice::new(&left, 0, ROWS * depth),
        right: Slice::new(&right, 0, COLUMNS * depth),
        inputs: Slice::new(&inputs, 0, ROWS * COLUMNS),
        exchanges: false,
    };
    fastest(backend, &probe, &mut || {
        let out = SliceMut::new(&mut out, 0, ROWS * COLUMNS);
        backend.gram(&shape, &columns, &[part], &mut [Accumulator { out, scale: 1.0, weights: None }])
    })
    .map(|seconds| seconds / (ROWS * COLUMNS) as f64)
}

/// The width of rows that are applied.
const WIDTH: usize = 64;

/// Whole rows applied to examples: each feature of a row and example, with its multiply-adds.
fn applied<B: Backend>(backend: &B) -> Result<f64> {
    const ROWS: usize = 128;
    const EXAMPLES: usize = 256;
    const HEIGHT: usize = 32;
    let shape = Outer { height: HEIGHT, width: WIDTH, positions: 1, bias: false, start: Start::Value(0.0) };
    let (left, right) = (backend.zeros(ROWS * shape.row())?, backend.zeros(EXAMPLES * HEIGHT)?);
    let (input, mut out, probe) =
        (backend.zeros(EXAMPLES * WIDTH)?, backend.zeros(ROWS * EXAMPLES)?, backend.zeros(1)?);
    let columns = backend.index(&(0..EXAMPLES as u32).collect::<Vec<_>>())?;
    let gram = Gram {
        entries: Entries::Loss,
        outputs: 1,
        copies: 1,
        queries: ROWS,
        examples: EXAMPLES,
        stride: EXAMPLES,
        triangle: None,
    };
    let part = Part::Half {
        shape,
        left: Slice::new(&left, 0, ROWS * shape.row()),
        delta: Slice::new(&right, 0, EXAMPLES * HEIGHT),
        input: Slice::new(&input, 0, EXAMPLES * WIDTH),
    };
    fastest(backend, &probe, &mut || {
        let out = SliceMut::new(&mut out, 0, ROWS * EXAMPLES);
        backend.gram(&gram, &columns, &[part], &mut [Accumulator { out, scale: 1.0, weights: None }])
    })
    .map(|seconds| seconds / (ROWS * EXAMPLES * HEIGHT) as f64)
}

/// Gradient rows of a convolution's size.
fn forming<B: Backend>(backend: &B) -> Result<f64> {
    const ROWS: usize = 64;
    let shape = Outer { height: 32, width: 72, positions: 64, bias: false, start: Start::Value(0.0) };
    let (delta, input) = (ROWS * shape.positions * shape.height, ROWS * shape.positions * shape.width);
    let (deltas, inputs) = (backend.zeros(delta)?, backend.zeros(input)?);
    let (mut out, probe) = (backend.zeros(ROWS * shape.row())?, backend.zeros(1)?);
    let map = RowMap::each(backend, 1, ROWS, 1.0)?;
    fastest(backend, &probe, &mut || {
        let out = SliceMut::new(&mut out, 0, ROWS * shape.row());
        backend.outer(&shape, &map, out, Slice::new(&deltas, 0, delta), Slice::new(&inputs, 0, input), None)
    })
    .map(|seconds| seconds / (ROWS * shape.positions * shape.height * shape.width) as f64)
}

/// The rows and columns, and the depth, of a product whose time is in good part that of laying out its factors.
const NARROW: usize = 64;
const LONG_ROW: usize = 1 << 14;

/// Whole gradient rows that meet in a product: each of its multiply-adds, with what is laid out.
fn narrow<B: Backend>(backend: &B) -> Result<f64> {
    let len = NARROW * LONG_ROW;
    let (left, right) = (backend.zeros(len)?, backend.zeros(len)?);
    let (mut out, probe) = (backend.zeros(NARROW * NARROW)?, backend.zeros(1)?);
    let columns = backend.index(&(0..NARROW as u32).collect::<Vec<_>>())?;
    let shape = Gram {
        entries: Entries::Loss,
        outputs: 1,
        copies: 1,
        queries: NARROW,
        examples: NARROW,
        stride: NARROW,
        triangle: None,
    };
    let part = Part::Rows { depth: LONG_ROW, left: Slice::new(&left, 0, len), right: Slice::new(&right, 0, len) };
    fastest(backend, &probe, &mut || {
        let out = SliceMut::new(&mut out, 0, NARROW * NARROW);
        backend.gram(&shape, &columns, &[part], &mut [Accumulator { out, scale: 1.0, weights: None }])
    })
    .map(|seconds| seconds / (NARROW * len) as f64)
}

/// An array copied, larger than a core's cache. It is no larger, since a run may be allowed little memory.
fn copied<B: Backend>(backend: &B) -> Result<f64> {
    let len = backend.largest_buffer().min(1 << 21);
    let (source, mut out, probe) = (backend.zeros(len)?, backend.zeros(len)?, backend.zeros(1)?);
    fastest(backend, &probe, &mut || backend.copy(SliceMut::new(&mut out, 0, len), Slice::new(&source, 0, len)))
        .map(|seconds| seconds / len as f64)
}

/// A matrix product that one thread of a CPU does, as passes of few rows are made of.
fn few<B: Backend>(backend: &B) -> Result<f64> {
    let shape = MatMul { rows: 64, columns: 128, depth: 256, layout: Layout::Transposed, start: Start::Value(0.0) };
    let MatMul { rows, columns, depth, .. } = shape;
    let (a, b) = (backend.zeros(rows * depth)?, backend.zeros(columns * depth)?);
    let (mut out, probe) = (backend.zeros(rows * columns)?, backend.zeros(1)?);
    fastest_of_many(backend, &probe, &mut || {
        let (a, b) = (Slice::new(&a, 0, rows * depth), Slice::new(&b, 0, columns * depth));
        backend.matmul(&shape, SliceMut::new(&mut out, 0, rows * columns), a, b, None)
    })
    .map(|seconds| seconds / (rows * columns * depth) as f64)
}

/// So many rows of a width that are multiplied and summed, often one after the other.
fn dots<B: Backend>(backend: &B, rows: usize, width: usize) -> Result<f64> {
    let (a, b) = (backend.zeros(rows * width)?, backend.zeros(rows * width)?);
    let (mut out, probe) = (backend.zeros(rows)?, backend.zeros(1)?);
    let map = RowMap::each(backend, 1, rows, 1.0)?;
    fastest_of_many(backend, &probe, &mut || {
        let (a, b) = (Slice::new(&a, 0, rows * width), Slice::new(&b, 0, rows * width));
        backend.row_dot(width, 1.0, &map, SliceMut::new(&mut out, 0, rows), a, b)
    })
    .map(|seconds| seconds / (rows * width) as f64)
}

/// Operations without work.
fn call<B: Backend>(backend: &B) -> Result<f64> {
    let (mut out, probe) = (backend.zeros(1)?, backend.zeros(1)?);
    fastest_of_many(backend, &probe, &mut || {
        let own = backend.copied(Slice::new(&probe, 0, 1))?;
        backend.copy(SliceMut::new(&mut out, 0, 1), Slice::new(&own, 0, 1))
    })
    .map(|seconds| seconds / 2.0)
}

/// What is measured, each over a unit of its own.
type Measure<B> = fn(&B) -> Result<f64>;

impl Rates {
    /// Measures a device, in less than a second where it is none that software makes. Of each measurement the least of several rounds
    /// counts: what else a machine does takes longer than one of them, but hardly all rounds.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn measure<B: Backend>(backend: &B) -> Result<Self> {
        const DEEP: usize = 512;
        let measures: [Measure<B>; 10] = [
            |backend| product(backend, SHALLOW),
            |backend| product(backend, DEEP),
            few,
            applied,
            forming,
            narrow,
            copied,
            |backend| dots(backend, 1 << 12, 64),
            |backend| dots(backend, 1, 1 << 16),
            call,
        ];
        let mut least = [f64::INFINITY; 10];
        let started = Instant::now();
        for round in 0..ROUNDS {
            if round > 0 && started.elapsed().as_secs_f64() > ENOUGH {
                break;
            }
            for (least, measure) in least.iter_mut().zip(measures) {
                *least = least.min(measure(backend)?);
            }
        }
        let [shallow, deep, few, applied, forming, narrow, copied, dot, line, call] = least;
        let multiply_add = ((deep - shallow) / (DEEP - SHALLOW) as f64).max(deep / (2 * DEEP) as f64);
        Ok(Self {
            multiply_add,
            few: few.max(multiply_add),
            entry: (shallow - SHALLOW as f64 * multiply_add).max(multiply_add),
            feature: (applied - WIDTH as f64 * multiply_add).max(multiply_add),
            forming: forming.max(multiply_add),
            // Each element of either side meets all rows of the other.
            element: ((narrow - multiply_add) * NARROW as f64 / 2.0).max(copied),
            dot,
            line,
            call,
            padding: padding(backend),
        })
    }

    /// The rates of a device: as the cache has them from an earlier run, or measured now where it has none or is not read.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn of<B: Backend>(backend: &B, cache: Cache) -> Result<Self> {
        let device = format!("{} {}", backend.name(), processor());
        if let Some(rates) = cache.read::<Self>("rates", &device) {
            return Ok(Self { padding: padding(backend), ..rates });
        }
        let rates = Self::measure(backend)?;
        cache.write("rates", &device, &rates);
        Ok(rates)
    }
}

/// What a device's fused product pads.
fn padding<B: Backend>(backend: &B) -> Padding {
    backend.fixed_rates().unwrap_or(Rates::TYPICAL).padding
}

/// The processor's name: machines that share a home folder differ in it.
fn processor() -> String {
    sysinfo::System::new()
        .map(|mut system| {
            system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
            system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default()
        })
        .unwrap_or_default()
}
