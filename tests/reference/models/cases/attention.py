"""Matrix products of layers, softmax, masks and attention."""

import math

import numpy as np
import torch
from torch import nn

from generate import case, integers, normal


def attention(q, k, v, heads=1, kv_heads=None, causal=False, scale=None, mask=None, left=lambda weights: weights):
    """What scaled_dot_product_attention does, of [batch, positions, heads * width], heads side by side."""
    kv_heads = kv_heads or heads
    cut = lambda x, heads: x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)
    q, k, v = cut(q, heads), cut(k, kv_heads), cut(v, kv_heads)
    k, v = (x.repeat_interleave(heads // kv_heads, 1) for x in (k, v))
    scores = q @ k.transpose(-1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if mask is not None:
        scores = scores + mask
    if causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        scores = scores.masked_fill(~seen, -math.inf)
    return (left(scores.softmax(-1)) @ v).transpose(1, 2).flatten(2)


class Causal(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
        self.norm, self.head = nn.LayerNorm(4), nn.Linear(20, 3)

    def forward(self, x):
        seen = attention(self.q(x), self.k(x), self.v(x), heads=2, causal=True)
        return self.head(self.norm(x + seen).flatten(1))


case(
    "models_attention_causal",
    "causal attention of two heads, the residual, a norm",
    module=Causal,
    model={
        "input": [5, 4],
        "layers": [
            {"type": "linear", "name": "q", "features": 4},
            {"type": "linear", "name": "k", "features": 4, "from": -1},
            {"type": "linear", "name": "v", "features": 4, "bias": False, "from": -1},
            {"type": "attention", "from": ["q", "k", "v"], "heads": 2, "causal": True},
            {"type": "add", "from": [3, -1]},
            {"type": "layer_norm", "name": "norm"},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(5, 4),
    rate=0.3,
    kernel={"nodes": 5},
)


class Biased(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(3, 6)
        self.bias, self.head = nn.Linear(3, 4), nn.Linear(24, 3)

    def forward(self, x):
        mask = self.bias(x)[:, None]
        return self.head(attention(self.q(x), self.k(x), self.v(x), heads=2, scale=0.3, mask=mask).flatten(1))


case(
    "models_attention_bias",
    "attention with a scale of its own, wider values, and trained numbers added to the scores of both heads",
    module=Biased,
    model={
        "input": [4, 3],
        "layers": [
            {"type": "linear", "name": "q", "features": 4},
            {"type": "linear", "name": "k", "features": 4, "from": -1},
            {"type": "linear", "name": "v", "features": 6, "from": -1},
            {"type": "linear", "name": "bias", "features": 4, "from": -1},
            {"type": "attention", "from": ["q", "k", "v", "bias"], "heads": 2, "scale": 0.3},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(4, 3),
    rate=0.3,
    kernel={"nodes": 5},
)


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(3, 8), nn.Linear(3, 4), nn.Linear(3, 2)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(attention(self.q(x), self.k(x), self.v(x), heads=4, kv_heads=2).flatten(1))


case(
    "models_attention_grouped",
    "four heads that share two of keys and values",
    module=Grouped,
    model={
        "input": [4, 3],
        "layers": [
            {"type": "linear", "name": "q", "features": 8},
            {"type": "linear", "name": "k", "features": 4, "from": -1},
            {"type": "linear", "name": "v", "features": 2, "from": -1},
            {"type": "attention", "from": ["q", "k", "v"], "heads": 4, "kv_heads": 2},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(4, 3),
    rate=0.3,
    kernel={"nodes": 5},
)


class ByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.v = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        marks = torch.relu(x) != 0
        scores = (self.a(x) @ self.b(x)).masked_fill(marks, -math.inf).softmax(-1)
        other = self.b(x).masked_fill(marks, 0.5).softmax(1)
        return self.head(((scores + other) @ self.v(x)).flatten(1)).log_softmax(-1)


case(
    "models_softmax_by_hand",
    "matrix products of layers, masked scores, softmax over the first and the last axis, log_softmax",
    module=ByHand,
    model={
        "input": [6, 6],
        "layers": [
            {"type": "linear", "name": "a", "features": 6},
            {"type": "linear", "name": "b", "features": 6, "from": -1},
            {"type": "linear", "name": "v", "features": 2, "from": -1},
            {"type": "relu", "name": "marks", "from": -1},
            {"type": "matmul", "name": "ab", "from": ["a", "b"]},
            {"type": "mask", "from": ["ab", "marks"]},
            {"type": "softmax", "name": "scores"},
            {"type": "mask", "from": ["b", "marks"], "value": 0.5},
            {"type": "softmax", "name": "other", "axis": 0},
            {"type": "add", "from": ["scores", "other"]},
            {"type": "matmul", "from": [9, "v"]},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
            {"type": "log_softmax"},
        ],
    },
    inputs=normal(6, 6),
    rate=0.3,
    kernel={"nodes": 5},
    seed=4,
)


class Latent(nn.Module):
    def __init__(self):
        super().__init__()
        self.latent = nn.Parameter(torch.randn(3, 4))
        self.q, self.k, self.v = nn.Linear(4, 4), nn.Linear(2, 4), nn.Linear(2, 4)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        latent = self.latent.expand(x.shape[0], 3, 4)
        first, rest = x[:, :2], x[:, 1:]
        seen = latent + attention(self.q(latent), self.k(x), self.v(x), heads=2)
        near = attention(self.k(first), self.k(rest), self.v(rest), causal=True)
        return self.head((seen + near.mean(1, keepdim=True)).flatten(1))


case(
    "models_attention_cross",
    "trained queries of an input of another length, and the first positions' of the later ones, causal",
    module=Latent,
    names={"latent": "latent.weight"},
    model={
        "input": [5, 2],
        "layers": [
            {"type": "parameter", "name": "latent", "shape": [3, 4]},
            {"type": "linear", "name": "q", "features": 4},
            {"type": "linear", "name": "k", "features": 4, "from": -1},
            {"type": "linear", "name": "v", "features": 4, "from": -1},
            {"type": "attention", "name": "seen", "from": ["q", "k", "v"], "heads": 2},
            {"type": "slice", "name": "first", "axis": 0, "stop": 2, "from": "k"},
            {"type": "slice", "name": "later", "axis": 0, "start": 1, "from": "k"},
            {"type": "slice", "name": "values", "axis": 0, "start": 1, "from": "v"},
            {"type": "attention", "from": ["first", "later", "values"], "causal": True},
            {"type": "mean", "axes": [0], "keepdim": True},
            {"type": "add", "from": ["latent", "seen", 9]},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(5, 2),
    rate=0.3,
    kernel={"nodes": 5},
)


class Block(nn.Module):
    """The block of nanoGPT: norm, attention of q, k, v from one layer, norm, perceptron."""

    def __init__(self, width, heads):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.c_out = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.heads = heads

    def forward(self, x):
        q, k, v = self.c_attn(self.ln_1(x)).chunk(3, -1)
        x = x + self.c_proj(attention(q, k, v, heads=self.heads, causal=True))
        return x + self.c_out(nn.functional.gelu(self.c_fc(self.ln_2(x))))


def block(before, width, heads):
    """The same in the words of a run file, reading `before`, its tensors named h.*; the last layer is h."""
    third = lambda name, at: {"type": "slice", "name": f"h.{name}", "axis": -1, "start": at * width, "stop": (at + 1) * width, "from": "h.c_attn"}
    return [
        {"type": "layer_norm", "name": "h.ln_1", "from": before},
        {"type": "linear", "name": "h.c_attn", "features": 3 * width},
        *[third(name, at) for at, name in enumerate("qkv")],
        {"type": "attention", "from": ["h.q", "h.k", "h.v"], "heads": heads, "causal": True},
        {"type": "linear", "name": "h.c_proj", "features": width},
        {"type": "add", "name": "h.middle", "from": [before, "h.c_proj"]},
        {"type": "layer_norm", "name": "h.ln_2"},
        {"type": "linear", "name": "h.c_fc", "features": 2 * width},
        {"type": "gelu"},
        {"type": "linear", "name": "h.c_out", "features": width},
        {"type": "add", "name": "h", "from": ["h.middle", "h.c_out"]},
    ]


class Patches(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Linear(3, 4), nn.Parameter(torch.randn(5, 4))
        self.h, self.ln_f, self.head = Block(4, 2), nn.LayerNorm(4), nn.Linear(4, 3, bias=False)

    def forward(self, x):
        return self.head(self.ln_f(self.h(self.wte(x) + self.wpe)).mean(1))


case(
    "models_transformer_block",
    "a transformer's block of five positions: q, k and v cut from one layer, trained positions, the mean over positions",
    module=Patches,
    names={"wpe": "wpe.weight"},
    model={
        "input": [5, 3],
        "layers": [
            {"type": "linear", "name": "wte", "features": 4},
            {"type": "parameter", "name": "wpe", "shape": [5, 4]},
            {"type": "add", "name": "x", "from": ["wte", "wpe"]},
            *block("x", 4, 2),
            {"type": "layer_norm", "name": "ln_f"},
            {"type": "mean", "axes": [0]},
            {"type": "linear", "name": "head", "features": 3, "bias": False},
        ],
    },
    inputs=normal(5, 3),
    rate=0.1,
    kernel={"nodes": 6},
)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.last, self.head = nn.LSTM(2, 3, batch_first=True), nn.LSTM(3, 2, batch_first=True, bias=False), nn.Linear(2, 3)

    def forward(self, x):
        return self.head(self.last(self.lstm(x)[0])[0][:, -1])


case(
    "models_lstm",
    "one LSTM after the other, the second without biases, and the last position's output",
    module=Recurrent,
    model={
        "input": [4, 2],
        "layers": [
            {"type": "lstm", "name": "lstm", "features": 3},
            {"type": "lstm", "name": "last", "features": 2, "bias": False},
            {"type": "slice", "axis": 0, "start": -1},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(4, 2),
    rate=0.5,
    kernel={"nodes": 5},
)


class Grokking(nn.Module):
    """Nanda's one-layer transformer of modular addition: no norms, attention spelled out, tokens as unit vectors."""

    def __init__(self, tokens=5, width=4, heads=2, length=3):
        super().__init__()
        self.embed, self.pos = nn.Linear(tokens, width, bias=False), nn.Parameter(torch.randn(length, width))
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up, self.down, self.unembed = nn.Linear(width, 6), nn.Linear(6, width), nn.Linear(width, 3, bias=False)
        self.heads = heads

    def forward(self, x):
        x = self.embed(x) + self.pos
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)) for layer in (self.q, self.k, self.v))
        scores = torch.einsum("bphi,bqhi->bhpq", q, k) / math.sqrt(q.shape[-1])
        lower = torch.ones_like(scores).tril()
        scores = (scores * lower - 1e10 * (1 - lower)).softmax(-1)
        x = x + self.o(torch.einsum("bhpq,bqhi->bphi", scores, v).flatten(2))
        x = x + self.down(torch.relu(self.up(x)))
        return self.unembed(x)[:, -1]


def heads(name, order):
    """[positions, 2 * 2] cut into heads, its axes in another order."""
    return [
        {"type": "reshape", "shape": [3, 2, 2], "from": name},
        {"type": "permute", "name": f"{name}.heads", "axes": order},
    ]


case(
    "models_grokking",
    "a transformer whose attention is products, a constant mask and softmax; its perceptron is relu's",
    module=Grokking,
    names={"pos": "pos.weight"},
    model={
        "input": [3, 5],
        "layers": [
            {"type": "linear", "name": "embed", "features": 4, "bias": False},
            {"type": "parameter", "name": "pos", "shape": [3, 4]},
            {"type": "add", "name": "x", "from": ["embed", "pos"]},
            *[{"type": "linear", "name": name, "features": 4, "bias": False, "from": "x"} for name in "qkv"],
            *heads("q", [1, 0, 2]),
            *heads("k", [1, 2, 0]),
            *heads("v", [1, 0, 2]),
            {"type": "matmul", "from": ["q.heads", "k.heads"]},
            {"type": "scale", "name": "scores", "by": 1 / math.sqrt(2)},
            {"type": "constant", "name": "later", "values": "later.npy"},
            {"type": "mask", "from": ["scores", "later"], "value": -1e10},
            {"type": "softmax", "name": "weights"},
            {"type": "matmul", "from": ["weights", "v.heads"]},
            {"type": "permute", "axes": [1, 0, 2]},
            {"type": "reshape", "shape": [3, 4]},
            {"type": "linear", "name": "o", "features": 4, "bias": False},
            {"type": "add", "name": "middle", "from": ["x", "o"]},
            {"type": "linear", "name": "up", "features": 6},
            {"type": "relu"},
            {"type": "linear", "name": "down", "features": 4},
            {"type": "add", "from": ["middle", "down"]},
            {"type": "slice", "axis": 0, "start": -1},
            {"type": "flatten"},
            {"type": "linear", "name": "unembed", "features": 3, "bias": False},
        ],
    },
    inputs=lambda rng, count: np.eye(5)[rng.integers(0, 5, (count, 3))],
    files={"later.npy": np.triu(np.ones((3, 3)), 1)},
    rate=0.1,
    kernel={"nodes": 6},
)


class NanoGpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(5, 4), nn.Parameter(0.5 * torch.randn(5, 4))
        self.h, self.ln_f, self.head = Block(4, 2), nn.LayerNorm(4), nn.Linear(4, 5, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, tokens):
        return self.head(self.ln_f(self.h(self.wte(tokens) + self.wpe))[:, -1])


case(
    "models_nanogpt",
    "tokens, positions, a transformer's block, and a head tied to the tokens' table: the next token",
    module=NanoGpt,
    names={"wpe": "wpe.weight"},
    model={
        "input": [5],
        "layers": [
            {"type": "embedding", "name": "wte", "count": 5, "features": 4},
            {"type": "parameter", "name": "wpe", "shape": [5, 4]},
            {"type": "add", "name": "x", "from": ["wte", "wpe"]},
            *block("x", 4, 2),
            {"type": "layer_norm", "name": "ln_f"},
            {"type": "slice", "axis": 0, "start": -1},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 5, "bias": False, "weight": "wte.weight"},
        ],
    },
    inputs=integers(5, 5),
    outputs=5,
    rate=0.1,
    kernel={"nodes": 6},
)


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.head = nn.Linear(12, 3)

    def forward(self, x, keys, pairs):
        seen = attention(self.q(x), self.k(x), self.v(x), heads=2, mask=keys[:, None, None])
        by_hand = (self.q(x) @ self.k(x).transpose(-1, -2) + 2 * pairs).softmax(-1) @ self.v(x)
        return self.head((seen + by_hand).flatten(1))


def padding(rng, count):
    """0 for the keys that are there, at least the first, and -inf for the padding behind them, [count, 3]."""
    return np.where(np.arange(3) < rng.integers(1, 4, count)[:, None], 0.0, -np.inf)


def lower(rng, count):
    """0 on and below the diagonal, -inf above it or a bias of some pairs, [count, 3, 3]."""
    return np.where(np.tri(3) > 0, rng.integers(-2, 3, (count, 3, 3)) / 2, -np.inf)


case(
    "models_attention_infinite_mask",
    "masks of -inf among the inputs: of the keys, for all heads and queries; and of pairs, scaled and added before a softmax",
    module=Masked,
    model={
        "inputs": {"x": {"shape": [3, 4]}, "keys": {"shape": [3]}, "pairs": {"shape": [3, 3]}},
        "layers": [
            {"type": "linear", "name": "q", "features": 4, "from": "x"},
            {"type": "linear", "name": "k", "features": 4, "from": "x"},
            {"type": "linear", "name": "v", "features": 4, "from": "x"},
            {"type": "attention", "name": "seen", "from": ["q", "k", "v", "keys"], "heads": 2},
            {"type": "permute", "name": "kt", "axes": [1, 0], "from": "k"},
            {"type": "matmul", "name": "scores", "from": ["q", "kt"]},
            {"type": "scale", "name": "twice", "by": 2.0, "from": "pairs"},
            {"type": "add", "from": ["scores", "twice"]},
            {"type": "softmax", "name": "weights"},
            {"type": "matmul", "name": "by_hand", "from": ["weights", "v"]},
            {"type": "add", "from": ["seen", "by_hand"]},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs={"x": normal(3, 4), "keys": padding, "pairs": lower},
    rate=0.2,
    kernel={"nodes": 6},
)


class Stretched(nn.Module):
    def __init__(self):
        super().__init__()
        self.line, self.matrix = nn.Parameter(torch.randn(4)), nn.Parameter(torch.randn(1, 2, 4, 3))
        self.k, self.head = nn.Parameter(torch.randn(4, 3)), nn.Linear(2 * 5 * 2 * 3 + 5 * 3 + 2 * 3 * 3, 3)

    def forward(self, x):
        x = torch.relu(x)[:, :, None]  # [batch, 5, 1, 3, 4]
        many = x[:, :, :, :2] @ self.matrix  # [batch, 5, 2, 2, 3]
        lines = torch.matmul(self.line, x.transpose(-1, -2)[:, :, 0])  # [batch, 5, 3]
        few = self.k.T @ self.matrix[0]  # [2, 3, 3]
        return self.head(torch.cat([many.flatten(1), lines.flatten(1), few.flatten().expand(len(x), -1)], 1))


case(
    "models_matmul_broadcast",
    "matrix products whose leading axes are broadcast: of length 1, missing, and of a vector in front of matrices",
    module=Stretched,
    names={"line": "line.weight", "matrix": "matrix.weight", "k": "k.weight"},
    model={
        "input": [5, 3, 4],
        "layers": [
            {"type": "parameter", "name": "line", "shape": [4]},
            {"type": "parameter", "name": "matrix", "shape": [1, 2, 4, 3]},
            {"type": "parameter", "name": "k", "shape": [4, 3]},
            {"type": "relu", "name": "x", "from": -1},
            {"type": "reshape", "name": "apart", "shape": [5, 1, 3, 4]},
            {"type": "slice", "name": "two", "axis": 2, "stop": 2},
            {"type": "matmul", "name": "many", "from": ["two", "matrix"]},
            {"type": "flatten", "name": "many.flat"},
            {"type": "permute", "name": "turned", "axes": [0, 2, 1], "from": "x"},
            {"type": "matmul", "name": "lines", "from": ["line", "turned"]},
            {"type": "flatten", "name": "lines.flat"},
            {"type": "permute", "name": "kt", "axes": [1, 0], "from": "k"},
            {"type": "reshape", "name": "matrices", "shape": [2, 4, 3], "from": "matrix"},
            {"type": "matmul", "name": "few", "from": ["kt", "matrices"]},
            {"type": "flatten", "name": "few.flat"},
            {"type": "concat", "axis": 0, "from": ["many.flat", "lines.flat", "few.flat"]},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(5, 3, 4),
    rate=0.02,
    kernel={"nodes": 4},
)


class MaskedByAxis(nn.Module):
    """Masks of fewer axes than what they mask, or of lengths of 1."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.by_head, self.by_query = nn.Parameter(torch.randn(2, 1, 3)), nn.Parameter(torch.randn(1, 3, 3))
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        q, k, v = self.q(x), self.k(x), self.v(x)
        seen = attention(q, k, v, heads=2, mask=self.by_head) + attention(q, k, v, heads=2, mask=self.by_query)
        first = (x[:, :, :1] > 0).expand(-1, -1, 4)
        return self.head(seen.masked_fill(first, 0.5).flatten(1))


case(
    "models_attention_mask_broadcast",
    "trained masks of each head and key and of all heads, and a mask of rows: all are broadcast",
    module=MaskedByAxis,
    names={"by_head": "by_head.weight", "by_query": "by_query.weight"},
    model={
        "input": [3, 4],
        "layers": [
            {"type": "linear", "name": "q", "features": 4},
            {"type": "linear", "name": "k", "features": 4, "from": -1},
            {"type": "linear", "name": "v", "features": 4, "from": -1},
            {"type": "parameter", "name": "by_head", "shape": [2, 1, 3]},
            {"type": "parameter", "name": "by_query", "shape": [1, 3, 3]},
            {"type": "attention", "name": "one", "from": ["q", "k", "v", "by_head"], "heads": 2},
            {"type": "attention", "name": "other", "from": ["q", "k", "v", "by_query"], "heads": 2},
            {"type": "add", "name": "seen", "from": ["one", "other"]},
            {"type": "relu", "from": -1},
            {"type": "slice", "name": "first", "axis": 1, "stop": 1},
            {"type": "mask", "value": 0.5, "from": ["seen", "first"]},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(3, 4),
    rate=0.3,
    kernel={"nodes": 5},
)


class OneStep(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(2, 3, batch_first=True), nn.Linear(3, 3)

    def forward(self, x):
        return self.head(self.lstm(x)[0].flatten(1))


case(
    "models_lstm_one_position",
    "an LSTM of a single position, whose weights of the output before get no gradient",
    module=OneStep,
    model={
        "input": [1, 2],
        "layers": [
            {"type": "lstm", "name": "lstm", "features": 3},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(1, 2),
    rate=0.5,
    kernel={"nodes": 5},
)
