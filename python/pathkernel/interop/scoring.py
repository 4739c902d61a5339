"""One number for each pair, of which more is better."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .. import data
from ..arrays import ArrayLike
from ..attribution import attribute
from ..path import Path


def scores(
    path: Path, queries: Any, targets: ArrayLike | None = None, *, readout: str = "loss", **settings: Any
) -> np.ndarray:
    """[query, example]: how much each example helped.

    By the readout "loss" that is by how much it lowered the query's loss; by "target" or "margin", by how much it
    raised that. These are the signs that TracIn, and the metrics of dattri, quanda and captum, have: above 0 is a
    proponent.
    """
    found = attribute(path, queries, targets, readout=readout, **settings).attribution
    if found.shape[2] != 1:
        raise ValueError(
            f'readout: {readout!r} has {found.shape[2]} numbers for a query; give "loss", "target" or "margin"'
        )
    return helped(found[:, :, 0], readout)


def own_scores(path: Path, *, readout: str = "loss", **settings: Any) -> np.ndarray:
    """[example]: how much each example helped itself."""
    train = path.config["data"]["train"]
    as_it_is = replace(path, graph=replace(path.graph, prepare=None))
    first = data.each(train["inputs"], lambda values: values[:1])
    found = attribute(as_it_is, first, train["targets"][:1], readout=readout, own=True, **settings)
    return helped(found.own[:, 0], readout)


def helped(values: np.ndarray, readout: str) -> np.ndarray:
    """Of a loss less is better."""
    return np.asarray(-values if readout == "loss" else values, dtype=np.float64)
