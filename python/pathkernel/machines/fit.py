"""What is fitted, and what a fit is: the same for every kind of machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Part:
    """A kernel's features with the targets that are fitted by them: of all outputs, or of one."""

    #: [rows, rank].
    features: np.ndarray
    #: [rows, outputs].
    values: np.ndarray


@dataclass(frozen=True)
class Weights:
    """Outputs by features: features @ values + offset."""

    #: [rank, outputs].
    values: np.ndarray
    #: [outputs].
    offset: np.ndarray


@dataclass(frozen=True)
class Fit:
    """A machine in the words of features."""

    #: Of each part.
    weights: Sequence[Weights]
    #: How much the function's squared norm counts beside the sum of the losses.
    alpha: float
    #: [rows, outputs]: the outputs of each example by the machine without it, where they are known.
    left_out: np.ndarray | None = None
