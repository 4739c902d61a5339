//! Passes of the examples along ψ against products of gradient rows: two ways to the same arrays that share the queries' side
//! alone. The networks, optimizers and questions are drawn.

use pathkernel::activation::Activation;
use pathkernel::compute::cpu::CpuBackend;
#[cfg(feature = "gpu")]
use pathkernel::compute::gpu::{Choice, GpuBackend};
use pathkernel::compute::{Backend, Entries, Rates};
use pathkernel::graph::{Design, Graph, Roles};
use pathkernel::layer::{
    Add, Attention, AvgPool2d, Conv2d, Embedding, Flatten, Layer, LayerKind, LayerNorm, Linear, Lstm, MaxPool2d, Mean,
    Parameter,
};
use pathkernel::loss::{Loss, Targets};
use pathkernel::optimizer::{Adam, Group, Lion, NAdam, Optimizer, ParameterGroups, RmsProp, Sgd};
use pathkernel::path::{Rule, Tile};
use pathkernel::plan::Device;
use pathkernel::problem::{Explanation, Problem};
use pathkernel::random::numbers;
use pathkernel::readout::Readout;
use pathkernel::tangent::Contraction;
use pathkernel::tape::MemoryTape;
use pathkernel::training::Groups;
use std::ops::Range;

const EXAMPLES: usize = 6;
const QUERIES: usize = 3;
const STEPS: usize = 6;
const OUTPUTS: usize = 3;
const TOKENS: usize = 2;
const RATE: f64 = 0.05;

fn linear(features: usize) -> Layer {
    Layer::new(Linear { features, bias: true })
}

fn tanh() -> Layer {
    Layer::new(LayerKind::Activation(Activation::Tanh))
}

fn norm() -> Layer {
    Layer::new(LayerNorm::default())
}

fn flat() -> Layer {
    Layer::new(Flatten)
}

fn mean() -> Layer {
    Layer::new(Mean { axes: Some(vec![0]), keepdim: false })
}

/// Examples of a network: numbers in [0, 1], or tokens where it reads so many of them.
fn rows(network: &Graph, seed: u64, count: usize) -> Vec<f64> {
    let values = numbers(seed, count * network.input_len()).into_iter().map(f64::abs);
    let is_of_tokens = network.input == [TOKENS];
    values.map(|value| if is_of_tokens { (value * 2.99).floor() } else { value }).collect()
}

/// A network's name, the shape of its input, its layers, and which tensors are frozen.
type Made<'a> = (&'static str, &'a [usize], Vec<Layer>, &'a [&'a str]);

/// The networks by what they are.
fn networks() -> Vec<(&'static str, Graph)> {
    let conv = |channels| Layer::new(Conv2d::square(channels, 3, 1, 1, true));
    let heads = Layer::new(Attention { heads: 2, causal: true, kv_heads: None, scale: None, dropout: 0.0 });
    let relu = || Layer::new(LayerKind::Activation(Activation::Relu));
    // The table's rows are the last layer's as well.
    let mut last = Layer::new(Linear { features: OUTPUTS, bias: false });
    last.ties = vec![("weight".into(), "0.weight".into())];
    let designs: [Made<'_>; 6] = [
        ("dense", &[4], vec![linear(5), tanh(), linear(4), tanh(), norm(), linear(OUTPUTS)], &[]),
        ("held", &[4], vec![linear(5), tanh(), linear(4), tanh(), linear(OUTPUTS)], &["2.*"]),
        (
            "conv",
            &[1, 4, 4],
            vec![
                conv(2),
                relu(),
                Layer::new(MaxPool2d::square(2)),
                conv(3),
                tanh(),
                Layer::new(AvgPool2d::square(2)),
                flat(),
                linear(OUTPUTS),
            ],
            &[],
        ),
        (
            "attention",
            &[3, 4],
            vec![
                linear(4),
                linear(4).reading(&[0]),
                linear(4).reading(&[0]),
                heads.reading(&[0, 1, 2]),
                norm(),
                mean(),
                linear(OUTPUTS),
            ],
            &[],
        ),
        ("lstm", &[3, 2], vec![Layer::new(Lstm { features: 3, bias: true }), flat(), linear(OUTPUTS)], &[]),
        (
            "tied table",
            &[TOKENS],
            vec![
                Layer::new(Embedding { count: OUTPUTS, features: 4, padding_idx: None }),
                Layer::new(Parameter { shape: vec![TOKENS, 4] }),
                Layer::new(Add).reading(&[0, 1]),
                norm(),
                mean(),
                tanh(),
                last,
            ],
            &[],
        ),
    ];
    let build = |(name, input, layers, frozen): Made<'_>| {
        let frozen = frozen.iter().map(|&pattern| pattern.to_owned()).collect();
        let roles = Roles { frozen, ..Roles::default() };
        let graph = Design { roles, ..Design::new(input, &layers) }.build();
        (name, graph.unwrap_or_else(|problem| panic!("{name}: {problem}")))
    };
    designs.into_iter().map(build).collect()
}

