"""Networks that people train, at small size: of language. `docs/models.md` lists all of them.

A network is here in its own order of layers, with its own options; only widths and depths are small. Dropout, of which evaluation
has none, is left out. Those that say the next token are in `people_decoders.py`, those of images in `people_images.py` and
`people_wider.py`, those of sums in `people_arithmetic.py`.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cases.attention import attention
from cases.images import RmsNorm, shaken
from generate import case, integers


def linear(name, features, **keys):
    return {"type": "linear", "name": name, "features": features, **keys}


# Omnigrok's LSTM of film reviews.


class Sentiment(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm, self.head = nn.Embedding(6, 3), nn.LSTM(3, 3, num_layers=2, batch_first=True), nn.Linear(3, 1)

    def forward(self, tokens):
        return self.head(self.lstm(self.embed(tokens))[0][:, -1])


TENSORS = [f"{kind}_{side}" for kind in ("weight", "bias") for side in ("ih", "hh")]

case(
    "people_sentiment",
    "Omnigrok's LSTM of two layers with one logistic output; its probability",
    module=Sentiment,
    names={f"lstm.{tensor}_l{at}": f"lstm.{at}.{tensor}_l0" for tensor in TENSORS for at in (0, 1)},
    model={
        "input": [4],
        "layers": [
            {"type": "embedding", "name": "embed", "count": 6, "features": 3},
            {"type": "lstm", "name": "lstm.0", "features": 3},
            {"type": "lstm", "name": "lstm.1", "features": 3},
            {"type": "slice", "axis": 0, "start": -1},
            {"type": "flatten"},
            linear("head", 1),
        ],
    },
    inputs=integers(6, 4),
    outputs=1,
    targets=lambda rng, count: rng.integers(0, 2, count).astype(float),
    training={"loss": "logistic"},
    loss=lambda outputs, target: F.binary_cross_entropy(torch.sigmoid(outputs[0]), target),
    rate=0.5,
    kernel={"nodes": 5, "readout": "probabilities"},
    readout=lambda outputs, target: torch.sigmoid(outputs),
)


# BERT and RoBERTa.


class Bert(nn.Module):
    """One layer of BERT, its norms after the sums, and a classifier of the pooled first position."""

    def __init__(self, width=4, length=4):
        super().__init__()
        self.words, self.types_of, self.positions = nn.Embedding(6, width), nn.Embedding(2, width), nn.Parameter(torch.randn(length, width))
        self.ln, self.ln_1, self.ln_2 = (nn.LayerNorm(width, eps=1e-12) for _ in range(3))
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 8), nn.Linear(8, width)
        self.pooler, self.classifier = nn.Linear(width, width), nn.Linear(width, 2)

    def forward(self, tokens, types, mask):
        x = self.ln(self.words(tokens) + self.types_of(types) + self.positions)
        hidden = ((mask - 1) * 1e4)[:, None, None]
        x = self.ln_1(x + self.out(attention(self.query(x), self.key(x), self.value(x), heads=2, mask=hidden)))
        x = self.ln_2(x + self.down(F.gelu(self.up(x))))
        return self.classifier(torch.tanh(self.pooler(x[:, 0])))


def padded(rng, count):
    """A mask: 1 up to the sentence's end, 0 for what is only there to fill the row."""
    return (np.arange(4) < rng.integers(2, 5, (count, 1))).astype(float)


case(
    "people_bert",
    "BERT: words, kinds of sentences and positions; a mask of padding among the inputs; norms after the sums; the margin",
    module=lambda: shaken(Bert()),
    names={"positions": "positions.weight"},
    model={
        "inputs": {
            "tokens": {"shape": [4], "type": "integer"},
            "types": {"shape": [4], "type": "integer"},
            "mask": {"shape": [4]},
        },
        "layers": [
            {"type": "embedding", "name": "words", "from": "tokens", "count": 6, "features": 4},
            {"type": "embedding", "name": "types_of", "from": "types", "count": 2, "features": 4},
            {"type": "parameter", "name": "positions", "shape": [4, 4]},
            {"type": "add", "from": ["words", "types_of", "positions"]},
            {"type": "layer_norm", "name": "ln", "eps": 1e-12},
            {"type": "offset", "by": -1, "from": "mask"},
            {"type": "scale", "by": 1e4},
            {"type": "reshape", "shape": [1, 4]},
            {"type": "broadcast", "name": "hidden", "shape": [4, 4]},
            *[linear(name, 4, **{"from": "ln"}) for name in ("query", "key", "value")],
            {"type": "attention", "from": ["query", "key", "value", "hidden"], "heads": 2},
            linear("out", 4),
            {"type": "add", "from": ["ln", "out"]},
            {"type": "layer_norm", "name": "ln_1", "eps": 1e-12},
            linear("up", 8),
            {"type": "gelu"},
            linear("down", 4),
            {"type": "add", "from": ["ln_1", "down"]},
            {"type": "layer_norm", "name": "ln_2", "eps": 1e-12},
            {"type": "slice", "axis": 0, "stop": 1},
            {"type": "flatten"},
            linear("pooler", 4),
            {"type": "tanh"},
            linear("classifier", 2),
        ],
    },
    inputs={"tokens": integers(6, 4), "types": integers(2, 4), "mask": padded},
    outputs=2,
    rate=0.05,
    steps=4,
    m=5,
    kernel={"nodes": 6, "readout": "margin"},
    readout=lambda outputs, target: (outputs[target] - outputs[1 - target])[None],
    query_targets=True,
)


# T5.


