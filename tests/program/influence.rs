//! `kernel.influence`: arrays, certificate, verdict, and what stands beside them.

use crate::bytes::{npy_f64, npy_i64};
use crate::fixture::{Fixture, stderr, stdout};
use pathkernel::formats::MappedArray;
use pathkernel::random::numbers;
use serde_json::Value;
use std::fs;

/// Examples and queries.
const M: usize = 12;
const N: usize = 5;
const STEPS: usize = 20;

const ON: &str = "kernel.influence=true";
const DOUBLE: &str = "run.precision=f64";
const TWENTY: &str = "training.steps=20";
const BATCHES: &str = "training.batch_size=5";
const QUERIES: &str = "data.query.inputs=q.npy";
const MOMENTUM: &str =
    "training.optimizer={ type = \"sgd\", learning_rate = 0.3, momentum = 0.8, weight_decay = 0.01 }";
const ADAM: &str = "training.optimizer={ type = \"adam\", learning_rate = 0.02 }";
const RELU: &str =
    "model.layers=[{ type = \"linear\", features = 5 }, { type = \"relu\" }, { type = \"linear\", features = 2 }]";

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let inputs = numbers(5, M * 3);
    let classes: Vec<i64> = (0..M).map(|row| i64::from(inputs[row * 3] > 0.0)).collect();
    fixture.write("x.npy", &npy_f64(&[M, 3], &inputs));
    fixture.write("y.npy", &npy_i64(&[M], &classes));
    fixture.write("q.npy", &npy_f64(&[N, 3], &numbers(6, N * 3)));
    fixture
}

fn array(fixture: &Fixture, name: &str) -> (Vec<usize>, Vec<f64>) {
    let array = MappedArray::open(&fixture.path(name)).expect("an array").unwrap_or_else(|| panic!("no {name}"));
    (array.shape.clone(), array.all())
}

fn summary(fixture: &Fixture, directory: &str) -> Value {
    let text = fs::read_to_string(fixture.path(&format!("{directory}/summary.json"))).expect("a summary");
    serde_json::from_str(&text).expect("JSON")
}

fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |most: f64, value| most.max(value.abs()))
}

/// Predictions of a run whose examples have weights, `[N, 2]`.
fn weighted(fixture: &Fixture, overrides: &[&str], weights: &[f64]) -> Vec<f64> {
    fixture.write("w.npy", &npy_f64(&[M], weights));
    fixture.succeeds(
        &[
            overrides,
            &[
                "run.directory=again",
                "data.train.weights=w.npy",
                "training.reduction=sum",
                "kernel.influence=false",
                "kernel.rule=left",
            ],
            &["kernel.accept=1e9"],
        ]
        .concat(),
    );
    let (_, prediction) = array(fixture, "again/prediction.npy");
    fs::remove_dir_all(fixture.path("again")).expect("a folder of its own");
    prediction
}

/// What another weight of one example does, by whole runs with it, is what its column says; what all do is the certificate's.
#[test]
fn a_column_is_what_another_weight_does() {
    let fixture = fixture();
    for optimizer in [MOMENTUM, ADAM] {
        let asked = [optimizer, DOUBLE, TWENTY, BATCHES, QUERIES, "training.reduction=sum"];
        fixture.succeeds(&[&asked[..], &[ON, "kernel.rule=gauss"]].concat());
        let (shape, influence) = array(&fixture, "out/influence.npy");
        assert_eq!(shape, [N, M, 2]);
        let scale = largest(influence.iter().copied());
        for example in [0, 7] {
            let h = 1e-5;
            let at = |sign: f64| -> Vec<f64> {
                let mut weights = vec![1.0; M];
                weights[example] += sign * h;
                weighted(&fixture, &asked, &weights)
            };
            let (above, below) = (at(1.0), at(-1.0));
            for place in 0..N * 2 {
                let (query, value) = (place / 2, place % 2);
                let found = influence[(query * M + example) * 2 + value];
                let want = (above[place] - below[place]) / (2.0 * h);
                // Truncation is h² = 1e-10 of a derivative that is larger, rounding 1e-16 / h.
                assert!((found - want).abs() <= 1e-6 * scale, "{optimizer}: {example}, {place}: {found} {want}");
            }
        }
        let said = &summary(&fixture, "out")["influence"];
        assert_eq!(said["verdict"], "exact", "{said}");
        let small = &said["certificate_small"];
        assert!(small["difference"].as_f64().is_some_and(|off| off < 1e-6), "{said}");
        assert!(said["growth"].as_f64().is_some_and(|growth| growth > 0.5 && growth < 1e3), "{said}");
        fs::remove_dir_all(fixture.path("out")).expect("a folder of its own");
    }
}

