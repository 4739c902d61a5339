//! Numbers separated by commas, with or without a line of names.

use super::source::room;
use super::{Array, Values};
use std::io::Read;

pub(super) fn parse(source: impl Read, len: u64) -> Result<Array, String> {
    // A cell and its separator take at least two bytes, which bounds the number of cells.
    room((len / 2).saturating_mul(8))?;
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(source);
    let mut values = Values::Integer(Vec::new());
    let mut width = None;
    let mut rows = 0;
    for (number, record) in reader.records().enumerate() {
        let record = record.map_err(|error| format!("not readable as CSV: {error}"))?;
        let line = record.position().map_or(number as u64 + 1, csv::Position::line);
        if record.iter().all(str::is_empty) || (number == 0 && record.iter().all(|cell| cell.parse::<f64>().is_err())) {
            continue;
        }
        if *width.get_or_insert(record.len()) != record.len() {
            return Err(format!(
                "line {line} has {} cells; the lines before it have {}",
                record.len(),
                width.unwrap_or(0)
            ));
        }
        for (column, cell) in record.iter().enumerate() {
            let wrong = || format!("line {line}, column {}: {cell:?} is not a number", column + 1);
            values = with_cell(values, cell).ok_or_else(wrong)?;
        }
        rows += 1;
    }
    let width = width.ok_or("it holds no numbers")?;
    let shape = if width == 1 { vec![rows] } else { vec![rows, width] };
    Ok(Array { shape, values })
}

/// Adds a cell: the values are integers as long as all cells are.
fn with_cell(values: Values, cell: &str) -> Option<Values> {
    let mut reals = match values {
        Values::Integer(mut integers) => match cell.parse() {
            Ok(integer) => {
                integers.push(integer);
                return Some(Values::Integer(integers));
            }
            Err(_) => integers.into_iter().map(|value| value as f64).collect(),
        },
        Values::Real32(reals) => reals.into_iter().map(f64::from).collect(),
        Values::Real64(reals) => reals,
    };
    reals.push(cell.parse().ok()?);
    Some(Values::Real64(reals))
}
