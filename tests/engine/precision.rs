//! What rounding does to a result: f32 against f64 on one recorded path, what the decomposition leaves over,
//! the same run twice, and one tile against many.

use crate::common::arrays::{Array, read_npy, read_safetensors};
use crate::common::program::{pathkernel, succeeds};
use pathkernel::activation::Activation;
use pathkernel::compute::cpu::CpuBackend;
#[cfg(feature = "gpu")]
use pathkernel::compute::gpu::{Choice, GpuBackend};
use pathkernel::compute::{Backend, Element, Entries};
use pathkernel::graph::Graph;
use pathkernel::layer::{Flatten, Layer, LayerKind, Linear};
use pathkernel::loss::{Aims, Loss, Targets};
use pathkernel::optimizer::{Optimizer, Sgd};
use pathkernel::path::{Finished, Integration, Rule, Setting, Spec, Tile};
use pathkernel::random::Random;
use pathkernel::readout::Readout;
use pathkernel::tangent::{Carried, Contraction, choices};
use pathkernel::tape::{DiskRecorder, DiskTape, Recording, Step};
use pathkernel::training::{Examples, TargetBuffer, Training, draw_batches};
use std::fs;
use std::path::Path;

/// The queries, the examples and the targets on a device.
type Held<B> = (Vec<<B as Backend>::Element>, Examples<B>, TargetBuffer<B>);

/// A small classifier, its data and its steps. The queries are the examples.
struct Problem {
    network: Graph,
    inputs: Vec<f64>,
    classes: Vec<u32>,
    steps: Vec<Step>,
    optimizer: Optimizer,
}

impl Problem {
    fn new(layers: Vec<LayerKind>, examples: usize, batch: Option<usize>, steps: usize, learning_rate: f64) -> Self {
        let layers = layers.into_iter().map(Layer::new).collect::<Vec<_>>();
        let network = Graph::new(&[3, 4], &layers).expect("a network");
        let mut random = Random::new(5, "inputs");
        // Numbers that f32 holds, so that both precisions start from the same.
        let inputs = (0..examples * 12).map(|_| f64::from((2.0 * random.unit() - 1.0) as f32)).collect();
        let classes = (0..examples).map(|_| (3.0 * random.unit()) as u32).collect();
        let step = |batch: Option<Vec<u32>>| {
            let share = 1.0 / batch.as_ref().map_or(examples, Vec::len) as f64;
            Step { learning_rate, batch, examples, share, total: 1.0 / share, clip: 1.0 }
        };
        let steps = match batch {
            None => (0..steps).map(|_| step(None)).collect(),
            Some(size) => draw_batches(7, examples, size, steps).into_iter().map(|batch| step(Some(batch))).collect(),
        };
        let sgd = Sgd { weight_decay: 0.01, ..Sgd::plain(learning_rate) };
        Self { network, inputs, classes, steps, optimizer: Optimizer::Sgd(sgd) }
    }

    fn examples(&self) -> usize {
        self.classes.len()
    }

    fn held<B: Backend>(&self, backend: &B) -> Held<B> {
        let inputs: Vec<B::Element> = self.inputs.iter().map(|&value| B::Element::from_f64(value)).collect();
        let examples = Examples::new(backend, &inputs, self.network.input_len()).expect("examples");
        let targets = Targets::Classes(self.classes.clone());
        let aims = Aims::new(&targets, self.classes.len(), self.network.outputs);
        (inputs, examples, TargetBuffer::new(backend, &aims).expect("classes"))
    }

    fn train<E: Element>(&self, folder: &Path) -> DiskTape {
        let backend = CpuBackend::<E>::new();
        let (_, examples, targets) = self.held(&backend);
        let training = Training {
            backend: &backend,
            network: &self.network,
            loss: Loss::CrossEntropy,
            optimizer: self.optimizer.into(),
            clip_norm: 0.0,
            examples: &examples,
            targets: &targets,
        };
        let initial: Vec<E> = self.network.draw(3).into_iter().map(E::from_f64).collect();
        let recording = Recording::new(&self.optimizer, self.steps.len(), 1);
        let mut recorder = DiskRecorder::create(folder, recording, self.network.len).expect("a recorder");
        training.run(&initial, &self.steps, &mut recorder, &mut || Ok(())).expect("training");
        recorder.finish().expect("a tape")
    }

