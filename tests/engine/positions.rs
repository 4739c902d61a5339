//! Attributions by position: they add up to the attributions, whatever the optimizer and the contraction, in tiles and after an
//! interruption as in one go. `tests/reference.rs` holds each position against PyTorch (fixtures `by_position_*`).

use crate::common::folder::Folder;
use crate::common::interrupt::Interrupt;
use crate::common::problem::{explained, path};
use pathkernel::activation::Activation;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Element, Entries, Rates};
use pathkernel::error::Error;
use pathkernel::formats;
use pathkernel::graph::Graph;
use pathkernel::layer::{Attention, Flatten, Layer, LayerKind, Linear};
use pathkernel::loss::{IGNORED, Loss, Targets};
use pathkernel::optimizer::{Adam, Flow, NAdam, Optimizer, RmsProp, Sgd};
use pathkernel::path::{Finished, Integration, Rule, Spec, Tile};
use pathkernel::plan::Device;
use pathkernel::problem::{Explanation, Problem, QueryData, TrainingData};
use pathkernel::random::numbers;
use pathkernel::readout::Readout;
use pathkernel::tangent::{Carried, Contraction, choices};
use std::fs;
use std::path::Path;

const EXAMPLES: usize = 5;
const QUERIES: usize = 3;
const POSITIONS: usize = 4;
const CLASSES: usize = 3;
const OUTPUTS: usize = POSITIONS * CLASSES;
/// The example and the position that are ignored, and those that weigh nothing.
const IGNORED_AT: (usize, usize) = (1, 2);
const WEIGHTLESS_AT: (usize, usize) = (3, 0);

/// Causal attention over the hidden rows of four positions, and one layer that makes all positions' outputs.
fn network() -> Graph {
    let linear = |features| Layer::new(LayerKind::Linear(Linear { features, bias: true }));
    let attention = Attention { heads: 1, kv_heads: None, causal: true, scale: None, dropout: 0.0 };
    let layers = [
        linear(3),
        Layer::new(LayerKind::Activation(Activation::Tanh)),
        Layer::new(attention).reading(&[1, 1, 1]),
        Layer::new(Flatten),
        linear(OUTPUTS),
    ];
    Graph::new(&[POSITIONS, 2], &layers).expect("a network")
}

fn problem(optimizer: Optimizer) -> Problem {
    let place = |(example, position): (usize, usize)| example * POSITIONS + position;
    let mut classes: Vec<u32> = (0..EXAMPLES * POSITIONS).map(|place| (place * 7 % 5 % CLASSES) as u32).collect();
    classes[place(IGNORED_AT)] = IGNORED;
    let mut weights: Vec<f64> = (0..EXAMPLES * POSITIONS).map(|place| 0.5 + (place % 3) as f64).collect();
    weights[place(WEIGHTLESS_AT)] = 0.0;
    let inputs = numbers(1, EXAMPLES * POSITIONS * 2);
    let problem = Problem::new(network(), Loss::CrossEntropy, optimizer, inputs, Targets::Classes(classes))
        .asking(numbers(3, QUERIES * POSITIONS * 2), None);
    let problem = Problem { weights: Some(weights), ..problem };
    let spec = Spec { positions: Some(POSITIONS), ..problem.spec.clone() };
    let problem = Problem { spec, ..problem };
    if optimizer.is_solved() {
        return problem;
    }
    problem.batches(vec![vec![0, 1, 2], vec![3, 4, 4], vec![1, 0, 3], vec![2, 3, 1]])
}

fn optimizers() -> [Optimizer; 6] {
    let sgd = |momentum, nesterov| Optimizer::Sgd(Sgd { momentum, nesterov, weight_decay: 0.01, ..Sgd::plain(0.1) });
    let (betas, eps, weight_decay) = ([0.8, 0.95], 1e-3, 0.02);
    let adam = Adam { learning_rate: 0.02, betas, eps, weight_decay, amsgrad: false, decoupled: true };
    let nadam =
        NAdam { learning_rate: 0.01, betas, eps, weight_decay, momentum_decay: 0.1, decoupled_weight_decay: false };
    let rmsprop = RmsProp { learning_rate: 0.01, alpha: 0.9, eps: 1e-2, weight_decay, momentum: 0.8, centered: false };
    [
        sgd(0.0, false),
        sgd(0.7, false),
        sgd(0.7, true),
        Optimizer::Adam(adam),
        Optimizer::NAdam(nadam),
        Optimizer::RmsProp(rmsprop),
    ]
}

