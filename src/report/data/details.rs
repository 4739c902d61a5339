//! What is said of single queries: who moved which of their values.

use super::candidates::Answers;
use super::labels::Labels;
use super::moved::Moved;
use super::question::{self, Question};
use crate::error::Error;
use crate::report::contents::Contents;
use crate::run::store::Of;
use rayon::prelude::*;

/// Examples of each sign of each question, where there is room.
const MOST: usize = 10;
/// The fewest, before queries are left out.
const LEAST: usize = 3;
/// Queries that are looked at to see how many examples there is room for.
const LOOKED_AT: usize = 8;
/// Queries that are read at once.
const AT_ONCE: usize = 16;
/// Numbers of the attribution that are read at the most.
const READ: usize = 1 << 29;
/// Examples whose positions are kept, of each sign.
const OF_POSITIONS: usize = 6;

/// What is said of a query.
pub(super) struct Detail {
    pub query: usize,
    /// The values that are kept.
    pub values: Vec<usize>,
    /// What is asked first.
    pub first: Question,
    /// Which way is right, of each value.
    pub right: Vec<i8>,
    /// What each class of examples contributed to each value.
    pub classes: Vec<(u32, Vec<f64>)>,
    /// What each layer contributed to each value.
    pub layers: Vec<Vec<f64>>,
    pub answers: Answers,
    /// Of examples that answer what is asked first, what each position contributed.
    pub positions: Vec<(usize, Vec<f64>)>,
    /// What each example contributed to what is asked first, where all is known; kept until it is taken into account.
    amounts: Vec<f64>,
}

impl Detail {
    fn read(contents: &Contents, labels: Option<&Labels>, query: usize, count: usize) -> Result<Self, Error> {
        let values = question::kept(contents, query);
        let first = question::first(contents, query, &values);
        let right = question::right(contents, query, &values);
        let questions = question::all(values.len(), contents.compete());
        let mut own = Self {
            query,
            first,
            right,
            classes: Vec::new(),
            layers: Vec::new(),
            answers: Answers::default(),
            positions: Vec::new(),
            amounts: Vec::new(),
            values,
        };
        if let Some(attribution) = &contents.attribution {
            let row = own.picked(contents, &attribution.values(query..query + 1, 0..contents.examples)?);
            own.answers = Answers::of(&row, own.values.len(), &questions, count);
            own.classes = labels.map_or_else(Vec::new, |labels| labels.sums(&row, own.values.len()));
            own.amounts = row.chunks_exact(own.values.len()).map(|amounts| first.amount(amounts)).collect();
        } else if contents.listed.is_some() {
            let list =
                |&value: &usize| Ok(contents.largest(Of::Attribution, query, value, usize::MAX)?.unwrap_or_default());
            let lists = own.values.iter().map(list).collect::<Result<Vec<_>, Error>>()?;
            own.answers = Answers::of_lists(&lists, &questions, count);
        }
        if let Some(array) = &contents.layers {
            for layer in 0..array.shape()[0] {
                let row = own.picked(contents, &array.row(layer, query)?);
                own.layers.push(
                    (0..own.values.len()).map(|at| row.iter().skip(at).step_by(own.values.len()).sum()).collect(),
                );
            }
        }
        own.positions = own.positions(contents)?;
        Ok(own)
    }

    /// The values that are kept of a row `[m, R]`.
    fn picked(&self, contents: &Contents, row: &[f64]) -> Vec<f64> {
        row.chunks_exact(contents.values).flat_map(|all| self.values.iter().map(|&value| all[value])).collect()
    }

    /// What the positions of the examples that answer first contributed to it.
    fn positions(&self, contents: &Contents) -> Result<Vec<(usize, Vec<f64>)>, Error> {
        let Some(array) = &contents.attribution_positions else { return Ok(Vec::new()) };
        let count = array.entry() / contents.values.max(1);
        let mut order: Vec<(usize, f64)> = self.amounts.iter().copied().enumerate().collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        let last = order.len().saturating_sub(OF_POSITIONS).max(OF_POSITIONS.min(order.len()));
        let shown = order.iter().take(OF_POSITIONS).chain(&order[last..]);
        let of = |&(example, _): &(usize, f64)| {
            let pair = array.values(self.query..self.query + 1, example..example + 1)?;
            let place = |at: usize, value: usize| pair[self.values[value] * count + at];
            let amount = |at: usize| place(at, self.first.value) - self.first.than.map_or(0.0, |than| place(at, than));
            Ok((example, (0..count).map(amount).collect()))
        };
        shown.map(of).collect()
    }

    /// Bytes in the page, with so many examples of each sign of each question.
    fn bytes(&self, count: usize) -> usize {
        let (values, listed) =
            (self.values.len(), self.answers.candidates.iter().filter(|own| own.rank < count).count());
        let positions: usize = self.positions.iter().map(|own| 1 + own.1.len()).sum();
        let of_values = 9 + self.layers.len() + self.classes.len() + listed;
        4 * (of_values * (values + 1) + 2 * self.answers.sums.len() + positions)
    }
}

/// What is said of the queries that there is room for.
pub(super) struct Details {
    /// Those of the first queries of some order, in that order.
    pub all: Vec<Detail>,
    /// How many examples of each sign of each question there are.
    pub count: usize,
    /// Which queries each example moved most.
    pub moved: Moved,
}

impl Details {
    /// Reads what fits into so many bytes, of queries in an order.
    ///
    /// # Errors
    ///
    /// Arrays of pairs that cannot be read.
    pub fn read(contents: &Contents, labels: Option<&Labels>, order: &[usize], room: usize) -> Result<Self, Error> {
        let row = contents.examples.saturating_mul(contents.values).max(1);
        let order = &order[..order.len().min((READ / row).max(1))];
        let count = Self::count(contents, labels, order, room)?;
        let (mut all, mut moved, mut left) = (Vec::new(), Moved::new(contents.examples), room);
        for queries in order.chunks(AT_ONCE) {
            let read = |&query: &usize| Detail::read(contents, labels, query, count);
            for mut detail in queries.par_iter().map(read).collect::<Result<Vec<_>, Error>>()? {
                // A page has a query, however large it is.
                let bytes = detail.bytes(count);
                if bytes > left && !all.is_empty() {
                    return Ok(Self { all, count, moved });
                }
                left = left.saturating_sub(bytes);
                let amounts = std::mem::take(&mut detail.amounts);
                moved.add(all.len(), &amounts, detail.first.right(&detail.right));
                all.push(detail);
            }
        }
        Ok(Self { all, count, moved })
    }

    /// How many examples of each sign of each question there is room for, as far as some queries tell.
    fn count(contents: &Contents, labels: Option<&Labels>, order: &[usize], room: usize) -> Result<usize, Error> {
        let shown = order.len().min(LOOKED_AT);
        let looked_at: Vec<usize> = (0..shown).map(|place| order[place * order.len() / shown]).collect();
        let read = |&query: &usize| Detail::read(contents, labels, query, MOST);
        let some = looked_at.par_iter().map(read).collect::<Result<Vec<_>, Error>>()?;
        let fits = |&count: &usize| {
            let bytes: usize = some.iter().map(|detail| detail.bytes(count)).sum();
            bytes.saturating_mul(order.len()) <= room.saturating_mul(shown)
        };
        Ok((LEAST..=MOST).rev().find(fits).unwrap_or(LEAST))
    }
}
