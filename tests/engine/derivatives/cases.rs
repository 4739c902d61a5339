//! One small network for every kind of layer, and every way in which a layer can stand to its neighbours.

use pathkernel::activation::Activation;
use pathkernel::graph::Graph;
use pathkernel::graph::primitive::{Affine, Lookup, Pointwise, Rearrange};
use pathkernel::layer::{Add, AvgPool2d, Conv2d, Flatten, Layer, LayerKind, LayerNorm, Linear, MaxPool2d, Parameter};
use pathkernel::random::numbers;

/// A network at weights in [-1, 1], a layer_norm's scales too.
pub struct Case {
    pub name: String,
    pub network: Graph,
    pub weights: Vec<f64>,
}

fn plain(kind: LayerKind) -> Layer {
    Layer::new(kind)
}

fn linear(features: usize) -> Layer {
    plain(LayerKind::Linear(Linear { features, bias: true }))
}

fn linear_without_bias(features: usize) -> Layer {
    plain(LayerKind::Linear(Linear { features, bias: false }))
}

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize, bias: bool) -> Layer {
    plain(LayerKind::Conv2d(Conv2d::square(channels, kernel, stride, padding, bias)))
}

fn activation(kind: Activation) -> Layer {
    plain(LayerKind::Activation(kind))
}

fn tanh() -> Layer {
    activation(Activation::Tanh)
}

fn flatten() -> Layer {
    plain(LayerKind::Flatten(Flatten))
}

fn norm() -> Layer {
    plain(LayerKind::LayerNorm(LayerNorm::default()))
}

fn add(from: i64) -> Layer {
    Layer::new(LayerKind::Add(Add)).reading(&[from])
}

fn parameter(shape: &[usize]) -> Layer {
    plain(LayerKind::Parameter(Parameter { shape: shape.to_vec() }))
}

fn max_pool(kernel: usize) -> Layer {
    plain(LayerKind::MaxPool2d(MaxPool2d::square(kernel)))
}

fn avg_pool(kernel: usize) -> Layer {
    plain(LayerKind::AvgPool2d(AvgPool2d::square(kernel)))
}

/// Every case. The weights are fixed, and so is how far each lies from a kink of relu or a tie of max_pool: further
/// than the differences reach.
pub fn cases() -> Vec<Case> {
    let branch = linear(4).reading(&[0]);
    let mut models: Vec<(&str, Vec<usize>, Vec<Layer>)> = vec![
        ("linear", vec![5], vec![linear(3)]),
        ("linear without bias", vec![5], vec![linear_without_bias(3)]),
        ("three linear", vec![3], vec![linear(4), tanh(), linear_without_bias(5), tanh(), linear(2)]),
        ("positions", vec![2, 3, 4], vec![linear(5), tanh(), linear_without_bias(3), flatten(), linear(2)]),
        ("positions are outputs", vec![3, 4], vec![linear_without_bias(2), tanh(), linear(2)]),
        ("conv2d", vec![2, 5, 4], vec![conv(3, 3, 1, 0, true), tanh(), flatten(), linear(2)]),
        // 6 + 2 - 3 is odd: the last row falls away.
        ("stride and padding", vec![2, 6, 5], vec![conv(3, 3, 2, 1, true), tanh(), flatten(), linear(2)]),
        (
            "conv2d after conv2d",
            vec![1, 6, 5],
            vec![conv(2, 2, 1, 1, false), tanh(), conv(3, 3, 2, 1, true), tanh(), conv(2, 2, 1, 0, false), flatten()],
        ),
        // 5 x 4 to 2 x 2: the remainder is dropped.
        (
            "max_pool2d",
            vec![2, 6, 5],
            vec![conv(3, 2, 1, 0, true), max_pool(2), conv(2, 2, 1, 0, true), flatten(), linear(2)],
        ),
        (
            "avg_pool2d",
            vec![2, 6, 5],
            vec![conv(3, 2, 1, 0, true), avg_pool(2), tanh(), conv(2, 2, 1, 0, true), flatten(), linear(2)],
        ),
        (
            "pools of the input",
            vec![1, 6, 6],
            vec![max_pool(2), conv(2, 2, 1, 0, true), tanh(), avg_pool(2), flatten()],
        ),
        ("layer_norm", vec![4], vec![linear(5), norm(), tanh(), linear(3)]),
        ("layer_norm at positions", vec![3, 4], vec![linear(5), norm(), tanh(), linear(3), flatten(), linear(2)]),
        ("layer_norm first and last", vec![5], vec![norm(), linear(4), tanh(), linear(4), norm()]),
        // Rows of 5: the variance of fewer numbers can be so small that a finite difference needs a smaller step.
        ("layer_norm of images", vec![2, 4, 6], vec![conv(2, 2, 1, 0, true), norm(), tanh(), flatten(), linear(2)]),
        ("add", vec![4], vec![linear(4), tanh(), linear(4), add(0), tanh(), linear(3)]),
        ("add of the input", vec![4], vec![linear(4), tanh(), add(-1), linear(3)]),
        ("add of two branches", vec![4], vec![linear(4), tanh(), branch, add(1), tanh(), linear(2)]),
        ("add of a layer to itself", vec![4], vec![linear(3), tanh(), add(1)]),
        (
            "add of convolutions",
            vec![2, 4, 4],
            vec![conv(2, 3, 1, 1, true), tanh(), conv(2, 3, 1, 1, true), add(0), flatten(), linear(2)],
        ),
        ("parameter", vec![4], vec![linear(5), parameter(&[5]), add(0), tanh(), linear(3)]),
        ("parameter of positions", vec![2, 3], vec![parameter(&[2, 3]), add(-1), tanh(), flatten(), linear(2)]),
        ("parameter as outputs", vec![4], vec![linear(3), tanh(), parameter(&[3]), add(1)]),
    ];
    for kind in Activation::samples() {
        if matches!(kind, Activation::Log | Activation::Rsqrt) {
            models.push((
                kind.name(),
                vec![4],
                vec![linear(6), activation(Activation::Sigmoid), activation(kind), linear(3)],
            ));
            continue;
        }
        models.push((kind.name(), vec![4], vec![linear(6), activation(kind), linear(3), activation(kind)]));
    }
    let build = |(seed, (name, input, layers)): (usize, (&str, Vec<usize>, Vec<Layer>))| {
        let network = Graph::new(&input, &layers).expect("a network");
        let weights = numbers(seed as u64 + 100, network.len);
        Case { name: name.to_owned(), network, weights }
    };
    models.into_iter().enumerate().map(build).chain([tied(&[4]), tied(&[2, 4]), looked_up(), tied_table()]).collect()
}

