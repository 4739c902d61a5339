//! What a batch's losses and their gradients' changes are made of.

use super::super::*;
use crate::loss::{Loss, TargetKind};

/// What a batch's losses are made of, whatever is asked of them.
#[derive(Debug)]
pub struct LossBatch<'a, T, I> {
    /// f, `[rows, width]`.
    pub outputs: Slice<'a, T>,
    /// The targets of all places.
    pub targets: Targets<'a, T, I>,
    /// `[places]`: ω.
    pub weights: Slice<'a, T>,
    /// `[width]`: the number of each output.
    pub numbers: Slice<'a, T>,
    /// `[rows]`: which place each row is.
    pub places: &'a I,
    /// `[rows]`: what each counts in the loss.
    pub share: Slice<'a, T>,
}

impl<T, I> Clone for LossBatch<'_, T, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, I> std::marker::Copy for LossBatch<'_, T, I> {}

impl<T, I: Indices> LossBatch<'_, T, I> {
    /// Fails unless every row has outputs, and its place a weight and a target that the loss takes.
    pub(in crate::compute::op) fn check(&self, operation: &str, of: &BatchLoss) -> Result<()> {
        let Self { outputs, targets, weights, numbers, places, share } = self;
        let (places, width) = (places.values(), of.width);
        fit(operation, &[(outputs.len, places.len() * width), (share.len, places.len()), (numbers.len, width)])?;
        let end = places.iter().max().map_or(0, |&place| place as usize + 1);
        require(operation, end <= weights.len, "a place without a weight")?;
        match (of.loss.takes(), targets) {
            (TargetKind::Classes, Targets::Classes(classes)) => {
                let classes = classes.values();
                let is_output = |&place: &u32| (classes[place as usize] as usize) < width;
                let fits = end <= classes.len() && places.iter().all(is_output);
                require(operation, fits, "a place without a class, or a class without an output")
            }
            (TargetKind::Classes | TargetKind::Reals, Targets::Reals(reals)) => {
                require(operation, end * width <= reals.len, "a place without targets")
            }
            (TargetKind::Reals, Targets::Classes(_)) => {
                let problem = format!("{} takes reals, and has classes", of.loss.name());
                require(operation, false, &problem)
            }
        }
    }
}

#[cfg(feature = "gpu")]
impl LossBatch<'_, gpu::Buffer, gpu::Index> {
    /// Dispatches a shader that begins with two arrays of its own.
    pub(in crate::compute::op) fn dispatch(
        &self,
        gpu: &GpuBackend,
        shader: &'static str,
        of: &BatchLoss,
        own: [BlockArray<'_>; 2],
    ) -> Result<()> {
        let &Self { outputs, targets, weights, numbers, places, share } = self;
        let width = of.width;
        // The targets, and elements of a place's.
        let (all, size) = match targets {
            Targets::Classes(classes) => (GpuBackend::indices(classes), 1),
            Targets::Reals(reals) => (read(reals), width),
        };
        let [keep, spread] = of.smoothed().map(|share| share as f32);
        for cut in gpu.cuts(&[BlockArray::rows(all, size)], all.len / size.max(1)) {
            let [first, second] = own;
            let arrays = [
                first,
                second,
                BlockArray::rows(read(outputs), width),
                BlockArray::shared(all.part(cut.start * size, cut.len() * size)),
                BlockArray::shared(read(weights.part(cut.start, cut.len()))),
                BlockArray::shared(read(numbers)),
                BlockArray::rows(GpuBackend::indices(places), 1),
                BlockArray::rows(read(share), 1),
            ];
            gpu.by_rows(shader, &arrays, places.values().len(), 1, &|block| Numbers {
                rows: block.len() as u32,
                width: width as u32,
                kind: of.loss as u32,
                has_classes: u32::from(matches!(targets, Targets::Classes(_))),
                of_classes: u32::from(of.loss.takes() == TargetKind::Classes),
                first: cut.start as u32,
                count: cut.len() as u32,
                keep,
                spread,
                part: of.part() as f32,
            })?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    pub struct Numbers {
        rows: u32, width: u32, kind: u32, has_classes: u32, of_classes: u32, first: u32, count: u32, keep: f32, spread: f32,
        part: f32,
    }
}

/// Targets on the CPU.
#[derive(Clone, Copy)]
enum Given<'a, E> {
    Classes(&'a [u32]),
    Reals(&'a [E]),
}

impl<'a, E: Element> Given<'a, E> {
    /// The reals of a place; none where targets are classes.
    fn reals(self, place: usize, width: usize) -> &'a [E] {
        match self {
            Given::Reals(all) => &all[place * width..][..width],
            Given::Classes(_) => &[],
        }
    }
}

/// A batch on the CPU.
pub struct Rows<'a, E> {
    pub width: usize,
    /// What each output's loss is multiplied by.
    pub part: E,
    smoothed: [E; 2],
    outputs: &'a [E],
    targets: Given<'a, E>,
    weights: &'a [E],
    pub numbers: &'a [E],
    places: &'a [u32],
    share: &'a [E],
}

impl<'a, E: Element> Rows<'a, E> {
    pub fn new(of: &BatchLoss, batch: LossBatch<'a, cpu::Buffer<E>, Vec<u32>>) -> Result<Self> {
        let LossBatch { outputs, targets, weights, numbers, places, share } = batch;
        let targets = match targets {
            Targets::Classes(classes) => Given::Classes(classes),
            Targets::Reals(reals) => Given::Reals(view(reals)?),
        };
        let (outputs, weights, numbers, share) = (view(outputs)?, view(weights)?, view(numbers)?, view(share)?);
        let (smoothed, part) = (of.smoothed().map(E::from_f64), E::from_f64(of.part()));
        Ok(Self { width: of.width, part, smoothed, outputs, targets, weights, numbers, places, share })
    }

    /// The place of a row, the place's weight, and the row's outputs.
    pub fn row(&self, row: usize) -> (usize, E, &'a [E]) {
        let place = self.places[row] as usize;
        (place, self.weights[place], &self.outputs[row * self.width..][..self.width])
    }

    /// What the gradient of a row is multiplied by.
    pub fn factor(&self, row: usize) -> E {
        self.weights[self.places[row] as usize] * self.share[row]
    }

    /// The class of a place, where targets are classes.
    pub fn class(&self, place: usize) -> Option<usize> {
        if let Given::Classes(classes) = self.targets { Some(classes[place] as usize) } else { None }
    }

    /// The reals of a place; none where targets are classes.
    pub fn reals(&self, place: usize) -> &'a [E] {
        self.targets.reals(place, self.width)
    }

    /// What the terms of a place's loss are multiplied by.
    pub fn aim(&self, place: usize) -> impl Fn(usize) -> E {
        let ([keep, spread], class, shares) = (self.smoothed, self.class(place), self.reals(place));
        move |c| {
            let part = match class {
                Some(class) if c == class => keep,
                Some(_) => E::ZERO,
                None => keep * shares[c],
            };
            self.numbers[c] * (part + spread)
        }
    }
}

