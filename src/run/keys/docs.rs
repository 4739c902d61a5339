//! The tables of `docs/run-file.md`, made of the declarations. `PATHKERNEL_WRITE_DOCS=1` writes them anew.

use super::entries;
use crate::key::{Entry, Shape, Unset};
use std::fmt::Write;

/// A table for each section, and one for each of its tables that have a `type`.
fn section(entries: &[Entry]) -> String {
    let mut text = String::from("| key | takes | without it | what it does |\n|---|---|---|---|\n");
    let mut typed = String::new();
    rows(&mut text, &mut typed, "", entries);
    text + &typed
}

fn rows(text: &mut String, typed: &mut String, at: &str, entries: &[Entry]) {
    for entry in entries {
        let name = format!("{at}{}", entry.name);
        match &entry.shape {
            Shape::Table(inside) => {
                row(text, "", &name, entry);
                rows(text, typed, &format!("{name}."), inside);
            }
            Shape::OneOf { variants, shared } => {
                row(text, "", &name, entry);
                *typed += &types(&name, variants, shared);
            }
            Shape::Plain(_) | Shape::Number(_) | Shape::Path(_) | Shape::Words(_) => row(text, "", &name, entry),
        }
    }
}

/// The types of a key and their keys.
fn types(name: &str, variants: &[(&str, &str, Vec<Entry>)], shared: &[Entry]) -> String {
    let mut text = format!("\n| type of `{name}` | key | takes | without it | what it does |\n|---|---|---|---|---|\n");
    for (variant, help, keys) in variants {
        let _ = writeln!(text, "| `{variant}` | | | | {} |", cell(help));
        keys.iter().for_each(|entry| row(&mut text, "| ", entry.name, entry));
    }
    shared.iter().for_each(|entry| row(&mut text, "| any ", entry.name, entry));
    text
}

fn row(text: &mut String, before: &str, name: &str, entry: &Entry) {
    let takes = match &entry.shape {
        Shape::Plain(words) | Shape::Number(words) | Shape::Path(words) => words.clone(),
        Shape::Words(words) => words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Shape::OneOf { .. } if entry.name == "layers" => "a list of tables, each with a `type`".into(),
        Shape::OneOf { .. } => "a table with a `type`".into(),
        Shape::Table(_) => "a table".into(),
    };
    let without = match &entry.unset {
        Unset::Required => "required".into(),
        Unset::Absent => String::new(),
        Unset::Value(value) => format!("`{value}`"),
    };
    let _ = writeln!(text, "{before}| `{name}` | {} | {without} | {} |", cell(&takes), cell(&help(entry)));
}

/// What a key does, and what the words that it takes stand for.
fn help(entry: &Entry) -> String {
    let Shape::Words(words) = &entry.shape else { return entry.help.to_owned() };
    let words = words.iter().filter(|(_, help)| !help.is_empty()).map(|(word, help)| format!("`{word}`: {help}"));
    std::iter::once(entry.help.to_owned()).chain(words).collect::<Vec<_>>().join("; ")
}

/// Text that stands in a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A page with the region of each section filled in anew.
fn page(old: &str) -> String {
    entries().iter().fold(old.to_owned(), |page, entry| {
        let (begin, end) = (format!("<!-- keys: {} -->\n", entry.name), "<!-- end of keys -->");
        let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("the page has no {begin}"));
        let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{begin} has no end"));
        let Shape::Table(keys) = &entry.shape else { panic!("{} is no section", entry.name) };
        format!("{before}{begin}{}{end}{after}", section(keys))
    })
}

#[test]
fn the_page_is_made_of_the_declarations() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/run-file.md");
    let old = std::fs::read_to_string(&path).unwrap();
    let new = page(&old);
    if std::env::var_os("PATHKERNEL_WRITE_DOCS").is_some() {
        std::fs::write(&path, &new).unwrap();
    } else {
        let change = old.lines().zip(new.lines()).find(|(old, new)| old != new);
        assert!(old == new, "PATHKERNEL_WRITE_DOCS=1 writes docs/run-file.md anew; the first change is {change:?}");
    }
}
