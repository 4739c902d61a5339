//! `pathkernel top`: the examples that moved a query, the queries that an example moved.

use crate::bytes::{npy_f64, npy_i64};
use crate::fixture::{Fixture, stderr, stdout};
use pathkernel::formats::MappedArray;
use serde_json::Value;
use std::fs;

/// A finished run with three queries of their own; gives its attribution too, `[3, 4, 2]`.
fn finished() -> (Fixture, Vec<f64>) {
    let fixture = Fixture::new();
    fixture.write("q.npy", &npy_f64(&[3, 3], &[0.4, -0.2, 0.1, -0.3, 0.5, 0.2, 0.0, 0.9, -0.7]));
    fixture.write("z.npy", &npy_i64(&[3], &[1, 0, 1]));
    fixture.succeeds(&["data.query.inputs=q.npy", "data.query.targets=z.npy"]);
    let array = MappedArray::open(&fixture.path("out/attribution.npy")).expect("an array").expect("a file");
    assert_eq!(array.shape, [3, 4, 2]);
    (fixture, array.all())
}

fn json(fixture: &Fixture, arguments: &[&str]) -> Value {
    let output = fixture.pathkernel(&[&["top", "out", "--json"], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).expect("JSON")
}

/// The numbers and amounts of both lists, the raised ones first.
fn lists(answer: &Value) -> Vec<(usize, f64)> {
    let list = |name: &str| answer[name].as_array().expect("a list").clone();
    let one = |moved: &Value| {
        (moved["number"].as_u64().expect("a number") as usize, moved["amount"].as_f64().expect("an amount"))
    };
    list("raised").iter().chain(&list("lowered")).map(one).collect()
}

/// What the lists should be: all amounts by their size, those above zero from the largest, those below from the smallest.
fn sorted(amounts: &[f64]) -> Vec<(usize, f64)> {
    let mut all: Vec<(usize, f64)> = amounts.iter().copied().enumerate().collect();
    all.sort_by(|a, b| (b.1 > 0.0).cmp(&(a.1 > 0.0)).then(b.1.abs().total_cmp(&a.1.abs())));
    all
}

#[test]
fn the_examples_of_a_query_are_those_of_its_row() {
    let (fixture, array) = finished();
    for (query, output) in [(0, 0), (2, 1)] {
        let arguments = ["--query", &query.to_string(), "--output", &output.to_string()];
        let answer = json(&fixture, &arguments);
        let row: Vec<f64> = (0..4).map(|example| array[(query * 4 + example) * 2 + output]).collect();
        assert_eq!(lists(&answer), sorted(&row));
        let sum: f64 = row.iter().filter(|amount| **amount > 0.0).sum();
        assert!((answer["raised_by"].as_f64().expect("a sum") - sum).abs() <= 1e-12 * sum);
        let classes: Vec<u64> = vec![0, 1, 1, 0];
        for moved in answer["raised"].as_array().expect("a list") {
            let number = moved["number"].as_u64().expect("a number") as usize;
            assert_eq!(moved["class"].as_u64(), Some(classes[number]));
        }
    }
    // Without an output it is the predicted class.
    let prediction = MappedArray::open(&fixture.path("out/prediction.npy")).expect("an array").expect("a file").all();
    let predicted = usize::from(prediction[3] > prediction[2]);
    assert_eq!(json(&fixture, &["--query", "1"])["output"].as_u64(), Some(predicted as u64));
    let one = json(&fixture, &["--query", "1", "--k", "1"]);
    assert!(lists(&one).len() <= 2);
}

#[test]
fn the_queries_of_an_example_are_those_of_its_column() {
    let (fixture, array) = finished();
    let answer = json(&fixture, &["--example", "2", "--output", "1"]);
    let column: Vec<f64> = (0..3).map(|query| array[(query * 4 + 2) * 2 + 1]).collect();
    assert_eq!(lists(&answer), sorted(&column));
    assert_eq!(answer["class"].as_u64(), Some(1));
    let output = fixture.pathkernel(&["top", "out", "--example", "2", "--csv", "moved.csv"]);
    assert!(output.status.success() && stdout(&output).contains("example 2, of class 1"), "{}", stdout(&output));
    let text = fs::read_to_string(fixture.path("moved.csv")).expect("a file");
    assert!(
        text.starts_with("query,amount,class,group,output,class_name,name\n") && text.lines().count() == 4,
        "{text}"
    );
}

#[test]
fn what_is_not_there_is_told() {
    let (fixture, _) = finished();
    fixture.refuses_command(&["top", "out", "--query", "3"], &["no query 3", "from 0 to 2"]);
    fixture.refuses_command(&["top", "out", "--example", "4"], &["no example 4", "from 0 to 3"]);
    fixture.refuses_command(&["top", "out", "--query", "0", "--output", "2"], &["no output 2", "from 0 to 1"]);
    let inside = ["top", "out", "--query", "0", "--csv", "out/attribution.npy"];
    fixture.refuses_command(&inside, &["--csv", "run directory", "elsewhere"]);
    fixture.refuses_command(&["top", "nowhere", "--query", "0"], &["nowhere", "no finished run"]);
    fixture.refuses_command(&["top", "out"], &["--query", "--example"]);
    fixture.refuses_command(&["top", "out", "--query", "0", "--example", "0"], &["--example"]);
    let kernel = ["run", "run.toml", "run.directory=k", "kernel.attribution=false", "kernel.kernel=trace"];
    assert!(fixture.pathkernel(&kernel).status.success());
    fixture.refuses_command(&["top", "k", "--query", "0"], &["no attribution", "kernel.attribution=true"]);
}
