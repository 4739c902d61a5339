//! What a finished tile leaves beside its arrays: numbers of its queries and steps, and how long it took.

use crate::compute::Phase;
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use crate::path::{Account, Finished, Tile};

/// The record of a finished tile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// What belongs to its queries and to the steps. It is empty but in tiles that begin at example 0.
    pub account: Account,
    /// The largest |K|.
    pub largest_kernel: f64,
    /// Of a tile of self-attributions, `[queries, R]`; else empty.
    pub own: Vec<f64>,
    /// Of a tile of influences, `[queries, R]`: their sum along the direction of their certificate; else empty.
    pub along: Vec<f64>,
    /// Of a tile of influences, `[steps]`: how λ grew on its way back; else empty.
    pub growth: Vec<f64>,
    /// What it took.
    pub effort: Effort,
}

/// How many numbers the record of a tile has of each kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lengths {
    /// Values of queries.
    pub values: usize,
    /// Self-attributions.
    pub own: usize,
    /// Sums along the direction of the certificate.
    pub along: usize,
    /// Steps of the path.
    pub steps: usize,
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
        let parts = || pieces.iter().filter(|(piece, _)| piece.examples.start == 0).map(|(_, piece)| &piece.account);
        let mut account = Account::new(parts().map(Account::values).sum(), steps);
        let mut first = 0;
        for part in parts() {
            account.put(first, part);
            first += part.values();
        }
        Self { account, largest_kernel, effort, ..Self::default() }
    }

    /// Of a tile of self-attributions.
    pub fn of_own(own: Vec<f64>, steps: usize, effort: Effort) -> Self {
        Self { account: Account::new(0, steps), own, effort, ..Self::default() }
    }

    /// Of a tile of influences.
    pub fn of_influence(along: Vec<f64>, growth: Vec<f64>, effort: Effort) -> Self {
        Self { account: Account::new(0, growth.len()), along, growth, effort, ..Self::default() }
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn save(&self, writer: &mut StateWriter) -> Result<(), Error> {
        self.account.save(writer)?;
        writer.put("numbers", &[self.largest_kernel, self.effort.seconds])?;
        writer.put("own", &self.own)?;
        writer.put("along", &self.along)?;
        writer.put("growth", &self.growth)?;
        writer.put("phases", self.effort.phases.as_ref().map_or(&[] as &[f64], |phases| phases))?;
        Ok(writer.put("device", self.effort.device.as_bytes())?)
    }

    /// Takes what was [saved](Self::save), of a tile with so many numbers.
    ///
    /// # Errors
    ///
    /// A file that holds something else.
    pub fn restore(reader: &mut StateReader, lengths: Lengths) -> Result<Self, Error> {
        let Lengths { values, own, along, steps } = lengths;
        let mut account = Account::new(values, steps);
        account.restore(reader)?;
        let numbers: Vec<f64> = reader.take_exactly("numbers", 2)?;
        let own = reader.take_exactly("own", own)?;
        let along = reader.take_exactly("along", along)?;
        let growth = reader.take_exactly("growth", if along.is_empty() { 0 } else { steps })?;
        let phases = <[f64; Phase::COUNT]>::try_from(reader.take::<f64>("phases")?).ok();
        let device = String::from_utf8_lossy(&reader.take::<u8>("device")?).into_owned();
        let effort = Effort { seconds: numbers[1], phases, device };
        Ok(Self { account, largest_kernel: numbers[0], own, along, growth, effort })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_together_and_a_file_keeps_them() -> Result<(), Box<dyn std::error::Error>> {
        let account = |values: [f64; 2], nodes| Account {
            sensitivity: values.to_vec(),
            initial: values.to_vec(),
            prediction: values.to_vec(),
            missed: values.to_vec(),
            regularizer: values.to_vec(),
            statistics: vec![0.0; 2],
            earlier: vec![0.0; 2],
            unexplained: vec![0.0; 2],
            residuals: vec![values[0]],
            unexplained_steps: vec![-values[0]],
            nodes: vec![nodes],
            missed_queries: vec![1],
        };
        let finished = |values, nodes| Finished { account: account(values, nodes), ..Finished::default() };
        // One query of two values each; a piece of other examples says nothing of the queries.
        let pieces = [
            (Tile { queries: 0..1, examples: 0..3 }, finished([1.0, 2.0], 3)),
            (Tile { queries: 0..1, examples: 3..5 }, finished([9.0, 9.0], 9)),
            (Tile { queries: 1..2, examples: 0..5 }, finished([3.0, 4.0], 4)),
        ];
        let effort = Effort { seconds: 2.0, phases: Some([0.5; Phase::COUNT]), device: "CPU".into() };
        let record = Record::new(&pieces, 1, 0.25, effort);
        let Account { regularizer, nodes, missed_queries, residuals, unexplained_steps, .. } = &record.account;
        assert_eq!(*regularizer, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!((nodes[0], missed_queries[0], residuals[0], unexplained_steps[0]), (7, 2, 3.0, 0.0));
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("x.state");
        let mut writer = StateWriter::create(&path)?;
        record.save(&mut writer)?;
        writer.finish()?;
        let mut reader = StateReader::open(&path)?.ok_or("no file")?;
        assert_eq!(Record::restore(&mut reader, Lengths { values: 4, steps: 1, ..Lengths::default() })?, record);
        let others = [
            (Record::of_own(vec![0.5, -1.0], 3, Effort::default()), Lengths { own: 2, steps: 3, ..Lengths::default() }),
            (
                Record::of_influence(vec![0.5, -1.0], vec![2.0, 1.5, 1.0], Effort::default()),
                Lengths { along: 2, steps: 3, ..Lengths::default() },
            ),
        ];
        for (record, lengths) in others {
            let mut writer = StateWriter::create(&path)?;
            record.save(&mut writer)?;
            writer.finish()?;
            let mut reader = StateReader::open(&path)?.ok_or("no file")?;
            assert_eq!(Record::restore(&mut reader, lengths)?, record);
        }
        Ok(())
    }
}
