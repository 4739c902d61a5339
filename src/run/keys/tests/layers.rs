//! Another value of every key of a layer.

/// Of the keys of layers: the layer with the key at two values.
pub const LAYERS: &[(&str, [&str; 2])] = &[
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
    ("smooth_relu.width", ["type = 'smooth_relu'", "type = 'smooth_relu', width = 0.5"]),
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
