"""A network under construction, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..graph import Source
from .layout import Shape

#: The largest number that single precision holds: what lies beyond it is that.
LARGEST = float(np.finfo(np.float32).max)


@dataclass
class Network:
    """The layers of a run file, with the shape of each one's value."""

    #: Names that no layer without tensors may have.
    reserved: set[str]
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    _constants: dict[tuple[Shape, bytes], str] = field(default_factory=dict)
    #: Where what is added comes from.
    at: Source = Source("", "", "")

    def input(self, name: str, shape: Shape, is_integer: bool) -> str:
        """An input; a name that is there stays."""
        self.inputs[name] = {"shape": list(shape), "type": "integer" if is_integer else "real"}
        self.shapes[name] = shape
        return name

    def add(self, kind: str, sources: Sequence[str], shape: Shape, /, name: str | None = None, **keys: Any) -> str:
        """A layer that reads others; its name is made where it has none."""
        name = name or self.free(f"{self.at.module}.{kind}" if self.at.module else kind)
        own: dict[str, Any] = {"type": kind, "name": name}
        if sources:
            own["from"] = list(sources) if len(sources) > 1 else sources[0]
        self.layers[name] = own | keys
        self.shapes[name] = shape
        self.sources[name] = self.at
        return name

    def free(self, wanted: str) -> str:
        """A name that nothing has: the wanted one, or that with a number."""
        name, number = wanted, 1
        while name in self.shapes or name in self.reserved or name.isdigit():
            number += 1
            name = f"{wanted}_{number}"
        return name

    def _layer(self, name: str, kind: str) -> dict[str, Any] | None:
        """The layer of a name if it is of a kind."""
        layer = self.layers.get(name, {})
        return layer if layer.get("type") == kind else None

    # Shapes.

    def reshape(self, name: str, shape: Shape) -> str:
        """The same numbers in another shape."""
        if self.shapes[name] == shape:
            return name
        if layer := self._layer(name, "reshape"):
            return self.reshape(layer["from"], shape)
        if layer := self._layer(name, "constant"):
            return self.constant(layer["values"].reshape(shape))
        return self.add("reshape", [name], shape, shape=list(shape))

    def permute(self, name: str, axes: Sequence[int]) -> str:
        """The axes in another order."""
        if list(axes) == list(range(len(axes))):
            return name
        if layer := self._layer(name, "permute"):
            return self.permute(layer["from"], [layer["axes"][axis] for axis in axes])
        if layer := self._layer(name, "constant"):
            return self.constant(layer["values"].transpose(axes))
        shape = self.shapes[name]
        if [axis for axis in axes if shape[axis] != 1] == [axis for axis in range(len(axes)) if shape[axis] != 1]:
            return self.reshape(name, tuple(shape[axis] for axis in axes))
        return self.add("permute", [name], tuple(shape[axis] for axis in axes), axes=list(axes))

    def slice(self, name: str, axis: int, start: int, stop: int, step: int = 1) -> str:
        """A part of an axis."""
        shape = list(self.shapes[name])
        if (start, stop, step) == (0, shape[axis], 1):
            return name
        shape[axis] = len(range(start, stop, step))
        keys = {"start": start, "stop": stop, "step": step}
        own: dict[str, Any] = {
            key: value for key, value in keys.items() if (key, value) not in (("start", 0), ("step", 1))
        }
        return self.add("slice", [name], tuple(shape), axis=axis, **own)

    def broadcast(self, name: str, shape: Shape) -> str:
        """Stretched along axes of length 1; axes before those that are there are new ones."""
        own = self.shapes[name]
        if own == shape:
            return name
        name = self.reshape(name, (1,) * (len(shape) - len(own)) + own)
        return name if self.shapes[name] == shape else self.add("broadcast", [name], shape, shape=list(shape))

    def concat(self, names: Sequence[str], axis: int) -> str:
        """Side by side along an axis."""
        if len(names) == 1:
            return names[0]
        shape = list(self.shapes[names[0]])
        shape[axis] = sum(self.shapes[name][axis] for name in names)
        return self.add("concat", names, tuple(shape), axis=axis)

    # Numbers.

    def constant(self, values: np.ndarray) -> str:
        """An array that is the same for every example."""
        values = np.clip(np.asarray(values, dtype=np.float64), -LARGEST, LARGEST)
        values = np.ascontiguousarray(values.reshape(values.shape or (1,)))
        key = (values.shape, values.tobytes())
        if key not in self._constants:
            self._constants[key] = self.add("constant", [], values.shape, values=values)
        return self._constants[key]

    def scale(self, name: str, by: float) -> str:
        """Times a number."""
        return name if by == 1 else self.add("scale", [name], self.shapes[name], by=finite(by))

    def offset(self, name: str, by: float) -> str:
        """Plus a number."""
        return name if by == 0 else self.add("offset", [name], self.shapes[name], by=finite(by))

    def total(self, names: Sequence[str]) -> str:
        """The sum of several."""
        return self.add("add", names, self.stretched(names))

    def product(self, names: Sequence[str]) -> str:
        """The product of several, or the kind of layer that it is."""
        from .fuse import fused

        return fused(self, names) or self.add("multiply", names, self.stretched(names))

    def pointwise(self, kind: str, name: str, **keys: Any) -> str:
        """A function of each number."""
        return self.add(kind, [name], self.shapes[name], **keys)

    def reduce(self, kind: str, name: str, axes: Sequence[int]) -> str:
        """The mean or the sum over axes, which fall away."""
        own = self.shapes[name]
        kept = tuple(side for axis, side in enumerate(own) if axis not in axes)
        if not axes:
            return name
        if kept:
            return self.add(kind, [name], kept, axes=list(axes))
        whole = self.add(kind, [name], (1,) * len(own), axes=list(axes), keepdim=True)
        return self.reshape(whole, (1,))

    def matmul(self, left: str, right: str) -> str:
        """The product of matrices, whose axes before are stretched, or attention if it is that."""
        from .fuse_attention import attention

        if whole := attention(self, left, right):
            return whole
        a, b = self.shapes[left], self.shapes[right]
        shape = (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
        return self.add("matmul", [left, right], shape)

    def along(self, name: str, axis: int, matrix: np.ndarray) -> str:
        """A linear map of an axis: its matrix is [new, old]."""
        if matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(len(matrix))):
            return name
        rank = len(self.shapes[name])
        last = [*(other for other in range(rank) if other != axis), axis]
        turned = self.permute(name, last)
        shape = self.shapes[turned]
        rows = self.reshape(turned, (math.prod(shape[:-1]), shape[-1]))
        mapped = self.reshape(self.matmul(rows, self.constant(matrix.T)), (*shape[:-1], len(matrix)))
        return self.permute(mapped, [last.index(own) for own in range(rank)])

    def reciprocal(self, name: str) -> str:
        """One over each number, of any sign."""
        if (layer := self._layer(name, "multiply")) and (root := self._layer(layer["from"][1], "rsqrt")):
            if root["from"] == layer["from"][0]:
                return str(root["name"])
        inverse = self.pointwise("rsqrt", self.product([name, name]))
        return self.product([name, inverse, inverse])

    def stretched(self, names: Sequence[str]) -> Shape:
        return tuple(np.broadcast_shapes(*(self.shapes[name] for name in names)))

    def without_idle(self, output: str) -> list[dict[str, Any]]:
        """The layers that the output depends on, in their order."""
        needed: set[str] = set()
        waiting = [output]
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += reads(self.layers.get(name, {}))
        self.inputs = {name: own for name, own in self.inputs.items() if name in needed}
        return [layer for name, layer in self.layers.items() if name in needed]


def reads(layer: dict[str, Any]) -> list[str]:
    """The names of what a layer reads."""
    sources = layer.get("from", [])
    return [sources] if isinstance(sources, str) else list(sources)


def finite(number: float) -> float:
    """A number that single precision holds."""
    return float(min(max(number, -LARGEST), LARGEST))
