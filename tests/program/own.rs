//! `kernel.own`, what examples contributed to themselves, and `pathkernel self`.

use crate::bytes::{npy_f64, npy_i64};
use crate::fixture::{Fixture, stderr, stdout};
use pathkernel::formats::MappedArray;
use pathkernel::random::numbers;
use serde_json::Value;
use std::fs;

/// Examples: more than a tile of self-attributions has in most of the runs here.
const M: usize = 70;
/// The one whose label is wrong.
const WRONG: usize = 41;

/// A run on more examples, of which one has another class than it was drawn with.
fn fixture() -> Fixture {
    filled(Fixture::new())
}

fn filled(fixture: Fixture) -> Fixture {
    fixture.write("x.npy", &npy_f64(&[M, 3], &numbers(5, M * 3)));
    fixture.write("y.npy", &npy_i64(&[M], &classes()));
    fixture.write("q.npy", &npy_f64(&[2, 3], &[0.4, -0.2, 0.1, -0.3, 0.5, 0.2]));
    fixture
}

/// The classes: the sign of the first number, but for one.
fn classes() -> Vec<i64> {
    let inputs = numbers(5, M * 3);
    let class = |row: usize| i64::from(inputs[row * 3] > 0.0);
    (0..M).map(|row| if row == WRONG { 1 - class(row) } else { class(row) }).collect()
}

fn array(fixture: &Fixture, name: &str) -> (Vec<usize>, Vec<f64>) {
    let array = MappedArray::open(&fixture.path(name)).expect("an array").unwrap_or_else(|| panic!("no {name}"));
    (array.shape.clone(), array.all())
}

const SGD: &str = "training.optimizer={ type = \"sgd\", learning_rate = 0.3, weight_decay = 0.01 }";
const MOMENTUM: &str = "training.optimizer={ type = \"sgd\", learning_rate = 0.3, momentum = 0.8 }";
const ADAMW: &str = "training.optimizer={ type = \"adamw\", learning_rate = 0.02 }";
const ADAPTIVE: [&str; 2] = [
    "kernel.rule=adaptive",
    "model.layers=[{ type = \"linear\", features = 8 }, { type = \"relu\" }, { type = \"linear\", features = 2 }]",
];
const CONVOLUTION: &str = "model.layers=[{ type = \"reshape\", shape = [1, 3, 1] }, { type = \"conv2d\", channels = 4, kernel = [2, 1] }, \
                           { type = \"tanh\" }, { type = \"flatten\" }, { type = \"linear\", features = 2 }]";
const NORM: &str = "model.layers=[{ type = \"linear\", features = 5 }, { type = \"batch_norm\", statistics = \"batch\" }, \
                    { type = \"tanh\" }, { type = \"linear\", features = 2 }]";
const DROPOUT: &str = "model.layers=[{ type = \"linear\", features = 8 }, { type = \"tanh\" }, { type = \"dropout\" }, \
                       { type = \"linear\", features = 2 }]";
const BATCHES: &str = "training.batch_size=24";
const GAUSS: &str = "kernel.rule=gauss";

/// Where the queries are the training set, what is computed without their array is its diagonal, to the bit.
#[test]
fn it_is_the_diagonal_of_the_attribution() {
    let runs: [&[&str]; 13] = [
        &[SGD, GAUSS],
        &[SGD, GAUSS, BATCHES, "run.precision=f64"],
        &[MOMENTUM, GAUSS, BATCHES],
        &[ADAMW, GAUSS, BATCHES, "kernel.readout=probabilities"],
        &[ADAMW, GAUSS, "trajectory.every=2", "kernel.readout=loss"],
        &[MOMENTUM, GAUSS, "kernel.readout=margin", "run.store=zarr"],
        &[MOMENTUM, BATCHES, ADAPTIVE[0], ADAPTIVE[1]],
        &[SGD, GAUSS, CONVOLUTION, BATCHES],
        &[ADAMW, GAUSS, NORM, BATCHES],
        &[MOMENTUM, GAUSS, DROPOUT, "kernel.kernel=none"],
        &[SGD, GAUSS, BATCHES, "kernel.kernel=full", "kernel.tangent=true"],
        &[SGD, GAUSS, "kernel.contraction=directional"],
        &[SGD, "kernel.rule=left", "kernel.kernel=diagonal"],
    ];
    let fixture = fixture();
    for overrides in runs {
        fixture.succeeds(&[overrides, &["kernel.own=true", "kernel.accept=1e9"]].concat());
        if overrides.contains(&"run.store=zarr") {
            (*fixture).succeeds(&["export", "out"]);
        }
        let ((shape, own), (of_pairs, attribution)) =
            (array(&fixture, "out/own.npy"), array(&fixture, "out/attribution.npy"));
        let values = shape[1];
        assert_eq!((shape[0], of_pairs), (M, vec![M, M, values]));
        assert!(own.iter().any(|value| *value != 0.0));
        for row in 0..M {
            let diagonal = &attribution[(row * M + row) * values..][..values];
            assert_eq!(&own[row * values..][..values], diagonal, "{overrides:?}: example {row}");
        }
        fs::remove_dir_all(fixture.path("out")).expect("a writable folder");
    }
}