/// Ways to contract the layers, one layer departing from whole rows at a time.
fn all_choices(network: &Graph, optimizer: &Optimizer) -> Vec<Vec<Contraction>> {
    let carried = Carried::new(optimizer, &[0.1; 4], <f64 as Element>::ROUNDING);
    let rows = vec![Contraction::Materialised; network.blocks.len()];
    let each = network.blocks.iter().enumerate().flat_map(|(index, own)| {
        let of = choices(network, own, Readout::Outputs, carried).into_iter();
        // Momentum of an example is that of its whole loss.
        of.filter(|choice| *choice != Contraction::Forwards).map(move |choice| (index, choice))
    });
    each.map(|(index, choice)| {
        let mut choices = rows.clone();
        choices[index] = choice;
        choices
    })
    .collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// What the positions `[n, m, R, T]` add up to is the attribution `[n, m, R]`; those without a loss are zeros.
#[track_caller]
fn add_up(what: &str, found: &Explanation) {
    assert_eq!(found.attribution.len(), found.attribution_positions.len());
    let mut moved = [0.0; EXAMPLES * POSITIONS];
    for (whole, parts) in found.attribution.iter().zip(&found.attribution_positions) {
        assert_eq!((whole.len() * POSITIONS, whole.len()), (parts.len(), QUERIES * EXAMPLES * OUTPUTS));
        for (entry, (whole, parts)) in whole.iter().zip(parts.chunks(POSITIONS)).enumerate() {
            let sum: f64 = parts.iter().sum();
            // Four sums over some hundred products each, with a few roundings.
            let bound = 1e-13 * largest(parts).max(whole.abs()).max(1e-3);
            assert!((sum - whole).abs() <= bound, "{what}: {sum} of {parts:?} instead of {whole}");
            let example = entry / OUTPUTS % EXAMPLES;
            moved[example * POSITIONS..].iter_mut().zip(parts).for_each(|(moved, part)| *moved += part.abs());
        }
    }
    for (place, moved) in moved.iter().enumerate() {
        let at = (place / POSITIONS, place % POSITIONS);
        let counts = at != IGNORED_AT && at != WEIGHTLESS_AT;
        assert_eq!(*moved != 0.0, counts, "{what}: position {at:?} has {moved}");
    }
}

#[test]
fn positions_add_up_to_the_attribution() {
    for optimizer in optimizers() {
        let problem = problem(optimizer);
        let tape = path::<f64>(&problem);
        let all = all_choices(&problem.network, &optimizer);
        assert!(all.len() >= 4, "{all:?}");
        for choice in all {
            for layers in [false, true] {
                let spec = Spec { layers, ..problem.spec.clone() };
                let problem = Problem { spec, contraction: Some(choice.clone()), ..problem.clone() };
                let found = explained(&problem, &tape, [QUERIES, EXAMPLES]);
                assert_eq!(found.attribution_positions.len(), if layers { problem.network.blocks.len() } else { 1 });
                add_up(&format!("{optimizer:?}, {choice:?}"), &found);
            }
        }
    }
}

/// Queries enough for a kernel that multiplies two outputs once for both orders: the positions' rows are no outputs.
#[test]
fn positions_beside_a_kernel_add_up() {
    const MANY: usize = 9;
    let linear = |features| Layer::new(LayerKind::Linear(Linear { features, bias: true }));
    let layers = [Layer::new(Flatten), linear(5), Layer::new(LayerKind::Activation(Activation::Tanh)), linear(OUTPUTS)];
    let network = Graph::new(&[POSITIONS, 2], &layers).expect("a network");
    let whole = problem(Optimizer::Sgd(Sgd::plain(0.1)));
    let spec = Spec { rule: Rule::Left, kernel: Some(Entries::Full), ..whole.spec.clone() };
    let problem = Problem { network, spec, ..whole }.asking(numbers(3, MANY * POSITIONS * 2), None);
    let found = explained(&problem, &path::<f64>(&problem), [MANY, EXAMPLES]);
    let (whole, parts) = (&found.attribution[0], &found.attribution_positions[0]);
    assert_eq!((whole.len(), parts.len()), (MANY * EXAMPLES * OUTPUTS, MANY * EXAMPLES * OUTPUTS * POSITIONS));
    for (whole, parts) in whole.iter().zip(parts.chunks(POSITIONS)) {
        let bound = 1e-13 * largest(parts).max(whole.abs()).max(1e-3);
        assert!((parts.iter().sum::<f64>() - whole).abs() <= bound, "{parts:?} instead of {whole}");
    }
    assert!(largest(whole) > 0.0 && largest(&found.kernel[0]) > 0.0);
}

/// The solver's steps have nodes of their own.
#[test]
fn positions_of_a_flow_add_up() {
    let problem = problem(Optimizer::Flow(Flow { time: 1.0, tolerance: 1e-5 }));
    let tape = path::<f64>(&problem);
    add_up("a flow", &explained(&problem, &tape, [QUERIES, EXAMPLES]));
}

/// An entry has the bits that it has in the whole, and so have the attributions that nobody split.
#[test]
fn tiles_have_the_bits_of_the_whole() {
    fn check<E: Element>(optimizer: Optimizer, choice: &[Contraction]) {
        let problem = Problem { contraction: Some(choice.to_vec()), ..problem(optimizer) };
        let problem = Problem { spec: Spec { layers: true, ..problem.spec.clone() }, ..problem };
        let tape = path::<E>(&problem);
        let whole = explained(&problem, &tape, [QUERIES, EXAMPLES]);
        assert!(whole.attribution_positions.iter().all(|array| largest(array) > 0.0));
        for sides in [[1, 2], [2, 3], [3, 1]] {
            let tiled = explained(&problem, &tape, sides);
            assert!(whole.attribution_positions == tiled.attribution_positions, "{optimizer:?}, {choice:?}, {sides:?}");
            assert!(whole.attribution == tiled.attribution, "{optimizer:?}, {choice:?}, {sides:?}");
        }
        let spec = Spec { positions: None, ..problem.spec.clone() };
        let plain = explained(&Problem { spec, ..problem }, &tape, [QUERIES, EXAMPLES]);
        assert!(plain.attribution == whole.attribution && plain.attribution_positions.is_empty());
    }
    for optimizer in optimizers() {
        for choice in all_choices(&network(), &optimizer) {
            check::<f64>(optimizer, &choice);
            check::<f32>(optimizer, &choice);
        }
    }
}

/// A tile that is ended after any step goes on to the same bits.
#[test]
fn an_interrupted_tile_goes_on_to_the_same_bits() {
    for optimizer in optimizers() {
        let problem = problem(optimizer);
        let (backend, tape) = (CpuBackend::<f32>::new(), path::<f32>(&problem));
        let plan = problem.plan(&Device::new(&backend, Rates::CPU)).expect("a plan");
        let data = TrainingData::new(&backend, &problem).expect("data");
        let queries = QueryData::new(&backend, &problem).expect("queries");
        let integration = Integration { setting: data.setting(&plan.contraction, &queries), tape: &tape };
        let tile = Tile { queries: 0..QUERIES, examples: 0..EXAMPLES };
        let want: Finished = integration.tile(&tile, &mut || Ok(())).expect("a tile");
        let folder = tempfile::tempdir().expect("a folder");
        for after in 1..=problem.steps.len() {
            let state = folder.path().join(format!("{after}.state"));
            let ended = integration.tile(&tile, &mut Interrupt::after(state.clone(), after));
            assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
            let found = integration.tile(&tile, &mut Interrupt::never(state)).expect("a tile");
            assert!(found.positions == want.positions && largest(&want.positions[0]) > 0.0, "{optimizer:?}, {after}");
        }
    }
}

#[test]
fn what_has_no_positions_is_refused() {
    let asked = || problem(Optimizer::Sgd(Sgd::plain(0.1)));
    let spec = |spec: Spec| Problem { spec, ..asked() };
    let wrong = [
        (spec(Spec { attribution: false, ..asked().spec }), "kernel.positions: splits the attribution"),
        (spec(Spec { positions: Some(2), ..asked().spec }), "kernel.positions: are 2, and the targets have 4"),
        (spec(Spec { positions: Some(0), ..asked().spec }), "kernel.positions: are 0"),
        (
            Problem { targets: Targets::Classes(vec![0; EXAMPLES]), weights: None, ..asked() },
            "kernel.positions: the targets have one position",
        ),
    ];
    let device = Device::new(&CpuBackend::<f64>::new(), Rates::CPU);
    for (problem, word) in wrong {
        let refused = problem.plan(&device).expect_err(word).to_string();
        assert!(refused.contains(word), "{refused} instead of {word}");
    }
}

/// The plan has their entries on the disk, and on the device with all that comes before them.
#[test]
fn a_plan_counts_them() {
    let with = problem(Optimizer::Sgd(Sgd::plain(0.1)));
    let without = Problem { spec: Spec { positions: None, ..with.spec.clone() }, ..with.clone() };
    let device = Device::new(&CpuBackend::<f64>::new(), Rates::CPU);
    let [with, without] = [with, without].map(|problem| problem.plan(&device).expect("a plan"));
    let bytes = (QUERIES * EXAMPLES * OUTPUTS * POSITIONS * size_of::<f64>()) as f64;
    assert_eq!(with.array_bytes - without.array_bytes, bytes);
    assert!((with.device_bytes - without.device_bytes) as f64 > bytes);
    assert!((with.state_bytes - without.state_bytes) as f64 >= bytes);
    assert!(with.flops > without.flops && with.pass_flops > without.pass_flops && with.seconds > without.seconds);
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

fn array(folder: &Folder, name: &str) -> (Vec<usize>, Vec<f64>) {
    let array = formats::read(&folder.path(name).display().to_string()).expect("an array");
    (array.shape.clone(), array.to_f64())
}

/// A run, the same in tiles and by two processes.
#[test]
fn a_run_directory_has_them() {
    let folder = fixture("by_position_adamw");
    let run = |directory: &str, more: &[&str]| {
        let directory = format!("run.directory={directory}");
        let words = ["run", "run.toml", &directory, "run.device=cpu", "run.precision=f64", "kernel.layers=true"];
        folder.succeeds(&[&words[..], more].concat());
    };
    run("npy", &[]);
    run("zarr", &["run.store=zarr"]);
    run("shards", &["--shard", "0/2"]);
    run("shards", &["--shard", "1/2"]);
    folder.succeeds(&["finish", "shards/run.toml"]);
    folder.succeeds(&["export", "zarr"]);
    for name in ["attribution_positions", "attribution_positions_layers"] {
        let of = |directory: &str| fs::read(folder.path(&format!("{directory}/{name}.npy"))).expect("an array");
        assert!(of("npy") == of("zarr") && of("npy") == of("shards"), "{name}");
        let about = fs::read_to_string(folder.path(&format!("zarr/{name}.zarr/zarr.json"))).expect("what it is");
        let about: serde_json::Value = serde_json::from_str(&about).expect("JSON");
        let names = about["dimension_names"].as_array().expect("names");
        assert_eq!(names[names.len() - 4..], ["query", "example", "value", "position"]);
        assert!(about["attributes"]["meaning"].as_str().is_some_and(|meaning| meaning.contains("position")));
    }
    let ((shape, whole), (of_layers, layers)) =
        (array(&folder, "npy/attribution_positions.npy"), array(&folder, "npy/attribution_positions_layers.npy"));
    assert_eq!((&shape[..], of_layers[1..].to_vec()), (&[2, 5, 2, 4][..], shape.clone()));
    for (entry, whole) in whole.iter().enumerate() {
        let sum: f64 = layers.iter().skip(entry).step_by(shape.iter().product()).sum();
        assert_eq!(sum, *whole, "entry {entry}");
    }
    let page = |directory: &str| crate::common::report::Report::read(&folder.path(directory));
    let shown = page("npy").numbers("/details/positions/amounts");
    assert_eq!(
        (page("npy").word("/details/positions/each"), &shown),
        (&4.into(), &page("zarr").numbers("/details/positions/amounts"))
    );
    // What is asked first is one value, and its positions are those of the array.
    let (queries, first) = (page("npy").places("/queries/numbers"), page("npy").places("/details/first"));
    let (starts, examples) =
        (page("npy").places("/details/positions/starts"), page("npy").places("/details/positions/examples"));
    for (place, query) in queries.into_iter().enumerate() {
        for at in starts[place]..starts[place + 1] {
            let entry = ((query * 5 + examples[at]) * 2 + first[2 * place]) * 4;
            let expected: Vec<f64> = whole[entry..entry + 4].iter().map(|&value| f64::from(value as f32)).collect();
            assert_eq!(shown[4 * at..4 * at + 4], expected);
        }
    }
    folder.fails(
        &["run", "run.toml", "kernel.attribution=false", "kernel.superposition=true"],
        2,
        &["kernel.positions", "attribution = true"],
    );
    fs::remove_file(folder.path("npy/attribution_positions.npy")).expect("an array");
    folder.fails(&["run", "npy/run.toml"], 2, &["attribution_positions.npy", "is missing"]);
}

#[test]
fn classes_of_whole_examples_are_refused() {
    let folder = fixture("kernel_default");
    folder.fails(&["run", "run.toml", "kernel.positions=true"], 2, &["kernel.positions", "one position", "[m, T]"]);
    folder.fails(&["run", "run.toml", "kernel.positions=2"], 2, &["kernel.positions", "true or false"]);
    assert!(!folder.path("out").exists());
}
