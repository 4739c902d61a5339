//! The lists in docs/run-file.md are the library's own: `PATHKERNEL_WRITE_DOCS=1 cargo test --test docs` writes them.

use pathkernel::activation::Activation;
use std::fmt::Write;
use std::path::Path;

/// A table of names and what each is.
fn table(heading: &str, entries: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let mut table = format!("| {heading} | what it is |\n|---|---|\n");
    for (name, help) in entries {
        assert!(!help.contains('|'), "{name}: a bar would end the cell");
        writeln!(table, "| `{name}` | {help} |").expect("a string takes it");
    }
    table
}

/// A text with a table between the marks of its list, and whether another was there.
fn with_table(text: &str, list: &str, table: &str) -> (String, bool) {
    let (begin, end) = (format!("<!-- {list}, from the library -->\n"), format!("<!-- end of {list} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
    let (old, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
    (format!("{before}{begin}{table}{end}{after}"), old != table)
}

#[test]
fn lists_are_those_of_the_library() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/run-file.md");
    let mut text = std::fs::read_to_string(&path).expect("the documentation");
    let tables = [("activations", table("activation", Activation::ALL.iter().map(|kind| (kind.name(), kind.help()))))];
    let mut stale: Vec<&str> = Vec::new();
    for (list, table) in &tables {
        let (new, differs) = with_table(&text, list, table);
        stale.extend(differs.then_some(*list));
        text = new;
    }
    if std::env::var_os("PATHKERNEL_WRITE_DOCS").is_some() {
        std::fs::write(&path, text).expect("the documentation is written");
    } else {
        assert!(stale.is_empty(), "docs/run-file.md: write its lists again with PATHKERNEL_WRITE_DOCS=1: {stale:?}");
    }
}
