//! `pathkernel spectrum` and `pathkernel machine`: kernels of a run put to use.

use crate::bytes::{npy_f64, npy_i64};
use crate::common::arrays::read_npy;
use crate::fixture::{Fixture, stderr, stdout};
use pathkernel::random::numbers;
use serde_json::Value;
use std::fs;

/// Examples, queries and classes.
const M: usize = 24;
const N: usize = 9;
const C: usize = 2;
const KERNELS: [(&str, &str); 3] =
    [("path", "kernel"), ("tangent_initial", "tangent_initial"), ("tangent_final", "tangent_final")];
/// Where a kernel is kept.
const TRACE: [&str; 4] = ["kernel.kernel=trace", "kernel.tangent=true", "run.precision=f64", "training.steps=12"];
/// The run that asks queries along the same path.
const ASKED: [&str; 3] = ["run.directory=asked", "data.query.inputs=q.npy", "data.query.targets=qy.npy"];

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let (x, q) = (numbers(5, M * 3), numbers(6, N * 3));
    let labels =
        |rows: &[f64]| rows.chunks(3).map(|row| i64::from(row[0] * row[1] + 0.3 * row[2] > 0.0)).collect::<Vec<_>>();
    fixture.write("y.npy", &npy_i64(&[M], &labels(&x)));
    fixture.write("qy.npy", &npy_i64(&[N], &labels(&q)));
    fixture.write("x.npy", &npy_f64(&[M, 3], &x));
    fixture.write("q.npy", &npy_f64(&[N, 3], &q));
    fixture
}

/// The run of the training set in `out`, and that of queries in `asked`.
fn finished(overrides: &[&str]) -> Fixture {
    let fixture = fixture();
    fixture.succeeds(&[&TRACE[..], overrides].concat());
    fixture.succeeds(&[&TRACE[..], &ASKED, overrides].concat());
    fixture
}

fn array(fixture: &Fixture, file: &str) -> (Vec<usize>, Vec<f64>) {
    let array = read_npy(&fixture.path(file)).expect("an array");
    (array.shape, array.values)
}

/// A kernel's symmetric part by rows, divided by its mean diagonal, and that mean.
fn scaled(fixture: &Fixture, file: &str) -> (Vec<Vec<f64>>, f64) {
    let (shape, values) = array(fixture, &format!("out/{file}.npy"));
    assert_eq!(shape, [M, M]);
    let scale = (0..M).map(|row| values[row * M + row]).sum::<f64>() / M as f64;
    let entry = |row: usize, column: usize| (values[row * M + column] + values[column * M + row]) / 2.0 / scale;
    ((0..M).map(|row| (0..M).map(|column| entry(row, column)).collect()).collect(), scale)
}

fn labels(fixture: &Fixture, file: &str) -> Vec<usize> {
    array(fixture, file).1.into_iter().map(|label| label as usize).collect()
}