/// The verdict is said where people look, and again by whoever asks a finished run.
#[test]
fn the_verdict_is_said() {
    let fixture = fixture();
    let output = fixture.run(&[MOMENTUM, DOUBLE, TWENTY, QUERIES, ON]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stdout(&output);
    let line = said.lines().find(|line| line.starts_with("influence ")).expect("a line").to_owned();
    assert!(
        line.starts_with("influence         exact: training again with examples' weights moved by 7.6e-6"),
        "{line}"
    );
    assert!(said.contains("do not add up") && !said.contains("relu"), "{said}");
    let report = fs::read_to_string(fixture.path("out/report.html")).expect("a report");
    assert!(report.contains("Influence: exact"));
    for command in [&["check", "out"][..], &["run", "run.toml", MOMENTUM, DOUBLE, TWENTY, QUERIES, ON]] {
        let again = fixture.pathkernel(command);
        assert!(again.status.success() && stdout(&again).contains(&line[..40]), "{command:?}: {}", stdout(&again));
    }
    let (shape, rates) = array(&fixture, "out/influence_rates.npy");
    assert_eq!(shape, [N, 2, STEPS]);
    assert!(rates.iter().any(|rate| *rate != 0.0));
    let metrics = fs::read_to_string(fixture.path("out/metrics.jsonl")).expect("metrics");
    let growth = metrics.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["growth"].as_f64());
    assert!(growth.map(|growth| growth.expect("a number")).all(|growth| growth > 0.0));
}

