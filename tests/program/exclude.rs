//! `data.train.exclude`: examples that are left out.

use crate::bytes::{npy_f64, npy_i64};
use crate::common::report::Report;
use crate::fixture::{Fixture, stderr, stdout};
use pathkernel::formats::MappedArray;
use pathkernel::random::numbers;
use serde_json::Value;
use std::fs;

const M: usize = 30;
const DROPPED: [usize; 4] = [17, 0, 29, 5];
/// The numbers of those that are left, in order.
fn left() -> Vec<usize> {
    (0..M).filter(|number| !DROPPED.contains(number)).collect()
}

/// The files of a training set, and those without the dropped rows.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let (inputs, weights) = (numbers(3, M * 3), numbers(4, M));
    let classes: Vec<i64> = (0..M as i64).map(|row| row * 5 % 2).collect();
    let groups: Vec<i64> = (0..M as i64).map(|row| row * 11 % 7).collect();
    let all: Vec<usize> = (0..M).collect();
    for (end, rows) in [("", &all), ("_left", &left())] {
        let m = rows.len();
        let x: Vec<f64> = rows.iter().flat_map(|&row| inputs[row * 3..][..3].to_vec()).collect();
        let w: Vec<f64> = rows.iter().map(|&row| weights[row].abs() + 0.1).collect();
        let of = |values: &[i64]| rows.iter().map(|&row| values[row]).collect::<Vec<_>>();
        fixture.write(&format!("x{end}.npy"), &npy_f64(&[m, 3], &x));
        fixture.write(&format!("w{end}.npy"), &npy_f64(&[m], &w));
        fixture.write(&format!("y{end}.npy"), &npy_i64(&[m], &of(&classes)));
        fixture.write(&format!("g{end}.npy"), &npy_i64(&[m], &of(&groups)));
    }
    // Batches name those that are left by their numbers in the files, and by their places in the shorter ones.
    let places: Vec<i64> = (0..12).map(|place| place * 7 % 26).collect();
    let named: Vec<i64> = places.iter().map(|&place| left()[place as usize] as i64).collect();
    fixture.write("b.npy", &npy_i64(&[3, 4], &named));
    fixture.write("b_left.npy", &npy_i64(&[3, 4], &places));
    fixture.write("drop.npy", &npy_i64(&[4], &DROPPED.map(|number| number as i64)));
    fixture
}

/// The same run on files without these rows, to the bit.
#[test]
fn a_run_without_examples_is_that_of_shorter_files() {
    let fixture = fixture();
    let runs: [&[&str]; 4] = [
        &[],
        &["data.train.weights=w{}.npy", "training.batch_size=8"],
        &["data.train.groups=g{}.npy", "kernel.own=true"],
        &["training.batches=b{}.npy", "kernel.own=true", "kernel.superposition=true"],
    ];
    for run in runs {
        let execute = |end: &str, more: &[&str]| {
            let files = ["data.train.inputs=x{}.npy", "data.train.targets=y{}.npy"];
            let words: Vec<String> = run.iter().chain(&files).map(|word| word.replace("{}", end)).collect();
            fixture.succeeds(&words.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>());
        };
        execute("_left", &["run.directory=left"]);
        execute("", &["run.directory=out", "data.train.exclude=drop.npy"]);
        let mut compared = 0;
        for entry in fs::read_dir(fixture.path("left")).expect("a folder") {
            let path = entry.expect("a file").path();
            if ["npy", "safetensors"].iter().any(|end| path.extension() == Some(end.as_ref())) {
                let other = fixture.path("out").join(path.file_name().expect("a name"));
                assert!(
                    fs::read(&path).expect("a file") == fs::read(other).expect("a file"),
                    "{run:?}: {}",
                    path.display()
                );
                compared += 1;
            }
        }
        assert!(compared >= 6, "{run:?}: {compared} files");
        ["left", "out"].iter().for_each(|name| fs::remove_dir_all(fixture.path(name)).expect("a folder"));
    }
}

