//! The rule that a few steps of a path show to be enough, against certificates of a network that is written out here.

use pathkernel::activation::Activation;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Backend, Element};
use pathkernel::error::Error;
use pathkernel::graph::Graph;
use pathkernel::layer::{Layer, LayerKind, Linear};
use pathkernel::loss::{Loss, Targets};
use pathkernel::optimizer::{Optimizer, Sgd};
use pathkernel::path::{ChosenRule, Rule};
use pathkernel::problem::Problem;
use pathkernel::random::numbers;
use pathkernel::run::keys::RunFile;
use pathkernel::run::{Outcome, Progress, run};
use pathkernel::tape::{Kept, MemoryTape, Metrics, Recorder, Tape};
use std::path::Path;

const INPUTS: usize = 3;
const HIDDEN: usize = 6;
const OUTPUTS: usize = 3;
const QUERIES: usize = 4;
/// So few that all are looked at.
const STEPS: usize = 5;

fn linear(features: usize) -> LayerKind {
    Linear { features, bias: true }.into()
}

fn problem(kinds: &[LayerKind], rate: f64) -> Problem {
    let layers: Vec<Layer> = kinds.iter().cloned().map(Layer::new).collect();
    let network = Graph::new(&[INPUTS], &layers).expect("a graph");
    let targets = Targets::Reals(numbers(2, QUERIES * network.outputs));
    let optimizer = Optimizer::Sgd(Sgd::plain(rate));
    Problem::new(network, Loss::SquaredError, optimizer, numbers(1, QUERIES * INPUTS), targets).full_batches(STEPS)
}

fn hidden(activation: Activation, rate: f64) -> Problem {
    problem(&[linear(HIDDEN), LayerKind::Activation(activation), linear(OUTPUTS)], rate)
}

/// The path of a problem, and the rule that it is given.
fn chosen<B: Backend>(backend: &B, problem: &Problem, tolerance: f64) -> (MemoryTape<B::Element>, ChosenRule) {
    let mut tape = MemoryTape::new(problem.recording());
    problem.train(backend, &problem.network.draw(3), &mut tape, &mut || Ok(())).expect("a path");
    let chosen = problem.choose_rule(backend, &tape, tolerance, &mut || Ok(())).expect("a rule");
    (tape, chosen)
}

fn double(problem: &Problem, tolerance: f64) -> (MemoryTape<f64>, ChosenRule) {
    chosen(&CpuBackend::<f64>::new(), problem, tolerance)
}

/// What a layer of a matrix and a bias makes of its input.
fn layer(matrix: &[f64], bias: &[f64], input: &[f64]) -> Vec<f64> {
    let product = |row: &[f64]| row.iter().zip(input).map(|(w, x)| w * x).sum::<f64>();
    matrix.chunks(input.len()).zip(bias).map(|(row, bias)| product(row) + bias).collect()
}

