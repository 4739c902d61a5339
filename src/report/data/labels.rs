//! The classes of the columns.

use super::NONE;
use crate::report::contents::Contents;
use std::collections::BTreeSet;

/// Classes kept of a query, where there are more.
const KEPT: usize = 24;
/// As many as are kept of each query where there are no more.
const ALL: usize = 32;

/// The class of each column; [`NONE`] where it has none.
pub(super) struct Labels {
    pub of: Vec<u32>,
    /// Those that there are, ascending.
    classes: Vec<u32>,
}

impl Labels {
    /// Of a run's columns; `None` where no column has a class.
    pub fn read(contents: &Contents) -> Option<Self> {
        let of = contents.column_classes()?;
        let classes: BTreeSet<u32> = of.iter().copied().filter(|&class| class != NONE).collect();
        (!classes.is_empty()).then(|| Self { of, classes: classes.into_iter().collect() })
    }

    /// Of a row `[m, values]`, what the columns of each class add up to: of many classes those of the largest sums, and the others
    /// together under [`NONE`].
    pub fn sums(&self, row: &[f64], values: usize) -> Vec<(u32, Vec<f64>)> {
        let mut sums: Vec<(u32, Vec<f64>)> = self.classes.iter().map(|&class| (class, vec![0.0; values])).collect();
        let mut others = vec![0.0; values];
        for (class, own) in self.of.iter().zip(row.chunks_exact(values)) {
            let sum = match self.classes.binary_search(class) {
                Ok(place) => &mut sums[place].1,
                Err(_) => &mut others,
            };
            sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        }
        if sums.len() > ALL {
            let size = |own: &[f64]| own.iter().fold(0.0, |size: f64, value| size.max(value.abs()));
            sums.sort_by(|a, b| size(&b.1).total_cmp(&size(&a.1)));
            for (_, sum) in sums.drain(KEPT..) {
                others.iter_mut().zip(sum).for_each(|(all, own)| *all += own);
            }
            sums.sort_by_key(|own| own.0);
        }
        if self.classes.len() > ALL || self.of.contains(&NONE) {
            sums.push((NONE, others));
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(of: Vec<u32>) -> Labels {
        let classes: BTreeSet<u32> = of.iter().copied().filter(|&class| class != NONE).collect();
        Labels { of, classes: classes.into_iter().collect() }
    }

    #[test]
    fn classes_add_up() {
        let sums = of(vec![7, 2, 7, NONE]).sums(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.5, 0.25], 2);
        assert_eq!(sums, [(2, vec![3.0, 4.0]), (7, vec![6.0, 8.0]), (NONE, vec![0.5, 0.25])]);
    }

    #[test]
    fn many_classes_keep_the_largest_and_the_sum() {
        let row: Vec<f64> = (0..40).map(|at| f64::from(at * 17 % 41) - 20.0).collect();
        let sums = of((0..40).collect()).sums(&row, 1);
        assert_eq!((sums.len(), sums[KEPT].0), (KEPT + 1, NONE));
        assert!((sums.iter().map(|own| own.1[0]).sum::<f64>() - row.iter().sum::<f64>()).abs() < 1e-12);
        let sizes = |values: &mut dyn Iterator<Item = f64>| {
            let mut sizes: Vec<f64> = values.map(f64::abs).collect();
            sizes.sort_by(|a, b| b.total_cmp(a));
            sizes
        };
        let kept = sizes(&mut sums[..KEPT].iter().map(|own| own.1[0]));
        assert_eq!(kept, sizes(&mut row.iter().copied())[..KEPT]);
    }
}
