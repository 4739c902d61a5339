"""Convolutions, pools, norms and activations."""

import torch
from torch import nn

from generate import case, normal


class RmsNorm(nn.Module):
    """PyTorch's RMSNorm, which later versions have, over the last axes."""

    def __init__(self, *shape, eps=None, affine=True):
        super().__init__()
        self.axes, self.eps = tuple(range(-len(shape), 0)), torch.finfo(torch.float64).eps if eps is None else eps
        self.weight = nn.Parameter(torch.ones(shape)) if affine else None

    def forward(self, x):
        normal = x * torch.rsqrt((x * x).mean(self.axes, keepdim=True) + self.eps)
        return normal if self.weight is None else normal * self.weight


def shaken(module):
    """Parameters of norms off their starts, so that an exchange of two would show."""
    with torch.no_grad():
        for p in module.parameters():
            p += 0.3 * torch.randn_like(p)
    return module


def linear(features, **keys):
    return {"type": "linear", "features": features, **keys}


case(
    "models_smooth_activations",
    "activations without kinks, some with numbers",
    module=lambda: nn.Sequential(
        nn.Linear(4, 5), nn.Mish(), nn.Linear(5, 5), nn.GELU(approximate="tanh"), nn.Linear(5, 5), nn.LogSigmoid(),
        nn.Linear(5, 5), nn.ELU(alpha=1.0), nn.Linear(5, 3),
    ),
    model={
        "input": [4],
        "layers": [
            linear(5), {"type": "mish"}, linear(5), {"type": "gelu", "approximate": "tanh"}, linear(5), {"type": "logsigmoid"},
            linear(5), {"type": "elu"}, linear(3),
        ],
    },
    inputs=normal(4),
    rate=0.3,
    kernel={"nodes": 5},
)  # fmt: skip


class Positive(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(4, 5), nn.Linear(5, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(torch.log(torch.exp(self.second(torch.nn.functional.softsign(self.first(x)))) + 0.0))


case(
    "models_exp_and_log",
    "an exponential, its logarithm, and softsign",
    module=Positive,
    model={
        "input": [4],
        "layers": [
            linear(5, name="first"), {"type": "softsign"}, linear(4, name="second"), {"type": "exp"}, {"type": "log"},
            linear(3, name="head"),
        ],
    },
    inputs=normal(4),
    rate=0.3,
    kernel={"nodes": 5},
)  # fmt: skip


class Clamped(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)])

    def forward(self, x):
        first, second, third, fourth, head = self.layers
        x = nn.functional.leaky_relu(first(x), 0.2)
        x = nn.functional.hardtanh(second(x), -0.9, 0.7)
        x = torch.clamp(third(x), min=-0.4)
        return head(torch.abs(nn.functional.selu(nn.functional.hardswish(fourth(x)))))


case(
    "models_kinked_activations",
    "activations with kinks, and numbers that move them",
    module=Clamped,
    model={
        "input": [3],
        "layers": [
            linear(4, name="layers.0"), {"type": "leaky_relu", "slope": 0.2}, linear(4, name="layers.1"),
            {"type": "hardtanh", "min_val": -0.9, "max_val": 0.7}, linear(4, name="layers.2"), {"type": "clamp", "min": -0.4},
            linear(4, name="layers.3"), {"type": "hardswish"}, {"type": "selu"}, {"type": "abs"}, linear(3, name="layers.4"),
        ],
    },
    inputs=normal(3),
    rate=0.1,
    steps=4,
)  # fmt: skip

case(
    "models_norms",
    "layer_norm and rms_norm with their options",
    module=lambda: shaken(nn.Sequential(
        nn.Linear(5, 6), nn.LayerNorm((3, 6), eps=1e-3), nn.Tanh(), nn.Linear(6, 6), RmsNorm(6, eps=1e-4), nn.Tanh(),
        nn.Linear(6, 5), nn.LayerNorm(5, elementwise_affine=False), RmsNorm(3, 5), nn.Linear(5, 5), RmsNorm(5, affine=False),
        nn.Flatten(), nn.Linear(15, 3),
    )),
    model={
        "input": [3, 5],
        "layers": [
            linear(6), {"type": "layer_norm", "axes": 2, "eps": 1e-3}, {"type": "tanh"}, linear(6),
            {"type": "rms_norm", "eps": 1e-4}, {"type": "tanh"}, linear(5), {"type": "layer_norm", "affine": False},
            {"type": "rms_norm", "axes": 2}, linear(5), {"type": "rms_norm", "affine": False}, {"type": "flatten"}, linear(3),
        ],
    },
    inputs=normal(3, 5),
    rate=0.1,
    steps=4,
    kernel={"nodes": 6},
)  # fmt: skip


