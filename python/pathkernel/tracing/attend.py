"""The layer `attention`, of values whose heads come first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .fuse import layer_of
from .network import Network

#: What stands for -∞ where scores are masked: what is left of it after softmax is 0.
HIDDEN = -1e4


@dataclass(frozen=True)
class Options:
    """What there is to say of attention beside what it reads."""

    causal: bool = False
    scale: float | None = None
    dropout: float = 0.0


def attend(network: Network, queries: str, keys: str, values: str, mask: str | None, options: Options) -> str:
    """Attention of queries, keys and values, [heads, positions, features] each; so is what it gives.

    A mask is added to the scores, [queries, keys] or [heads, queries, keys].
    """
    keys, values = without_repeats(network, keys, values)
    heads, kv_heads = network.shapes[queries][0], network.shapes[keys][0]
    positions, width = network.shapes[queries][1], network.shapes[values][2]
    if mask and (constant := layer_of(network, mask, "constant")) and is_causal(constant["values"]):
        mask, options = None, Options(True, options.scale, options.dropout)
    sources = [side_by_side(network, name) for name in (queries, keys, values)] + ([mask] if mask else [])
    own: dict[str, Any] = {"heads": heads} if heads > 1 else {}
    own |= {"kv_heads": kv_heads} if kv_heads != heads else {}
    own |= {"causal": True} if options.causal else {}
    own |= {"scale": options.scale} if options.scale is not None else {}
    own |= {"dropout": options.dropout} if options.dropout else {}
    whole = network.add("attention", sources, (positions, heads * width), **own)
    return network.permute(network.reshape(whole, (positions, heads, width)), [1, 0, 2])


def side_by_side(network: Network, name: str) -> str:
    """Heads side by side in the features, [positions, heads * features]."""
    heads, positions, width = network.shapes[name]
    return network.reshape(network.permute(name, [1, 0, 2]), (positions, heads * width))


def without_repeats(network: Network, keys: str, values: str) -> tuple[str, str]:
    """Keys and values whose heads are not repeated for several heads of queries, where both were."""
    own = [unrepeated(network, name) for name in (keys, values)]
    if own[0] and own[1] and network.shapes[own[0]][0] == network.shapes[own[1]][0]:
        return own[0], own[1]
    return keys, values


def unrepeated(network: Network, name: str) -> str | None:
    """What [heads, positions, features] are, if each head of it was repeated."""
    reshape = layer_of(network, name, "reshape")
    broadcast = layer_of(network, reshape["from"], "broadcast") if reshape else None
    if broadcast is None:
        return None
    before, after = network.shapes[broadcast["from"]], network.shapes[broadcast["name"]]
    positions, width = network.shapes[name][1:]
    if len(before) != 4 or before[1] != 1 or (after[0], *after[2:]) != (before[0], positions, width):
        return None
    return network.reshape(broadcast["from"], (before[0], positions, width))


def is_causal(mask: np.ndarray) -> bool:
    """Whether what is added to the scores hides just the keys after a query's own place."""
    if mask.ndim > 2 and mask.shape[:-2] == (1,) * (mask.ndim - 2):
        mask = mask.reshape(mask.shape[-2:])
    if mask.ndim != 2 or mask.shape[0] == 1:
        return False
    rows, columns = np.indices(mask.shape)
    return not mask[columns <= rows].any() and bool((mask[columns > rows] <= HIDDEN).all())
