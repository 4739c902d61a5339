//! What examples and classes are called and how they are shown: in the report, and in answers.

use crate::bytes::{npy_f64, npy_i64};
use crate::common::report::Report;
use crate::fixture::{Fixture, stderr, stdout};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

const CLASSES: &str = "report.class_names=['cat', '<b>dog']";

fn page(fixture: &Fixture) -> Report {
    Report::read(&fixture.path("out"))
}

/// The report made again with other keys.
fn again(fixture: &Fixture, overrides: &[&str]) -> Report {
    let output = fixture.pathkernel(&[&["report", "out"], overrides].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    page(fixture)
}

#[track_caller]
fn holds(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "no {word:?}");
    }
}

/// Four examples of four numbers, which are the queries too.
fn flat() -> Fixture {
    let fixture = Fixture::with("input = [3]", "input = [4]");
    fixture.write("x.npy", &npy_f64(&[4, 4], &(0..16).map(|at| f64::from(at * 7 % 11) / 8.0).collect::<Vec<_>>()));
    fixture.write("names.txt", "Ann\r\nBob & Bo\n\n\u{1b}[1mDora\n".as_bytes());
    fixture
}

#[test]
fn names_and_pictures_change_the_page_and_no_result() {
    let fixture = flat();
    fixture.succeeds(&["kernel.kernel=trace", "report.shape=[2, 2]", CLASSES, "report.names=names.txt"]);
    let first = page(&fixture);
    let called = |page: &Report, what: &str| {
        let numbers = page.places(&format!("/{what}/numbers"));
        let names = page.word(&format!("/{what}/names")).as_array().expect("names").clone();
        numbers.into_iter().zip(names).collect::<BTreeMap<usize, Value>>().into_values().collect::<Vec<Value>>()
    };
    for what in ["examples", "queries"] {
        assert_eq!(called(&first, what), ["Ann", "Bob & Bo", "", "[1mDora"], "{what}");
    }
    assert_eq!(first.word("/run/class_names"), &json!(["cat", "<b>dog"]));
    assert_eq!(first.word("/details/labels"), &json!({ "0": "cat", "1": "<b>dog" }));
    assert_eq!(first.word("/details/subjects/1"), "output 1 (<b>dog)");
    assert!(!first.file.contains("<b>dog") && !first.file.contains('\u{1b}'));
    assert_eq!(
        (first.word("/queries/inputs/shape"), first.word("/examples/inputs/count")),
        (&json!([1, 2, 2]), &4.into())
    );
    // The run is the same with other keys, and its report is made again with any.
    let output = fixture.run(&["kernel.kernel=trace"]);
    assert!(stdout(&output).contains("nothing to do"), "{}", stdout(&output));
    assert!(again(&fixture, &[]).file == first.file);
    let other = again(&fixture, &["report.class_names=[\"x\", \"y\"]", "report.shape=[1, 1, 4]"]);
    assert_eq!(
        (other.word("/run/class_names/0"), other.word("/examples/inputs/kind")),
        (&"x".into(), &"values".into())
    );
    assert_eq!(called(&other, "examples"), called(&first, "examples"));
}

#[test]
fn answers_name_examples_and_classes() {
    let fixture = flat();
    fixture.succeeds(&[CLASSES]);
    let told = |arguments: &[&str]| {
        let output = fixture.pathkernel(&[&["top", "out"], arguments].concat());
        assert!(output.status.success());
        stdout(&output)
    };
    holds(
        &told(&["--query", "1", "--output", "0"]),
        &["query 1, of class 1 (<b>dog): output 0 (cat) went", "class 0 (cat)"],
    );
    let names = "report.names=names.txt";
    holds(&told(&[names, "--query", "1"]), &["query 1 (Bob & Bo)", "  Ann\n"]);
    holds(&told(&["--example", "0", names]), &["example 0 (Ann), of class 0 (cat)", "query 1  class 1 (<b>dog)"]);
    let json: serde_json::Value = serde_json::from_str(&told(&["--query", "0", "--json", names])).expect("JSON");
    assert_eq!((&json["name"], &json["class_name"]), (&"Ann".into(), &"cat".into()));
    told(&["--query", "0", "--csv", "moved.csv", names]);
    holds(&fs::read_to_string(fixture.path("moved.csv")).expect("a file"), &[",\"<b>dog\",\"Bob & Bo\"\n"]);
}

