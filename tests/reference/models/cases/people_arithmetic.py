"""Transformers of modular addition that people train, at small size: `people.py` says how, `docs/models.md` lists all of them."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cases.attention import attention
from generate import case


def linear(name, features, **keys):
    return {"type": "linear", "name": name, "features": features, **keys}


def add(name, *sources):
    return {"type": "add", "name": name, "from": list(sources)}


# ExPLAIND's transformer of modular addition.


class ModularAddition(nn.Module):
    """No positions, mask or norm; each head's one layer makes queries, keys and values; no residual around attention."""

    def __init__(self, tokens=7, width=4, heads=2, wide=6):
        super().__init__()
        self.embed, self.up, self.down = nn.Embedding(tokens, width), nn.Linear(width, wide), nn.Linear(wide, width)
        self.into = nn.ModuleList(nn.Linear(width, width // heads, bias=False) for _ in range(heads))
        self.out = nn.ModuleList(nn.Linear(width // heads, width, bias=False) for _ in range(heads))
        self.decoder = nn.Linear(width, tokens, bias=False)

    def forward(self, tokens):
        x = self.embed(tokens) * math.sqrt(4)
        x = sum(out(attention(head, head, head)) for out, head in zip(self.out, (into(x) for into in self.into)))
        x = x + torch.relu(self.down(torch.relu(self.up(x))))
        return self.decoder(x)[:, -1]


def head(at):
    """One head of it."""
    return [
        linear(f"into.{at}", 2, bias=False, **{"from": "x"}),
        {"type": "attention", "from": [f"into.{at}"] * 3},
        linear(f"out.{at}", 4, bias=False),
    ]


def sums(rng, count):
    """Tokens a, +, b, = of the numbers modulo 5."""
    return np.stack([rng.integers(0, 5, count), np.full(count, 5), rng.integers(0, 5, count), np.full(count, 6)], 1)


case(
    "people_modular_addition",
    "ExPLAIND's transformer of modular addition: queries, keys and values are one, relu after both layers; log-probabilities",
    module=ModularAddition,
    model={
        "input": [4],
        "layers": [
            {"type": "embedding", "name": "embed", "count": 7, "features": 4},
            {"type": "scale", "name": "x", "by": 2},
            *head(0),
            *head(1),
            {"type": "add", "name": "y", "from": ["out.0", "out.1"]},
            linear("up", 6),
            {"type": "relu"},
            linear("down", 4),
            {"type": "relu", "name": "z"},
            {"type": "add", "from": ["y", "z"]},
            linear("decoder", 7, bias=False),
            {"type": "slice", "axis": 0, "start": -1},
            {"type": "flatten"},
        ],
    },
    inputs=sums,
    outputs=7,
    targets=lambda rng, count: rng.integers(0, 5, count),
    rate=0.1,
    steps=4,
    n=2,
    kernel={"nodes": 5, "readout": "log_probabilities"},
    readout=lambda outputs, target: F.log_softmax(outputs, -1),
)


# Nanda's transformer of modular addition, whose layers are raw tensors and einsum.


class Nanda(nn.Module):
    def __init__(self, tokens=6, width=4, heads=2, wide=6):
        super().__init__()
        raw = lambda *shape: nn.Parameter(torch.randn(*shape) / 2)
        self.embed, self.pos = nn.Embedding(tokens, width), raw(3, width)
        self.W_K, self.W_Q, self.W_V = (raw(heads, width // heads, width) for _ in range(3))
        self.W_O, self.W_in, self.b_in, self.W_out, self.b_out = raw(width, width), raw(wide, width), raw(wide), raw(width, wide), raw(width)
        self.W_U = raw(width, tokens)

    def forward(self, tokens):
        x = self.embed(tokens) + self.pos
        k, q, v = (torch.einsum("ihd,bpd->biph", raw, x) for raw in (self.W_K, self.W_Q, self.W_V))
        lower = torch.ones(3, 3).tril()
        scores = torch.einsum("biph,biqh->biqp", k, q) * lower - 1e10 * (1 - lower)
        z = torch.einsum("biph,biqp->biqh", v, (scores / math.sqrt(2)).softmax(-1)).transpose(1, 2).flatten(2)
        x = x + torch.einsum("df,bqf->bqd", self.W_O, z)
        x = x + torch.einsum("md,bpm->bpd", self.W_out.T, torch.relu(torch.einsum("md,bpd->bpm", self.W_in, x) + self.b_in)) + self.b_out
        return (x @ self.W_U)[:, -1]


RAW = {"W_K": [2, 2, 4], "W_Q": [2, 2, 4], "W_V": [2, 2, 4], "W_O": [4, 4], "W_in": [6, 4], "b_in": [6], "W_out": [4, 6], "b_out": [4]}


def raw(name, shape):
    """A raw tensor, its last two axes exchanged if it is a matrix or several."""
    value = {"type": "parameter", "name": name, "shape": shape}
    order = [*range(len(shape) - 2), -1, -2]
    return [value, {"type": "permute", "name": f"{name}.T", "axes": order}] if len(shape) > 1 else [value]


def product(name, left, right):
    return {"type": "matmul", "name": name, "from": [left, right]}


case(
    "people_grokking",
    "Nanda's transformer: raw tensors, products by head, scores masked by two constants; the difference of two outputs",
    module=Nanda,
    names={name: f"{name}.weight" for name in ["pos", "W_U", *RAW]},
    # The file has the table of tokens the other way round, and raw tensors under their own names.
    file=lambda state: {"W_E": np.ascontiguousarray(state.pop("embed.weight").T)} | {name.removesuffix(".weight"): state[name] for name in state},
    files={"lower.npy": np.tril(np.ones((3, 3))), "above.npy": -1e10 * np.triu(np.ones((3, 3)), 1)},
    model={
        "input": [3],
        "parameters": {"embed.weight": {"tensor": "W_E", "transposed": True}}
        | {f"{name}.weight": {"tensor": name} for name in ["pos", "W_U", *RAW]},
        "layers": [
            {"type": "embedding", "name": "embed", "count": 6, "features": 4},
            {"type": "parameter", "name": "pos", "shape": [3, 4]},
            add("x", "embed", "pos"),
            *[layer for name, shape in RAW.items() for layer in raw(name, shape)],
            {"type": "parameter", "name": "W_U", "shape": [4, 6]},
            {"type": "broadcast", "name": "xs", "shape": [2, 3, 4], "from": "x"},
            *[product(name.lower(), "xs", f"W_{name}.T") for name in "KQV"],
            {"type": "permute", "name": "k.T", "axes": [0, 2, 1], "from": "k"},
            product("qk", "q", "k.T"),
            {"type": "constant", "name": "lower", "values": "lower.npy"},
            {"type": "constant", "name": "above", "values": "above.npy"},
            {"type": "multiply", "name": "seen", "from": ["qk", "lower"]},
            add("scores", "seen", "above"),
            {"type": "scale", "by": 1 / math.sqrt(2)},
            {"type": "softmax", "name": "weights"},
            product("z", "weights", "v"),
            {"type": "permute", "axes": [1, 0, 2]},
            {"type": "reshape", "name": "flat", "shape": [3, 4]},
            product("o", "flat", "W_O.T"),
            add("y", "x", "o"),
            product("in", "y", "W_in.T"),
            add("pre", "in", "b_in"),
            {"type": "relu", "name": "post"},
            product("out", "post", "W_out.T"),
            add("end", "y", "out", "b_out"),
            {"type": "slice", "name": "last", "axis": 0, "start": -1},
            product("logits", "last", "W_U"),
            {"type": "flatten"},
        ],
    },
    inputs=lambda rng, count: np.concatenate([rng.integers(0, 5, (count, 2)), np.full((count, 1), 5)], 1),
    outputs=6,
    targets=lambda rng, count: rng.integers(0, 5, count),
    rate=0.1,
    steps=4,
    n=2,
    kernel={"nodes": 5, "readout": {"type": "difference", "classes": [3, 0]}},
    readout=lambda outputs, target: (outputs[3] - outputs[0])[None],
)