class T5(nn.Module):
    """One layer of T5's encoder and one of its decoder; the table of tokens is the encoder's, the decoder's and the head's."""

    def __init__(self, width=4, tokens=6):
        super().__init__()
        self.shared = nn.Embedding(tokens, width)
        norm = lambda: RmsNorm(width, eps=1e-6)
        square = lambda: nn.ModuleDict({part: nn.Linear(width, width, bias=False) for part in "qkvo"})
        mlp = lambda: nn.ModuleDict({"up": nn.Linear(width, 6, bias=False), "down": nn.Linear(6, width, bias=False)})
        self.near, self.before = nn.Embedding(3, 2), nn.Embedding(3, 2)
        self.e, self.d, self.cross, self.em, self.dm = square(), square(), square(), mlp(), mlp()
        self.e1, self.e2, self.e3, self.d1, self.d2, self.d3, self.d4 = (norm() for _ in range(7))

    @staticmethod
    def attend(part, x, memory, bias=None, causal=False):
        return part["o"](attention(part["q"](x), part["k"](memory), part["v"](memory), heads=2, scale=1, mask=bias, causal=causal))

    def forward(self, tokens, said, distances, earlier):
        bias = lambda table, numbers: table(numbers).permute(0, 3, 1, 2)
        x, y = self.shared(tokens), self.shared(said)
        n = self.e1(x)
        x = x + self.attend(self.e, n, n, bias(self.near, distances))
        x = x + self.em["down"](torch.relu(self.em["up"](self.e2(x))))
        x = self.e3(x)
        n = self.d1(y)
        y = y + self.attend(self.d, n, n, bias(self.before, earlier), causal=True)
        y = y + self.attend(self.cross, self.d2(y), x)
        y = y + self.dm["down"](torch.relu(self.dm["up"](self.d3(y))))
        return F.linear(self.d4(y) * 4**-0.5, self.shared.weight)


def buckets(length):
    """The number of the distance between two positions, below, the same or above: the same for every example."""
    places = np.arange(length)
    return lambda rng, count: np.repeat(np.sign(places[None] - places[:, None])[None] + 1, count, 0)


def t5_attention(name, queries, memory, bias=None, causal=False):
    """Attention without its residual; the last layer is <name>.o."""
    reads = {"q": queries, "k": memory, "v": memory}
    return [
        *[linear(f"{name}.{part}", 4, bias=False, **{"from": source}) for part, source in reads.items()],
        {"type": "attention", "from": [f"{name}.{part}" for part in "qkv"] + ([bias] if bias else []), "heads": 2, "scale": 1, "causal": causal},
        linear(f"{name}.o", 4, bias=False),
    ]


def t5_mlp(name):
    """Reads the layer before; the last layer is <name>.down."""
    return [linear(f"{name}.up", 6, bias=False), {"type": "relu"}, linear(f"{name}.down", 4, bias=False)]


def t5_bias(name, distances):
    """What a table adds to the scores at each distance, [heads, queries, keys]; the last layer is <name>.bias."""
    return [
        {"type": "embedding", "name": name, "from": distances, "count": 3, "features": 2},
        {"type": "permute", "name": f"{name}.bias", "axes": [2, 0, 1]},
    ]


def add(name, *sources):
    return {"type": "add", "name": name, "from": list(sources)}


def norm(name, source):
    return {"type": "rms_norm", "name": name, "eps": 1e-6, "from": source}


case(
    "people_t5",
    "T5: encoder and decoder, tables of distances added to the scores, one table of tokens three times; the loss of each position",
    module=lambda: shaken(T5()),
    model={
        "inputs": {
            "tokens": {"shape": [4], "type": "integer"},
            "said": {"shape": [3], "type": "integer"},
            "distances": {"shape": [4, 4], "type": "integer"},
            "earlier": {"shape": [3, 3], "type": "integer"},
        },
        "layers": [
            {"type": "embedding", "name": "shared", "from": "tokens", "count": 6, "features": 4},
            *t5_bias("near", "distances"),
            norm("e1", "shared"),
            *t5_attention("e", "e1", "e1", "near.bias"),
            add("ea", "shared", "e.o"),
            norm("e2", "ea"),
            *t5_mlp("em"),
            add("eb", "ea", "em.down"),
            norm("e3", "eb"),
            {"type": "embedding", "name": "of_said", "from": "said", "count": 6, "features": 4, "weight": "shared.weight"},
            *t5_bias("before", "earlier"),
            norm("d1", "of_said"),
            *t5_attention("d", "d1", "d1", "before.bias", True),
            add("da", "of_said", "d.o"),
            norm("d2", "da"),
            *t5_attention("cross", "d2", "e3"),
            add("db", "da", "cross.o"),
            norm("d3", "db"),
            *t5_mlp("dm"),
            add("dc", "db", "dm.down"),
            norm("d4", "dc"),
            {"type": "scale", "by": 0.5},
            linear("head", 6, bias=False, weight="shared.weight"),
        ],
    },
    inputs={"tokens": integers(6, 4), "said": integers(6, 3), "distances": buckets(4), "earlier": buckets(3)},
    outputs=18,
    targets=integers(6, 3),
    loss=lambda outputs, target: F.cross_entropy(outputs.reshape(3, 6), target),
    weight=lambda number, target: 3.0,
    rate=0.05,
    steps=3,
    m=4,
    n=2,
    kernel={"nodes": 6, "readout": {"type": "loss", "positions": [0, 1, 2]}},
    readout=lambda outputs, target: F.cross_entropy(outputs.reshape(3, 6), target, reduction="none"),
    query_targets=True,
)
