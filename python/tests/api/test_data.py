"""Arrays of every library, data sets and loaders are the same examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from pathkernel.arrays import array
from pathkernel.data import split

X = np.arange(24, dtype=np.float32).reshape(6, 2, 2)
Y = np.array([0, 1, 2, 0, 1, 2])


class OnlyDlpack:
    """An array of a library that has nothing but the protocol."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __dlpack__(self, **kinds: Any) -> Any:
        return self.values.__dlpack__(**kinds)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.values.__dlpack_device__()


ARRAYS: dict[str, Any] = {
    "numpy": X,
    "in another order": np.asfortranarray(X),
    "a part": np.concatenate([X, X])[::2][:3].repeat(2, axis=0),
    "other bytes first": X.astype(">f4"),
    "torch": torch.tensor(X),
    "with gradients": torch.tensor(X, requires_grad=True),
    "in another layout": torch.tensor(X)
    .to(memory_format=torch.contiguous_format)
    .transpose(1, 2)
    .contiguous()
    .transpose(1, 2),
    "list": X.tolist(),
    "list of tensors": list(torch.tensor(X)),
    "dlpack": OnlyDlpack(X),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_every_library(name: str) -> None:
    found = array(ARRAYS[name])
    expected = X if name != "a part" else ARRAYS[name]
    np.testing.assert_array_equal(found, expected)
    assert found.flags.c_contiguous and found.dtype.isnative


def test_what_lies_right_is_not_copied() -> None:
    assert np.shares_memory(array(X), X)
    tensor = torch.tensor(X, requires_grad=True)
    assert array(tensor).ctypes.data == tensor.data_ptr()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.bool, torch.int8, torch.uint8, torch.int64])
def test_types(kind: torch.dtype) -> None:
    tensor = torch.tensor([[0, 1], [1, 0]], dtype=kind)
    found = array(tensor)
    np.testing.assert_array_equal(found, [[0, 1], [1, 0]])
    assert found.dtype.kind in "biu" or found.dtype == np.float32


@pytest.mark.parametrize("wrong", [["a", "b"], [[1], [1, 2]], {"a": 1}, np.array([1 + 2j])])
def test_what_is_no_array_of_numbers_is_told(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="^x"):
        array(wrong, "x")


class Pairs(Dataset[tuple[torch.Tensor, int]]):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        return torch.tensor(X[number]), int(Y[number])


class Stream(IterableDataset[tuple[torch.Tensor, int]]):
    def __iter__(self) -> Iterator[tuple[torch.Tensor, int]]:
        yield from ((torch.tensor(one), int(label)) for one, label in zip(X, Y, strict=True))


class Named(Dataset[dict[str, Any]]):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {"tokens": torch.tensor(X[number]), "mask": torch.ones(2), "labels": int(Y[number])}


whole = TensorDataset(torch.tensor(X), torch.tensor(Y))
LOADED: dict[str, Any] = {
    "arrays": (X, Y),
    "tensor data set": (whole,),
    "data set": (Pairs(),),
    "list of pairs": ([(X[number], Y[number]) for number in range(6)],),
    "subset": (Subset(TensorDataset(torch.tensor(np.tile(X, (2, 1, 1))), torch.tensor(np.tile(Y, 2))), range(6, 12)),),
    "shuffled loader": (DataLoader(whole, batch_size=4, shuffle=True),),
    "loader that drops": (DataLoader(Pairs(), batch_size=4, drop_last=True),),
    "stream": (Stream(),),
    "loader of a stream": (DataLoader(Stream(), batch_size=4),),
}


@pytest.mark.parametrize("name", LOADED)
def test_data_sets_and_loaders(name: str) -> None:
    inputs, targets = split(*LOADED[name])
    np.testing.assert_array_equal(inputs, X)
    np.testing.assert_array_equal(targets, Y)


def test_several_inputs() -> None:
    inputs, targets = split(Named())
    assert isinstance(inputs, dict) and list(inputs) == ["tokens", "mask"]
    np.testing.assert_array_equal(targets, Y)
    inputs, targets = split({"tokens": X, "mask": np.ones((6, 2))}, Y)
    assert isinstance(inputs, dict) and inputs["mask"].shape == (6, 2)
    inputs, targets = split((X, np.ones((6, 2))))
    assert isinstance(inputs, tuple) and len(inputs) == 2 and targets is None
    inputs, targets = split(TensorDataset(torch.tensor(X), torch.ones(6, 2), torch.tensor(Y)))
    assert isinstance(inputs, tuple) and len(inputs) == 2
    np.testing.assert_array_equal(targets, Y)


def test_rows_that_do_not_fit_are_told() -> None:
    with pytest.raises(ValueError, match="different numbers of rows"):
        split({"tokens": X, "mask": X[:3]})
    with pytest.raises(ValueError, match="no rows"):
        split(np.float32(1.0))
