"""Layers that read positions one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import fx

from ..tensors import View
from ..translate import Translator, Unsupported, handles
from .arithmetic import part_shape

KINDS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


@handles("lstm")
def lstm(
    t: Translator,
    node: fx.Node,
    input: fx.Node,
    hx: Sequence[fx.Node],
    params: Sequence[fx.Node],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
    **_: Any,
) -> dict[int, str]:
    own = t.layout(input)
    if own.batch is not None and own.batch != (0 if batch_first else 1):
        raise Unsupported("the axis of the examples is not the one that batch_first says")
    if any((values := t.array(state)) is None or values.any() for state in hx):
        raise Unsupported("a state before the first position; lstm starts at zeros")
    each, directions = (4 if has_biases else 2), (2 if bidirectional else 1)
    if len(params) != each * directions * num_layers:
        raise Unsupported("a projection of the output (proj_size); linear after lstm is the nearest")
    value, last = t.read(input), []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            first = each * (layer * directions + direction)
            outputs.append(sweep(t, value, params[first : first + each], direction == 1))
        last += [at_end(t, output, direction == 1) for direction, output in enumerate(outputs)]
        value = t.network.concat(outputs, 1)
        if dropout and train and layer + 1 < num_layers:
            value = t.network.pointwise("dropout", value, p=dropout)
    state = t.network.concat(last, 0)
    return {0: t.network.reshape(value, part_shape(node, 0)), 1: t.network.reshape(state, part_shape(node, 1))}


def sweep(t: Translator, value: str, params: Sequence[fx.Node], backwards: bool) -> str:
    """One layer in one direction, [positions, features]."""
    views: dict[str, View] = {}
    for kind, param in zip(KINDS, params):
        view = t.view(param)
        if view is None or view != t.tensors.whole(view.tensor) or not t.tensors.fits(view):
            raise Unsupported("lstm with computed weights")
        if view.tensor in t.tensors.homes:
            raise Unsupported("lstm that is called twice; a module for each call is the nearest")
        views[kind] = view
    first = views[KINDS[0]]
    path, _, own = first.tensor.rpartition(".")
    layer = path if own == KINDS[0] and path and path not in t.network.shapes else t.network.free(f"{path}.{own.removeprefix('weight_ih_')}" if path else own)
    t.tensors.attach(layer, views)
    positions, features = t.network.shapes[value][0], first.shape[0] // 4
    flipped = np.eye(positions)[::-1]
    value = t.network.along(value, 0, flipped) if backwards else value
    bias = {} if len(params) == 4 else {"bias": False}
    result = t.network.add("lstm", [value], (positions, features), name=layer, features=features, **bias)
    return t.network.along(result, 0, flipped) if backwards else result


def at_end(t: Translator, output: str, backwards: bool) -> str:
    """What a layer gives after its last position, which is the first one backwards."""
    positions = t.network.shapes[output][0]
    at = 0 if backwards else positions - 1
    return t.network.slice(output, 0, at, at + 1)
