"""What is kept of each step of a loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: What a part's targets are called among its arrays.
TARGETS = "targets"
#: The class that stands for none, in PyTorch.
NO_CLASS = -100


@dataclass
class Seen:
    """What was seen of a forward pass: outputs, and the gradient of the loss by them."""

    #: Rows of outputs, [kept, outputs]; a row is an example, or a position of one.
    outputs: np.ndarray
    #: Of the same shape.
    gradients: np.ndarray
    #: Each how many-th row is kept; 1 is all.
    stride: int
    #: How many rows an example has.
    positions: int
    #: One rounding of an output, relative.
    rounding: float


@dataclass
class Part:
    """One forward and backward pass: a micro-batch, of which a step has one or more."""

    #: The numbers of its examples in the user's data.
    examples: np.ndarray
    #: Their rows among all rows that were fed.
    rows: np.ndarray
    #: What was seen of the outputs, if anything.
    seen: Seen | None


@dataclass
class Step:
    """One step of the optimizer."""

    parts: list[Part]
    #: The numbers of each group of parameters.
    numbers: list[dict[str, Any]]
    #: Norms and largest (not absolute) entries of each parameter's gradient after the last backward pass, [2,
    #: parameters].
    before: np.ndarray
    #: The same when the step was made; None where nothing had changed them.
    after: np.ndarray | None = None
    #: By what the optimizer itself divides the gradients: the scale of a GradScaler that leaves it to a fused
    #: optimizer.
    scale: float = 1.0
    #: Parameters that had no gradient.
    missing: list[int] = field(default_factory=list)
    #: What happened that the engine cannot know of, in words.
    remarks: list[str] = field(default_factory=list)

    @property
    def norm(self) -> float:
        """The norm of the gradients that the step was made with."""
        sizes = self.before if self.after is None else self.after
        return float(np.sqrt((sizes[0].astype(float) ** 2).sum())) / self.scale
