"""The weights along a path, in memory or a file each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

Tensors = dict[str, np.ndarray]

_KINDS = {"float64": "F64", "float32": "F32", "float16": "F16"}


class Weights(Protocol):
    """The points of a path."""

    def add(self, tensors: Tensors) -> None:
        """Another point."""

    def point(self, number: int) -> Tensors:
        """The weights before step `number`, or after the last; counted from the end where it is negative."""

    def imported(self) -> Any:
        """What `trajectory.import` is told."""


class InMemory:
    """Points that are lost with the process."""

    def __init__(self) -> None:
        self._points: list[Tensors] = []

    def add(self, tensors: Tensors) -> None:
        self._points.append(tensors)

    def point(self, number: int) -> Tensors:
        return self._points[number]

    def imported(self) -> Tensors:
        return {name: np.stack([point[name] for point in self._points]) for name in self._points[0]}


class OnDisk:
    """A safetensors file for each point, in a folder of their own."""

    def __init__(self, folder: Path, count: int = 0) -> None:
        """`count` is how many points of those that are there stay."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._count = folder, count
        for file in folder.iterdir():
            if file.suffix == ".tmp" or file.suffix == ".safetensors" and int(file.stem) >= count:
                file.unlink()

    def add(self, tensors: Tensors) -> None:
        write(self._file(self._count), tensors)
        self._count += 1

    def point(self, number: int) -> Tensors:
        return read(self._file(number % self._count))

    def imported(self) -> str:
        return str(self._folder / "*.safetensors")

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:08}.safetensors"


def write(file: Path, tensors: Tensors) -> None:
    """Writes a safetensors file beside its name, and renames it."""
    arrays = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    beside = file.with_suffix(".tmp")
    with open(beside, "wb") as out:
        out.writelines(_parts(arrays))
    os.replace(beside, file)


def _parts(arrays: Tensors) -> Iterable[Any]:
    header, end = {}, 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": _KINDS[array.dtype.name], "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little")
    yield text
    for array in arrays.values():
        yield array.reshape(-1).view(np.uint8).data


def read(file: Path) -> Tensors:
    """Reads what `write` has written."""
    data = file.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    kinds = {word: np.dtype(name) for name, word in _KINDS.items()}
    return {
        name: np.frombuffer(
            data[begin + of["data_offsets"][0] : begin + of["data_offsets"][1]], kinds[of["dtype"]]
        ).reshape(of["shape"])
        for name, of in json.loads(data[8:begin]).items()
    }
