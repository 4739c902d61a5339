//! Attributions by windows of training: they add up to the attribution, whatever the optimizer and the contraction, in tiles and
//! after an interruption as in one go. `tests/reference.rs` holds each window against the float64 reference (fixtures `windows_*`).

use crate::common::folder::Folder;
use crate::common::interrupt::Interrupt;
use crate::common::problem::{explained, path};
use pathkernel::activation::Activation;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Element, Entries, Rates};
use pathkernel::error::Error;
use pathkernel::formats;
use pathkernel::graph::Graph;
use pathkernel::layer::{BatchNorm, Layer, LayerKind, Linear, Statistics};
use pathkernel::loss::{Loss, Targets};
use pathkernel::optimizer::{Adam, Flow, Lion, NAdam, Optimizer, RmsProp, Sgd};
use pathkernel::path::{Finished, Integration, Spec, Tile};
use pathkernel::plan::Device;
use pathkernel::problem::{Explanation, Problem, QueryData, TrainingData};
use pathkernel::random::numbers;
use pathkernel::readout::Readout;
use pathkernel::tangent::{Carried, Contraction, choices};
use pathkernel::tape::{MemoryTape, Tape};
use pathkernel::training::Groups;
use std::fs;
use std::path::Path;

const EXAMPLES: usize = 5;
const QUERIES: usize = 3;
const OUTPUTS: usize = 2;
/// Seven steps, in blocks of three, so that windows begin within blocks and where they do.
const STEPS: usize = 7;
const WINDOWS: usize = 4;
const BORDERS: [usize; WINDOWS + 1] = [0, 2, 4, 6, 7];

fn linear(features: usize) -> Layer {
    Layer::new(LayerKind::Linear(Linear { features, bias: true }))
}

fn network() -> Graph {
    let layers = [linear(4), Layer::new(LayerKind::Activation(Activation::Tanh)), linear(OUTPUTS)];
    Graph::new(&[3], &layers).expect("a network")
}

fn asking(network: Graph, optimizer: Optimizer) -> Problem {
    let (inputs, targets) = (numbers(1, EXAMPLES * 3), Targets::Reals(numbers(2, EXAMPLES * OUTPUTS)));
    let problem =
        Problem::new(network, Loss::SquaredError, optimizer, inputs, targets).asking(numbers(3, QUERIES * 3), None);
    let spec = Spec { windows: WINDOWS, ..problem.spec.clone() };
    Problem { spec, ..problem }
}

/// In batches of which one holds an example twice.
fn problem(optimizer: Optimizer) -> Problem {
    let problem = asking(network(), optimizer);
    let batches = [[0, 1, 2], [3, 4, 4], [1, 0, 3], [2, 3, 1], [4, 0, 2], [1, 2, 3], [0, 3, 4]];
    if optimizer.is_solved() { problem } else { problem.batches(batches.map(Vec::from).to_vec()) }
}

fn adam() -> Adam {
    let (betas, eps, weight_decay) = ([0.8, 0.95], 1e-3, 0.02);
    Adam { learning_rate: 0.02, betas, eps, weight_decay, amsgrad: false, decoupled: true }
}

fn optimizers() -> [Optimizer; 7] {
    let sgd = |momentum, nesterov| Optimizer::Sgd(Sgd { momentum, nesterov, weight_decay: 0.01, ..Sgd::plain(0.1) });
    let Adam { betas, eps, weight_decay, .. } = adam();
    let nadam =
        NAdam { learning_rate: 0.01, betas, eps, weight_decay, momentum_decay: 0.1, decoupled_weight_decay: false };
    let rmsprop = RmsProp { learning_rate: 0.01, alpha: 0.9, eps: 1e-2, weight_decay, momentum: 0.8, centered: false };
    [
        sgd(0.0, false),
        sgd(0.7, false),
        sgd(0.7, true),
        Optimizer::Adam(adam()),
        Optimizer::NAdam(nadam),
        Optimizer::RmsProp(rmsprop),
        Optimizer::Lion(Lion { learning_rate: 0.01, betas, weight_decay }),
    ]
}

/// The answer without windows.
fn without<E: Element>(problem: &Problem, tape: &MemoryTape<E>) -> Explanation {
    let spec = Spec { windows: 0, ..problem.spec.clone() };
    explained(&Problem { spec, ..problem.clone() }, tape, [QUERIES, EXAMPLES])
}

