"""A watched loader gives what the loader gives, and its examples are known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    WeightedRandomSampler,
)

from pathkernel.errors import UnsupportedError
from pathkernel.recording.loader import Watched


class Numbers(Dataset[Any]):
    """Each example is its number, with a random one of the worker's beside it."""

    def __len__(self) -> int:
        return 23

    def __getitem__(self, index: int) -> Any:
        return index, torch.rand(())


class OneList(BatchSampler):
    """A sampler that uses one list for all batches."""

    def __init__(self) -> None:
        super().__init__(range(23), 4, False)

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in torch.randperm(23).tolist():
            batch.append(index)
            if len(batch) == 4:
                yield batch
                batch.clear()


LOADERS: dict[str, dict[str, Any]] = {
    "plain": {"batch_size": 4},
    "shuffled": {"batch_size": 4, "shuffle": True},
    "without the last": {"batch_size": 4, "shuffle": True, "drop_last": True},
    "workers": {"batch_size": 4, "shuffle": True, "num_workers": 2},
    "persistent workers": {
        "batch_size": 4,
        "shuffle": True,
        "num_workers": 2,
        "persistent_workers": True,
        "prefetch_factor": 3,
    },
    "a generator of its own": {"batch_size": 4, "shuffle": True, "generator": True},
    "with replacement": {"batch_size": 4, "sampler": WeightedRandomSampler(torch.arange(1.0, 24.0), 30)},
    "a batch sampler": {"batch_sampler": BatchSampler(RandomSampler(range(23)), 5, True)},
    "a batch sampler with one list": {"batch_sampler": OneList()},
    "lists of numbers as samples": {"batch_size": None, "sampler": BatchSampler(RandomSampler(range(23)), 5, True)},
}


class Listed(Numbers):
    """Takes lists of numbers, as loaders without batches of their own ask for."""

    def __getitem__(self, index: Any) -> Any:
        return (torch.tensor(index), torch.rand(len(index))) if isinstance(index, list) else super().__getitem__(index)


def loader(settings: dict[str, Any]) -> DataLoader[Any]:
    own = {**settings, **({"generator": torch.Generator().manual_seed(5)} if "generator" in settings else {})}
    return DataLoader(Listed(), **own)


def epochs(batches: Any, count: int = 3) -> list[tuple[list[int], list[float]]]:
    torch.manual_seed(7)
    return [(numbers.tolist(), noise.tolist()) for _ in range(count) for numbers, noise in batches]


@pytest.mark.parametrize("settings", LOADERS.values(), ids=LOADERS.keys())
def test_the_loop_sees_the_same_batches(settings: dict[str, Any]) -> None:
    seen: list[list[int]] = []
    watched = Watched(loader(settings), lambda examples, batch: seen.append(examples.tolist()))
    given = epochs(watched)
    assert given == epochs(loader(settings)), "the same examples, in the same order, with the same random numbers"
    assert seen == [numbers for numbers, _ in given]
    assert (len(watched), watched.batch_size) == (len(loader(settings)), loader(settings).batch_size)


def test_an_epoch_that_is_left_early() -> None:
    seen: list[list[int]] = []
    watched = Watched(loader(LOADERS["workers"]), lambda examples, batch: seen.append(examples.tolist()))
    given = []
    for _ in range(3):
        for number, (numbers, _noise) in enumerate(watched):
            given.append(numbers.tolist())
            if number == 1:
                break
    assert seen == given


def test_examples_of_a_subset_are_those_of_the_subset() -> None:
    seen: list[int] = []
    subset = Subset(Numbers(), [20, 3, 7])
    for _ in Watched(DataLoader(subset, batch_size=2), lambda examples, batch: seen.extend(examples)):
        pass
    assert np.array_equal(seen, [0, 1, 2])


class Stream(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(3))


def test_what_has_no_numbers_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"IterableDataset.*rec\.batch\(indices\)"):
        Watched(DataLoader(Stream()), lambda *_: None)
    with pytest.raises(TypeError, match=r"DataLoader, not list.*rec\.batch\(indices\)"):
        Watched([1, 2], lambda *_: None)  # type: ignore[arg-type]
