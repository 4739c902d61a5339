//! The outputs that a recorded model had, from a file.

use crate::error::Error;
use crate::formats::{Array, TextLayout, read_with};
use crate::run::inputs::finite;
use crate::run::rows::is_same;

/// Reads outputs `[n, C]` of so many queries; `shape` is that of a network's outputs of one.
///
/// # Errors
///
/// A file that cannot be read, or whose array has another shape: both shapes.
pub fn read_outputs(path: &str, layout: &TextLayout, queries: usize, shape: &[usize]) -> Result<Vec<f64>, Error> {
    let array = read_with(path, layout)?;
    finite(path, &array)?;
    let fits = match array.shape.as_slice() {
        [count, rest @ ..] => *count == queries && (is_same(rest, shape) || *rest == [shape.iter().product::<usize>()]),
        [] => false,
    };
    if fits { Ok(array.to_f64()) } else { Err(misshapen(path, &array, queries, shape)) }
}

fn misshapen(path: &str, array: &Array, queries: usize, shape: &[usize]) -> Error {
    let needed: Vec<usize> = std::iter::once(queries).chain(shape.iter().copied()).collect();
    let classes = array.is_integer() && array.shape == [queries];
    let advice =
        if classes { "; it holds the classes that were predicted: save what they were taken from" } else { "" };
    Error::Input(format!("{path}: has shape {:?}, and the outputs of the queries have {needed:?}{advice}", array.shape))
}
