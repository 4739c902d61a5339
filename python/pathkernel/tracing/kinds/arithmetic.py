"""Sums, products, powers and reductions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import fx

from ..translate import Translator, Unsupported, handles


def operands(t: Translator, node: fx.Node, left: Any, right: Any) -> tuple[str, str]:
    """Two values that are to be stretched to the node's; a number becomes a constant."""
    out = t.layout(node)

    def read(value: Any) -> str:
        return t.aligned(value, out) if isinstance(value, fx.Node) else t.network.constant(np.array([float(value)]))

    return read(left), read(right)


def stretched(t: Translator, node: fx.Node, value: str) -> str:
    """A value that a number was added to or multiplied by, as the node has it."""
    return t.network.broadcast(value, t.shape(node))


@handles("add")
def add(t: Translator, node: fx.Node, self: Any, other: Any, alpha: float = 1, **_: Any) -> str:
    return summed(t, node, self, other, alpha)


@handles("sub", "subtract")
def sub(t: Translator, node: fx.Node, self: Any, other: Any, alpha: float = 1, **_: Any) -> str:
    return summed(t, node, self, other, -alpha)


@handles("rsub")
def rsub(t: Translator, node: fx.Node, self: Any, other: Any, alpha: float = 1) -> str:
    return summed(t, node, other, self, -alpha)


def summed(t: Translator, node: fx.Node, left: Any, right: Any, times: float) -> str:
    """`left + times * right`."""
    network = t.network
    if (number := t.number(right)) is not None:
        return stretched(t, node, network.offset(t.aligned(left, t.layout(node)), times * number))
    if (number := t.number(left)) is not None:
        return stretched(t, node, network.offset(network.scale(t.aligned(right, t.layout(node)), times), number))
    a, b = operands(t, node, left, right)
    return network.total([a, network.scale(b, times)])


@handles("mul", "multiply")
def mul(t: Translator, node: fx.Node, self: Any, other: Any) -> str:
    for value, by in ((self, other), (other, self)):
        if (number := t.number(by)) is not None:
            return stretched(t, node, t.network.scale(t.aligned(value, t.layout(node)), number))
    return t.network.product(list(operands(t, node, self, other)))


@handles("div", "divide", "true_divide")
def div(t: Translator, node: fx.Node, self: Any, other: Any, rounding_mode: str | None = None) -> str:
    if rounding_mode:
        raise Unsupported("rounding has no gradient")
    if (number := t.number(other)) is not None:
        return stretched(t, node, t.network.scale(t.aligned(self, t.layout(node)), 1 / number))
    below = t.aligned(other, t.layout(node))
    values = t.array(other)
    under = (
        t.network.constant(1 / values.reshape(t.network.shapes[below]))
        if values is not None
        else t.network.reciprocal(below)
    )
    if (number := t.number(self)) is not None:
        return stretched(t, node, t.network.scale(under, number))
    return t.network.product([t.aligned(self, t.layout(node)), under])


@handles("reciprocal")
def reciprocal(t: Translator, node: fx.Node, self: fx.Node) -> str:
    return t.network.reciprocal(t.read(self))


@handles("neg", "negative")
def neg(t: Translator, node: fx.Node, self: fx.Node) -> str:
    return t.network.scale(t.read(self), -1)


@handles("square")
def square(t: Translator, node: fx.Node, self: fx.Node) -> str:
    return t.network.product([t.read(self)] * 2)


@handles("sqrt")
def sqrt(t: Translator, node: fx.Node, self: fx.Node) -> str:
    return root(t, t.read(self))


def root(t: Translator, value: str) -> str:
    """The root of numbers above 0."""
    return t.network.product([value, t.network.pointwise("rsqrt", value)])


@handles("pow", "float_power")
def power(t: Translator, node: fx.Node, self: Any, exponent: Any) -> str:
    network = t.network
    number = t.number(exponent)
    if number is None:
        base = t.number(self)
        if base is None or base <= 0:
            raise Unsupported("a trained exponent of a trained base; exp of a product with log is the nearest")
        return network.pointwise("exp", network.scale(t.read(exponent), math.log(base)))
    value = t.read(self)
    if number == int(number) and abs(number) >= 1:
        product = value if abs(number) == 1 else network.product([value] * abs(int(number)))
        return product if number > 0 else network.reciprocal(product)
    if number == 0.5:
        return root(t, value)
    if number == -0.5:
        return network.pointwise("rsqrt", value)
    return network.pointwise("exp", network.scale(network.pointwise("log", value), number))