/// What is changed afterwards is found, though every file holds what its checksum says.
#[test]
fn a_wrong_array_is_inexact() {
    let fixture = fixture();
    let asked = [MOMENTUM, DOUBLE, TWENTY, QUERIES, ON];
    fixture.succeeds(&asked);
    let (shape, influence) = array(&fixture, "out/influence.npy");
    let wrong: Vec<f64> = influence.iter().map(|own| own * 1.5).collect();
    fixture.write("out/influence.npy", &npy_f64(&shape, &wrong));
    let mut summary = summary(&fixture, "out");
    summary["checksums"].as_object_mut().expect("checksums").remove("influence.npy");
    fixture.write("out/summary.json", summary.to_string().as_bytes());
    let output = fixture.pathkernel(&["check", "out"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stdout(&output).contains("influence         inexact: "), "{}", stdout(&output));
}

/// Alone, in tiles of a few queries, and as lists of the largest, it is the same.
#[test]
fn however_it_is_asked_for_it_is_the_same() {
    let fixture = fixture();
    let base = [MOMENTUM, TWENTY, BATCHES, QUERIES, ON];
    fixture.succeeds(&base);
    let (_, whole) = array(&fixture, "out/influence.npy");
    let rates = array(&fixture, "out/influence_rates.npy");
    let run = |directory: &str, more: &[&str]| {
        fixture.succeeds(&[&base[..], &[&*format!("run.directory={directory}")], more].concat());
    };
    run("alone", &["kernel.attribution=false"]);
    assert!(!fixture.path("alone/attribution.npy").exists());
    assert_eq!(array(&fixture, "alone/influence.npy").1, whole);
    run("tiled", &["run.store=zarr"]);
    (*fixture).succeeds(&["export", "tiled"]);
    assert_eq!(
        (array(&fixture, "tiled/influence.npy").1, array(&fixture, "tiled/influence_rates.npy")),
        (whole.clone(), rates)
    );
    for (directory, more) in
        [("both", &["kernel.top=3"][..]), ("listed", &["kernel.top=3", "kernel.attribution=false"])]
    {
        run(directory, more);
        assert!(!fixture.path(&format!("{directory}/influence.npy")).exists());
        assert_eq!(fixture.path(&format!("{directory}/top_values.npy")).exists(), directory == "both");
        let (shape, values) = array(&fixture, &format!("{directory}/influence_top_values.npy"));
        let (_, examples) = array(&fixture, &format!("{directory}/influence_top_examples.npy"));
        assert_eq!(shape, [N, 2, 6]);
        for query in 0..N {
            for value in 0..2 {
                let mut amounts: Vec<(f64, f64)> =
                    (0..M).map(|column| (whole[(query * M + column) * 2 + value], column as f64)).collect();
                amounts.sort_by(|one, other| other.0.total_cmp(&one.0));
                for (place, &(amount, column)) in amounts.iter().filter(|(amount, _)| *amount > 0.0).take(3).enumerate()
                {
                    let at = (query * 2 + value) * 6 + place;
                    assert_eq!((values[at], examples[at]), (amount, column));
                }
            }
        }
        let top =
            fixture.pathkernel(&["top", directory, "--query", "1", "--output", "0", "--of", "influence", "--k", "3"]);
        assert!(stdout(&top).contains("more weight raises by"), "{}", stderr(&top));
        fixture.fails(
            &["top", directory, "--query", "1", "--of", "influences"],
            2,
            &["--of influences", "attribution"],
        );
        let check = fixture.pathkernel(&["check", directory]);
        assert!(check.status.success() && stdout(&check).contains("influence         "), "{}", stdout(&check));
    }
}

/// Units that switch, steps that divide by squares and paths of another weight are told of.
#[test]
fn warnings_stand_where_they_apply() {
    let fixture = fixture();
    let warned = |overrides: &[&str]| -> String {
        fixture.succeeds(&[overrides, &[TWENTY, QUERIES, DOUBLE]].concat());
        let said = summary(&fixture, "out")["influence"]["warnings"].to_string();
        fs::remove_dir_all(fixture.path("out")).expect("a folder of its own");
        said
    };
    let plain = warned(&[MOMENTUM, ON]);
    assert!(plain.contains("few examples") && !plain.contains("jumps") && !plain.contains("adam"), "{plain}");
    assert!(warned(&[MOMENTUM, RELU, ON]).contains("training jumps where units of a relu"));
    let adam = warned(&[ADAM, "kernel.influence={ weight = 0.5 }"]);
    assert!(adam.contains("adam's steps divide") && adam.contains("weight changes little"), "{adam}");
}

/// At another weight of all examples it is the derivative there.
#[test]
fn another_weight_is_another_path() {
    let fixture = fixture();
    let asked = [MOMENTUM, DOUBLE, TWENTY, BATCHES, QUERIES];
    fixture.succeeds(&[&asked[..], &["kernel.influence={ weight = 0.5 }"]].concat());
    let (_, half) = array(&fixture, "out/influence.npy");
    let said = summary(&fixture, "out");
    assert_eq!((&said["influence"]["verdict"], &said["influence"]["weight"]), (&"exact".into(), &0.5.into()), "{said}");
    assert!(!fixture.path("out/state").exists() && !fixture.path("out/influence.lock").exists());
    let (_, prediction) = array(&fixture, "out/prediction.npy");
    let (_, readouts) = array(&fixture, "out/influence_certificate.npy");
    assert!(largest(prediction.iter().zip(&readouts).map(|(own, base)| own - base)) > 1e-3);
    fixture.succeeds(&[&asked[..], &["run.directory=whole", ON]].concat());
    let (_, whole) = array(&fixture, "whole/influence.npy");
    let off = largest(half.iter().zip(&whole).map(|(half, whole)| half - whole));
    assert!(off > 1e-3 * largest(whole.iter().copied()), "{off}");
    let (_, readouts) = array(&fixture, "whole/influence_certificate.npy");
    let off = largest(prediction.iter().zip(&readouts).map(|(own, base)| own - base));
    assert_eq!(off, 0.0);
}

/// An imported path that its optimizer does not make has no certificate, and says so.
#[test]
fn an_imported_path_is_not_trained_again() {
    let fixture = Fixture::imported();
    fixture.is_not_exact(&[ON, DOUBLE]);
    let said = summary(&fixture, "out");
    assert_eq!(said["verdict"], "unexplained");
    let influence = &said["influence"];
    assert!(influence["path_differs"].as_f64().is_some_and(|differs| differs > 1e-3), "{influence}");
    assert!(
        influence["verdict"] != "inexact" && influence["warnings"].to_string().contains("another path"),
        "{influence}"
    );
}

#[test]
fn what_has_no_influence_is_refused() {
    let fixture = fixture();
    let lion = "training.optimizer={ type = \"lion\", learning_rate = 0.01 }";
    fixture.refuses(&[ON, lion], &["kernel.influence", "lion", "sign"]);
    fixture.refuses(&[ON, "training.steps=0"], &["kernel.influence", "training.steps = 0"]);
    fixture.refuses(&["kernel.influence=0.5"], &["kernel.influence", "true, false or a table"]);
    fixture.refuses(&["kernel.influence={ weigth = 0.5 }"], &["kernel.influence.weigth", "weight"]);
    fixture.refuses(&["kernel.influence={ weight = 0 }"], &["kernel.influence.weight", "above 0"]);
    fixture.refuses(&["kernel.attribution=false", "kernel.top=3"], &["kernel.top"]);
    Fixture::flow().refuses(&[ON], &["kernel.influence", "flow"]);
    let imported = Fixture::imported();
    imported.refuses(&["kernel.influence={ weight = 0.5 }"], &["kernel.influence.weight", "imported"]);
}

#[test]
fn what_it_costs_is_planned() {
    let fixture = fixture();
    let plan = |overrides: &[&str]| {
        let output = fixture.pathkernel(&[&["plan", "run.toml", QUERIES, MOMENTUM], overrides].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let with = plan(&["kernel.influence={ weight = 0.5 }"]);
    assert!(
        with.contains("attribution and influence at weight 0.5 of") && with.contains("for the influence"),
        "{with}"
    );
    assert!(!plan(&[]).contains("influence"));
}