/// Ways to contract the layers, one layer departing from whole rows at a time.
fn all_choices(problem: &Problem) -> Vec<Vec<Contraction>> {
    let (network, optimizer) = (&problem.network, problem.spec.optimizer.whole());
    let carried = Carried::new(optimizer, &[0.1; STEPS], <f64 as Element>::ROUNDING);
    let rows = vec![Contraction::Materialised; network.blocks.len()];
    let each = network.blocks.iter().enumerate().flat_map(|(index, own)| {
        let of = choices(network, own, Readout::Outputs, carried).into_iter();
        of.filter(|choice| *choice != Contraction::Forwards).map(move |choice| (index, choice))
    });
    let departing = |(index, choice)| {
        let mut choices = rows.clone();
        choices[index] = choice;
        choices
    };
    let along = vec![Contraction::Directional; network.blocks.len()];
    each.map(departing).chain([along]).collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// Entry by entry what some arrays add up to.
fn sum(arrays: &[Vec<f64>]) -> Vec<f64> {
    (0..arrays[0].len()).map(|entry| arrays.iter().map(|array| array[entry]).sum()).collect()
}

/// Windows add up to the attribution, that of all layers, to the roundings of a few sums of a few dozen products.
#[track_caller]
fn add_up(what: &str, found: &Explanation) {
    let (whole, parts) = (sum(&found.attribution), sum(&found.attribution_windows));
    let scale = found.attribution_windows.iter().map(|part| largest(part)).fold(0.0, f64::max);
    for (entry, (whole, parts)) in whole.iter().zip(&parts).enumerate() {
        assert!((whole - parts).abs() <= 1e-13 * scale, "{what}: entry {entry} is {parts}, not {whole}");
    }
}

#[test]
fn windows_add_up_to_the_attribution() {
    for optimizer in optimizers() {
        let problem = problem(optimizer);
        let tape = path::<f64>(&problem);
        assert_eq!(tape.history().windows(WINDOWS), BORDERS);
        for choice in all_choices(&problem) {
            let plain = without(&Problem { contraction: Some(choice.clone()), ..problem.clone() }, &tape);
            assert!(plain.attribution_windows.is_empty());
            for layers in [false, true] {
                let spec = Spec { layers, ..problem.spec.clone() };
                let problem = Problem { spec, contraction: Some(choice.clone()), ..problem.clone() };
                let found = explained(&problem, &tape, [QUERIES, EXAMPLES]);
                let what = format!("{optimizer:?}, {choice:?}");
                assert_eq!(found.attribution.len(), if layers { 2 } else { 1 });
                add_up(&what, &found);
                let (with, plain) = (sum(&found.attribution), &plain.attribution[0]);
                let off: Vec<f64> = with.iter().zip(plain).map(|(with, plain)| with - plain).collect();
                assert!(largest(&off) <= 1e-13 * largest(plain), "{what}: {:e}", largest(&off));
            }
        }
    }
}

/// An example contributes in a window where one of its batches holds it, and else nothing: what its gradients do later counts where
/// they were taken.
#[test]
fn a_window_has_the_examples_of_its_batches_alone() {
    for optimizer in optimizers() {
        let problem = problem(optimizer);
        let found = explained(&problem, &path::<f64>(&problem), [QUERIES, EXAMPLES]);
        for (window, part) in found.attribution_windows.iter().enumerate() {
            for example in 0..EXAMPLES {
                let steps = &problem.steps[BORDERS[window]..BORDERS[window + 1]];
                let batches = steps.iter().filter_map(|step| step.batch.as_deref());
                let is_held = batches.flatten().any(|&held| held as usize == example);
                let own = |query: usize| (query * EXAMPLES + example) * OUTPUTS;
                let moved = (0..QUERIES).any(|query| largest(&part[own(query)..own(query) + OUTPUTS]) > 0.0);
                assert_eq!(moved, is_held, "{optimizer:?}: window {window}, example {example}");
            }
        }
    }
}

/// A column for some examples, a kernel of half of the pairs, and batch norm by the batch, whose gradients go through all of it.
#[test]
fn other_ways_add_up() {
    let sgd = Optimizer::Sgd(Sgd { momentum: 0.5, ..Sgd::plain(0.1) });
    let grouped = problem(sgd).grouped(Groups::new(&[3, 1, 3, 1, 0]));
    let of_groups = explained(&grouped, &path::<f64>(&grouped), [QUERIES, 3]);
    assert_eq!(of_groups.attribution_windows[0].len(), QUERIES * 3 * OUTPUTS);
    add_up("groups", &of_groups);

    let (inputs, targets) = (numbers(1, EXAMPLES * 3), Targets::Reals(numbers(2, EXAMPLES * OUTPUTS)));
    let itself = Problem::new(network(), Loss::SquaredError, Optimizer::Sgd(Sgd::plain(0.1)), inputs, targets);
    let kernel = Some(Entries::Full);
    let spec = Spec { windows: WINDOWS, kernel, rule: pathkernel::path::Rule::Left, ..itself.spec.clone() };
    let itself = Problem { spec, ..itself }.full_batches(STEPS);
    let tape = path::<f64>(&itself);
    let beside = explained(&itself, &tape, [2, 2]);
    add_up("a symmetric kernel", &beside);
    assert_eq!(beside.kernel, without(&itself, &tape).kernel);

    let norm = BatchNorm { eps: 1e-5, momentum: 0.1, affine: true, statistics: Statistics::Batch };
    let layers = [linear(4), Layer::new(norm), Layer::new(LayerKind::Activation(Activation::Tanh)), linear(OUTPUTS)];
    let network = Graph::new(&[3], &layers).expect("a network");
    for contraction in [None, Some(vec![Contraction::Directional; network.blocks.len()])] {
        let coupled = Problem { contraction, ..asking(network.clone(), sgd) }.full_batches(STEPS);
        add_up("batch norm", &explained(&coupled, &path::<f64>(&coupled), [QUERIES, EXAMPLES]));
    }
}

/// An entry has the bits that it has in the whole.
#[test]
fn tiles_have_the_bits_of_the_whole() {
    fn check<E: Element>(optimizer: Optimizer, layers: bool) {
        let problem = problem(optimizer);
        let problem = Problem { spec: Spec { layers, ..problem.spec.clone() }, ..problem };
        let tape = path::<E>(&problem);
        let whole = explained(&problem, &tape, [QUERIES, EXAMPLES]);
        for sides in [[1, 2], [2, 3], [3, 1]] {
            let tiled = explained(&problem, &tape, sides);
            assert!(whole.attribution_windows == tiled.attribution_windows, "{optimizer:?}, {sides:?}");
            assert!(whole.attribution == tiled.attribution, "{optimizer:?}, {sides:?}");
        }
    }
    for optimizer in optimizers() {
        check::<f64>(optimizer, false);
        check::<f32>(optimizer, true);
    }
}

/// A tile that is ended after any step goes on to the same bits.
#[test]
fn an_interrupted_tile_goes_on_to_the_same_bits() {
    for (optimizer, layers) in optimizers().into_iter().flat_map(|optimizer| [(optimizer, false), (optimizer, true)]) {
        let problem = problem(optimizer);
        let problem = Problem { spec: Spec { layers, ..problem.spec.clone() }, ..problem };
        let (backend, tape) = (CpuBackend::<f32>::new(), path::<f32>(&problem));
        let plan = problem.plan(&Device::new(&backend, Rates::CPU)).expect("a plan");
        let data = TrainingData::new(&backend, &problem).expect("data");
        let queries = QueryData::new(&backend, &problem).expect("queries");
        let integration = Integration { setting: data.setting(&plan.contraction, &queries), tape: &tape };
        let tile = Tile { queries: 0..QUERIES, examples: 0..EXAMPLES };
        let want: Finished = integration.tile(&tile, &mut || Ok(())).expect("a tile");
        assert!(want.windows.len() == WINDOWS && want.windows.iter().all(|part| largest(part) > 0.0));
        let folder = tempfile::tempdir().expect("a folder");
        for after in 1..=STEPS {
            let state = folder.path().join(format!("{after}.state"));
            let ended = integration.tile(&tile, &mut Interrupt::after(state.clone(), after));
            assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
            let found = integration.tile(&tile, &mut Interrupt::never(state)).expect("a tile");
            assert!(found.windows == want.windows, "{optimizer:?}, {after}");
            assert!(found.attribution == want.attribution, "{optimizer:?}, {after}");
        }
    }
}

/// f = w x + b with one example, by its flow: f(t) at the example goes to y as exp(-(x² + 1) t), and all of a query's change is the
/// example's. Windows of time are those between the beginnings of the solver's steps.
#[test]
fn windows_of_a_flow_are_of_time() {
    let (x, y, query, time) = (0.8, 1.5, -0.4, 2.0);
    let network = Graph::new(&[1], &[linear(1)]).expect("a network");
    let optimizer = Optimizer::Flow(Flow { time, tolerance: 1e-9 });
    let problem = Problem::new(network, Loss::SquaredError, optimizer, vec![x], Targets::Reals(vec![y]))
        .asking(vec![query], None);
    let problem = Problem { spec: Spec { windows: 5, ..problem.spec.clone() }, ..problem };
    let tape = path::<f64>(&problem);
    let found = explained(&problem, &tape, [1, 1]);
    let initial = problem.network.draw(3);
    let first = initial[0] * x + initial[1] - y;
    // Of f at the query from the start on.
    let change = |time: f64| first * (query * x + 1.0) / (x * x + 1.0) * ((-(x * x + 1.0) * time).exp() - 1.0);
    let borders = tape.history().windows(5);
    let begins = |step: usize| tape.history().steps[..step].iter().map(|step| step.learning_rate).sum::<f64>();
    assert_eq!((borders[0], borders[5]), (0, tape.history().steps.len()));
    for window in 0..5 {
        let [begin, end] = [borders[window], borders[window + 1]].map(begins);
        let (want, have) = (change(end) - change(begin), found.attribution_windows[window][0]);
        assert!((want - have).abs() < 1e-8 * change(time).abs(), "window {window}: {have}, not {want}");
        // No step that begins before the window's time, and the last one before it ends.
        let lasts = time / 5.0;
        assert!(begin >= lasts * window as f64 - 1e-12);
        assert!(window == 4 || begins(borders[window + 1] - 1) < lasts * (window + 1) as f64);
    }
    add_up("a flow", &found);
    // Of many windows, those in which no step begins are zeros.
    let many = 40 * tape.history().steps.len();
    let many = Problem { spec: Spec { windows: many, ..problem.spec.clone() }, ..problem };
    let found = explained(&many, &tape, [1, 1]);
    assert!(found.attribution_windows.iter().filter(|part| part[0] != 0.0).count() <= tape.history().steps.len());
    add_up("many windows", &found);
}

#[test]
fn what_has_no_windows_is_refused() {
    let asked = || problem(Optimizer::Adam(adam()));
    let spec = |spec: Spec| Problem { spec, ..asked() };
    let forwards = vec![Contraction::Forwards, Contraction::Materialised];
    let wrong = [
        (spec(Spec { attribution: false, ..asked().spec }), "kernel.windows: split the attribution"),
        (
            spec(Spec { windows: STEPS + 1, ..asked().spec }),
            "kernel.windows: asks for 8 windows, and training takes 7 steps; a window holds one step at the least",
        ),
        (
            Problem { contraction: Some(forwards.clone()), ..asked() },
            "layer 0 cannot be forwards with kernel.windows, since what goes forwards in time is momentum of all steps so far; one \
             of materialised, half",
        ),
    ];
    let device = Device::new(&CpuBackend::<f64>::new(), Rates::CPU);
    for (problem, word) in wrong {
        let refused = problem.plan(&device).expect_err(word).to_string();
        assert!(refused.contains(word), "{refused} instead of {word}");
    }
    let whole = Spec { windows: 0, ..asked().spec };
    Problem { spec: whole, contraction: Some(forwards), ..asked() }.plan(&device).expect("a plan that goes forwards");
}

/// The plan has their entries on the disk, on the host, and in the state of a tile.
#[test]
fn a_plan_counts_them() {
    let with = problem(Optimizer::Sgd(Sgd::plain(0.1)));
    let without = Problem { spec: Spec { windows: 0, ..with.spec.clone() }, ..with.clone() };
    let device = Device::new(&CpuBackend::<f64>::new(), Rates::CPU);
    let [with, without] = [with, without].map(|problem| problem.plan(&device).expect("a plan"));
    let bytes = (QUERIES * EXAMPLES * OUTPUTS * size_of::<f64>()) as u64;
    let windows = WINDOWS as u64;
    assert_eq!(with.array_bytes - without.array_bytes, (windows * bytes) as f64);
    // The windows and their sum.
    assert_eq!(with.device_bytes - without.device_bytes, (windows + 1) * bytes);
    assert_eq!(with.state_bytes - without.state_bytes, (windows + 1) * bytes);
    assert!(with.flops == without.flops && with.seconds > without.seconds);
}

/// A folder with the files of a fixture.
fn fixture(name: &str) -> Folder {
    let (folder, from) = (Folder::new(), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name));
    for entry in fs::read_dir(from).expect("a fixture") {
        let path = entry.expect("a file").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        folder.write(&name, &fs::read(path).expect("a file"));
    }
    folder
}

