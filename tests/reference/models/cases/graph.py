"""Graphs by name: several inputs, tied and frozen tensors, an output that is not the last layer."""

import numpy as np
import torch
from torch import nn

from generate import case, integers, normal


class Tied(nn.Module):
    """One square matrix three times: beside a bias of its own, beside another, and beside none."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
        self.b.weight = self.c.weight = self.a.weight
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.tanh(self.a(x))
        x = torch.tanh(self.b(x))
        return self.head(torch.tanh(self.c(x)))


case(
    "models_tied",
    "a weight that three layers share, beside biases of their own or none",
    module=Tied,
    model={
        "input": [4],
        "layers": [
            {"type": "linear", "name": "a", "features": 4},
            {"type": "tanh"},
            {"type": "linear", "name": "b", "features": 4, "weight": "a.weight"},
            {"type": "tanh"},
            {"type": "linear", "name": "c", "features": 4, "bias": False, "weight": "b.weight"},
            {"type": "tanh"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(4),
    rate=0.3,
    kernel={"nodes": 6},
)


class Convolutions(nn.Module):
    """Two convolutions with both tensors in common, and norms with one scale."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.b.weight, self.b.bias = self.a.weight, self.a.bias
        self.p, self.q = nn.LayerNorm(4), nn.LayerNorm(4)
        self.q.weight = self.p.weight
        nn.init.normal_(self.p.weight)
        self.head = nn.Linear(32, 3)

    def forward(self, x):
        x = self.p(torch.sigmoid(self.a(x)))
        return self.head(self.q(self.b(x)).flatten(1))


case(
    "models_tied_convolutions",
    "convolutions that share weight and bias, and norms that share a scale",
    module=Convolutions,
    model={
        "input": [2, 4, 4],
        "layers": [
            {"type": "conv2d", "name": "a", "channels": 2, "kernel": 3, "padding": 1},
            {"type": "sigmoid"},
            {"type": "layer_norm", "name": "p"},
            {"type": "conv2d", "name": "b", "channels": 2, "kernel": 3, "padding": 1, "weight": "a.weight", "bias": "a.bias"},
            {"type": "layer_norm", "name": "q", "weight": "p.weight"},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(2, 4, 4),
    rate=0.01,
    kernel={"nodes": 6},
)


class Frozen(nn.Module):
    """A frozen layer, a frozen weight beside a trained bias, and a frozen bias beside a trained weight."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 2, 2), nn.Linear(18, 4), nn.Linear(4, 3)
        self.norm = nn.LayerNorm(4)
        for frozen in [self.a.weight, self.b.weight, self.b.bias, self.norm.weight, self.c.bias]:
            frozen.requires_grad = False

    def forward(self, x):
        x = torch.tanh(self.a(x)).flatten(1)
        return self.c(self.norm(torch.tanh(self.b(x))))


case(
    "models_frozen",
    "tensors that training leaves as they are, whole layers and single tensors",
    module=Frozen,
    model={
        "input": [1, 4, 4],
        "frozen": ["b*", "a.we*", "norm.weight", "c.bias"],
        "layers": [
            {"type": "conv2d", "name": "a", "channels": 2, "kernel": 2},
            {"type": "tanh"},
            {"type": "flatten"},
            {"type": "linear", "name": "b", "features": 4},
            {"type": "tanh"},
            {"type": "layer_norm", "name": "norm"},
            {"type": "linear", "name": "c", "features": 3},
        ],
    },
    inputs=normal(1, 4, 4),
    rate=0.1,
    kernel={"nodes": 6},
)


class Inputs(nn.Module):
    """A number of whole ones, real ones, and a layer that nothing reads."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.unused = nn.Linear(4, 2)

    def forward(self, count, x):
        return self.head(torch.tanh(self.a(count.double()) + self.b(x.flatten(1))))


case(
    "models_inputs",
    "named inputs, one of whole numbers, and an output that is not the last layer",
    module=Inputs,
    model={
        "inputs": {"count": {"shape": [3], "type": "integer"}, "x": {"shape": [2, 2]}},
        "layers": [
            {"type": "linear", "name": "a", "features": 4, "from": "count"},
            {"type": "flatten", "from": "x"},
            {"type": "linear", "name": "b", "features": 4},
            {"type": "add", "name": "sum", "from": ["a", "b"]},
            {"type": "tanh", "name": "act"},
            {"type": "linear", "name": "unused", "features": 2},
            {"type": "linear", "name": "head", "features": 3, "from": "act"},
            {"type": "relu"},
        ],
        "output": "head",
    },
    inputs={"count": integers(4, 3), "x": normal(2, 2)},
    rate=0.2,
)


class Views(nn.Module):
    """Two maps side by side, whose weights are one tensor of the file, and an output that adds a raw tensor."""

    def __init__(self):
        super().__init__()
        self.q, self.k = nn.Linear(4, 2), nn.Linear(4, 3)
        self.head = nn.Linear(5, 3, bias=False)
        self.shift = nn.Parameter(torch.randn(3))

    def forward(self, x):
        both = torch.cat([torch.tanh(self.q(x)), torch.sin(self.k(x))], 1)
        return self.head(both) + self.shift


def fused(state):
    """The tensors as another program has them."""
    return {
        "attn.weight": np.concatenate([state["q.weight"], state["k.weight"]]),
        "attn.bias": np.concatenate([state["q.bias"], state["k.bias"]])[:, None],
        "proj": np.ascontiguousarray(state["head.weight"].T),
        "pos": state["shift.weight"][None],
    }


case(
    "models_views",
    "a graph in a JSON file, whose tensors are rows, transposes and other shapes of those of the file of weights",
    module=Views,
    model={
        "graph": "model.json",
        "parameters": {
            "q.weight": {"tensor": "attn.weight", "rows": [0, 2]},
            "k.weight": {"tensor": "attn.weight", "rows": [2, 5]},
            "q.bias": {"tensor": "attn.bias", "rows": [0, 2], "reshape": [2]},
            "k.bias": {"tensor": "attn.bias", "rows": [2, 5], "transposed": True, "reshape": [3]},
            "head.weight": {"tensor": "proj", "transposed": True},
            "shift.weight": {"tensor": "pos", "reshape": [3]},
        },
    },
    graph={
        "inputs": {"x": {"shape": [4]}},
        "nodes": [
            {"type": "linear", "name": "q", "from": "x", "features": 2},
            {"type": "tanh", "name": "a"},
            {"type": "linear", "name": "k", "from": "x", "features": 3},
            {"type": "sin", "name": "b"},
            {"type": "concat", "from": ["a", "b"], "axis": 0},
            {"type": "linear", "name": "head", "features": 3, "bias": False},
            {"type": "parameter", "name": "shift", "shape": [3]},
            {"type": "add", "name": "out", "from": ["head", "shift"]},
            {"type": "relu", "name": "unused"},
        ],
        "output": "out",
    },
    names={"shift": "shift.weight"},
    file=fused,
    inputs={"x": normal(4)},
    rate=0.2,
)
