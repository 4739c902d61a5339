//! What `gram.wgsl` reads of a block besides the factors: one array in place of six bindings.

use super::*;

impl GpuBackend {
    pub(super) fn table_len(&self, call: &Call<'_, '_>, group: &Group<'_>, rect: &Rect) -> usize {
        let (rows, columns) = (call.grid.rows(rect), call.grid.columns(rect));
        let map = group
            .product
            .and_then(|product| product.map)
            .map_or(0, |(map, _)| rows.len() + 1 + 2 * map_rows(map, &rows).len());
        let weighted = call.into.iter().filter(|accumulator| accumulator.weights.is_some()).count();
        map + examples(call, rect).len() + weighted * columns.len()
    }

    /// What `gram.wgsl` reads of a block besides the factors, in one array; and where it lies there.
    pub(super) fn table(
        &self,
        call: &Call<'_, '_>,
        group: &Group<'_>,
        rect: &Rect,
        found: &Range<usize>,
    ) -> Result<(Buffer, TablePlaces)> {
        let (rows, columns) = (call.grid.rows(rect), call.grid.columns(rect));
        let mut arrays = [Bound { len: 0, ..self.nothing() }; 6];
        if let Some((map, _)) = group.product.and_then(|product| product.map) {
            arrays[0] = Self::indices(&map.offsets).part(rows.start, rows.len() + 1);
            arrays[1] = Self::indices(&map.inputs).part(found.start, found.len());
            arrays[2] = Bound::whole(&map.weights).part(found.start, found.len());
        }
        let examples = examples(call, rect);
        arrays[3] = Self::indices(call.columns).part(examples.start, examples.len());
        for (array, accumulator) in arrays[4..].iter_mut().zip(call.into) {
            if let Some(weights) = accumulator.weights {
                *array = read(weights).part(columns.start, columns.len());
            }
        }
        let end = |count: usize| arrays[..count].iter().map(|array| array.len as u32).sum();
        let [end0, end1, end2, end3, end4, end5]: [u32; 6] = [end(1), end(2), end(3), end(4), end(5), end(6)];
        let len = arrays.iter().map(|array| array.len).sum();
        let table = self.context.array(len, false)?;
        let mut bound = vec![Bound { written: true, ..Bound::whole(&table) }];
        bound.extend(arrays);
        self.context.dispatch(&Dispatch {
            shader: Key::plain("gram_table"),
            arrays: &bound,
            numbers: TableNumbers { end0, end1, end2, end3, end4, end5 }.words(),
            groups: len.div_ceil(256),
            work: len as f64,
        })?;
        let places =
            TablePlaces { inputs: end0, weights: end1, targets: end2, column_weights: end3, other_weights: end4 };
        Ok((table, places))
    }
}
