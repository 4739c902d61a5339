//! Arrays that are handed over in memory.

use crate::compute::Element;
use std::any::Any;

/// An array, with the name that its file would have, without its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, in C order.
    pub numbers: Numbers,
}

/// The numbers of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// In single precision.
    Single(Vec<f32>),
    /// In double precision.
    Double(Vec<f64>),
    /// Integers.
    Whole(Vec<i64>),
}

impl Named {
    /// An array of reals, which is not copied.
    pub fn new<E: Element>(name: &str, shape: &[usize], values: Vec<E>) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), numbers: Numbers::of(values) }
    }

    /// An array of integers.
    pub fn whole(name: &str, shape: &[usize], values: Vec<i64>) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), numbers: Numbers::Whole(values) }
    }
}

impl Numbers {
    /// Of a vector, which is not copied.
    pub fn of<E: Element>(values: Vec<E>) -> Self {
        let values: Box<dyn Any> = Box::new(values);
        match values.downcast::<Vec<f64>>() {
            Ok(double) => Self::Double(*double),
            Err(values) => Self::Single(values.downcast::<Vec<f32>>().map_or_else(|_| Vec::new(), |single| *single)),
        }
    }

    /// The numbers, widened.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Self::Single(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Self::Double(values) => values.clone(),
            Self::Whole(values) => values.iter().map(|&value| value as f64).collect(),
        }
    }
}
