"""Layers that read positions one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import fx

from ..program import operator_name
from ..tensors import View
from ..translate import Translator, Unsupported, handles
from .arithmetic import part_shape
from .products import with_weight

#: Positions that are taken apart one by one, at the most.
MOST_POSITIONS = 512
#: The tensors of a layer of lstm, in PyTorch's order.
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
    if any((values := t.array(state)) is None or values.any() for state in hx):
        raise Unsupported("a state before the first position; lstm starts at zeros")
    each, directions = (4 if has_biases else 2), (2 if bidirectional else 1)
    if len(params) != each * directions * num_layers:
        raise Unsupported("a projection of the output (proj_size); linear after lstm is the nearest")

    def own(value: str, layer: int, backwards: bool) -> str:
        return sweep(t, value, params[each * layer : each * (layer + 1)], backwards)

    return layers_of(t, node, input, own, num_layers, directions, dropout if train else 0, batch_first)


def layers_of(
    t: Translator,
    node: fx.Node,
    input: fx.Node,
    own: Callable[[str, int, bool], str],
    num_layers: int,
    directions: int,
    dropout: float,
    batch_first: bool,
) -> dict[int, str]:
    """Layers one above the other, each perhaps in two directions.

    Returns the outputs of all positions, and those at the end of each layer.
    """
    layout = t.layout(input)
    if layout.batch is not None and layout.batch != (0 if batch_first else 1):
        raise Unsupported("the axis of the examples is not the one that batch_first says")
    value, last = t.read(input), []
    for layer in range(num_layers):
        outputs = [own(value, layer * directions + direction, direction == 1) for direction in range(directions)]
        last += [at_end(t, output, direction == 1) for direction, output in enumerate(outputs)]
        value = t.network.concat(outputs, 1)
        if dropout and layer + 1 < num_layers:
            value = t.network.pointwise("dropout", value, p=dropout)
    state = t.network.concat(last, 0)
    return {0: t.network.reshape(value, part_shape(node, 0)), 1: t.network.reshape(state, part_shape(node, 1))}


def sweep(t: Translator, value: str, params: Sequence[fx.Node], backwards: bool) -> str:
    """One layer in one direction, [positions, features]."""
    views: dict[str, View] = {}
    for kind, param in zip(KINDS, params, strict=False):
        view = t.view(param)
        if view is None or view != t.tensors.whole(view.tensor) or not t.tensors.fits(view):
            raise Unsupported("lstm with computed weights")
        if view.tensor in t.tensors.homes:
            raise Unsupported("lstm that is called twice; a module for each call is the nearest")
        views[kind] = view
    first = views[KINDS[0]]
    path, _, own = first.tensor.rpartition(".")
    layer = (
        path
        if own == KINDS[0] and path and path not in t.network.shapes
        else t.network.free(f"{path}.{own.removeprefix('weight_ih_')}" if path else own)
    )
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


@handles("gru", "rnn_tanh", "rnn_relu")
def unrolled(
    t: Translator,
    node: fx.Node,
    input: fx.Node,
    hx: fx.Node,
    params: Sequence[fx.Node],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> dict[int, str]:
    """Position by position: the engine has a kind for lstm alone."""
    if (state := t.array(hx)) is None or state.any():
        raise Unsupported("a state before the first position; it starts at zeros")
    step = gru_step if operator_name(node) == "gru" else rnn_step(operator_name(node).removeprefix("rnn_"))
    each = 4 if has_biases else 2

    def own(value: str, layer: int, backwards: bool) -> str:
        return positions_of(t, value, params[each * layer : each * (layer + 1)], backwards, step)

    return layers_of(t, node, input, own, num_layers, 2 if bidirectional else 1, dropout if train else 0, batch_first)


#: The output of a position, of what its input and the output before give, [1, ...] each, and of that output.
Step = Callable[[Translator, str, str, str], str]


def gru_step(t: Translator, of_input: str, of_state: str, state: str) -> str:
    network, features = t.network, t.network.shapes[state][1]

    def part(value: str, at: int) -> str:
        return network.slice(value, 1, at * features, (at + 1) * features)

    reset, update = (
        network.pointwise("sigmoid", network.total([part(of_input, at), part(of_state, at)])) for at in (0, 1)
    )
    new = network.pointwise("tanh", network.total([part(of_input, 2), network.product([reset, part(of_state, 2)])]))
    kept = network.product([update, network.total([state, network.scale(new, -1)])])
    return network.total([new, kept])


def rnn_step(function: str) -> Step:
    return lambda t, of_input, of_state, state: t.network.pointwise(function, t.network.total([of_input, of_state]))


def positions_of(t: Translator, value: str, params: Sequence[fx.Node], backwards: bool, step: Step) -> str:
    """One layer in one direction, [positions, features]."""
    network = t.network
    bias_of_input, bias_of_state = params[2:] if len(params) == 4 else (None, None)
    of_inputs = weighted(t, value, params[0], bias_of_input)
    positions = network.shapes[value][0]
    if positions > MOST_POSITIONS:
        raise Unsupported(f"{positions} positions; up to {MOST_POSITIONS} are taken apart, and lstm takes more")
    state = network.constant(np.zeros((1, t.shape(params[1])[1])))
    outputs: dict[int, str] = {}
    for at in range(positions)[:: -1 if backwards else 1]:
        state = step(t, network.slice(of_inputs, 0, at, at + 1), weighted(t, state, params[1], bias_of_state), state)
        outputs[at] = state
    return network.concat([outputs[at] for at in range(positions)], 0)


def weighted(t: Translator, value: str, weight: fx.Node, bias: fx.Node | None) -> str:
    """A linear layer with a tensor; a later call shares it."""
    view = t.view(weight)
    if view is None or not t.tensors.fits(view):
        raise Unsupported("computed weights; a module whose weights are parameters is the nearest")
    return with_weight(t, value, view, bias)


@handles("lstm_cell")
def lstm_cell(
    t: Translator,
    node: fx.Node,
    input: fx.Node,
    hx: Sequence[fx.Node],
    w_ih: fx.Node,
    w_hh: fx.Node,
    b_ih: Any = None,
    b_hh: Any = None,
) -> dict[int, str]:
    network, (state, memory) = t.network, [t.aligned(part, t.layout(input)) for part in hx]
    gates = network.total([weighted(t, t.read(input), w_ih, b_ih), weighted(t, state, w_hh, b_hh)])
    side, features = network.shapes[gates][-1], network.shapes[gates][-1] // 4
    parts = [network.slice(gates, len(network.shapes[gates]) - 1, at, at + features) for at in range(0, side, features)]
    # In PyTorch's order: input, forget, what is put in, output.
    into, forget, output = (network.pointwise("sigmoid", parts[at]) for at in (0, 1, 3))
    put = network.pointwise("tanh", parts[2])
    memory = network.total([network.product([forget, memory]), network.product([into, put])])
    return {0: network.product([output, network.pointwise("tanh", memory)]), 1: memory}


@handles("gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
def cell(
    t: Translator,
    node: fx.Node,
    input: fx.Node,
    hx: fx.Node,
    w_ih: fx.Node,
    w_hh: fx.Node,
    b_ih: Any = None,
    b_hh: Any = None,
) -> str:
    name = operator_name(node)
    step = gru_step if name == "gru_cell" else rnn_step(name.removeprefix("rnn_").removesuffix("_cell"))
    value, state = (
        t.network.reshape(own, (1, t.network.shapes[own][-1])) for own in (t.read(input), t.aligned(hx, t.layout(node)))
    )
    of_input, of_state = weighted(t, value, w_ih, b_ih), weighted(t, state, w_hh, b_hh)
    return t.shaped(step(t, of_input, of_state, state), node)
