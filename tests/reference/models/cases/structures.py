"""Tables whose rows are looked up, and raw parameters."""

import numpy as np
import torch
from torch import nn

from generate import case, integers, normal


class Language(nn.Module):
    """Tokens and positions, a mean, and a layer."""

    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(7, 4), nn.Parameter(0.5 * torch.randn(3, 4))
        self.head = nn.Linear(4, 3)

    def forward(self, tokens):
        return self.head(torch.tanh(self.wte(tokens) + self.wpe).mean(1))


case(
    "structures_tokens",
    "an embedding and raw positions, some tokens of which only queries have",
    module=Language,
    model={
        "input": [3],
        "layers": [
            {"type": "embedding", "name": "wte", "count": 7, "features": 4},
            {"type": "parameter", "name": "wpe", "shape": [3, 4]},
            {"type": "add", "from": ["wte", "wpe"]},
            {"type": "tanh"},
            {"type": "mean", "axes": [0]},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    names={"wpe": "wpe.weight"},
    inputs=integers(7, 3),
    rate=0.4,
    kernel={"nodes": 5},
    batches=[[0, 1, 2], [3, 4, 5], [1, 1, 4], [0, 2, 5]],
    steps=4,
)


class Two(nn.Module):
    """Two tables of the same tokens, one of them of one feature."""

    def __init__(self):
        super().__init__()
        self.values, self.gates = nn.Embedding(5, 3), nn.Embedding(5, 1)
        self.last = nn.Linear(6, 3)

    def forward(self, tokens):
        return self.last((self.values(tokens) * torch.sigmoid(self.gates(tokens))).flatten(1))


case(
    "structures_gates",
    "two embeddings of the same tokens, multiplied",
    module=Two,
    model={
        "input": [2],
        "layers": [
            {"type": "embedding", "name": "values", "count": 5, "features": 3},
            {"type": "embedding", "name": "gates", "count": 5, "features": 1, "from": -1},
            {"type": "sigmoid", "name": "gate"},
            {"type": "multiply", "from": ["values", "gate"]},
            {"type": "flatten"},
            {"type": "linear", "name": "last", "features": 3},
        ],
    },
    inputs=integers(5, 2),
    rate=0.3,
    kernel={"nodes": 5},
)


class Raw(nn.Module):
    """Raw parameters: added to the input, and as factors of the outputs."""

    def __init__(self):
        super().__init__()
        self.shift, self.scale = nn.Parameter(0.5 * torch.randn(2, 3)), nn.Parameter(torch.randn(3))
        self.last = nn.Linear(6, 3)

    def forward(self, x):
        return self.last(torch.tanh(x + self.shift).flatten(1)) * self.scale


case(
    "structures_raw",
    "raw parameters added to the input and multiplied with the outputs",
    module=Raw,
    model={
        "input": [2, 3],
        "layers": [
            {"type": "parameter", "name": "shift", "shape": [2, 3]},
            {"type": "add", "from": [-1, "shift"]},
            {"type": "tanh"},
            {"type": "flatten"},
            {"type": "linear", "name": "last", "features": 3},
            {"type": "parameter", "name": "scale", "shape": [3]},
            {"type": "multiply", "from": ["last", "scale"]},
        ],
    },
    names={"shift": "shift.weight", "scale": "scale.weight"},
    inputs=normal(2, 3),
    rate=0.3,
    kernel={"nodes": 5},
)


class Tied(nn.Module):
    """The next token by the rows that the tokens look up."""

    def __init__(self):
        super().__init__()
        self.wte, self.norm, self.head = nn.Embedding(6, 4), nn.LayerNorm(4), nn.Linear(4, 6, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, tokens):
        return self.head(self.norm(self.wte(tokens)).mean(1))


case(
    "structures_tied",
    "the last matrix is the table that tokens look up",
    module=Tied,
    model={
        "input": [3],
        "layers": [
            {"type": "embedding", "name": "wte", "count": 6, "features": 4},
            {"type": "layer_norm", "name": "norm"},
            {"type": "mean", "axes": [0]},
            {"type": "linear", "name": "head", "features": 6, "bias": False, "weight": "wte.weight"},
        ],
    },
    inputs=integers(6, 3),
    outputs=6,
    rate=0.2,
    m=5,
    kernel={"nodes": 6},
)


class Distances(nn.Module):
    """A table that is looked up by numbers of a file, the same for every example, added to the input."""

    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(3, 2), nn.Linear(8, 3)

    def forward(self, x):
        return self.head((x + self.table(torch.tensor([0, 1, 2, 1]))).flatten(1))


case(
    "structures_constant_tokens",
    "rows of a table by numbers of a file",
    module=Distances,
    model={
        "input": [4, 2],
        "layers": [
            {"type": "constant", "name": "ids", "values": "ids.npy"},
            {"type": "embedding", "name": "table", "count": 3, "features": 2},
            {"type": "add", "from": [-1, "table"]},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    files={"ids.npy": np.array([0, 1, 2, 1])},
    inputs=normal(4, 2),
    rate=0.3,
)

class FrozenLines(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Conv1d(2, 2, 3), nn.Conv1d(2, 2, 2), nn.Linear(8, 3)
        self.second.bias = self.first.bias
        self.first.bias.requires_grad_(False)

    def forward(self, x):
        return self.head(self.second(self.first(x).tanh()).flatten(1))


case(
    "structures_lines_apart",
    "a convolution of lines whose bias is frozen and one that shares it",
    module=FrozenLines,
    model={
        "input": [2, 7],
        "layers": [
            {"type": "conv1d", "name": "first", "channels": 2, "kernel": 3},
            {"type": "tanh"},
            {"type": "conv1d", "name": "second", "channels": 2, "kernel": 2, "bias": "first.bias"},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
        ],
        "frozen": ["first.bias"],
    },
    inputs=normal(2, 7),
    rate=0.3,
)


class Padded(nn.Module):
    """Tokens with padding, whose row is not 0 and is read by all; and a second table that counts its row from the end."""

    def __init__(self):
        super().__init__()
        self.wte, self.other = nn.Embedding(5, 3, padding_idx=1), nn.Embedding(5, 2, padding_idx=-1)
        self.head = nn.Linear(5, 3)
        with torch.no_grad():
            self.wte.weight[1], self.other.weight[-1] = torch.tensor([0.5, -1.0, 0.25]), torch.tensor([1.0, -0.5])

    def forward(self, tokens):
        return self.head(torch.tanh(torch.cat([self.wte(tokens), self.other(tokens)], -1)).mean(1))


PADDED = dict(
    module=Padded,
    model={
        "input": [4],
        "layers": [
            {"type": "embedding", "name": "wte", "count": 5, "features": 3, "padding_idx": 1},
            {"type": "embedding", "name": "other", "count": 5, "features": 2, "padding_idx": -1, "from": -1},
            {"type": "concat", "axis": 1, "from": ["wte", "other"]},
            {"type": "tanh"},
            {"type": "mean", "axes": [0]},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=integers(5, 4),
    rate=0.3,
)

case(
    "structures_padding",
    "rows of padding get no gradient; weight decay moves them, and queries with them",
    **PADDED,
    decay=0.1,
    kernel={"nodes": 5, "kernel": "full"},
)
case(
    "structures_padding_momentum",
    "rows of padding with momentum and batches",
    **PADDED,
    decay=0.1,
    kernel={"nodes": 5},
    momentum=0.8,
    batches=[[0, 1, 2], [3, 4, 5], [1, 1, 4], [0, 2, 5]],
    steps=4,
)
case(
    "structures_padding_adamw",
    "rows of padding with AdamW, which decays them by itself",
    **PADDED | {"rate": 0.05},
    adamw={"betas": [0.9, 0.98], "eps": 1e-8, "weight_decay": 0.1},
    kernel={"nodes": 5},
)
