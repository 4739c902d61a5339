"""Convolutions, pools and what else acts on images and lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.nn import functional

from ..translate import Translator, Unsupported, handles
from .norms import direct

#: Images of one example that are taken apart, at the most.
MOST_IMAGES = 64


def image(t: Translator, input: fx.Node, axes: int) -> str:
    """An example's channels and the axes after them."""
    own = t.layout(input)
    if own.batch is None and len(own.whole) == axes + 2 and own.whole[0] == 1:
        return t.network.reshape(t.read(input), own.whole[1:])
    if own.batch != 0 or len(own.whole) != axes + 2:
        raise Unsupported("examples have to lie along the first axis, and channels along the second")
    return t.read(input)


def sides(value: Any, axes: int) -> list[int]:
    """A number for each axis."""
    values = [value] * axes if isinstance(value, int) else list(value)
    return [int(one) for one in (values * axes if len(values) == 1 else values)]


def short(values: Sequence[int]) -> int | list[int]:
    """One number where all are the same."""
    return values[0] if len(set(values)) == 1 else list(values)


@handles("conv1d", "conv2d")
def conv(
    t: Translator,
    node: fx.Node,
    input: fx.Node,
    weight: fx.Node,
    bias: fx.Node | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> str:
    axes = 1 if "conv1d" in str(node.target) else 2
    return convolution_of(t, node, input, weight, bias, axes, stride, padding, dilation, groups)


@handles("conv_transpose1d", "conv_transpose2d")
def conv_transpose(
    t: Translator,
    node: fx.Node,
    input: fx.Node,
    weight: fx.Node,
    bias: fx.Node | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> str:
    axes = 1 if "1d" in str(node.target) else 2
    return convolution_of(
        t, node, input, weight, bias, axes, stride, padding, dilation, groups, sides(output_padding, axes)
    )


@handles("convolution")
def convolution(
    t: Translator,
    node: fx.Node,
    input: fx.Node,
    weight: fx.Node,
    bias: fx.Node | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> str:
    axes = len(t.shape(weight)) - 2
    added = sides(output_padding, axes) if transposed else None
    return convolution_of(t, node, input, weight, bias, axes, stride, padding, dilation, groups, added)


def convolution_of(
    t: Translator,
    node: fx.Node,
    input: fx.Node,
    weight: fx.Node,
    bias: fx.Node | None,
    axes: int,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    output_padding: list[int] | None = None,
) -> str:
    """A convolution; a transposed one where it has an output padding."""
    if axes > 2:
        raise Unsupported("conv2d is the nearest")
    kernel, steps, gaps = t.shape(weight)[2:], sides(stride, axes), sides(dilation, axes)
    value = image(t, input, axes)
    around = [0] * axes
    if isinstance(padding, str):
        value = padded_same(t, value, kernel, gaps) if padding == "same" else value
    else:
        around = sides(padding, axes)
    channels = t.shape(weight)[1] * groups if output_padding is not None else t.shape(weight)[0]
    options = {
        "stride": (steps, 1),
        "padding": (around, 0),
        "dilation": (gaps, 1),
        "output_padding": (output_padding or [0], 0),
    }
    keys: dict[str, Any] = {"kernel": short(kernel)}
    keys |= {name: short(values) for name, (values, usual) in options.items() if set(values) != {usual}}
    keys |= {"groups": groups} if groups != 1 else {}
    kind = f"conv{'' if output_padding is None else '_transpose'}{axes}d"
    if t.layout(input).is_merged:
        return each(t, node, value, lambda part: windowed(t, node, part, kind, channels, weight, bias, keys))
    return windowed(t, node, value, kind, channels, weight, bias, keys)


def each(t: Translator, node: fx.Node, value: str, apply: Callable[[str], str]) -> str:
    """The same layer for each of several images of one example."""
    shape = t.network.shapes[value]
    if shape[0] > MOST_IMAGES:
        raise Unsupported(f"{shape[0]} images an example; up to {MOST_IMAGES} are taken apart, each by itself")
    parts = [t.network.reshape(t.network.slice(value, 0, at, at + 1), shape[1:]) for at in range(shape[0])]
    done = [apply(part) for part in parts]
    return t.network.concat([t.network.reshape(part, (1, *t.network.shapes[part])) for part in done], 0)


def windowed(
    t: Translator,
    node: fx.Node,
    value: str,
    kind: str,
    channels: int,
    weight: fx.Node,
    bias: fx.Node | None,
    keys: dict[str, Any],
) -> str:
    views = direct(t, {"weight": weight, "bias": bias}) or direct(t, {"weight": weight})
    if not views or "weight" not in views:
        raise Unsupported(f"{kind} with a computed weight; one whose weight is a parameter is the nearest")
    layer = t.tensors.layer_name(views["weight"], "weight")
    ties = t.tensors.attach(layer, views)
    own = {} if "bias" in views else {"bias": False}
    out = t.layout(node).whole[2:]
    result = t.network.add(kind, [value], (channels, *out), name=layer, channels=channels, **keys, **own, **ties)
    if bias is None or "bias" in views:
        return result
    return t.network.total([result, t.network.reshape(t.read(bias), (channels, *(1,) * len(out)))])


def padded_same(t: Translator, value: str, kernel: Sequence[int], gaps: Sequence[int]) -> str:
    """Zeros around so that the sides stay; an odd one comes after the last place."""
    totals = [gap * (side - 1) for side, gap in zip(kernel, gaps, strict=True)]
    around = [part for total in reversed(totals) for part in (total // 2, total - total // 2)]
    return padded(t, value, around, 0.0)


def padded(t: Translator, value: str, around: Sequence[int], number: float) -> str:
    """A number before and after axes, from the last axis on."""
    if not any(around):
        return value
    shape = list(t.network.shapes[value])
    for at in range(len(around) // 2):
        shape[-1 - at] += around[2 * at] + around[2 * at + 1]
    own: dict[str, Any] = {"value": number} if number else {}
    return t.network.add("pad", [value], tuple(shape), padding=list(around), **own)


@handles("pad", "constant_pad_nd")
def pad(
    t: Translator, node: fx.Node, self: fx.Node, pad: Sequence[Any], mode: str = "constant", value: Any = None
) -> str:
    around = [t.whole_number(side) for side in pad]
    own = t.layout(self)
    reached = range(len(own.whole) - len(around) // 2, len(own.whole))
    if own.batch in reached:
        at = 2 * (len(own.whole) - 1 - (own.batch or 0))
        if around[at] or around[at + 1]:
            raise Unsupported("examples are added to the batch here; every example has to be on its own")
        around = around[:at] + around[at + 2 :]
    if mode == "constant":
        return padded(t, t.read(self), around, float(t.number(value or 0) or 0))
    result = t.read(self)
    for at in range(len(around) // 2):
        axis = len(t.network.shapes[result]) - 1 - at
        result = t.network.along(
            result, axis, picks(t.network.shapes[result][axis], around[2 * at], around[2 * at + 1], mode)
        )
    return result


@handles("reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d")
def other_pad(t: Translator, node: fx.Node, self: fx.Node, padding: Sequence[Any]) -> str:
    result: str = pad(t, node, self, padding, "reflect" if "reflection" in str(node.target) else "replicate")
    return result


def picks(side: int, before: int, after: int, mode: str) -> np.ndarray:
    """Which place each place of a padded axis repeats, as a matrix."""
    places = torch.arange(side, dtype=torch.float64)[None, None]
    padded = functional.pad(places, (before, after), mode=mode)[0, 0].long()
    matrix: np.ndarray = np.eye(side)[padded.numpy()]
    return matrix


@handles("max_pool1d", "max_pool2d", "max_pool2d_with_indices", "max_pool1d_with_indices")
def max_pool(
    t: Translator,
    node: fx.Node,
    self: fx.Node,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    axes = 1 if "1d" in str(node.target) else 2
    gaps = sides(dilation, axes)
    value = pooled(t, node, self, f"max_pool{axes}d", kernel_size, stride, padding, ceil_mode, gaps)
    return {0: value} if "with_indices" in str(node.target) else value


@handles("avg_pool1d", "avg_pool2d")
def avg_pool(
    t: Translator,
    node: fx.Node,
    self: fx.Node,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> str:
    axes = 1 if "1d" in str(node.target) else 2
    value = pooled(t, node, self, f"avg_pool{axes}d", kernel_size, stride, padding, ceil_mode, None)
    kernel, around = sides(kernel_size, axes), sides(padding, axes)
    if divisor_override:
        return t.network.scale(value, math.prod(kernel) / divisor_override)
    if count_include_pad or not any(around):
        return value
    ones = torch.ones((1, 1, *t.layout(self).whole[-axes:]), dtype=torch.float64)
    pool = functional.avg_pool1d if axes == 1 else functional.avg_pool2d
    shares = pool(ones, kernel, sides(stride, axes) if stride else kernel, around)[0]
    return t.network.product([value, t.network.constant(1 / shares.numpy())])


def pooled(
    t: Translator,
    node: fx.Node,
    source: fx.Node,
    kind: str,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    gaps: list[int] | None,
) -> str:
    axes = int(kind[-2])
    kernel, around = sides(kernel_size, axes), sides(padding, axes)
    steps = sides(stride, axes) if stride else kernel
    value = images_of(t, source, axes)
    inner = t.network.shapes[value][1:]
    spans = [gap * (side - 1) + 1 for side, gap in zip(kernel, gaps or [1] * axes, strict=True)]
    rests = [(side + 2 * pad - span) % step for side, pad, span, step in zip(inner, around, spans, steps, strict=True)]
    if ceil_mode and any(rests):
        raise Unsupported("ceil_mode where a rest is left; a pad before the pool is the nearest")
    keys: dict[str, Any] = {"kernel": short(kernel)}
    keys |= {"stride": short(steps)} if steps != kernel else {}
    keys |= {"padding": short(around)} if any(around) else {}
    keys |= {"dilation": short(gaps)} if gaps and set(gaps) != {1} else {}
    out = [
        (side + 2 * pad - span) // step + 1 for side, pad, span, step in zip(inner, around, spans, steps, strict=True)
    ]
    result = t.network.add(kind, [value], (t.network.shapes[value][0], *out), **keys)
    return t.network.reshape(result, result_shape(t, source, out, axes))


def images_of(t: Translator, source: fx.Node, axes: int) -> str:
    """All that stands before the images' axes as channels."""
    own = t.layout(source)
    if own.batch is not None and own.batch >= len(own.whole) - axes:
        raise Unsupported("a pool over the examples; every example has to be on its own")
    shape = t.shape(source)
    return t.network.reshape(t.read(source), (math.prod(shape[:-axes]), *shape[-axes:]))


def result_shape(t: Translator, source: fx.Node, out: Sequence[int], axes: int) -> tuple[int, ...]:
    return (*t.shape(source)[:-axes], *out)


@handles("adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d")
def adaptive_avg_pool(t: Translator, node: fx.Node, self: fx.Node, output_size: Any) -> str:
    axes = 1 if "1d" in str(node.target) else 2
    out = t.layout(node).whole[-axes:]
    value = images_of(t, self, axes)
    inner = t.network.shapes[value][1:]
    if set(out) == {1}:
        means = t.network.add("global_avg_pool", [value], t.network.shapes[value][:1])
        return t.shaped(means, node)
    if all(side % parts == 0 for side, parts in zip(inner, out, strict=True)):
        kernel = short([side // parts for side, parts in zip(inner, out, strict=True)])
        return t.shaped(
            t.network.add(f"avg_pool{axes}d", [value], (t.network.shapes[value][0], *out), kernel=kernel), node
        )
    for axis, (side, parts) in enumerate(zip(inner, out, strict=True), start=1):
        value = t.network.along(value, axis, mapped(side, partial(functional.adaptive_avg_pool1d, output_size=parts)))
    return t.shaped(value, node)


def mapped(side: int, apply: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
    """The matrix of a linear map of lines."""
    result: np.ndarray = apply(torch.eye(side, dtype=torch.float64)[:, None])[:, 0].T.numpy()
    return result


@handles("adaptive_max_pool1d", "adaptive_max_pool2d")
def adaptive_max_pool(t: Translator, node: fx.Node, self: fx.Node, output_size: Any) -> dict[int, str]:
    axes = 1 if "1d" in str(node.target) else 2
    out = tuple(int(side) for side in sides(output_size, axes))
    value = images_of(t, self, axes)
    inner = t.network.shapes[value][1:]
    whole = result_shape(t, self, out, axes)
    if set(out) == {1}:
        return {0: t.network.reshape(t.network.add("global_max_pool", [value], t.network.shapes[value][:1]), whole)}
    if any(side % parts for side, parts in zip(inner, out, strict=True)):
        raise Unsupported("parts of unequal lengths; max_pool is the nearest")
    kernel = short([side // parts for side, parts in zip(inner, out, strict=True)])
    result = t.network.add(f"max_pool{axes}d", [value], (t.network.shapes[value][0], *out), kernel=kernel)
    return {0: t.network.reshape(result, whole)}


@handles(
    "upsample_nearest1d",
    "upsample_nearest2d",
    "upsample_linear1d",
    "upsample_bilinear2d",
    "upsample_bicubic2d",
    "_upsample_nearest_exact2d",
    "_upsample_nearest_exact1d",
)
def upsample(t: Translator, node: fx.Node, align_corners: bool | None = None, **arguments: Any) -> str:
    source = arguments.get("input", arguments.get("self"))
    assert isinstance(source, fx.Node)
    name = str(node.target).split(".")[1]
    axes = 1 if "1d" in name else 2
    value = images_of(t, source, axes)
    inner, out = t.network.shapes[value][1:], t.layout(node).whole[-axes:]
    if "nearest" in name and all(new % side == 0 for side, new in zip(inner, out, strict=True)):
        factor = short([new // side for side, new in zip(inner, out, strict=True)])
        return t.shaped(
            t.network.add("upsample", [value], (t.network.shapes[value][0], *out), scale_factor=factor), node
        )
    factors = arguments.get("scale_factors") or [None] * axes
    for axis, (side, new, factor) in enumerate(zip(inner, out, factors, strict=True), start=1):
        matrix = resized(name, side, new, factor, align_corners)
        value = t.network.along(value, axis, matrix)
    return t.shaped(value, node)


def resized(name: str, side: int, new: int, factor: float | None, align_corners: bool | None) -> np.ndarray:
    """The matrix by which a side is stretched, found by stretching each place alone."""
    mode = (
        "bicubic"
        if "bicubic" in name
        else "bilinear"
        if "linear" in name
        else "nearest-exact"
        if "exact" in name
        else "nearest"
    )
    corners = {} if align_corners is None else {"align_corners": align_corners}
    rows = torch.eye(side, dtype=torch.float64)[:, None, :, None].expand(-1, -1, -1, 2)
    size: dict[str, Any] = {"size": (new, 2)} if factor is None else {"scale_factor": (factor, 1.0)}
    result: np.ndarray = functional.interpolate(rows, mode=mode, **size, **corners)[:, 0, :, 0].T.numpy()
    return result


@handles("pixel_shuffle")
def pixel_shuffle(t: Translator, node: fx.Node, self: fx.Node, upscale_factor: int) -> str:
    by, (channels, rows, columns) = upscale_factor, t.shape(self)
    value = t.network.reshape(t.read(self), (channels // by**2, by, by, rows, columns))
    return t.shaped(t.network.permute(value, [0, 3, 1, 4, 2]), node)


@handles("pixel_unshuffle")
def pixel_unshuffle(t: Translator, node: fx.Node, self: fx.Node, downscale_factor: int) -> str:
    by, (channels, rows, columns) = downscale_factor, t.shape(self)
    value = t.network.reshape(t.read(self), (channels, rows // by, by, columns // by, by))
    return t.shaped(t.network.permute(value, [0, 2, 4, 1, 3]), node)
