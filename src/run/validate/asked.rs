//! What a validation is asked for, and the retrainings that it takes.

use crate::error::Error;
use crate::random::Random;
use std::path::PathBuf;

/// Retrainings over which there is a correlation, at the least.
const FEWEST: usize = 4;

/// What a validation is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Subsets for each share and seed; 0: none, with `leave_one_out`.
    pub subsets: usize,
    /// The shares of the examples that are dropped, each above 0 and below 1.
    pub drops: Vec<f64>,
    /// Seeds, each of which draws subsets of its own.
    pub seeds: Vec<u64>,
    /// Examples that are dropped alone, each by a retraining of its own.
    pub leave_one_out: usize,
    /// Files of the user's own scores: `[n, m, R]`, `[n, m]` or `[m]`.
    pub scores: Vec<PathBuf>,
    /// Retrainings that this process makes at once; by the threads and the memory that there are where it is not said.
    pub jobs: Option<usize>,
    /// Keys of `[run]` in place of what the run file says, as `run.device=cpu`.
    pub overrides: Vec<String>,
}

/// Training again without some of the examples, or groups of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Retraining {
    /// What its files are called.
    pub name: String,
    /// The columns that are dropped, ascending.
    pub dropped: Vec<u32>,
}

/// Retrainings that all drop as many examples: those of each seed.
#[derive(Debug, PartialEq)]
pub(super) struct Drawn {
    /// The share that was asked for.
    pub share: f64,
    /// How many examples each drops.
    pub count: usize,
    pub of_seeds: Vec<Vec<Retraining>>,
}

impl Retraining {
    /// Without a change.
    pub fn whole() -> Self {
        Self { name: "whole".into(), dropped: Vec::new() }
    }

    /// The factor of each column's weight.
    pub fn factors(&self, columns: usize) -> Vec<f64> {
        let mut factors = vec![1.0; columns];
        self.dropped.iter().for_each(|&column| factors[column as usize] = 0.0);
        factors
    }
}

impl Asked {
    /// Fails where what is asked for makes no sense for any run.
    ///
    /// # Errors
    ///
    /// The option, and what it takes.
    pub(super) fn check(&self) -> Result<(), Error> {
        let few = |option: &str, have: usize| {
            Err(Error::Input(format!("{option} {have}: there is no correlation over so few; give at least {FEWEST}")))
        };
        let (subsets, left_out) = (self.subsets, self.leave_one_out);
        match (subsets, left_out) {
            (0, 0) => Err(Error::Input(
                "--subsets 0: there is nothing to train again; give --leave-one-out COUNT with it".into(),
            )),
            (1..FEWEST, _) => few("--subsets", subsets),
            (_, 1..FEWEST) => few("--leave-one-out", left_out),
            _ if self.jobs == Some(0) => Err(Error::Input("--jobs 0: give at least 1".into())),
            _ => self.check_lists(),
        }
    }

    fn check_lists(&self) -> Result<(), Error> {
        if let Some(share) = self.drops.iter().find(|share| !(**share > 0.0 && **share < 1.0)) {
            return Err(Error::Input(format!(
                "--drop {share}: is no share; it lies above 0 and below 1, as 0.1 for 10%"
            )));
        }
        let twice = |seed: &&u64| self.seeds.iter().filter(|other| other == seed).count() > 1;
        match self.seeds.iter().find(twice) {
            Some(seed) => Err(Error::Input(format!("--seed {seed}: is given twice, and would draw the same subsets"))),
            None => Ok(()),
        }
    }

    /// The subsets of each share, of so many examples.
    ///
    /// # Errors
    ///
    /// A share that drops none of them or all, or as many as another.
    pub(super) fn subsets(&self, examples: usize) -> Result<Vec<Drawn>, Error> {
        let mut all: Vec<Drawn> = Vec::new();
        let shares = if self.subsets > 0 { self.drops.as_slice() } else { &[] };
        for &share in shares {
            let count = (share * examples as f64).round() as usize;
            if count == 0 || count >= examples {
                let what = if count == 0 { "none" } else { "all" };
                return Err(Error::Input(format!(
                    "--drop {share}: of {examples} examples that is {what}; {:.1e} of them is one",
                    1.0 / examples as f64
                )));
            }
            if let Some(other) = all.iter().find(|other| other.count == count) {
                let other = other.share;
                return Err(Error::Input(format!(
                    "--drop {share}: drops {count} examples, as {other} does; give one of them"
                )));
            }
            let of_seeds = self.seeds.iter().map(|&seed| draw(seed, count, self.subsets, examples)).collect();
            all.push(Drawn { share, count, of_seeds });
        }
        Ok(all)
    }

    /// The retrainings that drop one example each, of so many; drawn by the first seed.
    ///
    /// # Errors
    ///
    /// There are not as many.
    pub(super) fn left_out(&self, examples: usize) -> Result<Vec<Retraining>, Error> {
        if self.leave_one_out > examples {
            let wanted = self.leave_one_out;
            return Err(Error::Input(format!(
                "--leave-one-out {wanted}: there are {examples} examples; give at most that"
            )));
        }
        let seed = self.seeds.first().copied().unwrap_or(0);
        let mut columns = Random::new(seed, "leave one out").permutation(examples);
        columns.truncate(self.leave_one_out);
        columns.sort_unstable();
        let one = |column: u32| Retraining { name: format!("without-{column}"), dropped: vec![column] };
        Ok(columns.into_iter().map(one).collect())
    }
}

/// Subsets that drop `count` of the examples. The first ones do not depend on how many there are.
fn draw(seed: u64, count: usize, subsets: usize, examples: usize) -> Vec<Retraining> {
    let mut random = Random::new(seed, &format!("dropping {count}"));
    let one = |number: usize| {
        let mut dropped = random.permutation(examples);
        dropped.truncate(count);
        dropped.sort_unstable();
        Retraining { name: format!("dropping-{count}-seed-{seed}-{number}"), dropped }
    };
    (0..subsets).map(one).collect()
}
