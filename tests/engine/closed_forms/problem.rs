//! A linear model's data and training, run through the program.

use crate::common::arrays::{Array, read_npy, read_safetensors};
use crate::common::program::{pathkernel, succeeds};
use pathkernel::formats::write_safetensors;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One rounding of f64, relative.
const ROUNDING: f64 = f64::EPSILON / 2.0;
/// Gauss weights come from an iteration: a few roundings, and as many for their sum.
pub const RULE: usize = 32;

pub type Rows = Vec<Vec<f64>>;

/// A linear model, its data and its training.
pub struct Problem {
    pub inputs: Rows,
    pub targets: Rows,
    pub queries: Rows,
    /// `[C, d]`.
    pub weight: Rows,
    /// `[C]`, or empty.
    pub bias: Vec<f64>,
    pub rate: f64,
    pub steps: usize,
    pub decay: f64,
    pub sum: bool,
    pub batches: Option<Vec<Vec<usize>>>,
}

/// What a run left.
pub struct Done {
    pub arrays: BTreeMap<String, Array>,
    pub weights: BTreeMap<String, Array>,
    pub undefined: u64,
    pub losses: Vec<f64>,
}

impl Problem {
    /// Numbers of no particular kind: m = 5 examples, n = 4 queries, d = 3, C = 2.
    pub fn general(bias: bool) -> Self {
        let rows = |count, width, phase| {
            (0..count).map(|i| (0..width).map(|j| number(i * width + j, phase)).collect()).collect()
        };
        Self {
            inputs: rows(5, 3, 0.3),
            targets: rows(5, 2, 1.1),
            queries: rows(4, 3, 2.7),
            weight: rows(2, 3, 4.9),
            bias: if bias { vec![0.21, -0.57] } else { Vec::new() },
            rate: 0.05,
            steps: 40,
            decay: 0.0,
            sum: false,
            batches: None,
        }
    }

    pub fn outputs(&self) -> usize {
        self.weight.len()
    }

    /// `X · X'`.
    pub fn product(&self, a: &[f64], b: &[f64]) -> f64 {
        dot(a, b) + if self.bias.is_empty() { 0.0 } else { 1.0 }
    }

    /// The same with absolute values: what its roundings are relative to.
    pub fn product_size(&self, a: &[f64], b: &[f64]) -> f64 {
        let size: f64 = a.iter().zip(b).map(|(a, b)| (a * b).abs()).sum();
        size + if self.bias.is_empty() { 0.0 } else { 1.0 }
    }

    /// An output at the first weights.
    pub fn initial(&self, x: &[f64], output: usize) -> f64 {
        dot(&self.weight[output], x) + self.bias.get(output).unwrap_or(&0.0)
    }

    /// The largest `|w| |x| + |b| + |y|`: residuals are made of numbers of this size.
    pub fn size(&self) -> f64 {
        let largest = |values: &Rows| values.iter().flatten().fold(0.0f64, |top, v| top.max(v.abs()));
        let width = self.inputs[0].len() as f64;
        let bias = self.bias.iter().fold(0.0f64, |top, v| top.max(v.abs()));
        let inputs = largest(&self.inputs).max(largest(&self.queries));
        // Twice, as weights can grow on their way to the targets.
        2.0 * (width * largest(&self.weight) * inputs + bias + largest(&self.targets))
    }

    /// Roundings of a residual after all steps: each forms an output, a gradient and an update.
    pub fn roundings(&self) -> usize {
        self.steps * (self.inputs[0].len() + self.inputs.len() + 8)
    }

