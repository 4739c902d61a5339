//! Half of a symmetric kernel. Where the queries are the training set, every step holds all of it and the rule is
//! `left`, an entry whose example comes before its query need not be computed: it is that of the pair the other way
//! round.

use crate::common::arrays::{Array, read_npy, read_safetensors};
use crate::common::program::{pathkernel, succeeds};
use pathkernel::activation::Activation;
use pathkernel::compute::Entries;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::graph::Graph;
use pathkernel::layer::{Layer, LayerKind, Linear};
use pathkernel::loss::{Aims, Loss, Targets};
use pathkernel::optimizer::{Optimizer, Sgd};
use pathkernel::path::{Finished, Integration, Rule, Setting, Spec, Tile};
use pathkernel::random::numbers;
use pathkernel::readout::Readout;
use pathkernel::tangent::{Carried, Contraction, choices};
use pathkernel::tape::{MemoryTape, Recording, Step};
use pathkernel::training::{Examples, TargetBuffer, Training};
use std::fmt::Write;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// Examples: more than the queries of a tile of a run, and than the rows and columns that a product takes at a time.
const EXAMPLES: usize = 300;
const WIDTH: usize = 3;
const OUTPUTS: usize = 2;

/// 3 - 5 - 2.
fn network() -> Graph {
    let layers = [
        LayerKind::Linear(Linear { features: 5, bias: true }),
        LayerKind::Activation(Activation::Tanh),
        LayerKind::Linear(Linear { features: OUTPUTS, bias: true }),
    ];
    let layers = layers.into_iter().map(Layer::new).collect::<Vec<_>>();
    Graph::new(&[WIDTH], &layers).expect("a network")
}

const PLAIN: Optimizer = Optimizer::Sgd(Sgd::plain(0.3));

/// A recorded path of three steps over all examples, on the CPU in f64.
struct Problem {
    network: Graph,
    backend: CpuBackend<f64>,
    inputs: Vec<f64>,
    examples: Examples<CpuBackend<f64>>,
    targets: TargetBuffer<CpuBackend<f64>>,
    tape: MemoryTape<f64>,
}

impl Problem {
    fn new() -> Self {
        let (network, backend) = (network(), CpuBackend::new());
        let inputs = numbers(1, EXAMPLES * WIDTH);
        let examples = Examples::new(&backend, &inputs, WIDTH).expect("examples");
        let targets = Targets::Reals(numbers(2, EXAMPLES * OUTPUTS));
        let targets = TargetBuffer::new(&backend, &Aims::new(&targets, EXAMPLES, OUTPUTS)).expect("targets");
        let training = Training {
            backend: &backend,
            network: &network,
            loss: Loss::SquaredError,
            optimizer: PLAIN.into(),
            clip_norm: 0.0,
            examples: &examples,
            targets: &targets,
        };
        let total = EXAMPLES as f64;
        let step = Step { learning_rate: 0.3, batch: None, examples: EXAMPLES, share: 1.0 / total, total, clip: 1.0 };
        let mut tape = MemoryTape::new(Recording::new(&PLAIN, 3, 1));
        training.run(&network.draw(3), &vec![step; 3], &mut tape, &mut || Ok(())).expect("training");
        Self { network, backend, inputs, examples, targets, tape }
    }

    fn tile(&self, entries: Entries, choice: &[Contraction], symmetric: bool, tile: &Tile) -> Finished {
        let spec = Spec {
            rule: Rule::Left,
            kernel: Some(entries),
            tangent: true,
            symmetric,
            ..Spec::new(Loss::SquaredError, PLAIN)
        };
        let setting = Setting {
            backend: &self.backend,
            network: &self.network,
            in_training: &self.network,
            spec: &spec,
            contraction: choice,
            examples: &self.examples,
            queries: &self.inputs,
            targets: &self.targets,
            groups: None,
            query_targets: None,
        };
        Integration { setting, tape: &self.tape }.tile(tile, &mut || Ok(())).expect("a tile")
    }
}

fn cut(side: usize) -> impl Iterator<Item = Range<usize>> {
    (0..EXAMPLES).step_by(side).map(move |from| from..(from + side).min(EXAMPLES))
}

/// However the kernel is cut into tiles, an entry that is wanted has the bits that it has in the whole kernel, computed
/// without the symmetry, and one that is not has them or is left at zero.
#[test]
fn tiles_of_half_a_kernel_hold_all_that_is_wanted() {
    let problem = Problem::new();
    let whole = Tile { queries: 0..EXAMPLES, examples: 0..EXAMPLES };
    for wanted in Contraction::ALL {
        let allowed =
            problem.network.blocks.iter().map(|own| choices(&problem.network, own, Readout::Outputs, Carried::Nothing));
        let is_for_all = wanted == Contraction::Directional;
        let choice: Vec<Contraction> =
            allowed.map(|allowed| if is_for_all || allowed.contains(&wanted) { wanted } else { allowed[0] }).collect();
        for entries in [Entries::Trace, Entries::Diagonal, Entries::Full] {
            let all = problem.tile(entries, &choice, false, &whole);
            let mut left = 0;
            // As a plan cuts them: all examples in a tile, or tiles of about the same sides.
            for (down, across) in [(256, EXAMPLES), (150, 150), (150, 75), (EXAMPLES, 40), (40, 90)] {
                for queries in cut(down) {
                    for examples in cut(across) {
                        let tile = Tile { queries: queries.clone(), examples };
                        let part = problem.tile(entries, &choice, true, &tile);
                        let what = format!("{entries:?}, {choice:?}, {tile:?}");
                        for (part, all) in [
                            (&part.kernel, &all.kernel),
                            (&part.tangent_initial, &all.tangent_initial),
                            (&part.tangent_final, &all.tangent_final),
                        ] {
                            left += compare_half(&what, entries, &tile, &part[0], &all[0]);
                        }
                    }
                }
            }
            assert!(left > 0, "{entries:?}, {choice:?}: no work is saved");
        }
    }
}

