//! Where the batch goes when a value gets another shape.

use super::Refused;
use super::constant::Number;
use super::value::{Batch, Flow};

/// The size of the batch in a file: open, or a number that shapes have written in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Open,
    Fixed(usize),
}

/// The shape of a value whose sides are asked to be others, and where its batch is then: `0` stays as it is if `copies`, and
/// `-1` is what is left.
pub(super) fn reshape(
    flow: &Flow,
    sides: &[Number],
    copies: bool,
    size: Size,
) -> Result<(Vec<usize>, Option<Batch>), Refused> {
    let refused = |why: &str| {
        let text: Vec<String> = sides.iter().map(|side| side_text(*side)).collect();
        Refused::from(format!("gives a value of shape {} the shape [{}], {why}", shape_text(flow), text.join(", ")))
    };
    let fixed = if let Size::Fixed(size) = size { size } else { 1 };
    let Some(batch) = flow.batch else {
        let side = |(axis, side): (usize, &Number)| side.known().map(|side| copied(flow, axis, side, copies, 1));
        let sides = sides.iter().enumerate().map(side).collect::<Result<Vec<_>, _>>()?;
        let shape = filled(&sides, flow.shape.iter().product())
            .ok_or_else(|| refused("which does not hold as many elements"))?;
        return Ok((shape, None));
    };
    let total: usize = flow.shape.iter().product();
    let before = flow.shape[..batch.axis].iter().product::<usize>() * batch.before;
    // Of an open batch, a side says that it holds it, and the others are numbers.
    let multiples: Vec<usize> = (0..sides.len()).filter(|&axis| sides[axis].batches != 0.0).collect();
    let zeros = |axis: usize| copies && sides[axis].fixed == 0.0 && sides[axis].batches == 0.0;
    let zero_batch = (0..sides.len()).find(|&axis| zeros(axis) && batch.axis == axis);
    match (multiples.as_slice(), size) {
        (&[axis], _) => {
            if sides[axis].fixed != 0.0 {
                return Err(refused("of which one is no multiple of the batch"));
            }
            let known: Vec<f64> = (0..sides.len())
                .map(|at| if at == axis { sides[at].batches } else { copied(flow, at, sides[at].fixed, copies, 1) })
                .collect();
            let shape = filled(&known, total).ok_or_else(|| refused("which does not hold as many elements"))?;
            place(&shape, axis, before).map(|batch| (shape, Some(batch))).ok_or_else(|| refused(MIXES))
        }
        (&[], size) => {
            let known: Vec<f64> = (0..sides.len()).map(|at| copied(flow, at, sides[at].fixed, copies, fixed)).collect();
            let open = zero_batch.or_else(|| known.iter().position(|&side| side == -1.0));
            let (whole, candidates) = match (size, open) {
                (Size::Open, Some(axis)) => (filled(&known, total), vec![axis]),
                (Size::Open, None) => return Err(refused("in which the batch is not; write it as -1")),
                (Size::Fixed(_), _) => {
                    let whole = total.checked_mul(fixed).and_then(|total| filled(&known, total));
                    let all = whole.as_deref().map_or(Vec::new(), |shape| candidates(shape, fixed, zero_batch, flow));
                    (whole, all)
                }
            };
            let whole = whole.ok_or_else(|| refused("which does not hold as many elements"))?;
            for axis in candidates {
                let mut shape = whole.clone();
                if size != Size::Open {
                    shape[axis] /= fixed;
                }
                if let Some(batch) = place(&shape, axis, before) {
                    return Ok((shape, Some(batch)));
                }
            }
            Err(refused(MIXES))
        }
        _ => Err(refused("of which several are multiples of the batch")),
    }
}

const MIXES: &str = "which mixes examples; export with the batch as the first axis, of an open size (dynamic_shapes)";

/// The axes that may hold a batch of a size, the likeliest first: where it was, then one of just its size, then others.
fn candidates(shape: &[usize], size: usize, was: Option<usize>, flow: &Flow) -> Vec<usize> {
    let alone = flow.alone();
    let rank = |axis: usize| (was != Some(axis), shape[axis] != size, alone != Some(axis), axis);
    let mut axes: Vec<usize> = (0..shape.len()).filter(|&axis| shape[axis].is_multiple_of(size)).collect();
    axes.sort_by_key(|&axis| rank(axis));
    axes
}

/// The batch in an axis of a shape, so that as many elements come before it as did.
fn place(shape: &[usize], axis: usize, before: usize) -> Option<Batch> {
    let outer: usize = shape[..axis].iter().product();
    let inside = before.checked_div(outer)?;
    (inside * outer == before && inside > 0 && shape[axis].is_multiple_of(inside))
        .then_some(Batch { axis, before: inside })
}

/// A side, or the one that it stands for.
fn copied(flow: &Flow, axis: usize, side: f64, copies: bool, size: usize) -> f64 {
    match flow.shape.get(axis) {
        Some(&own) if copies && side == 0.0 => (if flow.is_batch(axis) { own * size } else { own }) as f64,
        _ => side,
    }
}

