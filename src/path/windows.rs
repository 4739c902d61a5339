//! The attribution of windows of training, each kept apart from the others.

use super::sums::Sums;
use crate::compute::{Backend, Result};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};

/// Windows of training, each with the attribution that its steps make: an example's gradient counts in the step that took it,
/// whatever it does later. Backwards in time the sums of a window are whole when its first step is done. They are handed over
/// then, and begin anew.
pub(super) struct Windows {
    /// The step at which each one begins, and the number of steps.
    borders: Vec<usize>,
    /// Of each one, over all layers; empty where the way has not left it, or where it holds no step.
    parts: Vec<Vec<f64>>,
    /// Over those that are left, of each group of layers.
    whole: Vec<Vec<f64>>,
}

impl Windows {
    /// Zeros, for sums of so many groups of layers and numbers.
    pub fn new(borders: Vec<usize>, groups: usize, len: usize) -> Self {
        let parts = vec![Vec::new(); borders.len().saturating_sub(1)];
        Self { borders, parts, whole: vec![vec![0.0; len]; groups] }
    }

    /// The one whose first step this is.
    pub fn begins(&self, step: usize) -> Option<usize> {
        let after = self.borders.partition_point(|&border| border <= step);
        after.checked_sub(1).filter(|&window| self.borders[window] == step)
    }

    /// Takes over the sums of one, which begin anew.
    pub fn take<B: Backend>(&mut self, backend: &B, window: usize, sums: &mut Sums<B>) -> Result<()> {
        for (sum, whole) in sums.0.iter_mut().zip(&mut self.whole) {
            let values = sum.take(backend)?;
            add(whole, &values);
            match &mut self.parts[window] {
                none if none.is_empty() => *none = values,
                part => add(part, &values),
            }
        }
        Ok(())
    }

    /// The attribution of each group of layers, and that of each window, of which none is empty.
    pub fn finish(self) -> [Vec<Vec<f64>>; 2] {
        let len = self.whole.first().map_or(0, Vec::len);
        let filled = |part: Vec<f64>| if part.is_empty() { vec![0.0; len] } else { part };
        [self.whole, self.parts.into_iter().map(filled).collect()]
    }

    /// Writes them as they stand.
    pub fn save(&self, writer: &mut StateWriter) -> std::result::Result<(), Error> {
        self.parts.iter().try_for_each(|part| writer.put("window", part))?;
        Ok(self.whole.iter().try_for_each(|whole| writer.put("whole", whole))?)
    }

    /// Takes what was [saved](Self::save) of as many.
    pub fn restore(&mut self, reader: &mut StateReader) -> std::result::Result<(), Error> {
        let len = self.whole.first().map_or(0, Vec::len);
        for part in &mut self.parts {
            *part = reader.take_any("window", len)?.unwrap_or_default();
        }
        for whole in &mut self.whole {
            *whole = reader.take_exactly("whole", len)?;
        }
        Ok(())
    }
}

fn add(sum: &mut [f64], values: &[f64]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_left_at_its_first_step() {
        let windows = Windows::new(vec![0, 0, 3, 5, 5], 1, 2);
        let begun: Vec<Option<usize>> = (0..5).map(|step| windows.begins(step)).collect();
        assert_eq!(begun, [Some(1), None, None, Some(2), None]);
        assert_eq!(windows.finish(), [vec![vec![0.0; 2]], vec![vec![0.0; 2]; 4]]);
    }
}
