"""A network as the engine reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Source:
    """Where a node of a graph came from."""

    #: Path of the module in the network, as `named_modules` has it.
    module: str
    #: The operator, as PyTorch calls it.
    operator: str
    #: File and line of the call.
    line: str


@dataclass(frozen=True)
class Graph:
    """A network as the engine reads it, with the weights that it has now."""

    #: `[model]` of a run file (`inputs` or `input`, `layers`, `output`, `parameters`, `frozen`); arrays stand where files stand.
    model: dict[str, Any]
    #: The tensors, under the names of the module's `state_dict`.
    weights: dict[str, np.ndarray]
    #: Makes the graph's inputs, by name, of what the module is called with; None where they are the same.
    prepare: Callable[[Any], dict[str, np.ndarray]] | None = None
    #: Where each node came from, by its name.
    sources: dict[str, Source] = field(default_factory=dict)
    #: What the module ends with that belongs to the loss: "log_softmax" or "sigmoid", which the graph leaves out.
    ending: str | None = None