/// Alone, and beside queries of their own, it is the same to rounding; gradient flow has it too.
#[test]
fn it_needs_no_array_of_pairs() {
    let largest = |values: &[f64]| values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    for (fixture, overrides) in [(fixture(), &[MOMENTUM, BATCHES][..]), (filled(Fixture::flow()), &[])] {
        let run = |directory: &str, more: &[&str]| {
            let directory = format!("run.directory={directory}");
            fixture.succeeds(&[overrides, &[directory.as_str(), GAUSS, "run.precision=f64"], more].concat());
        };
        run("pairs", &[]);
        run("alone", &["kernel.own=true", "kernel.attribution=false"]);
        run("beside", &["kernel.own=true", "data.query.inputs=q.npy"]);
        assert!(!fixture.path("alone/attribution.npy").exists());
        let (_, attribution) = array(&fixture, "pairs/attribution.npy");
        let want: Vec<f64> = (0..M).flat_map(|row| attribution[(row * M + row) * 2..][..2].to_vec()).collect();
        for directory in ["alone", "beside"] {
            let (_, own) = array(&fixture, &format!("{directory}/own.npy"));
            let off: Vec<f64> = own.iter().zip(&want).map(|(own, want)| own - want).collect();
            assert!(largest(&off) <= 1e-12 * largest(&want), "{directory}: {:e}", largest(&off));
        }
    }
}

/// Where columns are groups, a row's is what its group added to it.
#[test]
fn a_row_of_a_group_has_its_groups_column() {
    let fixture = fixture();
    let groups: Vec<i64> = (0..M as i64).map(|row| row * 7 % 9 - 3).collect();
    fixture.write("g.npy", &npy_i64(&[M], &groups));
    fixture.succeeds(&[MOMENTUM, BATCHES, GAUSS, "data.train.groups=g.npy", "kernel.own=true"]);
    let ((shape, own), (_, attribution)) = (array(&fixture, "out/own.npy"), array(&fixture, "out/attribution.npy"));
    assert_eq!(shape, [M, 2]);
    for row in 0..M {
        let column = (groups[row] + 3) as usize;
        assert_eq!(own[row * 2..][..2], attribution[(row * 9 + column) * 2..][..2], "row {row}");
    }
    let answer = json(&fixture, &["--k", "3"]);
    let first = &answer["largest"][0];
    let number = first["number"].as_u64().expect("a number") as usize;
    assert_eq!(first["group"].as_i64(), Some(groups[number]));
}

