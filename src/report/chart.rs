//! Charts as SVG in the page itself.

use maud::{Markup, html};

const WIDTH: f64 = 430.0;
const HEIGHT: f64 = 250.0;
/// Room for the axes: left, right, top, bottom.
const ROOM: [f64; 4] = [58.0, 14.0, 10.0, 42.0];

/// How values are placed on an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    Linear,
    Logarithmic,
}

/// A chart's words and scale.
pub(super) struct Axes<'a> {
    pub across: &'a str,
    pub up: &'a str,
    pub scale: Scale,
}

/// A curve over steps. Points that the scale cannot show are left out.
pub(super) fn curve(axes: &Axes<'_>, values: &[f64]) -> Markup {
    let points: Vec<(f64, f64)> = thin(values.len()).map(|step| (step as f64, values[step])).collect();
    chart(axes, &points, |place| {
        let line: Vec<String> = place.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        html! { polyline points=(line.join(" ")) class="line" {} }
    })
}

/// Points whose two coordinates should agree.
pub(super) fn agreement(axes: &Axes<'_>, points: &[(f64, f64)]) -> Markup {
    let points: Vec<(f64, f64)> = thin(points.len()).map(|place| points[place]).collect();
    // Few points would hardly be seen.
    let radius = if points.len() < 50 { "3.5" } else { "2" };
    chart(axes, &points, |place| {
        html! { @for (x, y) in place { circle cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r=(radius) class="dot" {} } }
    })
}

/// At most 1,500 places, evenly spread, the last one with them.
fn thin(len: usize) -> impl Iterator<Item = usize> {
    let shown = len.min(1500);
    (0..shown).map(move |place| if shown < 2 { 0 } else { place * (len - 1) / (shown - 1) })
}

fn chart(axes: &Axes<'_>, points: &[(f64, f64)], draw: impl Fn(&[(f64, f64)]) -> Markup) -> Markup {
    let logarithmic = axes.scale == Scale::Logarithmic;
    let shown: Vec<(f64, f64)> = points
        .iter()
        .map(|&(x, y)| (x, if logarithmic { y.log10() } else { y }))
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect();
    if shown.is_empty() {
        return html! { p class="note" { "Nothing to show: no value is " @if logarithmic { "above zero." } @else { "finite." } } };
    }
    let (left, right) = span(shown.iter().map(|point| point.0));
    let (low, high) = span(shown.iter().map(|point| point.1));
    let x = |value: f64| ROOM[0] + (value - left) / (right - left) * (WIDTH - ROOM[0] - ROOM[1]);
    let y = |value: f64| HEIGHT - ROOM[3] - (value - low) / (high - low) * (HEIGHT - ROOM[2] - ROOM[3]);
    let placed: Vec<(f64, f64)> = shown.iter().map(|point| (x(point.0), y(point.1))).collect();
    let label = |value: f64| if logarithmic { number(10f64.powf(value)) } else { number(value) };
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" {
            @for tick in ticks(low, high, logarithmic) {
                line x1=(ROOM[0]) x2=(WIDTH - ROOM[1]) y1=(y(tick)) y2=(y(tick)) class="grid" {}
                text x=(ROOM[0] - 6.0) y=(y(tick) + 4.0) class="up" { (label(tick)) }
            }
            @for tick in ticks(left, right, false) {
                line x1=(x(tick)) x2=(x(tick)) y1=(ROOM[2]) y2=(HEIGHT - ROOM[3]) class="grid" {}
                text x=(x(tick)) y=(HEIGHT - ROOM[3] + 16.0) class="across" { (number(tick)) }
            }
            (draw(&placed))
            text x=((ROOM[0] + WIDTH - ROOM[1]) / 2.0) y=(HEIGHT - 6.0) class="across name" { (axes.across) }
            text transform=(format!("translate(12 {}) rotate(-90)", (HEIGHT - ROOM[3]) / 2.0)) class="across name" {
                (axes.up)
            }
        }
    }
}

/// The smallest and the largest value, apart even where they are equal.
fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let room = if high > low { 0.0 } else { 0.5 * low.abs().max(1e-12) };
    (low - room, high + room)
}

/// Three to six round numbers within a span; where the axis holds exponents whole ones, if there are three.
fn ticks(low: f64, high: f64, whole: bool) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|&step| step >= rough);
    let step = step.unwrap_or(power * 10.0);
    let step = if whole { step.ceil() } else { step };
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    let found: Vec<f64> = (first..=last).take(12).map(|place| place as f64 * step).collect();
    // A span within few powers of ten has hardly a whole exponent: show its ends.
    if whole && found.len() < 3 { vec![low, (low + high) / 2.0, high] } else { found }
}

/// A number in few characters.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if !size.is_finite() {
        "—".into()
    } else if size == 0.0 {
        "0".into()
    } else if !(1e-3..1e5).contains(&size) {
        let text = format!("{value:.1e}");
        text.replace(".0e", "e")
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else {
        let text = format!(
            "{value:.digits$}",
            digits = if size >= 10.0 {
                1
            } else if size >= 0.1 {
                2
            } else {
                4
            }
        );
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    }
}

/// A number with its sign.
pub(super) fn signed(value: f64) -> String {
    if value < 0.0 { format!("−{}", number(-value)) } else { format!("+{}", number(value)) }
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    let size = number(100.0 * share.abs());
    if share < 0.0 { format!("−{size}%") } else { format!("{size}%") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (f64::NAN, "—"),
            (0.0, "0"),
            (0.25, "0.25"),
            (300.0, "300"),
            (-2.0, "-2"),
            (4.2e-7, "4.2e-7"),
            (1e-9, "1e-9"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn shares_have_their_sign_before_them() {
        assert_eq!((percent(0.5), percent(-2e-8)), ("50%".to_owned(), "−2e-6%".to_owned()));
        assert_eq!((signed(-2e-8), signed(1.0)), ("−2e-8".to_owned(), "+1".to_owned()));
    }

    #[test]
    fn ticks_lie_in_their_span() {
        for (low, high) in [(0.0, 299.0), (-1.3, 0.02), (5.0, 5.1), (-1e-9, 1e-9)] {
            let found = ticks(low, high, false);
            assert!((3..=11).contains(&found.len()), "{found:?}");
            assert!(found.iter().all(|tick| (low - 1e-12..=high + 1e-12).contains(tick)), "{found:?}");
        }
        assert_eq!(ticks(-7.4, -3.1, true), [-7.0, -6.0, -5.0, -4.0]);
        assert_eq!(ticks(-7.5, -6.5, true), [-7.5, -7.0, -6.5]);
    }

    #[test]
    fn thinning_keeps_both_ends() {
        let kept: Vec<usize> = thin(4000).collect();
        assert_eq!((kept.len(), kept[0], kept[1499]), (1500, 0, 3999));
        assert_eq!(thin(3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(thin(0).count(), 0);
    }
}
