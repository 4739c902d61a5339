"""More networks of images that people train, at small size: `people.py` says how, `docs/models.md` lists all of them."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from cases.images import run
from generate import case, normal


def conv(channels, kernel, **keys):
    return {"type": "conv2d", "channels": channels, "kernel": kernel, **keys}


def named(name, layer, **keys):
    return layer | {"name": name} | keys


NORM, RELU, RELU6 = {"type": "batch_norm"}, {"type": "relu"}, {"type": "relu6"}

# projection_ntk's: factors of one over the root of the width, two classes as reals.


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 2)

    def forward(self, x):
        x = F.avg_pool2d(torch.relu(self.a(x)), 2) / math.sqrt(4)
        return self.head(torch.relu(self.b(x)).mean((2, 3)) / math.sqrt(4))


case(
    "people_scaled",
    "projection_ntk's network: average pools, factors of one over the root of the width, the mean of squares of two outputs",
    module=Scaled,
    model={
        "input": [1, 10, 10],
        "layers": [
            named("a", conv(4, 3)), RELU, {"type": "avg_pool2d", "kernel": 2}, {"type": "scale", "by": 0.5},
            named("b", conv(4, 3)), RELU, {"type": "global_avg_pool"}, {"type": "scale", "by": 0.5},
            {"type": "linear", "name": "head", "features": 2},
        ],
    },
    inputs=normal(1, 10, 10),
    outputs=2,
    targets=lambda rng, count: torch.eye(2)[rng.integers(0, 2, count)].numpy(),
    training={"loss": "mse"},
    loss=F.mse_loss,
    rate=0.3,
    n=2,
)  # fmt: skip

# MobileNetV2: widened by a convolution of 1 × 1, one by channel, narrowed again.


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        bare = lambda *sizes, **keys: nn.Conv2d(*sizes, bias=False, **keys)
        self.stem, self.wide, self.deep, self.thin = bare(1, 2, 3, stride=2, padding=1), bare(2, 6, 1), bare(6, 6, 3, padding=1, groups=6), bare(6, 2, 1)
        self.n0, self.n1, self.n2, self.n3 = (nn.BatchNorm2d(width) for width in (2, 6, 6, 2))
        self.head = nn.Linear(2, 3)

    def forward(self, x):
        x = F.relu6(self.n0(self.stem(x)))
        y = F.relu6(self.n2(self.deep(F.relu6(self.n1(self.wide(x))))))
        return self.head((x + self.n3(self.thin(y))).mean((2, 3)))


case(
    "people_mobilenet",
    "MobileNetV2: a block with a convolution by channel, batch_norm in eval mode, relu6",
    module=lambda: run(MobileNet())[0],
    model={
        "input": [1, 8, 8],
        "layers": [
            named("stem", conv(2, 3, stride=2, padding=1, bias=False)), named("n0", NORM), named("x", RELU6),
            named("wide", conv(6, 1, bias=False)), named("n1", NORM), RELU6,
            named("deep", conv(6, 3, padding=1, groups=6, bias=False)), named("n2", NORM), RELU6,
            named("thin", conv(2, 1, bias=False)), named("n3", NORM),
            {"type": "add", "from": ["x", "n3"]}, {"type": "global_avg_pool"}, {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(1, 8, 8),
    rate=0.1,
    steps=4,
    m=5,
    n=2,
)  # fmt: skip

# DenseNet: what a layer adds stands beside what it reads.


class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        bare = lambda *sizes, **keys: nn.Conv2d(*sizes, bias=False, **keys)
        self.stem, self.a1, self.a2, self.b1, self.b2 = bare(1, 2, 3), bare(2, 3, 1), bare(3, 2, 3, padding=1), bare(4, 3, 1), bare(3, 2, 3, padding=1)
        self.between, self.head = bare(6, 3, 1), nn.Linear(3, 3)
        self.n0, self.n1, self.n2, self.n3, self.n4, self.n5 = (nn.BatchNorm2d(width) for width in (2, 3, 4, 3, 6, 3))

    def forward(self, x):
        x = self.stem(x)
        x = torch.cat([x, self.a2(torch.relu(self.n1(self.a1(torch.relu(self.n0(x))))))], 1)
        x = torch.cat([x, self.b2(torch.relu(self.n3(self.b1(torch.relu(self.n2(x))))))], 1)
        x = F.avg_pool2d(self.between(torch.relu(self.n4(x))), 2)
        return self.head(torch.relu(self.n5(x)).mean((2, 3)))


def dense(before, narrow, wide, n1, n2, name):
    return [
        named(n1, NORM, **{"from": before}), RELU, named(narrow, conv(3, 1, bias=False)),
        named(n2, NORM), RELU, named(wide, conv(2, 3, padding=1, bias=False)),
        {"type": "concat", "name": name, "axis": 0, "from": [before, wide]},
    ]  # fmt: skip


case(
    "people_densenet",
    "DenseNet: channels side by side, batch_norm in eval mode before each relu, an average pool between blocks",
    module=lambda: run(DenseNet())[0],
    model={
        "input": [1, 8, 8],
        "layers": [
            named("stem", conv(2, 3, bias=False)),
            *dense("stem", "a1", "a2", "n0", "n1", "a"),
            *dense("a", "b1", "b2", "n2", "n3", "b"),
            named("n4", NORM), RELU, named("between", conv(3, 1, bias=False)), {"type": "avg_pool2d", "kernel": 2},
            named("n5", NORM), RELU, {"type": "global_avg_pool"}, {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(1, 8, 8),
    rate=0.1,
    steps=4,
    m=5,
    n=2,
)  # fmt: skip

# An autoencoder of images.

case(
    "people_autoencoder",
    "convolutions down and transposed ones up, a sigmoid, the mean of squares over the image; the loss of each query",
    module=lambda: nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 3, 3), nn.ReLU(),
        nn.ConvTranspose2d(3, 1, 3, stride=2, padding=1, output_padding=1), nn.Sigmoid(),
    ),
    model={
        "input": [1, 6, 6],
        "layers": [
            conv(3, 3, stride=2, padding=1), RELU, conv(4, 3), RELU, {"type": "conv_transpose2d", "channels": 3, "kernel": 3}, RELU,
            {"type": "conv_transpose2d", "channels": 1, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1},
            {"type": "sigmoid"}, {"type": "flatten"},
        ],
    },
    inputs=normal(1, 6, 6),
    outputs=36,
    targets=lambda rng, count: rng.integers(160, 257, (count, 36)) / 256,
    training={"loss": "mse"},
    loss=F.mse_loss,
    readout=lambda outputs, target: F.mse_loss(outputs, target)[None],
    kernel={"readout": "loss", "nodes": 4},
    query_targets=True,
    rate=3.0,
    m=5,
    n=2,
)  # fmt: skip
