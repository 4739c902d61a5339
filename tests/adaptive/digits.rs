//! Handwritten digits: how many nodes a query needs a step, along paths that the program trains.

use crate::cases::{linear, network, relu};
use pathkernel::backend::cpu::CpuBackend;
use pathkernel::backend::{Backend, Element, Slice, SliceMut};
use pathkernel::data::read;
use pathkernel::network::{Network, Segment};
use pathkernel::path::adaptive::{Adaptive, Row, Step};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// A path of 64 - widths - 10 with relu, `[steps + 1, parameters]`, and the first of the query images.
fn path(widths: [usize; 2], rate: f64, steps: usize, queries: usize) -> (Network, Vec<f64>, Vec<f64>) {
    let layers = vec![linear(widths[0]), relu(), linear(widths[1]), relu(), linear(10)];
    let network = network(&[64], layers);
    let folder = tempfile::tempdir().expect("a folder");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/digits.npz");
    let text = format!(
        r#"
[run]
directory = "run"
device = "cpu"
precision = "f64"
[data.train]
inputs = "{data}:train_x"
targets = "{data}:train_y"
[data.query]
inputs = "query.csv"
[model]
input = [64]
layers = [
  {{ type = "linear", features = {} }}, {{ type = "relu" }},
  {{ type = "linear", features = {} }}, {{ type = "relu" }},
  {{ type = "linear", features = 10 }},
]
[training]
loss = "cross_entropy"
optimizer = {{ type = "sgd", learning_rate = {rate:?} }}
batch_size = 128
steps = {steps}
[kernel]
rule = "left"
"#,
        widths[0],
        widths[1],
        data = data.display(),
    );
    fs::write(folder.path().join("query.csv"), [["0"; 64].join(","), String::new()].join("\n")).expect("a query");
    fs::write(folder.path().join("run.toml"), text).expect("a run file");
    let program = Command::new(env!("CARGO_BIN_EXE_pathkernel"))
        .args(["run", "run.toml", "--no-tune"])
        .current_dir(folder.path())
        .output()
        .expect("the program");
    assert!(program.status.success(), "{}", String::from_utf8_lossy(&program.stderr));
    let weights = read(&folder.path().join("run/trajectory/weights.npy").display().to_string()).expect("weights");
    assert_eq!(weights.shape, [steps + 1, network.len]);
    let images = read(&format!("{}:query_x", data.display())).expect("images").to_f64();
    (network, weights.to_f64(), images[..queries * 64].to_vec())
}

/// What a path asks for.
struct Found {
    /// Nodes a query and step.
    nodes: f64,
    /// Rows that the search passed, a query and step.
    rows: f64,
    missed: usize,
    /// Of the search, and of backward passes at its nodes.
    seconds: [f64; 2],
}

/// The nodes of `queries` images on every step of a path, and the time of backward passes at them where asked for.
fn measure<E: Element>((network, path, x): &(Network, Vec<f64>, Vec<f64>), tolerance: f64, backward: bool) -> Found {
    let backend = CpuBackend::<E>::new();
    let (steps, queries) = (path.len() / network.len - 1, x.len() / network.input_len());
    let round = |values: &[f64]| values.iter().map(|&value| E::from_f64(value)).collect::<Vec<E>>();
    let adaptive = Adaptive::new(&backend, network, None, tolerance).expect("room");
    let inputs = backend.upload(&round(x)).expect("room");
    let upload = |step: usize| backend.upload(&round(&path[step * network.len..][..network.len])).expect("room");
    let mut start = upload(0);
    let mut before = adaptive.values(&start, &inputs, queries).expect("values");
    let mut found = Found { nodes: 0.0, rows: 0.0, missed: 0, seconds: [0.0; 2] };
    for step in 1..=steps {
        let end = upload(step);
        let change: Vec<E> = end.iter().zip(start.iter()).map(|(&end, &start)| end - start).collect();
        let change = backend.upload(&change).expect("room");
        let clock = Instant::now();
        let after = adaptive.values(&end, &inputs, queries).expect("values");
        let ends = [before.as_slice(), after.as_slice()];
        let asked = Step { weights: &start, change: &change, inputs: &inputs, queries, ends };
        let settled = adaptive.settle(&asked).expect("settled");
        found.seconds[0] += clock.elapsed().as_secs_f64();
        found.nodes += settled.rows.len() as f64;
        found.rows += settled.passed as f64;
        found.missed += settled.missed.len();
        if backward {
            let clock = Instant::now();
            passes(&backend, network, &asked, &settled.rows);
            found.seconds[1] += clock.elapsed().as_secs_f64();
        }
        (start, before) = (end, after);
    }
    let each = (queries * steps) as f64;
    Found { nodes: found.nodes / each, rows: found.rows / each, ..found }
}

/// A backward pass of every output at some nodes.
fn passes<E: Element>(backend: &CpuBackend<E>, network: &Network, step: &Step<'_, CpuBackend<E>>, rows: &[Row]) {
    let (width, outputs) = (network.input_len(), network.outputs);
    for rows in rows.chunks(step.queries.max(256)) {
        let x: Vec<E> =
            rows.iter().flat_map(|row| &step.inputs[row.query as usize * width..][..width]).copied().collect();
        let tau: Vec<E> = rows.iter().map(|row| E::from_f64(row.tau)).collect();
        let (x, tau) = (backend.upload(&x).expect("room"), backend.upload(&tau).expect("room"));
        let segment = Segment { weights: step.weights, step: Some((step.change, Slice::new(&tau, 0, rows.len()))) };
        let pass = network.forward(backend, segment, Slice::new(&x, 0, x.len()), rows.len()).expect("forward");
        let mut seed = backend.scratch(rows.len() * outputs * outputs).expect("room");
        let len = seed.len();
        backend.seed(rows.len(), outputs, SliceMut::new(&mut seed, 0, len), None).expect("seed");
        network.backward(backend, segment, &pass, outputs, seed, &mut |_| Ok(())).expect("backward");
    }
}

/// A small network in the suite, in both precisions.
#[test]
fn digits_need_few_nodes() {
    let path = path([48, 32], 0.05, 12, 40);
    for found in [measure::<f64>(&path, 1e-9, false), measure::<f32>(&path, 1e-6, false)] {
        println!("{:.2} nodes from {:.2} rows a query and step, missed {}", found.nodes, found.rows, found.missed);
        assert!(found.nodes < 6.0 && found.rows < 12.0, "{} nodes from {} rows", found.nodes, found.rows);
        assert_eq!(found.missed, 0);
    }
}

/// The network of the design, with times: `cargo test --release --test adaptive -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn nodes_and_times_on_digits() {
    for (rate, steps) in [(0.05, 100), (0.5, 30)] {
        let path = path([256, 256], rate, steps, 64);
        let print = |what: &str, Found { nodes, rows, missed, seconds: [search, backward] }: Found| {
            println!(
                "rate {rate}, {what}: {nodes:.2} nodes from {rows:.2} rows, missed {missed} of {}; \
                 {search:.2} s of search, {backward:.2} s of backward passes",
                steps * 64
            );
        };
        print("f64, 1e-9", measure::<f64>(&path, 1e-9, true));
        print("f64, 1e-12", measure::<f64>(&path, 1e-12, false));
        print("f32, 1e-6", measure::<f32>(&path, 1e-6, true));
    }
}
