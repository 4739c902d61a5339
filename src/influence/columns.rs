//! Where the rows of a batch belong in the arrays.

use crate::compute::{Backend, Result, Slice, SliceMut};
use crate::training::Groups;
use std::collections::BTreeMap;

/// Rows of a pass of which none has the column of another.
pub(super) struct Pick<B: Backend> {
    /// Their columns, ascending.
    pub columns: B::Index,
    /// How many.
    pub count: usize,
    /// The rows; `None` where they are all rows in order.
    rows: Option<B::Index>,
    /// Rows of the pass.
    of: usize,
}

impl<B: Backend> Pick<B> {
    /// The rows of a pass, each an example with its factor in the loss, in as few picks as there are rows of one column.
    pub fn all(backend: &B, groups: Option<&Groups>, held: &[(usize, f64)]) -> Result<Vec<Self>> {
        let mut by_column: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (row, &(example, _)) in held.iter().enumerate() {
            let column = groups.map_or(example, |groups| groups.column(example));
            by_column.entry(column as u32).or_default().push(row as u32);
        }
        let most = by_column.values().map(Vec::len).max().unwrap_or(0);
        let pick = |number: usize| {
            let own = by_column.iter().filter_map(|(&column, rows)| Some((column, *rows.get(number)?)));
            let (columns, rows): (Vec<u32>, Vec<u32>) = own.unzip();
            let is_whole = rows.iter().copied().eq(0..held.len() as u32);
            let rows = (!is_whole).then(|| backend.index(&rows)).transpose()?;
            Ok(Self { count: columns.len(), columns: backend.index(&columns)?, rows, of: held.len() })
        };
        (0..most).map(pick).collect()
    }

    /// What values `[rows of the pass, width]` have of its rows, where these are not all of them.
    pub fn of(&self, backend: &B, values: Slice<'_, B::Buffer>, width: usize) -> Result<Option<B::Buffer>> {
        let Some(rows) = &self.rows else { return Ok(None) };
        let len = self.count * width;
        let mut picked = backend.scratch(len)?;
        backend.gather(SliceMut::new(&mut picked, 0, len), values, rows, width)?;
        Ok(Some(picked))
    }

    /// The values of its rows: those that were picked of all, or all.
    pub fn slice<'v>(&self, picked: &'v Option<B::Buffer>, all: Slice<'v, B::Buffer>) -> Slice<'v, B::Buffer> {
        picked.as_ref().map_or(all, |own| Slice::new(own, 0, self.count * (all.len / self.of.max(1))))
    }
}
