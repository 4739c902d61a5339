//! Data in files of text: what could be names or numbers, and rows that are lost, are refused with what to say instead.

use crate::bytes::*;
use crate::fixture::Fixture;

/// The fixture's examples as text, without a line of names.
const INPUTS: &str = "-0.5,0,0.5\n-0.25,0.25,0.75\n0.25,0.5,-0.25\n0,0.5,-0.5\n";
const TARGETS: &str = "0\n1\n1\n0\n";

const FILES: [&str; 2] = ["data.train.inputs=x.csv", "data.train.targets=y.csv"];

fn with(inputs: &str, targets: &str) -> Fixture {
    let fixture = Fixture::new();
    fixture.write("x.csv", inputs.as_bytes());
    fixture.write("y.csv", targets.as_bytes());
    fixture
}

fn attribution(fixture: &Fixture, directory: &str, overrides: &[&str]) -> Vec<u8> {
    let into = format!("run.directory={directory}");
    fixture.succeeds(&[&FILES as &[&str], &[into.as_str()], overrides].concat());
    std::fs::read(fixture.path(&format!("{directory}/attribution.npy"))).expect("an attribution")
}

#[test]
fn text_is_read_with_and_without_names() {
    let fixture = with(INPUTS, TARGETS);
    let plain = attribution(&fixture, "plain", &[]);
    fixture.write("x.csv", format!("a,b,c\n{INPUTS}\n\n").as_bytes());
    fixture.write("y.csv", format!("class\n{TARGETS}").as_bytes());
    assert_eq!(attribution(&fixture, "named", &[]), plain);
    fixture.write("x.csv", INPUTS.replace(',', ";").replace('.', ",").as_bytes());
    assert_eq!(attribution(&fixture, "commas", &["data.train.separator=;"]), plain);
}

/// A table that was saved with the numbers of its columns, and labels with the number of theirs: 21 pairs of 20 examples, all
/// shifted by one.
#[test]
fn numbers_of_columns_are_no_example() {
    let fixture = with(&format!("0,1,2\n{INPUTS}"), &format!("0\n{TARGETS}"));
    fixture.refuses(
        &FILES,
        &["x.csv: line 1 (0,1,2)", "set data.train.header = true if it is names, false if it is a row"],
    );
    let named = attribution(&fixture, "named", &["data.train.header=true"]);
    let rows = attribution(&fixture, "rows", &["data.train.header=false"]);
    assert!(rows.len() > named.len());
    // Where one file alone has them, its number of lines tells.
    let one = with(INPUTS, &format!("0\n{TARGETS}"));
    one.refuses(&FILES, &["y.csv: has 5 lines of numbers for 4 rows", "data.train.header = { targets = true, … }"]);
    assert_eq!(attribution(&one, "one", &["data.train.header={ targets = true }"]), named);
    one.write("y.csv", TARGETS.as_bytes());
    let all = [&FILES as &[&str], &["data.train.header=true"]].concat();
    one.write("x.csv", format!("0,1,2\n{INPUTS}").as_bytes());
    one.refuses(&all, &["y.csv: has 3 lines of numbers for 4 rows", "data.train.header = { targets = false, … }"]);
    assert_eq!(attribution(&one, "two", &["data.train.header={ inputs = true }"]), named);
}

/// How many rows another file has tells whether a line of whole numbers is one.
#[test]
fn the_rows_of_an_array_beside_a_text_settle_its_first_line() {
    let fixture = with("0,1,2\n5,1,4\n2,2,1\n3,0,3\n", TARGETS);
    fixture.refuses(&FILES, &["x.csv: line 1 (0,1,2) may be names of columns or a row"]);
    fixture.succeeds(&[FILES[0]]);
    fixture.write("x.csv", b"0,1,2\n5,1,4\n2,2,1\n3,0,3\n1,1,1\n");
    fixture.refuses(
        &[FILES[0], "run.directory=other"],
        &["x.csv: has 5 lines of numbers for 4 rows", "data.train.header = { inputs = true, … }"],
    );
}