#[test]
fn examples_are_shown_by_their_numbers_in_the_files() {
    let fixture = fixture();
    fixture.write("drop.csv", b"17\n0\n29\n5\n");
    fixture.succeeds(&["data.train.exclude=drop.csv", "data.train.header={ exclude = false }", "kernel.own=true"]);
    let array = MappedArray::open(&fixture.path("out/attribution.npy")).expect("an array").expect("a file");
    assert_eq!(array.shape, [26, 26, 2]);
    let json = |arguments: &[&str]| -> Value {
        let output = fixture.pathkernel(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).expect("JSON")
    };
    let numbers = |answer: &Value, lists: &[&str]| -> Vec<usize> {
        let of = |list: &str| answer[list].as_array().expect("a list").clone();
        let all = lists.iter().flat_map(|list| of(list));
        let mut all: Vec<usize> = all.map(|moved| moved["number"].as_u64().expect("a number") as usize).collect();
        all.sort_unstable();
        all
    };
    let top = json(&["top", "out", "--query", "3", "--output", "1", "--k", "26", "--json"]);
    assert_eq!(numbers(&top, &["raised", "lowered"]), left());
    for moved in ["raised", "lowered"].iter().flat_map(|list| top[list].as_array().expect("a list").clone()) {
        let (number, amount) =
            (moved["number"].as_u64().expect("a number"), moved["amount"].as_f64().expect("an amount"));
        let column = left().iter().position(|&own| own as u64 == number).expect("it is left");
        assert_eq!(array.all()[(3 * 26 + column) * 2 + 1], amount);
        assert_eq!(moved["class"].as_u64(), Some(number * 5 % 2));
    }
    assert_eq!(numbers(&json(&["self", "out", "--k", "26", "--json"]), &["largest"]), left());
    let of_example = json(&["top", "out", "--example", "28", "--json"]);
    assert_eq!((of_example["example"].as_u64(), of_example["class"].as_u64()), (Some(28), Some(0)));
    fixture.refuses_command(&["top", "out", "--example", "17"], &["no example 17", "data.train.exclude"]);
    fixture.refuses_command(&["top", "out", "--example", "30"], &["no example 30", "from 0 to 28"]);
    let mut shown = Report::read(&fixture.path("out")).places("/examples/numbers");
    shown.sort_unstable();
    assert_eq!(shown, left());
}

#[test]
fn what_cannot_be_left_out_is_refused() {
    let fixture = fixture();
    let refuses = |numbers: &[i64], more: &[&str], words: &[&str]| {
        fixture.write("bad.npy", &npy_i64(&[numbers.len()], numbers));
        fixture.refuses(&[&["data.train.exclude=bad.npy"], more].concat(), &[&["bad.npy"], words].concat());
    };
    refuses(&[3, 30], &[], &["names example 30", "examples 0 to 29"]);
    refuses(&[-1], &[], &["names example -1"]);
    refuses(&[4, 2, 4], &[], &["example 4 twice"]);
    refuses(&(0..30).collect::<Vec<_>>(), &[], &["all 30 examples"]);
    let batch = left()[7] as i64;
    refuses(
        &[batch],
        &["training.batches=b.npy"],
        &["b.npy: step 0 names example", "leaves out", "data.train.exclude"],
    );
    refuses(&[2], &["training.batches=[[1, 3], [4, 2], [6, 7]]"], &["training.batches: step 1 names example 2"]);
    let vectors = ["kernel.superposition=true", "kernel.superposition_vectors=[3]"];
    refuses(&[3], &vectors, &["superposition_vectors", "names example 3", "leaves out"]);
    fixture.write("bad.npy", &npy_f64(&[1], &[1.5]));
    fixture.refuses(&["data.train.exclude=bad.npy"], &["bad.npy", "real numbers"]);
}

/// Another list of examples is another run, and so is a list that was changed.
#[test]
fn the_list_belongs_to_the_run() {
    let fixture = fixture();
    fixture.succeeds(&["data.train.exclude=drop.npy"]);
    fixture.refuses(&[], &["holds a different run", "data.train.exclude"]);
    fixture.write("drop.npy", &npy_i64(&[1], &[3]));
    fixture.refuses(&["data.train.exclude=drop.npy"], &["other data", "data.train.exclude"]);
}
