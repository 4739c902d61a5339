"""How the value of one example lies in the value of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ..errors import UnsupportedError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """How the value of one example lies in that of a batch, whose axis may be anywhere."""

    #: The batch's shape where it holds one example.
    whole: Shape
    #: The axis that the examples lie along; None for a value that is the same whatever the batch.
    batch: int | None

    @property
    def is_merged(self) -> bool:
        """Whether the axis of the examples is one of theirs as well, as in `x.flatten(0, 1)`."""
        return self.batch is not None and self.whole[self.batch] != 1

    @property
    def dropped(self) -> int | None:
        """The axis that an example lacks."""
        return None if self.is_merged else self.batch

    @property
    def shape(self) -> Shape:
        """The shape of an example's value."""
        return tuple(side for axis, side in enumerate(self.whole) if axis != self.dropped)

    def axis(self, axis: int) -> int:
        """The axis of an example that an axis of the batch is."""
        axis = axis % max(len(self.whole), 1)
        if axis == self.batch:
            raise Mixed()
        return axis - (self.dropped is not None and axis > self.dropped)

    def axes(self, axes: Any) -> list[int]:
        """The axes of an example that axes of the batch are."""
        axes = [axes] if isinstance(axes, int) else axes
        return [self.axis(axis) for axis in axes]


class Mixed(Exception):
    """Examples of a batch that meet."""


def layout_of(value: Any) -> Layout:
    """The layout of a value with symbolic sides, as torch.export leaves it."""
    sides = [in_terms_of_batch(side) for side in value.shape]
    batch = [axis for axis, (_, grows) in enumerate(sides) if grows]
    if len(batch) > 1:
        raise Mixed()
    return Layout(tuple(side for side, _ in sides), batch[0] if batch else None)


def in_terms_of_batch(side: Any) -> tuple[int, bool]:
    """A side for a batch of one example, and whether it grows with the batch."""
    if isinstance(side, int):
        return side, False
    expression = side.node.expr
    symbols = sorted(expression.free_symbols, key=str)
    if not symbols:
        return int(expression), False
    if len(symbols) > 1 or str(symbols[0]).startswith("u"):
        raise UnsupportedError("a shape depends on the values of the inputs")
    one, two = (int(expression.subs(symbols[0], count)) for count in (1, 2))
    if two != 2 * one:
        raise Mixed()
    return one, True


def is_tensor(value: Any) -> bool:
    """Whether what torch.export says of a node is a tensor."""
    return isinstance(value, torch.Tensor)