    /// Integrates the tiles one by one.
    fn integrate<B: Backend>(
        &self,
        backend: &B,
        tape: &DiskTape,
        choice: [Contraction; 2],
        tiles: &[Tile],
    ) -> Vec<Finished> {
        let (queries, examples, targets) = self.held(backend);
        let spec = Spec {
            rule: Rule::Gauss { nodes: 2 },
            kernel: Some(Entries::Full),
            coefficients: true,
            tangent: true,
            layers: true,
            ..Spec::new(Loss::CrossEntropy, self.optimizer)
        };
        let setting = Setting {
            backend,
            network: &self.network,
            in_training: &self.network,
            spec: &spec,
            contraction: &choice,
            examples: &examples,
            queries: &queries,
            targets: &targets,
            groups: None,
            query_targets: None,
        };
        let integration = Integration { setting, tape };
        tiles.iter().map(|tile| integration.tile(tile, &mut || Ok(())).expect("a tile")).collect()
    }

    fn whole(&self) -> Tile {
        Tile { queries: 0..self.examples(), examples: 0..self.examples() }
    }
}

/// The contractions of the two layers of the small network: the input of the first is constant, the second is the last.
const CHOICES: [[Contraction; 2]; 5] = [
    [Contraction::Factored, Contraction::Factored],
    [Contraction::Averaged, Contraction::Output],
    [Contraction::Materialised, Contraction::Materialised],
    [Contraction::Half, Contraction::Half],
    [Contraction::Directional, Contraction::Directional],
];

/// `[3, 4]` to 3 classes: the first layer has 3 positions.
fn small_network() -> Vec<LayerKind> {
    vec![
        LayerKind::Linear(Linear { features: 4, bias: true }),
        LayerKind::Activation(Activation::Tanh),
        LayerKind::Flatten(Flatten),
        LayerKind::Linear(Linear { features: 3, bias: true }),
    ]
}

/// The arrays that sum over steps, by name.
fn sums(finished: &Finished) -> Vec<(String, Vec<f64>)> {
    let groups = [
        ("attribution", &finished.attribution),
        ("kernel", &finished.kernel),
        ("numerator", &finished.numerator),
        ("tangent_initial", &finished.tangent_initial),
        ("tangent_final", &finished.tangent_final),
    ];
    let mut all = vec![("regularizer".to_owned(), finished.account.regularizer.clone())];
    for (name, layers) in groups {
        all.extend(layers.iter().enumerate().map(|(layer, values)| (format!("{name} {layer}"), values.clone())));
    }
    all
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |top, value| value.abs().max(top))
}

/// The largest difference, NaN being the worst of all.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |top, d| if d.is_nan() || d > top { d } else { top })
}

/// One path of 2,000 steps, recorded in f32 and integrated in both precisions: the weights are the same numbers, so
/// what differs is the rounding of the terms and of their sum. A plain f32 sum over as many steps is 1e-5 off;
/// two levels keep it at a few roundings of single terms.
#[test]
fn f32_sums_over_many_steps_stay_near_f64() {
    let problem = Problem::new(small_network(), 12, None, 2000, 0.1);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let tape = problem.train::<f32>(folder.path());
    for choice in CHOICES {
        for (own, choice) in problem.network.blocks.iter().zip(choice) {
            assert!(
                choice == Contraction::Directional
                    || choices(&problem.network, own, Readout::Outputs, Carried::Nothing).contains(&choice),
                "{choice:?} does not apply"
            );
        }
        let tiles = [problem.whole()];
        let narrow = problem.integrate(&CpuBackend::<f32>::new(), &tape, choice, &tiles);
        let wide = problem.integrate(&CpuBackend::<f64>::new(), &tape, choice, &tiles);
        near(&format!("{choice:?}"), &narrow[0], &wide[0]);
        // A software adapter takes most of a minute: one contraction is enough to see how the GPU sums.
        #[cfg(feature = "gpu")]
        if let ([Contraction::Factored, _], Some(gpu)) = (choice, gpu()) {
            near("on the GPU", &problem.integrate(&gpu, &tape, choice, &tiles)[0], &wide[0]);
        }
    }
}

