//! Polynomials through values and derivatives at the nodes of a piece, and where they change sign.
//!
//! A polynomial on an interval is kept by its Bernstein coefficients: it lies between the smallest and the largest of them,
//! so that most of those without a change of sign are told by a look at the coefficients.

/// A part of a section this narrow is not split further.
const NARROW: f64 = 1e-12;

/// A part of [0, 1] and its Hermite polynomials, of degree `2 nodes - 1`.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// The first node that they go through.
    pub first: usize,
    /// How many they go through.
    pub nodes: usize,
    /// Where it begins.
    from: f64,
    /// Where it ends.
    to: f64,
    /// `[2 nodes, 2 nodes]`: the Bernstein coefficients, each from the values and then the derivatives.
    pub matrix: Vec<f64>,
    /// By how much a coefficient grows what is wrong with the values and derivatives, at the most.
    pub growth: f64,
}

/// The sections of [0, 1] for values and derivatives at some ascending nodes. A polynomial goes through `together` nodes at
/// the most: of more nodes, each gap takes its neighbours.
pub(super) fn sections(nodes: &[f64], together: usize) -> Vec<Section> {
    let count = nodes.len();
    if count <= together {
        return vec![Section::new(nodes, 0, count, (0.0, 1.0))];
    }
    let gap = |gap: usize| {
        let from = if gap == 0 { 0.0 } else { nodes[gap] };
        let to = if gap + 2 == count { 1.0 } else { nodes[gap + 1] };
        let first = (gap + 1).saturating_sub(together / 2).min(count - together);
        Section::new(nodes, first, together, (from, to))
    };
    (0..count - 1).map(gap).collect()
}

impl Section {
    fn new(all: &[f64], first: usize, nodes: usize, (from, to): (f64, f64)) -> Self {
        let own = &all[first..first + nodes];
        // Solved where all of its nodes lie inside, and cut down to the section.
        let (low, high) = own.iter().fold((from, to), |(low, high), &node| (low.min(node), high.max(node)));
        let (size, length) = (2 * nodes, high - low);
        let mut system = vec![0.0; size * size];
        for (row, node) in own.iter().enumerate() {
            let place = (node - low) / length;
            for column in 0..size {
                let mut unit = vec![0.0; size];
                unit[column] = 1.0;
                system[row * size + column] = value(&unit, place);
                system[(nodes + row) * size + column] = slope(&unit, place) / length;
            }
        }
        let inverse = inverse(system, size);
        let mut matrix = vec![0.0; size * size];
        for column in 0..size {
            let coefficients: Vec<f64> = (0..size).map(|row| inverse[row * size + column]).collect();
            let part = restrict(&coefficients, (from - low) / length, (to - low) / length);
            part.iter().enumerate().for_each(|(row, entry)| matrix[row * size + column] = *entry);
        }
        let growth = matrix.chunks(size).map(|row| row.iter().map(|x| x.abs()).sum()).fold(1.0, f64::max);
        Self { first, nodes, from, to, matrix, growth }
    }

    /// The Bernstein coefficients of the polynomial with these values and derivatives at the section's nodes.
    pub fn coefficients(&self, data: &[f64]) -> Vec<f64> {
        self.matrix.chunks(data.len()).map(|row| row.iter().zip(data).map(|(a, b)| a * b).sum()).collect()
    }
}

/// The inverse of a square matrix, by Gauss and Jordan with pivots.
fn inverse(mut matrix: Vec<f64>, size: usize) -> Vec<f64> {
    let mut out = vec![0.0; size * size];
    (0..size).for_each(|i| out[i * size + i] = 1.0);
    for column in 0..size {
        let largest =
            |a: &usize, b: &usize| matrix[a * size + column].abs().total_cmp(&matrix[b * size + column].abs());
        let pivot = (column..size).max_by(largest).unwrap_or(column);
        for j in 0..size {
            matrix.swap(pivot * size + j, column * size + j);
            out.swap(pivot * size + j, column * size + j);
        }
        let scale = 1.0 / matrix[column * size + column];
        for j in 0..size {
            matrix[column * size + j] *= scale;
            out[column * size + j] *= scale;
        }
        for row in (0..size).filter(|&row| row != column) {
            let factor = matrix[row * size + column];
            for j in 0..size {
                matrix[row * size + j] -= factor * matrix[column * size + j];
                out[row * size + j] -= factor * out[column * size + j];
            }
        }
    }
    out
}

