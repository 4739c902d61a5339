"""The arrays that a graph reads, of what its module is called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.nn import functional
from torch.utils import _pytree as pytree

from .export import PLACE, arguments, as_tensor
from .program import Program

#: Examples that are looked at together.
AT_ONCE = 256


@dataclass(frozen=True)
class Prepared:
    """An input of the graph as a function of the module's inputs."""

    node: fx.Node
    #: Where the input is a row with a one at the node's number: its length.
    one_hot: int | None = None

    def rows(self, program: Program, value: torch.Tensor, count: int) -> torch.Tensor:
        """The value of each example."""
        layout = program.layout(self.node)
        value = value.movedim(layout.batch or 0, 0).reshape(count, *layout.shape)
        if self.one_hot is None:
            return value.reshape(count, *(layout.shape or (1,)))
        return functional.one_hot(value.long() % self.one_hot, self.one_hot).double()


class Prepare:
    """Makes a graph's inputs, by name, of what its module is called with."""

    def __init__(self, program: Program, prepared: Mapping[str, Prepared], dtype: torch.dtype) -> None:
        self._program = program
        self._prepared = dict(prepared)
        self._dtype = dtype

    @property
    def is_idle(self) -> bool:
        """Whether the graph's inputs are the module's."""
        exported = self._program.exported
        same = all(own.node.op == "placeholder" and own.one_hot is None for own in self._prepared.values())
        are_all = all(leaf is PLACE for leaf in exported.call.fixed)
        return same and are_all and set(self._prepared) == set(exported.call.names)

    def __call__(self, inputs: Any) -> dict[str, np.ndarray]:
        return self.arrays(self.tensors(inputs), self._dtype)

    def tensors(self, inputs: Any) -> dict[str, torch.Tensor]:
        """The module's tensors by name; these names, and the arguments of a call, both do."""
        call = self._program.exported.call
        if isinstance(inputs, Mapping) and set(call.names) <= set(inputs):
            return {name: as_tensor(inputs[name]) for name in call.names}
        leaves, spec = pytree.tree_flatten(arguments(inputs))
        if len(leaves) != len(call.fixed):
            raise ValueError(f"the module was traced with {', '.join(call.names)}; give these")
        given = [as_tensor(leaf) for leaf, fixed in zip(leaves, call.fixed, strict=True) if fixed is PLACE]
        return dict(zip(call.names, given, strict=True))

    def arrays(self, tensors: Mapping[str, torch.Tensor], dtype: torch.dtype) -> dict[str, np.ndarray]:
        """The arrays of some examples, their real numbers in a precision."""
        rows = len(next(iter(tensors.values())))
        parts = [
            self._part({name: own[at : at + AT_ONCE] for name, own in tensors.items()}, dtype)
            for at in range(0, rows, AT_ONCE)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in self._prepared}

    def _part(self, tensors: Mapping[str, torch.Tensor], dtype: torch.dtype) -> dict[str, np.ndarray]:
        count = len(next(iter(tensors.values())))
        nodes = [own.node for own in self._prepared.values()]
        with torch.no_grad():
            values = self._program.evaluate(nodes, tensors, count)
            rows = {name: own.rows(self._program, values[own.node], count) for name, own in self._prepared.items()}
        return {name: as_array(value, dtype) for name, value in rows.items()}


def as_array(value: torch.Tensor, dtype: torch.dtype) -> np.ndarray:
    """An array; numbers without a fraction keep their type, and truth is 0 and 1."""
    is_real = value.is_floating_point() or value.dtype == torch.bool
    array: np.ndarray = (value.to(dtype) if is_real else value).contiguous().numpy()
    return array