/// The GPU, whose second level is f32 as well; where there is none the test says that it goes without.
#[cfg(feature = "gpu")]
fn gpu() -> Option<GpuBackend> {
    match GpuBackend::open(&Choice::Any) {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            let required = std::env::var("PATHKERNEL_REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "PATHKERNEL_REQUIRE_GPU=1, but: {error}");
            println!("skipped on the GPU: {error}");
            None
        }
    }
}

/// Every array of one within 2e-6 of its largest entry of the other.
fn near(what: &str, narrow: &Finished, wide: &Finished) {
    for ((name, narrow), (_, wide)) in sums(narrow).iter().zip(&sums(wide)) {
        let error = difference(narrow, wide) / largest(wide);
        println!("{what}, {name}: {error:.1e}");
        assert!(error <= 2e-6, "{what}, {name}: f32 is {error:e} of the largest entry off");
        // f64 in both would pass for the wrong reason.
        assert!(error > 0.0, "{what}, {name}: no difference at all");
    }
}

/// One tile against tiles of 5 queries and 2 examples, batches of 3 of 13 examples, so that tiles meet steps of
/// which they hold nothing. Products cut the depth at fixed lengths and add in a fixed order, whatever else they compute,
/// so an entry has the same bits in every tile.
#[test]
fn tiles_agree_with_the_whole() {
    tiled::<f64>();
    tiled::<f32>();
}

fn tiled<E: Element>() {
    let problem = Problem::new(small_network(), 13, Some(3), 60, 0.3);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let tape = problem.train::<E>(folder.path());
    let m = problem.examples();
    let cut = |side: usize| (0..m).step_by(side).map(move |from| from..(from + side).min(m)).collect::<Vec<_>>();
    let mut tiles = Vec::new();
    for queries in cut(5) {
        tiles.extend(cut(2).into_iter().map(|examples| Tile { queries: queries.clone(), examples }));
    }
    for choice in CHOICES {
        let backend = CpuBackend::<E>::new();
        let whole = problem.integrate(&backend, &tape, choice, &[problem.whole()]).remove(0);
        let parts = problem.integrate(&backend, &tape, choice, &tiles);
        for ((name, want), rest) in sums(&whole).into_iter().zip(0..) {
            let mut got = vec![f64::NAN; want.len()];
            for (tile, part) in tiles.iter().zip(&parts) {
                let (_, values) = &sums(part)[rest];
                place(&name, &mut got, values, tile, m);
            }
            let apart = got.iter().zip(&want).filter(|(got, want)| got.to_bits() != want.to_bits()).count();
            let error = difference(&got, &want) / largest(&want);
            assert!(apart == 0, "{choice:?}, {}, {name}: {apart} entries differ, by up to {error:e}", E::NAME);
            assert!(largest(&want) > 0.0, "{choice:?}, {}, {name}: nothing was summed", E::NAME);
        }
    }
}

/// Puts a tile's array, `[.., queries, examples]` with C outputs in between for the pairs, where it belongs.
fn place(name: &str, into: &mut [f64], from: &[f64], tile: &Tile, m: usize) {
    let (queries, examples) = (tile.queries.len(), tile.examples.len());
    if name == "regularizer" {
        // [queries, C], of the tiles that start at example 0; the others have none.
        let first = tile.queries.start * into.len() / m;
        into[first..first + from.len()].copy_from_slice(from);
        return;
    }
    let copies = if name.starts_with("attribution") { 1 } else { 3 };
    for (at, &value) in from.iter().enumerate() {
        let (example, rest) = (at % examples, at / examples);
        let (copy, rest) = (rest % copies, rest / copies);
        let (query, output) = (rest % queries, rest / queries);
        let row = (output * m + tile.queries.start + query) * copies + copy;
        into[row * m + tile.examples.start + example] = value;
    }
}

