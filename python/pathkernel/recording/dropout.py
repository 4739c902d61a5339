"""Dropout drawn as the engine draws it, so that it can be drawn again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..errors import UnsupportedError

_WORD = 0xFFFFFFFF


def words(seed: int, step: int, layer: int, examples: Tensor, count: int) -> Tensor:
    """The first `count` words of 32 bits for each example: those of Philox-4x32-10 at the counter (quad, example,
    step, layer).
    """
    quads = torch.arange(-(-count // 4), device=examples.device)
    a, b = quads.repeat(len(examples), 1), (examples & _WORD).unsqueeze(1).expand(-1, len(quads))
    c, d = torch.full_like(a, step), torch.full_like(a, layer)
    key, other_key = seed & _WORD, seed >> 32
    for _ in range(10):
        # The products have 64 bits; what their sign says of the highest one is masked away.
        first, second = a * 0xD2511F53, c * 0xCD9E8D57
        a, b = ((second >> 32) & _WORD) ^ b ^ key, second & _WORD
        c, d = ((first >> 32) & _WORD) ^ d ^ other_key, first & _WORD
        key, other_key = (key + 0x9E3779B9) & _WORD, (other_key + 0xBB67AE85) & _WORD
    return torch.stack([a, b, c, d], -1).reshape(len(examples), -1)[:, :count]


@dataclass
class Draw:
    """What decides the masks of one forward pass."""

    #: `run.seed`.
    seed: int
    #: The number of the step, from 0.
    step: int
    #: Numbers of the layers that drop, in the order in which they are called.
    layers: Sequence[int]
    #: Rows of the examples in `data.train`.
    rows: Tensor
    #: How many of the layers have drawn.
    calls: int = field(default=0)

    def masked(self, values: Tensor, p: float) -> Tensor:
        """What dropout makes of values whose first axis begins with the examples."""
        return values * self._factors(values, p)

    def _factors(self, values: Tensor, p: float) -> Tensor:
        """0 where a value is dropped, 1 / (1 - p) elsewhere."""
        count = len(self.rows)
        if self.calls == len(self.layers):
            raise UnsupportedError(
                f"the network drops more often in a forward pass than its graph, which has {len(self.layers)} layers "
                "that do"
            )
        layer = self.layers[self.calls]
        self.calls += 1
        axis = 0 if values.shape[0] % count == 0 else 1
        if values.dim() <= axis or values.shape[axis] % count:
            raise UnsupportedError(
                f"dropout of values of shape {list(values.shape)}, in which {count} examples are no axis"
            )
        ordered = values.transpose(0, axis)
        drawn = words(self.seed, self.step, layer, self.rows.to(values.device), values.numel() // count)
        kept = (drawn >= int(p * 2**32)).reshape(ordered.shape).transpose(0, axis)
        return kept.to(values.dtype) / (1 - p)


class Drawing(TorchFunctionMode):
    """Within it the dropouts of PyTorch draw what a `Draw` says."""

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self._draw = draw

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        own = _OWN.get(func)
        return func(*args, **(kwargs or {})) if own is None else own(self._draw, func, *args, **(kwargs or {}))


def _dropout(
    draw: Draw, func: Callable[..., Tensor], input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """`F.dropout`, `torch.dropout` and the like; a p of 0 has no layer in the graph."""
    if not training or p == 0.0:
        return input
    if not inplace:
        return draw.masked(input, p)
    return input.copy_(draw.masked(input, p))


def _dropout_in_place(draw: Draw, func: Callable[..., Tensor], input: Tensor, p: float, train: bool) -> Tensor:
    return _dropout(draw, func, input, p, train, inplace=True)


def _attention(
    draw: Draw,
    func: Callable[..., Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """`F.scaled_dot_product_attention`, spelled out where it drops."""
    if dropout_p == 0.0:
        return func(query, key, value, attn_mask, dropout_p, is_causal=is_causal, scale=scale, enable_gqa=enable_gqa)
    if enable_gqa:
        repeats = query.shape[-3] // key.shape[-3]
        key, value = (one.repeat_interleave(repeats, -3) for one in (key, value))
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None:
        seen = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, float("-inf")) if seen else scores + attn_mask
    return draw.masked(scores.softmax(-1), dropout_p) @ value


def _multi_head(draw: Draw, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """`F.multi_head_attention_forward`, inside of which nothing is handed to the mode again."""
    inside: dict[str, Callable[..., Any]] = {"dropout": _dropout, "scaled_dot_product_attention": _attention}
    before = {name: getattr(F, name) for name in inside}
    for name, own in inside.items():
        setattr(F, name, partial(own, draw, before[name]))
    try:
        return func(*args, **kwargs)
    finally:
        for name, original in before.items():
            setattr(F, name, original)


def _refused(
    draw: Draw, func: Callable[..., Tensor], input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    if training and p > 0:
        name = getattr(func, "__name__", str(func))
        raise UnsupportedError(f"{name} drops in a way that the engine cannot draw again; train with nn.Dropout")
    return func(input, p, training, inplace)


_OWN: dict[Any, Callable[..., Any]] = {
    F.dropout: _dropout,
    torch.dropout: _dropout,
    torch.dropout_: _dropout_in_place,
    F.scaled_dot_product_attention: _attention,
    F.multi_head_attention_forward: _multi_head,
    **{func: _refused for func in (F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout)},
}


def dropping(layers: Sequence[dict[str, Any]]) -> list[int]:
    """The numbers of a graph's layers that drop."""
    return [
        number
        for number, layer in enumerate(layers)
        if (layer["type"] == "dropout" and layer.get("p", 0.5) > 0)
        or (layer["type"] == "attention" and layer.get("dropout", 0.0) > 0)
    ]
