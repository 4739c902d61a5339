//! A turn of a product's k loop, in a driver's assembly.

use std::collections::HashMap;
use std::ops::RangeInclusive;

/// How many instructions one turn executes.
pub struct Turn {
    /// Multiply-adds.
    pub fmas: usize,
    /// Vector instructions, these among them; loads and stores are not.
    pub vector: usize,
}

impl Turn {
    /// The turn: the shortest loop that has FMAs and writes to shared memory. What of it is a loop of its own is executed `deep`
    /// times.
    pub fn find(assembly: &str, deep: usize) -> Option<Self> {
        let lines: Vec<&str> = assembly.lines().map(str::trim).collect();
        let loops = loops(&lines);
        let count = |range: &RangeInclusive<usize>, is: fn(&str) -> bool| {
            lines[range.clone()].iter().filter(|line| is(line)).count()
        };
        let shortest = |fits: &dyn Fn(&RangeInclusive<usize>) -> bool| {
            loops.iter().filter(|range| fits(range)).min_by_key(|range| range.end() - range.start()).cloned()
        };
        let own = shortest(&|range| count(range, is_stored) > 0 && count(range, is_fma) >= 16)?;
        let within =
            shortest(&|range| range.start() > own.start() && range.end() < own.end() && count(range, is_fma) >= 16);
        let again = |is| within.as_ref().map_or(0, |range| (deep - 1) * count(range, is));
        Some(Self { fmas: count(&own, is_fma) + again(is_fma), vector: count(&own, is_vector) + again(is_vector) })
    }

    /// FMAs of all vector instructions.
    pub fn share(&self) -> f64 {
        self.fmas as f64 / self.vector as f64
    }
}

fn is_fma(line: &str) -> bool {
    line.starts_with("v_fma") || line.starts_with("v_mac")
}

fn is_vector(line: &str) -> bool {
    line.starts_with("v_")
}

fn is_stored(line: &str) -> bool {
    line.starts_with("ds_write") || line.starts_with("ds_store")
}

/// From the label to the branch of every branch backwards.
fn loops(lines: &[&str]) -> Vec<RangeInclusive<usize>> {
    let label = |(place, line): (usize, &&str)| line.strip_suffix(':').map(|label| (label.to_owned(), place));
    let labels: HashMap<String, usize> = lines.iter().enumerate().filter_map(label).collect();
    let back = |(place, line): (usize, &&str)| {
        let target = line.starts_with("s_cbranch").then_some(line).or(line.starts_with("s_branch").then_some(line))?;
        let start = *labels.get(target.split_whitespace().nth(1)?)?;
        (start < place).then_some(start..=place)
    };
    lines.iter().enumerate().filter_map(back).collect()
}
