//! `bench operations`: single operations, at sizes that a step of a run has.

use super::measure::{Product, median, numbers, seconds, settle};
use crate::activation::Activation;
use crate::compute::op::*;
use crate::compute::{Backend, Operation, Result, RowMap, Slice, SliceMut, Start, Trial, Window};
use crate::device::{DeviceOptions, Devices, LocalDevices, Work};
use crate::error::Error;
use serde::Serialize;

/// What to measure.
#[derive(Debug, Clone)]
pub struct OperationsBench {
    /// Where.
    pub device: DeviceOptions,
    /// Runs of each operation that are timed.
    pub repeats: usize,
    /// Rows, columns and depth of the products. What else is measured has no more elements than these have entries, and no more
    /// than 2²².
    pub size: [usize; 3],
}

/// One operation.
#[derive(Debug, Clone, Serialize)]
pub struct OperationFigures {
    /// Its name, and what of it was measured.
    pub operation: &'static str,
    /// The median of one run; of a trial, the mean over its calls.
    pub seconds: f64,
    /// Two per multiply-add, for products.
    pub gflops: Option<f64>,
    /// Bytes read and written at the least, for what goes through memory once.
    pub gigabytes_per_second: Option<f64>,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct OperationsFigures {
    /// The device.
    pub device: String,
    /// `f32` or `f64`.
    pub precision: &'static str,
    /// One entry an operation.
    pub operations: Vec<OperationFigures>,
}

impl OperationsBench {
    /// Measures.
    ///
    /// # Errors
    ///
    /// A device that fails.
    pub fn measure(&self) -> std::result::Result<OperationsFigures, Error> {
        LocalDevices::find(self.device.clone())?.on(0, self)
    }
}

/// What an operation's time is compared with.
enum Amount {
    Flops(f64),
    Bytes(f64),
}

/// Times operations on one device.
struct Bench<'a, B: Backend> {
    backend: &'a B,
    repeats: usize,
    /// Elements of what is no product.
    elements: usize,
    figures: Vec<OperationFigures>,
}

/// The most elements of what is no product, and how many an image of a convolution's size counts as.
const MOST: usize = 1 << 22;
const IMAGE: usize = 1 << 16;

impl<B: Backend> Bench<'_, B> {
    fn time(&mut self, operation: &'static str, amount: Amount, work: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let probe = self.backend.zeros(1)?;
        let mut one = || {
            seconds(&mut || {
                work()?;
                settle(self.backend, &probe)
            })
        };
        one()?;
        let taken = median((0..self.repeats.max(1)).map(|_| one()).collect::<Result<_>>()?);
        let (gflops, gigabytes_per_second) = match amount {
            Amount::Flops(flops) => (Some(flops / taken / 1e9), None),
            Amount::Bytes(bytes) => (None, Some(bytes / taken / 1e9)),
        };
        self.figures.push(OperationFigures { operation, seconds: taken, gflops, gigabytes_per_second });
        Ok(())
    }

    fn upload(&self, seed: u64, len: usize) -> Result<B::Buffer> {
        self.backend.upload(&numbers(seed, len))
    }

    /// The fused product of one output, in each form.
    fn grams(&mut self, [rows, columns, depth]: [usize; 3]) -> Result<()> {
        let backend = self.backend;
        let (left, right) = (self.upload(1, rows * depth)?, self.upload(2, columns * depth)?);
        let (inputs, mut out) = (self.upload(3, rows * columns)?, backend.zeros(rows * columns)?);
        let map = RowMap::each(backend, 1, rows, 1.0)?;
        let index = backend.index(&(0..columns as u32).collect::<Vec<_>>())?;
        let shape = Gram {
            entries: Entries::Loss,
            outputs: 1,
            copies: 1,
            queries: rows,
            examples: columns,
            stride: columns,
            triangle: None,
        };
        let (left, right) = (Slice::new(&left, 0, rows * depth), Slice::new(&right, 0, columns * depth));
        let inputs = Slice::new(&inputs, 0, rows * columns);
        let flops = || Amount::Flops(2.0 * rows as f64 * columns as f64 * depth as f64);
        let parts = [
            (
                "gram, factored",
                Part::Factored { map: &map, positions: 1, depth, left, right, inputs, exchanges: false },
            ),
            ("gram, rows", Part::Rows { depth, left, right }),
        ];
        for (name, part) in parts {
            self.time(name, flops(), &mut || {
                let out = SliceMut::new(&mut out, 0, rows * columns);
                backend.gram(&shape, &index, &[part], &mut [Accumulator { out, scale: 1.0, weights: None }])
            })?;
        }
        Ok(())
    }

    /// Images of a convolution.
    fn images(&self) -> usize {
        (self.elements / IMAGE).max(1)
    }

    /// Gradient rows of a convolution's size.
    fn outer(&mut self) -> Result<()> {
        let backend = self.backend;
        let shape = Outer { height: 32, width: 288, positions: 256, bias: true, start: Start::Value(0.0) };
        let rows = self.images();
        let (delta, input) = (rows * shape.positions * shape.height, rows * shape.positions * shape.width);
        let (deltas, inputs) = (self.upload(4, delta)?, self.upload(5, input)?);
        let mut out = backend.zeros(rows * shape.row())?;
        let map = RowMap::each(backend, 1, rows, 1.0)?;
        let flops = 2.0 * (rows * shape.positions) as f64 * (shape.height * shape.width) as f64;
        self.time("outer", Amount::Flops(flops), &mut || {
            let out = SliceMut::new(&mut out, 0, rows * shape.row());
            backend.outer(&shape, &map, out, Slice::new(&deltas, 0, delta), Slice::new(&inputs, 0, input), None)
        })
    }

    /// What goes through memory once.
    fn elementwise(&mut self) -> Result<()> {
        let (backend, len) = (self.backend, self.elements);
        let x = self.upload(6, len)?;
        let mut out = backend.zeros(len)?;
        let bytes = |arrays: usize| Amount::Bytes((arrays * len * size_of::<B::Element>()) as f64);
        let whole = Slice::new(&x, 0, len);
        self.time("copy", bytes(2), &mut || backend.copy(SliceMut::new(&mut out, 0, len), whole))?;
        self.time("axpy", bytes(3), &mut || backend.axpy(SliceMut::new(&mut out, 0, len), 0.5, whole))?;
        self.time("activation, tanh", bytes(2), &mut || {
            backend.activation(Activation::Tanh, SliceMut::new(&mut out, 0, len), whole)
        })?;
        self.time("activation_slope, tanh", bytes(2), &mut || {
            backend.activation_slope(Activation::Tanh, SliceMut::new(&mut out, 0, len), whole)
        })?;
        self.time("multiply", bytes(3), &mut || backend.multiply(SliceMut::new(&mut out, 0, len), whole, whole))
    }

    /// Patches of 3 × 3.
    fn patches(&mut self) -> Result<()> {
        let backend = self.backend;
        let shape = Window::square([32, 16, 16], 3, 1, 1);
        let rows = self.images();
        let (images, patches) = (rows * shape.image(), rows * shape.positions() * shape.patch());
        let (mut image, mut patch) = (self.upload(7, images)?, self.upload(8, patches)?);
        let bytes = || Amount::Bytes(((images + patches) * size_of::<B::Element>()) as f64);
        self.time("im2col", bytes(), &mut || {
            backend.im2col(&shape, rows, SliceMut::new(&mut patch, 0, patches), Slice::new(&image, 0, images))
        })?;
        self.time("col2im", bytes(), &mut || {
            backend.col2im(&shape, rows, SliceMut::new(&mut image, 0, images), Slice::new(&patch, 0, patches))
        })
    }
}