/// Both layers of the network with one hidden layer: each one's matrix and bias, as they lie in a flat vector.
fn layers<'w>(network: &Graph, weights: &'w [f64]) -> [[&'w [f64]; 2]; 2] {
    let of = |name: &str| {
        let tensor = network.tensors().find(|tensor| tensor.name == name).expect("a tensor");
        &weights[tensor.offset..][..tensor.len()]
    };
    [[of("0.weight"), of("0.bias")], [of("2.weight"), of("2.bias")]]
}

/// The outputs of the network with one hidden layer of tanh.
fn outputs(network: &Graph, weights: &[f64], input: &[f64]) -> Vec<f64> {
    let [first, second] = layers(network, weights);
    let hidden: Vec<f64> = layer(first[0], first[1], input).into_iter().map(f64::tanh).collect();
    layer(second[0], second[1], &hidden)
}

/// Their derivative along a direction of the weights.
fn slopes(network: &Graph, weights: &[f64], direction: &[f64], input: &[f64]) -> Vec<f64> {
    let ([first, second], [along_first, along_second]) = (layers(network, weights), layers(network, direction));
    let hidden: Vec<f64> = layer(first[0], first[1], input).into_iter().map(f64::tanh).collect();
    let moved = layer(along_first[0], along_first[1], input);
    let moved: Vec<f64> = hidden.iter().zip(moved).map(|(h, z)| (1.0 - h * h) * z).collect();
    let own = layer(along_second[0], along_second[1], &hidden);
    own.into_iter().zip(layer(second[0], &[0.0; OUTPUTS], &moved)).map(|(a, b)| a + b).collect()
}

/// Nodes and weights on [0, 1], from tables of Gauss-Legendre.
fn table(nodes: usize) -> Vec<(f64, f64)> {
    let half: &[(f64, f64)] = match nodes {
        1 => &[(0.0, 2.0)],
        2 => &[(0.577_350_269_189_625_8, 1.0)],
        3 => &[(0.0, 0.888_888_888_888_889), (0.774_596_669_241_483_4, 0.555_555_555_555_555_6)],
        4 => {
            &[(0.339_981_043_584_856_26, 0.652_145_154_862_546_1), (0.861_136_311_594_052_6, 0.347_854_845_137_453_85)]
        }
        5 => &[
            (0.0, 0.568_888_888_888_888_9),
            (0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
            (0.906_179_845_938_664, 0.236_926_885_056_189_08),
        ],
        6 => &[
            (0.238_619_186_083_196_9, 0.467_913_934_572_691_04),
            (0.661_209_386_466_264_5, 0.360_761_573_048_138_6),
            (0.932_469_514_203_152, 0.171_324_492_379_170_36),
        ],
        7 => &[
            (0.0, 0.417_959_183_673_469_4),
            (0.405_845_151_377_397_2, 0.381_830_050_505_118_9),
            (0.741_531_185_599_394_4, 0.279_705_391_489_276_67),
            (0.949_107_912_342_758_5, 0.129_484_966_168_869_7),
        ],
        _ => panic!("no table of {nodes} nodes"),
    };
    let both = |&(x, w): &(f64, f64)| if x == 0.0 { vec![(x, w)] } else { vec![(x, w), (-x, w)] };
    half.iter().flat_map(both).map(|(x, w)| (0.5 * (1.0 + x), 0.5 * w)).collect()
}

/// The largest error of a number of nodes on any query and step, relative to the query's largest change in it.
fn error(tape: &MemoryTape<f64>, Problem { network, inputs, .. }: &Problem, nodes: usize) -> f64 {
    let mut largest = 0.0f64;
    for step in 0..STEPS {
        let [start, end] = [step, step + 1].map(|row| tape.row(Kept::Weights, row).expect("recorded").into_owned());
        let change: Vec<f64> = start.iter().zip(&end).map(|(a, b)| b - a).collect();
        for input in inputs.chunks(INPUTS) {
            let moved: Vec<f64> =
                outputs(network, &end, input).iter().zip(outputs(network, &start, input)).map(|(b, a)| b - a).collect();
            let mut rest = moved.clone();
            for (tau, share) in table(nodes) {
                let at: Vec<f64> = start.iter().zip(&change).map(|(w, d)| w + tau * d).collect();
                rest.iter_mut()
                    .zip(slopes(network, &at, &change, input))
                    .for_each(|(rest, slope)| *rest -= share * slope);
            }
            let top = |values: &[f64]| values.iter().fold(0.0f64, |top, value| top.max(value.abs()));
            largest = largest.max(top(&rest) / top(&moved));
        }
    }
    largest
}

#[test]
fn the_fewest_nodes_that_are_enough_are_taken() {
    let mut before = 0;
    for (rate, tolerance) in [(0.01, 1e-4), (0.05, 1e-6), (0.3, 1e-6), (0.3, 1e-9)] {
        let problem = hidden(Activation::Tanh, rate);
        let (tape, chosen) = double(&problem, tolerance);
        let errors: Vec<f64> = (1..=7).map(|nodes| error(&tape, &problem, nodes)).collect();
        let fewest = 1 + errors.iter().position(|error| *error <= tolerance).expect("seven nodes are enough");
        assert_eq!(chosen.rule, Rule::Gauss { nodes: fewest }, "rate {rate}: {errors:?}");
        // Its own roundings are those of outputs near 1, and changes here are a hundredth of them at the least.
        let near = (chosen.error - errors[fewest - 1]).abs();
        assert!(near <= 1e-3 * errors[fewest - 1] + 1e-12, "{} is not {errors:?}", chosen.error);
        assert_eq!((chosen.nodes, &chosen.steps[..], chosen.queries), (fewest as f64, &[0, 1, 2, 3, 4][..], QUERIES));
        assert!(fewest >= before, "{fewest} nodes after {before}");
        before = fewest;
    }
    assert!(before > 2, "every path takes {before} nodes");
}

/// f is a polynomial of τ whose degree is the number of layers: k nodes are exact for the derivative up to a degree of 2k - 1.
#[test]
fn a_linear_network_takes_the_nodes_of_its_degree() {
    let identity = || LayerKind::Activation(Activation::Identity);
    let one = problem(&[linear(OUTPUTS)], 0.1);
    let two = problem(&[linear(HIDDEN), identity(), linear(OUTPUTS)], 0.1);
    let four = problem(&[linear(HIDDEN), linear(HIDDEN), linear(HIDDEN), linear(OUTPUTS)], 0.1);
    for (problem, nodes) in [(one, 1), (two, 1), (four, 2)] {
        let (_, chosen) = double(&problem, 1e-9);
        assert_eq!(chosen.rule, Rule::Gauss { nodes });
        assert!(chosen.error <= 1e-9, "{}", chosen.error);
    }
}

#[test]
fn a_piecewise_linear_network_takes_the_adaptive_rule() {
    let (_, chosen) = double(&hidden(Activation::Relu, 0.3), 1e-6);
    assert_eq!(chosen.rule, Rule::Adaptive { tolerance: 1e-6 });
    assert!(chosen.nodes >= 1.0 && chosen.error <= 1e-6, "{chosen:?}");
}

/// What f32 cannot hold is not asked of nodes: an error of a rounding of the step's change is none.
#[test]
fn single_precision_takes_no_more_nodes_than_it_has_digits() {
    let problem = hidden(Activation::Tanh, 0.3);
    let (_, single) = chosen(&CpuBackend::<f32>::new(), &problem, 1e-15);
    let (_, enough) = double(&problem, f32::ROUNDING);
    let (_, double) = double(&problem, 1e-13);
    assert!(single.nodes <= enough.nodes && enough.nodes < double.nodes, "{single:?}, {enough:?}, {double:?}");
}

/// Two units v sin(w) whose errors with one node cancel: its certificate vanishes, and it is wrong of both.
#[test]
fn a_single_certificate_that_vanishes_proves_nothing() -> Result<(), Error> {
    let linear = |features| LayerKind::from(Linear { features, bias: false });
    let kinds = [linear(2), LayerKind::Activation(Activation::Sin), linear(1)];
    let network = Graph::new(&[1], &kinds.map(Layer::new)).expect("a graph");
    let (optimizer, targets) = (Optimizer::Sgd(Sgd::plain(1.0)), Targets::Reals(vec![0.0]));
    let problem = Problem::new(network, Loss::SquaredError, optimizer, vec![1.0], targets).full_batches(1);
    // From w = 0 a unit's change is sin Δ, and one node says Δ cos(Δ/2).
    let (moves, off) = ([1.0f64, 0.5], |by: f64| by.sin() - by * (by / 2.0).cos());
    let heights = [1.0, -off(moves[0]) / off(moves[1])];
    let mut tape = MemoryTape::<f64>::new(problem.recording());
    for (row, first) in [[0.0; 2], moves].into_iter().enumerate() {
        let mut weights = vec![0.0; problem.network.len];
        for (tensor, values) in problem.network.tensors().zip([first, heights]) {
            weights[tensor.offset..][..2].copy_from_slice(&values);
        }
        tape.record(Kept::Weights, row, &weights)?;
    }
    tape.made(problem.steps[0].clone(), Metrics { loss: 0.0, accuracy: 0.0 }, 0.0);
    let chosen = problem.choose_rule(&CpuBackend::<f64>::new(), &tape, 1e-6, &mut || Ok(()))?;
    assert!(matches!(chosen.rule, Rule::Gauss { nodes: 3.. }), "{chosen:?}");
    Ok(())
}

/// v sin(w): three long steps of v while w is 0, which move nothing, and between the steps that are looked at in any case a shorter
/// one of w, in which the output moves and bends.
#[test]
fn the_step_in_which_the_readout_moves_is_looked_at() -> Result<(), Error> {
    let linear = |features| LayerKind::from(Linear { features, bias: false });
    let kinds = [linear(1), LayerKind::Activation(Activation::Sin), linear(1)];
    let network = Graph::new(&[1], &kinds.map(Layer::new)).expect("a graph");
    let (optimizer, targets) = (Optimizer::Sgd(Sgd::plain(1.0)), Targets::Reals(vec![0.0]));
    let problem = Problem::new(network, Loss::SquaredError, optimizer, vec![1.0], targets).full_batches(401);
    let mut tape = MemoryTape::<f64>::new(problem.recording());
    let [mut inside, mut outside] = [0.0, 1.0];
    for row in 0..=problem.steps.len() {
        let mut weights = vec![0.0; problem.network.len];
        for (tensor, value) in problem.network.tensors().zip([inside, outside]) {
            weights[tensor.offset] = value;
        }
        tape.record(Kept::Weights, row, &weights)?;
        match row {
            10 | 20 | 30 => outside += 5.0,
            137 => inside += 1.5,
            _ => {}
        }
    }
    for step in &problem.steps {
        tape.made(step.clone(), Metrics { loss: 0.0, accuracy: 0.0 }, 0.0);
    }
    let chosen = problem.choose_rule(&CpuBackend::<f64>::new(), &tape, 1e-6, &mut || Ok(()))?;
    assert!(chosen.steps.contains(&137) && chosen.steps.len() < 50, "{chosen:?}");
    assert!(matches!(chosen.rule, Rule::Gauss { nodes: 4.. }), "{chosen:?}");
    Ok(())
}

/// Steps that were not recorded are made again, with the same bits.
#[test]
fn a_sparse_path_is_given_the_same_rule() {
    let problem = hidden(Activation::Tanh, 0.3);
    let (_, dense) = double(&problem, 1e-9);
    let (_, sparse) = double(&Problem { every: 2, ..problem }, 1e-9);
    assert_eq!(dense, sparse);
}

/// Stops when the rule is to be chosen.
struct Stops(bool);

impl Progress for Stops {
    fn begin(&mut self, phase: &str, _: u64) {
        self.0 = phase == "choosing the rule";
    }

    fn advance(&mut self) {}

    fn stopped(&self) -> bool {
        self.0
    }
}

/// Never stops.
struct Goes;

impl Progress for Goes {
    fn begin(&mut self, _: &str, _: u64) {}

    fn advance(&mut self) {}
}

#[test]
fn a_run_that_is_stopped_while_it_chooses_has_the_same_bits() -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mlp_tanh/run.toml");
    let run_file = |directory: &str| {
        let directory = format!("run.directory={}", folder.path().join(directory).display());
        let others = ["kernel.rule=auto", "run.device=cpu", "run.precision=f64", "run.tune=false"].map(String::from);
        RunFile::load(&fixture, &[&others[..], &[directory]].concat())
    };
    let (whole, stopped) = (run_file("whole")?, run_file("stopped")?);
    run(&whole, &mut Goes)?;
    assert!(matches!(run(&stopped, &mut Stops(false)), Err(Error::Stopped)));
    let record = std::fs::read_to_string(stopped.run.directory.join("run.toml")).expect("a record");
    assert!(record.contains("rule = \"auto\"") && record.contains("contraction = \"auto\""), "{record}");
    assert!(matches!(run(&stopped, &mut Goes)?, Outcome::Done(_)));
    for name in ["attribution.npy", "kernel.npy", "residual.npy"] {
        let read = |run_file: &RunFile| std::fs::read(run_file.run.directory.join(name)).expect("an array");
        assert!(read(&whole) == read(&stopped), "{name}");
    }
    Ok(())
}
