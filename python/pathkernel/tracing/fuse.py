"""Products that are a kind of layer, spelled out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations
from typing import Any

from .network import Network, reads


def fused(network: Network, factors: Sequence[str]) -> str | None:
    """The layer that a product is, if it is one."""
    flat = [inner for name in factors for inner in product_of(network, name)]
    return gelu(network, flat) or rms_norm(network, flat)


def product_of(network: Network, name: str) -> list[str]:
    """The factors of a product of others, and of a product times a number; else the value itself."""
    layer = network.layers.get(name, {})
    if layer.get("type") == "multiply" and len(set(reads(layer))) > 1:
        return [inner for factor in reads(layer) for inner in product_of(network, factor)]
    return [name]


def layer_of(network: Network, name: str, kind: str) -> dict[str, Any] | None:
    layer = network.layers.get(name, {})
    return layer if layer.get("type") == kind else None


def near(one: float, other: float) -> bool:
    """Whether a number is another one, as constants are rounded that people write down."""
    return math.isclose(one, other, rel_tol=1e-6)


def scaled(network: Network, name: str) -> tuple[str, float]:
    """A value as another one times a number."""
    by = 1.0
    while layer := layer_of(network, name, "scale"):
        name, by = layer["from"], by * layer["by"]
    return name, by


# gelu: x (1 + erf(x / √2)) / 2, or x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.


def gelu(network: Network, factors: Sequence[str]) -> str | None:
    """Of the factors ½, x, and one plus a function of x."""
    parts = [scaled(network, name) for name in factors]
    if len(parts) != 2:
        return None
    half = math.prod(by for _, by in parts)
    for (x, _), (other, _) in permutations(parts):
        layer = layer_of(network, other, "offset")
        if layer is None or layer["by"] != 1:
            continue
        approximate = approximation(network, layer["from"], x)
        if approximate is not None:
            keys = {} if approximate == "none" else {"approximate": approximate}
            return network.scale(network.pointwise("gelu", x, **keys), 2 * half)
    return None


def approximation(network: Network, name: str, x: str) -> str | None:
    """Which of gelu's two functions of x a value is."""
    if layer := layer_of(network, name, "erf"):
        value, by = scaled(network, layer["from"])
        return "none" if value == x and near(by, math.sqrt(0.5)) else None
    if layer := layer_of(network, name, "tanh"):
        value, by = scaled(network, layer["from"])
        return "tanh" if near(by, math.sqrt(2 / math.pi)) and is_cubic(network, value, x) else None
    return None


def is_cubic(network: Network, name: str, x: str) -> bool:
    """Whether a value is x + 0.044715 x³."""
    layer = layer_of(network, name, "add")
    if layer is None or len(reads(layer)) != 2 or x not in reads(layer):
        return False
    other = next((part for part in reads(layer) if part != x), x)
    value, by = scaled(network, other)
    return near(by, 0.044715) and powers(network, value, x) == 3


def powers(network: Network, name: str, x: str) -> int:
    """The power of x that a value is; 0 where it is none."""
    if name == x:
        return 1
    layer = layer_of(network, name, "multiply")
    found = [powers(network, factor, x) for factor in reads(layer)] if layer else [0]
    return sum(found) if all(found) else 0


# rms_norm: x / √(mean x² + ε), perhaps times a weight.


def rms_norm(network: Network, factors: Sequence[str]) -> str | None:
    """Of the factors x, one over the root of its mean square, and perhaps a weight."""
    for name in factors:
        found = mean_square(network, name)
        if found is None:
            continue
        x, axes, eps = found
        rest = [factor for factor in factors if factor != name]
        if x not in rest:
            return None
        rest.remove(x)
        shape = network.shapes[x]
        keys: dict[str, Any] = {"eps": eps, "affine": False} | ({"axes": axes} if axes > 1 else {})
        value = network.add("rms_norm", [x], shape, **keys)
        return network.add("multiply", [value, *rest], network.stretched([value, *rest])) if rest else value
    return None


def mean_square(network: Network, name: str) -> tuple[str, int, float] | None:
    """x, over how many of its last axes, and ε, of a value 1 / √(mean x² + ε)."""
    root = layer_of(network, name, "rsqrt")
    offset = layer_of(network, root["from"], "offset") if root else None
    kept = offset["from"] if offset else ""
    reshape = layer_of(network, kept, "reshape")
    mean = layer_of(network, reshape["from"] if reshape else kept, "mean")
    square = layer_of(network, mean["from"], "multiply") if mean else None
    if not (offset and mean and square) or len(set(reads(square))) != 1 or len(reads(square)) != 2:
        return None
    x = reads(square)[0]
    shape, axes = network.shapes[x], sorted(mean["axes"])
    count = len(axes)
    is_last = axes == list(range(len(shape) - count, len(shape)))
    stays = network.shapes[kept] == (*shape[: len(shape) - count], *(1,) * count)
    return (x, count, offset["by"]) if is_last and stays and offset["by"] >= 0 else None


def with_own_weights(layers: list[dict[str, Any]], output: str) -> tuple[list[dict[str, Any]], str]:
    """Gives each norm the weight that it is multiplied by, where nothing else reads that or it.

    Returns the layers, and the name of the output.
    """
    readers: dict[str, int] = {output: 1}
    for layer in layers:
        ties = [tie.rpartition(".")[0] for key in ("weight", "bias") if isinstance(tie := layer.get(key), str)]
        for name in [*reads(layer), *ties]:
            readers[name] = readers.get(name, 0) + 1
    named = {layer["name"]: layer for layer in layers}
    renamed: dict[str, str] = {}
    for layer in layers:
        pair = own_weight(layer, named, readers)
        if pair:
            norm, weight = pair
            renamed[layer["name"]] = weight["name"]
            layer.clear()
            layer.update({key: value for key, value in norm.items() if key != "affine"}, name=weight["name"])
            norm.clear()
            weight.clear()
    kept = [layer for layer in layers if layer]
    for layer in kept:
        sources = [renamed.get(name, name) for name in reads(layer)]
        if sources:
            layer["from"] = sources if len(sources) > 1 else sources[0]
    return kept, renamed.get(output, output)


def own_weight(
    layer: dict[str, Any], named: dict[str, dict[str, Any]], readers: dict[str, int]
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The norm and the parameter of a product of just these, which nothing else reads."""
    if layer.get("type") != "multiply" or len(reads(layer)) != 2:
        return None
    for one, other in permutations(reads(layer)):
        norm, weight = named.get(one, {}), named.get(other, {})
        is_pair = norm.get("type") == "rms_norm" and norm.get("affine") is False and weight.get("type") == "parameter"
        if (
            is_pair
            and "weight" not in weight
            and len(weight["shape"]) == norm.get("axes", 1)
            and readers[one] == readers[other] == 1
        ):
            return norm, weight
    return None
