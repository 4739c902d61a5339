//! Which of the outputs a readout takes, where it does not take all.

use super::{Readout, Source};
use crate::loss::{Aims, IGNORED, Loss, Targets};

/// Which positions and classes a readout takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// Positions of outputs `[…, V]`, the axes before the last counted together: the readout has a value for each.
    pub positions: Option<Vec<u32>>,
    /// The two outputs of a difference.
    pub classes: Option<[u32; 2]>,
}

/// Positions of outputs of a shape, and the outputs of each.
pub(crate) fn positions(shape: &[usize]) -> (usize, usize) {
    let width = shape.last().copied().unwrap_or(1);
    (shape.iter().product::<usize>() / width.max(1), width)
}

impl Chosen {
    /// Whether a readout can be taken of outputs of a shape, whose queries have targets where they are known.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do.
    pub(crate) fn check(
        &self,
        readout: Readout,
        loss: Loss,
        shape: &[usize],
        queries: Option<Aims<'_>>,
        positions_of_targets: usize,
    ) -> Result<(), String> {
        let (name, all) = (readout.name(), positions(shape));
        let (count, width) = match &self.positions {
            Some(_) => all,
            None => (1, shape.iter().product()),
        };
        self.check_positions(readout, all.0, positions_of_targets)?;
        if width < readout.least_outputs(loss) {
            let least = readout.least_outputs(loss);
            return Err(format!("{name} needs at least {least} outputs, and the model has {width}"));
        }
        self.check_classes(readout, width)?;
        let Some(Aims { targets, rows, outputs, .. }) = queries.filter(|_| readout.needs_targets()) else {
            return Ok(());
        };
        if self.positions.is_some() && targets.positions(rows, outputs) != count {
            return Err(format!("{name} at positions needs a target at each of the {count} positions of a query"));
        }
        match (targets, readout.source(loss)) {
            (Targets::Classes(classes), Ok(Source::Function(_))) => self.check_known(name, classes, count),
            (Targets::Probabilities { .. }, Ok(Source::Function(_))) => {
                Err(format!("{name} needs the queries' classes, and their targets are probabilities"))
            }
            _ => Ok(()),
        }
    }

    fn check_positions(&self, readout: Readout, count: usize, of_targets: usize) -> Result<(), String> {
        let name = readout.name();
        match &self.positions {
            Some(_) if !readout.has_positions() => Err(format!("{name} takes no positions; remove them")),
            Some(positions) if positions.is_empty() => Err("positions: names none; give at least one".into()),
            Some(positions) => match positions.iter().find(|&&position| position as usize >= count) {
                None => Ok(()),
                Some(position) => {
                    Err(format!("positions: names {position}, and the outputs have positions 0 to {}", count - 1))
                }
            },
            None if of_targets > 1 && !readout.takes_all_positions() => {
                let remedy = if readout.has_positions() {
                    format!("say which, as in {{ type = {name:?}, positions = [0] }}")
                } else {
                    "take outputs, or { type = \"loss\", positions = [..] }".to_owned()
                };
                Err(format!("{name} is of one position, and each example has {of_targets}: {remedy}"))
            }
            None => Ok(()),
        }
    }

    fn check_classes(&self, readout: Readout, width: usize) -> Result<(), String> {
        match (self.classes, readout) {
            (None, Readout::Difference) => Err("difference needs its two outputs, classes = [a, b]".into()),
            (Some(_), Readout::Difference) if self.classes.is_some_and(|[a, b]| a == b) => {
                Err("classes: names the same output twice".into())
            }
            (Some(classes), Readout::Difference) => match classes.iter().find(|&&class| class as usize >= width) {
                None => Ok(()),
                Some(class) => Err(format!("classes: names {class}, and there are outputs 0 to {}", width - 1)),
            },
            (Some(_), _) => Err(format!("classes belong to the readout difference, not to {}", readout.name())),
            (None, _) => Ok(()),
        }
    }

    /// Every query must have a class at every position that is read.
    fn check_known(&self, name: &str, classes: &[u32], count: usize) -> Result<(), String> {
        let read = self.positions.as_deref().unwrap_or(&[0]);
        let ignored = |(query, own): (usize, &[u32])| {
            let position = read.iter().find(|&&position| own[position as usize] == IGNORED)?;
            Some((query, *position))
        };
        match classes.chunks(count).enumerate().find_map(ignored) {
            None => Ok(()),
            Some((query, position)) => Err(format!(
                "{name} needs classes, and query {query} has none at position {position}: its target is ignored"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_says_why() {
        let targets = Targets::Classes(vec![0, 2, IGNORED, 1]);
        let queries = Aims::new(&targets, 2, 6);
        let check = |readout, positions: Option<&[u32]>, classes: Option<[u32; 2]>| {
            let chosen = Chosen { positions: positions.map(<[u32]>::to_vec), classes };
            chosen.check(readout, Loss::CrossEntropy, &[2, 3], Some(queries), 2).err().unwrap_or_default()
        };
        assert_eq!(check(Readout::Loss, None, None), "");
        assert_eq!(check(Readout::Outputs, None, None), "");
        assert_eq!(check(Readout::Target, Some(&[1]), None), "");
        assert_eq!(check(Readout::Loss, Some(&[0, 1]), None), "");
        assert_eq!(check(Readout::Difference, Some(&[0]), Some([2, 0])), "");
        for (readout, positions, classes, problem) in [
            (Readout::Target, None, None, "positions = [0]"),
            (Readout::Probabilities, None, None, "take outputs"),
            (Readout::Target, Some(&[0][..]), None, "query 1 has none at position 0"),
            (Readout::Loss, Some(&[2]), None, "positions 0 to 1"),
            (Readout::Loss, Some(&[]), None, "at least one"),
            (Readout::Outputs, Some(&[0]), None, "takes no positions"),
            (Readout::Difference, Some(&[0]), None, "classes = [a, b]"),
            (Readout::Difference, Some(&[0]), Some([0, 3]), "outputs 0 to 2"),
            (Readout::Difference, Some(&[0]), Some([1, 1]), "twice"),
            (Readout::Difference, None, Some([0, 1]), "positions = [0]"),
            (Readout::Loss, None, Some([0, 1]), "belong to the readout difference"),
        ] {
            let found = check(readout, positions, classes);
            assert!(found.contains(problem), "{readout:?}: {found:?} instead of {problem:?}");
        }
    }
}