/// Sides of which one may be -1, for so many elements.
fn filled(sides: &[f64], total: usize) -> Option<Vec<usize>> {
    let mut known = 1usize;
    for &side in sides.iter().filter(|&&side| side != -1.0) {
        if side < 1.0 {
            return None;
        }
        known = known.checked_mul(side as usize)?;
    }
    let left = total.is_multiple_of(known).then(|| total / known)?;
    let open = sides.iter().filter(|&&side| side == -1.0).count();
    let fits = open == 1 || (open == 0 && left == 1);
    fits.then(|| sides.iter().map(|&side| if side == -1.0 { left } else { side as usize }).collect())
}

/// A side for people.
pub(super) fn side_text(side: Number) -> String {
    match (side.fixed, side.batches) {
        (fixed, 0.0) => fixed.to_string(),
        (0.0, 1.0) => "batch".into(),
        (0.0, batches) => format!("{batches} batch"),
        (fixed, batches) => format!("{batches} batch + {fixed}"),
    }
}

/// A shape for people.
pub(super) fn shape_text(flow: &Flow) -> String {
    let side = |(axis, &side): (usize, &usize)| match (flow.is_batch(axis), side) {
        (true, 1) => "batch".to_owned(),
        (true, side) => format!("{side} batch"),
        (false, side) => side.to_string(),
    };
    format!("[{}]", flow.shape.iter().enumerate().map(side).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::value::Place;
    use super::*;

    fn flow(shape: &[usize], axis: usize, before: usize) -> Flow {
        Flow { place: Place::Input(0), shape: shape.to_vec(), batch: Some(Batch { axis, before }), whole: false }
    }

    fn of(flow: &Flow, sides: &[f64], size: Size) -> Option<(Vec<usize>, usize, usize)> {
        let sides: Vec<Number> = sides
            .iter()
            // Numbers from 1000 on are multiples of an open batch.
            .map(|&side| if side >= 1000.0 { Number { fixed: 0.0, batches: side - 999.0 } } else { side.into() })
            .collect();
        let (shape, batch) = reshape(flow, &sides, true, size).ok()?;
        batch.map(|batch| (shape, batch.axis, batch.before))
    }

    const B: f64 = 1000.0;

    #[test]
    fn an_open_batch_is_where_its_multiple_is() {
        let images = flow(&[1, 3, 4], 0, 1);
        assert_eq!(of(&images, &[B, 12.0], Size::Open), Some((vec![1, 12], 0, 1)));
        assert_eq!(of(&images, &[-1.0, 12.0], Size::Open), Some((vec![1, 12], 0, 1)));
        assert_eq!(of(&images, &[0.0, -1.0], Size::Open), Some((vec![1, 12], 0, 1)));
        assert_eq!(of(&images, &[B + 2.0, 4.0], Size::Open), Some((vec![3, 4], 0, 1)));
        // [T, B, h d] as [T, B h, d], its heads apart from there.
        let heads = flow(&[5, 1, 6], 1, 1);
        assert_eq!(of(&heads, &[5.0, B + 1.0, 3.0], Size::Open), Some((vec![5, 2, 3], 1, 1)));
        // The batch after others in one axis, and back.
        assert_eq!(of(&heads, &[B + 4.0, 6.0], Size::Open), Some((vec![5, 6], 0, 5)));
        assert_eq!(of(&flow(&[5, 6], 0, 5), &[5.0, B, 6.0], Size::Open), Some((vec![5, 1, 6], 1, 1)));
        assert_eq!(of(&images, &[3.0, B, 4.0], Size::Open), None);
        assert_eq!(of(&images, &[3.0, 4.0], Size::Open), None);
    }

    #[test]
    fn a_fixed_batch_is_found_by_its_place() {
        let one = flow(&[1, 3, 4], 0, 1);
        assert_eq!(of(&one, &[1.0, -1.0], Size::Fixed(1)), Some((vec![1, 12], 0, 1)));
        assert_eq!(of(&one, &[-1.0, 4.0], Size::Fixed(1)), Some((vec![3, 4], 0, 1)));
        let two = flow(&[1, 2, 2], 0, 1);
        assert_eq!(of(&two, &[2.0, 2.0, 2.0], Size::Fixed(2)), Some((vec![1, 2, 2], 0, 1)));
        assert_eq!(of(&two, &[4.0, 2.0], Size::Fixed(2)), Some((vec![2, 2], 0, 1)));
        assert_eq!(of(&flow(&[2, 1, 3], 1, 1), &[2.0, 2.0, 3.0], Size::Fixed(2)), Some((vec![2, 1, 3], 1, 1)));
        assert_eq!(of(&two, &[8.0], Size::Fixed(2)), Some((vec![4], 0, 1)));
    }
}