@handles("mean")
def mean(t: Translator, node: fx.Node, self: fx.Node, dim: Any = None, **_: Any) -> str:
    return t.shaped(t.network.reduce("mean", t.read(self), axes_of(t, self, dim)), node)


@handles("sum")
def total(t: Translator, node: fx.Node, self: fx.Node, dim: Any = None, **_: Any) -> str:
    return t.shaped(t.network.reduce("sum", t.read(self), axes_of(t, self, dim)), node)


def axes_of(t: Translator, node: fx.Node, dim: Any) -> list[int]:
    """The axes of an example that a reduction is over; all of the batch's without any."""
    own = t.layout(node)
    axes = list(range(len(own.whole))) if dim is None or dim == [] else dim
    return own.axes(axes)


@handles("var", "std", "var_mean", "std_mean")
def spread(
    t: Translator,
    node: fx.Node,
    self: fx.Node,
    dim: Any = None,
    correction: Any = None,
    unbiased: bool = True,
    **_: Any,
) -> Any:
    name = str(node.target).split(".")[1]
    axes = axes_of(t, self, dim)
    count = math.prod(t.shape(self)[axis] for axis in axes)
    less = (1 if unbiased else 0) if correction is None else float(correction)
    centre, squares = moments(t, t.read(self), axes)
    value = t.network.scale(squares, count / (count - less))
    value = root(t, value) if name.startswith("std") else value
    if not name.endswith("_mean"):
        return t.shaped(value, node)
    shapes = [part_shape(node, at) for at in (0, 1)]
    return {
        at: t.network.reshape(own, shape) for at, (own, shape) in enumerate(zip((value, centre), shapes, strict=True))
    }


def part_shape(node: fx.Node, at: int) -> tuple[int, ...]:
    """The shape that an example has in one of several values."""
    from ..layout import layout_of

    return layout_of(node.meta["val"][at]).shape or (1,)


def moments(t: Translator, value: str, axes: Sequence[int]) -> tuple[str, str]:
    """Mean over axes, and mean of the squares about it; the axes stay, with length 1."""
    network, own = t.network, t.network.shapes[value]
    kept = tuple(1 if axis in axes else side for axis, side in enumerate(own))
    centre = network.reshape(network.reduce("mean", value, axes), kept)
    about = network.total([value, network.scale(centre, -1)])
    return centre, network.reshape(network.reduce("mean", network.product([about, about]), axes), kept)


@handles("norm", "linalg_vector_norm", "linalg_norm", "frobenius_norm")
def norm(t: Translator, node: fx.Node, p: Any = 2, ord: Any = 2, dim: Any = None, **source: Any) -> str:
    order = {2, None, "fro"}
    if p not in order or ord not in order:
        if 1 in (p, ord):
            value = t.network.pointwise("abs", t.read(source["self"]))
            return t.shaped(t.network.reduce("sum", value, axes_of(t, source["self"], dim)), node)
        raise Unsupported("the norms of order 1 and 2 are the nearest")
    own = source.get("self", source.get("A"))
    assert isinstance(own, fx.Node)
    value = t.read(own)
    squares = t.network.reduce("sum", t.network.product([value, value]), axes_of(t, own, dim))
    return t.shaped(root(t, squares), node)


@handles("amax", "amin", "max", "min")
def extreme(t: Translator, node: fx.Node, self: fx.Node, dim: Any = None, other: Any = None, **_: Any) -> Any:
    name = str(node.target).split(".")[1]
    if other is not None:
        return larger(t, node, self, other, name == "max")
    sign = 1 if "max" in name else -1
    value = largest(t, t.network.scale(t.read(self), sign), axes_of(t, self, dim))
    value = t.network.scale(value, sign)
    if name in ("max", "min") and dim is not None:
        return {0: t.network.reshape(value, part_shape(node, 0))}
    return t.shaped(value, node)


def largest(t: Translator, value: str, axes: Sequence[int]) -> str:
    """The largest along axes, which fall away."""
    own = t.network.shapes[value]
    rest = [axis for axis in range(len(own)) if axis not in axes]
    kept = tuple(own[axis] for axis in rest) or (1,)
    count = math.prod(own[axis] for axis in axes)
    rows = t.network.reshape(t.network.permute(value, [*rest, *axes]), (math.prod(kept), count))
    return t.network.reshape(t.network.add("global_max_pool", [rows], (math.prod(kept),)), kept)


@handles("maximum", "fmax")
def maximum(t: Translator, node: fx.Node, self: Any, other: Any) -> str:
    return larger(t, node, self, other, True)


