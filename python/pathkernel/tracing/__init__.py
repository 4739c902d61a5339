"""A PyTorch module as a graph that the engine reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..graph import Graph

if TYPE_CHECKING:
    from torch import nn


def trace(module: nn.Module, example_inputs: Any, *, output: str | int | None = None, check: bool = True) -> Graph:
    """A module as a graph, with the weights that it has now.

    The module is followed in the mode that each of its parts is in: dropout and the statistics of a batch belong to a
    network in training mode, and a norm that `.eval()` was called on keeps its running statistics. What is predicted is
    of evaluation mode.

    Args:
        module: The network.
        example_inputs: What it is called with, a few examples: a tensor, a tuple of arguments, or a dict of them
            by name. A tensor whose first axis is of another length than most have is the same for every example.
        output: Which of the values that the module returns is its output, by name or number. Without it `logits` where
            there are some, else the first tensor.
        check: Whether outputs and gradients are compared with the module's own, in double precision.

    Raises:
        UnsupportedError: Parts that no kind of layer does, all of them, each with its module, operator and line.
    """
    from .graph import traced

    return traced(module, example_inputs, output, check)


__all__ = ["trace"]
