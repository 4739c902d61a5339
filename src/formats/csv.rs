//! Numbers in lines of text, with or without a line of names.
//!
//! Nothing is guessed: a first line that could be names or numbers, and a line without numbers between others, are refused.

use super::source::room;
use super::{Array, Values};
use std::borrow::Cow;
use std::io::BufRead;

/// What is said of a file of text. Files of other formats say it themselves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TextLayout {
    /// Whether the first line is names of columns. Where it is not said, text is names, numbers are a row, and what could be
    /// either is refused.
    pub header: Option<bool>,
    /// What stands between numbers, a comma without it. Beside another one, a comma in a number is a decimal one.
    pub separator: Option<char>,
    /// How many rows there must be, where that is known: a first line of numbers without which one would be missing is a row.
    pub rows: Option<usize>,
    /// Where it is said, for messages: a section, such as `data.train`, and the file's key in it.
    pub at: Option<[&'static str; 2]>,
}

/// Characters that may stand between numbers.
pub const SEPARATORS: [char; 5] = [',', ';', '\t', '|', ' '];

/// Lines that a message names.
const NAMED: usize = 5;
/// Characters of a line that a message shows.
const SHOWN: usize = 60;

pub(super) fn parse(mut source: impl BufRead, len: u64, layout: &TextLayout) -> Result<Array, String> {
    // A cell and its separator take at least two bytes, which bounds the number of cells.
    room((len / 2).saturating_mul(8))?;
    let mut rows = Rows::new(layout);
    let mut number = 0;
    while let Some((line, text)) = next_line(&mut source, &mut number)? {
        rows.take(line, &text)?;
    }
    rows.finish()
}