@handles("minimum", "fmin")
def minimum(t: Translator, node: fx.Node, self: Any, other: Any) -> str:
    return larger(t, node, self, other, False)


def larger(t: Translator, node: fx.Node, left: Any, right: Any, is_larger: bool) -> str:
    """The larger of two, or the smaller: `right ± relu(±(left - right))`."""
    sign = 1.0 if is_larger else -1.0
    a, b = operands(t, node, left, right)
    above = t.network.pointwise("relu", t.network.scale(t.network.total([a, t.network.scale(b, -1)]), sign))
    return t.network.total([b, t.network.scale(above, sign)])


@handles("lerp")
def lerp(t: Translator, node: fx.Node, self: fx.Node, end: fx.Node, weight: Any) -> str:
    a, b = operands(t, node, self, end)
    apart = t.network.total([b, t.network.scale(a, -1)])
    number = t.number(weight)
    part = (
        t.network.scale(apart, number)
        if number is not None
        else t.network.product([apart, t.aligned(weight, t.layout(node))])
    )
    return t.network.total([a, part])


@handles("addcmul")
def addcmul(t: Translator, node: fx.Node, self: fx.Node, tensor1: fx.Node, tensor2: fx.Node, value: float = 1) -> str:
    a, b, c = t.all_aligned([self, tensor1, tensor2], t.layout(node))
    return t.network.total([a, t.network.scale(t.network.product([b, c]), value)])


@handles("cumsum")
def cumsum(t: Translator, node: fx.Node, self: fx.Node, dim: int, **_: Any) -> str:
    axis = t.layout(self).axis(dim)
    return t.network.along(t.read(self), axis, np.tril(np.ones((t.shape(self)[axis],) * 2)))


@handles("logsumexp")
def logsumexp(t: Translator, node: fx.Node, self: fx.Node, dim: Any, **_: Any) -> str:
    """x less its log_softmax is log Σ eˣ in each place, however large x is."""
    axes = axes_of(t, self, dim)
    if len(axes) != 1:
        raise Unsupported("logsumexp along one axis is the nearest")
    value = t.read(self)
    parts = t.network.pointwise("log_softmax", value, axis=axes[0])
    whole = t.network.total([value, t.network.scale(parts, -1)])
    return t.shaped(t.network.reduce("mean", whole, axes), node)


def mask_of(t: Translator, node: fx.Node, condition: fx.Node) -> tuple[str, Callable[[], str]]:
    """A condition as zeros and ones, and the opposite of it, for values as wide as the node's."""
    values = t.array(condition)
    if values is not None:
        shape = t.network.shapes[t.aligned(condition, t.layout(node))]
        own = values.astype(np.float64).reshape(shape)
        return t.network.constant(own), lambda: t.network.constant(1 - own)
    from ..program import Kind

    if t.kind(condition) is not Kind.INPUTS:
        raise Unsupported(
            "a condition on trained values has no gradient; relu, clamp or a product with sigmoid do the like"
        )
    held = t.aligned(condition, t.layout(node))
    return held, lambda: t.network.offset(t.network.scale(held, -1), 1)


@handles("masked_fill")
def masked_fill(t: Translator, node: fx.Node, self: fx.Node, mask: fx.Node, value: Any) -> str:
    return chosen(t, node, mask, value, self)


@handles("where")
def where(t: Translator, node: fx.Node, condition: fx.Node, self: Any = None, other: Any = None) -> str:
    return chosen(t, node, condition, self, other)


def chosen(t: Translator, node: fx.Node, condition: fx.Node, then: Any, otherwise: Any) -> str:
    """One value where a condition holds, the other elsewhere."""
    held, opposite = mask_of(t, node, condition)
    first, second = t.number(then), t.number(otherwise)

    def wide(value: fx.Node) -> str:
        return t.network.broadcast(t.aligned(value, t.layout(node)), t.shape(node))

    if first is not None and second is not None:
        between = t.network.offset(t.network.scale(held, clipped(first) - clipped(second)), clipped(second))
        return t.network.broadcast(between, t.shape(node))
    if first is not None:
        return filled(t, wide(otherwise), held, first)
    if second is not None:
        return filled(t, wide(then), opposite(), second)
    return t.network.total([filled(t, wide(then), opposite(), 0), filled(t, wide(otherwise), held, 0)])


def filled(t: Translator, value: str, mask: str, number: float) -> str:
    """A number where a mask is not 0."""
    return t.network.add("mask", [value, mask], t.network.shapes[value], value=clipped(number))


def clipped(number: float) -> float:
    from ..network import finite

    return finite(number)
