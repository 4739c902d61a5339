//! What a finished tile leaves beside its arrays: numbers of its queries and steps, and how long it took.

use crate::backend::Phase;
use crate::data::{StateReader, StateWriter};
use crate::error::Error;
use crate::path::{Finished, Tile};

/// The record of a finished tile. What belongs to queries alone is empty but in tiles that begin at example 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// `[queries, R]`, R being the values of a query's readout: at the first weights.
    pub initial: Vec<f64>,
    /// `[queries, R]`: at the last weights.
    pub prediction: Vec<f64>,
    /// `[queries, R]`: the term of weight decay.
    pub regularizer: Vec<f64>,
    /// `[queries, R]`: what of an imported path no optimizer made.
    pub unexplained: Vec<f64>,
    /// `[queries, R]`: what the quadrature misses.
    pub missed: Vec<f64>,
    /// `[queries, R]`: how far rounded weights move the readout, in roundings.
    pub sensitivity: Vec<f64>,
    /// The largest residual of each step.
    pub residuals: Vec<f64>,
    /// Quadrature nodes of each step, summed over the queries.
    pub nodes: Vec<usize>,
    /// Queries whose step was not explained to the tolerance, by step.
    pub missed_queries: Vec<usize>,
    /// The largest |K|.
    pub largest_kernel: f64,
    /// What it took.
    pub effort: Effort,
}

/// What a piece of work took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effort {
    /// Seconds.
    pub seconds: f64,
    /// Seconds of each phase, where the device can tell.
    pub phases: Option<[f64; Phase::COUNT]>,
    /// What it ran on.
    pub device: String,
}

impl Record {
    /// Of the pieces that a tile was computed in, which must be in the order of their queries.
    pub fn new(pieces: &[(Tile, Finished)], steps: usize, largest_kernel: f64, effort: Effort) -> Self {
        let counts = || vec![0; steps];
        let (nodes, missed_queries) = (counts(), counts());
        let residuals = vec![0.0; steps];
        let mut record = Self { residuals, nodes, missed_queries, largest_kernel, effort, ..Self::default() };
        for (piece, finished) in pieces.iter().filter(|(piece, _)| piece.examples.start == 0) {
            record.initial.extend(&finished.initial);
            record.prediction.extend(&finished.prediction);
            record.missed.extend(&finished.missed);
            record.sensitivity.extend(&finished.sensitivity);
            let queries = piece.queries.len();
            for (all, own) in
                [(&mut record.regularizer, &finished.regularizer), (&mut record.unexplained, &finished.unexplained)]
            {
                // From [R, queries].
                let rows = own.len() / queries.max(1);
                all.extend((0..own.len()).map(|place| own[place % rows * queries + place / rows]));
            }
            for (largest, &residual) in record.residuals.iter_mut().zip(&finished.residuals) {
                *largest = larger(*largest, residual);
            }
            let counts = [(&mut record.nodes, &finished.nodes), (&mut record.missed_queries, &finished.missed_queries)];
            counts.into_iter().for_each(|(all, own)| all.iter_mut().zip(own).for_each(|(all, own)| *all += own));
        }
        record
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn save(&self, writer: &mut StateWriter) -> Result<(), Error> {
        writer.put("initial", &self.initial)?;
        writer.put("prediction", &self.prediction)?;
        writer.put("regularizer", &self.regularizer)?;
        writer.put("unexplained", &self.unexplained)?;
        writer.put("missed", &self.missed)?;
        writer.put("sensitivity", &self.sensitivity)?;
        writer.put("residuals", &self.residuals)?;
        writer.put_counts("nodes", &self.nodes)?;
        writer.put_counts("missed queries", &self.missed_queries)?;
        writer.put("numbers", &[self.largest_kernel, self.effort.seconds])?;
        writer.put("phases", self.effort.phases.as_ref().map_or(&[] as &[f64], |phases| phases))?;
        Ok(writer.put("device", self.effort.device.as_bytes())?)
    }

    /// Takes what was [saved](Self::save), of a path of so many steps and a tile of `values` values at each end.
    ///
    /// # Errors
    ///
    /// A file that holds something else.
    pub fn restore(reader: &mut StateReader, steps: usize, values: usize) -> Result<Self, Error> {
        let initial = reader.take_exactly("initial", values)?;
        let prediction = reader.take_exactly("prediction", values)?;
        let regularizer = reader.take_exactly("regularizer", values)?;
        let unexplained = reader.take_exactly("unexplained", values)?;
        let missed = reader.take_exactly("missed", values)?;
        let sensitivity = reader.take("sensitivity")?;
        let residuals = reader.take_exactly("residuals", steps)?;
        let nodes = reader.take_counts("nodes", steps)?;
        let missed_queries = reader.take_counts("missed queries", steps)?;
        let numbers: Vec<f64> = reader.take_exactly("numbers", 2)?;
        let phases = <[f64; Phase::COUNT]>::try_from(reader.take::<f64>("phases")?).ok();
        let device = String::from_utf8_lossy(&reader.take::<u8>("device")?).into_owned();
        let effort = Effort { seconds: numbers[1], phases, device };
        Ok(Self {
            initial,
            prediction,
            regularizer,
            unexplained,
            missed,
            sensitivity,
            residuals,
            nodes,
            missed_queries,
            largest_kernel: numbers[0],
            effort,
        })
    }
}

/// The larger of two numbers, NaN being the largest of all: what went wrong must not be lost.
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_the_largest() {
        let largest = |values: &[f64]| values.iter().copied().fold(0.0, larger);
        assert_eq!(largest(&[1.0, 3.0, 2.0]), 3.0);
        assert!(largest(&[1.0, f64::NAN, 2.0]).is_nan() && largest(&[f64::NAN, 1.0]).is_nan());
        assert_eq!(largest(&[f64::INFINITY, 1.0]), f64::INFINITY);
    }

    #[test]
    fn pieces_come_together_and_a_file_keeps_them() -> Result<(), Box<dyn std::error::Error>> {
        let finished = |values: [f64; 2], nodes| Finished {
            initial: values.to_vec(),
            prediction: values.to_vec(),
            missed: values.to_vec(),
            regularizer: values.to_vec(),
            unexplained: vec![0.0; 2],
            residuals: vec![values[0]],
            nodes: vec![nodes],
            missed_queries: vec![1],
            ..Finished::default()
        };
        // Two readouts of one query each; a piece of other examples says nothing of the queries.
        let pieces = [
            (Tile { queries: 0..1, examples: 0..3 }, finished([1.0, 2.0], 3)),
            (Tile { queries: 0..1, examples: 3..5 }, finished([9.0, 9.0], 9)),
            (Tile { queries: 1..2, examples: 0..5 }, finished([3.0, 4.0], 4)),
        ];
        let effort = Effort { seconds: 2.0, phases: Some([0.5; Phase::COUNT]), device: "CPU".into() };
        let record = Record::new(&pieces, 1, 0.25, effort);
        assert_eq!(record.regularizer, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!((record.nodes[0], record.missed_queries[0], record.residuals[0]), (7, 2, 3.0));
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("x.state");
        let mut writer = StateWriter::create(&path)?;
        record.save(&mut writer)?;
        writer.finish()?;
        let mut reader = StateReader::open(&path)?.ok_or("no file")?;
        assert_eq!(Record::restore(&mut reader, 1, 4)?, record);
        Ok(())
    }
}