/// The next line, without its end, and its number; a break in quotes does not end it. `number` is that of the line before.
fn next_line(source: &mut impl BufRead, number: &mut u64) -> Result<Option<(u64, String)>, String> {
    let line = *number + 1;
    let unreadable = |problem: &dyn std::fmt::Display| format!("not readable as CSV: line {line}: {problem}");
    let (mut bytes, mut quotes) = (Vec::new(), 0);
    loop {
        let from = bytes.len();
        if source.read_until(b'\n', &mut bytes).map_err(|error| unreadable(&error))? == 0 {
            break;
        }
        *number += 1;
        quotes += bytes[from..].iter().filter(|&&byte| byte == b'"').count();
        if quotes % 2 == 0 {
            break;
        }
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8(bytes).map_err(|_| unreadable(&"is no text in UTF-8; save it so"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).trim_end_matches(['\r', '\n']);
    if text.contains('\r') {
        return Err(unreadable(&"lines end with a carriage return alone; save it with line feeds"));
    }
    Ok(Some((line, text.to_owned())))
}

/// What stands between separators.
fn cells(text: &str, separator: char) -> Vec<Cow<'_, str>> {
    if text.contains('"') {
        let mut reader = csv::ReaderBuilder::new();
        let reader = reader.has_headers(false).trim(csv::Trim::All).delimiter(separator as u8);
        let record = reader.from_reader(text.as_bytes()).into_records().next().and_then(Result::ok);
        return record.iter().flatten().map(|cell| Cow::Owned(cell.to_owned())).collect();
    }
    match separator {
        ' ' => text.split_whitespace().map(Cow::Borrowed).collect(),
        _ => text.split(separator).map(|cell| Cow::Borrowed(cell.trim())).collect(),
    }
}

/// A cell as a number: with a point, or beside another separator with a decimal comma.
fn number(cell: &str, separator: char) -> Option<f64> {
    let is_decimal = separator != ',' && cell.matches(',').count() == 1 && !cell.contains('.');
    if is_decimal { cell.replace(',', ".").parse().ok() } else { cell.parse().ok() }
}

fn is_whole(cell: &str) -> bool {
    cell.parse::<i64>().is_ok()
}

/// What stands between the numbers of a line, in place of a comma.
fn other_separator(text: &str) -> Option<char> {
    SEPARATORS.into_iter().skip(1).find(|&separator| {
        let cells = cells(text, separator);
        cells.len() > 1 && cells.iter().all(|cell| number(cell, separator).is_some())
    })
}

/// A line for people.
fn shown(text: &str) -> String {
    let begin: String = text.chars().take(SHOWN).collect();
    if begin.len() < text.len() { format!("{begin}…") } else { begin }
}

/// A first line of numbers that could be names.
struct First {
    line: u64,
    text: String,
    /// Whether they are 0, 1, 2, … or 1, 2, 3, …
    counts: bool,
    /// The first two, where all are whole numbers.
    whole: Option<[i64; 2]>,
}

impl First {
    fn new(line: u64, text: &str, cells: &[Cow<'_, str>]) -> Self {
        let counts_from = |first: usize| cells.iter().zip(first..).all(|(cell, column)| **cell == column.to_string());
        let whole = cells.iter().all(|cell| is_whole(cell));
        let at = |place: usize| cells.get(place).and_then(|cell| cell.parse().ok()).unwrap_or(0);
        Self {
            line,
            text: shown(text),
            counts: counts_from(0) || (cells.len() > 1 && counts_from(1)),
            whole: whole.then(|| [at(0), at(1)]),
        }
    }

    /// Why it could be something else than a row, where it could: `others` rows come after it, of which `whole` are of whole
    /// numbers alone.
    fn doubt(&self, width: usize, others: usize, whole: usize) -> Option<&'static str> {
        let [rows, columns] = self.whole?;
        let is = |number: i64, count: usize| usize::try_from(number) == Ok(count);
        match others {
            0 => None,
            // A lone 0 counts no columns where some numbers are written without their fractions.
            _ if self.counts && (width > 1 || whole == others) => Some("it counts the columns"),
            _ if whole == 0 => Some("its numbers are whole, and no other line's are"),
            _ if is(rows, others) && (width == 1 || is(columns, width)) => Some("it is the number of the other lines"),
            _ => None,
        }
    }
}

/// Rows as they are read.
struct Rows<'a> {
    layout: &'a TextLayout,
    separator: char,
    values: Values,
    width: Option<usize>,
    /// The width's line.
    first_row: u64,
    rows: usize,
    /// The first line that is not blank.
    first: Option<First>,
    /// The line that was taken for names.
    names: Option<String>,
    /// Rows after the first line of whole numbers alone.
    whole: usize,
    /// Lines without numbers since the last row, and those before it.
    blank: Vec<u64>,
    holes: Vec<u64>,
    /// The decimal mark, and the line that has it first.
    decimal: Option<(char, u64)>,
}

impl<'a> Rows<'a> {
    fn new(layout: &'a TextLayout) -> Self {
        Self {
            layout,
            separator: layout.separator.unwrap_or(','),
            values: Values::Integer(Vec::new()),
            width: None,
            first_row: 0,
            rows: 0,
            first: None,
            names: None,
            whole: 0,
            blank: Vec::new(),
            holes: Vec::new(),
            decimal: None,
        }
    }

    fn take(&mut self, line: u64, text: &str) -> Result<(), String> {
        if line == 1 && self.layout.header == Some(true) {
            self.first = Some(First::new(line, text, &cells(text, self.separator)));
            self.names = Some(text.to_owned());
            return Ok(());
        }
        let cells = cells(text, self.separator);
        if cells.iter().all(|cell| cell.is_empty()) {
            self.blank.push(line);
            return Ok(());
        }
        self.holes.append(&mut self.blank);
        let is_first = self.first.is_none();
        if is_first {
            self.check_end(line, text, &cells)?;
            self.first = Some(First::new(line, text, &cells));
            if self.layout.header.is_none() && self.are_names(line, text, &cells)? {
                self.names = Some(text.to_owned());
                return Ok(());
            }
        }
        self.check_end(line, text, &cells)?;
        self.check_width(line, text, cells.len())?;
        for (column, cell) in cells.iter().enumerate() {
            self.add(line, column, cell).map_err(|problem| self.with_separator(problem, text))?;
        }
        self.rows += 1;
        self.whole += usize::from(!is_first && cells.iter().all(|cell| is_whole(cell)));
        Ok(())
    }

