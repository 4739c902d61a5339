"""Operators that move numbers about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import fx

from ..program import Kind
from ..translate import Translator, Unsupported, handles


@handles(
    "view",
    "reshape",
    "_unsafe_view",
    "flatten",
    "unflatten",
    "unsqueeze",
    "squeeze",
    "view_as",
    "reshape_as",
    "squeeze_copy",
)
def reshape(t: Translator, node: fx.Node, self: fx.Node, **_: Any) -> str:
    return t.shaped(t.read(self), node)


@handles("atleast_1d", "atleast_2d", "atleast_3d", "ravel")
def ravelled(t: Translator, node: fx.Node, self: fx.Node, **_: Any) -> str:
    return t.shaped(t.read(self), node)


@handles("permute")
def permute(t: Translator, node: fx.Node, self: fx.Node, dims: Sequence[int], **_: Any) -> str:
    return permuted(t, node, self, dims)


def permuted(t: Translator, node: fx.Node, source: fx.Node, dims: Sequence[int]) -> str:
    """The axes of a batch in another order."""
    own = t.layout(source)
    rank = len(own.whole)
    kept = [axis for axis in range(rank) if axis != own.dropped]
    axes = [kept.index(axis % rank) for axis in dims if axis % rank != own.dropped]
    value = t.read(source)
    return t.shaped(t.network.permute(value, axes) if own.shape else value, node)


@handles("transpose", "swapaxes", "swapdims")
def transpose(t: Translator, node: fx.Node, self: fx.Node, **axes: int) -> str:
    rank = len(t.layout(self).whole)
    order = list(range(rank))
    first, second = (axis % rank for axis in axes.values())
    order[first], order[second] = second, first
    return permuted(t, node, self, order)


@handles("t", "numpy_T", "mT", "matrix_H", "adjoint")
def turned(t: Translator, node: fx.Node, self: fx.Node, **_: Any) -> str:
    rank = len(t.layout(self).whole)
    order = list(range(rank))
    return permuted(t, node, self, [*order[:-2], *order[-2:][::-1]] if rank > 1 else order)


@handles("movedim", "moveaxis")
def movedim(t: Translator, node: fx.Node, self: fx.Node, source: Any, destination: Any, **_: Any) -> str:
    rank = len(t.layout(self).whole)
    sources = [axis % rank for axis in ([source] if isinstance(source, int) else source)]
    targets = [axis % rank for axis in ([destination] if isinstance(destination, int) else destination)]
    rest = iter(axis for axis in range(rank) if axis not in sources)
    order = [sources[targets.index(axis)] if axis in targets else next(rest) for axis in range(rank)]
    return permuted(t, node, self, order)


@handles("expand", "expand_as", "broadcast_to")
def expand(t: Translator, node: fx.Node, self: fx.Node, **_: Any) -> str:
    return t.network.broadcast(t.aligned(self, t.layout(node)), t.shape(node))


@handles("repeat", "tile")
def repeat(t: Translator, node: fx.Node, self: fx.Node, **counts: Any) -> str:
    own, out = t.layout(self), t.layout(node)
    times = [t.whole_number(count) for count in next(iter(counts.values()))]
    sides = (1,) * (len(out.whole) - len(own.whole)) + own.whole
    times = [1] * (len(out.whole) - len(times)) + times
    grown = [part for side, count in zip(sides, times, strict=True) for part in (count, side)]
    flat = [part for side in sides for part in (1, side)]
    value = t.network.broadcast(t.network.reshape(t.read(self), tuple(flat)), tuple(grown))
    return t.shaped(value, node)


@handles("repeat_interleave")
def repeat_interleave(
    t: Translator, node: fx.Node, self: fx.Node, repeats: Any, dim: int | None = None, **_: Any
) -> str:
    if not isinstance(repeats, int) or dim is None:
        raise Unsupported("repeat_interleave by a number, along an axis, is the nearest")
    axis, shape = t.layout(self).axis(dim), t.shape(self)
    value = t.network.reshape(t.read(self), (*shape[: axis + 1], 1, *shape[axis + 1 :]))
    value = t.network.broadcast(value, (*shape[: axis + 1], repeats, *shape[axis + 1 :]))
    return t.shaped(value, node)


@handles("slice")
def slice_(
    t: Translator,
    node: fx.Node,
    self: fx.Node,
    dim: int = 0,
    start: Any = None,
    end: Any = None,
    step: int = 1,
    **_: Any,
) -> str:
    if is_batch(t, self, dim):
        if node.meta["val"].shape == self.meta["val"].shape:
            return t.read(self)
        raise Unsupported("some examples of the batch are left out here; every example has to be on its own")
    axis, first, last, by = places(t, self, dim, start, end, step)
    return t.network.slice(t.read(self), axis, first, max(first, last), by)


def is_batch(t: Translator, value: fx.Node, dim: int) -> bool:
    """Whether an axis is that of the examples."""
    own = t.layout(value)
    return own.batch is not None and dim % len(own.whole) == own.batch


def places(t: Translator, value: fx.Node, dim: int, start: Any, end: Any, step: int) -> tuple[int, int, int, int]:
    """The axis of a slice, its first place and the one behind its last, and how many it goes on by."""
    axis = t.layout(value).axis(dim)
    ends = [None if edge is None else t.whole_number(edge) for edge in (start, end)]
    return axis, *slice(ends[0], ends[1], step).indices(t.shape(value)[axis])


@handles("narrow")
def narrow(t: Translator, node: fx.Node, self: fx.Node, dim: int, start: Any, length: Any, **_: Any) -> str:
    axis, first = t.layout(self).axis(dim), t.whole_number(start)
    return t.network.slice(t.read(self), axis, first, first + t.whole_number(length))


@handles("select")
def select(t: Translator, node: fx.Node, self: fx.Node, dim: int, index: Any, **_: Any) -> str:
    axis = t.layout(self).axis(dim)
    at = t.whole_number(index) % t.shape(self)[axis]
    return t.shaped(t.network.slice(t.read(self), axis, at, at + 1), node)


@handles("chunk", "split", "split_with_sizes", "tensor_split", "unsafe_chunk", "unsafe_split")
def split(t: Translator, node: fx.Node, self: fx.Node, dim: int = 0, **_: Any) -> dict[int, str]:
    return pieces(t, node, self, dim)


@handles("unbind")
def unbind(t: Translator, node: fx.Node, self: fx.Node, dim: int = 0) -> dict[int, str]:
    axis = t.layout(self).axis(dim)
    shape = t.shape(self)
    rest = (*shape[:axis], *shape[axis + 1 :]) or (1,)
    value = t.read(self)
    parts = (t.network.slice(value, axis, at, at + 1) for at in range(shape[axis]))
    return {at: t.network.reshape(part, rest) for at, part in enumerate(parts)}


def pieces(t: Translator, node: fx.Node, source: fx.Node, dim: int) -> dict[int, str]:
    """A value cut along an axis, into pieces of the lengths that the node's values have."""
    own = t.layout(source)
    axis = own.axis(dim)
    lengths = [int(part.shape[dim]) for part in node.meta["val"]]
    starts = np.cumsum([0, *lengths[:-1]])
    value = t.read(source)
    return {
        at: t.network.slice(value, axis, int(first), int(first) + length)
        for at, (first, length) in enumerate(zip(starts, lengths, strict=True))
    }


