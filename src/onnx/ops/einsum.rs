//! Sums of products by letters, of two values: as one product of matrices.

use super::products::{linear, matrices};
use super::{Inputs, given, shapes};
use crate::onnx::Refused;
use crate::onnx::batch;
use crate::onnx::constant::Number;
use crate::onnx::proto::Node;
use crate::onnx::translate::Translation;
use crate::onnx::value::{Flow, Value, Weight};
use std::collections::BTreeMap;

/// The letters of a product, by where they are.
struct Letters {
    /// In both values and the result.
    both: String,
    /// In the result and one of the values.
    left: String,
    right: String,
    /// In both values alone: summed over.
    inner: String,
}

pub(super) fn output<'a>(work: &mut Translation<'a>, node: &'a Node<'a>, inputs: Inputs<'_>) -> Result<Flow, Refused> {
    let equation: String =
        node.text("equation").unwrap_or_default().chars().filter(|letter| !letter.is_whitespace()).collect();
    let wrong = || {
        Refused::from(format!(
            "sums by {equation:?}; products of two values, whose letters all are in the result or in both, are known"
        ))
    };
    let (of_values, result) = equation.split_once("->").ok_or_else(wrong)?;
    let (a, b) = of_values.split_once(',').ok_or_else(wrong)?;
    let (mut left, mut right) = ((a, given(inputs, 0)?), (b, given(inputs, 1)?));
    if matches!(right.1, Value::Flow(flow) if flow.batch.is_some())
        && !matches!(left.1, Value::Flow(flow) if flow.batch.is_some())
    {
        std::mem::swap(&mut left, &mut right);
    }
    let letters = letters(left.0, right.0, result).ok_or_else(wrong)?;
    let value = work.flow(left.1)?;
    let mut sides: BTreeMap<char, Number> = BTreeMap::new();
    note_sides(work, left.0, &value, &mut sides).ok_or_else(wrong)?;
    let order = [&letters.both[..], &letters.left, &letters.inner].concat();
    let value = ordered(work, &value, left.0, &order)?;
    if let Some(weight) = work.own(right.1).and_then(|weight| matrix(&weight, right.0, &letters)) {
        for (letter, side) in right.0.chars().zip(shape_of(right.1)) {
            sides.entry(letter).or_insert(Number::from(side as f64));
        }
        let value = merged(
            work,
            &value,
            &[&singles(&letters.left)[..], std::slice::from_ref(&letters.inner)].concat(),
            &sides,
        )?;
        let product = linear(work, &value, weight, None)?;
        return placed(work, &product, &letters, result, &sides);
    }
    let other = work.flow(right.1)?;
    note_sides(work, right.0, &other, &mut sides).ok_or_else(wrong)?;
    let other = ordered(work, &other, right.0, &[&letters.both[..], &letters.inner, &letters.right].concat())?;
    let rows = [&singles(&letters.both)[..], &[letters.left.clone(), letters.inner.clone()]].concat();
    let columns = [&singles(&letters.both)[..], &[letters.inner.clone(), letters.right.clone()]].concat();
    let (value, other) = (merged(work, &value, &rows, &sides)?, merged(work, &other, &columns, &sides)?);
    let product = matrices(work, &value, &other)?;
    placed(work, &product, &letters, result, &sides)
}

fn letters(a: &str, b: &str, result: &str) -> Option<Letters> {
    let distinct = |text: &str| {
        text.chars()
            .enumerate()
            .all(|(at, letter)| letter.is_alphabetic() && !text.chars().take(at).any(|other| other == letter))
    };
    let known = result.chars().all(|letter| a.contains(letter) || b.contains(letter));
    let kept = |letter: char| (a.contains(letter) && b.contains(letter)) || result.contains(letter);
    let all_kept = a.chars().chain(b.chars()).all(kept);
    if ![a, b, result].iter().all(|text| distinct(text)) || !known || !all_kept {
        return None;
    }
    let of = |in_a: bool, in_b: bool, from: &str| {
        from.chars().filter(|&letter| a.contains(letter) == in_a && b.contains(letter) == in_b).collect::<String>()
    };
    let inner = a.chars().filter(|&letter| b.contains(letter) && !result.contains(letter)).collect();
    Some(Letters { both: of(true, true, result), left: of(true, false, result), right: of(false, true, result), inner })
}