/// Batches for trials, whose rows stand in other places than their own.
pub struct Tried<B: Backend> {
    pub rows: usize,
    outputs: B::Buffer,
    reals: B::Buffer,
    share: B::Buffer,
    weights: B::Buffer,
    numbers: B::Buffer,
    classes: B::Index,
    places: B::Index,
}

impl<B: Backend> Tried<B> {
    /// Outputs of a row.
    pub const WIDTH: usize = 3;

    pub fn new(trial: &mut Trial<'_, B>) -> Result<Self> {
        let (backend, width, rows) = (trial.backend, Self::WIDTH, trial.rows(Self::WIDTH));
        let classes: Vec<u32> = (0..rows).map(|place| (place * 7 % width) as u32).collect();
        Ok(Self {
            rows,
            outputs: trial.numbers(rows * width)?,
            reals: trial.numbers(rows * width)?,
            share: trial.numbers(rows)?,
            weights: trial.numbers(rows)?,
            numbers: backend.upload(&[0.5, 1.0, 2.0].map(B::Element::from_f64))?,
            classes: backend.index(&classes)?,
            places: backend.index(&(0..rows as u32).rev().collect::<Vec<_>>())?,
        })
    }

    /// Each loss with each kind of targets that it takes.
    pub fn each(&self) -> impl Iterator<Item = (BatchLoss, LossBatch<'_, B::Buffer, B::Index>)> {
        let (rows, len) = (self.rows, self.rows * Self::WIDTH);
        let of_reals = Loss::ALL.iter().map(move |&loss| (loss, 0.1, Targets::Reals(front(&self.reals, len))));
        let of_classes = Loss::ALL.iter().filter(|loss| loss.takes() == TargetKind::Classes);
        let of_classes = of_classes.map(|&loss| (loss, 0.0, Targets::Classes(&self.classes)));
        of_reals.chain(of_classes).map(move |(loss, smoothing, targets)| {
            let batch = LossBatch {
                outputs: front(&self.outputs, len),
                targets,
                weights: front(&self.weights, rows),
                numbers: front(&self.numbers, Self::WIDTH),
                places: &self.places,
                share: front(&self.share, rows),
            };
            (BatchLoss { loss, width: Self::WIDTH, smoothing }, batch)
        })
    }
}
