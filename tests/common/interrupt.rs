//! A keeper that ends work at a chosen step and keeps its state, for whoever goes on.

use pathkernel::error::Error;
use pathkernel::formats::{StateReader, StateWriter};
use pathkernel::keeper::{Keeper, Save};
use std::path::PathBuf;

pub struct Interrupt {
    pub path: PathBuf,
    /// Steps until the work is ended; `None` lets it go on.
    pub after: Option<usize>,
    /// Steps that were made.
    pub made: usize,
}

impl Interrupt {
    /// Ends the work after some steps.
    pub fn after(path: PathBuf, steps: usize) -> Self {
        Self { path, after: Some(steps), made: 0 }
    }

    /// Goes on to the end.
    pub fn never(path: PathBuf) -> Self {
        Self { path, after: None, made: 0 }
    }
}

impl Keeper for Interrupt {
    fn earlier(&mut self) -> Result<Option<StateReader>, Error> {
        Ok(StateReader::open(&self.path)?)
    }

    fn step(&mut self, done: f64, save: &mut Save<'_>) -> Result<(), Error> {
        assert!((0.0..=1.0).contains(&done));
        self.made += 1;
        if self.after != Some(self.made) {
            return Ok(());
        }
        let mut writer = StateWriter::create(&self.path)?;
        save(&mut writer)?;
        writer.finish()?;
        Err(Error::Stopped)
    }
}
