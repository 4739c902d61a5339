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

/// Two operations a multiply-add: of forward, of backward but for the first layer, and of what each contraction does. The effective
/// rate is that of contracting in factors, whatever was done.
#[test]
fn kernel_counts_operations_from_the_shapes_alone() {
    let fixture = Fixture::new();
    let (n, m, c) = (3.0, 5.0, 4.0);
    let forward = (n + m) * (6.0 * 8.0 + 8.0 * 4.0);
    for (kernel, pairs, copies) in [("full", c * c, c), ("diagonal", c, c), ("trace", c, c), ("attribution", c, 1.0)] {
        let passes = forward + (n * c + m * copies) * 8.0 * 4.0;
        // Of both layers, height and width with the bias.
        let both = |one: &dyn Fn(f64, f64) -> f64| one(8.0, 7.0) + one(4.0, 9.0);
        let factored = both(&|h, w| n * m * (w - 1.0 + pairs * h));
        let materialised = both(&|h, w| (n * m * pairs + n * c + m * copies) * h * w);
        let half = both(&|h, w| (n * c * m + n * c) * h * w);
        for (contraction, done) in [("factored", factored), ("half", half), ("materialised", materialised)] {
            let arguments = [&["kernel", "--json", "--kernel", kernel, "--contraction", contraction], &SMALL[..]];
            let figures = json(&fixture, &arguments.concat());
            assert_eq!(number(&figures, "flops"), 2.0 * (passes + done), "{kernel}, {contraction}");
            assert_eq!(number(&figures, "effective_flops"), 2.0 * (passes + factored), "{kernel}, {contraction}");
            let seconds = number(&figures, "seconds");
            for (operations, rate) in [("flops", "gflops"), ("effective_flops", "effective_gflops")] {
                let (want, rate) = (number(&figures, operations) / seconds / 1e9, number(&figures, rate));
                assert!(seconds > 0.0 && (rate - want).abs() <= 1e-9 * want);
            }
            let (gemm, fraction) = (number(&figures, "gemm_gflops"), number(&figures, "fraction_of_gemm"));
            assert!((fraction - number(&figures, "gflops") / gemm).abs() <= 1e-9 * fraction);
            assert_eq!(figures["contraction"]["0"], contraction);
            assert!(figures["device"].as_str().is_some_and(|device| device.starts_with("CPU")));
        }
    }
}

/// What was printed elsewhere is measured again by its own words; two files are compared as they are.
#[test]
fn a_bench_is_compared_with_what_another_printed() {
    let fixture = Fixture::new();
    let figures = json(&fixture, &[&["kernel", "--json"], &SMALL[..]].concat());
    let mut twice = figures.clone();
    twice["seconds"] = (2.0 * number(&figures, "seconds")).into();
    for (file, value) in [("here.json", &figures), ("there.json", &twice)] {
        fs::write(fixture.path(file), value.to_string()).expect("a file");
    }
    let output = fixture.pathkernel(&["bench", "compare", "there.json", "here.json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    let row = said.lines().find(|line| line.starts_with("seconds")).expect("a row of seconds");
    assert!(row.ends_with("2.00x"), "{said}");
    let output = fixture.pathkernel(&["bench", "compare", "there.json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(said.contains("effective_gflops"), "{said}");
    let words = ["run.toml", "bench … --json"];
    fixture.refuses_command(&["bench", "compare", "run.toml"], &words);
    fs::write(fixture.path("other.json"), "{\"arguments\": [\"kernle\"]}").expect("a file");
    fixture.refuses_command(&["bench", "compare", "other.json"], &["other.json", "kernle"]);
}

/// A line a device, the processor's first.
#[test]
fn devices_are_a_table() {
    let fixture = Fixture::new();
    let arguments = ["--layers", "6,8,4", "--queries", "3", "--examples", "5", "--repeats", "1"];
    let output = fixture.pathkernel(&[&["bench", "devices"], &arguments[..]].concat());
    let said = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<&str> = said.lines().filter(|line| line.starts_with("| CPU")).collect();
    assert_eq!(rows.len(), 2, "{said}");
    assert!(rows.iter().all(|row| row.matches('|').count() == 8 && row.contains("3 x 5")), "{said}");
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
