//! `kernel.top`: the largest attributions of each sign and the sums of the rest, in the place of all.

use crate::bytes::{npy_f64, npy_i64};
use crate::common::report::Report;
use crate::fixture::{Fixture, stderr, stdout};
use pathkernel::formats::MappedArray;
use serde_json::Value;
use std::fs;

const EXAMPLES: usize = 12;
const QUERIES: usize = 3;
const VALUES: usize = 2;

/// Twelve examples, of which the last six are the first six again, and three queries of their own.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let inputs: Vec<f64> = (0..EXAMPLES * 3).map(|at| f64::from((at % 18 * 7 % 11) as u32) / 8.0 - 0.5).collect();
    fixture.write("x.npy", &npy_f64(&[EXAMPLES, 3], &inputs));
    let classes: Vec<i64> = (0..EXAMPLES as i64).map(|at| at % 6 % 2).collect();
    fixture.write("y.npy", &npy_i64(&[EXAMPLES], &classes));
    fixture.write("q.npy", &npy_f64(&[QUERIES, 3], &[0.4, -0.2, 0.1, -0.3, 0.5, 0.2, 0.0, 0.9, -0.7]));
    fixture.write("z.npy", &npy_i64(&[QUERIES], &[1, 0, 1]));
    fixture.write("g.npy", &npy_i64(&[EXAMPLES], &[5, 3, 5, 3, 9, 9, 1, 1, 1, 0, 0, 7]));
    fixture
}

const QUERY: [&str; 3] = ["kernel.rule=gauss", "data.query.inputs=q.npy", "data.query.targets=z.npy"];

fn run(fixture: &Fixture, overrides: &[&str]) {
    fixture.succeeds(&[&QUERY, overrides].concat());
}

fn array(fixture: &Fixture, name: &str) -> MappedArray {
    MappedArray::open(&fixture.path(name)).expect("an array").unwrap_or_else(|| panic!("{name} is missing"))
}

/// What a list of `count` of either sign of some amounts holds: the first of those that are largest, again and again.
fn selected(amounts: &[f64], count: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut values, mut examples) = (Vec::new(), Vec::new());
    for sign in [1.0, -1.0] {
        let mut order: Vec<usize> = (0..amounts.len()).filter(|&at| sign * amounts[at] > 0.0).collect();
        order.sort_by(|&a, &b| (sign * amounts[b]).total_cmp(&(sign * amounts[a])));
        order.truncate(count);
        let padding = count - order.len();
        values.extend(order.iter().map(|&at| amounts[at]).chain(vec![0.0; padding]));
        examples.extend(order.iter().map(|&at| at as f64).chain(vec![-1.0; padding]));
    }
    (values, examples)
}

