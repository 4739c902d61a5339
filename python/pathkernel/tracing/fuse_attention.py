"""Attention that is spelled out by hand: a product with the softmax of a product."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .attend import HIDDEN, Options, attend
from .fuse import layer_of
from .network import LARGEST, Network, reads


@dataclass
class Scores:
    """Products of queries with keys, and what is done with them before the softmax."""

    queries: str
    #: Keys with their last two axes exchanged.
    turned: str
    scale: float
    #: What is added, each with what it is multiplied by.
    added: list[tuple[str, float]] = field(default_factory=list)


def attention(network: Network, weights: str, values: str) -> str | None:
    """The value of `weights @ values`, if the weights are a softmax of products."""
    dropped = layer_of(network, weights, "dropout")
    softmax = layer_of(network, dropped["from"] if dropped else weights, "softmax")
    shape = network.shapes[weights]
    if softmax is None or softmax["axis"] != len(shape) - 1 or len(shape) not in (2, 3):
        return None
    scores = scores_of(network, softmax["from"], 1.0)
    if scores is None or not fits(network, scores, values, shape):
        return None
    rank = len(network.shapes[scores.turned])
    keys = network.permute(scores.turned, [*range(rank - 2), rank - 1, rank - 2])
    q, k, v = (network.reshape(name, (1, *network.shapes[name])[-3:]) for name in (scores.queries, keys, values))
    mask = summed(network, scores.added, shape) if scores.added else None
    options = Options(scale=scores.scale, dropout=dropped["p"] if dropped else 0.0)
    apart = attend(network, q, k, v, mask, options)
    return network.reshape(apart, (*shape[:-1], network.shapes[values][-1]))


def scores_of(network: Network, name: str, by: float) -> Scores | None:
    """A value as products of queries and keys, times a number and with masks added."""
    layer = network.layers.get(name, {})
    match layer.get("type"):
        case "matmul":
            queries, turned = reads(layer)
            return Scores(queries, turned, by)
        case "scale":
            return scores_of(network, layer["from"], by * layer["by"])
        case "mask":
            return masked(network, layer, by)
        case "add" if len(reads(layer)) == 2:
            return biased(network, reads(layer), by)
        case "reshape" if without_ones(network.shapes[name]) == without_ones(network.shapes[layer["from"]]):
            return scores_of(network, layer["from"], by)
    return None


def masked(network: Network, layer: dict[str, Any], by: float) -> Scores | None:
    """Scores of which some are hidden, the same for every example; some of each row are left."""
    source, mask = reads(layer)
    constant = layer_of(network, mask, "constant")
    is_hidden = layer.get("value", -LARGEST) * by <= HIDDEN
    if constant is None or not is_hidden or (constant["values"] != 0).all(-1).any():
        return None
    scores = scores_of(network, source, by)
    if scores:
        scores.added.append((network.constant(np.where(constant["values"] != 0, -LARGEST, 0.0)), 1.0))
    return scores


def biased(network: Network, parts: list[str], by: float) -> Scores | None:
    """Scores plus something."""
    for own, other in (parts, parts[::-1]):
        if len(network.shapes[own]) >= len(network.shapes[other]) and (scores := scores_of(network, own, by)):
            scores.added.append((other, by))
            return scores
    return None


def without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(side for side in shape if side != 1)


def fits(network: Network, scores: Scores, values: str, shape: tuple[int, ...]) -> bool:
    """Whether queries, keys and values are heads of one number, [heads, positions, features]."""
    heads, queries, keys = (1, *shape)[-3:]
    q, k, v = (network.shapes[name] for name in (scores.queries, scores.turned, values))
    wanted = [(heads, queries, q[-1]), (heads, q[-1], keys), (heads, keys, v[-1])]
    return all((1, 1, *own)[-3:] == want and len(own) <= 3 for own, want in zip((q, k, v), wanted, strict=True))


def summed(network: Network, added: list[tuple[str, float]], shape: tuple[int, ...]) -> str:
    """All that is added to scores of a shape, [queries, keys] where it is the same for all heads."""
    parts = [network.scale(name, by) for name, by in added]
    whole = network.total(parts) if len(parts) > 1 else parts[0]
    own = network.shapes[whole]
    own = (1,) * (len(shape) - len(own)) + own
    is_shared = len(shape) == 2 or own[0] == 1
    wanted = shape[-2:] if is_shared else shape
    return network.broadcast(network.reshape(whole, own[-len(wanted) :]), wanted)