class ScaleNorm(nn.Module):
    """A LayerNorm without its bias."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return nn.functional.layer_norm(x, self.weight.shape, self.weight)


case(
    "models_convolutions_per_axis",
    "convolutions with numbers per axis, and average pools that overlap",
    module=lambda: shaken(nn.Sequential(
        nn.Conv2d(2, 3, (2, 3), stride=(1, 2), padding=(1, 2), dilation=(2, 1)), nn.Tanh(), ScaleNorm(4),
        nn.AvgPool2d((3, 2), stride=1, padding=(1, 0)), nn.Conv2d(3, 4, 2, padding=1, bias=False), nn.SiLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )),
    model={
        "input": [2, 5, 6],
        "layers": [
            {"type": "conv2d", "channels": 3, "kernel": [2, 3], "stride": [1, 2], "padding": [1, 2], "dilation": [2, 1]},
            {"type": "tanh"}, {"type": "layer_norm", "bias": False},
            {"type": "avg_pool2d", "kernel": [3, 2], "stride": 1, "padding": [1, 0]},
            {"type": "conv2d", "channels": 4, "kernel": 2, "padding": 1, "bias": False}, {"type": "silu"},
            {"type": "global_avg_pool"}, linear(3),
        ],
    },
    names={"8.weight": "7.weight", "8.bias": "7.bias"},
    inputs=normal(2, 5, 6),
    rate=2.0,
    kernel={"nodes": 4},
)  # fmt: skip

case(
    "models_lines",
    "convolutions and pools of lines",
    module=lambda: nn.Sequential(
        nn.Conv1d(2, 4, 3, stride=2, padding=2, dilation=2), nn.Tanh(), nn.AvgPool1d(3, stride=1, padding=1),
        nn.Conv1d(4, 3, 2, bias=False), nn.MaxPool1d(3, stride=2, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(9, 3),
    ),
    model={
        "input": [2, 12],
        "layers": [
            {"type": "conv1d", "channels": 4, "kernel": 3, "stride": 2, "padding": 2, "dilation": 2}, {"type": "tanh"},
            {"type": "avg_pool1d", "kernel": 3, "stride": 1, "padding": 1},
            {"type": "conv1d", "channels": 3, "kernel": 2, "bias": False},
            {"type": "max_pool1d", "kernel": 3, "stride": 2, "padding": 1}, {"type": "tanh"}, {"type": "flatten"}, linear(3),
        ],
    },
    inputs=normal(2, 12),
    rate=0.2,
    kernel={"nodes": 4},
)  # fmt: skip

case(
    "models_max_pools",
    "max pools that overlap, with padding and gaps, and of whole channels",
    module=lambda: nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.MaxPool2d(3, stride=(1, 2), padding=1), nn.Tanh(),
        nn.MaxPool2d(2, stride=1, dilation=2), nn.Conv2d(3, 4, 2), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    ),
    model={
        "input": [1, 6, 7],
        "layers": [
            {"type": "conv2d", "channels": 3, "kernel": 3, "padding": 1},
            {"type": "max_pool2d", "kernel": 3, "stride": [1, 2], "padding": 1}, {"type": "tanh"},
            {"type": "max_pool2d", "kernel": 2, "stride": 1, "dilation": 2},
            {"type": "conv2d", "channels": 4, "kernel": 2}, {"type": "global_max_pool"}, linear(3),
        ],
    },
    names={"7.weight": "6.weight", "7.bias": "6.bias"},
    inputs=normal(1, 6, 7),
    rate=0.1,
    steps=4,
)  # fmt: skip

case(
    "models_group_norm",
    "group_norm of images and of features",
    module=lambda: shaken(nn.Sequential(
        nn.Conv2d(1, 4, 2), nn.GroupNorm(2, 4, eps=1e-3), nn.Tanh(), nn.GroupNorm(1, 4, affine=False), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(8, 6), nn.GroupNorm(2, 6), nn.Tanh(), nn.Linear(6, 3),
    )),
    model={
        "input": [1, 5, 4],
        "layers": [
            {"type": "conv2d", "channels": 4, "kernel": 2}, {"type": "group_norm", "groups": 2, "eps": 1e-3}, {"type": "tanh"},
            {"type": "group_norm", "groups": 1, "affine": False}, {"type": "avg_pool2d", "kernel": 2}, {"type": "flatten"},
            linear(6), {"type": "group_norm", "groups": 2}, {"type": "tanh"}, linear(3),
        ],
    },
    inputs=normal(1, 5, 4),
    rate=0.1,
    steps=4,
    kernel={"nodes": 6},
)  # fmt: skip


def run(*shapes):
    """Running statistics off their starts."""

    def apply(module):
        for norm in module.modules():
            if isinstance(norm, nn.modules.batchnorm._BatchNorm):
                norm.running_mean.normal_(0, 0.3)
                norm.running_var.uniform_(0.5, 2)
                # Numbers that single precision holds.
                norm.running_mean.copy_(norm.running_mean.float().double())
                norm.running_var.copy_(norm.running_var.float().double())
        return module

    return apply(shaken(nn.Sequential(*shapes)))


case(
    "models_batch_norm",
    "batch_norm in eval mode, of images and of features, with running statistics",
    module=lambda: run(
        nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3, eps=1e-3), nn.Tanh(), nn.BatchNorm2d(3, affine=False), nn.Flatten(),
        nn.Linear(12, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3),
    ),
    model={
        "input": [1, 3, 3],
        "layers": [
            {"type": "conv2d", "channels": 3, "kernel": 2}, {"type": "batch_norm", "eps": 1e-3}, {"type": "tanh"},
            {"type": "batch_norm", "affine": False}, {"type": "flatten"}, linear(4), {"type": "batch_norm"}, {"type": "tanh"},
            linear(3),
        ],
    },
    inputs=normal(1, 3, 3),
    rate=0.1,
    steps=4,
    kernel={"nodes": 5},
)  # fmt: skip

case(
    "models_groups",
    "convolutions in groups, one of them by channel, of images and lines",
    module=lambda: nn.Sequential(
        nn.Conv2d(2, 4, (2, 3), padding=(1, 2), stride=(1, 2), groups=2), nn.Tanh(),
        nn.Conv2d(4, 4, 2, dilation=(1, 2), groups=4, bias=False), nn.SiLU(), nn.Conv2d(4, 6, 1, groups=2), nn.Tanh(),
        nn.Flatten(2), nn.Conv1d(6, 3, 2, stride=2, groups=3), nn.Tanh(), nn.Flatten(), nn.Linear(9, 3),
    ),
    model={
        "input": [2, 3, 5],
        "layers": [
            {"type": "conv2d", "channels": 4, "kernel": [2, 3], "padding": [1, 2], "stride": [1, 2], "groups": 2}, {"type": "tanh"},
            {"type": "conv2d", "channels": 4, "kernel": 2, "dilation": [1, 2], "groups": 4, "bias": False}, {"type": "silu"},
            {"type": "conv2d", "channels": 6, "kernel": 1, "groups": 2}, {"type": "tanh"}, {"type": "reshape", "shape": [6, 6]},
            {"type": "conv1d", "channels": 3, "kernel": 2, "stride": 2, "groups": 3}, {"type": "tanh"}, {"type": "flatten"},
            linear(3),
        ],
    },
    inputs=normal(2, 3, 5),
    rate=0.3,
    kernel={"nodes": 4},
)  # fmt: skip

case(
    "models_transposed",
    "transposed convolutions with their options, of images and lines",
    module=lambda: nn.Sequential(
        nn.ConvTranspose2d(1, 4, (2, 3), stride=(2, 1), padding=(1, 0), output_padding=(1, 0)), nn.Tanh(),
        nn.ConvTranspose2d(4, 2, 2, dilation=(1, 2), groups=2, bias=False), nn.SiLU(), nn.Flatten(2),
        nn.ConvTranspose1d(2, 1, 3, stride=2, padding=1, output_padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3),
    ),
    model={
        "input": [1, 2, 2],
        "layers": [
            {"type": "conv_transpose2d", "channels": 4, "kernel": [2, 3], "stride": [2, 1], "padding": [1, 0], "output_padding": [1, 0]},
            {"type": "tanh"},
            {"type": "conv_transpose2d", "channels": 2, "kernel": 2, "dilation": [1, 2], "groups": 2, "bias": False},
            {"type": "silu"}, {"type": "reshape", "shape": [2, -1]},
            {"type": "conv_transpose1d", "channels": 1, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1},
            {"type": "tanh"}, {"type": "flatten"}, linear(3),
        ],
    },
    inputs=normal(1, 2, 2),
    rate=0.3,
    kernel={"nodes": 4},
)  # fmt: skip
