"""Attributions split by the positions of the examples' targets: the gradient of each position's term by itself."""

import numpy as np
import torch
from torch.nn import functional as F

from cases.images import shaken
from cases.losses import WEIGHTS, classes, counted, model, network, numbers, of_positions, probabilities
from cases.people_decoders import LENGTH, TOKENS, Gpt, following, gpt
from generate import case, integers, normal

# What the positions of a causal decoder count: one of them nothing.
OF_TOKENS = numbers(11, 5, LENGTH)
OF_TOKENS[2, 1] = 0.0


def of_tokens(number, outputs, target):
    """ω times the loss of every position; 0 of those that are ignored."""
    each = F.cross_entropy(outputs.reshape(LENGTH, TOKENS), target, ignore_index=-100, reduction="none")
    return torch.as_tensor(OF_TOKENS[number]) * each


def count(number, target):
    return float((OF_TOKENS[number] * (np.asarray(target) != -100)).sum())


def decoder(name, about, **parts):
    case(
        f"by_position_{name}",
        about,
        model={"input": [LENGTH], "layers": gpt(False, "none", True)},
        module=lambda: shaken(Gpt(False, "none", True)),
        inputs=integers(TOKENS, LENGTH),
        outputs=LENGTH * TOKENS,
        targets=following(-100),
        training={"loss": "cross_entropy", "ignore": -100},
        own_loss=lambda number, outputs, target: of_tokens(number, outputs, target).sum() / count(number, target),
        weight=count,
        terms=of_tokens,
        files={"weights.npy": OF_TOKENS},
        data={"weights": "weights.npy"},
        kernel={"nodes": 6, "positions": True, "readout": {"type": "loss", "positions": [3, 2]}},
        readout=lambda outputs, target: F.cross_entropy(
            outputs.reshape(LENGTH, TOKENS), target, ignore_index=-100, reduction="none")[[3, 2]],
        query_targets=True,
        **dict(steps=3, m=5, n=2, batches=[[0, 1, 2], [3, 4, 4], [2, 0, 3]]) | parts,
    )  # fmt: skip


decoder("sgd", "a causal decoder whose head is tied to its tokens, ignored targets, weights of positions", rate=0.1)
decoder(
    "adamw",
    "the same with AdamW and decay",
    rate=0.02,
    adamw={"betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.2},
)

OF_ROWS = numbers(12, 6, 4)


case(
    "by_position_groups",
    "a column a group, with momentum, weights of positions and classes, ignored targets; the queries are the examples",
    module=network(2, 4, 3),
    model=model([4, 2], 4, 3),
    inputs=normal(4, 2),
    outputs=12,
    targets=classes(3, 4, ignore=-100),
    training={"loss": "cross_entropy", "class_weights": WEIGHTS.tolist(), "ignore": -100},
    own_loss=lambda number, outputs, target: of_positions(-100, WEIGHTS)(outputs, target, torch.as_tensor(OF_ROWS[number])),
    weight=lambda number, target: float(counted(torch.as_tensor(target), torch.as_tensor(OF_ROWS[number]), -100, WEIGHTS)),
    terms=lambda number, outputs, target: torch.as_tensor(OF_ROWS[number]) * F.cross_entropy(
        outputs.reshape(4, 3), target, weight=WEIGHTS, ignore_index=-100, reduction="none"),
    files={"weights.npy": OF_ROWS},
    data={"weights": "weights.npy"},
    groups=[7, -2, 7, 30, -2, 7],
    momentum=0.5,
    n=0,
    steps=4,
    kernel={"positions": True},
    rate=0.3,
)  # fmt: skip

case(
    "by_position_kernel",
    "probabilities at every position, summed over the batch; beside the whole kernel and its coefficients",
    module=network(2, 4, 3),
    model=model([4, 2], 4, 3),
    inputs=normal(4, 2),
    outputs=12,
    targets=probabilities(4, 3),
    training={"loss": "cross_entropy", "reduction": "sum"},
    loss=lambda outputs, target: F.cross_entropy(outputs.reshape(4, 3), target, reduction="sum"),
    terms=lambda number, outputs, target: F.cross_entropy(outputs.reshape(4, 3), target, reduction="none"),
    batches=[[0, 1, 2], [3, 4, 4], [5, 2, 0]],
    steps=3,
    kernel={"positions": True, "kernel": "full", "coefficients": True},
    rate=0.02,
)
