//! The largest contributions or influences of a finished run that did not keep all.

use super::{Largest, Of};
use crate::error::Error;
use crate::formats::MappedArray;
use std::path::{Path, PathBuf};

/// The lists of a finished run, read a value at a time.
#[derive(Debug)]
pub struct Listed {
    directory: PathBuf,
    values: MappedArray,
    examples: MappedArray,
    rest: MappedArray,
    /// k, of each sign.
    count: usize,
    /// m.
    columns: usize,
}

impl Listed {
    /// Opens the lists in a run directory, of n queries, R values and m examples; `None` where there are none.
    ///
    /// # Errors
    ///
    /// A file that is missing or cannot be read, or that has another shape.
    pub fn open(directory: &Path, of: Of, [queries, rows, columns]: [usize; 3]) -> Result<Option<Self>, Error> {
        let [values, examples, rest] = of.files().map(|name| MappedArray::open(&directory.join(name)));
        let (values, examples, rest) = match (values?, examples?, rest?) {
            (None, None, None) => return Ok(None),
            (Some(values), Some(examples), Some(rest)) => (values, examples, rest),
            _ => return Err(damaged(directory, "one of its lists of the largest contributions is missing")),
        };
        let count = values.shape.last().map_or(0, |width| width / 2);
        let shape = [queries, rows, 2 * count];
        if count == 0 || values.shape != shape || examples.shape != shape || rest.shape != [queries, rows, 2] {
            return Err(damaged(directory, "its lists of the largest contributions have other shapes than its arrays"));
        }
        Ok(Some(Self { directory: directory.to_owned(), values, examples, rest, count, columns }))
    }

    /// k, how many of each sign there are at the most.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What is listed of a value of a query.
    ///
    /// # Errors
    ///
    /// A number that is no example's.
    pub fn of(&self, query: usize, value: usize) -> Result<Largest, Error> {
        let at = query * self.rest.shape[1] + value;
        let rest = self.rest.values(2 * at, 2);
        let mut own = Largest::default();
        for (sign, (list, sum)) in own.lists.iter_mut().zip(&mut own.all).enumerate() {
            let first = (2 * at + sign) * self.count;
            let [numbers, amounts] = [&self.examples, &self.values].map(|array| array.values(first, self.count));
            for (number, amount) in numbers.into_iter().zip(amounts).take_while(|(number, _)| *number >= 0.0) {
                if number >= self.columns as f64 {
                    let problem =
                        format!("its list of query {query} names example {number}, and there are {}", self.columns);
                    return Err(damaged(&self.directory, &problem));
                }
                list.push((number as usize, amount));
                sum.add(amount);
            }
            sum.extend(rest.get(sign).copied());
        }
        Ok(own)
    }
}

fn damaged(directory: &Path, problem: &str) -> Error {
    let directory = directory.display();
    Error::Input(format!(
        "{directory}: {problem}; the run directory is damaged: remove {directory}, and the same run makes it again"
    ))
}