/// Against the whole attribution of the same run: precisions, stores, optimizers, columns that are groups, and more than there are.
#[test]
fn they_are_those_of_the_whole_attribution() {
    for (count, extra) in [
        (2, &[][..]),
        (3, &["run.precision=f64", "training.optimizer.weight_decay=0.1"]),
        (2, &["run.store=zarr", "kernel.kernel=diagonal", "kernel.coefficients=true"]),
        (2, &["data.train.groups=g.npy", "training.optimizer.momentum=0.5"]),
        (20, &["kernel.readout=margin", "training.batch_size=5"]),
    ] {
        let fixture = fixture();
        run(&fixture, &[&["run.directory=whole"], extra].concat());
        let top = format!("kernel.top={count}");
        run(&fixture, &[&[top.as_str()], extra].concat());
        fixture.pathkernel(&["export", "whole", "--to", "exported"]);
        let zarr = fixture.path("exported/attribution.npy").exists();
        let whole = array(&fixture, if zarr { "exported/attribution.npy" } else { "whole/attribution.npy" });
        let [values, examples, rest] =
            ["values", "examples", "rest"].map(|name| array(&fixture, &format!("out/top_{name}.npy")));
        let &[n, m, rows] = whole.shape.as_slice() else { panic!("{:?}", whole.shape) };
        assert_eq!((&values.shape, &examples.shape), (&vec![n, rows, 2 * count], &vec![n, rows, 2 * count]));
        assert_eq!(rest.shape, [n, rows, 2]);
        let all = whole.all();
        let of = |name: &str| array(&fixture, &format!("out/{name}.npy")).all();
        let [initial, prediction, regularizer, residual] = ["initial", "prediction", "regularizer", "residual"].map(of);
        let unit = if extra.contains(&"run.precision=f64") { 4e-15 } else { 1e-6 };
        for at in 0..n * rows {
            let amounts: Vec<f64> = (0..m).map(|example| all[(at / rows * m + example) * rows + at % rows]).collect();
            let (listed, numbers) = selected(&amounts, count);
            assert_eq!(values.values(at * 2 * count, 2 * count), listed, "{extra:?}");
            assert_eq!(examples.values(at * 2 * count, 2 * count), numbers, "{extra:?}");
            let rest = rest.values(2 * at, 2);
            let sum: f64 = listed.iter().chain(&rest).sum();
            let size: f64 = amounts.iter().map(|amount| amount.abs()).sum();
            assert!((sum - amounts.iter().sum::<f64>()).abs() <= unit * size, "{extra:?}");
            assert!(count < m || rest == [0.0, 0.0]);
            let explained = initial[at] + sum + regularizer[at] + residual[at];
            assert!((explained - prediction[at]).abs() <= 4.0 * unit * (size + prediction[at].abs()), "{extra:?}");
        }
        assert!(!fixture.path("out/attribution.npy").exists() && !fixture.path("out/attribution.zarr").exists());
        for name in ["initial.npy", "prediction.npy", "regularizer.npy"] {
            let read = |folder: &str| fs::read(fixture.path(folder).join(name)).expect("an array");
            assert!(read("out") == read("whole"), "{name}");
        }
        if extra.contains(&"kernel.kernel=diagonal") {
            assert!(fixture.path("out/kernel.zarr").exists() && fixture.path("out/coefficients.zarr").exists());
        }
        for command in ["check", "report", "export"] {
            let output = fixture.pathkernel(&[command, "out"]);
            assert!(output.status.success(), "{extra:?}: {command}: {}", stderr(&output));
        }
    }
}