/// Queries of their own have no names, and a group has that of its first row.
#[test]
fn names_are_of_the_training_examples_rows() {
    let fixture = flat();
    fixture.write("q.npy", &npy_f64(&[1, 4], &[0.5; 4]));
    fixture.write("g.npy", &npy_i64(&[4], &[7, 5, 5, 7]));
    fixture.succeeds(&["data.query.inputs=q.npy", "data.train.groups=g.npy", "report.names=names.txt"]);
    let shown = page(&fixture);
    let groups = shown.word("/examples/groups").as_array().expect("groups").clone();
    let names = shown.word("/examples/names").as_array().expect("names").clone();
    let named: Vec<(Value, Value)> = groups.into_iter().zip(names).collect();
    let has = |group: i64, name: &str| named.contains(&(group.into(), name.into()));
    assert!(named.len() == 2 && has(5, "Bob & Bo") && has(7, "Ann"), "{named:?}");
    assert!(shown.word("/queries/names").is_null());
}

#[test]
fn tokens_are_shown_as_text() {
    let fixture = Fixture::with(
        "input = [3]\nlayers = [",
        "inputs = { tokens = { shape = [3], type = \"integer\" } }\nlayers = [\n  { type = \"embedding\", from = \"tokens\", count = 5, features = 2 }, { type = \"flatten\" },",
    );
    fixture.write("x.npy", &npy_i64(&[4, 3], &[0, 1, 3, 2, 1, 3, 0, 1, 4, 2, 4, 4]));
    fixture.write("vocab.json", "{\"The\": 0, \"Ġcat\": 1, \"A\": 2, \"Ġ<script>\": 3}".as_bytes());
    fixture.succeeds(&["report.vocabulary=vocab.json"]);
    let texts = |page: &Report, what: &str| {
        let words = page.word(&format!("/{what}/inputs/words")).as_array().expect("words").clone();
        let (starts, tokens) =
            (page.places(&format!("/{what}/inputs/starts")), page.places(&format!("/{what}/inputs/tokens")));
        let text = |place: usize| -> String {
            tokens[starts[place]..starts[place + 1]].iter().filter_map(|&token| words[token].as_str()).collect()
        };
        let mut all: Vec<String> = (0..starts.len() - 1).map(text).collect();
        all.sort();
        all
    };
    let shown = page(&fixture);
    for what in ["queries", "examples"] {
        assert_eq!(texts(&shown, what), ["A cat <script>", "A[4][4]", "The cat <script>", "The cat[4]"], "{what}");
    }
    assert!(!shown.file.contains("<script>"));
    fixture.write("list.json", br#"["a", "b", "c", "d", "e"]"#);
    let other = texts(&again(&fixture, &["report.vocabulary=list.json"]), "examples");
    assert!(other.contains(&"abd".to_owned()) && other.contains(&"cee".to_owned()), "{other:?}");
}

#[test]
fn names_that_do_not_fit_are_refused() {
    let fixture = flat();
    fixture.write("short.txt", b"a\nb\n");
    fixture.write("latin.txt", b"a\nb\xe9\nc\nd\n");
    fixture.write("vocab.json", b"[1]");
    fixture.write("words.json", b"{\"a\": 0}");
    let cases: [(&str, &[&str]); 10] = [
        ("report.class_names=['a', 'b', 'c']", &["report.class_names", "3 names", "[2]"]),
        ("report.class_names=[1, 2]", &["report.class_names", "string"]),
        ("report.names=short.txt", &["report.names", "short.txt has 2 lines", "4 training examples"]),
        ("report.names=latin.txt", &["latin.txt: line 2 is no UTF-8"]),
        ("report.names=none.txt", &["none.txt: no such file"]),
        ("report.shape=[2, 3]", &["report.shape", "[2, 3] has not the 4 values of an input"]),
        ("report.shape=[4]", &["report.shape", "[4] is no picture"]),
        ("report.vocabulary=vocab.json", &["vocab.json: element 0 is 1"]),
        ("report.vocabulary=words.json", &["report.vocabulary", "no input of type = \"integer\""]),
        ("report.clas_names=['a', 'b']", &["did you mean \"class_names\"?"]),
    ];
    for (given, words) in cases {
        fixture.refuses(&[given], words);
    }
    fixture.succeeds(&[]);
    for (given, words) in cases {
        fixture.refuses_command(&["report", "out", given], words);
        fixture.refuses_command(&["top", "out", given, "--query", "0"], words);
    }
    fixture.refuses_command(&["report", "out", "kernel.accept=1"], &["kernel.accept=1", "[report] alone"]);
    fixture.refuses_command(&["report", CLASSES], &["no run directory"]);
}

/// What a run was given may be gone when its report is made again.
#[test]
fn a_report_without_its_names_has_numbers() {
    let fixture = flat();
    fixture.succeeds(&["report.names=names.txt"]);
    fs::remove_file(fixture.path("names.txt")).expect("a file");
    let output = fixture.pathkernel(&["report", "out"]);
    assert!(output.status.success());
    let shown = page(&fixture);
    assert!(shown.places("/examples/numbers").contains(&1) && !shown.file.contains("Bob"));
}
