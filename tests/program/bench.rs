//! `pathkernel bench`, and the record of what a run chose.

use crate::fixture::Fixture;
use serde_json::Value;
use std::fs;

/// Standard output as one JSON object.
fn json(fixture: &Fixture, arguments: &[&str]) -> Value {
    let output = fixture.pathkernel(&[&["bench"], arguments].concat());
    let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    let value: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"));
    assert!(value.is_object(), "{value}");
    value
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} is no number in {value}"))
}

const SMALL: [&str; 10] =
    ["--layers", "6,8,4", "--queries", "3", "--examples", "5", "--device", "cpu", "--repeats", "3"];

/// Two operations a multiply-add: of the factored contraction, of forward, and of backward but for the first layer.
#[test]
fn kernel_counts_operations_from_the_shapes_alone() {
    let fixture = Fixture::new();
    let (n, m, c) = (3.0, 5.0, 4.0);
    let forward = (n + m) * (6.0 * 8.0 + 8.0 * 4.0);
    let inputs = n * m * (6.0 + 8.0);
    for (kernel, pairs, copies) in [("full", c * c, c), ("diagonal", c, c), ("trace", c, c), ("attribution", c, 1.0)] {
        let want = 2.0 * (forward + inputs + n * m * pairs * (8.0 + 4.0) + (n * c + m * copies) * 8.0 * 4.0);
        for contraction in ["factored", "half", "materialised"] {
            let arguments = [&["kernel", "--json", "--kernel", kernel, "--contraction", contraction], &SMALL[..]];
            let figures = json(&fixture, &arguments.concat());
            assert_eq!(number(&figures, "flops"), want, "{kernel}, {contraction}");
            let (seconds, gflops) = (number(&figures, "seconds"), number(&figures, "gflops"));
            assert!(seconds > 0.0 && (gflops - want / seconds / 1e9).abs() <= 1e-9 * gflops);
            let (gemm, fraction) = (number(&figures, "gemm_gflops"), number(&figures, "fraction_of_gemm"));
            assert!((fraction - gflops / gemm).abs() <= 1e-9 * fraction);
            assert_eq!(figures["contraction"]["0"], contraction);
            assert!(figures["device"].as_str().is_some_and(|device| device.starts_with("CPU")));
        }
    }
}

#[test]
fn a_network_that_no_memory_holds_is_refused() {
    let words = ["the weights and the data", "of memory, and", "are free"];
    Fixture::new().refuses_command(&["bench", "kernel", "--layers", "4000000000,1000", "--device", "cpu"], &words);
}

#[test]
fn the_other_benches_print_one_object_each() {
    let fixture = Fixture::new();
    let accumulate = json(&fixture, &[&["accumulate", "--steps", "2", "--json"], &SMALL[..]].concat());
    // 3 × 5 pairs of 4 × 4 entries, twice.
    let seconds = number(&accumulate, "seconds");
    assert!((number(&accumulate, "entries_per_second") * seconds - 480.0).abs() < 1e-6);
    let operations =
        json(&fixture, &["operations", "--size", "64,64,64", "--device", "cpu", "--repeats", "1", "--json"]);
    let listed = operations["operations"].as_array().expect("a list");
    assert!(listed.iter().any(|figure| figure["operation"] == "matmul"));
    assert!(listed.iter().all(|figure| figure["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0)));
    let run = json(&fixture, &["run", "run.toml", "run.device=cpu", "--json"]);
    assert_eq!(run["steps"], 3);
    assert!(number(&run, "steps_per_second") > 0.0);
    assert!(!fixture.path("out").exists(), "a bench writes no run directory");
}

#[test]
fn bad_arguments_of_a_bench_are_refused() {
    let fixture = Fixture::new();
    for (arguments, word) in [
        (&["kernel", "--layers", "5"][..], "two widths"),
        (&["kernel", "--layers", "5,0,2"], "at least 1"),
        (&["kernel", "--queries", "0"], "--queries"),
        (&["kernel", "--activation", "tahn"], "tanh"),
        (&["kernel", "--contraction", "fast"], "factored"),
        (&["kernel", "--model", "none.toml"], "none.toml"),
        (&["accumulate", "--steps", "0"], "--steps"),
        (&["operations", "--size", "1,0,1"], "--size"),
        (&["run"], "FILE"),
    ] {
        let output = fixture.pathkernel(&[&["bench"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
}

/// What was measured when a run began is in its run.toml, and the same again from there.
#[test]
fn the_contraction_is_recorded_and_can_be_given() {
    let fixture = Fixture::new();
    fixture.succeeds(&[]);
    let recorded = fs::read_to_string(fixture.path("out/run.toml")).expect("run.toml");
    let table: toml::Table = recorded.parse().expect("TOML");
    let contraction = table["kernel"]["contraction"].as_array().expect("a list").clone();
    assert_eq!(contraction.len(), 2);
    let summary = fs::read_to_string(fixture.path("out/summary.json")).expect("summary.json");
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(summary["contraction"]["0"].as_str(), contraction[0].as_str());
    let output = fixture.pathkernel(&["run", "out/run.toml", "run.directory=again"]);
    assert_eq!(output.status.code(), Some(0));
    let bytes = |directory: &str| fs::read(fixture.path(directory).join("attribution.npy")).expect("an array");
    assert!(bytes("out") == bytes("again"), "one record, different bits");

    fixture.succeeds(&["run.directory=half", "kernel.contraction=[\"half\", \"materialised\"]"]);
    fixture.refuses(&["run.directory=x", "kernel.contraction=[\"half\"]"], &["kernel.contraction", "2 have weights"]);
    fixture.refuses(
        &["run.directory=x", "kernel.contraction=[\"output\", \"half\"]"],
        &["kernel.contraction", "layer 0", "averaged"],
    );
    fixture.refuses(&["run.directory=x", "kernel.contraction=[\"halv\", \"half\"]"], &["kernel.contraction", "half"]);
}