impl<B: Backend> Bench<'_, B> {
    /// An operation's trial, where nothing of the operation was measured yet.
    fn trial<O: Operation>(&mut self) -> Result<()> {
        let own = |figure: &OperationFigures| figure.operation.split(',').next() == Some(O::NAME);
        if self.figures.iter().any(own) {
            return Ok(());
        }
        let (backend, repeats) = (self.backend, self.repeats.max(1));
        // What a trial writes is a part of what it takes.
        let elements = (self.elements / 4).max(1);
        let probe = backend.zeros(1)?;
        let mut calls = Vec::new();
        let mut call = |run: &mut dyn FnMut() -> Result<()>| -> Result<()> {
            let mut one = || {
                seconds(&mut || {
                    run()?;
                    settle(backend, &probe)
                })
            };
            one()?;
            calls.push(median((0..repeats).map(|_| one()).collect::<Result<_>>()?));
            Ok(())
        };
        O::trial(&mut Trial::new(backend, elements, &mut call))?;
        let taken = calls.iter().sum::<f64>() / calls.len().max(1) as f64;
        let figures = OperationFigures { operation: O::NAME, seconds: taken, gflops: None, gigabytes_per_second: None };
        self.figures.push(figures);
        Ok(())
    }

    /// The trials of all operations of which nothing was measured yet.
    fn trials(&mut self) -> Result<()> {
        macro_rules! try_each {
            ($($operation:ident),*) => { $(self.trial::<$operation>()?;)* };
        }
        crate::for_each_operation!(try_each);
        Ok(())
    }
}

impl Work for &OperationsBench {
    type Output = OperationsFigures;

    fn on<B: Backend>(self, backend: &B) -> std::result::Result<OperationsFigures, Error> {
        let [rows, columns, depth] = self.size;
        let elements = rows.saturating_mul(columns).clamp(1, MOST);
        let mut bench = Bench { backend, repeats: self.repeats, elements, figures: Vec::new() };
        let mut product = Product::new(backend, rows, columns, depth)?;
        let flops = product.flops();
        bench.time("matmul", Amount::Flops(flops), &mut || product.seconds().map(drop))?;
        bench.grams(self.size)?;
        bench.outer()?;
        bench.elementwise()?;
        bench.patches()?;
        bench.trials()?;
        Ok(OperationsFigures {
            device: backend.name(),
            precision: <B::Element as crate::compute::Element>::NAME,
            operations: bench.figures,
        })
    }
}
