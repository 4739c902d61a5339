"""Kinds that other references know as well: this one is held against them by the same networks."""

import torch
from torch import nn

from generate import case, normal, squared_error

case(
    "models_mlp",
    "a plain perceptron with batches, layers by name",
    module=lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)),
    model={
        "input": [4],
        "layers": [
            {"type": "linear", "name": "in", "features": 6},
            {"type": "tanh", "name": "act"},
            {"type": "linear", "features": 3, "from": "act"},
        ],
    },
    names={"0.weight": "in.weight", "0.bias": "in.bias"},
    inputs=normal(4),
    batches=[[0, 1, 2], [3, 4, 5], [1, 1, 4], [0, 2, 5]],
    steps=4,
)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(4, 5), nn.Linear(5, 5), nn.LayerNorm(5)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        first = self.first(x)
        second = torch.sigmoid(self.second(first))
        return self.head(self.norm(first + second + first))


case(
    "models_sum_of_three",
    "a sum of three named layers, one of them twice",
    module=Residual,
    model={
        "input": [4],
        "layers": [
            {"type": "linear", "name": "first", "features": 5},
            {"type": "linear", "name": "second", "features": 5},
            {"type": "sigmoid", "name": "gate"},
            {"type": "add", "from": ["first", "gate", 0]},
            {"type": "layer_norm", "name": "norm"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(4),
    rate=0.5,
    kernel={"nodes": 6},
)

case(
    "models_convolutions",
    "two convolutions and pooling",
    module=lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.GELU(), nn.AvgPool2d(2), nn.Conv2d(3, 2, 2, stride=2, bias=False), nn.Flatten(), nn.Linear(8, 3)
    ),
    model={
        "input": [2, 8, 8],
        "layers": [
            {"type": "conv2d", "channels": 3, "kernel": 3, "padding": 1},
            {"type": "gelu"},
            {"type": "avg_pool2d", "kernel": 2},
            {"type": "conv2d", "channels": 2, "kernel": 2, "stride": 2, "bias": False},
            {"type": "flatten"},
            {"type": "linear", "features": 3},
        ],
    },
    inputs=normal(2, 8, 8),
    rate=0.3,
)

case(
    "models_squared_error",
    "two outputs of real targets, the queries being the examples",
    module=lambda: nn.Sequential(nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 2)),
    model={
        "input": [3],
        "layers": [{"type": "linear", "features": 4}, {"type": "silu"}, {"type": "linear", "features": 2}],
    },
    inputs=normal(3),
    outputs=2,
    targets=normal(2),
    training={"loss": "squared_error", "reduction": "sum"},
    loss=squared_error,
    rate=0.05,
    n=0,
)

case(
    "models_left",
    "the rule left",
    module=lambda: nn.Sequential(nn.Linear(4, 5), nn.Softplus(), nn.Linear(5, 3)),
    model={
        "input": [4],
        "layers": [{"type": "linear", "features": 5}, {"type": "softplus"}, {"type": "linear", "features": 3}],
    },
    inputs=normal(4),
    kernel={"rule": "left"},
)
