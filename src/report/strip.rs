//! What the positions of examples contributed, as strips of colour.

use super::chart::signed;
use super::picture::heat_map;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Positions that a strip's words name.
const NAMED: usize = 3;

/// The strips of some examples, in colours of one scale.
pub(super) struct Strips<'a> {
    of_examples: &'a BTreeMap<usize, Vec<f64>>,
    largest: f64,
}

impl<'a> Strips<'a> {
    /// Of the contributions of each example's positions.
    pub fn new(of_examples: &'a BTreeMap<usize, Vec<f64>>) -> Self {
        let largest = of_examples.values().flatten().fold(f64::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
        Self { of_examples, largest }
    }

    /// The strip of an example; nothing where its positions are not known.
    pub fn of(&self, example: usize) -> Markup {
        let Some(values) = self.of_examples.get(&example) else { return html! {} };
        let shares: Vec<f64> = values.iter().map(|value| value / self.largest).collect();
        let words = words(values);
        html! {
            @if let Some(uri) = heat_map(&shares, shares.len()) {
                img class="strip" src=(uri) alt=(words) title=(words);
            }
        }
    }
}

/// The positions that contributed most, for people.
fn words(values: &[f64]) -> String {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].abs().total_cmp(&values[a].abs()));
    let each: Vec<String> =
        order.iter().take(NAMED).map(|&at| format!("{} of position {at}", signed(values[at]))).collect();
    each.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_names_the_positions_that_count() {
        let positions = BTreeMap::from([(4, vec![0.5, -2.0, 0.0, 1.0])]);
        let strips = Strips::new(&positions);
        let text = strips.of(4).into_string();
        let named =
            format!("{} of position 1, {} of position 3, {} of position 0", signed(-2.0), signed(1.0), signed(0.5));
        assert!(text.contains(&named) && text.contains("class=\"strip\""), "{text}");
        assert!(strips.of(3).into_string().is_empty());
    }
}
