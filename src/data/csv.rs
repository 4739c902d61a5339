//! Numbers separated by commas, with or without a line of names.

use super::{Array, Values};

pub(super) fn parse(bytes: &[u8]) -> Result<Array, String> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let mut cells: Vec<f64> = Vec::new();
    let mut integers: Option<Vec<i64>> = Some(Vec::new());
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
            let value =
                cell.parse().map_err(|_| format!("line {line}, column {}: {cell:?} is not a number", column + 1))?;
            cells.push(value);
            match (cell.parse::<i64>(), integers.as_mut()) {
                (Ok(integer), Some(list)) => list.push(integer),
                _ => integers = None,
            }
        }
        rows += 1;
    }
    let width = width.ok_or("it holds no numbers")?;
    let shape = if width == 1 { vec![rows] } else { vec![rows, width] };
    Ok(Array { shape, values: integers.map_or(Values::Real64(cells), Values::Integer) })
}
