//! The training examples of a page.

use super::blob::Blob;
use super::details::Details;
use super::inputs::inputs;
use super::labels::Labels;
use super::{first_letters, of_each, starts};
use crate::report::contents::Contents;
use crate::report::self_influence::Own;
use crate::run::store::Of;
use serde_json::{Value, json};

/// Windows of steps in which an example's batches are counted.
const WINDOWS: usize = 40;
/// Bytes that are kept of an example, beside its queries and its name.
const OF_ONE: usize = 24 + 2 * WINDOWS;
/// Bytes of a query that it moved.
const OF_QUERY: usize = 12;

/// What a page says of examples: as many columns as there is room for, those first that are most often among the largest.
pub(super) struct Examples<'a> {
    pub contents: &'a Contents,
    pub details: &'a Details,
    pub labels: Option<&'a Labels>,
    pub own: Option<&'a Own>,
}

impl Examples<'_> {
    /// All that is said of them, in so many bytes, and so many of their inputs.
    pub fn put(&self, blob: &mut Blob, room: usize, of_inputs: usize) -> Value {
        let contents = self.contents;
        let order = self.order(room);
        let rows = contents.rows_of_columns();
        let items: Vec<Vec<usize>> = order.iter().map(|&column| rows[column].clone()).collect();
        let problem = contents.problem.as_ref().ok();
        let inputs = problem.and_then(|problem| inputs(blob, contents, &problem.inputs, &items, of_inputs));
        let groups = problem.and_then(|problem| problem.groups.as_ref());
        let name = |column: &usize| {
            first_letters(rows[*column].first().and_then(|&row| contents.names.example(row)).unwrap_or_default())
        };
        let names: Vec<String> = order.iter().map(name).collect();
        let reals = |column: &usize| problem?.targets.reals(*column, problem?.network.outputs)?.first().copied();
        let targets: Option<Vec<f64>> = order.iter().map(reals).collect();
        json!({
            "count": order.len(),
            "numbers": blob.places(order.iter().map(|&column| contents.number(column))),
            "columns": blob.places(order.iter().copied()),
            "labels": self.labels.map(|labels| blob.put(order.iter().map(|&column| labels.of[column]))),
            "targets": targets.filter(|_| groups.is_none()).map(|targets| blob.reals(targets)),
            "groups": groups.map(|groups| order.iter().map(|&column| groups.number(column)).collect::<Vec<_>>()),
            "rows": groups.map(|_| blob.places(order.iter().map(|&column| rows[column].len()))),
            "names": names.iter().any(|name| !name.is_empty()).then_some(names),
            "own": self.own.map(|own| blob.reals(order.iter().map(|&column| own.of_rows(&rows[column])))),
            "helped": self.helped(blob, &order),
            "moved": of_each(|of| self.moved(blob, of, &order)),
            "seen": self.seen(blob, &order, &rows),
            "inputs": inputs,
        })
    }

    /// The columns that there is room for: all, or those that are most often among the largest.
    fn order(&self, room: usize) -> Vec<usize> {
        let mut counts = vec![0usize; self.contents.examples];
        for candidate in self.details.all.iter().flat_map(|detail| &detail.answers.candidates) {
            counts[candidate.example] += 1;
        }
        if let Some(own) = self.own {
            own.largest(super::SUSPECTS)
                .into_iter()
                .for_each(|row| counts[self.contents.column_of_row(row)] += 1 << 20);
        }
        let mut order: Vec<usize> = (0..self.contents.examples).collect();
        order.sort_by_key(|&column| std::cmp::Reverse(counts[column]));
        let size = |column: usize| {
            let moved = self.details.moved.iter().map(|moved| moved.count_of(column)).sum::<usize>();
            OF_ONE + OF_QUERY * moved
        };
        let mut left = room;
        let fits = |column: &usize| {
            let fits = size(*column) <= left;
            left = left.saturating_sub(size(*column));
            fits
        };
        order.into_iter().take_while(fits).collect()
    }

    /// What each contributed to all queries of the page.
    fn helped(&self, blob: &mut Blob, order: &[usize]) -> Option<Value> {
        let helped = &self.details.moved[Of::Attribution as usize].helped;
        let is_known = self.details.all.iter().any(|detail| detail.first.right(&detail.right) != 0);
        (is_known && !helped.is_empty()).then(|| blob.reals(order.iter().map(|&column| helped[column])))
    }

    /// The queries that each moved most by one kind of amounts, with their amounts of each: those that it raised, and those that it
    /// lowered.
    fn moved(&self, blob: &mut Blob, by: Of, order: &[usize]) -> Option<Value> {
        let moved = &self.details.moved[by as usize];
        if moved.lists.is_empty() {
            return None;
        }
        let own = || order.iter().flat_map(|&column| moved.lists[column].iter().flatten());
        Some(json!({
            "starts": blob.places(starts(order.iter().map(|&column| moved.count_of(column)))),
            "queries": blob.places(own().map(|own| own.0)),
            "amounts": of_each(|of| {
                self.contents.knows(of).then(|| blob.reals(own().map(|own| own.1[of as usize])))
            }),
        }))
    }

    /// How often the batches of each window of steps held each; `None` where every batch held all.
    fn seen(&self, blob: &mut Blob, order: &[usize], rows: &[Vec<usize>]) -> Option<Value> {
        let batches = self.contents.batches.as_ref()?;
        let (steps, windows) = (batches.shape[0], batches.shape[0].min(WINDOWS));
        let mut of_rows = vec![[0u16; WINDOWS]; rows.iter().flatten().max().map_or(0, |last| last + 1)];
        for step in 0..steps {
            for row in batches.values(step * batches.row_len(), batches.row_len()) {
                if let Some(counts) = (row >= 0.0).then(|| of_rows.get_mut(row as usize)).flatten() {
                    let count = &mut counts[step * windows / steps];
                    *count = count.saturating_add(1);
                }
            }
        }
        let count = |column: usize, window: usize| {
            rows[column].iter().fold(0u16, |sum, &row| sum.saturating_add(of_rows[row][window]))
        };
        let counts: Vec<u16> = order
            .iter()
            .flat_map(|&column| (0..windows).map(move |window| (column, window)))
            .map(|(column, window)| count(column, window))
            .collect();
        Some(json!({ "windows": windows, "counts": blob.put(counts) }))
    }
}
