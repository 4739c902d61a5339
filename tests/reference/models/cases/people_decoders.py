"""Networks that say the next token at every position, at small size: `people.py` says how, `docs/models.md` lists all of them.

Their targets are tokens of positions, and what is taken apart is the loss at some of these.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cases.attention import attention
from cases.images import RmsNorm, ScaleNorm, shaken
from generate import case, integers

TOKENS, LENGTH, WIDTH = 6, 4, 4


def linear(name, features, **keys):
    return {"type": "linear", "name": name, "features": features, **keys}


def add(name, *sources):
    return {"type": "add", "name": name, "from": list(sources)}


def part(name, axis, start, stop, source):
    return {"type": "slice", "name": name, "axis": axis, "start": start, "stop": stop, "from": source}


def following(ignore=None):
    """Draws the tokens that follow, of which every fifth is ignored."""

    def draw(rng, count):
        drawn = rng.integers(0, TOKENS, (count, LENGTH))
        if ignore is not None:
            drawn.reshape(-1)[::5] = ignore
        return drawn

    return draw


def decoder(name, about, ignore=None, positions=(3, 2), **parts):
    """A case of a network [LENGTH] -> [LENGTH, TOKENS]."""
    ignored = -100 if ignore is None else ignore
    losses = lambda outputs, target, reduction: F.cross_entropy(
        outputs.reshape(LENGTH, TOKENS), target, ignore_index=ignored, reduction=reduction)
    case(
        name,
        about,
        inputs=integers(TOKENS, LENGTH),
        outputs=LENGTH * TOKENS,
        targets=following(ignore),
        training={"loss": "cross_entropy"} | ({} if ignore is None else {"ignore": ignore}),
        loss=lambda outputs, target: losses(outputs, target, "mean"),
        weight=lambda number, target: float((np.asarray(target) != ignored).sum()),
        kernel={"nodes": 6, "readout": {"type": "loss", "positions": list(positions)}},
        readout=lambda outputs, target: losses(outputs, target, "none")[list(positions)],
        query_targets=True,
        **dict(rate=0.1, steps=3, m=4, n=2) | parts,
    )  # fmt: skip


# GPT-2, nanoGPT and minGPT.


class Gpt(nn.Module):
    """One block; `bias` is of layers and norms, `approximate` of gelu."""

    def __init__(self, bias, approximate, tied):
        super().__init__()
        norm = lambda: nn.LayerNorm(WIDTH) if bias else ScaleNorm(WIDTH)
        self.wte, self.wpe = nn.Embedding(TOKENS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.ln_1, self.ln_2, self.ln_f = norm(), norm(), norm()
        self.c_attn, self.c_proj = nn.Linear(WIDTH, 3 * WIDTH, bias), nn.Linear(WIDTH, WIDTH, bias)
        self.c_fc, self.c_out = nn.Linear(WIDTH, 2 * WIDTH, bias), nn.Linear(2 * WIDTH, WIDTH, bias)
        self.head, self.approximate = nn.Linear(WIDTH, TOKENS, bias=False), approximate
        if tied:
            self.head.weight = self.wte.weight

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe.weight
        q, k, v = self.c_attn(self.ln_1(x)).chunk(3, -1)
        x = x + self.c_proj(attention(q, k, v, heads=2, causal=True))
        x = x + self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate=self.approximate))
        return self.head(self.ln_f(x))


def gpt(bias, approximate, tied):
    norm = lambda name, **keys: {"type": "layer_norm", "name": name, "bias": bias, **keys}
    return [
        {"type": "embedding", "name": "wte", "count": TOKENS, "features": WIDTH},
        {"type": "parameter", "name": "wpe", "shape": [LENGTH, WIDTH]},
        add("x", "wte", "wpe"),
        norm("ln_1"),
        linear("c_attn", 3 * WIDTH, bias=bias),
        *[part(name, 1, at * WIDTH, (at + 1) * WIDTH, "c_attn") for at, name in enumerate("qkv")],
        {"type": "attention", "from": ["q", "k", "v"], "heads": 2, "causal": True},
        linear("c_proj", WIDTH, bias=bias),
        add("y", "x", "c_proj"),
        norm("ln_2"),
        linear("c_fc", 2 * WIDTH, bias=bias),
        {"type": "gelu", "approximate": approximate},
        linear("c_out", WIDTH, bias=bias),
        add("z", "y", "c_out"),
        norm("ln_f"),
        linear("head", TOKENS, bias=False, **({"weight": "wte.weight"} if tied else {})),
    ]


# Where Hugging Face's checkpoint has the tensors; Conv1D has its matrices the other way round.
OF_GPT2 = {
    "wte": "wte", "wpe": "wpe", "ln_1": "h.0.ln_1", "c_attn": "h.0.attn.c_attn", "c_proj": "h.0.attn.c_proj", "ln_2": "h.0.ln_2",
    "c_fc": "h.0.mlp.c_fc", "c_out": "h.0.mlp.c_proj", "ln_f": "ln_f",
}  # fmt: skip
CONV1D = {"c_attn.weight", "c_proj.weight", "c_fc.weight", "c_out.weight"}


def in_gpt2(name):
    layer, tensor = name.rsplit(".", 1)
    return f"transformer.{OF_GPT2[layer]}.{tensor}"


def as_gpt2(state):
    """The tensors as that checkpoint has them."""
    return {in_gpt2(name): np.ascontiguousarray(value.T if name in CONV1D else value) for name, value in state.items()}


def of_gpt2():
    """Where the run file finds them."""
    names = [name for name, _ in Gpt(True, "tanh", True).named_parameters()]
    return {name: {"tensor": in_gpt2(name)} | ({"transposed": True} if name in CONV1D else {}) for name in names}


decoder(
    "people_gpt2",
    "GPT-2: weights as Conv1D has them, queries, keys and values of one layer, gelu by tanh, the head tied to the tokens",
    module=lambda: shaken(Gpt(True, "tanh", True)),
    model={"input": [LENGTH], "parameters": of_gpt2(), "layers": gpt(True, "tanh", True)},
    file=as_gpt2,
)
decoder(
    "people_nanogpt",
    "nanoGPT: norms and layers without bias, gelu, the head tied to the tokens, targets of -1 ignored; batches and momentum",
    ignore=-1,
    module=lambda: shaken(Gpt(False, "none", True)),
    model={"input": [LENGTH], "layers": gpt(False, "none", True)},
    batches=[[0, 1], [2, 3], [1, 1]],
    momentum=0.9,
    rate=0.02,
)
decoder(
    "people_mingpt",
    "minGPT: gelu by tanh, a head of its own, targets of -1 ignored",
    ignore=-1,
    module=lambda: shaken(Gpt(True, "tanh", False)),
    model={"input": [LENGTH], "layers": gpt(True, "tanh", False)},
)


# Llama and Pythia: positions turn pairs of features.


def angles(turned):
    """Cosines and sines of each position, [LENGTH, 1, turned], as Hugging Face has them."""
    rates = 1e4 ** (-np.arange(0, turned, 2) / turned)
    table = np.outer(np.arange(LENGTH), np.concatenate([rates, rates]))[:, None]
    return {"cosines.npy": np.cos(table), "sines.npy": np.sin(table)}


def turn(x, turned):
    """[batch, positions, heads, features], of which the first `turned` are turned."""
    table = {name: torch.as_tensor(value) for name, value in angles(turned).items()}
    x, rest = x[..., :turned], x[..., turned:]
    half = torch.cat([-x[..., turned // 2 :], x[..., : turned // 2]], -1)
    return torch.cat([x * table["cosines.npy"] + half * table["sines.npy"], rest], -1)


TABLES = [{"type": "constant", "name": name, "values": f"{name}.npy"} for name in ("cosines", "sines")]


def turned(name, source, turned, width):
    """The same in a run file, of `source` [positions, heads, width]; the last layer is <name>.turned."""
    whole = f"{name}.first" if turned < width else source
    return [
        *([part(whole, 2, 0, turned, source)] if turned < width else []),
        part(f"{name}.low", 2, 0, turned // 2, whole),
        part(f"{name}.high", 2, turned // 2, turned, whole),
        {"type": "scale", "name": f"{name}.less", "by": -1},
        {"type": "concat", "name": f"{name}.half", "axis": 2, "from": [f"{name}.less", f"{name}.low"]},
        {"type": "multiply", "name": f"{name}.c", "from": [whole, "cosines"]},
        {"type": "multiply", "name": f"{name}.s", "from": [f"{name}.half", "sines"]},
        add(f"{name}.both", f"{name}.c", f"{name}.s"),
        *([part(f"{name}.rest", 2, turned, width, source)] if turned < width else []),
        *([{"type": "concat", "name": f"{name}.all", "axis": 2, "from": [f"{name}.both", f"{name}.rest"]}] if turned < width else []),
        {"type": "reshape", "name": f"{name}.turned", "shape": [LENGTH, -1]},
    ]


class Llama(nn.Module):
    def __init__(self):
        super().__init__()
        norm = lambda: RmsNorm(WIDTH, eps=1e-5)
        layer = lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False)
        self.embed, self.norm_1, self.norm_2, self.norm = nn.Embedding(TOKENS, WIDTH), norm(), norm(), norm()
        self.q, self.k, self.v, self.o = layer(WIDTH, 8), layer(WIDTH, 4), layer(WIDTH, 4), layer(8, WIDTH)
        self.gate, self.up, self.down, self.head = layer(WIDTH, 6), layer(WIDTH, 6), layer(6, WIDTH), layer(WIDTH, TOKENS)

    def forward(self, tokens):
        x = self.embed(tokens)
        n = self.norm_1(x)
        q, k = (turn(of.unflatten(-1, (-1, 4)), 4).flatten(2) for of in (self.q(n), self.k(n)))
        x = x + self.o(attention(q, k, self.v(n), heads=2, kv_heads=1, causal=True))
        n = self.norm_2(x)
        x = x + self.down(F.silu(self.gate(n)) * self.up(n))
        return self.head(self.norm(x))


def rms_norm(name):
    return {"type": "rms_norm", "name": name, "eps": 1e-5}


decoder(
    "people_llama",
    "Llama: queries and keys turned by their positions, two heads that share keys and values, rms_norm, a gate of silu",
    module=lambda: shaken(Llama()),
    files=angles(4),
    model={
        "input": [LENGTH],
        "layers": [
            {"type": "embedding", "name": "embed", "count": TOKENS, "features": WIDTH},
            *TABLES,
            rms_norm("norm_1") | {"from": "embed"},
            *[linear(name, features, bias=False, **{"from": "norm_1"}) for name, features in (("q", 8), ("k", 4), ("v", 4))],
            {"type": "reshape", "name": "qs", "shape": [LENGTH, 2, 4], "from": "q"},
            *turned("q", "qs", 4, 4),
            {"type": "reshape", "name": "ks", "shape": [LENGTH, 1, 4], "from": "k"},
            *turned("k", "ks", 4, 4),
            {"type": "attention", "from": ["q.turned", "k.turned", "v"], "heads": 2, "kv_heads": 1, "causal": True},
            linear("o", WIDTH, bias=False),
            add("y", "embed", "o"),
            rms_norm("norm_2"),
            linear("gate", 6, bias=False),
            {"type": "silu", "name": "open"},
            linear("up", 6, bias=False, **{"from": "norm_2"}),
            {"type": "multiply", "from": ["open", "up"]},
            linear("down", WIDTH, bias=False),
            add("z", "y", "down"),
            rms_norm("norm"),
            linear("head", TOKENS, bias=False),
        ],
    },
)


class Pythia(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.ln_1, self.ln_2, self.ln = nn.Embedding(TOKENS, WIDTH), *(nn.LayerNorm(WIDTH) for _ in range(3))
        self.qkv, self.dense, self.up, self.down = nn.Linear(WIDTH, 24), nn.Linear(8, WIDTH), nn.Linear(WIDTH, 6), nn.Linear(6, WIDTH)
        self.head = nn.Linear(WIDTH, TOKENS, bias=False)

    def forward(self, tokens):
        x = self.embed(tokens)
        q, k, v = self.qkv(self.ln_1(x)).unflatten(-1, (2, 12)).chunk(3, -1)
        seen = attention(turn(q, 2).flatten(2), turn(k, 2).flatten(2), v.flatten(2), heads=2, causal=True)
        return self.head(self.ln(x + self.dense(seen) + self.down(F.gelu(self.up(self.ln_2(x))))))


decoder(
    "people_pythia",
    "Pythia: a part of each head's features turned, queries, keys and values of one layer by head, two residuals side by side",
    module=lambda: shaken(Pythia()),
    rate=0.05,
    files=angles(2),
    model={
        "input": [LENGTH],
        "layers": [
            {"type": "embedding", "name": "embed", "count": TOKENS, "features": WIDTH},
            *TABLES,
            {"type": "layer_norm", "name": "ln_1", "from": "embed"},
            linear("qkv", 24),
            {"type": "reshape", "name": "heads", "shape": [LENGTH, 2, 12]},
            *[part(name, 2, 4 * at, 4 * at + 4, "heads") for at, name in enumerate("qkv")],
            {"type": "reshape", "name": "vs", "shape": [LENGTH, 8]},
            *turned("q", "q", 2, 4),
            *turned("k", "k", 2, 4),
            {"type": "attention", "from": ["q.turned", "k.turned", "vs"], "heads": 2, "causal": True},
            linear("dense", WIDTH),
            {"type": "layer_norm", "name": "ln_2", "from": "embed"},
            linear("up", 6),
            {"type": "gelu"},
            linear("down", WIDTH),
            add("x", "embed", "dense", "down"),
            {"type": "layer_norm", "name": "ln"},
            linear("head", TOKENS, bias=False),
        ],
    },
)


# Music Transformer.


def waves():
    """Sines and cosines of the positions, [LENGTH, WIDTH]."""
    table = np.outer(np.arange(LENGTH), 1e4 ** (-np.arange(0, WIDTH, 2) / WIDTH))
    return np.stack([np.sin(table), np.cos(table)], -1).reshape(LENGTH, WIDTH)


class Music(nn.Module):
    """One layer, its norms after the sums; `er` are relative positions, which both heads share."""

    def __init__(self):
        super().__init__()
        self.embed, self.er, self.head = nn.Embedding(TOKENS, WIDTH), nn.Parameter(torch.randn(LENGTH, 2)), nn.Linear(WIDTH, TOKENS)
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down, self.ln_1, self.ln_2 = nn.Linear(WIDTH, 6), nn.Linear(6, WIDTH), nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, tokens):
        x = self.embed(tokens) * math.sqrt(WIDTH) + torch.as_tensor(waves())
        q = self.q(x)
        far = q.unflatten(-1, (2, 2)).transpose(1, 2) @ self.er.T
        # The skew: after one more column and another cut into rows, a row begins at its own position's distance.
        far = F.pad(far, (1, 0)).reshape(-1, 2, LENGTH + 1, LENGTH)[:, :, 1:] / math.sqrt(2)
        x = self.ln_1(x + self.o(attention(q, self.k(x), self.v(x), heads=2, causal=True, mask=far)))
        return self.head(self.ln_2(x + self.down(torch.relu(self.up(x)))))


decoder(
    "people_music_transformer",
    "Music Transformer: waves of positions, relative positions by a product, a pad and a reshape, norms after the sums",
    module=lambda: shaken(Music()),
    names={"er": "er.weight"},
    files={"waves.npy": waves()},
    model={
        "input": [LENGTH],
        "layers": [
            {"type": "embedding", "name": "embed", "count": TOKENS, "features": WIDTH},
            {"type": "scale", "name": "scaled", "by": math.sqrt(WIDTH)},
            {"type": "constant", "name": "waves", "values": "waves.npy"},
            add("x", "scaled", "waves"),
            *[linear(name, WIDTH, **{"from": "x"}) for name in "qkv"],
            {"type": "parameter", "name": "er", "shape": [LENGTH, 2]},
            {"type": "permute", "name": "distances", "axes": [1, 0]},
            {"type": "reshape", "shape": [LENGTH, 2, 2], "from": "q"},
            {"type": "permute", "name": "qs", "axes": [1, 0, 2]},
            {"type": "matmul", "from": ["qs", "distances"]},
            {"type": "pad", "padding": [1, 0]},
            {"type": "reshape", "shape": [2, LENGTH + 1, LENGTH]},
            {"type": "slice", "axis": 1, "start": 1},
            {"type": "scale", "name": "far", "by": 1 / math.sqrt(2)},
            {"type": "attention", "from": ["q", "k", "v", "far"], "heads": 2, "causal": True},
            linear("o", WIDTH),
            add("sum", "x", "o"),
            {"type": "layer_norm", "name": "ln_1"},
            linear("up", 6),
            {"type": "relu"},
            linear("down", WIDTH),
            add("y", "ln_1", "down"),
            {"type": "layer_norm", "name": "ln_2"},
            linear("head", TOKENS),
        ],
    },
)