fn json(fixture: &Fixture, arguments: &[&str]) -> Value {
    let output = fixture.pathkernel(&[&["top"], arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).expect("JSON")
}

#[test]
fn questions_are_answered_from_the_lists() {
    let fixture = fixture();
    run(&fixture, &["run.directory=whole", "run.precision=f64"]);
    run(&fixture, &["kernel.top=2", "run.precision=f64"]);
    let close = |a: &Value, b: &Value| {
        let [a, b] = [a, b].map(|sum| sum.as_f64().expect("a sum"));
        assert!((a - b).abs() <= 1e-14 * a.abs().max(b.abs()), "{a} {b}");
    };
    for query in ["0", "1", "2"] {
        let ask = |directory, count| json(&fixture, &[directory, "--query", query, "--k", count]);
        let (whole, found) = (ask("whole", "2"), ask("out", "10"));
        for list in ["raised", "lowered"] {
            assert_eq!(whole[list], found[list]);
            close(&whole[format!("{list}_by")], &found[format!("{list}_by")]);
        }
        assert_eq!((&whole["kept"], &found["kept"]), (&Value::Null, &Value::from(2)));
        assert_eq!(ask("whole", "1")["raised"], ask("out", "1")["raised"]);
    }
    let said = stdout(&fixture.pathkernel(&["top", "out", "--query", "1"]));
    assert!(
        said.contains("the run kept the 2 largest of either sign") && said.contains("query 1, of class 0"),
        "{said}"
    );
    // What an example moved is known where it is listed, and nowhere else.
    let numbers = array(&fixture, "out/top_examples.npy").all();
    for example in 0..EXAMPLES {
        let ask = |directory: &str| json(&fixture, &[directory, "--example", &example.to_string(), "--output", "1"]);
        let lists = |answer: &Value| {
            ["raised", "lowered"].map(|list| answer[list].as_array().expect("a list").clone()).concat()
        };
        let (whole, found) = (lists(&ask("whole")), lists(&ask("out")));
        let listed = |moved: &&Value| {
            let query = moved["number"].as_u64().expect("a number") as usize;
            numbers[(query * VALUES + 1) * 4..][..4].contains(&(example as f64))
        };
        assert_eq!(found, whole.iter().filter(listed).cloned().collect::<Vec<_>>());
    }
    let said = stdout(&fixture.pathkernel(&["top", "out", "--example", "1"]));
    assert!(said.contains("known is what is in those lists"), "{said}");
}

#[test]
fn the_report_shows_the_lists_and_the_rest() {
    let fixture = fixture();
    run(&fixture, &["kernel.top=2"]);
    let page = Report::read(&fixture.path("out"));
    page.holds(&["the run kept the 2 largest amounts of either sign"]);
    assert_eq!(page.word("/run/listed"), 2);
    let (values, rest) = (array(&fixture, "out/top_values.npy").all(), array(&fixture, "out/top_rest.npy").all());
    let (shown, numbers) = (page.numbers("/details/sums"), page.places("/queries/numbers"));
    let questions = page.word("/details/questions").as_u64().expect("a count") as usize;
    for (place, query) in numbers.into_iter().enumerate() {
        for value in 0..VALUES {
            let of = |sign: usize| {
                let at = query * VALUES + value;
                let listed: f64 = values[4 * at + 2 * sign..][..2].iter().filter(|own| own.is_finite()).sum();
                listed + rest[2 * at + sign]
            };
            let own = &shown[2 * (place * questions + value)..][..2];
            assert!((own[0] - of(0)).abs() < 1e-5 && (own[1] - of(1)).abs() < 1e-5, "{own:?}");
        }
    }
    // A list that was changed after it was written is found, and one that is gone.
    let path = fixture.path("out/top_rest.npy");
    let mut bytes = fs::read(&path).expect("an array");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(&path, bytes).expect("a writable folder");
    fixture.fails(&["check", "out"], 2, &["top_rest.npy", "was changed after it was written"]);
    fs::remove_file(&path).expect("a writable folder");
    fixture.fails(&["check", "out"], 2, &["top_rest.npy", "is missing"]);
    fixture.fails(&["report", "out"], 2, &["lists of the largest contributions is missing", "damaged"]);
}

#[test]
fn what_needs_the_whole_attribution_is_refused() {
    let fixture = fixture();
    for (override_, words) in [
        ("kernel.attribution=false", ["kernel.top", "kernel.attribution = true"]),
        ("kernel.layers=true", ["kernel.layers", "kernel.top keeps the largest"]),
        ("kernel.windows=2", ["kernel.windows", "kernel.top keeps the largest"]),
        ("kernel.positions=true", ["kernel.positions", "kernel.top keeps the largest"]),
    ] {
        fixture.refuses(&["kernel.top=2", override_], &words);
    }
    fixture.refuses(&["kernel.top=0"], &["kernel.top", "at least 1"]);
}

/// The disk that is planned for the end is that of the lists: the attribution of ten times as many examples takes no more of it.
#[test]
fn the_plan_counts_the_lists() {
    let disk = |examples: usize, overrides: &[&str]| {
        let fixture = fixture();
        fixture.write("x.npy", &npy_f64(&[examples, 3], &vec![0.5; examples * 3]));
        fixture.write("y.npy", &npy_i64(&[examples], &vec![1; examples]));
        let said = stdout(&fixture.pathkernel(&[&["plan", "run.toml"], &QUERY[..], overrides].concat()));
        let line = said.lines().find(|line| line.starts_with("disk ")).unwrap_or_else(|| panic!("{said}"));
        line.split_once(", ").expect("the disk at the end").1.to_owned()
    };
    assert_eq!(disk(20_000, &["kernel.top=5"]), disk(2000, &["kernel.top=5"]));
    assert_ne!(disk(20_000, &[]), disk(2000, &[]));
}
