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
use std::collections::BTreeMap;

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
        let rows = contents.rows_of(&order);
        let problem = contents.problem.as_ref().ok();
        let inputs = problem.and_then(|problem| inputs(blob, contents, &problem.inputs, &rows, of_inputs));
        let groups = problem.and_then(|problem| problem.groups.as_ref());
        let name = |rows: &Vec<usize>| {
            first_letters(rows.first().and_then(|&row| contents.names.example(row)).unwrap_or_default())
        };
        let names: Vec<String> = rows.iter().map(name).collect();
        let reals = |column: &usize| problem?.targets.reals(*column, problem?.network.outputs)?.first().copied();
        let targets: Option<Vec<f64>> = order.iter().map(reals).collect();
        json!({
            "count": order.len(),
            "numbers": blob.places(order.iter().map(|&column| contents.number(column))),
            "columns": blob.places(order.iter().copied()),
            "labels": self.labels.map(|labels| blob.put(order.iter().map(|&column| labels.of[column]))),
            "targets": targets.filter(|_| groups.is_none()).map(|targets| blob.reals(targets)),
            "groups": groups.map(|groups| order.iter().map(|&column| groups.number(column)).collect::<Vec<_>>()),
            "rows": groups.map(|_| blob.places(rows.iter().map(Vec::len))),
            "names": names.iter().any(|name| !name.is_empty()).then_some(names),
            "own": self.own.map(|own| blob.reals(rows.iter().map(|rows| own.of_rows(rows)))),
            "helped": self.helped(blob, &order),
            "moved": of_each(|of| self.moved(blob, of, &order)),
            "seen": self.seen(blob, &rows),
            "inputs": inputs,
        })
    }

    /// The columns that there is room for: all, or those that are most often among the largest. No more of them are looked at:
    /// where the arrays are lists, how many there are is the summary's word alone.
    fn order(&self, room: usize) -> Vec<usize> {
        let mut counts = BTreeMap::<usize, usize>::new();
        for candidate in self.details.all.iter().flat_map(|detail| &detail.answers.candidates) {
            *counts.entry(candidate.example).or_default() += 1;
        }
        if let Some(own) = self.own {
            own.largest(super::SUSPECTS)
                .into_iter()
                .for_each(|row| *counts.entry(self.contents.column_of_row(row)).or_default() += 1 << 20);
        }
        let mut first: Vec<usize> = counts.keys().copied().collect();
        first.sort_by_key(|column| std::cmp::Reverse(counts[column]));
        let others = (0..self.contents.examples).filter(|column| !counts.contains_key(column));
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
        first.into_iter().chain(others).take_while(fits).collect()
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

    /// How often the batches of each window of steps held the rows of each; `None` where every batch held all.
    fn seen(&self, blob: &mut Blob, rows: &[Vec<usize>]) -> Option<Value> {
        let batches = self.contents.batches.as_ref()?;
        let (steps, windows) = (batches.shape[0], batches.shape[0].min(WINDOWS));
        let mut of_rows: BTreeMap<usize, [u16; WINDOWS]> =
            rows.iter().flatten().map(|&row| (row, [0; WINDOWS])).collect();
        for step in 0..steps {
            for row in batches.values(step * batches.row_len(), batches.row_len()) {
                if let Some(counts) = (row >= 0.0).then(|| of_rows.get_mut(&(row as usize))).flatten() {
                    let count = &mut counts[step * windows / steps];
                    *count = count.saturating_add(1);
                }
            }
        }
        let count =
            |rows: &[usize], window: usize| rows.iter().fold(0u16, |sum, row| sum.saturating_add(of_rows[row][window]));
        let counts: Vec<u16> =
            rows.iter().flat_map(|rows| (0..windows).map(move |window| count(rows, window))).collect();
        Some(json!({ "windows": windows, "counts": blob.put(counts) }))
    }
}