fn shape_of(value: &Value) -> Vec<usize> {
    if let Value::Weight(weight) = value { weight.shape.clone() } else { Vec::new() }
}

fn note_sides(work: &Translation<'_>, letters: &str, flow: &Flow, sides: &mut BTreeMap<char, Number>) -> Option<()> {
    if letters.chars().count() != flow.axes() {
        return None;
    }
    for (axis, letter) in letters.chars().enumerate() {
        let side = work.side(flow, axis);
        if *sides.entry(letter).or_insert(side) != side {
            return None;
        }
    }
    Some(())
}

fn singles(letters: &str) -> Vec<String> {
    letters.chars().map(String::from).collect()
}

fn ordered(work: &mut Translation<'_>, flow: &Flow, letters: &str, order: &str) -> Result<Flow, Refused> {
    let axes: Vec<usize> = order.chars().filter_map(|letter| letters.chars().position(|own| own == letter)).collect();
    shapes::permuted(work, flow, &axes)
}

/// A value with an axis for each group of letters.
fn merged(
    work: &mut Translation<'_>,
    flow: &Flow,
    groups: &[String],
    sides: &BTreeMap<char, Number>,
) -> Result<Flow, Refused> {
    let product = |letters: &String| {
        letters.chars().filter_map(|letter| sides.get(&letter)).fold(Number::from(1.0), |product, side| {
            match side.batches {
                0.0 => product.map(|part| part * side.fixed),
                _ => side.map(|part| part * product.fixed),
            }
        })
    };
    let wanted: Vec<Number> = groups.iter().map(product).collect();
    let (shape, batch) = batch::reshape(flow, &wanted, false, work.size)?;
    work.reshaped(flow, &shape, batch)
}

/// A product with the axes of the result in their order.
fn placed(
    work: &mut Translation<'_>,
    product: &Flow,
    letters: &Letters,
    result: &str,
    sides: &BTreeMap<char, Number>,
) -> Result<Flow, Refused> {
    let order = [&letters.both[..], &letters.left, &letters.right].concat();
    let apart = merged(work, product, &singles(&order), sides)?;
    ordered(work, &apart, &order, result)
}

/// A weight as a linear layer's `[out, in]`, where its axes lie so.
fn matrix(weight: &Weight, own: &str, letters: &Letters) -> Option<Weight> {
    let Letters { both, right, inner, .. } = letters;
    if !both.is_empty() || own.chars().count() != weight.shape.len() {
        return None;
    }
    let count = |letters: &str| -> usize {
        own.chars().zip(&weight.shape).filter(|(letter, _)| letters.contains(*letter)).map(|(_, side)| side).product()
    };
    if *own == [&right[..], inner].concat() {
        return Some(weight.reshaped(&[count(right), count(inner)]));
    }
    if *own == [&inner[..], right].concat() { weight.transposed() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_told_apart() {
        let of = |a, b, result| {
            letters(a, b, result).map(|letters| [letters.both, letters.left, letters.right, letters.inner])
        };
        assert_eq!(of("bsd", "df", "bsf"), Some(["", "bs", "f", "d"].map(String::from)));
        assert_eq!(of("bihp", "bhq", "bqip"), Some(["b", "ip", "q", "h"].map(String::from)));
        for (a, b, result) in [("ii", "ij", "j"), ("ij", "jk", "kl"), ("ijs", "jk", "ik"), ("i...", "ij", "j")] {
            assert!(of(a, b, result).is_none(), "{a},{b}->{result}");
        }
    }
}
