"""TracIn of checkpoints (TracInCP), by the engine."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import ArrayLike
from ..networks import Network
from ..result import VerdictWarning
from ..trained import checkpoints, in_order
from .scoring import scores


def tracin(
    net: Network,
    states: str | os.PathLike[str] | Sequence[Any],
    x: Any,
    y: ArrayLike | None,
    queries: Any,
    targets: ArrayLike | None = None,
    *,
    loss: Any = "cross_entropy",
    rates: ArrayLike = 1.0,
    **settings: Any,
) -> np.ndarray:
    """[query, example]: the sum over checkpoints of rate · ∇L(query) · ∇L(example), as captum's TracInCP and dattri's
    TracIn have it.

    `rates` is one for all checkpoints, or one for each. It is no account of a training: for that, see `record` and
    `attribute`.
    """
    if isinstance(states, (str, os.PathLike)):
        states = in_order(glob.glob(os.fspath(states), recursive=True))
    if not len(states):
        raise ValueError("states: there are no checkpoints")
    every = np.broadcast_to(np.asarray(rates, dtype=float), (len(states),))
    # The rule "left" takes gradients where a step begins: a last step that goes nowhere is one more checkpoint.
    path = checkpoints(net, [*states, states[-1]], x, y, loss=loss, optimizer={"type": "sgd"}, rates=every)
    training = {**path.config["training"], "reduction": "sum"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VerdictWarning)
        return scores(
            replace(path, config={**path.config, "training": training}), queries, targets, rule="left", **settings
        )
