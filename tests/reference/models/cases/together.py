"""What is elsewhere tested alone, in one run: whatever acts on a step or on a loss acts here beside the rest."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cases.images import shaken
from cases.losses import agrees, classes, numbers
from generate import case, integers

TOKENS, LENGTH, WIDTH = 5, 3, 4
CLASS_WEIGHTS = torch.tensor([0.5, 2.0, 1.25, 0.75, 1.5])
RULES = {"weight": CLASS_WEIGHTS, "ignore_index": -1, "label_smoothing": 0.125}

# What each position of an example counts: one of them nothing.
OF_POSITIONS = numbers(21, 6, LENGTH)
OF_POSITIONS[4, 0] = 0.0


class Tokens(nn.Module):
    """Every position says a token by the rows that tokens look up; the positions' rows and the last bias are frozen."""

    def __init__(self):
        super().__init__()
        self.wte, self.wpe, self.ln = nn.Embedding(TOKENS, WIDTH), nn.Parameter(torch.randn(LENGTH, WIDTH)), nn.LayerNorm(WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 6), nn.Linear(6, WIDTH)
        self.lm_head = nn.Linear(WIDTH, TOKENS, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, tokens):
        return self.lm_head(self.down(F.gelu(self.up(self.ln(self.wte(tokens) + self.wpe)))))


def module():
    made = shaken(Tokens())
    for frozen in [made.wpe, made.down.bias]:
        frozen.requires_grad = False
        # A number of single precision, as the trained ones are.
        frozen.copy_(frozen.float())
    return made


def each(outputs, target):
    """The loss of every position: 0 of those that are ignored."""
    return F.cross_entropy(outputs.reshape(LENGTH, TOKENS), target, reduction="none", **RULES)


def terms(number, outputs, target):
    return torch.as_tensor(OF_POSITIONS[number]) * each(outputs, target)


def counted(target, weights):
    """What a mean divides by: the weights of known positions times those of their classes."""
    known = target >= 0
    return (torch.as_tensor(weights) * known * CLASS_WEIGHTS[target.clamp(min=0)]).sum()


def count(number, target):
    return float(counted(torch.as_tensor(target), OF_POSITIONS[number]))


probe, known = torch.randn(4, LENGTH * TOKENS), torch.tensor([[0, 1, -1], [4, 4, 2], [-1, 3, -1], [2, 0, 1]])
sums = [counted(target, np.ones(LENGTH)) for target in known]
agrees([each(f, y).sum() / total for f, y, total in zip(probe, known, sums)], sums,
       F.cross_entropy(probe.reshape(-1, TOKENS), known.reshape(-1), **RULES))  # fmt: skip

case(
    "all_of_it",
    "a tied head, frozen tensors, groups of the optimizer with momentum and decay, weights of positions and classes, ignored "
    "targets, smoothing, groups of rows, batches that repeat; split by positions",
    module=module,
    names={"wpe": "wpe.weight"},
    model={
        "input": [LENGTH],
        "frozen": ["wpe.*", "down.bias"],
        "layers": [
            {"type": "embedding", "name": "wte", "count": TOKENS, "features": WIDTH},
            {"type": "parameter", "name": "wpe", "shape": [LENGTH, WIDTH]},
            {"type": "add", "from": ["wte", "wpe"]},
            {"type": "layer_norm", "name": "ln"},
            {"type": "linear", "name": "up", "features": 6},
            {"type": "gelu"},
            {"type": "linear", "name": "down", "features": WIDTH},
            {"type": "linear", "name": "lm_head", "features": TOKENS, "bias": False, "weight": "wte.weight"},
        ],
    },
    inputs=integers(TOKENS, LENGTH),
    outputs=LENGTH * TOKENS,
    targets=classes(TOKENS, LENGTH, ignore=-1),
    training={"loss": "cross_entropy", "class_weights": CLASS_WEIGHTS.tolist(), "smoothing": 0.125, "ignore": -1},
    own_loss=lambda number, outputs, target: terms(number, outputs, target).sum() / count(number, target),
    weight=count,
    terms=terms,
    files={"weights.npy": OF_POSITIONS},
    data={"weights": "weights.npy"},
    groups=[4, -1, 4, 9, -1, 4],
    rate=0.1,
    momentum=0.75,
    decay=0.1,
    parameter_groups=[
        {"parameters": ["ln.*", "*.bias"], "weight_decay": 0.0, "learning_rate": 0.2},
        {"parameters": ["wte.weight"], "learning_rate": 0.05, "momentum": 0.5},
    ],
    batches=[[0, 1, 2], [3, 4, 4], [5, 2, 0], [1, 1, 1], [4, 0, 5]],
    steps=5,
    kernel={"nodes": 3, "positions": True, "readout": {"type": "loss", "positions": [2, 0]}},
    readout=lambda outputs, target: each(outputs, target)[[2, 0]],
    query_targets=True,
)
