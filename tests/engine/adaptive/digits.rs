//! Handwritten digits: how many nodes a query needs a step, along paths that the program trains.

use super::cases::{linear, network, relu};
use crate::common::program::{pathkernel, succeeds};
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Backend, Element};
use pathkernel::formats::read;
use pathkernel::graph::Graph;
use pathkernel::path::adaptive::{Adaptive, Step};
use std::fs;
use std::path::Path;

/// A path of 64 - widths - 10 with relu, `[steps + 1, parameters]`, and the first of the query images.
fn path(widths: [usize; 2], rate: f64, steps: usize, queries: usize) -> (Graph, Vec<f64>, Vec<f64>) {
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
accept = 1e3
"#,
        widths[0],
        widths[1],
        data = data.display(),
    );
    fs::write(folder.path().join("query.csv"), [["0"; 64].join(","), String::new()].join("\n")).expect("a query");
    fs::write(folder.path().join("run.toml"), text).expect("a run file");
    let mut program = pathkernel(&folder.path().join("cache"));
    succeeds(program.args(["run", "run.toml", "--no-tune"]).current_dir(folder.path()));
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
}

/// The nodes of some images on every step of a path.
fn measure<E: Element>((network, path, x): &(Graph, Vec<f64>, Vec<f64>), tolerance: f64) -> Found {
    let backend = CpuBackend::<E>::new();
    let (steps, queries) = (path.len() / network.len - 1, x.len() / network.input_len());
    let round = |values: &[f64]| values.iter().map(|&value| E::from_f64(value)).collect::<Vec<E>>();
    let adaptive = Adaptive::new(&backend, network, None, tolerance).expect("room");
    let inputs = backend.upload(&round(x)).expect("room");
    let upload = |step: usize| backend.upload(&round(&path[step * network.len..][..network.len])).expect("room");
    let mut start = upload(0);
    let mut before = adaptive.values(&start, &inputs, queries).expect("values");
    let mut found = Found { nodes: 0.0, rows: 0.0, missed: 0 };
    for step in 1..=steps {
        let end = upload(step);
        let change: Vec<E> = end.iter().zip(start.iter()).map(|(&end, &start)| end - start).collect();
        let change = backend.upload(&change).expect("room");
        let after = adaptive.values(&end, &inputs, queries).expect("values");
        let ends = [before.as_slice(), after.as_slice()];
        let asked = Step { weights: &start, change: &change, inputs: &inputs, queries, ends };
        let settled = adaptive.settle(&asked).expect("settled");
        found.nodes += settled.rows.len() as f64;
        found.rows += settled.passed as f64;
        found.missed += settled.missed.len();
        (start, before) = (end, after);
    }
    let each = (queries * steps) as f64;
    Found { nodes: found.nodes / each, rows: found.rows / each, ..found }
}

/// A small network in both precisions, and a wide one.
#[test]
fn digits_need_few_nodes() {
    let (small, wide) = (path([48, 32], 0.05, 12, 40), path([256, 256], 0.05, 8, 24));
    let found =
        [(measure::<f64>(&small, 1e-9), 6.0), (measure::<f32>(&small, 1e-6), 6.0), (measure::<f64>(&wide, 1e-9), 8.0)];
    for (found, most) in found {
        println!("{:.2} nodes from {:.2} rows a query and step, missed {}", found.nodes, found.rows, found.missed);
        assert!(found.nodes < most && found.rows < 2.0 * most, "{} nodes from {} rows", found.nodes, found.rows);
        assert_eq!(found.missed, 0);
    }
}