/// `numpy.savetxt` writes whole numbers as reals, unless it is told otherwise.
#[test]
fn classes_may_be_written_as_reals() {
    let fixture = with(INPUTS, TARGETS);
    let plain = attribution(&fixture, "plain", &[]);
    let number = |class: &str| format!("{class}.000000000000000000e+00\n");
    fixture.write("y.csv", TARGETS.lines().map(number).collect::<String>().as_bytes());
    assert_eq!(attribution(&fixture, "reals", &[]), plain);
    fixture.write("y.csv", b"1,0\n0,1\n0,1\n1,0\n");
    fixture.refuses(&FILES, &["y.csv", "has shape [4, 2]", "save them as float32, or the classes alone (y.argmax(1))"]);
}

#[test]
fn a_separator_at_the_end_of_lines_is_named() {
    let fixture = with(&INPUTS.replace('\n', ",\n"), TARGETS);
    fixture.refuses(&FILES, &["x.csv: line 1 (-0.5,0,0.5,) ends with ','", "from the end of every line"]);
    fixture.write("x.csv", format!("a,b,c,\n{}", INPUTS.replace('\n', ",\n")).as_bytes());
    fixture.refuses(&FILES, &["x.csv: line 2 (-0.5,0,0.5,) ends with ','"]);
}

/// An empty row of the inputs and another one of the labels: as many rows are left of both, and each is beside another's label.
#[test]
fn rows_are_not_lost() {
    let lines = |text: &str, at: usize, hole: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines[at] = hole;
        lines.join("\n")
    };
    let fixture = with(&lines(INPUTS, 1, ",,"), &lines(TARGETS, 2, ""));
    fixture.refuses(&FILES, &["x.csv: line 2 is empty", "y.csv: line 3 is empty", "remove the example from all files"]);
    fixture.write("x.csv", INPUTS.as_bytes());
    fixture.refuses(&FILES, &["y.csv: line 3 is empty"]);
    // At the end nothing is lost but what the other file has.
    fixture.write("y.csv", lines(TARGETS, 3, "").as_bytes());
    fixture.refuses(&FILES, &["y.csv: has shape [3], but", "x.csv holds 4 examples"]);
}

#[test]
fn arrays_of_other_lengths_are_refused_with_both() {
    let fixture = with(INPUTS, TARGETS);
    for key in ["weights", "groups"] {
        fixture.write("w.csv", b"2\n1\n1\n");
        let given = format!("data.train.{key}=w.csv");
        fixture.refuses(&[&FILES as &[&str], &[&given]].concat(), &["w.csv", "[3]", "[4]", "x.csv holds 4"]);
    }
    fixture.write("q.npy", &npy_f64(&[3, 3], &[0.5; 9]));
    fixture.write("o.csv", b"0.5,1\n0.5,2\n");
    let queries = ["data.query.inputs=q.npy", "data.query.outputs=o.csv"];
    fixture.refuses(&queries, &["o.csv", "[2, 2]", "[3, 2]"]);
}

#[test]
fn the_keys_of_text_take_what_they_say() {
    let fixture = with(INPUTS, TARGETS);
    for (given, words) in [
        ("data.train.separator=x", ["data.train.separator", "it must be \",\", \";\""]),
        ("data.train.header={ input = true }", ["data.train.header.input", "did you mean \"inputs\"?"]),
        ("data.train.header=1", ["data.train.header", "must be true or false, or a table"]),
        ("data.query.reshape=true", ["data.query.inputs", "required"]),
    ] {
        fixture.refuses(&[&FILES as &[&str], &[given]].concat(), &words);
    }
    let semicolons = INPUTS.replace(',', ";").replace('.', ",");
    fixture.write("x.csv", semicolons.as_bytes());
    fixture.refuses(&FILES, &["decimal commas, and ';' between them: set data.train.separator = \";\""]);
}
