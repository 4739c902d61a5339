//! Rows of a table, looked up by whole numbers.

use super::*;
use crate::compute;
use crate::graph::Table;
use crate::graph::build::elements;

/// For each element of the input the row of a table that it names. The input depends on no parameter, and nothing is derived
/// by it; see [`Graph::check_tokens`](crate::graph::Graph::check_tokens).
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    table: Table,
    shape: Vec<usize>,
}

/// Rows of a table at the most: tokens are numbers of the examples, and single precision holds whole ones up to here.
const MOST_ROWS: usize = 1 << 24;

impl Lookup {
    /// Of inputs of a shape, in a table of `count` rows of `width` features, all of which are trained.
    ///
    /// # Errors
    ///
    /// A table without rows or features, or of more rows than an input can name.
    pub fn new(input: &[usize], count: usize, width: usize) -> std::result::Result<Self, String> {
        if count == 0 || width == 0 {
            return Err(format!("a table of {count} rows of {width} features is empty; give it at least one of each"));
        }
        if count > MOST_ROWS {
            return Err(format!("a table of {count} rows is too long; single precision counts to {MOST_ROWS}"));
        }
        let shape: Vec<usize> = input.iter().copied().chain([width]).collect();
        elements(&shape)?;
        Ok(Self { table: Table { count, width, positions: self::count(input), padding: None }, shape })
    }

    /// The same with a row that losses are not derived by, and that is drawn as zeros. Values, and what they owe to the row, are
    /// as those of any other: weight decay may move it.
    pub fn padded(self, row: usize) -> Self {
        Self { table: Table { padding: Some(row), ..self.table }, ..self }
    }

    fn structure(&self) -> Structure {
        Structure::Rows(self.table)
    }
}

impl Table {
    /// `out =` the rows that tokens name, at each base row's own place on the segment.
    pub(crate) fn values<B: Backend>(
        &self,
        site: &Site<'_, B>,
        out: SliceMut<'_, B::Buffer>,
        tokens: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        let Table { count, width, positions, .. } = *self;
        let lookup = compute::Lookup { count, width, tables: 1 };
        site.backend.run(&lookup, (out, tokens, site.weights(0, count * width, positions)))
    }
}

impl Primitive for Lookup {
    fn name(&self) -> &'static str {
        "lookup"
    }

    fn built(&self) -> Built {
        let Table { count, width, positions, padding } = self.table;
        let initial = match padding {
            None => Initial::Normal(1.0),
            Some(row) => Initial::NormalAround(1.0, row * width..(row + 1) * width),
        };
        let tensor = Drawn { name: "weight", shape: vec![count, width], initial };
        let parameters = Some(Parameters { structure: self.structure(), tensors: vec![tensor] });
        Built { parameters, ..Built::plain(vec![positions], &self.shape) }
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        self.table.values(site, out, first(inputs)?)?;
        Ok(Vec::new())
    }

    fn backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let len = back.copies * seen.value.len;
        visit(site.factor(self.structure(), (delta, len), seen.input()?))?;
        Ok(vec![None])
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let SliceMut { buffer, offset, .. } = out;
        let (size, tokens) = (seen.value.len, seen.input()?);
        moved.directions.iter().enumerate().try_for_each(|(copy, direction)| {
            self.table.values(&site.at(direction), SliceMut::new(&mut *buffer, offset + copy * size, size), tokens)
        })
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        _back: &Back<'_>,
        turning: Turning<'_, B>,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        turning.show(site, self.structure(), seen.input()?, visit)?;
        Ok(vec![None])
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, _before: &[usize]) -> Option<usize> {
        Some(1)
    }

    fn minus_infinity(&self, _input: usize) -> MinusInfinity {
        MinusInfinity::Spoils
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Mixed
    }

    fn work(&self) -> Work {
        Work { kept: self.table.positions, multiply_adds: self.structure().delta_len(), ..Work::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn rows_of_a_table() {
        check::against_differences(&[2, 3], Lookup::new(&[2, 3], 4, 2).expect("a table"));
        for (count, width) in [(0, 3), (3, 0), (MOST_ROWS + 1, 1), (3, usize::MAX)] {
            assert!(Lookup::new(&[2], count, width).is_err(), "{count} {width}");
        }
    }
}
