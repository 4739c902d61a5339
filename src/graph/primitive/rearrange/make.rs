//! What can be made of shapes: every rearrangement by its name.

use super::{Part, Rearrange};
use crate::compute::{Axis, Side, Strided};
use crate::graph::build::elements;
use crate::graph::primitive::{Magnitude, shape::count};
use std::ops::Range;

type Made = Result<Rearrange, String>;

/// Elements from one step to the next along each axis of a shape.
fn steps(shape: &[usize]) -> Vec<usize> {
    let mut steps: Vec<usize> = shape.iter().rev().scan(1, |step, &side| Some(std::mem::replace(step, *step * side))).collect();
    steps.reverse();
    steps
}

/// The axes of an array that lies as a part of one with other sides.
fn axes(shape: &[usize], to: &[usize], from: &[usize]) -> Vec<Axis> {
    shape.iter().zip(to).zip(from).map(|((&extent, &to), &from)| Axis { extent, to, from }).collect()
}

fn side(start: usize, shape: &[usize]) -> Side {
    Side { start, width: count(shape) }
}

/// The shape that values of some shapes are broadcast to, as PyTorch and NumPy do: axes are matched from the last one on, and
/// one of length 1 stretches.
///
/// # Errors
///
/// Two shapes that do not go together, and more elements than can be counted.
pub(crate) fn broadcast_shape(shapes: &[&[usize]]) -> Result<Vec<usize>, String> {
    let agree = |a: &[usize], b: &[usize]| a.iter().rev().zip(b.iter().rev()).all(|(a, b)| a == b || *a == 1 || *b == 1);
    for (at, shape) in shapes.iter().enumerate() {
        if let Some(other) = shapes[..at].iter().find(|other| !agree(other, shape)) {
            return Err(format!(
                "the shapes {other:?} and {shape:?} differ: from the last axis on, two lengths must be equal or one of them 1"
            ));
        }
    }
    let axes = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let side = |axis: usize| shapes.iter().filter_map(|shape| shape.iter().rev().nth(axis)).copied().max().unwrap_or(1);
    let common: Vec<usize> = (0..axes).rev().map(side).collect();
    elements(&common)?;
    Ok(common)
}

/// The map from values of a shape to those of one that it is broadcast to.
fn stretched(input: &[usize], shape: &[usize]) -> Result<Strided, String> {
    let mut from = vec![0; shape.len() - input.len()];
    from.extend(steps(input).into_iter().zip(input).map(|(step, &side)| if side == 1 { 0 } else { step }));
    Strided::new(axes(shape, &steps(shape), &from), side(0, shape), side(0, input), 1.0)
}

impl Rearrange {
    /// Of one input.
    fn of(name: &'static str, shape: Vec<usize>, map: Strided) -> Self {
        let magnitude = if map.is_in_place() { Magnitude::Element } else { Magnitude::Mixed };
        Self { name, shape, constant: None, parts: vec![Part { map, added: false }], magnitude }
    }

    /// The same numbers in another shape.
    ///
    /// # Errors
    ///
    /// A shape of another number of elements.
    pub fn reshape(input: &[usize], shape: &[usize]) -> Made {
        if elements(shape)? != count(input) {
            let (have, want) = (count(input), count(shape));
            return Err(format!("the input has shape {input:?}, {have} elements; the shape {shape:?} holds {want}"));
        }
        Ok(Self::of("reshape", shape.to_vec(), Strided::whole(count(input))))
    }

    /// The same numbers along one axis.
    pub fn flat(input: &[usize]) -> Self {
        Self::of("reshape", vec![count(input)], Strided::whole(count(input)))
    }

