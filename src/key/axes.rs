//! Numbers for the axes of images and lines.

use super::{Count, Form, Result, Shape, Value, Wrong};

/// A number for all axes, or a list of one for each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerAxis(pub Count);

impl<const N: usize> Form<[usize; N]> for PerAxis {
    fn read(&self, at: &str, given: &Value, into: &mut [usize; N]) -> Result<()> {
        match given {
            Value::List(values) if values.len() == N => {
                into.iter_mut().zip(values).try_for_each(|(into, value)| self.0.read(at, value, into))
            }
            Value::List(values) => {
                let problem = format!("has {} numbers; give one for all, or one for each of {N} axes", values.len());
                Err(Wrong::new(at, problem))
            }
            one => {
                let mut number = 0;
                self.0.read(at, one, &mut number)?;
                *into = [number; N];
                Ok(())
            }
        }
    }

    fn write(&self, from: &[usize; N]) -> Option<Value> {
        let [first, rest @ ..] = from.as_slice() else { return None };
        if rest.iter().all(|other| other == first) {
            return Some(Value::from(*first));
        }
        Some(Value::List(from.iter().map(|&number| Value::from(number)).collect()))
    }

    fn shape(&self, _start: &[usize; N]) -> Shape {
        match Form::<usize>::shape(&self.0, &0) {
            Shape::Plain(words) if N > 1 => Shape::Plain(format!("{words}, or a list of one per axis")),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_or_one_for_each_axis() {
        let form = PerAxis(Count::from(1));
        let read = |given: &Value| {
            let mut numbers = [0; 2];
            form.read("x", given, &mut numbers).map(|()| numbers).map_err(|wrong| wrong.to_string())
        };
        let list = |numbers: &[i64]| Value::List(numbers.iter().map(|&number| Value::Integer(number)).collect());
        for (given, numbers) in [(Value::Integer(3), [3, 3]), (list(&[1, 2]), [1, 2])] {
            assert_eq!(read(&given), Ok(numbers));
            assert_eq!(form.write(&numbers), Some(given));
        }
        assert_eq!(read(&list(&[4, 4])), Ok([4, 4]));
        assert!(read(&list(&[1, 0])).is_err() && read(&Value::Integer(0)).is_err());
        let problem = "x: has 3 numbers; give one for all, or one for each of 2 axes";
        assert_eq!(read(&list(&[1, 2, 3])), Err(problem.to_owned()));
    }
}