    /// Whether the first line is names: where none of its cells is a number.
    fn are_names(&self, line: u64, text: &str, cells: &[Cow<'_, str>]) -> Result<bool, String> {
        let other = cells.iter().find(|cell| number(cell, self.separator).is_none());
        let Some(other) = other else { return Ok(false) };
        if text.starts_with('#') {
            return Ok(true);
        }
        let has_number = cells.iter().any(|cell| number(cell, self.separator).is_some());
        if cells[0].is_empty() {
            return Err(format!(
                "line {line} ({}) names no first column, as pandas writes it above the numbers of rows, which are no data; save it \
                 without them (index=False), or {} where the column is data",
                shown(text),
                self.remedy("header = true")
            ));
        }
        if has_number {
            let problem = format!(
                "line {line} ({}) is neither names nor numbers: {other:?} is not a number; {} where it is names",
                shown(text),
                self.remedy("header = true")
            );
            return Err(self.with_separator(problem, text));
        }
        Ok(true)
    }

    /// Fails where nothing stands behind the last separator of a line of numbers.
    fn check_end(&self, line: u64, text: &str, cells: &[Cow<'_, str>]) -> Result<(), String> {
        let is_number = |cell: &Cow<'_, str>| number(cell, self.separator).is_some();
        match cells {
            [others @ .., last] if last.is_empty() && !others.is_empty() && others.iter().all(is_number) => {
                Err(format!(
                    "line {line} ({}) ends with {:?}, and no number comes after it; write the number that is missing, or remove it from \
                 the end of every line",
                    shown(text),
                    self.separator
                ))
            }
            _ => Ok(()),
        }
    }

    fn check_width(&mut self, line: u64, text: &str, width: usize) -> Result<(), String> {
        let Some(known) = self.width else {
            (self.width, self.first_row) = (Some(width), line);
            return Ok(());
        };
        if known == width {
            return Ok(());
        }
        let problem = match self.rows {
            1 => format!(
                "line {line} has {width} cells, and line {} has {known}; {} where that one is no row",
                self.first_row,
                self.remedy("header = true")
            ),
            _ => format!("line {line} has {width} cells; the lines before it have {known}"),
        };
        Err(self.with_separator(problem, text))
    }

    /// Adds a cell: the values are integers as long as all cells are.
    fn add(&mut self, line: u64, column: usize, cell: &str) -> Result<(), String> {
        let mark = cell.chars().find(|&letter| letter == '.' || letter == ',');
        let value = number(cell, self.separator)
            .ok_or_else(|| format!("line {line}, column {}: {cell:?} is not a number", column + 1))?;
        if let Some(mark) = mark {
            let (known, first) = *self.decimal.get_or_insert((mark, line));
            if known != mark {
                return Err(format!(
                    "line {line}, column {}: {cell:?} has another decimal mark than line {first}; write all numbers alike",
                    column + 1
                ));
            }
        }
        match &mut self.values {
            Values::Integer(integers) => match cell.parse() {
                Ok(integer) => integers.push(integer),
                Err(_) => {
                    let mut reals: Vec<f64> = std::mem::take(integers).into_iter().map(|value| value as f64).collect();
                    reals.push(value);
                    self.values = Values::Real64(reals);
                }
            },
            Values::Real64(reals) => reals.push(value),
            Values::Real32(reals) => reals.push(value as f32),
        }
        Ok(())
    }

    /// A problem of a line, with the separator that it looks like.
    fn with_separator(&self, problem: String, text: &str) -> String {
        let other = other_separator(text).filter(|_| self.layout.separator.is_none());
        let Some(other) = other else { return problem };
        let remedy = self.remedy(&format!("separator = {:?}", other.to_string()));
        let comma = if text.contains(',') { "decimal commas, and " } else { "" };
        format!("{problem}. Its numbers have {comma}{other:?} between them: {remedy}")
    }

    /// What a message tells to set.
    fn remedy(&self, setting: &str) -> String {
        match self.layout.at {
            Some([section, _]) => format!("set {section}.{setting}"),
            None => "save the array as .npy".to_owned(),
        }
    }

    fn finish(self) -> Result<Array, String> {
        said_of_holes(&self.holes).map_or(Ok(()), Err)?;
        let Some(width) = self.width else {
            let problem = "it holds no numbers".to_owned();
            return Err(self.names.as_ref().map_or(problem.clone(), |names| self.with_separator(problem, names)));
        };
        self.check_first(width)?;
        let shape = if width == 1 { vec![self.rows] } else { vec![self.rows, width] };
        Ok(Array { shape, values: self.values })
    }

    /// Fails where the first line was taken for what it may not be.
    fn check_first(&self, width: usize) -> Result<(), String> {
        let Some(first) = self.first.as_ref().filter(|first| first.whole.is_some()) else { return Ok(()) };
        let First { line, text, .. } = first;
        let [section, file] = self.layout.at.unwrap_or_default();
        let more = self.layout.rows.map(|rows| self.rows as i64 - rows as i64);
        match (self.layout.header, more) {
            (Some(false), _) => Ok(()),
            (None, Some(1)) => Err(format!(
                "has {} lines of numbers for {} rows: line {line} ({text}) is names, or a row is too much; {}",
                self.rows,
                self.rows - 1,
                self.remedy(&format!("header = {{ {file} = true, … }} if it is names"))
            )),
            // Whoever knows the number says that another one is wrong.
            (None, Some(_)) => Ok(()),
            (None, None) => match first.doubt(width, self.rows - 1, self.whole) {
                None => Ok(()),
                Some(why) => Err(format!(
                    "line {line} ({text}) may be names of columns or a row, since {why}; {}",
                    self.remedy("header = true if it is names, false if it is a row")
                )),
            },
            (Some(true), Some(-1)) => Err(format!(
                "has {} lines of numbers for {} rows: line {line} ({text}) is taken for names; if it is a row, set \
                 {section}.header = {{ {file} = false, … }}, with what the other files have",
                self.rows,
                self.rows + 1
            )),
            (Some(true), _) => Ok(()),
        }
    }
}

/// What is said of lines without numbers.
fn said_of_holes(lines: &[u64]) -> Option<String> {
    let named: Vec<String> = lines.iter().take(NAMED).map(u64::to_string).collect();
    let more = lines.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let (lines, are, them) = match lines.len() {
        0 => return None,
        1 => ("line", "is", "it"),
        _ => ("lines", "are", "them"),
    };
    Some(format!(
        "{lines} {}{more} {are} empty, and rows come after {them}; which example is missing is not known: write its numbers, or remove \
         the example from all files",
        named.join(", ")
    ))
}

/// What is said of the lines without numbers between the rows of a text.
pub(super) fn holes(mut source: impl BufRead, layout: &TextLayout) -> Result<Option<String>, String> {
    let (mut number, mut blank, mut holes) = (0, Vec::new(), Vec::new());
    while let Some((line, text)) = next_line(&mut source, &mut number)? {
        if cells(&text, layout.separator.unwrap_or(',')).iter().any(|cell| !cell.is_empty()) {
            holes.append(&mut blank);
        } else if line > 1 || layout.header != Some(true) {
            blank.push(line);
        }
    }
    Ok(said_of_holes(&holes))
}
