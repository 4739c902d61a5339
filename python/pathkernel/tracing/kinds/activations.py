"""Functions of each number."""

from __future__ import annotations

import math
from typing import Any

from torch import fx

from ..translate import Translator, Unsupported, handles

PLAIN = {
    "relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid", "silu": "silu", "sin": "sin", "relu6": "relu6", "abs": "abs",
    "exp": "exp", "log": "log", "rsqrt": "rsqrt", "log_sigmoid": "logsigmoid", "log_sigmoid_forward": "logsigmoid",
    "erf": "erf", "hardswish": "hardswish", "mish": "mish", "selu": "selu", "absolute": "abs",
}  # fmt: skip


@handles(*PLAIN)
def plain(t: Translator, node: fx.Node, self: fx.Node, **_: Any) -> Any:
    name = str(node.target).split(".")[1].removesuffix("_")
    value = t.network.pointwise(PLAIN[name], t.read(self))
    return {0: value} if name == "log_sigmoid_forward" else value


@handles("gelu")
def gelu(t: Translator, node: fx.Node, self: fx.Node, approximate: str = "none") -> str:
    return t.network.pointwise("gelu", t.read(self), **({} if approximate == "none" else {"approximate": approximate}))


@handles("leaky_relu")
def leaky_relu(t: Translator, node: fx.Node, self: fx.Node, negative_slope: float = 0.01) -> str:
    return t.network.pointwise("leaky_relu", t.read(self), slope=negative_slope)


@handles("elu")
def elu(t: Translator, node: fx.Node, self: fx.Node, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> str:
    if input_scale == 1:
        return t.network.scale(t.network.pointwise("elu", t.read(self), alpha=alpha), scale)
    return celu_of(t, t.read(self), 1 / input_scale)


@handles("celu")
def celu(t: Translator, node: fx.Node, self: fx.Node, alpha: float = 1) -> str:
    return celu_of(t, t.read(self), alpha)


def celu_of(t: Translator, value: str, alpha: float) -> str:
    return t.network.scale(t.network.pointwise("elu", t.network.scale(value, 1 / alpha)), alpha)


@handles("hardtanh")
def hardtanh(t: Translator, node: fx.Node, self: fx.Node, min_val: float = -1, max_val: float = 1) -> str:
    return t.network.pointwise("hardtanh", t.read(self), min_val=min_val, max_val=max_val)


@handles("clamp", "clip", "clamp_min", "clamp_max")
def clamp(t: Translator, node: fx.Node, self: fx.Node, min: Any = None, max: Any = None) -> str:
    ends = {"min": min, "max": max}
    numbers = {end: t.number(value) for end, value in ends.items() if value is not None}
    if any(number is None for number in numbers.values()):
        raise Unsupported("clamp between numbers is the nearest; maximum and minimum take values")
    return t.network.pointwise("clamp", t.read(self), **numbers)


@handles("hardsigmoid")
def hardsigmoid(t: Translator, node: fx.Node, self: fx.Node) -> str:
    return t.network.scale(t.network.pointwise("relu6", t.network.offset(t.read(self), 3)), 1 / 6)


@handles("softplus")
def softplus(t: Translator, node: fx.Node, self: fx.Node, beta: float = 1, threshold: float = 20) -> str:
    return t.network.scale(t.network.pointwise("softplus", t.network.scale(t.read(self), beta)), 1 / beta)


@handles("softsign")
def softsign(t: Translator, node: fx.Node, self: fx.Node) -> str:
    return t.network.pointwise("softsign", t.read(self))


@handles("tanhshrink")
def tanhshrink(t: Translator, node: fx.Node, self: fx.Node) -> str:
    value = t.read(self)
    return t.network.total([value, t.network.scale(t.network.pointwise("tanh", value), -1)])


@handles("softshrink")
def softshrink(t: Translator, node: fx.Node, self: fx.Node, lambd: float = 0.5) -> str:
    """What is left of x outside ± λ: x less its clamp."""
    value = t.read(self)
    inside = t.network.pointwise("hardtanh", value, min_val=-lambd, max_val=lambd)
    return t.network.total([value, t.network.scale(inside, -1)])


@handles("cos")
def cos(t: Translator, node: fx.Node, self: fx.Node) -> str:
    return t.network.pointwise("sin", t.network.offset(t.read(self), math.pi / 2))


@handles("log1p")
def log1p(t: Translator, node: fx.Node, self: fx.Node) -> str:
    return t.network.pointwise("log", t.network.offset(t.read(self), 1))


@handles("expm1")
def expm1(t: Translator, node: fx.Node, self: fx.Node) -> str:
    return t.network.offset(t.network.pointwise("exp", t.read(self)), -1)


@handles("log2", "log10")
def other_logarithm(t: Translator, node: fx.Node, self: fx.Node) -> str:
    base = 2 if "log2" in str(node.target) else 10
    return t.network.scale(t.network.pointwise("log", t.read(self)), 1 / math.log(base))


@handles("exp2")
def exp2(t: Translator, node: fx.Node, self: fx.Node) -> str:
    return t.network.pointwise("exp", t.network.scale(t.read(self), math.log(2)))


@handles("prelu", "_prelu_kernel")
def prelu(t: Translator, node: fx.Node, self: fx.Node, weight: fx.Node) -> str:
    """relu(x) - w relu(-x), w for each channel."""
    value = t.read(self)
    slope = t.read(weight)
    count = t.network.shapes[slope]
    if len(count) == 1 and count != (1,):
        rank = len(t.shape(self))
        slope = t.network.reshape(slope, (*count, *(1,) * (rank - 1)))
    above, below = t.network.pointwise("relu", value), t.network.pointwise("relu", t.network.scale(value, -1))
    return t.network.total([above, t.network.scale(t.network.product([below, slope]), -1)])


@handles("glu")
def glu(t: Translator, node: fx.Node, self: fx.Node, dim: int = -1) -> str:
    axis, value = t.layout(self).axis(dim), t.read(self)
    side = t.shape(self)[axis]
    first, gate = t.network.slice(value, axis, 0, side // 2), t.network.slice(value, axis, side // 2, side)
    return t.network.product([first, t.network.pointwise("sigmoid", gate)])


@handles("softmax", "_softmax", "_safe_softmax")
def softmax(t: Translator, node: fx.Node, self: fx.Node, dim: int, **_: Any) -> str:
    return t.network.pointwise("softmax", t.read(self), axis=t.layout(self).axis(dim))


@handles("log_softmax", "_log_softmax")
def log_softmax(t: Translator, node: fx.Node, self: fx.Node, dim: int, **_: Any) -> str:
    return t.network.pointwise("log_softmax", t.read(self), axis=t.layout(self).axis(dim))
