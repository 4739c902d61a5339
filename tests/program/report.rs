//! The report of a run.

use crate::bytes::{npy_f64, npy_i64};
use crate::common::report::Report;
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

fn report(fixture: &Fixture) -> Report {
    Report::read(&fixture.path("out"))
}

/// Each pixel between the least and the largest of its picture.
fn levels(pixels: &[f64]) -> Vec<f64> {
    let of = |picture: &[f64]| {
        let low = picture.iter().copied().fold(f64::INFINITY, f64::min);
        let high = picture.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        picture.iter().map(|value| ((value - low) / (high - low) * 255.0).round()).collect::<Vec<f64>>()
    };
    pixels.chunks_exact(4).flat_map(of).collect()
}

#[test]
fn it_shows_everything_and_needs_no_network() {
    let report = report(&with_pictures(&[]));
    report.holds(&["Training", "How exact it is", "Queries", "Path kernel", "residual", "runs no scripts"]);
    // The policy that lets nothing in is no address.
    assert!(!report.file.contains("http:") && !report.file.contains("https:") && !report.file.contains("<link"));
    assert!(report.file.contains("default-src 'none'"));
    for chart in ["loss", "accuracy", "agreement", "residual"] {
        report.holds(&[&format!("data-chart=\"{chart}\"")]);
    }
    assert!(report.prose.find("id=\"queries\"") < report.prose.find("data-chart=\"loss\""));
    let pixels: Vec<f64> = (0..24).map(|i| f64::from(i * 7 % 11) / 11.0 - 0.4).collect();
    let queries = report.places("/queries/numbers");
    let shown: Vec<f64> = queries.iter().flat_map(|query| levels(&pixels[3 + 4 * query..][..4])).collect();
    assert_eq!(report.numbers("/queries/inputs/pixels"), shown);
    let examples = report.places("/examples/columns");
    let shown: Vec<f64> = examples.iter().flat_map(|example| levels(&pixels[4 * example..][..4])).collect();
    assert_eq!((report.numbers("/examples/inputs/pixels"), examples.len()), (shown, 6));
    assert_eq!(report.numbers("/heat/values").len(), 2 * 6);
}

/// Against the arrays: the terms, the sums over classes, and what every example contributed.
#[test]
fn its_numbers_are_those_of_the_arrays() {
    let fixture = with_pictures(&["training.optimizer.weight_decay=0.1"]);
    let report = report(&fixture);
    let array = |name: &str| -> Vec<f64> {
        let found = crate::common::arrays::read_npy(&fixture.path(&format!("out/{name}.npy"))).expect("an array");
        found.values
    };
    let (attribution, labels) = (array("attribution"), [0, 1, 1, 0, 1, 0]);
    for (place, query) in report.places("/queries/numbers").into_iter().enumerate() {
        for term in ["initial", "prediction", "regularizer", "residual"] {
            let shown = &report.numbers(&format!("/details/terms/{term}"))[2 * place..][..2];
            assert_eq!(shown, &array(term)[2 * query..][..2], "{term}");
        }
        let entry = |example: usize, value: usize| attribution[(query * 6 + example) * 2 + value];
        let starts = report.places("/details/starts");
        assert_eq!(report.places("/details/examples")[starts[place]..starts[place + 1]], [0, 1, 2, 3, 4, 5]);
        let amounts = &report.numbers("/details/amounts/attribution")[2 * starts[place]..2 * starts[place + 1]];
        assert_eq!(amounts, (0..12).map(|at| entry(at / 2, at % 2)).collect::<Vec<_>>());
        for value in 0..2 {
            for class in 0..2 {
                let sum: f64 = (0..6).filter(|&own| labels[own] == class).map(|own| entry(own, value)).sum();
                let shown = report.numbers("/details/class_sums")[(place * 2 + class) * 2 + value];
                assert!((shown - sum).abs() < 1e-6 * sum.abs().max(1e-3), "{shown} {sum}");
            }
        }
        // Two values and their difference, above zero and below.
        let lead = |sign: f64| (0..6).map(|own| (sign * (entry(own, 0) - entry(own, 1))).max(0.0)).sum::<f64>();
        let shown = &report.numbers("/details/sums")[6 * place + 4..][..2];
        assert!((shown[0] - lead(1.0)).abs() < 1e-5 && (shown[1] + lead(-1.0)).abs() < 1e-5, "{shown:?}");
    }
}

#[test]
fn it_is_made_again_from_the_directory() {
    let fixture = with_pictures(&[]);
    let first = report(&fixture).file;
    fs::remove_file(fixture.path("out/report.html")).unwrap();
    let output = fixture.pathkernel(&["report", "out"]);
    assert!(output.status.success() && stdout(&output).contains("report.html"), "{}", stderr(&output));
    assert!(first == report(&fixture).file);
    // Other data may be there: fewer examples than the run had.
    let targets = fs::read(fixture.path("y.npy")).unwrap();
    let pixels = fs::read(fixture.path("x.npy")).unwrap();
    fixture.write("x.npy", &npy_f64(&[2, 4], &[0.5; 8]));
    fixture.write("y.npy", &npy_i64(&[2], &[0, 1]));
    assert!(fixture.pathkernel(&["report", "out"]).status.success());
    report(&fixture).holds(&["not those of the run any more"]);
    fixture.write("x.npy", &pixels);
    fixture.write("y.npy", &targets);
    // The data may be gone: examples are then known by their numbers.
    fs::remove_file(fixture.path("x.npy")).unwrap();
    assert!(fixture.pathkernel(&["report", "out"]).status.success());
    let page = report(&fixture);
    page.holds(&["x.npy"]);
    assert!(page.word("/examples/inputs").is_null() && page.word("/queries/inputs").is_null());
    assert_eq!(page.places("/examples/numbers").len(), 6);
}

#[test]
fn inputs_that_are_no_pictures_are_rows_of_values() {
    let fixture = Fixture::new();
    fixture.succeeds(&[]);
    let page = report(&fixture);
    page.lacks(&["Path kernel</h2>"]);
    assert_eq!((page.word("/examples/inputs/kind"), page.word("/examples/inputs/each")), (&"values".into(), &3.into()));
    let inputs: Vec<f64> = (0..12).map(|i| f64::from(i * 7 % 5) / 4.0 - 0.5).collect();
    let shown: Vec<f64> =
        page.places("/examples/columns").iter().flat_map(|own| inputs[3 * own..][..3].to_vec()).collect();
    assert_eq!(page.numbers("/examples/inputs/values"), shown);
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
