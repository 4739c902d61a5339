//! The report of a run.

use crate::bytes::{npy_f64, npy_i64};
use crate::fixture::{Fixture, stderr, stdout};
use std::fs;

/// A finished run on six pictures of 2 x 2 pixels; the queries are two of their own.
fn with_pictures(overrides: &[&str]) -> Fixture {
    let fixture = Fixture::with("input = [3]\nlayers = [", "input = [1, 2, 2]\nlayers = [\n  { type = \"flatten\" },");
    let pixels: Vec<f64> = (0..24).map(|i| f64::from(i * 7 % 11) / 11.0 - 0.4).collect();
    fixture.write("x.npy", &npy_f64(&[6, 4], &pixels));
    fixture.write("y.npy", &npy_i64(&[6], &[0, 1, 1, 0, 1, 0]));
    fixture.write("q.npy", &npy_f64(&[2, 4], &pixels[3..11]));
    fixture.write("z.npy", &npy_i64(&[2], &[1, 0]));
    let queries = ["data.query.inputs=q.npy", "data.query.targets=z.npy", "kernel.kernel=trace"];
    fixture.succeeds(&[&queries[..], overrides].concat());
    fixture
}

fn report(fixture: &Fixture) -> String {
    fs::read_to_string(fixture.path("out/report.html")).expect("a report")
}

#[test]
fn it_shows_everything_and_needs_no_network() {
    let fixture = with_pictures(&[]);
    let page = report(&fixture);
    for part in ["Training", "How exact it is", "Queries", "Path kernel", "query 0", "query 1", "residual"] {
        assert!(page.contains(part), "no {part}");
    }
    assert!(!page.contains("http") && !page.contains("<script") && !page.contains("<link"));
    // Two queries, and the six examples that raised or lowered an output of each, as pictures; the heat map.
    assert_eq!(page.matches("<img src=\"data:image/png;base64,").count(), 2 + 2 * 6);
    assert_eq!(page.matches("<image href=\"data:image/png;base64,").count(), 1);
    // Loss, accuracy, agreement, residual, heat map.
    assert_eq!(page.matches("<svg").count(), 5);
}

#[test]
fn it_is_made_again_from_the_directory() {
    let fixture = with_pictures(&[]);
    let first = report(&fixture);
    fs::remove_file(fixture.path("out/report.html")).unwrap();
    let output = fixture.pathkernel(&["report", "out"]);
    assert!(output.status.success() && stdout(&output).contains("report.html"), "{}", stderr(&output));
    assert!(first == report(&fixture));
    // Other data may be there: fewer examples than the run had.
    let targets = fs::read(fixture.path("y.npy")).unwrap();
    let pixels = fs::read(fixture.path("x.npy")).unwrap();
    fixture.write("x.npy", &npy_f64(&[2, 4], &[0.5; 8]));
    fixture.write("y.npy", &npy_i64(&[2], &[0, 1]));
    assert!(fixture.pathkernel(&["report", "out"]).status.success());
    assert!(report(&fixture).contains("not those of the run any more"));
    fixture.write("x.npy", &pixels);
    fixture.write("y.npy", &targets);
    // The data may be gone: examples are then known by their numbers.
    fs::remove_file(fixture.path("x.npy")).unwrap();
    assert!(fixture.pathkernel(&["report", "out"]).status.success());
    let page = report(&fixture);
    assert!(page.contains("x.npy") && page.contains("no. 3") && !page.contains("<img"));
}

#[test]
fn inputs_that_are_no_pictures_are_rows_of_values() {
    let fixture = Fixture::new();
    fixture.succeeds(&[]);
    let page = report(&fixture);
    assert!(!page.contains("<img") && page.contains("class=\"rows\"") && !page.contains("Path kernel</h2>"));
    // The first example's first value.
    assert!(page.contains("-0.5"));
}

#[test]
fn a_damaged_directory_is_named() {
    let fixture = Fixture::new();
    fixture.succeeds(&[]);
    let spoilt = [("metrics.jsonl", "{"), ("prediction.npy", "x"), ("run.toml", "[run"), ("summary.json", "?")];
    for (name, contents) in spoilt {
        let name = format!("out/{name}");
        let whole = fs::read(fixture.path(&name)).expect("a file");
        fixture.write(&name, contents.as_bytes());
        fixture.refuses_command(&["report", "out"], &[&name]);
        fixture.write(&name, &whole);
    }
    // Arrays that are whole and hold other numbers.
    for name in ["prediction.npy", "residual.npy", "attribution.npy"] {
        let name = format!("out/{name}");
        let whole = fs::read(fixture.path(&name)).expect("a file");
        let mut other = whole.clone();
        *other.last_mut().expect("a number") ^= 1;
        fixture.write(&name, &other);
        for question in [&["report", "out"][..], &["top", "out", "--query", "0"]] {
            fixture.refuses_command(question, &[&name, "was changed after it was written"]);
        }
        fixture.write(&name, &whole);
    }
    fixture.succeeds(&[]);
    fs::remove_file(fixture.path("out/run.toml")).expect("a file");
    for command in ["report", "check"] {
        fixture.refuses_command(&[command, "out"], &["out/run.toml: is missing", "the run directory is damaged"]);
    }
    fixture.refuses_command(&["report", "."], &["no finished run"]);
}
