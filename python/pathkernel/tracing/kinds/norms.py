"""Norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import fx

from ..layout import Mixed
from ..tensors import View
from ..translate import Translator, Unsupported, handles


def direct(
    t: Translator, views: dict[str, fx.Node | None], shape: tuple[int, ...] | None = None
) -> dict[str, View] | None:
    """The tensors of a layer, if all that are there may be its own."""
    found: dict[str, View] = {}
    for own, node in views.items():
        if node is None:
            continue
        view = t.view(node) or buffer(t, node)
        if view is None or not t.tensors.fits(view) or (shape is not None and view.shape != shape):
            return None
        found[own] = view
    return found


def buffer(t: Translator, node: fx.Node) -> View | None:
    """A buffer of the module as a tensor of a layer."""
    name = t.program.exported.tensors.get(node.name) if node.op == "placeholder" else None
    return t.tensors.whole(name) if name else None


@handles("layer_norm", "native_layer_norm")
def layer_norm(
    t: Translator,
    node: fx.Node,
    input: fx.Node,
    normalized_shape: Sequence[int],
    weight: fx.Node | None = None,
    bias: fx.Node | None = None,
    eps: float = 1e-5,
    **_: Any,
) -> Any:
    value = normalised(t, "layer_norm", input, list(normalized_shape), weight, bias, eps)
    return {0: value} if "native" in str(node.target) else value


@handles("rms_norm", "_fused_rms_norm")
def rms_norm(
    t: Translator,
    node: fx.Node,
    input: fx.Node,
    normalized_shape: Sequence[int],
    weight: fx.Node | None = None,
    eps: Any = None,
) -> Any:
    import torch

    eps = torch.finfo(input.meta["val"].dtype).eps if eps is None else eps
    value = normalised(t, "rms_norm", input, list(normalized_shape), weight, None, eps)
    return {0: value} if "_fused" in str(node.target) else value


def normalised(
    t: Translator, kind: str, input: fx.Node, sides: list[int], weight: fx.Node | None, bias: fx.Node | None, eps: float
) -> str:
    own = t.layout(input)
    if own.batch is not None and own.batch >= len(own.whole) - len(sides):
        raise Mixed()
    value = t.read(input)
    return norm_layer(t, kind, value, len(sides), {"weight": weight, "bias": bias}, eps)


def norm_layer(t: Translator, kind: str, value: str, axes: int, tensors: dict[str, fx.Node | None], eps: float) -> str:
    """A norm of the last axes, with the tensors that may be its own; others are multiplied and added after it."""
    shape = t.network.shapes[value]
    keys: dict[str, Any] = {"eps": eps} | ({"axes": axes} if axes > 1 else {})
    views = direct(t, tensors)
    if views and "weight" in views:
        layer = t.tensors.layer_name(views["weight"], "weight")
        ties = t.tensors.attach(layer, views)
        bias = {"bias": False} if kind == "layer_norm" and "bias" not in views else {}
        return t.network.add(kind, [value], shape, name=layer, **keys, **bias, **ties)
    value = t.network.add(kind, [value], shape, affine=False, **keys)
    if (weight := tensors.get("weight")) is not None:
        value = t.network.product([value, t.read(weight)])
    if (bias_node := tensors.get("bias")) is not None:
        value = t.network.total([value, t.read(bias_node)])
    return value


@handles("group_norm", "native_group_norm")
def group_norm(
    t: Translator, node: fx.Node, input: fx.Node, weight: Any = None, bias: Any = None, eps: float = 1e-5, **sizes: Any
) -> Any:
    groups = sizes.get("num_groups", sizes.get("group"))
    value = by_channel(t, node, input, "group_norm", {"weight": weight, "bias": bias}, {"groups": groups, "eps": eps})
    return {0: value} if "native" in str(node.target) else value


@handles("instance_norm")
def instance_norm(
    t: Translator, node: fx.Node, input: fx.Node, weight: Any, bias: Any, use_input_stats: bool, eps: float, **_: Any
) -> str:
    if not use_input_stats:
        raise Unsupported("instance norm by running statistics; batch_norm in eval mode is the nearest")
    groups = t.shape(input)[0]
    return by_channel(t, node, input, "group_norm", {"weight": weight, "bias": bias}, {"groups": groups, "eps": eps})


@handles(
    "batch_norm",
    "_native_batch_norm_legit_functional",
    "_native_batch_norm_legit_no_training",
    "_native_batch_norm_legit",
    "native_batch_norm",
    "cudnn_batch_norm",
)
def batch_norm(
    t: Translator,
    node: fx.Node,
    input: fx.Node,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    momentum: float = 0.1,
    eps: float = 1e-5,
    training: bool = False,
    **_: Any,
) -> Any:
    if running_mean is None:
        raise Unsupported(
            "batch norm without running statistics; track_running_stats=True has what a query is read with"
        )
    keys: dict[str, Any] = {"eps": eps} | ({"statistics": "batch", "momentum": momentum} if training else {})
    tensors = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    value = by_channel(t, node, input, "batch_norm", tensors, keys)
    return value if str(node.target).startswith("aten.batch_norm") else {0: value}


def by_channel(
    t: Translator, node: fx.Node, input: fx.Node, kind: str, tensors: dict[str, Any], keys: dict[str, Any]
) -> str:
    """A norm of channels, the batch's second axis and the example's first."""
    own = t.layout(input)
    if own.batch != 0:
        raise Unsupported(f"{kind} reads the examples along the first axis")
    value = t.read(input)
    rank = len(t.network.shapes[value])
    if own.is_merged:
        if kind != "batch_norm":
            raise Unsupported(
                f"{kind} of several values an example; reshape before it so that the first axis is the examples'"
            )
        value = t.network.permute(value, [1, 0, *range(2, rank)])
    value = channel_norm(t, value, kind, tensors, keys)
    return t.network.permute(value, [1, 0, *range(2, rank)]) if own.is_merged else value


def channel_norm(t: Translator, value: str, kind: str, tensors: dict[str, Any], keys: dict[str, Any]) -> str:
    views = direct(t, tensors)
    shape = t.network.shapes[value]
    statistics = {own: node for own, node in tensors.items() if own.startswith("running")}
    affine = views is not None and "weight" in views and "bias" in views
    if not affine:
        views = direct(t, statistics)
    if views is None:
        raise Unsupported(
            f"{kind} that is called twice, or whose tensors are computed; a module for each call is the nearest"
        )
    main = "weight" if affine else "running_mean"
    layer = t.tensors.layer_name(views[main], main) if views else None
    ties = t.tensors.attach(layer, views) if layer else {}
    if any(own.startswith("running") for own in ties):
        raise Unsupported(f"{kind} that is called twice; a module for each call is the nearest")
    value = t.network.add(kind, [value], shape, name=layer, **keys, **({} if affine else {"affine": False}), **ties)
    if affine:
        return value
    column = (shape[0], *(1,) * (len(shape) - 1))
    if (weight := tensors.get("weight")) is not None:
        value = t.network.product([value, t.network.reshape(t.read(weight), column)])
    if (bias := tensors.get("bias")) is not None:
        value = t.network.total([value, t.network.reshape(t.read(bias), column)])
    return value
