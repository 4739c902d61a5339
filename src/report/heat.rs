//! The kernel as a heat map, queries and examples sorted by class.

use super::chart::number;
use super::contents::Contents;
use super::picture::{colour, heat_map};
use crate::error::Error;
use crate::run::store::PairArray;
use maud::{Markup, html};

/// Rows and columns at the most; of more, evenly spread ones are shown.
const SIDE: usize = 240;
/// Width of the map, and the least room for labels.
const MAP: f64 = 560.0;
const ROOM: f64 = 34.0;
/// Width of a letter.
const LETTER: f64 = 6.5;
/// Letters of the longest label at the left.
const LETTERS: usize = 14;

/// The heat map of a run's kernel: for each pair the mean over equal outputs. Where a query has one value, that of the
/// example's own class, or without classes the mean over the example's outputs. `None` where there is nothing to show.
///
/// # Errors
///
/// A kernel that cannot be read.
pub(super) fn heat(contents: &Contents, kernel: &PairArray) -> Result<Option<Markup>, Error> {
    let rows = sorted(contents.queries, contents.query_classes());
    let columns = sorted(contents.examples, contents.example_classes());
    // The equal outputs of a full kernel lie C + 1 apart.
    let (step, outputs) = match *kernel.shape() {
        [_, _, values, outputs] if values == outputs => (outputs + 1, outputs),
        _ => (1, kernel.entry()),
    };
    let classes = contents.example_classes().filter(|_| contents.values == 1 && kernel.shape().len() == 4);
    let mut values = vec![0.0; rows.len() * columns.len()];
    kernel.pairs(&rows, &columns, &mut |row, column, pair| {
        values[row * columns.len() + column] = match classes {
            Some(classes) => pair.get(classes[columns[column]] as usize).copied().unwrap_or_default(),
            None => pair.iter().step_by(step).sum::<f64>() / outputs as f64,
        };
    })?;
    let (white, full) = range(&values);
    let shades: Vec<f64> = values.iter().map(|value| (value - white) / (full - white)).collect();
    let Some(picture) = heat_map(&shades, columns.len()) else { return Ok(None) };
    let height = (MAP * rows.len() as f64 / columns.len() as f64).clamp(0.25 * MAP, MAP);
    let mut across = marks(&columns, contents.example_classes(), MAP);
    let mut down = marks(&rows, contents.query_classes(), height);
    let narrowest = across.iter().fold(MAP, |least, mark| least.min(2.0 * (mark.middle - mark.start)));
    name(&mut across, contents, (narrowest / LETTER) as usize);
    name(&mut down, contents, LETTERS);
    let longest = down.iter().map(|mark| mark.label.chars().count()).max().unwrap_or(0);
    let left = ROOM.max(24.0 + LETTER * longest as f64);

    // Below white there is nothing to show where no value is negative.
    let darkest = if white == 0.0 { -1.0 } else { 0.0 };
    let legend = (0..=40).map(|place| darkest + (1.0 - darkest) * f64::from(place) / 40.0);
    let ends = [white + darkest * (full - white), white + (1.0 + darkest) / 2.0 * (full - white), full];
    Ok(Some(html! {
        svg class="heat" viewBox=(format!("0 0 {} {}", MAP + left + 4.0, height + ROOM + 62.0)) role="img" {
            image href=(picture) x=(left) y=(ROOM) width=(MAP) height=(height) preserveAspectRatio="none" {}
            rect x=(left) y=(ROOM) width=(MAP) height=(height) class="frame" {}
            @for mark in &across {
                @if mark.start > 0.0 { line x1=(left + mark.start) x2=(left + mark.start) y1=(ROOM - 4.0) y2=(ROOM) class="tick" {} }
                text x=(left + mark.middle) y=(ROOM - 7.0) class="across" { (mark.label) }
            }
            @for mark in &down {
                @if mark.start > 0.0 { line x1=(left - 4.0) x2=(left) y1=(ROOM + mark.start) y2=(ROOM + mark.start) class="tick" {} }
                text x=(left - 8.0) y=(ROOM + mark.middle + 4.0) class="up" { (mark.label) }
            }
            text x=(left + MAP / 2.0) y="12" class="across name" { "training examples" @if !across.is_empty() { ", by class" } }
            text transform=(format!("translate(10 {}) rotate(-90)", ROOM + height / 2.0)) class="across name" {
                "queries" @if !down.is_empty() { ", by class" }
            }
            @for (place, part) in legend.enumerate() {
                rect x=(left + 6.0 * place as f64) y=(ROOM + height + 18.0) width="6.3" height="12" fill=(rgb(colour(part))) {}
            }
            text x=(left) y=(ROOM + height + 46.0) class="left" { (number(ends[0])) }
            text x=(left + 123.0) y=(ROOM + height + 46.0) class="across" { (number(ends[1])) }
            text x=(left + 246.0) y=(ROOM + height + 46.0) class="up" { (number(ends[2])) }
        }
    }))
}

