"""The way that a network's weights took in training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import numpy as np

from .graph import Graph
from .optional import needed


@dataclass(frozen=True, repr=False)
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
    losses: np.ndarray | None = None
    #: What of a recorded path cannot be explained, and why.
    remarks: list[str] = field(default_factory=list)
    #: Whether dropout drew the masks that the engine draws again.
    is_drawn: bool = False

    def state_dict(self) -> dict[str, Any]:
        """The weights after the last step, for `load_state_dict`. Needs torch."""
        torch = needed("torch", "path.state_dict()")
        return {name: torch.from_numpy(np.array(values)) for name, values in self.final.items()}

    def lines(self) -> list[tuple[str, str]]:
        """What it is, line by line."""
        training, train = self.config.get("training", {}), self.config.get("data", {}).get("train", {})
        targets, optimizer = train.get("targets"), training.get("optimizer", {})
        found = {
            "tensors": f"{len(self.final)}, {sum(values.size for values in self.final.values()):,} numbers",
            "examples": f"{len(targets):,}" if hasattr(targets, "__len__") else None,
            "loss": training.get("loss"),
            "optimizer": optimizer.get("type"),
            "steps": training.get("steps"),
            "directory": self.directory,
        }
        remarks = [("remark", one) for one in self.remarks]
        return [*((name, str(value)) for name, value in found.items() if value is not None), *remarks]

    def __repr__(self) -> str:
        return f"Path({', '.join(f'{name}: {value}' for name, value in self.lines())})"

    def _repr_html_(self) -> str:
        from .notebook import of_path

        return of_path(self)
