//! Products by plain loops in f64, and how near an array must come to them.

use pathkernel::compute::{Entries, Gram};

/// A sum, and the sum of the absolute values of its terms: what its roundings are relative to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    pub value: f64,
    pub size: f64,
}

impl Entry {
    /// A single number.
    pub fn new(value: f64) -> Self {
        Self { value, size: value.abs() }
    }

    /// The product of two sums.
    pub fn times(self, other: Entry) -> Entry {
        Entry { value: self.value * other.value, size: self.size * other.size }
    }

    /// Adds a multiple of another sum.
    pub fn add(&mut self, scale: f64, other: Entry) {
        self.value += scale * other.value;
        self.size += scale.abs() * other.size;
    }
}

/// `Σ_k a_k b_k`.
pub fn dot(a: &[Entry], b: &[Entry]) -> Entry {
    let mut sum = Entry::default();
    a.iter().zip(b).for_each(|(&a, &b)| sum.add(1.0, a.times(b)));
    sum
}

/// What an accumulator holds after a fused product whose parts add up to `value(row (c, q), column (d, i))`.
pub fn accumulated(
    gram: &Gram,
    columns: &[u32],
    start: &[f64],
    scale: f64,
    weights: Option<&[f64]>,
    value: &dyn Fn(usize, usize) -> Entry,
) -> Vec<Entry> {
    let &Gram { entries, outputs, copies, queries, examples, stride, .. } = gram;
    let mut out: Vec<Entry> = start.iter().map(|&value| Entry::new(value)).collect();
    for row in 0..outputs * queries {
        let (output, query) = (row / queries, row % queries);
        for column in 0..copies * examples {
            let (copy, example) = (column / examples, column % examples);
            let weight = weights.map_or(1.0, |weights| weights[column]);
            let (line, factor) = match entries {
                Entries::Loss => (row, 1.0),
                Entries::Trace if copy == output => (query, 1.0 / outputs as f64),
                Entries::Diagonal if copy == output => (row, weight),
                Entries::Full => (row * copies + copy, weight),
                _ => continue,
            };
            out[line * stride + columns[example] as usize].add(scale * factor, value(row, column));
        }
    }
    out
}

/// Fails where an entry is off by more than `bound` of its size; the largest share of the bound that is used.
pub fn compare(what: &str, got: &[f64], want: &[Entry], bound: f64) -> f64 {
    assert_eq!(got.len(), want.len(), "{what}");
    let mut worst: f64 = 0.0;
    for (place, (got, want)) in got.iter().zip(want).enumerate() {
        let (error, bound) = ((got - want.value).abs(), bound * want.size);
        let near = error <= bound;
        assert!(near, "{what}: entry {place} is {got} instead of {}, off by {error:e} > {bound:e}", want.value);
        if error > 0.0 {
            worst = worst.max(error / bound);
        }
    }
    worst
}