@handles("cat", "concat", "concatenate")
def cat(t: Translator, node: fx.Node, tensors: Sequence[fx.Node], dim: int = 0, **_: Any) -> str:
    out = t.layout(node)
    axis = out.axis(dim)
    filled = [tensor for tensor in tensors if math.prod(t.layout(tensor).whole)]
    values = [t.aligned(tensor, out) for tensor in filled]
    shape = t.shape(node)
    values = [t.network.reshape(value, whole_rank(t.network.shapes[value], shape)) for value in values]
    return t.network.concat(values, axis)


def whole_rank(own: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with as many axes as another."""
    return (1,) * (len(shape) - len(own)) + own


@handles("stack")
def stack(t: Translator, node: fx.Node, tensors: Sequence[fx.Node], dim: int = 0) -> str:
    out = t.layout(node)
    axis = out.axis(dim)
    one = (*t.shape(node)[:axis], 1, *t.shape(node)[axis + 1 :])
    return t.network.concat([t.network.reshape(t.read(tensor), one) for tensor in tensors], axis)


@handles("select_scatter")
def select_scatter(t: Translator, node: fx.Node, self: fx.Node, src: fx.Node, dim: int, index: Any) -> str:
    axis = t.layout(self).axis(dim)
    at = t.whole_number(index) % t.shape(self)[axis]
    one = (*t.shape(self)[:axis], 1, *t.shape(self)[axis + 1 :])
    return put(t, self, t.network.broadcast(t.network.reshape(t.read(src), one), one), axis, at, at + 1)


@handles("slice_scatter")
def slice_scatter(
    t: Translator,
    node: fx.Node,
    self: fx.Node,
    src: fx.Node,
    dim: int = 0,
    start: Any = None,
    end: Any = None,
    step: int = 1,
) -> str:
    if is_batch(t, self, dim):
        if src.meta["val"].shape == self.meta["val"].shape:
            return t.read(src)
        raise Unsupported("some examples of the batch are written here; every example has to be on its own")
    axis, first, last, by = places(t, self, dim, start, end, step)
    if by != 1:
        raise Unsupported("writing every other place; cat of slices is the nearest")
    return put(t, self, t.read(src), axis, first, last)


def put(t: Translator, whole: fx.Node, part: str, axis: int, first: int, last: int) -> str:
    """A value with a part of an axis replaced."""
    value, side = t.read(whole), t.shape(whole)[axis]
    before = [t.network.slice(value, axis, 0, first)] if first else []
    after = [t.network.slice(value, axis, last, side)] if last < side else []
    return t.network.concat([*before, part, *after], axis)


@handles("copy")
def copy(t: Translator, node: fx.Node, self: fx.Node, src: fx.Node, **_: Any) -> str:
    return t.network.broadcast(t.aligned(src, t.layout(node)), t.shape(node))


@handles("fill", "fill_")
def fill(t: Translator, node: fx.Node, self: fx.Node, value: Any) -> str:
    number = t.number(value)
    if number is None:
        return t.network.broadcast(t.aligned(value, t.layout(node)), t.shape(node))
    return t.network.constant(np.full(t.shape(node), number))


@handles("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full", "zeros", "ones", "full")
def filled(t: Translator, node: fx.Node, **arguments: Any) -> str:
    starts = {"zeros": 0.0, "ones": 1.0}
    name = str(node.target).split(".")[1]
    number = next((value for word, value in starts.items() if word in name), None)
    number = t.number(arguments["fill_value"]) if number is None else number
    if number is None:
        raise Unsupported("filling with a trained number; expand is the nearest")
    return t.network.constant(np.full(t.shape(node), number))


@handles("flip")
def flip(t: Translator, node: fx.Node, self: fx.Node, dims: Sequence[int]) -> str:
    value = t.read(self)
    for axis in t.layout(self).axes(dims):
        value = t.network.along(value, axis, np.eye(t.network.shapes[value][axis])[::-1])
    return value


@handles("roll")
def roll(t: Translator, node: fx.Node, self: fx.Node, shifts: Any, dims: Any = ()) -> str:
    moves = [shifts] if isinstance(shifts, int) else list(shifts)
    if not dims:
        raise Unsupported("roll along named axes is the nearest")
    value = t.read(self)
    for axis, by in zip(t.layout(self).axes(dims), moves, strict=True):
        side = t.network.shapes[value][axis]
        cut = -t.whole_number(by) % side
        if cut:
            value = t.network.concat(
                [t.network.slice(value, axis, cut, side), t.network.slice(value, axis, 0, cut)], axis
            )
    return value


@handles("unfold")
def unfold(t: Translator, node: fx.Node, self: fx.Node, dimension: int, size: int, step: int) -> str:
    axis = t.layout(self).axis(dimension)
    side = t.shape(self)[axis]
    starts = range(0, side - size + 1, step)
    picks = np.zeros((len(starts) * size, side))
    picks[np.arange(len(picks)), [start + at for start in starts for at in range(size)]] = 1
    value = t.network.along(t.read(self), axis, picks)
    shape = t.shape(self)
    value = t.network.reshape(value, (*shape[:axis], len(starts), size, *shape[axis + 1 :]))
    rank = len(shape) + 1
    order = [*(own for own in range(rank) if own != axis + 1), axis + 1]
    return t.network.permute(value, order)


@handles("dropout", "native_dropout", "dropout_", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")
def dropout(t: Translator, node: fx.Node, p: float, train: bool = True, **source: Any) -> Any:
    name = str(node.target).split(".")[1]
    value = t.read(next(iter(source.values())))
    if train and p:
        if name not in ("dropout", "native_dropout", "dropout_"):
            raise Unsupported(f"{name} drops whole channels or keeps the variance; `dropout` is the nearest")
        if p >= 1:
            raise Unsupported("everything is dropped; p has to be below 1")
        value = t.network.pointwise("dropout", value, p=p)
    return {0: value} if name == "native_dropout" else value


@handles("tril", "triu")
def triangle(t: Translator, node: fx.Node, self: fx.Node, diagonal: int = 0) -> str:
    own = t.layout(self)
    if t.kind(self) is not Kind.CONSTANT and own.dropped is not None and own.dropped >= len(own.whole) - 2:
        raise Unsupported("a triangle across examples; every example has to be on its own")
    rows, columns = own.whole[-2:]
    cut = np.tril if "tril" in str(node.target) else np.triu
    return t.network.product([t.read(self), t.network.constant(cut(np.ones((rows, columns)), diagonal))])
