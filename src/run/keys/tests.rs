//! Every key is accepted, written back, and changes a run's identity or says that it does not.

use super::{RunFile, difference, entries};
use crate::key::{Entry, Shape, dotted};
use crate::layer::LayerKind;
use crate::optimizer::Optimizer;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const BASE: &str = r#"
[run]
directory = "out"
[data.train]
inputs = "x.npy"
targets = "y.npy"
[model]
input = [4]
layers = [{ type = "linear", features = 2 }]
[training]
loss = "cross_entropy"
optimizer = { type = "sgd", learning_rate = 0.5 }
steps = 3
"#;

const QUERY: &str = "data.query.inputs=q.npy";
const MOMENTUM: &str = "training.optimizer.momentum=0.9";
const IMPORT: &str = "trajectory.import=c";
const ADAM: &str = "training.optimizer={ type = 'adam', learning_rate = 0.5 }";
const ADAMW: &str = "training.optimizer={ type = 'adamw', learning_rate = 0.5 }";
const RMSPROP: &str = "training.optimizer={ type = 'rmsprop', learning_rate = 0.5 }";
const NADAM: &str = "training.optimizer={ type = 'nadam', learning_rate = 0.5 }";
const LION: &str = "training.optimizer={ type = 'lion', learning_rate = 0.5 }";
const FLOW: [&str; 2] = ["training.steps", "training.optimizer={ type = 'flow', time = 1.0 }"];
const STEP: &str = "training.schedule={ type = 'step', every = 2, factor = 0.5 }";
const COSINE: &str = "training.schedule={ type = 'cosine' }";
const NAMED: [&str; 2] = ["model.input", "model.inputs={ x = { shape = [4] } }"];
const IMAGE: &str = "model.input=[1, 4, 4]";

