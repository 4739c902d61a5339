"""Examples that no batch had: they moved nothing, and have columns all the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from .host import copied_now
from .rows import Arrays, Rows
from .step import TARGETS

#: Examples that are read at once.
_AT_ONCE = 256


def unfed(
    loader: DataLoader[Any], begin: int, rows: Rows, targets_of: Callable[[Any], Any]
) -> tuple[np.ndarray, Arrays] | None:
    """The numbers of a loader's examples that were not fed, and their rows.

    None where what the network would have been given cannot be told: the loop changes what the loader gives.
    """
    count = len(loader.dataset)  # type: ignore[arg-type]
    missing = np.setdiff1d(np.arange(begin, begin + count), rows.examples)
    if not len(missing):
        return missing, {}
    fed = np.flatnonzero((rows.examples >= begin) & (rows.examples < begin + count))
    if not len(fed) or loader.batch_size is None and loader.batch_sampler is None:
        return None
    names = [name for name in rows.arrays if name != TARGETS]
    with torch.random.fork_rng():
        known = _read(loader, rows.examples[fed[:1]] - begin, names, targets_of)
        if known is None or not all(_is_equal(known.get(name), own[fed[:1]]) for name, own in rows.arrays.items()):
            return None
        parts = [
            _read(loader, missing[at : at + _AT_ONCE] - begin, names, targets_of)
            for at in range(0, len(missing), _AT_ONCE)
        ]
    read = [part for part in parts if part is not None]
    return missing, {name: np.concatenate([part[name] for part in read]) for name in rows.arrays}


def _is_equal(values: np.ndarray | None, fed: np.ndarray) -> bool:
    return values is not None and np.array_equal(values, fed)


def _read(
    loader: DataLoader[Any], indices: np.ndarray, names: list[str], targets_of: Callable[[Any], Any]
) -> Arrays | None:
    """What a network would be given of examples, by the names of its inputs."""
    batch = loader.collate_fn([loader.dataset[int(index)] for index in indices])
    if isinstance(batch, Mapping):
        inputs = {name: batch.get(name) for name in names}
    elif isinstance(batch, (tuple, list)):
        inputs = dict(zip(names, batch, strict=False))
    else:
        inputs = dict.fromkeys(names, batch)
    values = {**inputs, TARGETS: targets_of(batch)}
    return copied_now({name: one for name, one in values.items() if isinstance(one, Tensor)})
