//! What a recorded path shows of itself: which tensors move, and how its steps compare with those of the optimizer.

use crate::error::Error;
use crate::graph::{Graph, Role};
use crate::tape::{AnyTape, Kept, Tape};
use std::borrow::Cow;
use std::ops::Range;

/// A tensor of the flat vector.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub name: String,
    pub shape: Vec<usize>,
    pub range: Range<usize>,
    /// The block among the trained ones; `None` of a tensor that the optimizer leaves as it is.
    pub block: Option<usize>,
    pub role: Role,
}

/// The tensors of a network.
pub(super) fn places(network: &Graph) -> Vec<Place> {
    let trained = network.blocks.iter().enumerate().map(|(number, block)| (Some(number), block));
    let held = network.held.iter().map(|block| (None, block));
    let of_block = trained.chain(held).flat_map(|(number, block)| {
        block.tensors.iter().map(move |tensor| Place {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            range: tensor.offset..tensor.offset + tensor.len(),
            block: number,
            role: block.role,
        })
    });
    of_block.collect()
}

/// Squares of lengths: of a recorded step, of the optimizer's, and of the difference, which is unexplained.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sizes {
    pub change: f64,
    pub own: f64,
    pub rest: f64,
    /// The recorded step times the optimizer's.
    pub along: f64,
    /// What roundings of the weights make of the difference.
    pub noise: f64,
}

impl Sizes {
    /// Adds those of another step or tensor.
    pub fn add(&mut self, other: &Self) {
        let Self { change, own, rest, along, noise } = other;
        self.change += change;
        self.own += own;
        self.rest += rest;
        self.along += along;
        self.noise += noise;
    }

    /// Whether the optimizer explains the recorded step, but for a thousandth and for roundings.
    pub fn is_explained(&self) -> bool {
        self.rest <= 1e-6 * self.change + self.noise
    }
}

/// Reads the steps of an imported path.
#[derive(Clone, Copy)]
pub(super) struct Steps<'a> {
    pub tape: &'a AnyTape,
    /// What one rounding of a weight changes at the most, relative.
    pub unit: f64,
}

/// The vectors of one step.
pub(super) struct StepRows<'a> {
    pub weights: Cow<'a, [f64]>,
    pub next: Cow<'a, [f64]>,
    pub rest: Cow<'a, [f64]>,
    unit: f64,
}

impl<'a> Steps<'a> {
    pub fn count(&self) -> usize {
        self.tape.history().steps.len()
    }

    pub fn rate(&self, number: usize) -> f64 {
        self.tape.history().steps[number].learning_rate
    }

    fn row(&self, kept: Kept, number: usize) -> Result<Cow<'a, [f64]>, Error> {
        Tape::<f64>::row(self.tape, kept, number)
    }

    pub fn rows(&self, number: usize) -> Result<StepRows<'a>, Error> {
        Ok(StepRows {
            weights: self.row(Kept::Weights, number)?,
            next: self.row(Kept::Weights, number + 1)?,
            rest: self.row(Kept::Unexplained, number)?,
            unit: self.unit,
        })
    }

    /// What the optimizer multiplied the gradients of a step by, where it does that.
    pub fn preconditioner(&self, number: usize) -> Result<Option<Cow<'a, [f64]>>, Error> {
        let keeps = self.tape.history().recording.keeps(Kept::Preconditioner);
        keeps.then(|| self.row(Kept::Preconditioner, number)).transpose()
    }
}

impl StepRows<'_> {
    /// What was recorded of an entry's step, and the optimizer's.
    pub fn entry(&self, at: usize) -> [f64; 2] {
        let change = self.next[at] - self.weights[at];
        [change, change - self.rest[at]]
    }

    /// The sizes of a tensor's part.
    pub fn sizes(&self, range: &Range<usize>) -> Sizes {
        let mut sizes = Sizes::default();
        for at in range.clone() {
            let ([change, own], rest) = (self.entry(at), self.rest[at]);
            // The recorded weights, those that the optimizer makes, and their difference are rounded.
            let rounding = 4.0 * self.unit * self.weights[at].abs().max(self.next[at].abs());
            let step = Sizes {
                change: change * change,
                own: own * own,
                rest: rest * rest,
                along: change * own,
                noise: rounding * rounding,
            };
            sizes.add(&step);
        }
        sizes
    }
}