/// A key, what stands beside it, and another value for it.
type Change = (&'static str, &'static [&'static str], &'static str);

/// Of every key but those of layers.
const CHANGES: &[Change] = &[
    ("run.directory", &[], "elsewhere"),
    ("run.device", &[], "gpu"),
    ("run.fallback", &[], "true"),
    ("run.precision", &[], "f64"),
    ("run.memory", &[], "4 GiB"),
    ("run.store", &[], "zarr"),
    ("run.seed", &[], "1"),
    ("run.tune", &[], "false"),
    ("data.train.inputs", &[], "a.npy"),
    ("data.train.targets", &[], "a.npy"),
    ("data.train.weights", &[], "w.npy"),
    ("data.train.groups", &[], "g.npy"),
    ("data.train.header", &[], "{ inputs = true }"),
    ("data.train.separator", &[], "';'"),
    ("data.train.reshape", &[], "true"),
    ("data.query.inputs", &[], "q.npy"),
    ("data.query.targets", &[QUERY], "z.npy"),
    ("data.query.outputs", &[QUERY], "o.npy"),
    ("data.query.header", &[QUERY], "false"),
    ("data.query.separator", &[QUERY], "\"\\t\""),
    ("data.query.reshape", &[QUERY], "true"),
    ("model.input", &[], "[5]"),
    ("model.inputs", &NAMED, "{ x = { shape = [4], type = 'integer' } }"),
    ("model.layers", &[], "[{ type = 'linear', features = 3 }]"),
    ("model.output", &[], "0"),
    ("model.parameters", &[], "{ '0.bias' = { tensor = 'b', rows = [0, 2], transposed = true, reshape = [2] } }"),
    ("model.weights", &[], "w.npz"),
    ("model.frozen", &[], "['0.*']"),
    ("training.loss", &[], "poisson"),
    ("training.delta", &["training.loss=huber"], "2.0"),
    ("training.pos_weight", &["training.loss=logistic"], "[2.0, 1.0]"),
    ("training.class_weights", &[], "[2.0, 1.0]"),
    ("training.smoothing", &[], "0.1"),
    ("training.ignore", &[], "-1"),
    ("training.reduction", &[], "sum"),
    ("training.optimizer", &[], "{ type = 'sgd', learning_rate = 1 }"),
    ("training.optimizer.sgd.learning_rate", &[], "0.25"),
    ("training.optimizer.sgd.momentum", &[], "0.9"),
    ("training.optimizer.sgd.dampening", &[MOMENTUM], "0.1"),
    ("training.optimizer.sgd.nesterov", &[MOMENTUM], "true"),
    ("training.optimizer.sgd.weight_decay", &[], "0.1"),
    ("training.optimizer.adam.learning_rate", &[ADAM], "0.25"),
    ("training.optimizer.adam.betas", &[ADAM], "[0.5, 0.5]"),
    ("training.optimizer.adam.eps", &[ADAM], "0.1"),
    ("training.optimizer.adam.weight_decay", &[ADAM], "0.1"),
    ("training.optimizer.adamw.learning_rate", &[ADAMW], "0.25"),
    ("training.optimizer.adamw.betas", &[ADAMW], "[0.5, 0.5]"),
    ("training.optimizer.adamw.eps", &[ADAMW], "0.1"),
    ("training.optimizer.adamw.weight_decay", &[ADAMW], "0.1"),
    ("training.optimizer.adam.amsgrad", &[ADAM], "true"),
    ("training.optimizer.adamw.amsgrad", &[ADAMW], "true"),
    ("training.optimizer.rmsprop.learning_rate", &[RMSPROP], "0.25"),
    ("training.optimizer.rmsprop.alpha", &[RMSPROP], "0.5"),
    ("training.optimizer.rmsprop.eps", &[RMSPROP], "0.1"),
    ("training.optimizer.rmsprop.weight_decay", &[RMSPROP], "0.1"),
    ("training.optimizer.rmsprop.momentum", &[RMSPROP], "0.1"),
    ("training.optimizer.rmsprop.centered", &[RMSPROP], "true"),
    ("training.optimizer.nadam.learning_rate", &[NADAM], "0.25"),
    ("training.optimizer.nadam.betas", &[NADAM], "[0.5, 0.5]"),
    ("training.optimizer.nadam.eps", &[NADAM], "0.1"),
    ("training.optimizer.nadam.weight_decay", &[NADAM], "0.1"),
    ("training.optimizer.nadam.momentum_decay", &[NADAM], "0.1"),
    ("training.optimizer.nadam.decoupled_weight_decay", &[NADAM], "true"),
    ("training.optimizer.lion.learning_rate", &[LION], "0.25"),
    ("training.optimizer.lion.betas", &[LION], "[0.5, 0.5]"),
    ("training.optimizer.lion.weight_decay", &[LION], "0.1"),
    ("training.optimizer.groups", &[], "[{ parameters = ['*.bias'], learning_rate = 0.1 }]"),
    ("training.optimizer.flow.time", &FLOW, "2.0"),
    ("training.optimizer.flow.tolerance", &FLOW, "0.1"),
    ("training.optimizer_state", &[MOMENTUM], "o.pt"),
    ("training.learning_rates", &[], "[0.5, 0.5, 0.25]"),
    ("training.schedule", &[], "{ type = 'cosine' }"),
    ("training.schedule.step.every", &[STEP], "3"),
    ("training.schedule.step.factor", &[STEP], "0.1"),
    ("training.schedule.cosine.final", &[COSINE], "0.1"),
    ("training.schedule.warmup", &[COSINE], "2"),
    ("training.clip_norm", &[], "1.0"),
    ("training.steps", &[], "4"),
    ("training.batch_size", &[], "2"),
    ("training.batches", &[], "[[0], [1], [2]]"),
    ("trajectory.import", &[], "c"),
    ("trajectory.losses", &[IMPORT], "[0.5, 0.25]"),
    ("trajectory.every", &[], "2"),
    ("kernel.rule", &[], "left"),
    ("kernel.nodes", &["kernel.rule=gauss"], "5"),
    (
        "kernel.measured",
        &["kernel.rule=gauss"],
        "{ tolerance = 0.1, error = 0.0, nodes = 3.0, steps = [0], queries = 1 }",
    ),
    ("kernel.tolerance", &["kernel.rule=adaptive"], "0.1"),
    ("kernel.accept", &[], "0.1"),
    ("kernel.attribution", &["kernel.kernel=full"], "false"),
    ("kernel.top", &[], "20"),
    ("kernel.positions", &[], "true"),
    ("kernel.kernel", &[], "trace"),
    ("kernel.coefficients", &["kernel.kernel=full"], "true"),
    ("kernel.layers", &[], "true"),
    ("kernel.tangent", &["kernel.kernel=full"], "true"),
    ("kernel.contraction", &[], "['output']"),
    ("kernel.readout", &[], "loss"),
    ("kernel.superposition", &[], "true"),
    ("kernel.superposition_vectors", &["kernel.superposition=true"], "[1]"),
];

/// Of the keys of layers: the layer with the key at two values.
const LAYERS: &[(&str, [&str; 2])] = &[
    ("linear.features", ["type = 'linear', features = 2", "type = 'linear', features = 3"]),
    ("linear.bias", ["type = 'linear', features = 2", "type = 'linear', features = 2, bias = false"]),
    ("conv2d.channels", ["type = 'conv2d', channels = 1, kernel = 2", "type = 'conv2d', channels = 2, kernel = 2"]),
    ("conv2d.kernel", ["type = 'conv2d', channels = 1, kernel = 2", "type = 'conv2d', channels = 1, kernel = 3"]),
    (
        "conv2d.stride",
        ["type = 'conv2d', channels = 1, kernel = 2", "type = 'conv2d', channels = 1, kernel = 2, stride = 2"],
    ),
    (
        "conv2d.padding",
        ["type = 'conv2d', channels = 1, kernel = 2", "type = 'conv2d', channels = 1, kernel = 2, padding = 1"],
    ),
    (
        "conv2d.bias",
        ["type = 'conv2d', channels = 1, kernel = 2", "type = 'conv2d', channels = 1, kernel = 2, bias = false"],
    ),
    ("max_pool2d.kernel", ["type = 'max_pool2d', kernel = 2", "type = 'max_pool2d', kernel = 3"]),
    ("avg_pool2d.kernel", ["type = 'avg_pool2d', kernel = 2", "type = 'avg_pool2d', kernel = 3"]),
    (
        "conv2d.dilation",
        ["type = 'conv2d', channels = 1, kernel = 2", "type = 'conv2d', channels = 1, kernel = 2, dilation = 2"],
    ),
    ("max_pool2d.stride", ["type = 'max_pool2d', kernel = 2", "type = 'max_pool2d', kernel = 2, stride = [1, 2]"]),
    ("max_pool2d.padding", ["type = 'max_pool2d', kernel = 2", "type = 'max_pool2d', kernel = 2, padding = 1"]),
    ("max_pool2d.dilation", ["type = 'max_pool2d', kernel = 2", "type = 'max_pool2d', kernel = 2, dilation = 2"]),
    ("avg_pool2d.stride", ["type = 'avg_pool2d', kernel = 2", "type = 'avg_pool2d', kernel = 2, stride = 1"]),
    ("avg_pool2d.padding", ["type = 'avg_pool2d', kernel = 2", "type = 'avg_pool2d', kernel = 2, padding = [0, 1]"]),
    ("conv1d.channels", ["type = 'conv1d', channels = 1, kernel = 2", "type = 'conv1d', channels = 2, kernel = 2"]),
    ("conv1d.kernel", ["type = 'conv1d', channels = 1, kernel = 2", "type = 'conv1d', channels = 1, kernel = 3"]),
    (
        "conv1d.stride",
        ["type = 'conv1d', channels = 1, kernel = 2", "type = 'conv1d', channels = 1, kernel = 2, stride = 2"],
    ),
    (
        "conv1d.padding",
        ["type = 'conv1d', channels = 1, kernel = 2", "type = 'conv1d', channels = 1, kernel = 2, padding = 2"],
    ),
    (
        "conv1d.dilation",
        ["type = 'conv1d', channels = 1, kernel = 2", "type = 'conv1d', channels = 1, kernel = 2, dilation = 2"],
    ),
    (
        "conv1d.bias",
        ["type = 'conv1d', channels = 1, kernel = 2", "type = 'conv1d', channels = 1, kernel = 2, bias = false"],
    ),
    ("max_pool1d.kernel", ["type = 'max_pool1d', kernel = 2", "type = 'max_pool1d', kernel = 3"]),
    ("max_pool1d.stride", ["type = 'max_pool1d', kernel = 2", "type = 'max_pool1d', kernel = 2, stride = 1"]),
    ("max_pool1d.padding", ["type = 'max_pool1d', kernel = 2", "type = 'max_pool1d', kernel = 2, padding = 1"]),
    ("max_pool1d.dilation", ["type = 'max_pool1d', kernel = 2", "type = 'max_pool1d', kernel = 2, dilation = 2"]),
    ("avg_pool1d.kernel", ["type = 'avg_pool1d', kernel = 2", "type = 'avg_pool1d', kernel = 3"]),
    ("avg_pool1d.stride", ["type = 'avg_pool1d', kernel = 2", "type = 'avg_pool1d', kernel = 2, stride = 1"]),
    ("avg_pool1d.padding", ["type = 'avg_pool1d', kernel = 2", "type = 'avg_pool1d', kernel = 2, padding = 1"]),
    ("layer_norm.axes", ["type = 'layer_norm'", "type = 'layer_norm', axes = 2"]),
    ("layer_norm.eps", ["type = 'layer_norm'", "type = 'layer_norm', eps = 1e-6"]),
    ("layer_norm.affine", ["type = 'layer_norm'", "type = 'layer_norm', affine = false"]),
    ("layer_norm.bias", ["type = 'layer_norm'", "type = 'layer_norm', bias = false"]),
    (
        "conv_transpose1d.channels",
        ["type = 'conv_transpose1d', channels = 1, kernel = 2", "type = 'conv_transpose1d', channels = 2, kernel = 2"],
    ),
    (
        "conv_transpose1d.kernel",
        ["type = 'conv_transpose1d', channels = 1, kernel = 2", "type = 'conv_transpose1d', channels = 1, kernel = 3"],
    ),
    (
        "conv_transpose1d.stride",
        [
            "type = 'conv_transpose1d', channels = 1, kernel = 2",
            "type = 'conv_transpose1d', channels = 1, kernel = 2, stride = 2",
        ],
    ),
    (
        "conv_transpose1d.padding",
        [
            "type = 'conv_transpose1d', channels = 1, kernel = 2",
            "type = 'conv_transpose1d', channels = 1, kernel = 2, padding = 1",
        ],
    ),
    (
        "conv_transpose1d.output_padding",
        [
            "type = 'conv_transpose1d', channels = 1, kernel = 2",
            "type = 'conv_transpose1d', channels = 1, kernel = 2, output_padding = 1",
        ],
    ),
    (
        "conv_transpose1d.dilation",
        [
            "type = 'conv_transpose1d', channels = 1, kernel = 2",
            "type = 'conv_transpose1d', channels = 1, kernel = 2, dilation = 2",
        ],
    ),
    (
        "conv_transpose1d.groups",
        [
            "type = 'conv_transpose1d', channels = 1, kernel = 2",
            "type = 'conv_transpose1d', channels = 1, kernel = 2, groups = 2",
        ],
    ),
    (
        "conv_transpose1d.bias",
        [
            "type = 'conv_transpose1d', channels = 1, kernel = 2",
            "type = 'conv_transpose1d', channels = 1, kernel = 2, bias = false",
        ],
    ),
    (
        "conv1d.groups",
        ["type = 'conv1d', channels = 1, kernel = 2", "type = 'conv1d', channels = 1, kernel = 2, groups = 2"],
    ),
    (
        "conv_transpose2d.channels",
        ["type = 'conv_transpose2d', channels = 1, kernel = 2", "type = 'conv_transpose2d', channels = 2, kernel = 2"],
    ),
    (
        "conv_transpose2d.kernel",
        ["type = 'conv_transpose2d', channels = 1, kernel = 2", "type = 'conv_transpose2d', channels = 1, kernel = 3"],
    ),
    (
        "conv_transpose2d.stride",
        [
            "type = 'conv_transpose2d', channels = 1, kernel = 2",
            "type = 'conv_transpose2d', channels = 1, kernel = 2, stride = 2",
        ],
    ),
    (
        "conv_transpose2d.padding",
        [
            "type = 'conv_transpose2d', channels = 1, kernel = 2",
            "type = 'conv_transpose2d', channels = 1, kernel = 2, padding = 1",
        ],
    ),
    (
        "conv_transpose2d.output_padding",
        [
            "type = 'conv_transpose2d', channels = 1, kernel = 2",
            "type = 'conv_transpose2d', channels = 1, kernel = 2, output_padding = 1",
        ],
    ),
    (
        "conv_transpose2d.dilation",
        [
            "type = 'conv_transpose2d', channels = 1, kernel = 2",
            "type = 'conv_transpose2d', channels = 1, kernel = 2, dilation = 2",
        ],
    ),
    (
        "conv_transpose2d.groups",
        [
            "type = 'conv_transpose2d', channels = 1, kernel = 2",
            "type = 'conv_transpose2d', channels = 1, kernel = 2, groups = 2",
        ],
    ),
    (
        "conv_transpose2d.bias",
        [
            "type = 'conv_transpose2d', channels = 1, kernel = 2",
            "type = 'conv_transpose2d', channels = 1, kernel = 2, bias = false",
        ],
    ),
    (
        "conv2d.groups",
        ["type = 'conv2d', channels = 1, kernel = 2", "type = 'conv2d', channels = 1, kernel = 2, groups = 2"],
    ),
    ("batch_norm.eps", ["type = 'batch_norm'", "type = 'batch_norm', eps = 1e-6"]),
    ("batch_norm.momentum", ["type = 'batch_norm'", "type = 'batch_norm', momentum = 0.2"]),
    ("batch_norm.affine", ["type = 'batch_norm'", "type = 'batch_norm', affine = false"]),
    ("batch_norm.statistics", ["type = 'batch_norm'", "type = 'batch_norm', statistics = 'batch'"]),
    ("group_norm.groups", ["type = 'group_norm', groups = 1", "type = 'group_norm', groups = 2"]),
    ("group_norm.eps", ["type = 'group_norm', groups = 1", "type = 'group_norm', groups = 1, eps = 1e-6"]),
    ("group_norm.affine", ["type = 'group_norm', groups = 1", "type = 'group_norm', groups = 1, affine = false"]),
    ("rms_norm.axes", ["type = 'rms_norm'", "type = 'rms_norm', axes = 2"]),
    ("rms_norm.eps", ["type = 'rms_norm'", "type = 'rms_norm', eps = 1e-6"]),
    ("rms_norm.affine", ["type = 'rms_norm'", "type = 'rms_norm', affine = false"]),
    ("leaky_relu.slope", ["type = 'leaky_relu'", "type = 'leaky_relu', slope = 0.2"]),
    ("gelu.approximate", ["type = 'gelu'", "type = 'gelu', approximate = 'tanh'"]),
    ("elu.alpha", ["type = 'elu'", "type = 'elu', alpha = 2"]),
    ("hardtanh.min_val", ["type = 'hardtanh'", "type = 'hardtanh', min_val = -2"]),
    ("hardtanh.max_val", ["type = 'hardtanh'", "type = 'hardtanh', max_val = 2"]),
    ("clamp.min", ["type = 'clamp', max = 1", "type = 'clamp', min = 0, max = 1"]),
    ("clamp.max", ["type = 'clamp', min = 0", "type = 'clamp', min = 0, max = 1"]),
    ("from", ["type = 'tanh'", "type = 'tanh', from = -1"]),
    (
        "weight",
        ["type = 'conv2d', channels = 1, kernel = 2", "type = 'conv2d', channels = 1, kernel = 2, weight = 'a'"],
    ),
    ("name", ["type = 'tanh'", "type = 'tanh', name = 'a'"]),
    (
        "attention.heads",
        ["type = 'attention', from = [-1, -1, -1], heads = 1", "type = 'attention', from = [-1, -1, -1], heads = 2"],
    ),
    (
        "attention.kv_heads",
        [
            "type = 'attention', from = [-1, -1, -1], heads = 2",
            "type = 'attention', from = [-1, -1, -1], heads = 2, kv_heads = 1",
        ],
    ),
    (
        "attention.causal",
        [
            "type = 'attention', from = [-1, -1, -1], heads = 1",
            "type = 'attention', from = [-1, -1, -1], heads = 1, causal = true",
        ],
    ),
    (
        "attention.dropout",
        [
            "type = 'attention', from = [-1, -1, -1], heads = 1",
            "type = 'attention', from = [-1, -1, -1], heads = 1, dropout = 0.1",
        ],
    ),
    ("dropout.p", ["type = 'dropout'", "type = 'dropout', p = 0.1"]),
    (
        "attention.scale",
        [
            "type = 'attention', from = [-1, -1, -1], heads = 1",
            "type = 'attention', from = [-1, -1, -1], heads = 1, scale = 2",
        ],
    ),
    ("softmax.axis", ["type = 'softmax', axis = 0", "type = 'softmax', axis = 1"]),
    ("log_softmax.axis", ["type = 'log_softmax', axis = 0", "type = 'log_softmax', axis = 1"]),
    ("mask.value", ["type = 'mask', from = [-1, -1]", "type = 'mask', from = [-1, -1], value = -9"]),
    ("lstm.features", ["type = 'lstm', features = 2", "type = 'lstm', features = 3"]),
    ("lstm.bias", ["type = 'lstm', features = 2", "type = 'lstm', features = 2, bias = false"]),
    ("parameter.shape", ["type = 'parameter', shape = [2]", "type = 'parameter', shape = [3]"]),
    ("embedding.count", ["type = 'embedding', count = 2, features = 2", "type = 'embedding', count = 3, features = 2"]),
    (
        "embedding.features",
        ["type = 'embedding', count = 2, features = 2", "type = 'embedding', count = 2, features = 3"],
    ),
    (
        "embedding.padding_idx",
        [
            "type = 'embedding', count = 2, features = 2, padding_idx = 0",
            "type = 'embedding', count = 2, features = 2, padding_idx = 1",
        ],
    ),
    ("scale.by", ["type = 'scale', by = 2", "type = 'scale', by = 3"]),
    ("offset.by", ["type = 'offset', by = 2", "type = 'offset', by = 3"]),
    ("reshape.shape", ["type = 'reshape', shape = [2, 2]", "type = 'reshape', shape = [2, -1]"]),
    ("permute.axes", ["type = 'permute', axes = [1, 0]", "type = 'permute', axes = [-1, -2]"]),
    ("slice.axis", ["type = 'slice', axis = 0", "type = 'slice', axis = -1"]),
    ("slice.start", ["type = 'slice', axis = 0", "type = 'slice', axis = 0, start = 1"]),
    ("slice.stop", ["type = 'slice', axis = 0", "type = 'slice', axis = 0, stop = -1"]),
    ("slice.step", ["type = 'slice', axis = 0", "type = 'slice', axis = 0, step = 2"]),
    ("constant.values", ["type = 'constant', values = 'a.npy'", "type = 'constant', values = 'b.npy'"]),
    ("concat.axis", ["type = 'concat', axis = 0, from = [-1, -1]", "type = 'concat', axis = 1, from = [-1, -1]"]),
    ("pad.padding", ["type = 'pad', padding = [1, 0]", "type = 'pad', padding = [0, 1]"]),
    ("pad.value", ["type = 'pad', padding = [1, 0]", "type = 'pad', padding = [1, 0], value = 2"]),
    ("broadcast.shape", ["type = 'broadcast', shape = [2, 4]", "type = 'broadcast', shape = [3, -1]"]),
    ("mean.axes", ["type = 'mean'", "type = 'mean', axes = 0"]),
    ("mean.keepdim", ["type = 'mean'", "type = 'mean', keepdim = true"]),
    ("sum.axes", ["type = 'sum'", "type = 'sum', axes = [0, -1]"]),
    ("sum.keepdim", ["type = 'sum'", "type = 'sum', keepdim = true"]),
    ("upsample.scale_factor", ["type = 'upsample', scale_factor = 2", "type = 'upsample', scale_factor = [2, 3]"]),
];

fn parse(overrides: &[String]) -> RunFile {
    // An override that is a bare key takes the key of the file away.
    let (absent, overrides): (Vec<_>, Vec<_>) = overrides.iter().cloned().partition(|text| !text.contains('='));
    let gone = |line: &&str| !absent.iter().any(|key| line.split(' ').next() == key.rsplit('.').next());
    let text: Vec<&str> = BASE.lines().filter(gone).collect();
    RunFile::parse(&text.join("\n"), Path::new("/folder/run.toml"), &overrides)
        .unwrap_or_else(|error| panic!("{overrides:?}: {error}"))
}

/// Two run files are as different as their records say, and their records are run files for them.
fn differ(a: &[String], b: &[String]) -> Option<String> {
    let (a, b) = (parse(a), parse(b));
    assert_ne!(a, b);
    for run_file in [&a, &b] {
        let again = RunFile::parse(&run_file.to_toml(), Path::new("/folder/run.toml"), &[]);
        assert_eq!(again.as_ref(), Ok(run_file));
    }
    difference(&a.to_toml(), &b.to_toml()).map(|(key, ..)| key)
}

/// The dotted name of every key, with the type in it where it belongs to one; whether it is incidental.
fn names(at: &str, entries: &[Entry]) -> Vec<(String, bool)> {
    entries
        .iter()
        .flat_map(|entry| {
            let name = dotted(at, entry.name);
            match &entry.shape {
                Shape::Table(inside) => names(&name, inside),
                Shape::OneOf { variants, shared } => {
                    let own = variants.iter().flat_map(|(kind, _, keys)| names(&dotted(&name, kind), keys));
                    let all = own.chain(names(&name, shared)).collect::<Vec<_>>();
                    [vec![(name, entry.incidental)], all].concat()
                }
                Shape::Plain(_) | Shape::Number(_) | Shape::Path(_) | Shape::Words(_) => vec![(name, entry.incidental)],
            }
        })
        .collect()
}

/// A path in a layer starts at the run file's folder, one of an override at the current directory.
#[test]
fn paths_of_layers_are_told_by_where_they_stand() {
    let layers = "[{ type = 'constant', values = 'm/../c.npy' }, { type = 'linear', features = 2, from = -1 }]";
    let values = |text: &str, overrides: &[String]| {
        let run_file = RunFile::parse(text, Path::new("/folder/run.toml"), overrides).expect("a run file");
        match &run_file.model.layers[0].kind {
            LayerKind::Constant(constant) => PathBuf::from(&constant.values),
            other => panic!("{other:?}"),
        }
    };
    let lines: Vec<String> = BASE
        .lines()
        .map(|line| if line.starts_with("layers") { format!("layers = {layers}") } else { line.into() })
        .collect();
    assert_eq!(values(&lines.join("\n"), &[]), Path::new("/folder/c.npy"));
    let here = std::env::current_dir().expect("a directory");
    assert_eq!(values(BASE, &[format!("model.layers={layers}")]), here.join("c.npy"));
}

#[test]
fn every_key_is_written_back_and_changes_the_identity_unless_it_is_incidental() {
    let names = names("", &entries());
    let incidental: BTreeSet<&str> = names.iter().filter(|(_, own)| *own).map(|(name, _)| name.as_str()).collect();
    let types: Vec<&str> = Optimizer::names().map(|(name, _)| name).chain(["step", "cosine"]).collect();
    for (key, beside, value) in CHANGES {
        let dotted: Vec<&str> = key.split('.').filter(|part| !types.contains(part)).collect();
        let beside: Vec<String> = beside.iter().map(|&text| text.to_owned()).collect();
        let changed = [beside.clone(), vec![format!("{}={value}", dotted.join("."))]].concat();
        let found = differ(&beside, &changed);
        match incidental.contains(key) {
            true => assert_eq!(found, None, "{key}"),
            false => {
                let found = found.unwrap_or_else(|| panic!("{key} changes nothing"));
                let section = dotted[..2].join(".");
                // A list of rates takes the schedule's place.
                let own = [section.as_str(), "training.schedule", "data.query"];
                assert!(own.iter().any(|own| found.starts_with(own)), "{key} changed {found}");
            }
        }
    }
    for (key, layers) in LAYERS {
        let model = |layer: &str| {
            let layers = format!("model.layers=[{{ {layer} }}, {{ type = 'linear', features = 2 }}]");
            vec![IMAGE.to_owned(), layers]
        };
        assert_eq!(differ(&model(layers[0]), &model(layers[1])).as_deref(), Some("model.layers"), "{key}");
    }
    let changed = CHANGES.iter().map(|(key, ..)| (*key).to_owned());
    let layers = LAYERS.iter().map(|(key, _)| format!("model.layers.{key}"));
    // What files give stands in a record, and their names do not: the next tests have them.
    let all: BTreeSet<String> =
        changed.chain(layers).chain(["model.graph".to_owned(), "trajectory.record".to_owned()]).collect();
    assert_eq!(all, names.into_iter().map(|(name, _)| name).collect());
}

/// A loss may be a table with its numbers.
#[test]
fn the_numbers_of_a_loss_may_stand_in_its_table() {
    let of = |overrides: &[&str]| parse(&overrides.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
    let table = of(&["training.loss={ type = 'huber', delta = 2.0 }"]);
    assert_eq!(table, of(&["training.loss=huber", "training.delta=2.0"]));
    assert_eq!(table.training.numbers().of_outputs, Some(vec![2.0]));
    for (loss, key) in [
        ("{ delta = 2.0 }", "training.loss"),
        ("{ type = 'huber', dleta = 2.0 }", "training.loss.dleta"),
        ("{ type = 'huber', smoothing = 0.1 }", "training.smoothing"),
        ("{ type = 'mse', delta = 2.0 }", "training.delta"),
    ] {
        let text = format!("training.loss={loss}");
        let error = RunFile::parse(BASE, Path::new("/folder/run.toml"), &[text]).expect_err(loss);
        assert!(error.to_string().contains(key), "{error}");
    }
}

/// A readout may be a table with what it takes, which is written back.
#[test]
fn a_readout_may_take_positions_and_classes() {
    let of = |text: &str| differ(&[], &[format!("kernel.readout={text}")]);
    for text in ["{ type = 'loss', positions = [0, 2] }", "{ type = 'difference', classes = [1, 0], positions = [3] }"]
    {
        assert_eq!(of(text).as_deref(), Some("kernel.readout"), "{text}");
    }
    for (text, key) in [
        ("{ positions = [0] }", "kernel.readout"),
        ("{ type = 'los' }", "kernel.readout.type"),
        ("{ type = 'loss', position = 3 }", "kernel.readout.position"),
        ("{ type = 'loss', positions = -1 }", "kernel.readout.positions"),
        ("{ type = 'difference', classes = [1] }", "kernel.readout.classes"),
    ] {
        let text = format!("kernel.readout={text}");
        let error = RunFile::parse(BASE, Path::new("/folder/run.toml"), std::slice::from_ref(&text)).expect_err(&text);
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[test]
fn a_graph_changes_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    std::fs::write(&path, r#"{"nodes": [{"type": "linear", "features": 3}]}"#).unwrap();
    let of = |text: &str, overrides: &[String]| {
        let overrides: Vec<String> = overrides.to_vec();
        let (absent, given): (Vec<_>, Vec<_>) = overrides.into_iter().partition(|text| !text.contains('='));
        let lines: Vec<&str> = text.lines().filter(|line| absent.is_empty() || !line.starts_with("layers")).collect();
        RunFile::parse(&lines.join("\n"), Path::new("/folder/run.toml"), &given).unwrap().to_toml()
    };
    let graph = of(BASE, &["model.layers".to_owned(), format!("model.graph={}", path.display())]);
    assert_eq!(difference(&of(BASE, &[]), &graph).map(|(key, ..)| key).as_deref(), Some("model.layers"));
    assert!(RunFile::parse(&graph, Path::new("/folder/run.toml"), &[]).is_ok_and(|again| again.to_toml() == graph));
}

#[test]
fn a_record_changes_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    std::fs::write(&path, r#"{"clip_norm": 2}"#).unwrap();
    let import = vec![IMPORT.to_owned()];
    let with = [import.clone(), vec![format!("trajectory.record={}", path.display())]].concat();
    assert_eq!(differ(&import, &with).as_deref(), Some("training.clip_norm"));
}

/// What a record may say are keys of `[training]`.
#[test]
fn a_record_has_keys_of_training() {
    for key in super::record::KEYS {
        assert!(super::training::KEYS.iter().any(|own| own.name == key), "{key}");
    }
}
