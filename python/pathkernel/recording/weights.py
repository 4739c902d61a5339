"""The weights along a path, in memory or a file each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..tensor_files import Tensors, read, write


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
