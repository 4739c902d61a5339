//! What is said of single queries: who moved which of their values.

use super::candidates::{Answers, Told, picked};
use super::labels::Labels;
use super::moved::Moved;
use super::question::{self, Question};
use super::split::{self, Asked, Split};
use crate::error::Error;
use crate::report::contents::Contents;
use crate::run::store::{Each, Of};
use rayon::prelude::*;

/// Examples of each sign of each question, where there is room.
const MOST: usize = 10;
/// The fewest, before queries are left out.
const LEAST: usize = 3;
/// Queries that are looked at to see how many examples there is room for.
const LOOKED_AT: usize = 8;
/// Above zero and below.
const SIGNS: usize = 2;
/// Queries that are read at once.
const AT_ONCE: usize = 16;
/// Numbers of attribution and influence that are read at the most.
const READ: usize = 1 << 29;

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
    pub positions: Split,
    /// And what they contributed in each window of training.
    pub windows: Split,
    /// What each example says to what is asked first, by each kind of amounts that is known of all; kept until it is taken into account.
    amounts: Each<Vec<f64>>,
}

impl Detail {
    fn read(contents: &Contents, labels: Option<&Labels>, query: usize, count: usize) -> Result<Self, Error> {
        let values = question::kept(contents, query);
        let first = question::first(contents, query, &values);
        let right = question::right(contents, query, &values);
        let questions = question::all(values.len(), contents.compete());
        let [attribution, influence] = Of::ALL.map(|of| Told::read(contents, of, query, &values));
        let told = [attribution?, influence?];
        let answers = Answers::of(&told, &questions, count);
        let row = |of: Of| told[of as usize].as_ref().and_then(Told::row);
        let classes = labels.zip(row(Of::Attribution)).map(|(labels, row)| labels.sums(row, values.len()));
        let answer = |row: &[f64]| row.chunks_exact(values.len()).map(|amounts| first.amount(amounts)).collect();
        let amounts: Each<Vec<f64>> = Of::ALL.map(|of| row(of).map_or_else(Vec::new, answer));
        let asked = Asked { query, values: &values, first };
        Ok(Self {
            query,
            first,
            right,
            classes: classes.unwrap_or_default(),
            layers: layers(contents, query, &values)?,
            positions: split::positions(contents, asked, &amounts[Of::Attribution as usize])?,
            windows: split::windows(contents, asked, &answers.largest(first, count))?,
            answers,
            amounts,
            values,
        })
    }

    /// Bytes in the page, with so many examples of each sign of each question.
    fn bytes(&self, count: usize) -> usize {
        let values = self.values.len();
        let listed = self.answers.candidates.iter().filter(|own| own.rank < count);
        let listed: usize = listed.map(|own| 1 + own.amounts.iter().map(Vec::len).sum::<usize>()).sum();
        let of_values = (9 + self.layers.len() + self.classes.len()) * (values + 1);
        let of_windows = split::bytes(&self.windows, SIGNS * Of::ALL.len() * count);
        let of_parts = of_windows + split::bytes(&self.positions, self.positions.len());
        4 * (of_values + listed + 2 * self.answers.sums.len()) + of_parts
    }
}

/// What all examples contributed to some values of a query through each layer.
fn layers(contents: &Contents, query: usize, values: &[usize]) -> Result<Vec<Vec<f64>>, Error> {
    let Some(array) = &contents.layers else { return Ok(Vec::new()) };
    let sums = |layer: usize| {
        let row = picked(&array.row(layer, query)?, contents.values, values);
        Ok((0..values.len()).map(|at| row.iter().skip(at).step_by(values.len()).sum()).collect())
    };
    (0..array.shape()[0]).map(sums).collect()
}

/// What is said of the queries that there is room for.
pub(super) struct Details {
    /// Those of the first queries of some order, in that order.
    pub all: Vec<Detail>,
    /// How many examples of each sign of each question there are.
    pub count: usize,
    /// Which queries each example moved most, by each kind of amounts.
    pub moved: Each<Moved>,
}

impl Details {
    /// Reads what fits into so many bytes, of queries in an order.
    ///
    /// # Errors
    ///
    /// Arrays of pairs that cannot be read.
    pub fn read(contents: &Contents, labels: Option<&Labels>, order: &[usize], room: usize) -> Result<Self, Error> {
        let kinds = Of::ALL.into_iter().filter(|&of| contents.knows(of)).count();
        let row = contents.examples.saturating_mul(contents.values).saturating_mul(kinds).max(1);
        let order = &order[..order.len().min((READ / row).max(1))];
        let count = Self::count(contents, labels, order, room)?;
        let (mut all, mut left) = (Vec::new(), room);
        let mut moved = Of::ALL.map(|of| Moved::new(contents.examples, of));
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
                let right = detail.first.right(&detail.right);
                moved.iter_mut().for_each(|moved| moved.add(all.len(), &amounts, right));
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
