//! Forms of numbers.

use super::{Form, Result, Shape, Value, Wrong};

/// A number in a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Any finite number.
    Any,
    /// Above 0.
    AboveZero,
    /// At least 0.
    NotNegative,
    /// At least 0 and below 1.
    BelowOne,
    /// From 0 to 1.
    Share,
}

impl Number {
    fn contains(self, number: f64) -> bool {
        match self {
            Number::Any => true,
            Number::AboveZero => number > 0.0,
            Number::NotNegative => number >= 0.0,
            Number::BelowOne => (0.0..1.0).contains(&number),
            Number::Share => (0.0..=1.0).contains(&number),
        }
    }

    /// What a number must be, after "it must".
    fn must(self) -> &'static str {
        match self {
            Number::Any => "be finite",
            Number::AboveZero => "be above 0",
            Number::NotNegative => "not be negative",
            Number::BelowOne => "be at least 0 and below 1",
            Number::Share => "be from 0 to 1",
        }
    }

    fn takes(self) -> &'static str {
        match self {
            Number::Any => "a number",
            Number::AboveZero => "a number above 0",
            Number::NotNegative => "a number of at least 0",
            Number::BelowOne => "a number of at least 0 and below 1",
            Number::Share => "a number from 0 to 1",
        }
    }
}

impl Form<f64> for Number {
    fn read(&self, at: &str, given: &Value, into: &mut f64) -> Result<()> {
        let wrong = |problem: String| Err(Wrong::new(at, problem));
        let number = match given {
            Value::Number(number) => *number,
            Value::Integer(number) => *number as f64,
            // What TOML cannot hold comes from the command line as a string.
            Value::Text(text) if is_out_of_range(text) => {
                return wrong(format!("is {text}, which is out of a number's range"));
            }
            other => return wrong(format!("must be a number, not {}", other.type_name())),
        };
        if !number.is_finite() {
            return wrong(format!("is {number}; it must be finite"));
        }
        if !self.contains(number) {
            return wrong(format!("is {number:?}; it must {}", self.must()));
        }
        *into = number;
        Ok(())
    }

    fn write(&self, from: &f64) -> Option<Value> {
        Some(Value::Number(*from))
    }

    fn shape(&self, _start: &f64) -> Shape {
        Shape::Number(self.takes().into())
    }
}

/// Whether a text is a number too large for a double or, without a point, for an integer.
fn is_out_of_range(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let begins = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    (integer && text.parse::<i64>().is_err()) || (begins && text.parse::<f64>().is_ok_and(f64::is_infinite))
}

/// One number of a range for all of some things, or a list with one for each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Each(pub Number);

impl Form<Vec<f64>> for Each {
    fn read(&self, at: &str, given: &Value, into: &mut Vec<f64>) -> Result<()> {
        let one = |given| {
            let mut number = 0.0;
            self.0.read(at, given, &mut number).map(|()| number)
        };
        *into = match given {
            Value::List(values) if !values.is_empty() => values.iter().map(one).collect::<Result<_>>()?,
            Value::List(_) => return Err(Wrong::new(at, "is empty; give one number, or one for each")),
            number => vec![one(number)?],
        };
        Ok(())
    }

    fn write(&self, from: &Vec<f64>) -> Option<Value> {
        Some(match from.as_slice() {
            &[one] => Value::Number(one),
            all => all.iter().copied().collect(),
        })
    }

    fn shape(&self, _start: &Vec<f64>) -> Shape {
        Shape::Plain(format!("{}, or a list with one for each", self.0.takes()))
    }
}

/// Two numbers of one range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair(pub Number);

impl Form<[f64; 2]> for Pair {
    fn read(&self, at: &str, given: &Value, into: &mut [f64; 2]) -> Result<()> {
        match given {
            Value::List(values) if values.len() == into.len() => {
                into.iter_mut().zip(values).try_for_each(|(into, value)| self.0.read(at, value, into))
            }
            _ => Err(Wrong::new(at, format!("must be two numbers, such as {into:?}"))),
        }
    }

    fn write(&self, from: &[f64; 2]) -> Option<Value> {
        Some(from.iter().copied().collect())
    }

    fn shape(&self, _start: &[f64; 2]) -> Shape {
        Shape::Number(format!("two of {}", self.0.takes()))
    }
}

/// Any whole number, such as the number of an axis, which counts from the end where it is negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Whole;

impl Form<i64> for Whole {
    fn read(&self, at: &str, given: &Value, into: &mut i64) -> Result<()> {
        match given {
            Value::Integer(number) => *into = *number,
            other => return Err(Wrong::new(at, format!("is {other}; it must be a whole number"))),
        }
        Ok(())
    }

