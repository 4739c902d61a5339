//! Examples that are left out of training and of the columns.

use crate::error::Error;
use crate::formats::{Array, Values, read_with};
use crate::run::keys::RunFile;

/// The key that names them.
const KEY: &str = "data.train.exclude";

/// Examples that are left out, by their numbers in the files of the training set. The others keep their order, and their numbers
/// there are what people are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Excluded {
    /// The file that names them.
    path: String,
    /// Ascending, none twice.
    numbers: Vec<u32>,
}

impl Excluded {
    /// Those of a run file; none where it names none.
    ///
    /// # Errors
    ///
    /// A file that does not hold numbers of examples, each once.
    pub fn read(run_file: &RunFile) -> Result<Self, Error> {
        let Some(path) = &run_file.data.exclude else { return Ok(Self::default()) };
        let layout = run_file.data.train.layout(["data.train", "exclude"], None);
        Self::of(path, &read_with(path, &layout)?)
    }

    fn of(path: &str, array: &Array) -> Result<Self, Error> {
        let wrong = |problem: String| Err(Error::Input(format!("{path}: {problem}")));
        let Values::Integer(given) = &array.values else {
            return wrong(format!("holds real numbers; {KEY} is of integers, the numbers of examples from 0"));
        };
        if !matches!(array.shape.as_slice(), [_] | [_, 1] | [1, _]) {
            return wrong(format!("has shape {:?}; {KEY} is a list of numbers, [k]", array.shape));
        }
        let mut numbers = Vec::with_capacity(given.len());
        for &number in given {
            match u32::try_from(number) {
                Ok(number) => numbers.push(number),
                Err(_) => return wrong(format!("names example {number}; examples are numbered from 0")),
            }
        }
        numbers.sort_unstable();
        match numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(Self { path: path.to_owned(), numbers }),
            Some(pair) => wrong(format!("names example {} twice; name each once", pair[0])),
        }
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.numbers.len()
    }

    /// The numbers of those that are left of so many.
    ///
    /// # Errors
    ///
    /// An example that there is not, or none that is left.
    pub fn left(&self, examples: usize) -> Result<Vec<u32>, Error> {
        let wrong = |problem: String| Err(Error::Input(format!("{}: {problem}", self.path)));
        match self.numbers.last() {
            Some(&last) if last as usize >= examples => {
                wrong(format!("names example {last}, but there are examples 0 to {}", examples - 1))
            }
            Some(_) if self.count() == examples => {
                wrong(format!("leaves out all {examples} examples; keep at least one to train on"))
            }
            _ => Ok((0..examples as u32).filter(|number| self.numbers.binary_search(number).is_err()).collect()),
        }
    }

    /// The place among those that are left of the example of a number; `None` where it is left out.
    pub fn place(&self, number: usize) -> Option<usize> {
        let below = self.numbers.partition_point(|&own| (own as usize) < number);
        (self.numbers.get(below).map(|&own| own as usize) != Some(number)).then_some(number - below)
    }

    /// The number of the example at a place among those that are left.
    pub fn number(&self, place: usize) -> usize {
        self.numbers.iter().fold(place, |number, &own| if own as usize <= number { number + 1 } else { number })
    }

    /// The places of examples that a run file names elsewhere; `what` says where.
    ///
    /// # Errors
    ///
    /// One that is left out.
    pub fn places(&self, what: &str, numbers: &[u32]) -> Result<Vec<u32>, Error> {
        let place = |&number: &u32| match self.place(number as usize) {
            Some(place) => Ok(place as u32),
            None => Err(Error::Input(format!(
                "{what} names example {number}, which {} leaves out ({KEY}); remove it from one of the two",
                self.path
            ))),
        };
        numbers.iter().map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(shape: &[usize], numbers: &[i64]) -> Result<Excluded, String> {
        let array = Array { shape: shape.to_vec(), values: Values::Integer(numbers.to_vec()) };
        Excluded::of("drop.npy", &array).map_err(|error| error.to_string())
    }

    #[test]
    fn places_and_numbers_are_those_of_a_list_without_them() {
        let excluded = of(&[3], &[5, 0, 2]).expect("numbers");
        let left = excluded.left(8).expect("examples");
        assert_eq!(left, [1, 3, 4, 6, 7]);
        for (place, &number) in left.iter().enumerate() {
            assert_eq!((excluded.number(place), excluded.place(number as usize)), (number as usize, Some(place)));
        }
        assert_eq!([0, 2, 5].map(|number| excluded.place(number)), [None; 3]);
        assert_eq!(excluded.places("b", &[7, 1, 7]).expect("they are left"), [4, 0, 4]);
        let none = Excluded::default();
        assert_eq!((none.left(2).expect("all"), none.number(1), none.place(1)), (vec![0, 1], 1, Some(1)));
    }

    #[test]
    fn what_leaves_out_nothing_that_is_there_is_refused() {
        for (shape, numbers, part) in [
            (&[2][..], &[1, 1][..], "example 1 twice"),
            (&[2], &[3, -1], "names example -1"),
            (&[2, 2], &[0, 1, 2, 3], "is a list of numbers"),
        ] {
            let problem = of(shape, numbers).expect_err(part);
            assert!(problem.contains(part), "{problem:?} lacks {part:?}");
        }
        let excluded = of(&[2, 1], &[0, 1]).expect("a column");
        let left = |examples| excluded.left(examples).map_err(|error| error.to_string());
        assert!(left(2).is_err_and(|problem| problem.contains("all 2 examples")));
        assert!(left(1).is_err_and(|problem| problem.contains("names example 1, but there are examples 0 to 0")));
        assert!(excluded.places("b.npy: step 3", &[2, 1]).is_err_and(|error| {
            let problem = error.to_string();
            problem.contains("b.npy: step 3 names example 1") && problem.contains("drop.npy")
        }));
    }
}
