//! Small networks of each kind, at random weights.

use pathkernel::activation::{Activation, Hardtanh, LeakyRelu};
use pathkernel::graph::Graph;
use pathkernel::layer::{
    Add, AvgPool2d, Conv2d, Flatten, Layer, LayerKind, LayerNorm, Linear, MaxPool2d, Mean, Multiply, Parameter,
    Permute, Upsample,
};
use pathkernel::random::Random;

pub struct Case {
    pub name: &'static str,
    pub network: Graph,
    /// Whether it is piecewise linear in its inputs.
    pub linear: bool,
}

pub fn plain(kind: LayerKind) -> Layer {
    Layer::new(kind)
}

pub fn linear(features: usize) -> Layer {
    plain(LayerKind::Linear(Linear { features, bias: true }))
}

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize) -> Layer {
    plain(LayerKind::Conv2d(Conv2d::square(channels, kernel, stride, padding, true)))
}

pub fn activation(kind: Activation) -> Layer {
    plain(LayerKind::Activation(kind))
}

pub fn relu() -> Layer {
    activation(Activation::Relu)
}

pub fn network(input: &[usize], layers: Vec<Layer>) -> Graph {
    Graph::new(input, &layers).expect("a network")
}

/// Numbers in [-1, 1], different for every seed: the draws that the floors of f32 were measured on.
pub fn numbers(seed: u64, len: usize) -> Vec<f64> {
    let mut random = Random::new(seed, "adaptive tests");
    (0..len).map(|_| 2.0 * random.unit() - 1.0).collect()
}

pub fn cases() -> Vec<Case> {
    let leaky = || activation(LeakyRelu { slope: 0.01 }.into());
    let tanh = || activation(Activation::Tanh);
    let flatten = || plain(LayerKind::Flatten(Flatten));
    let max_pool = || plain(LayerKind::MaxPool2d(MaxPool2d::square(2)));
    let avg_pool = || plain(LayerKind::AvgPool2d(AvgPool2d::square(2)));
    let overlapping =
        || plain(LayerKind::MaxPool2d(MaxPool2d { stride: Some([1, 2]), padding: [1, 1], ..MaxPool2d::square(3) }));
    let hard = || activation(Hardtanh { min_val: -0.5, max_val: 0.75 }.into());
    let norm = || plain(LayerKind::LayerNorm(LayerNorm::default()));
    let add = |from| Layer::new(LayerKind::Add(Add)).reading(&[from]);
    let multiply = |from| Layer::new(Multiply).reading(&[from]);
    let upsample = || plain(Upsample { scale_factor: vec![2] }.into());
    let permute = |axes: &[i64]| plain(Permute { axes: axes.to_vec() }.into());
    let mean = |axis| plain(Mean { axes: Some(vec![axis]), keepdim: false }.into());
    let deep =
        |count: usize| -> Vec<Layer> { (0..count).flat_map(|_| [linear(6), relu()]).chain([linear(3)]).collect() };
    let exact: Vec<(&str, Vec<usize>, Vec<Layer>)> = vec![
        ("linear", vec![5], vec![linear(3)]),
        ("one hidden layer", vec![5], vec![linear(12), relu(), linear(3)]),
        ("relu", vec![6], vec![linear(12), relu(), linear(10), relu(), linear(4)]),
        ("leaky_relu", vec![6], vec![linear(10), leaky(), linear(8), leaky(), linear(8), leaky(), linear(3)]),
        ("five weight layers", vec![5], deep(4)),
        ("ten weight layers", vec![5], deep(9)),
        ("residual", vec![6], vec![linear(8), relu(), linear(8), add(1), relu(), linear(8), relu(), add(4), linear(3)]),
        ("positions", vec![3, 4], vec![linear(6), relu(), linear(5), relu(), flatten(), linear(3)]),
        (
            "relu, then max_pool2d",
            vec![2, 7, 6],
            vec![conv(3, 3, 1, 1), relu(), max_pool(), conv(4, 2, 1, 0), relu(), flatten(), linear(3)],
        ),
        (
            "max_pool2d, then relu",
            vec![1, 8, 8],
            vec![conv(3, 3, 1, 0), max_pool(), relu(), conv(3, 2, 1, 0), avg_pool(), flatten(), relu(), linear(3)],
        ),
        ("max_pool2d alone", vec![1, 6, 6], vec![conv(2, 3, 2, 1), max_pool(), flatten(), linear(3)]),
        ("max_pool2d of the input", vec![1, 6, 6], vec![max_pool(), flatten(), linear(8), relu(), linear(3)]),
        ("one output", vec![5], vec![linear(9), relu(), linear(9), relu(), linear(1)]),
        ("two outputs", vec![5], vec![linear(9), leaky(), linear(2)]),
    ];
    let mixed: Vec<(&str, Vec<usize>, Vec<Layer>)> = vec![
        ("tanh", vec![6], vec![linear(8), tanh(), linear(8), tanh(), linear(3)]),
        ("one output, softplus", vec![5], vec![linear(7), activation(Activation::Softplus), linear(1)]),
        ("tanh and relu", vec![6], vec![linear(8), tanh(), linear(8), relu(), linear(3)]),
        ("relu and tanh", vec![6], vec![linear(8), relu(), linear(8), tanh(), linear(6), relu(), linear(3)]),
        ("layer_norm and relu", vec![6], vec![linear(8), norm(), relu(), linear(7), norm(), linear(3)]),
        (
            "sin and max_pool2d",
            vec![1, 6, 6],
            vec![conv(2, 3, 1, 1), activation(Activation::Sin), max_pool(), flatten(), linear(3)],
        ),
        (
            "a parameter behind a kink",
            vec![5],
            vec![
                linear(6),
                tanh(),
                plain(LayerKind::Parameter(Parameter { shape: vec![6] })),
                relu(),
                add(1),
                linear(3),
            ],
        ),
    ];
    // Behind the others, which keep their numbers by their places.
    let later: Vec<(&str, Vec<usize>, Vec<Layer>)> = vec![
        (
            "product of two branches",
            vec![5],
            vec![linear(6), relu(), linear(6), linear(6).reading(&[1]), multiply(2), relu(), linear(3)],
        ),
        (
            "upsampled, permuted and averaged",
            vec![1, 4, 4],
            vec![conv(2, 3, 1, 1), upsample(), relu(), permute(&[1, 2, 0]), mean(0), relu(), flatten(), linear(3)],
        ),
        (
            "max_pool2d of windows that overlap",
            vec![1, 5, 6],
            vec![conv(2, 2, 1, 0), overlapping(), flatten(), linear(3)],
        ),
        ("hardtanh", vec![6], vec![linear(10), hard(), linear(8), hard(), linear(3)]),
    ];
    let build = |linear: bool| {
        move |(name, input, layers): (&'static str, Vec<usize>, Vec<Layer>)| Case {
            name,
            network: network(&input, layers),
            linear,
        }
    };
    let first = exact.into_iter().map(build(true)).chain(mixed.into_iter().map(build(false)));
    first.chain(later.into_iter().map(build(true))).collect()
}