/// How many entries of a tile were left out.
fn compare_half(what: &str, entries: Entries, tile: &Tile, part: &[f64], all: &[f64]) -> usize {
    let (queries, examples) = (tile.queries.len(), tile.examples.len());
    let copies = if entries == Entries::Full { OUTPUTS } else { 1 };
    let mut left = 0;
    for (place, &got) in part.iter().enumerate() {
        let (line, example) = (place / examples, tile.examples.start + place % examples);
        let (row, copy) = (line / copies, line % copies);
        let (output, query) = (row / queries, tile.queries.start + row % queries);
        let want = all[((output * EXAMPLES + query) * copies + copy) * EXAMPLES + example];
        let right = got == want || example < query && got == 0.0;
        assert!(right, "{what}: query {query}, example {example} is {got} instead of {want}");
        left += usize::from(got != want);
    }
    left
}

/// Runs the binary in a folder.
fn run(folder: &Path, directory: &str, overrides: &[&str]) {
    let mut command = pathkernel(&folder.join("cache"));
    // The rule left is never exact, and is compared with itself.
    let directory = format!("run.directory={directory}");
    command.args(["run", "run.toml", &directory, "kernel.accept=10"]).args(overrides);
    succeeds(command.current_dir(folder));
}

fn csv(seed: u64, width: usize) -> String {
    let mut text = String::new();
    for row in numbers(seed, EXAMPLES * width).chunks(width) {
        let row: Vec<String> = row.iter().map(f64::to_string).collect();
        writeln!(text, "{}", row.join(",")).expect("memory takes every line");
    }
    text
}

/// The training set as queries, once by default and once by name: the second is no symmetric kernel to the program.
///
/// An entry and the one the other way round sum the same terms: at most the 32 numbers of the gradient rows, times a
/// scale, over three steps and two layers. By Cauchy and Schwarz their absolute values add up to no more than the largest
/// entry, one of a query with itself. Each of the two is off by fewer than 48 roundings of that.
#[test]
fn a_run_without_queries_is_a_run_with_its_examples_as_queries() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let folder = folder.path();
    let text = "[data.train]\ninputs = 'x.csv'\ntargets = 'y.csv'\n\
        [run]\ndirectory = 'out'\ndevice = 'cpu'\nprecision = 'f64'\n\
        [model]\ninput = [3]\nlayers = [\n\
        { type = 'linear', features = 5 }, { type = 'tanh' }, { type = 'linear', features = 2 } ]\n\
        [training]\nloss = 'squared_error'\noptimizer = { type = 'sgd', learning_rate = 0.3 }\nsteps = 3\n\
        [kernel]\ntangent = true\nlayers = true\n";
    for (name, text) in [("run.toml", text.to_owned()), ("x.csv", csv(1, WIDTH)), ("y.csv", csv(2, OUTPUTS))] {
        fs::write(folder.join(name), text).expect("a writable folder");
    }
    for (number, settings) in [
        // The path kernel and the tangent kernels are symmetric.
        &["kernel.rule=left", "kernel.kernel=trace"][..],
        &["kernel.rule=left", "kernel.kernel=diagonal"],
        &["kernel.rule=left", "kernel.kernel=full"],
        // Only the tangent kernels are.
        &["kernel.rule=gauss", "kernel.nodes=2", "kernel.kernel=full"],
        &["kernel.rule=left", "kernel.kernel=full", "kernel.coefficients=true"],
        &["kernel.rule=left", "kernel.kernel=trace", "training.batch_size=70"],
    ]
    .into_iter()
    .enumerate()
    {
        let (half, named) = (format!("half {number}"), format!("named {number}"));
        run(folder, &half, settings);
        run(folder, &named, &[settings, &["data.query.inputs=x.csv"]].concat());
        for name in ["kernel", "kernel_layers", "tangent_initial", "tangent_final", "attribution", "prediction"] {
            let read = |directory: &str| -> Array {
                read_npy(&folder.join(directory).join(format!("{name}.npy"))).expect("an array")
            };
            let (half, named) = (read(&half), read(&named));
            assert_eq!(half.shape, named.shape, "{settings:?}, {name}");
            let bound = 2.0 * 48.0 * f64::EPSILON / 2.0 * named.largest();
            for (place, (half, named)) in half.values.iter().zip(&named.values).enumerate() {
                let near = (half - named).abs() <= bound;
                assert!(near, "{settings:?}, {name}: entry {place} is {half}, with queries {named}");
            }
        }
        // The path is the same.
        let weights = |directory: &str| read_safetensors(&folder.join(directory).join("weights_final.safetensors"));
        assert_eq!(weights(&half), weights(&named), "{settings:?}");
    }
}