fn optimizers() -> [Optimizer; 9] {
    let sgd = Sgd::plain(RATE);
    let adam = Adam {
        learning_rate: RATE,
        betas: [0.8, 0.95],
        eps: 1e-2,
        weight_decay: 0.1,
        amsgrad: false,
        decoupled: false,
    };
    let rmsprop =
        RmsProp { learning_rate: RATE, alpha: 0.9, eps: 1e-2, weight_decay: 0.1, momentum: 0.5, centered: false };
    let nadam = NAdam {
        learning_rate: RATE,
        betas: [0.8, 0.95],
        eps: 1e-2,
        weight_decay: 0.1,
        momentum_decay: 0.004,
        decoupled_weight_decay: false,
    };
    [
        Optimizer::Sgd(sgd),
        Optimizer::Sgd(Sgd { weight_decay: 0.1, ..sgd }),
        Optimizer::Sgd(Sgd { momentum: 0.6, ..sgd }),
        Optimizer::Sgd(Sgd { momentum: 0.6, nesterov: true, weight_decay: 0.1, ..sgd }),
        Optimizer::Adam(adam),
        Optimizer::Adam(Adam { decoupled: true, amsgrad: true, ..adam }),
        Optimizer::RmsProp(rmsprop),
        Optimizer::NAdam(nadam),
        Optimizer::Lion(Lion { learning_rate: RATE, betas: [0.8, 0.9], weight_decay: 0.1 }),
    ]
}

/// The same numbers but for the learning rate.
fn slower(optimizer: Optimizer) -> Optimizer {
    match optimizer {
        Optimizer::Sgd(own) => Optimizer::Sgd(Sgd { learning_rate: RATE / 2.0, ..own }),
        Optimizer::Adam(own) => Optimizer::Adam(Adam { learning_rate: RATE / 2.0, ..own }),
        Optimizer::RmsProp(own) => Optimizer::RmsProp(RmsProp { learning_rate: RATE / 2.0, ..own }),
        Optimizer::NAdam(own) => Optimizer::NAdam(NAdam { learning_rate: RATE / 2.0, ..own }),
        Optimizer::Lion(own) => Optimizer::Lion(Lion { learning_rate: RATE / 2.0, ..own }),
        other => other,
    }
}

/// A problem of a network and an optimizer; what is asked comes from the seed.
fn problem(network: &Graph, optimizer: Optimizer, seed: usize) -> Problem {
    let classes = (0..EXAMPLES as u32).map(|example| example * 2 % OUTPUTS as u32).collect();
    let asked = Targets::Classes(vec![2, 0, 1]);
    let inputs = rows(network, 1, EXAMPLES);
    let mut problem = Problem::new(network.clone(), Loss::CrossEntropy, optimizer, inputs, Targets::Classes(classes))
        .asking(rows(network, 2, QUERIES), Some(asked));
    let batch = |step: usize| (0..4).map(|place| ((step * 5 + place * 2) % EXAMPLES) as u32).collect();
    problem = if seed.is_multiple_of(3) {
        problem.full_batches(STEPS)
    } else {
        problem.batches((0..STEPS).map(batch).collect())
    };
    if seed % 5 == 4 {
        problem = problem.grouped(Groups::new(&[5, 1, 5, 2, 1, 9]));
    }
    let spec = &mut problem.spec;
    spec.rule = [Rule::Gauss { nodes: 2 }, Rule::Left, Rule::Adaptive { tolerance: 1e-3 }][seed % 3];
    let readouts =
        [Readout::Outputs, Readout::LogProbabilities, Readout::Margin, Readout::Probabilities, Readout::Loss];
    spec.readout = readouts[seed / 2 % 5];
    spec.layers = seed % 2 == 1;
    if seed % 4 == 3 {
        let of_block = (0..network.blocks.len()).map(|block| block % 2).collect();
        let groups = vec![Group::constant(optimizer), Group::constant(slower(optimizer))];
        spec.optimizer = ParameterGroups::new(groups, of_block, network);
    }
    if !spec.optimizer.whole().has_memory() {
        let square = [Entries::Full, Entries::Trace, Entries::Diagonal][seed % 3];
        let entries = if spec.readout.is_per_output() { square } else { Entries::Full };
        spec.kernel = Some(entries);
        spec.tangent = true;
        spec.coefficients = entries != Entries::Trace;
    }
    problem
}

