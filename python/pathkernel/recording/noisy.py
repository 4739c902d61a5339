"""Parameters whose steps are noise, as the graph shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: Optimizers whose step does not see how small a gradient is.
_BLIND = ("adam", "adamw", "nadam", "rmsprop", "lion")
#: Layers that add a bias to each channel, if nothing says that they do not.
_BIASED = ("linear", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d")


def remarks(model: Mapping[str, Any], optimizer: str, precision: str) -> list[str]:
    """What is to be said of biases that a batch norm takes out again: their gradient is zero but for rounding.

    In double precision that rounding is far below the optimizer's eps.
    """
    if optimizer not in _BLIND or precision != "f32":
        return []
    return [
        f"{bias}: a batch norm takes this bias out again, so that its gradient is zero but for rounding; {optimizer} "
        "divides that by its own "
        "size, and moves the bias by noise that cannot be explained; make the layer before the norm with bias=False"
        for bias in _before_norms(model)
        if bias not in model.get("frozen", [])
    ]


def _before_norms(model: Mapping[str, Any]) -> Iterator[str]:
    """The biases of layers that nothing but a batch norm by its batch reads."""
    layers: Sequence[Mapping[str, Any]] = model["layers"]
    places = {layer["name"]: place for place, layer in enumerate(layers) if "name" in layer}
    sources = [_sources(layer, place, places) for place, layer in enumerate(layers)]
    for reader, layer in enumerate(layers):
        if layer["type"] != "batch_norm" or layer.get("statistics", "running") != "batch" or not sources[reader]:
            continue
        place = sources[reader][0]
        own = layers[place] if place >= 0 else {"type": ""}
        is_alone = sum(read.count(place) for read in sources) == 1
        if own["type"] in _BIASED and own.get("bias", True) and is_alone:
            named = own.get("bias", True)
            yield named if isinstance(named, str) else f"{own.get('name', place)}.bias"


def _sources(layer: Mapping[str, Any], place: int, places: Mapping[str, int]) -> list[int]:
    """The layers that a layer reads; what it reads of the inputs is -1."""
    given = layer.get("from", place - 1)
    several = given if isinstance(given, (list, tuple)) else [given]
    return [one if isinstance(one, int) else places.get(one, -1) for one in several]
