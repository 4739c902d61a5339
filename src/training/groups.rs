//! Rows of the training data that are one example.

use std::collections::BTreeMap;
use std::ops::Range;

/// Rows that are one example: views of an image, windows of a document. Arrays have a column for each group, in the order of
/// their numbers; what is in it is the sum over the group's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// The column of each row.
    columns: Vec<u32>,
    /// The number of each column's group.
    numbers: Vec<i64>,
}

impl Groups {
    /// Groups of rows, of which each has its group's number.
    pub fn new(of_rows: &[i64]) -> Self {
        let mut places: BTreeMap<i64, u32> = of_rows.iter().map(|&number| (number, 0)).collect();
        places.values_mut().zip(0..).for_each(|(place, column)| *place = column);
        Self { columns: of_rows.iter().map(|number| places[number]).collect(), numbers: places.into_keys().collect() }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.columns.len()
    }

    /// How many groups there are.
    pub fn count(&self) -> usize {
        self.numbers.len()
    }

    /// The number of a column's group.
    pub fn number(&self, column: usize) -> Option<i64> {
        self.numbers.get(column).copied()
    }

    /// The first row of a column's group.
    pub fn first_row(&self, column: usize) -> Option<usize> {
        self.columns.iter().position(|&own| own as usize == column)
    }

    /// The column of a row.
    pub(crate) fn column(&self, row: usize) -> usize {
        self.columns[row] as usize
    }

    /// Those of some rows whose columns lie in a range, in passes in which columns ascend: none is in a pass twice.
    pub(crate) fn passes<T: Copy>(&self, range: &Range<usize>, held: &[(usize, T)]) -> Vec<Vec<(usize, T)>> {
        let mut seen = vec![0; range.len()];
        let mut passes: Vec<Vec<(usize, T)>> = Vec::new();
        for &one in held.iter().filter(|(row, _)| range.contains(&self.column(*row))) {
            let number = &mut seen[self.column(one.0) - range.start];
            if *number == passes.len() {
                passes.push(Vec::new());
            }
            passes[*number].push(one);
            *number += 1;
        }
        passes.iter_mut().for_each(|pass| pass.sort_unstable_by_key(|(row, _)| self.column(*row)));
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_in_the_order_of_their_numbers() {
        let groups = Groups::new(&[7, -2, 7, 30, -2, 7]);
        assert_eq!((groups.rows(), groups.count(), groups.number(2)), (6, 3, Some(30)));
        assert_eq!([0, 1, 2, 3].map(|row| groups.column(row)), [1, 0, 1, 2]);
        assert_eq!([0, 1, 2, 3].map(|column| groups.first_row(column)), [Some(1), Some(0), Some(3), None]);
    }

    #[test]
    fn columns_of_a_pass_ascend() {
        let groups = Groups::new(&[7, -2, 7, 30, -2, 7]);
        let held = [(0, 'a'), (1, 'b'), (2, 'c'), (4, 'd'), (5, 'e')];
        let passes = groups.passes(&(0..3), &held);
        assert_eq!(passes, [vec![(1, 'b'), (0, 'a')], vec![(4, 'd'), (2, 'c')], vec![(5, 'e')]]);
        assert_eq!(groups.passes(&(1..3), &held[..2]), [vec![(0, 'a')]]);
        assert!(groups.passes(&(2..3), &held).is_empty());
    }
}