/// The tokens of an input of numbers in ±1: four times them, cut to whole numbers from 0 to 3.
fn tokens(network: &mut Graph) -> usize {
    let scale = Rearrange::scale(&network.input, 4.0);
    network.add(0, scale, &[0]).expect("a scale")
}

/// Rows of two tables, added; of one of them longer than any token.
fn looked_up() -> Case {
    let mut network = Graph::empty(&[3]);
    let tokens = tokens(&mut network);
    let table = |count| Lookup::new(&[3], count, 2).expect("a table");
    let first = network.add(1, table(4), &[tokens]).expect("a layer");
    let second = network.add(2, table(7), &[tokens]).expect("a layer");
    let sum = Rearrange::add(&[&[3, 2], &[3, 2]]).expect("equal shapes");
    let sum = network.add(3, sum, &[first, second]).expect("a layer");
    let flat = network.add(4, Rearrange::flat(&[3, 2]), &[sum]).expect("a layer");
    let value = network.add(5, Pointwise::new(&[6], Activation::Tanh), &[flat]).expect("a layer");
    network.add(6, Affine::new(&[6], 2, true), &[value]).expect("a layer");
    let weights = numbers(91, network.len);
    Case { name: "looked up".into(), network, weights }
}

/// A table that is looked up in twice and is the last matrix as well, as in language models.
fn tied_table() -> Case {
    let mut network = Graph::empty(&[3]);
    let tokens = tokens(&mut network);
    let table = || Lookup::new(&[3], 4, 3).expect("a table");
    let first = network.add(1, table(), &[tokens]).expect("a layer");
    let second = network.add_tied(0, table(), &[tokens]).expect("the same weights");
    let value = network.add(3, Pointwise::new(&[3, 3], Activation::Tanh), &[first]).expect("a layer");
    let sum = Rearrange::add(&[&[3, 3], &[3, 3]]).expect("equal shapes");
    network.add(4, sum, &[value, second]).expect("a layer");
    network.add_tied(0, Affine::new(&[3, 3], 4, false), &[network.output()]).expect("the same weights");
    let weights = numbers(92, network.len);
    Case { name: "a tied table".into(), network, weights }
}

/// Two linear layers of one square matrix and one bias, on the last axis of an input of some shape.
fn tied(input: &[usize]) -> Case {
    let mut network = Graph::empty(input);
    let (square, tanh) = (|| Affine::new(input, 4, true), || Pointwise::new(input, Activation::Tanh));
    let first = network.add(0, square(), &[0]).expect("a layer");
    let first = network.add(1, tanh(), &[first]).expect("a layer");
    let second = network.add_tied(0, square(), &[first]).expect("the same weights");
    let second = network.add(3, tanh(), &[second]).expect("a layer");
    let flat = network.add(4, Rearrange::flat(input), &[second]).expect("a layer");
    network.add(5, Affine::new(&[input.iter().product()], 2, true), &[flat]).expect("a layer");
    let weights = numbers(90, network.len);
    Case { name: format!("tied weights of {input:?}"), network, weights }
}