/// The arrays of pairs, by name.
fn arrays(found: &Explanation) -> Vec<(&'static str, &Vec<Vec<f64>>)> {
    vec![
        ("attribution", &found.attribution),
        ("kernel", &found.kernel),
        ("numerator", &found.numerator),
        ("tangent_initial", &found.tangent_initial),
        ("tangent_final", &found.tangent_final),
    ]
}

/// Explains a path on a device, cut into four tiles where that is asked for.
fn explained<B: Backend>(backend: &B, problem: &Problem, tape: &MemoryTape<B::Element>, cut: bool) -> Explanation {
    let mut plan = problem.plan(&Device::new(backend, Rates::CPU)).expect("a plan");
    if cut {
        let columns = problem.columns();
        let row =
            |queries: Range<usize>| [0..2, 2..columns].map(|examples| Tile { queries: queries.clone(), examples });
        plan.tiles = [0..1, 1..QUERIES].into_iter().flat_map(row).collect();
    }
    Explanation::of(problem, backend, tape, &plan, &mut || Ok(())).expect("an explanation")
}

fn trained<B: Backend>(backend: &B, problem: &Problem) -> MemoryTape<B::Element> {
    let mut tape = MemoryTape::new(problem.recording());
    problem.train(backend, &problem.network.draw(3), &mut tape, &mut || Ok(())).expect("a path");
    tape
}

/// The same problem, contracted by passes along ψ.
fn along(problem: &Problem) -> Problem {
    Problem { contraction: Some(vec![Contraction::Directional; problem.network.blocks.len()]), ..problem.clone() }
}

/// By how much of the largest entry arrays are apart, the most of all; empty ones must be empty in both.
fn apart(what: &str, one: &Explanation, other: &Explanation) -> f64 {
    let mut most = 0.0f64;
    for ((name, one), (_, other)) in arrays(one).into_iter().zip(arrays(other)) {
        assert_eq!(one.len(), other.len(), "{what}, {name}");
        let values = || one.iter().flatten().zip(other.iter().flatten());
        assert!(one.iter().zip(other).all(|(one, other)| one.len() == other.len()), "{what}, {name}");
        let largest = values().fold(0.0f64, |largest, (one, _)| largest.max(one.abs()));
        let furthest = values().fold(0.0f64, |furthest, (one, other)| furthest.max((one - other).abs()));
        assert!(one.is_empty() || largest > 1e-9, "{what}, {name}: nothing but zeros");
        most = most.max(furthest / largest.max(f64::MIN_POSITIVE));
    }
    most
}

/// Every network with every optimizer, and every question with some of them.
#[test]
fn derivatives_along_psi_are_products_of_gradient_rows() {
    let backend = CpuBackend::<f64>::new();
    let (mut seed, mut most) = (0, 0.0f64);
    for (name, network) in networks() {
        for optimizer in optimizers() {
            let problem = problem(&network, optimizer, seed);
            let what = format!("{name}, {seed}, {optimizer:?}");
            let tape = trained(&backend, &problem);
            let plan = problem.plan(&Device::new(&backend, Rates::CPU)).expect("a plan");
            assert!(!plan.contraction.contains(&Contraction::Directional), "{what}");
            let products = explained(&backend, &problem, &tape, false);
            let passes = explained(&backend, &along(&problem), &tape, false);
            // Some hundred products a sum, in a few layers: each rounding is of 1e-16, and the largest entry is a sum of them.
            let error = apart(&what, &products, &passes);
            assert!(error < 1e-12, "{what}: {error:e}");
            most = most.max(error);
            // However the pairs are cut, an entry has the same bits.
            let tiles = explained(&backend, &along(&problem), &tape, true);
            for ((array, whole), (_, tiles)) in arrays(&passes).into_iter().zip(arrays(&tiles)) {
                assert_eq!(whole, tiles, "{what}, {array}");
            }
            seed += 1;
        }
    }
    // Other sums have other roundings: nothing was compared with itself.
    assert!(most > 0.0);
    println!("the furthest of {seed} problems: {most:e} of the largest entry");
}