fn json(folder: &Folder, name: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder.path(name)).expect("a file")).expect("JSON")
}

/// A run, the same in tiles, by two processes, and stopped on its way.
#[test]
fn a_run_directory_has_them() {
    let folder = fixture("windows_adamw");
    let words = |directory: &str, more: &[&str]| -> Vec<String> {
        let directory = format!("run.directory={directory}");
        let words = ["run", "run.toml", &directory, "run.device=cpu", "run.precision=f64", "kernel.layers=true"];
        [&words[..], more].concat().into_iter().map(str::to_owned).collect()
    };
    let run = |directory: &str, more: &[&str]| {
        folder.succeeds(&words(directory, more).iter().map(String::as_str).collect::<Vec<_>>());
    };
    run("npy", &[]);
    run("zarr", &["run.store=zarr"]);
    run("shards", &["--shard", "0/2"]);
    run("shards", &["--shard", "1/2"]);
    folder.succeeds(&["finish", "shards/run.toml"]);
    folder.succeeds(&["check", "zarr"]);
    folder.succeeds(&["export", "zarr"]);
    for name in ["attribution", "attribution_layers", "attribution_windows", "windows"] {
        let of = |directory: &str| fs::read(folder.path(&format!("{directory}/{name}.npy"))).expect("an array");
        assert!(of("npy") == of("zarr") && of("npy") == of("shards"), "{name}");
    }
    let about = json(&folder, "zarr/attribution_windows.zarr/zarr.json");
    assert_eq!(about["dimension_names"], serde_json::json!(["window", "query", "example", "value"]));
    assert!(about["attributes"]["meaning"].as_str().is_some_and(|meaning| meaning.contains("window")));
    assert_eq!(json(&folder, "npy/summary.json")["windows"], serde_json::json!([0, 3, 6, 8]));
    assert!(json(&folder, "npy/summary.json")["checksums"]["attribution_windows.npy"].is_string());
    let array = |name: &str| formats::read(&folder.path(name).display().to_string()).expect("an array");
    assert_eq!(array("npy/attribution_windows.npy").shape, [3, 4, 8, 3]);
    assert_eq!(array("npy/windows.npy").to_f64(), [0.0, 3.0, 6.0, 8.0]);
    folder.fails(&["run", "run.toml", "kernel.windows=9"], 2, &["kernel.windows", "9 windows", "8 steps"]);
    folder.fails(&["run", "run.toml", "kernel.windows=-1"], 2, &["kernel.windows"]);
    folder.fails(
        &["run", "run.toml", "kernel.attribution=false", "kernel.superposition=true"],
        2,
        &["kernel.windows", "attribution = true"],
    );
    run("whole", &["kernel.windows=0"]);
    assert!(!folder.path("whole/windows.npy").exists() && !folder.path("whole/attribution_windows.npy").exists());
    assert!(json(&folder, "whole/summary.json")["windows"].is_null());
    for name in ["windows.npy", "attribution_windows.npy"] {
        fs::remove_file(folder.path(&format!("npy/{name}"))).expect("an array");
        folder.fails(&["check", "npy"], 2, &[name, "is missing"]);
        run("again", &[]);
        fs::copy(folder.path(&format!("again/{name}")), folder.path(&format!("npy/{name}"))).expect("an array");
    }
}