#[test]
fn what_it_costs_is_planned() {
    let fixture = fixture();
    let plan = |overrides: &[&str]| {
        let output = fixture.pathkernel(&[&["plan", "run.toml"], overrides].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let with = plan(&[SGD, BATCHES, GAUSS, "kernel.own=true"]);
    assert!(with.contains("attribution and self-attribution of") && with.contains("for own.npy"), "{with}");
    assert!(!plan(&[SGD, BATCHES, GAUSS]).contains("own.npy"));
}

#[test]
fn a_finished_run_must_have_it() {
    let fixture = fixture();
    fixture.succeeds(&["kernel.own=true"]);
    fixture.succeeds(&["kernel.own=true"]);
    fs::remove_file(fixture.path("out/own.npy")).expect("an array");
    fixture.refuses(&["kernel.own=true"], &["own.npy: is missing", "damaged", "remove"]);
    fixture.refuses_command(&["self", "out"], &["own.npy", "damaged"]);
}

/// An example without a class has no value of its class.
#[test]
fn a_readout_of_classes_needs_that_of_each_example() {
    let fixture = Fixture::new();
    fixture.write("y.npy", &npy_i64(&[4], &[0, -1, 1, 1]));
    fixture.write("q.npy", &npy_f64(&[1, 3], &[0.5, 0.0, -0.5]));
    fixture.write("z.npy", &npy_i64(&[1], &[1]));
    let run = ["training.ignore=-1", "kernel.readout=target", "data.query.inputs=q.npy", "data.query.targets=z.npy"];
    fixture.succeeds(&run);
    let problem = ["kernel.own", "the examples are queries", "query 1 has none"];
    fixture.refuses(&[&run[..], &["run.directory=own", "kernel.own=true"]].concat(), &problem);
}

fn json(fixture: &Fixture, arguments: &[&str]) -> Value {
    let output = fixture.pathkernel(&[&["self", "out", "--json"], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).expect("JSON")
}

/// The numbers and amounts of a list.
fn list(answer: &Value) -> Vec<(usize, f64)> {
    let one = |moved: &Value| {
        (moved["number"].as_u64().expect("a number") as usize, moved["amount"].as_f64().expect("an amount"))
    };
    answer["largest"].as_array().expect("a list").iter().map(one).collect()
}

/// All amounts by their size, the largest first.
fn sorted(amounts: Vec<f64>) -> Vec<(usize, f64)> {
    let mut all: Vec<(usize, f64)> = amounts.into_iter().enumerate().collect();
    all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
    all
}

#[test]
fn those_that_did_the_most_to_themselves_come_first() {
    let fixture = fixture();
    fixture.succeeds(&[ADAMW, "training.steps=60", "kernel.own=true", "data.query.inputs=q.npy"]);
    let (_, own) = array(&fixture, "out/own.npy");
    let classes = classes();
    let at = |place: &dyn Fn(usize) -> usize| (0..M).map(|row| own[row * 2 + place(row)]).collect::<Vec<f64>>();
    let of_class = sorted(at(&|row| classes[row] as usize));
    let answer = json(&fixture, &["--k", "70"]);
    assert_eq!((list(&answer), answer["by"].as_str()), (of_class.clone(), Some("class")));
    assert_eq!(of_class[0].0, WRONG);
    let median = 0.5 * (of_class[34].1.abs() + of_class[35].1.abs());
    assert!((answer["median"].as_f64().expect("a number") - median).abs() <= 1e-12 * median);
    let times = answer["largest"][0]["times"].as_f64().expect("a number");
    assert!((times - of_class[0].1.abs() / median).abs() <= 1e-9 * times);
    let first = json(&fixture, &["--output", "0", "--k", "5"]);
    assert_eq!(list(&first), sorted(at(&|_| 0))[..5]);
    let output = fixture.pathkernel(&["self", "out", "--csv", "self.csv", "--k", "2"]);
    let text = stdout(&output);
    assert!(
        output.status.success() && text.contains("example 41  class") && text.contains("times the median"),
        "{text}"
    );
    let csv = fs::read_to_string(fixture.path("self.csv")).expect("a file");
    assert!(
        csv.starts_with("example,amount,class,group,output,class_name,name\n41,") && csv.lines().count() == 3,
        "{csv}"
    );
    fixture.refuses_command(&["self", "out", "--output", "2"], &["no output 2", "from 0 to 1"]);
    fixture.refuses_command(&["self", "out", "--csv", "out/self.csv"], &["--csv", "run directory"]);
}

/// Without own.npy the diagonal serves, where the queries are the examples; a loss says which way it went.
#[test]
fn the_diagonal_serves_where_there_is_one() {
    let fixture = fixture();
    fixture.succeeds(&[SGD, "kernel.readout=loss"]);
    let (_, attribution) = array(&fixture, "out/attribution.npy");
    let diagonal = (0..M).map(|row| attribution[row * M + row]).collect();
    let answer = json(&fixture, &["--k", "70"]);
    assert_eq!((list(&answer), answer["by"].as_str()), (sorted(diagonal), Some("readout")));
    assert!(stdout(&fixture.pathkernel(&["self", "out"])).contains("lowered its own loss"));
    // Another file with the same rows.
    fs::copy(fixture.path("x.npy"), fixture.path("again.npy")).expect("a writable folder");
    fixture.succeeds(&[SGD, "run.directory=again", "data.query.inputs=again.npy"]);
    (*fixture).succeeds(&["self", "again"]);
    fixture.succeeds(&[SGD, "run.directory=others", "data.query.inputs=q.npy"]);
    fixture.refuses_command(&["self", "others"], &["its queries are not the training examples", "kernel.own=true"]);
    fixture.succeeds(&[SGD, "run.directory=none", "kernel.attribution=false"]);
    fixture.refuses_command(&["self", "none"], &["neither own.npy nor an attribution", "kernel.own=true"]);
}

/// Real targets have no class: the sizes of all outputs add up.
#[test]
fn real_targets_are_listed_by_all_outputs() {
    let fixture = fixture();
    fixture.write("y.npy", &npy_f64(&[M, 2], &numbers(9, M * 2)));
    fixture.succeeds(&[SGD, "training.loss=mse", "kernel.own=true"]);
    let (_, own) = array(&fixture, "out/own.npy");
    let sizes = sorted(own.chunks(2).map(|own| own[0].abs() + own[1].abs()).collect());
    let answer = json(&fixture, &["--k", "4"]);
    assert_eq!((list(&answer), answer["by"].as_str()), (sizes[..4].to_vec(), Some("sizes")));
}