    fn write(&self, from: &i64) -> Option<Value> {
        Some(Value::Integer(*from))
    }

    fn shape(&self, _start: &i64) -> Shape {
        Shape::Plain("a whole number".into())
    }
}

/// A whole number between bounds, which are part of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Count {
    /// The smallest.
    pub least: usize,
    /// The largest.
    pub most: usize,
}

/// The largest count that is not bounded for a reason of its own: indices have 32 bits.
const MOST: usize = u32::MAX as usize;

impl Count {
    /// Of at least `least`.
    pub const fn from(least: usize) -> Self {
        Self { least, most: MOST }
    }

    /// Its value.
    fn of(self, at: &str, given: &Value) -> Result<usize> {
        let Self { least, most } = self;
        match given {
            Value::Integer(number) => usize::try_from(*number).ok().filter(|count| (least..=most).contains(count)),
            _ => None,
        }
        .ok_or_else(|| {
            let problem = format!("is {given}; it must be a whole number of at least {least} and at most {most}");
            Wrong::new(at, problem)
        })
    }

    fn takes(self) -> Shape {
        let most = if self.most == MOST { String::new() } else { format!(" and at most {}", self.most) };
        Shape::Plain(format!("a whole number of at least {}{most}", self.least))
    }
}

impl Form<usize> for Count {
    fn read(&self, at: &str, given: &Value, into: &mut usize) -> Result<()> {
        *into = self.of(at, given)?;
        Ok(())
    }

    fn write(&self, from: &usize) -> Option<Value> {
        Some(Value::from(*from))
    }

    fn shape(&self, _start: &usize) -> Shape {
        self.takes()
    }
}

/// Numbers of examples and the like, which have 32 bits.
impl Form<u32> for Count {
    fn read(&self, at: &str, given: &Value, into: &mut u32) -> Result<()> {
        let Self { least, most } = *self;
        *into = Self { least, most: most.min(MOST) }.of(at, given)? as u32;
        Ok(())
    }

    fn write(&self, from: &u32) -> Option<Value> {
        Some(Value::from(*from))
    }

    fn shape(&self, _start: &u32) -> Shape {
        self.takes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(form: Number, given: Value) -> std::result::Result<f64, String> {
        let mut number = f64::NAN;
        form.read("x", &given, &mut number).map(|()| number).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn numbers_stay_in_their_range() {
        assert_eq!(number(Number::AboveZero, Value::Integer(2)), Ok(2.0));
        assert_eq!(number(Number::NotNegative, Value::Number(0.0)), Ok(0.0));
        assert_eq!(number(Number::Any, Value::Number(-1.5)), Ok(-1.5));
        let cases = [
            (Number::AboveZero, Value::Integer(0), "x: is 0.0; it must be above 0"),
            (Number::NotNegative, Value::Number(-1e-6), "x: is -1e-6; it must not be negative"),
            (Number::BelowOne, Value::Number(1.0), "x: is 1.0; it must be at least 0 and below 1"),
            (Number::Any, Value::Number(f64::NAN), "x: is NaN; it must be finite"),
            (Number::Any, Value::from("1e400"), "x: is 1e400, which is out of a number's range"),
            (Number::Any, Value::from("0.1"), "x: must be a number, not string"),
        ];
        for (form, given, message) in cases {
            assert_eq!(number(form, given), Err(message.to_owned()));
        }
    }

    #[test]
    fn whole_numbers_may_be_negative() {
        let read = |given| {
            let mut number = 0;
            Whole.read("x", &given, &mut number).map(|()| number).map_err(|wrong| wrong.to_string())
        };
        assert_eq!(read(Value::Integer(-3)), Ok(-3));
        assert_eq!(read(Value::Number(2.0)), Err("x: is 2.0; it must be a whole number".to_owned()));
    }

    #[test]
    fn counts_stay_between_their_bounds() {
        let read = |given| {
            let mut count = 0usize;
            Count { least: 1, most: 9 }.read("x", &given, &mut count).map(|()| count).map_err(|wrong| wrong.to_string())
        };
        assert_eq!(read(Value::Integer(9)), Ok(9));
        for given in [Value::Integer(0), Value::Integer(10), Value::Integer(i64::MIN), Value::Number(2.0), "3".into()] {
            let message = format!("x: is {given}; it must be a whole number of at least 1 and at most 9");
            assert_eq!(read(given), Err(message));
        }
    }
}
