"""The way that a network's weights took in training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import numpy as np

from .graph import Graph


@dataclass(frozen=True)
class Path:
    """The way that a network's weights took in training, and what it was trained on."""

    #: The network; its weights are the first ones.
    graph: Graph
    #: `[run]`, `[data.train]`, `[training]` and `[trajectory]` of a run file; arrays stand where files stand.
    config: dict[str, Any]
    #: The weights after the last step, under the names of the module's `state_dict`.
    final: dict[str, np.ndarray]
    #: The folder that the path is kept in; None: in memory.
    directory: File | None = None
    #: The loss of each step's batch, where it is known.
    losses: np.ndarray | None = field(default=None, repr=False)
    #: What of a recorded path cannot be explained, and why.
    remarks: list[str] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        """The weights after the last step, for `load_state_dict`. Needs torch."""
        import torch

        return {name: torch.from_numpy(np.array(values)) for name, values in self.final.items()}
