"""Batch norm in training mode: examples act through the statistics of their batch, queries meet the running ones."""

import torch
from coupled import Coupled
from torch import nn

from generate import case, normal


def linear(features, **keys):
    return {"type": "linear", "features": features, **keys}


def norm(**keys):
    return {"type": "batch_norm", "statistics": "batch", **keys}


def shaken(module):
    """Parameters and running statistics off their starts, so that an exchange of two would show."""
    with torch.no_grad():
        for p in module.parameters():
            p += 0.3 * torch.randn_like(p)
        for name, b in module.named_buffers():
            if name.endswith("running_mean"):
                b.copy_((0.2 * torch.randn_like(b)).float().double())
            if name.endswith("running_var"):
                b.copy_((1 + 0.3 * torch.rand_like(b)).float().double())
    return module


class Residual(nn.Module):
    """conv-bn-act, and a second one beside which the first goes by."""

    def __init__(self, activation):
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.second, self.norm2 = nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3, momentum=0.3)
        self.act, self.head = activation, nn.Linear(3 * 4, 3)

    def forward(self, x):
        a = self.act(self.norm1(self.first(x)))
        a = a + self.act(self.norm2(self.second(a)))
        return self.head(nn.functional.avg_pool2d(a, 2).flatten(1))


def residual(activation):
    """The same in the words of a run file."""
    conv = {"type": "conv2d", "channels": 3, "kernel": 3, "padding": 1}
    return {
        "input": [1, 4, 4],
        "layers": [
            {**conv, "name": "first"}, norm(name="norm1"), {"type": activation, "name": "a"},
            {**conv, "name": "second", "bias": False}, norm(name="norm2", momentum=0.3), {"type": activation},
            {"type": "add", "from": ["a"]}, {"type": "avg_pool2d", "kernel": 2}, {"type": "flatten"}, linear(3, name="head"),
        ],
    }  # fmt: skip


MOMENTUM = {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01}
ADAMW = {"type": "adamw", "learning_rate": 0.01, "betas": [0.9, 0.99], "eps": 1e-3, "weight_decay": 0.1}
# Of several sizes, with an example twice in a batch.
BATCHES = [[0, 3, 5, 3], [6, 1], [2, 4, 0, 7, 1], [5, 5, 6], [7, 2, 3, 4]]

case(
    "batch_norm_momentum",
    "batch norm of images in training mode, a residual, momentum; batches of several sizes that repeat examples",
    module=lambda: shaken(Residual(nn.Tanh())),
    model=residual("tanh"),
    inputs=normal(1, 4, 4),
    batches=BATCHES,
    steps=5,
    m=8,
    n=2,
    coupled=Coupled(MOMENTUM, nodes=64),
    kernel={"nodes": 16},
)

case(
    "batch_norm_relu",
    "the same with relu, whose kinks the rule does not see",
    module=lambda: shaken(Residual(nn.ReLU())),
    model=residual("relu"),
    inputs=normal(1, 4, 4),
    batches=BATCHES,
    steps=5,
    m=8,
    n=2,
    coupled=Coupled(MOMENTUM),
)


def features():
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))


FEATURES = {
    "input": [4],
    "layers": [linear(6), norm(), {"type": "tanh"}, linear(5), norm(), {"type": "relu"}, linear(3)],
}

case(
    "batch_norm_adamw",
    "batch norm of features in training mode, AdamW with weight decay",
    module=lambda: shaken(features()),
    model=FEATURES,
    inputs=normal(4),
    batches=[[0, 1, 2, 3], [4, 5, 6, 6], [7, 0, 2, 4], [1, 3, 5, 7]],
    steps=4,
    m=8,
    coupled=Coupled(ADAMW),
)


class Lines(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm0 = nn.BatchNorm1d(2, affine=False)
        self.conv, self.norm1 = nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3, eps=1e-2, momentum=0.5, affine=False)
        self.head = nn.Linear(9, 3)

    def forward(self, x):
        return self.head(torch.tanh(self.norm1(self.conv(self.norm0(x)))).flatten(1))


case(
    "batch_norm_plain",
    "batch norm of lines without weights, the first of the data themselves; rows that are one example, weights, clipping",
    module=lambda: shaken(Lines()),
    model={
        "input": [2, 5],
        "layers": [
            norm(affine=False, name="norm0"), {"type": "conv1d", "channels": 3, "kernel": 3, "name": "conv"},
            norm(affine=False, eps=1e-2, momentum=0.5, name="norm1"), {"type": "tanh"}, {"type": "flatten"}, linear(3, name="head"),
        ],
    },
    inputs=normal(2, 5),
    groups=[5, 2, 5, 9, 2, 9, 9, 1],
    weight=lambda number, target: [1.0, 0.5, 2.0, 0.0, 1.5, 1.0, 0.25, 1.0][number],
    data={"weights": "omega.npy"},
    files={"omega.npy": __import__("numpy").array([1.0, 0.5, 2.0, 0.0, 1.5, 1.0, 0.25, 1.0])},
    batches=[[0, 3, 5, 4], [6, 1, 2], [2, 4, 0, 7, 1, 2], [7]],
    steps=4,
    m=8,
    coupled=Coupled({"type": "sgd", "learning_rate": 0.1, "momentum": 0.5}, clip_norm=0.3, nodes=64),
    kernel={"nodes": 16},
)  # fmt: skip

case(
    "batch_norm_full",
    "full batches, plain descent, the loss at the queries",
    module=lambda: shaken(features()),
    model=FEATURES,
    inputs=normal(4),
    steps=4,
    m=6,
    query_targets=True,
    readout=lambda outputs, target: (torch.logsumexp(outputs, -1) - outputs[target]).reshape(1),
    coupled=Coupled({"type": "sgd", "learning_rate": 0.1}),
    kernel={"readout": "loss"},
)

case(
    "batch_norm_import",
    "a path that PyTorch took with another rate than is said, with running means that something else moved once",
    module=lambda: shaken(features()),
    model=FEATURES,
    inputs=normal(4),
    batches=[[0, 1, 2, 3], [4, 5, 6, 6], [7, 0, 2, 4], [1, 3, 5, 7]],
    steps=4,
    m=8,
    coupled=Coupled(MOMENTUM, made_by=MOMENTUM | {"learning_rate": 0.06}, tampered={1: 1.5}),
)