/// The values that are white and of full colour: 0 and the size of the largest, or, where no value is negative, the
/// smallest and the largest. A hundredth at each end is left out, so that a few shall not make the rest pale.
fn range(values: &[f64]) -> (f64, f64) {
    let mut order: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    order.sort_by(f64::total_cmp);
    let at = |hundredth: usize| order.get(order.len().saturating_sub(1) * hundredth / 100).copied().unwrap_or(0.0);
    let negative = order.first().is_some_and(|&least| least < 0.0);
    let (white, full) = if negative { (0.0, at(99).abs().max(at(1).abs())) } else { (at(1), at(99)) };
    (white, if full > white { full } else { white + 1.0 })
}

fn rgb([red, green, blue]: [u8; 3]) -> String {
    format!("rgb({red},{green},{blue})")
}

/// At most [`SIDE`] numbers below `count`, by class where there are classes.
fn sorted(count: usize, classes: Option<&[u32]>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    if let Some(classes) = classes {
        order.sort_by_key(|&place| classes[place]);
    }
    let shown = count.min(SIDE);
    (0..shown).map(|place| order[place * count / shown]).collect()
}

/// A class along an axis.
struct Mark {
    class: u32,
    label: String,
    start: f64,
    middle: f64,
}

fn marks(order: &[usize], classes: Option<&[u32]>, length: f64) -> Vec<Mark> {
    let Some(classes) = classes else {
        return Vec::new();
    };
    let scale = length / order.len() as f64;
    let mut place = 0;
    let mut found = Vec::new();
    for run in order.chunk_by(|a, b| classes[*a] == classes[*b]) {
        let middle = (place as f64 + run.len() as f64 / 2.0) * scale;
        let class = classes[run[0]];
        found.push(Mark { class, label: class.to_string(), start: place as f64 * scale, middle });
        place += run.len();
    }
    // Labels of very many classes would lie on each other.
    if found.len() as f64 * 9.0 > length { Vec::new() } else { found }
}

/// Labels marks with the names of their classes, where none of these is longer than so many letters.
fn name(marks: &mut [Mark], contents: &Contents, letters: usize) {
    let names: Vec<String> = marks.iter().map(|mark| contents.class(mark.class)).collect();
    if names.iter().all(|name| name.chars().count() <= letters) {
        marks.iter_mut().zip(names).for_each(|(mark, name)| mark.label = name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_by_class_and_thinned() {
        assert_eq!(sorted(4, Some(&[2, 0, 1, 0])), [1, 3, 2, 0]);
        assert_eq!(sorted(3, None), [0, 1, 2]);
        assert_eq!(sorted(1000, None).len(), SIDE);
    }

    #[test]
    fn colours_span_the_values() {
        assert_eq!(range(&[3.0, 5.0, 4.0]), (3.0, 4.0));
        assert_eq!(range(&[-8.0, 2.0, 4.0]), (0.0, 8.0));
        assert_eq!(range(&[0.0, 0.0]), (0.0, 1.0));
        assert_eq!(range(&[]), (0.0, 1.0));
    }

    #[test]
    fn classes_are_marked_where_they_lie() {
        let found = marks(&[1, 3, 2, 0], Some(&[2, 0, 1, 0]), 100.0);
        let places: Vec<(u32, f64, f64)> = found.iter().map(|mark| (mark.class, mark.start, mark.middle)).collect();
        assert_eq!(places, [(0, 0.0, 25.0), (1, 50.0, 62.5), (2, 75.0, 87.5)]);
    }
}