/// A first layer that goes forwards in time, and a last one of which each output has only its own row, with every optimizer that
/// sums gradients before it multiplies them, every question and batches of any size.
#[test]
fn momentum_forwards_in_time_is_psi_backwards() {
    let backend = CpuBackend::<f64>::new();
    let (mut found, mut most) = ([0; 2], 0.0f64);
    for (name, network) in networks().into_iter().take(2) {
        let last = network.blocks.len() - 1;
        for seed in 0..60 {
            let problem = problem(&network, optimizers()[4 + seed % 5], seed);
            let mut contraction = vec![Contraction::Materialised; network.blocks.len()];
            contraction[0] = Contraction::Forwards;
            if problem.spec.readout == Readout::Outputs {
                contraction[last] = Contraction::Output;
            }
            let forwards = Problem { contraction: Some(contraction.clone()), ..problem.clone() };
            if let Err(refused) = forwards.check() {
                assert!(refused.to_string().contains("cannot be forwards"), "{refused}");
                found[0] += 1;
                continue;
            }
            let what = format!("{name}, {seed}, {:?}", problem.spec.optimizer.whole());
            let tape = trained(&backend, &problem);
            let whole = explained(&backend, &forwards, &tape, false);
            let along = explained(&backend, &along(&problem), &tape, false);
            let error = apart(&what, &whole, &along);
            assert!(error < 1e-12, "{what}: {error:e}");
            assert_eq!(whole.account.nodes, along.account.nodes, "{what}");
            let account = |found: &Explanation| {
                let account = &found.account;
                [&account.initial, &account.prediction, &account.regularizer, &account.missed].map(Clone::clone)
            };
            for (own, other) in account(&whole).iter().flatten().zip(account(&along).iter().flatten()) {
                assert!((own - other).abs() < 1e-12, "{what}: {own} instead of {other}");
            }
            most = most.max(error);
            let tiles = explained(&backend, &forwards, &tape, true);
            assert_eq!(whole.attribution, tiles.attribution, "{what}");
            found[1] += 1;
        }
    }
    // RMSprop with momentum, a search for nodes, and examples that share columns have no such order.
    assert!(found[0] > 10 && found[1] > 20 && most > 0.0, "{found:?}");
}

/// In single precision, where the path is the device's own: 2e-5 is some hundred roundings.
fn in_single_precision<B: Backend>(backend: &B) {
    for (name, network) in networks() {
        for (seed, optimizer) in [(0, optimizers()[0]), (15, optimizers()[4])] {
            let problem = problem(&network, optimizer, seed);
            let tape = trained(backend, &problem);
            let products = explained(backend, &problem, &tape, false);
            let passes = explained(backend, &along(&problem), &tape, false);
            let error = apart(name, &products, &passes);
            assert!(error < 2e-5, "{name}, {seed}, on {}: {error:e}", backend.name());
        }
    }
}

#[test]
fn in_single_precision_on_the_cpu() {
    in_single_precision(&CpuBackend::<f32>::new());
}

/// Where there is no GPU the test says that it goes without.
#[cfg(feature = "gpu")]
#[test]
fn in_single_precision_on_the_gpu() {
    match GpuBackend::open(&Choice::Any) {
        Ok(gpu) => in_single_precision(&gpu),
        Err(error) => {
            let required = std::env::var("PATHKERNEL_REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "PATHKERNEL_REQUIRE_GPU=1, but: {error}");
            println!("skipped on the GPU: {error}");
        }
    }
}

#[test]
fn one_layer_alone_is_refused() {
    let (_, network) = networks().remove(0);
    let mut contraction = vec![Contraction::Directional; network.blocks.len()];
    contraction[1] = Contraction::Half;
    let problem = problem(&network, optimizers()[0], 0);
    let refused = Problem { contraction: Some(contraction), ..problem }.check();
    let words = refused.expect_err("a mixture").to_string();
    assert!(
        words.contains("kernel.contraction: layer 2 is half") && words.contains("\"directional\" 4 times"),
        "{words}"
    );
}

/// A kernel of examples that have an output for each of many positions and words: their backward passes have as many rows.
#[test]
fn the_fastest_way_is_along_psi_where_examples_have_many_outputs() {
    let (positions, words) = (8, 24);
    let chosen = |entries: Option<Entries>| {
        let layers = [linear(16), tanh(), linear(16), tanh(), linear(words)];
        let network = Graph::new(&[positions, 16], &layers).expect("a network");
        let inputs = numbers(1, 32 * network.input_len());
        let targets = Targets::Classes((0..32 * positions).map(|at| (at % words) as u32).collect());
        let query = Targets::Classes(vec![0; positions]);
        let mut problem = Problem::new(network, Loss::CrossEntropy, optimizers()[0], inputs, targets)
            .asking(numbers(2, 16 * positions), Some(query))
            .full_batches(1);
        (problem.spec.readout, problem.spec.kernel) = (Readout::Loss, entries);
        problem.plan(&Device::new(&CpuBackend::<f64>::new(), Rates::CPU)).expect("a plan").contraction
    };
    assert_eq!(chosen(Some(Entries::Full)), [Contraction::Directional; 3]);
    let products = chosen(None);
    assert!(!products.contains(&Contraction::Directional), "{products:?}");
}
