"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import fx

from ..attend import Options, attend
from ..layout import Layout, Mixed, is_tensor
from ..network import LARGEST
from ..program import Kind
from ..translate import Translator, Unsupported, handles


@handles(
    "scaled_dot_product_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_efficient_attention",
)
def attention(
    t: Translator,
    node: fx.Node,
    query: fx.Node,
    key: fx.Node,
    value: fx.Node,
    attn_mask: fx.Node | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **_: Any,
) -> Any:
    layouts = [t.layout(part) for part in (query, key, value)]
    for layout in layouts:
        if layout.batch is not None and layout.batch >= len(layout.whole) - 2:
            raise Mixed()
    out = t.layout(node) if is_tensor(node.meta["val"]) else layouts[0]
    heads, kv_heads = (count_of(t, part, out) for part in (query, key))
    if kv_heads != count_of(t, value, out):
        raise Unsupported("keys and values with other numbers of heads")
    queries, keys, values = (heads_first(t, part, out) for part in (query, key, value))
    sides = (t.network.shapes[queries][1], t.network.shapes[keys][1])
    mask = None if attn_mask is None else added(t, attn_mask, out, heads, sides)
    apart = attend(t.network, queries, keys, values, mask, Options(is_causal, scale, dropout_p))
    if is_tensor(node.meta["val"]):
        return t.shaped(apart, node)
    before = tuple(side for axis, side in enumerate(out.whole[:-2]) if axis != out.dropped)
    return {0: t.network.reshape(apart, (*before, *t.network.shapes[apart][1:]))}


def sides_before(layout: Layout, out: Layout) -> tuple[int, ...]:
    """The axes before positions and features, as many as the result has, without that of the examples."""
    sides = (1,) * (len(out.whole) - len(layout.whole)) + layout.whole
    return tuple(side for axis, side in enumerate(sides[:-2]) if axis != out.dropped)


def count_of(t: Translator, node: fx.Node, out: Layout) -> int:
    """How many heads there are: all that stands before positions and features."""
    return math.prod(sides_before(t.layout(node), out))


def heads_first(t: Translator, node: fx.Node, out: Layout) -> str:
    """A value as [heads, positions, features]."""
    return t.network.reshape(t.read(node), (count_of(t, node, out), *t.layout(node).whole[-2:]))


def added(t: Translator, mask: fx.Node, out: Layout, heads: int, sides: tuple[int, int]) -> str:
    """What a mask adds to the scores, [queries, keys] or [heads, queries, keys]."""
    is_bool = mask.meta["val"].dtype == torch.bool
    before = sides_before(t.layout(mask), out)
    shape = (*before, *((1, 1) + t.layout(mask).whole)[-2:])
    values = t.array(mask)
    if values is not None:
        numbers = np.where(values, 0.0, -LARGEST) if is_bool else values
        value = t.network.constant(numbers.reshape(shape))
    elif is_bool and t.kind(mask) is not Kind.INPUTS:
        raise Unsupported("a mask that depends on trained values")
    else:
        value = t.network.reshape(t.read(mask), shape)
        value = t.network.scale(t.network.offset(value, -1), LARGEST) if is_bool else value
    if math.prod(before) == 1:
        return t.network.broadcast(t.network.reshape(value, shape[-2:]), sides)
    wide = tuple(side for axis, side in enumerate(out.whole[:-2]) if axis != out.dropped)
    return t.network.reshape(t.network.broadcast(value, (*wide, *sides)), (heads, *sides))