/// The coefficients of both parts of a polynomial on [0, 1], before and after a place.
fn split(coefficients: &[f64], place: f64) -> (Vec<f64>, Vec<f64>) {
    let (mut rest, mut before, mut after) = (coefficients.to_vec(), Vec::new(), Vec::new());
    while let (Some(&first), Some(&last)) = (rest.first(), rest.last()) {
        before.push(first);
        after.push(last);
        rest = rest.windows(2).map(|pair| (1.0 - place) * pair[0] + place * pair[1]).collect();
    }
    after.reverse();
    (before, after)
}

/// The coefficients of a polynomial on [0, 1], on a part of it.
fn restrict(coefficients: &[f64], from: f64, to: f64) -> Vec<f64> {
    if to <= 0.0 {
        return coefficients.to_vec();
    }
    let (before, _) = split(coefficients, to);
    split(&before, from / to).1
}

fn value(coefficients: &[f64], place: f64) -> f64 {
    split(coefficients, place).1[0]
}

fn slope(coefficients: &[f64], place: f64) -> f64 {
    let steps: Vec<f64> = coefficients.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.len() as f64 * if steps.is_empty() { 0.0 } else { value(&steps, place) }
}

/// The places where a function changes sign by more than its noise, found section by section.
#[derive(Debug)]
pub(super) struct Changes {
    /// Values this small have no sign.
    noise: f64,
    /// Whether it was last seen above the noise, or below.
    above: Option<bool>,
    /// In order.
    pub places: Vec<f64>,
}

impl Changes {
    /// None yet.
    pub fn new(noise: f64) -> Self {
        Self { noise, above: None, places: Vec::new() }
    }

    /// Takes in the next section, with the function's coefficients there.
    pub fn add(&mut self, section: &Section, coefficients: &[f64]) {
        self.part(coefficients, section.from, section.to);
    }

    fn part(&mut self, coefficients: &[f64], from: f64, to: f64) {
        let low = coefficients.iter().copied().fold(f64::INFINITY, f64::min);
        let high = coefficients.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if low >= -self.noise || high <= self.noise {
            if low < -self.noise || high > self.noise {
                self.reach(high > self.noise, polished(coefficients, from, to));
            }
            return;
        }
        let rises = coefficients.windows(2).all(|pair| pair[0] <= pair[1]);
        let falls = coefficients.windows(2).all(|pair| pair[0] >= pair[1]);
        if rises || falls || to - from < NARROW {
            let last = coefficients.last().copied().unwrap_or(0.0);
            self.reach(coefficients[0] > 0.0, from);
            self.reach(last > 0.0, from + (to - from) * root(coefficients));
            return;
        }
        let ((before, after), middle) = (split(coefficients, 0.5), 0.5 * (from + to));
        self.part(&before, from, middle);
        self.part(&after, middle, to);
    }

    fn reach(&mut self, above: bool, place: f64) {
        if self.above.is_some_and(|before| before != above) {
            self.places.push(place);
        }
        self.above = Some(above);
    }
}

/// The zero next to the beginning of a part where the function is within the noise: one step of Newton's.
fn polished(coefficients: &[f64], from: f64, to: f64) -> f64 {
    let step = -coefficients[0] / slope(coefficients, 0.0);
    if step.abs() < 1.0 { from + step * (to - from) } else { from }
}