    /// The axes in another order: `order` names the input's axes in that of the value.
    ///
    /// # Errors
    ///
    /// An order that does not name every axis once, and more axes than can be walked.
    pub fn permute(input: &[usize], order: &[usize]) -> Made {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..input.len()) {
            return Err(format!("the input has shape {input:?}; the axes {order:?} do not name each of its axes once"));
        }
        let (shape, steps_in) = (order.iter().map(|&axis| input[axis]).collect::<Vec<_>>(), steps(input));
        let from: Vec<usize> = order.iter().map(|&axis| steps_in[axis]).collect();
        let map = Strided::new(axes(&shape, &steps(&shape), &from), side(0, &shape), side(0, input), 1.0)?;
        Ok(Self::of("permute", shape, map))
    }

    /// Every `step`-th place of an axis in a range of places.
    ///
    /// # Errors
    ///
    /// No such axis, an empty range or one that leaves the axis, a step of 0, and more axes than can be walked.
    pub fn slice(input: &[usize], axis: usize, range: Range<usize>, step: usize) -> Made {
        let length = *input.get(axis).ok_or_else(|| format!("the input has shape {input:?} and no axis {axis}"))?;
        if range.is_empty() || range.end > length || step == 0 {
            let (start, stop) = (range.start, range.end);
            return Err(format!("no part of an axis of {length} lies between {start} and {stop} in steps of {step}"));
        }
        let (mut shape, mut from) = (input.to_vec(), steps(input));
        shape[axis] = range.len().div_ceil(step);
        let start = range.start * from[axis];
        // A step that leaves the axis is taken by none but an axis of one place.
        from[axis] = from[axis].saturating_mul(step);
        let map = Strided::new(axes(&shape, &steps(&shape), &from), side(0, &shape), side(start, input), 1.0)?;
        Ok(Self::of("slice", shape, map))
    }

    /// Values side by side along an axis.
    ///
    /// # Errors
    ///
    /// Shapes that differ in another axis, more elements than can be counted, more axes than can be walked.
    pub fn concat(inputs: &[&[usize]], axis: usize) -> Made {
        let first = *inputs.first().ok_or("concat needs values to put side by side")?;
        if axis >= first.len() {
            return Err(format!("the first input has shape {first:?} and no axis {axis}"));
        }
        let others = |shape: &[usize]| [&shape[..axis], &shape[axis + 1..]].concat();
        if let Some(other) = inputs.iter().find(|other| other.len() != first.len() || others(other) != others(first)) {
            return Err(format!("the shapes {first:?} and {other:?} differ in more than axis {axis}, along which they join"));
        }
        let mut shape = first.to_vec();
        shape[axis] = inputs.iter().try_fold(0usize, |sum, input| sum.checked_add(input[axis])).unwrap_or(usize::MAX);
        elements(&shape)?;
        let to = steps(&shape);
        let mut start = 0;
        let part = |input: &&[usize]| {
            let place = side(start * to[axis], &shape);
            start += input[axis];
            let map = Strided::new(axes(input, &to, &steps(input)), place, side(0, input), 1.0)?;
            Ok(Part { map, added: false })
        };
        let parts = inputs.iter().map(part).collect::<Result<_, String>>()?;
        Ok(Self { name: "concat", shape, constant: None, parts, magnitude: Magnitude::Mixed })
    }

    /// So many places before and after each axis, that hold `value`; a negative number takes places away.
    ///
    /// # Errors
    ///
    /// Another number of pairs than of axes, an axis of which nothing stays, and more elements or axes than can be counted.
    pub fn pad(input: &[usize], around: &[(i64, i64)], value: f64) -> Made {
        if around.len() != input.len() {
            return Err(format!("the input has shape {input:?}; there are {} pairs of paddings", around.len()));
        }
        let (mut shape, mut kept) = (Vec::new(), Vec::new());
        let (mut to_start, mut from_start) = (0, 0);
        for (&length, &(before, after)) in input.iter().zip(around) {
            let taken = |by: i64| usize::try_from(by.saturating_neg()).unwrap_or(0);
            let added = |by: i64| usize::try_from(by).unwrap_or(0);
            let stays = length.checked_sub(taken(before).saturating_add(taken(after))).filter(|&stays| stays > 0);
            let stays = stays.ok_or_else(|| {
                format!("an axis of {length} has nothing left with the padding {before} before it and {after} after it")
            })?;
            shape.push(stays.saturating_add(added(before)).saturating_add(added(after)));
            kept.push((stays, added(before), taken(before)));
        }
        elements(&shape)?;
        let (to, from) = (steps(&shape), steps(input));
        for ((&(_, added, taken), to), from) in kept.iter().zip(&to).zip(&from) {
            to_start += added * to;
            from_start += taken * from;
        }
        let stays: Vec<usize> = kept.iter().map(|&(stays, ..)| stays).collect();
        let map = Strided::new(axes(&stays, &to, &from), side(to_start, &shape), side(from_start, input), 1.0)?;
        let constant = (!map.covers()).then_some(value);
        Ok(Self { constant, ..Self::of("pad", shape, map) })
    }

    /// Stretched to a shape: axes are matched from the last one on, and one of length 1 is repeated.
    ///
    /// # Errors
    ///
    /// A shape that the input does not stretch to; more axes than can be walked.
    pub fn broadcast(input: &[usize], shape: &[usize]) -> Made {
        if broadcast_shape(&[input, shape])? != shape {
            return Err(format!("the input has shape {input:?}, which does not stretch to {shape:?}"));
        }
        Ok(Self::of("broadcast", shape.to_vec(), stretched(input, shape)?))
    }

    /// The sum of values, broadcast to one shape.
    ///
    /// # Errors
    ///
    /// Shapes that do not go together; more axes than can be walked.
    pub fn add(inputs: &[&[usize]]) -> Made {
        let shape = broadcast_shape(inputs)?;
        let part = |(number, input): (usize, &&[usize])| Ok(Part { map: stretched(input, &shape)?, added: number > 0 });
        let parts = inputs.iter().enumerate().map(part).collect::<Result<_, String>>()?;
        Ok(Self { name: "add", shape, constant: None, parts, magnitude: Magnitude::Mixed })
    }

    /// The sum over some axes, which fall away or stay with length 1.
    ///
    /// # Errors
    ///
    /// An axis that is not there or named twice; more axes than can be walked.
    pub fn sum(input: &[usize], summed: &[usize], keep: bool) -> Made {
        let mut sorted = summed.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != summed.len() || sorted.last().is_some_and(|&last| last >= input.len()) {
            return Err(format!("the input has shape {input:?}; {summed:?} are not axes of it, each named once"));
        }
        let stays: Vec<usize> = input.iter().enumerate().map(|(at, &side)| if summed.contains(&at) { 1 } else { side }).collect();
        let to: Vec<usize> =
            steps(&stays).into_iter().enumerate().map(|(at, step)| if summed.contains(&at) { 0 } else { step }).collect();
        let map = Strided::new(axes(input, &to, &steps(input)), side(0, &stays), side(0, input), 1.0)?;
        let shape = if keep {
            stays
        } else {
            input.iter().enumerate().filter(|(at, _)| !summed.contains(at)).map(|(_, &side)| side).collect()
        };
        Ok(Self::of("sum", shape, map))
    }

    /// The mean over some axes, which fall away or stay with length 1.
    ///
    /// # Errors
    ///
    /// As [`sum`](Self::sum).
    pub fn mean(input: &[usize], axes: &[usize], keep: bool) -> Made {
        let sum = Self::sum(input, axes, keep)?;
        let terms: usize = axes.iter().map(|&axis| input[axis]).product();
        Ok(sum.times("mean", 1.0 / terms as f64))
    }

    /// Each place of the axes after the first, channels, as many times as the axis's factor says.
    ///
    /// # Errors
    ///
    /// No such axes, another number of factors, a factor of 0, more elements or axes than can be counted.
    pub fn upsample(input: &[usize], factors: &[usize]) -> Made {
        if input.len() < 2 || factors.len() + 1 != input.len() {
            return Err(format!(
                "the input has shape {input:?}, channels and then the axes to stretch; there are {} factors",
                factors.len()
            ));
        }
        if factors.contains(&0) {
            return Err(format!("the factors {factors:?} must be at least 1"));
        }
        let stretch = |(&side, &factor): (&usize, &usize)| side.saturating_mul(factor);
        let shape: Vec<usize> = input.iter().zip(std::iter::once(&1).chain(factors)).map(stretch).collect();
        elements(&shape)?;
        let (to, from) = (steps(&shape), steps(input));
        let mut walk = vec![Axis { extent: input[0], to: to[0], from: from[0] }];
        for (at, &factor) in (1..).zip(factors) {
            walk.push(Axis { extent: input[at], to: to[at] * factor, from: from[at] });
            walk.push(Axis { extent: factor, to: to[at], from: 0 });
        }
        let map = Strided::new(walk, side(0, &shape), side(0, input), 1.0)?;
        Ok(Self { magnitude: Magnitude::Channel, ..Self::of("upsample", shape, map) })
    }

    /// Times a number.
    pub fn scale(input: &[usize], by: f64) -> Self {
        Self::of("scale", input.to_vec(), Strided::whole(count(input))).times("scale", by)
    }

    /// Plus a number.
    pub fn offset(input: &[usize], by: f64) -> Self {
        let parts = vec![Part { map: Strided::whole(count(input)), added: true }];
        Self { constant: Some(by), parts, ..Self::of("offset", input.to_vec(), Strided::whole(count(input))) }
    }

    /// The same, times a number, under another name.
    fn times(self, name: &'static str, factor: f64) -> Self {
        let parts = self.parts.into_iter().map(|part| Part { map: part.map.times(factor), ..part }).collect();
        Self { name, parts, ..self }
    }
}
