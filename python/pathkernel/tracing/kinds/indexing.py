"""Places by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import fx

from ..program import Kind
from ..translate import Translator, Unsupported, handles


@handles("index_select")
def index_select(t: Translator, node: fx.Node, self: fx.Node, dim: int, index: fx.Node) -> str:
    places = t.array(index)
    if places is None:
        raise Unsupported(
            "places that depend on the inputs; places that are the same for every example are the nearest"
        )
    return along(t, t.read(self), t.layout(self).axis(dim), places)


@handles("index")
def index(t: Translator, node: fx.Node, self: fx.Node, indices: Sequence[fx.Node | None]) -> str:
    named = [(axis, place) for axis, place in enumerate(indices) if place is not None]
    own = t.layout(self)
    constant = [
        (axis, t.array(place))
        for axis, place in named
        if t.kind(place) is Kind.CONSTANT and t.layout(place).batch is None
    ]
    if len(named) == len(constant) == 1 and own.batch != named[0][0]:
        return one_axis(t, node, self, *constant[0])
    if own.batch is not None and len(named) == 2 and named[0][0] == own.batch == 0:
        return one_place(t, node, self, named)
    if (
        own.batch is None
        and len(constant) == len(named)
        and [axis for axis, _ in constant] == list(range(len(constant)))
    ):
        return several_axes(t, node, self, [place for _, place in constant])
    raise Unsupported(
        "places by several arrays, or by one that depends on the inputs; "
        "slices and gather along one axis are the nearest"
    )


def one_axis(t: Translator, node: fx.Node, source: fx.Node, axis: int, places: np.ndarray | None) -> str:
    """Places of one axis that are the same for every example."""
    assert places is not None
    if places.dtype == bool:
        places = np.flatnonzero(places)
    return t.shaped(along(t, t.read(source), t.layout(source).axis(axis), places.reshape(-1)), node)


def along(t: Translator, value: str, axis: int, places: np.ndarray) -> str:
    """Some places of an axis: a slice where they follow one another, else a product with zeros and ones."""
    side = t.network.shapes[value][axis]
    places = np.asarray(places).reshape(-1) % side
    steps = set(np.diff(places).tolist())
    if len(steps) <= 1 and min(steps or {1}) > 0:
        return t.network.slice(value, axis, int(places[0]), int(places[-1]) + 1, int(min(steps or {1})))
    return t.network.along(value, axis, np.eye(side)[places])


def several_axes(t: Translator, node: fx.Node, source: fx.Node, places: Sequence[np.ndarray | None]) -> str:
    """Places of the first axes of a value that is the same for every example."""
    own = t.layout(source).whole
    count = len(places)
    wide = np.broadcast_arrays(*(np.asarray(place) for place in places))
    flat = np.ravel_multi_index(tuple(place % side for place, side in zip(wide, own, strict=False)), own[:count])
    rows = t.network.reshape(t.read(source), (int(np.prod(own[:count])), *own[count:]))
    return t.shaped(along(t, rows, 0, flat.reshape(-1)), node)


def one_place(t: Translator, node: fx.Node, source: fx.Node, named: Sequence[tuple[int, fx.Node]]) -> str:
    """`x[arange(n), places]`: a place of each example, by a row of zeros and a one."""
    (_, examples), (axis, places) = named
    own = t.layout(source)
    if (
        axis != 1
        or t.kind(examples) is not Kind.CONSTANT
        or t.kind(places) is not Kind.INPUTS
        or t.layout(places).shape
    ):
        raise Unsupported("a place for each example, x[arange(n), places], is the nearest")
    side = own.whole[1]
    chosen = t.one_hot(places, side)
    shape = t.shape(source)
    rows = t.network.reshape(t.read(source), (side, int(np.prod(shape[1:]))))
    return t.shaped(t.network.matmul(t.network.reshape(chosen, (1, side)), rows), node)


@handles("gather")
def gather(t: Translator, node: fx.Node, self: fx.Node, dim: int, index: fx.Node, **_: Any) -> str:
    places = t.array(index)
    own = t.layout(self)
    axis = own.axis(dim)
    if places is None:
        return gathered_by_inputs(t, node, self, axis, index)
    wide = places.reshape((1,) * (len(t.shape(self)) - places.ndim) + places.shape)
    order = [*(at for at in range(wide.ndim) if at != axis), axis]
    rows = np.transpose(wide, order).reshape(-1, wide.shape[axis])
    if (rows != rows[:1]).any():
        raise Unsupported("gather of other places in each row; index_select is the nearest")
    return along(t, t.read(self), axis, rows[0])


def gathered_by_inputs(t: Translator, node: fx.Node, source: fx.Node, axis: int, index: fx.Node) -> str:
    """One place for each example along an axis, the same in all of its rows."""
    shape, wanted = t.shape(source), t.shape(index)
    rest = [side for at, side in enumerate(wanted) if at != axis]
    inner = index
    from ..program import operator_name

    while operator_name(inner) in ("expand", "expand_as", "repeat"):
        inner = inner.args[0]  # type: ignore[assignment]
    single = int(np.prod(t.shape(inner))) == 1
    if t.kind(index) is not Kind.INPUTS or not single or wanted[axis] != 1:
        raise Unsupported("gather of several places that depend on the inputs; one for each example is the nearest")
    order = [axis, *(at for at in range(len(shape)) if at != axis)]
    rows = t.network.reshape(t.network.permute(t.read(source), order), (shape[axis], int(np.prod(rest))))
    chosen = t.network.reshape(t.one_hot(inner, shape[axis]), (1, shape[axis]))
    return t.shaped(t.network.matmul(chosen, rows), node)