fn answers(fixture: &Fixture, arguments: &[&str]) -> String {
    let output = fixture.pathkernel(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

fn json(fixture: &Fixture, file: &str) -> Value {
    serde_json::from_slice(&fs::read(fixture.path(file)).expect("a file")).expect("JSON")
}

#[track_caller]
fn close(found: f64, want: f64, tolerance: f64) {
    assert!((found - want).abs() <= tolerance * want.abs().max(1.0), "{found} instead of {want}");
}

/// The sum of two matrices' products, entry by entry, both less the means of their rows and columns.
fn centred_product(one: &[Vec<f64>], other: &[Vec<f64>]) -> f64 {
    let centred = |matrix: &[Vec<f64>]| {
        let mean = |row: usize| matrix[row].iter().sum::<f64>() / M as f64;
        let all = (0..M).map(mean).sum::<f64>() / M as f64;
        let entry = |place: usize| matrix[place / M][place % M] - mean(place / M) - mean(place % M) + all;
        (0..M * M).map(entry).collect::<Vec<_>>()
    };
    centred(one).iter().zip(centred(other)).map(|(one, other)| one * other).sum()
}

fn alignment(one: &[Vec<f64>], other: &[Vec<f64>]) -> f64 {
    centred_product(one, other) / (centred_product(one, one) * centred_product(other, other)).sqrt()
}

/// Powers of a matrix have the sums of the eigenvalues' powers on their diagonals.
#[test]
fn eigenvalues_are_those_of_the_kernels() {
    let fixture = finished(&[]);
    let said = answers(&fixture, &["spectrum", "out"]);
    let found = json(&fixture, "out/spectrum.json");
    let (shape, values) = array(&fixture, "out/spectrum.npy");
    assert_eq!((shape, &found["examples"]), (vec![3, M], &Value::from(M)));
    let classes = labels(&fixture, "y.npy");
    let alike: Vec<Vec<f64>> =
        classes.iter().map(|one| classes.iter().map(|other| f64::from(u8::from(one == other))).collect()).collect();
    for (place, (name, file)) in KERNELS.into_iter().enumerate() {
        let (own, (kernel, scale)) = (&values[place * M..][..M], scaled(&fixture, file));
        assert!(own.windows(2).all(|pair| pair[0] >= pair[1]));
        let square = (0..M * M).map(|entry| kernel[entry / M][entry % M].powi(2)).sum::<f64>();
        let cube = (0..M * M)
            .map(|entry| {
                let (row, column) = (entry / M, entry % M);
                kernel[row][column] * (0..M).map(|other| kernel[row][other] * kernel[other][column]).sum::<f64>()
            })
            .sum::<f64>();
        for (power, want) in [(1, M as f64), (2, square), (3, cube)] {
            close(own.iter().map(|value| value.powi(power)).sum(), want, 1e-11);
        }
        let positive: Vec<f64> = own.iter().copied().filter(|value| *value > 0.0).collect();
        let sum: f64 = positive.iter().sum();
        let entropy: f64 = positive.iter().map(|value| -value / sum * (value / sum).ln()).sum();
        let kernel_says = &found["kernels"][place];
        assert_eq!(kernel_says["kernel"], name);
        let number = |key: &str| kernel_says[key].as_f64().expect("a number");
        close(number("effective_rank"), entropy.exp(), 1e-11);
        close(
            number("participation_ratio"),
            sum * sum / positive.iter().map(|value| value * value).sum::<f64>(),
            1e-11,
        );
        close(number("mean_diagonal"), scale, 1e-12);
        close(number("alignment"), alignment(&kernel, &alike), 1e-11);
        assert!((0.0..1e-3).contains(&number("negative")) && said.contains(name), "{said}");
    }
    let between = found["between"].as_array().expect("a list");
    let expected = [[0, 1], [0, 2], [1, 2]];
    assert_eq!(between.len(), expected.len());
    for (own, pair) in between.iter().zip(expected) {
        let [one, other] = pair.map(|place| scaled(&fixture, KERNELS[place].1).0);
        close(own["alignment"].as_f64().expect("a number"), alignment(&one, &other), 1e-11);
        assert_eq!(own["kernels"], Value::from(pair.map(|place| KERNELS[place].0).to_vec()));
    }
    let printed: Value = serde_json::from_str(&answers(&fixture, &["spectrum", "out", "--json"])).expect("JSON");
    assert_eq!(printed, found);
    // The run itself is none the less finished and whole.
    assert_eq!(fixture.pathkernel(&["check", "out"]).status.code(), Some(0));
}

/// Solves a system of equations by elimination.
fn solved(mut matrix: Vec<Vec<f64>>, mut right: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let side = matrix.len();
    for place in 0..side {
        let pivot =
            (place..side).max_by(|&a, &b| matrix[a][place].abs().total_cmp(&matrix[b][place].abs())).expect("a row");
        matrix.swap(place, pivot);
        right.swap(place, pivot);
        for row in 0..side {
            if row != place {
                let factor = matrix[row][place] / matrix[place][place];
                let (own, others) = (matrix[place].clone(), right[place].clone());
                matrix[row].iter_mut().zip(&own).for_each(|(value, own)| *value -= factor * own);
                right[row].iter_mut().zip(&others).for_each(|(value, own)| *value -= factor * own);
            }
        }
    }
    (0..side).map(|row| right[row].iter().map(|value| value / matrix[row][row]).collect()).collect()
}

/// The share of rows `[rows, C]` whose largest output is that of their class.
fn accuracy(outputs: &[f64], classes: &[usize]) -> f64 {
    let right = outputs.chunks(C).zip(classes).filter(|(row, class)| usize::from(row[1] > row[0]) == **class).count();
    right as f64 / classes.len() as f64
}

#[test]
fn a_ridge_solves_its_equations_and_answers_queries() {
    const ALPHA: f64 = 0.05;
    let fixture = finished(&[]);
    let said = answers(&fixture, &["machine", "out", "--alpha", "0.05", "--queries", "asked"]);
    let found = json(&fixture, "out/machine.json");
    let (classes, asked) = (labels(&fixture, "y.npy"), labels(&fixture, "qy.npy"));
    let (shape, coefficients) = array(&fixture, "out/machine.npy");
    assert_eq!((shape, &found["measure"]), (vec![3, M, C], &Value::from("accuracy")));
    assert_eq!(found["queries"]["count"], N);
    let targets = |rows: &[usize]| -> Vec<Vec<f64>> {
        rows.iter().map(|&row| (0..C).map(|class| f64::from(u8::from(classes[row] == class)) - 0.5).collect()).collect()
    };
    let regularised = |kernel: &[Vec<f64>], rows: &[usize]| -> Vec<Vec<f64>> {
        let entry = |row: usize, column: usize| kernel[row][column] + if row == column { ALPHA } else { 0.0 };
        rows.iter().map(|&row| rows.iter().map(|&column| entry(row, column)).collect()).collect()
    };
    let all: Vec<usize> = (0..M).collect();
    for (place, (name, file)) in KERNELS.into_iter().enumerate() {
        let (kernel, scale) = scaled(&fixture, file);
        let want = solved(regularised(&kernel, &all), targets(&all));
        let own = &coefficients[place * M * C..][..M * C];
        // What is left out of a kernel is below its roundings, and the part of it that is not positive.
        for (found, want) in own.iter().zip(want.concat()) {
            close(found * scale, want, 1e-3);
        }
        let outputs = sums(&array(&fixture, &format!("asked/{file}.npy")).1, own, &[0.5; C]);
        let without: Vec<f64> = all
            .iter()
            .flat_map(|&left_out| {
                let others: Vec<usize> = all.iter().copied().filter(|&row| row != left_out).collect();
                let own = solved(regularised(&kernel, &others), targets(&others));
                let sum = |class: usize| {
                    others.iter().zip(&own).map(|(&row, own)| kernel[left_out][row] * own[class]).sum::<f64>()
                };
                [sum(0), sum(1)]
            })
            .collect();
        let says = &found["kernels"][place];
        assert_eq!((&says["kernel"], &says["chosen"]), (&Value::from(name), &Value::from(false)));
        assert_eq!(says["queries"].as_f64(), Some(accuracy(&outputs, &asked)));
        assert_eq!(says["left_out"].as_f64(), Some(accuracy(&without, &classes)));
        assert_eq!((&says["offset"], &says["support_vectors"]), (&Value::from(vec![0.5; C]), &Value::Null));
        assert!(said.contains(name), "{said}");
    }
    let network = |folder: &str, classes: &[usize]| {
        Some(accuracy(&array(&fixture, &format!("{folder}/prediction.npy")).1, classes))
    };
    assert_eq!(found["network"]["training"].as_f64(), network("out", &classes));
    assert_eq!(found["network"]["queries"].as_f64(), network("asked", &asked));
    assert!(said.contains("the network"), "{said}");
}

/// The outputs `[N, C]` of a machine: sums over examples, and over outputs where the kernel pairs them.
fn sums(rows: &[f64], coefficients: &[f64], offset: &[f64]) -> Vec<f64> {
    let entry = rows.len() / (N * M);
    let one = |query: usize, class: usize| -> f64 {
        let of_pair = |example: usize| {
            let pair = &rows[(query * M + example) * entry..][..entry];
            let own = &coefficients[example * C..][..C];
            match entry {
                1 => pair[0] * own[class],
                C => pair[class] * own[class],
                _ => (0..C).map(|other| pair[class * C + other] * own[other]).sum(),
            }
        };
        offset[class] + (0..M).map(of_pair).sum::<f64>()
    };
    (0..N * C).map(|place| one(place / C, place % C)).collect()
}

/// Chosen alphas, every kind and every shape of a kernel, and arrays in tiles; the same again to the bit.
#[test]
fn every_kind_is_fitted_to_every_kernel_that_it_takes() {
    for (shape, kinds) in [("trace", 3), ("diagonal", 2), ("full", 1)] {
        let fixture = finished(&[&format!("kernel.kernel={shape}"), "run.store=zarr"]);
        answers(&fixture, &["export", "asked", "--to", "exported"]);
        let classes = labels(&fixture, "qy.npy");
        answers(&fixture, &["spectrum", "out"]);
        assert_eq!(array(&fixture, "out/spectrum.npy").0, [3, M]);
        for kind in ["ridge", "svm", "logistic"].into_iter().take(kinds) {
            let asked = ["machine", "out", "--kind", kind, "--queries", "asked"];
            answers(&fixture, &asked);
            let (found, file) = (json(&fixture, "out/machine.json"), fixture.path("out/machine.npy"));
            let (coefficients, bytes) = (array(&fixture, "out/machine.npy").1, fs::read(&file).expect("a file"));
            for (place, (_, array_name)) in KERNELS.into_iter().enumerate() {
                let own = &found["kernels"][place];
                let score = |key: &str| own[key].as_f64().expect("a number");
                assert!(own["chosen"] == true && score("alpha") > 0.0, "{found:#}");
                // Better than the larger class alone, which has 14 of 24.
                assert!(score("left_out") > 14.0 / 24.0, "{kind} on {shape}: {found:#}");
                let offset: Vec<f64> = (0..C).map(|class| own["offset"][class].as_f64().expect("a number")).collect();
                let (_, rows) = array(&fixture, &format!("exported/{array_name}.npy"));
                let outputs = sums(&rows, &coefficients[place * M * C..][..M * C], &offset);
                assert_eq!(score("queries"), accuracy(&outputs, &classes), "{kind} on {shape}");
                let support = own["support_vectors"].as_u64();
                assert_eq!(support.is_some(), kind == "svm");
                assert!(support.is_none_or(|count| (1..=M as u64).contains(&count)));
            }
            answers(&fixture, &asked);
            assert_eq!(fs::read(file).expect("a file"), bytes);
        }
        let refuses = |kind: &str, words: &[&str]| fixture.refuses_command(&["machine", "out", "--kind", kind], words);
        match shape {
            "diagonal" => refuses("logistic", &["one kernel for all outputs", "trace"]),
            "full" => ["svm", "logistic"].iter().for_each(|kind| refuses(kind, &["pairs of outputs", "--kind ridge"])),
            _ => {}
        }
    }
}

/// Yes or no for each output, numbers, and examples without a class.
#[test]
fn targets_are_those_of_the_loss() {
    let signs: Vec<f64> = numbers(5, M * 3)
        .chunks(3)
        .flat_map(|row| [row[0], row[1]])
        .map(|own| f64::from(u8::from(own > 0.0)))
        .collect();
    let fixture = fixture();
    fixture.write("y.npy", &npy_f64(&[M, C], &signs));
    fixture.succeeds(&[&TRACE[..], &["training.loss=logistic"]].concat());
    for kind in ["ridge", "svm", "logistic"] {
        answers(&fixture, &["machine", "out", "--kind", kind]);
        let found = json(&fixture, "out/machine.json");
        assert!(found["kernels"][0]["left_out"].as_f64() > Some(0.6), "{found:#}");
        assert_eq!((&found["queries"], &found["kernels"][0]["queries"]), (&Value::Null, &Value::Null));
    }
    let fixture = self::fixture();
    fixture.write("y.npy", &npy_f64(&[M, C], &numbers(9, M * C)));
    fixture.succeeds(&[&TRACE[..], &["training.loss=squared_error"]].concat());
    answers(&fixture, &["machine", "out"]);
    let found = json(&fixture, "out/machine.json");
    assert_eq!((&found["measure"], &found["kernels"][0]["offset"]), (&Value::from("rmse"), &Value::from(vec![0.0; C])));
    fixture.refuses_command(&["machine", "out", "--kind", "svm"], &["--kind svm", "the targets are numbers", "ridge"]);
    let fixture = self::fixture();
    let some: Vec<i64> = (0..M as i64).map(|row| if row % 4 == 3 { -1 } else { row % 2 }).collect();
    fixture.write("y.npy", &npy_i64(&[M], &some));
    fixture.succeeds(&[&TRACE[..], &["training.ignore=-1"]].concat());
    answers(&fixture, &["machine", "out", "--kind", "logistic"]);
    let (found, (_, coefficients)) = (json(&fixture, "out/machine.json"), array(&fixture, "out/machine.npy"));
    assert_eq!(found["examples"], M - M / 4);
    for (row, own) in coefficients.chunks(C).enumerate() {
        assert_eq!(own == [0.0; C], some[row % M] < 0, "example {row}");
    }
}

#[test]
fn what_has_no_machine_is_said() {
    let fixture = finished(&[]);
    let refuses = |arguments: &[&str], words: &[&str]| {
        fixture.refuses_command(&[&["machine"], arguments].concat(), words);
    };
    refuses(&["nowhere"], &["nowhere", "no finished run"]);
    refuses(&["out", "--kind", "forest"], &["forest", "ridge, svm, logistic"]);
    refuses(&["out", "--alpha", "0"], &["--alpha 0", "above 0"]);
    refuses(&["asked"], &["not its training set", "without [data.query]", "--queries"]);
    refuses(&["out", "--queries", "nowhere"], &["nowhere", "no finished run"]);
    fixture.refuses_command(&["spectrum", "asked"], &["not its training set"]);
    let other = |directory: &str, overrides: &[&str]| {
        let directory = format!("run.directory={directory}");
        fixture.succeeds(&[&TRACE[..], &ASKED[1..], overrides, &[&directory]].concat());
    };
    other("longer", &["training.steps=13"]);
    refuses(&["out", "--queries", "longer"], &["longer", "another path", "training.steps is 13, and 12"]);
    other("seeded", &["run.seed=3"]);
    refuses(&["out", "--queries", "seeded"], &["seeded", "another path", "run.seed"]);
    other("diagonal", &["kernel.kernel=diagonal"]);
    refuses(&["out", "--queries", "diagonal"], &["its kernel is diagonal", "kernel.kernel = \"trace\""]);
    other("fewer", &["kernel.tangent=false"]);
    let said = answers(&fixture, &["machine", "out", "--queries", "fewer"]);
    assert!(said.contains("note: fewer keeps no tangent_final kernel"), "{said}");
    fixture.succeeds(&[&TRACE[..], &["run.directory=untold", "data.query.inputs=q.npy"]].concat());
    refuses(&["out", "--queries", "untold"], &["untold", "no targets", "data.query.targets"]);
    // The same data under another name are the same data.
    fs::copy(fixture.path("x.npy"), fixture.path("copy.npy")).expect("a copy");
    other("copied", &["data.train.inputs=copy.npy"]);
    answers(&fixture, &["machine", "out", "--queries", "copied"]);
    fixture.write("z.npy", &npy_f64(&[M, 3], &numbers(8, M * 3)));
    other("elsewhere", &["data.train.inputs=z.npy"]);
    refuses(&["out", "--queries", "elsewhere"], &["elsewhere", "data.train.inputs", "other data"]);
}

#[test]
fn runs_without_a_kernel_of_outputs_are_refused() {
    let refused = |overrides: &[&str], words: &[&str]| {
        let fixture = fixture();
        fixture.write("g.npy", &npy_i64(&[M], &(0..M as i64).map(|row| row % 5).collect::<Vec<_>>()));
        fixture.succeeds(overrides);
        for command in ["machine", "spectrum"] {
            fixture.refuses_command(&[command, "out"], words);
        }
    };
    refused(&[], &["keeps no kernel", "kernel.kernel = \"trace\""]);
    refused(&["training.optimizer.momentum=0.9"], &["keeps no kernel", "momentum", "training.steps = 0"]);
    refused(&["kernel.kernel=trace", "kernel.readout=probabilities"], &["none between outputs", "kernel.readout"]);
    refused(&["kernel.kernel=trace", "data.train.groups=g.npy"], &["groups of examples", "data.train.groups"]);
}

/// Without a step there is no path, and with steps of next to no rate its kernel is next to nothing; the tangent kernels are there.
#[test]
fn a_kernel_that_is_nothing_is_left_out() {
    let still = finished(&["training.optimizer.learning_rate=1e-320"]);
    let said = answers(&still, &["machine", "out"]);
    assert!(said.contains("note: the path kernel's diagonal has the mean"), "{said}");
    assert_eq!(array(&still, "out/machine.npy").0, [2, M, C]);
    let fixture = finished(&["training.steps=0"]);
    let said = answers(&fixture, &["machine", "out", "--queries", "asked"]);
    assert!(!said.contains("note:"), "{said}");
    assert_eq!(array(&fixture, "out/machine.npy").0, [2, M, C]);
    answers(&fixture, &["spectrum", "out"]);
    assert_eq!(array(&fixture, "out/spectrum.npy").0, [2, M]);
    let fixture = self::fixture();
    fixture.succeeds(&["kernel.kernel=trace", "training.steps=0"]);
    fixture.refuses_command(&["spectrum", "out"], &["the path kernel's diagonal has the mean 0"]);
}

/// The matrices of all pairs must fit.
#[test]
fn what_memory_does_not_hold_is_refused() {
    let fixture = finished(&[]);
    let run_file = fs::read_to_string(fixture.path("out/run.toml")).expect("a run file");
    fixture.write("out/run.toml", run_file.replacen("[run]", "[run]\nmemory = 10000", 1).as_bytes());
    for command in ["machine", "spectrum"] {
        fixture.refuses_command(&[command, "out"], &["[24, 24]", "of memory", "pk.landmarks"]);
    }
}

#[test]
fn damage_is_noticed() {
    let fixture = finished(&[]);
    let path = fixture.path("out/kernel.npy");
    let mut bytes = fs::read(&path).expect("a file");
    *bytes.last_mut().expect("bytes") ^= 1;
    fs::write(&path, bytes).expect("a file");
    for command in ["machine", "spectrum"] {
        fixture.refuses_command(&[command, "out"], &["kernel.npy", "changed after it was written"]);
    }
    fixture.write("x.npy", &npy_f64(&[M, 3], &numbers(8, M * 3)));
    fixture.refuses_command(&["machine", "asked"], &["data.train.inputs", "put the file back"]);
    fs::remove_file(fixture.path("x.npy")).expect("a file");
    fixture.fails(&["machine", "asked"], 2, &["x.npy"]);
}