/// A run of the digits with a small learning rate, cut short. What it measures of the machine is kept in `cache`.
fn digits(precision: &str, directory: &Path, cache: &Path) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/digits.toml");
    let (directory, precision) =
        (format!("run.directory={}", directory.display()), format!("run.precision={precision}"));
    let fixed = ["run.device=cpu", "training.optimizer.learning_rate=0.05", "training.steps=20", "kernel.nodes=3"];
    succeeds(pathkernel(cache).arg("run").arg(example).args([&directory, &precision]).args(fixed));
}

/// What attribution and the first outputs don't explain, relative to the largest change of an output.
fn left_over(directory: &Path) -> f64 {
    let array = |name: &str| -> Array { read_npy(&directory.join(name)).expect("an array") };
    let (initial, prediction) = (array("initial.npy"), array("prediction.npy"));
    let (attribution, residual) = (array("attribution.npy"), array("residual.npy"));
    let change = difference(&prediction.values, &initial.values);
    // The residual is what it says it is: it has been summed from the numbers written, and rounded once.
    let [n, m, outputs] = attribution.shape[..] else { panic!("{:?}", attribution.shape) };
    let mut rest: Vec<f64> = prediction.values.iter().zip(&initial.values).map(|(last, first)| last - first).collect();
    for (at, value) in attribution.values.iter().enumerate() {
        rest[at / (m * outputs) * outputs + at % outputs] -= value;
    }
    assert_eq!(residual.shape, [n, outputs]);
    let rounded = difference(&rest, &residual.values) / change;
    assert!(rounded <= 2e-13, "residual.npy is {rounded:e} of the largest change off");
    residual.largest() / change
}

/// The digits at a learning rate of 0.05: three Gauss nodes leave 5e-11 of a tanh network's change, so what remains
/// in f32 is rounding. A second run of the same leaves the same bits.
#[test]
fn digits_are_explained_and_repeat_bit_by_bit() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let run = |precision: &str, name: &str| {
        let directory = scratch.path().join(name);
        digits(precision, &directory, &scratch.path().join("cache"));
        directory
    };
    let (wide, narrow) = (run("f64", "wide"), run("f32", "narrow"));
    for (directory, bound) in [(&wide, 1e-9), (&narrow, 2e-6)] {
        let rest = left_over(directory);
        println!("{}: {rest:.1e} left over", directory.display());
        assert!(rest <= bound, "{}: {rest:e} of the largest change is left over", directory.display());
        let text = fs::read_to_string(directory.join("summary.json")).expect("a summary");
        let summary: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let said = summary["largest_relative_residual"].as_f64().expect("a number");
        assert!((said - rest).abs() <= 1e-6 * rest, "summary.json says {said:e}, the arrays {rest:e}");
    }
    for (first, precision, name) in [(&wide, "f64", "wide again"), (&narrow, "f32", "narrow again")] {
        let second = run(precision, name);
        let mut compared = 0;
        for folder in ["", "trajectory"] {
            for entry in fs::read_dir(first.join(folder)).expect("a folder") {
                let path = entry.expect("an entry").path();
                let file = path.file_name().expect("a name");
                let other = second.join(folder).join(file);
                if path.extension().is_some_and(|end| end == "npy") {
                    assert!(fs::read(&path).ok() == fs::read(&other).ok(), "{} differs", other.display());
                    compared += 1;
                }
            }
        }
        // attribution, kernel, initial, prediction, regularizer, residual and the path.
        assert!(compared >= 7, "only {compared} arrays");
        let weights = |directory: &Path| read_safetensors(&directory.join("weights_final.safetensors"));
        assert_eq!(weights(first), weights(&second));
    }
}
