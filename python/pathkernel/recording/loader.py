"""Loops over a DataLoader in which the examples of each batch are known."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, IterableDataset

from ..errors import UnsupportedError

#: Where accelerate keeps the loader that it wraps.
_INNER = "base_dataloader"


class RecordingSampler:
    """Gives what a sampler gives, and keeps it in `drawn` until the batch has been handed out.

    Batches are handed out in the order in which they were drawn, also by workers that read ahead.
    """

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler
        #: What the iteration that was begun last has drawn.
        self.drawn: deque[Any] = deque()

    def __iter__(self) -> Iterator[Any]:
        self.drawn = deque()
        return self._draw(self.drawn)

    def _draw(self, drawn: deque[Any]) -> Iterator[Any]:
        # A generator, as a BatchSampler's iterator is: random numbers are drawn when PyTorch draws them.
        for indices in self.sampler:
            # A sampler may use one list for all batches.
            drawn.append(copy.copy(indices))
            yield indices

    def __len__(self) -> int:
        return len(self.sampler)

    def __getattr__(self, name: str) -> Any:
        if name == "sampler":  # Before there is one, as in a copy.
            raise AttributeError(name)
        return getattr(self.sampler, name)


def check(loader: Any) -> None:
    """Fails for what has no numbers of examples."""
    if not isinstance(loader, DataLoader):
        raise TypeError(
            f"watch takes a torch.utils.data.DataLoader, not {type(loader).__name__}; for other loops call "
            "rec.batch(indices) before each forward pass"
        )
    if isinstance(loader.dataset, IterableDataset):
        raise UnsupportedError(
            "the loader's dataset is an IterableDataset, whose examples have no numbers; give each example one and "
            "call "
            "rec.batch(indices) before each forward pass"
        )


def recording(loader: DataLoader[Any]) -> tuple[DataLoader[Any], RecordingSampler]:
    """A loader with the same batches in the same order, and the sampler that knows them."""
    check(loader)
    own = copy.copy(loader)
    if _INNER in own.__dict__:
        own.__dict__[_INNER] = copy.copy(own.__dict__[_INNER])
    return own, install(own)


def install(loader: DataLoader[Any]) -> RecordingSampler:
    """Puts a recording sampler into a loader."""
    # DataLoader lets nobody set its samplers, but for its own dictionary.
    own = inner(loader).__dict__
    name = sampler_name(loader)
    sampler = RecordingSampler(own[name])
    # Iterators of persistent workers have the sampler that was there before.
    own.update({name: sampler, "_iterator": None})
    if "in_order" in own:
        own["in_order"] = True
    return sampler


def inner(loader: DataLoader[Any]) -> DataLoader[Any]:
    """The loader that draws: accelerate puts one into another."""
    return loader.__dict__.get(_INNER, loader)  # type: ignore[no-any-return]


def sampler_name(loader: DataLoader[Any]) -> str:
    """Which of a loader's samplers draws."""
    return "sampler" if loader.batch_sampler is None else "batch_sampler"


def examples(drawn: Any) -> np.ndarray:
    """The numbers of a batch's examples, of what a sampler drew for it."""
    indices = np.asarray(drawn)
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise UnsupportedError(
            f"the sampler drew {drawn!r}, which is no list of numbers of examples; call rec.batch(indices) before each "
            "forward pass"
        )
    return indices.astype(np.int64)


class Watched:
    """What `watch` gives: iterates as the loader does, and has its length and attributes."""

    def __init__(self, loader: DataLoader[Any], on_batch: Callable[[np.ndarray, Any], None]) -> None:
        self._original = loader
        self._loader, self._sampler = recording(loader)
        self._on_batch = on_batch

    def __iter__(self) -> Iterator[Any]:
        iterator = iter(self._loader)
        drawn = self._sampler.drawn
        for batch in iterator:
            self._on_batch(examples(drawn.popleft()), batch)
            yield batch

    def __len__(self) -> int:
        return len(self._original)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)