    pub fn run(&self, kernel: &str) -> Done {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let folder = scratch.path();
        write_csv(&folder.join("x.csv"), &self.inputs);
        write_csv(&folder.join("y.csv"), &self.targets);
        write_csv(&folder.join("q.csv"), &self.queries);
        let (outputs, width) = (self.outputs(), self.inputs[0].len());
        let weight = self.weight.concat();
        let mut tensors = vec![("0.weight".to_owned(), vec![outputs, width], weight.as_slice())];
        if !self.bias.is_empty() {
            tensors.push(("0.bias".to_owned(), vec![outputs], self.bias.as_slice()));
        }
        write_safetensors(&folder.join("w.safetensors"), &tensors).expect("weights are written");
        let mut order = "";
        if let Some(batches) = &self.batches {
            let lines: Vec<String> = batches.iter().map(|b| format!("{b:?}").replace(['[', ']'], "")).collect();
            fs::write(folder.join("b.csv"), lines.join("\n")).expect("batches are written");
            order = "batches = \"b.csv\"";
        }
        let text = format!(
            "[run]\ndirectory = \"out\"\ndevice = \"cpu\"\nprecision = \"f64\"\n\
             [data.train]\ninputs = \"x.csv\"\ntargets = \"y.csv\"\n[data.query]\ninputs = \"q.csv\"\n\
             [model]\ninput = [{width}]\nlayers = [{{ type = \"linear\", features = {outputs}, bias = {bias} }}]\n\
             weights = \"w.safetensors\"\n\
             [training]\nloss = \"squared_error\"\nreduction = \"{reduction}\"\nsteps = {steps}\n{order}\n\
             optimizer = {{ type = \"sgd\", learning_rate = {rate:?}, weight_decay = {decay:?} }}\n\
             [kernel]\n{kernel}\n",
            bias = !self.bias.is_empty(),
            reduction = if self.sum { "sum" } else { "mean" },
            steps = self.steps,
            rate = self.rate,
            decay = self.decay,
        );
        fs::write(folder.join("run.toml"), text).expect("the run file is written");
        succeeds(pathkernel(&folder.join("cache")).arg("run").arg(folder.join("run.toml")));
        read_run(&folder.join("out"))
    }
}

fn read_run(out: &Path) -> Done {
    let mut arrays = BTreeMap::new();
    for entry in fs::read_dir(out).expect("the run directory can be read") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|end| end == "npy") {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            arrays.insert(name, read_npy(&path).expect("an array"));
        }
    }
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    let summary = parse(&fs::read_to_string(out.join("summary.json")).expect("a summary"));
    let metrics = fs::read_to_string(out.join("metrics.jsonl")).expect("metrics");
    Done {
        arrays,
        weights: read_safetensors(&out.join("weights_final.safetensors")).expect("weights"),
        undefined: summary["undefined_coefficients"].as_u64().expect("a count"),
        losses: metrics.lines().map(|line| parse(line)["loss"].as_f64().expect("a loss")).collect(),
    }
}

/// In [-1, 1], of no particular kind.
fn number(place: usize, phase: f64) -> f64 {
    (1.7 * place as f64 + phase).sin()
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn write_csv(path: &Path, rows: &Rows) {
    // `{:?}` writes as many digits as it takes to read the same number.
    let lines: Vec<String> = rows.iter().map(|row| format!("{row:?}").replace(['[', ']'], "")).collect();
    fs::write(path, lines.join("\n")).expect("a table is written");
}

/// Compares an array, entry by entry, with `(value, size)`, up to a number of roundings.
pub fn check(what: &str, array: &Array, shape: &[usize], roundings: usize, want: impl Fn(&[usize]) -> (f64, f64)) {
    assert_eq!(array.shape, shape, "{what}");
    let (mut worst, mut share) = (0.0f64, 0.0f64);
    for (place, &got) in array.values.iter().enumerate() {
        let mut index = vec![0; shape.len()];
        let mut rest = place;
        for axis in (0..shape.len()).rev() {
            index[axis] = rest % shape[axis];
            rest /= shape[axis];
        }
        let (want, size) = want(&index);
        let bound = roundings as f64 * ROUNDING * size;
        // Written so that NaN fails.
        let near = (got - want).abs() <= bound;
        assert!(near, "{what}{index:?} is {got:e} instead of {want:e}, off by {:e} > {bound:e}", (got - want).abs());
        worst = worst.max((got - want).abs());
        if got != want {
            share = share.max((got - want).abs() / bound);
        }
    }
    println!("{what}: largest error {worst:.1e}, {share:.1e} of its bound");
}