/// Entries of the flat vector whose whole course is kept.
#[derive(Debug)]
pub(super) struct Sample {
    /// The tensor of each entry, by its place in the list that the sample was taken of.
    pub tensors: Vec<usize>,
    /// ε of each step, for the tensors of that list.
    pub rates: Vec<Vec<f64>>,
    /// `[steps, entries]`: the weights before each step.
    pub weights: Vec<f64>,
    /// The recorded steps.
    pub change: Vec<f64>,
    /// The optimizer's.
    pub own: Vec<f64>,
    /// What the optimizer multiplied gradients by.
    pub preconditioner: Option<Vec<f64>>,
    /// What one rounding of a weight changes at the most, relative.
    pub unit: f64,
}

/// Numbers of a sample's arrays.
const SAMPLED: usize = 1 << 20;
/// Entries of a sample at the most.
const ENTRIES: usize = 4096;

impl Sample {
    pub fn entries(&self) -> usize {
        self.tensors.len()
    }

    pub fn steps(&self) -> usize {
        self.weights.len() / self.entries().max(1)
    }

    /// An array's place.
    pub fn at(&self, step: usize, entry: usize) -> usize {
        step * self.entries() + entry
    }

    /// ε of an entry in a step.
    pub fn rate(&self, step: usize, entry: usize) -> f64 {
        self.rates[step][self.tensors[entry]]
    }

    /// What is unexplained.
    pub fn rest(&self, at: usize) -> f64 {
        self.change[at] - self.own[at]
    }

    /// The square of the length of the first recorded step.
    pub fn first_square(&self) -> f64 {
        self.change[..self.entries()].iter().map(|change| change * change).sum()
    }

    /// The square of what roundings make of it.
    pub fn noise(&self, at: usize) -> f64 {
        let rounding = 4.0 * self.unit * self.weights[at].abs();
        rounding * rounding
    }
}

/// The steps of some tensors together, and a sample of their entries.
pub(super) struct Course {
    /// By step.
    pub sizes: Vec<Sizes>,
    pub sample: Sample,
}

impl Course {
    /// Reads the path once. `rate` is ε of a block in a step.
    pub fn read(
        steps: Steps<'_>,
        tensors: &[&Place],
        rate: &dyn Fn(usize, usize) -> f64,
        check: &dyn Fn() -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let at_most = (SAMPLED / steps.count().max(1)).clamp(16, ENTRIES);
        let each = (at_most / tensors.len().max(1)).max(1);
        let chosen: Vec<(usize, usize)> = tensors
            .iter()
            .enumerate()
            .flat_map(|(tensor, place)| spread(&place.range, each).map(move |at| (tensor, at)))
            .collect();
        let mut sample = Sample {
            tensors: chosen.iter().map(|(tensor, _)| *tensor).collect(),
            rates: Vec::new(),
            weights: Vec::new(),
            change: Vec::new(),
            own: Vec::new(),
            preconditioner: steps.tape.history().recording.keeps(Kept::Preconditioner).then(Vec::new),
            unit: steps.unit,
        };
        let mut sizes = Vec::new();
        for number in 0..steps.count() {
            check()?;
            let rows = steps.rows(number)?;
            let mut all = Sizes::default();
            tensors.iter().for_each(|place| all.add(&rows.sizes(&place.range)));
            sizes.push(all);
            sample.rates.push(tensors.iter().map(|place| rate(place.block.unwrap_or(0), number)).collect());
            for &(_, at) in &chosen {
                let [change, own] = rows.entry(at);
                sample.weights.push(rows.weights[at]);
                sample.change.push(change);
                sample.own.push(own);
            }
            if let (Some(all), Some(row)) = (&mut sample.preconditioner, steps.preconditioner(number)?) {
                all.extend(chosen.iter().map(|&(_, at)| row[at]));
            }
        }
        Ok(Self { sizes, sample })
    }

    /// The sizes of all steps together.
    pub fn all(&self) -> Sizes {
        let mut all = Sizes::default();
        self.sizes.iter().for_each(|sizes| all.add(sizes));
        all
    }

    /// The first step that the optimizer does not explain.
    pub fn first_unexplained(&self) -> Option<usize> {
        self.sizes.iter().position(|sizes| !sizes.is_explained())
    }
}

/// At most so many places of a range, evenly spread.
fn spread(range: &Range<usize>, count: usize) -> impl Iterator<Item = usize> + use<> {
    let (first, len) = (range.start, range.len());
    let count = count.min(len);
    (0..count).map(move |number| first + number * len / count)
}
