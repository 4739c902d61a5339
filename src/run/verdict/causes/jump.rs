//! One checkpoint that does not belong where it stands, or was changed.

use super::evidence::Steps;
use super::{Case, names};
use crate::error::Error;

/// What one jump holds of all that is unexplained.
const MOST: f64 = 0.8;
/// How much less unexplained, relative to its length, a usual step is than a jump.
const LESS: f64 = 0.1;
/// Steps without which none is usual.
const FEW: usize = 4;

/// A step, or two about one checkpoint, that is not explained while others are.
pub(super) fn jump(case: &Case<'_>, steps: Steps<'_>) -> Result<Option<String>, Error> {
    let sizes = &case.course.sizes;
    if sizes.len() < FEW {
        return Ok(None);
    }
    let all: f64 = sizes.iter().map(|sizes| sizes.rest).sum();
    let top = (0..sizes.len()).max_by(|&a, &b| sizes[a].rest.total_cmp(&sizes[b].rest)).unwrap_or(0);
    let beside = [top.checked_sub(1), Some(top + 1)].into_iter().flatten().filter(|&step| step < sizes.len());
    let beside = beside.max_by(|&a, &b| sizes[a].rest.total_cmp(&sizes[b].rest));
    let (first, last) = match beside.filter(|&step| sizes[step].rest > LESS * sizes[top].rest) {
        Some(step) => (top.min(step), top.max(step)),
        None => (top, top),
    };
    let held: f64 = sizes[first..=last].iter().map(|sizes| sizes.rest).sum();
    let share = |step: usize| (sizes[step].rest / sizes[step].change).sqrt();
    let mut usual: Vec<f64> = (0..sizes.len()).filter(|step| !(first..=last).contains(step)).map(share).collect();
    usual.sort_by(f64::total_cmp);
    if held < MOST * all || usual[usual.len() / 2] > LESS * share(top) {
        return Ok(None);
    }
    let file = |point: usize| (case.path.file)(point);
    let inner = if last > first {
        Some(last)
    } else if first == 0 {
        Some(0)
    } else {
        (first + 1 == sizes.len()).then_some(sizes.len())
    };
    let tensor = tensor(case, steps, first)?.map_or(String::new(), |name| format!(" (in {name})"));
    let of = format!("the step from {} to {} is not explained{tensor}", file(first), file(first + 1));
    Ok(Some(match inner {
        Some(point) => format!(
            "{}, and the others are: {} does not belong where it stands (checkpoints go by the numbers in their names), or was \
             changed",
            if last > first { format!("{of}, nor the next one") } else { of },
            file(point)
        ),
        None => {
            format!("{of}, and the others are: checkpoints are missing between them, or the weights were changed there")
        }
    }))
}

/// The tensor that holds nearly all of what is unexplained of a step, where there are several.
fn tensor(case: &Case<'_>, steps: Steps<'_>, number: usize) -> Result<Option<String>, Error> {
    let rows = steps.rows(number)?;
    let rests: Vec<f64> = case.tensors.iter().map(|place| rows.sizes(&place.range).rest).collect();
    let all: f64 = rests.iter().sum();
    let found = rests.iter().position(|rest| *rest > 0.95 * all).filter(|_| rests.len() > 1);
    Ok(found.map(|tensor| names::list(std::iter::once(case.tensors[tensor].name.as_str()))))
}