/// The zero of a monotone polynomial whose ends have different signs.
fn root(coefficients: &[f64]) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    let rises = coefficients[0] < 0.0;
    // From the chord, by Newton's steps that stay between the ends; halves where they would not.
    let mut place = coefficients[0] / (coefficients[0] - coefficients[coefficients.len() - 1]);
    for _ in 0..60 {
        let found = value(coefficients, place);
        if found == 0.0 {
            break;
        }
        if (found < 0.0) == rises {
            low = place
        } else {
            high = place
        }
        let next = place - found / slope(coefficients, place);
        let next = if next > low && next < high { next } else { 0.5 * (low + high) };
        if (next - place).abs() <= f64::EPSILON {
            break;
        }
        place = next;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::gauss;

    /// The changes of sign of a function on [0, 1], seen at the nodes of a rule.
    fn changes(count: usize, noise: f64, f: impl Fn(f64) -> f64, slope: impl Fn(f64) -> f64) -> Vec<f64> {
        let nodes = gauss(count).nodes;
        let mut changes = Changes::new(noise);
        for section in sections(&nodes, 4) {
            let own = &nodes[section.first..section.first + section.nodes];
            let data: Vec<f64> = own.iter().map(|&t| f(t)).chain(own.iter().map(|&t| slope(t))).collect();
            changes.add(&section, &section.coefficients(&data));
        }
        changes.places
    }

    #[test]
    fn roots_of_polynomials_of_the_degree_are_exact() {
        for count in 1..=4 {
            let roots: Vec<f64> = (1..2 * count).map(|k| k as f64 / (2 * count) as f64).collect();
            let f = |t: f64| roots.iter().map(|root| 4.0 * (t - root)).product::<f64>();
            let slope = |t: f64| {
                let without = |skip: usize| {
                    roots
                        .iter()
                        .enumerate()
                        .filter(|(i, _)| *i != skip)
                        .map(|(_, root)| 4.0 * (t - root))
                        .product::<f64>()
                };
                (0..roots.len()).map(|skip| 4.0 * without(skip)).sum()
            };
            let found = changes(count, 1e-14, f, slope);
            assert_eq!(found.len(), roots.len(), "{count} nodes: {found:?}");
            for (found, root) in found.iter().zip(&roots) {
                assert!((found - root).abs() < 1e-13, "{count} nodes: {found} instead of {root}");
            }
        }
    }

    #[test]
    fn many_nodes_follow_a_wave() {
        let rate = 20.0f64;
        let found = changes(24, 1e-12, |t| (rate * t + 0.5).sin(), |t| rate * (rate * t + 0.5).cos());
        let roots: Vec<f64> = (1..=6).map(|k| (f64::from(k) * std::f64::consts::PI - 0.5) / rate).collect();
        assert_eq!(found.len(), roots.len(), "{found:?}");
        for (found, root) in found.iter().zip(&roots) {
            assert!((found - root).abs() < 1e-6, "{found} instead of {root}");
        }
    }

    #[test]
    fn what_stays_within_the_noise_is_no_change() {
        // Below zero by 1e-6 between 0.499 and 0.501, seen from nodes where it is positive.
        let dip = |noise| changes(2, noise, |t| (t - 0.499) * (t - 0.501), |t| 2.0 * t - 1.0);
        assert_eq!(dip(2e-6), Vec::<f64>::new());
        let found = dip(1e-8);
        assert!(found.len() == 2 && (found[0] - 0.499).abs() < 1e-9 && (found[1] - 0.501).abs() < 1e-9, "{found:?}");
        assert_eq!(changes(2, 0.0, |_| 0.0, |_| 0.0), Vec::<f64>::new());
        // From exactly zero.
        assert_eq!(changes(1, 0.0, |t| t, |_| 1.0), Vec::<f64>::new());
        assert_eq!(changes(1, 1e-15, |t| t - 1.0, |_| 1.0), Vec::<f64>::new());
    }
}
