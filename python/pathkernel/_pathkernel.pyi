"""The engine, which `engine.py` alone calls."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, final

import numpy as np

__all__ = [
    "VERSION",
    "Memory",
    "bench",
    "check",
    "devices",
    "evaluate",
    "explain",
    "main",
    "make_path",
    "plan",
    "report",
    "resolve",
    "run",
    "self_influence",
    "tiled",
    "top",
    "train",
]

VERSION: Final[str]

_Config = dict[str, Any]
_Told = Callable[[str, int, int], None] | None
#: Numbers, their type as NumPy calls it, and the shape that they have.
_Array = tuple[Memory, str, tuple[int, ...]]

@final
class Memory:
    """Numbers that NumPy takes by the buffer protocol."""

def main(words: list[str]) -> int: ...
def run(config: _Config, progress: _Told) -> None: ...
def explain(config: _Config, progress: _Told) -> dict[str, Any]: ...
def train(config: _Config, progress: _Told) -> tuple[_Array, list[tuple[str, int, list[int]]], list[float]]: ...
def make_path(config: _Config, progress: _Told) -> list[float]: ...
def plan(config: _Config) -> tuple[dict[str, Any], str]: ...
def resolve(config: _Config | str, overrides: list[str]) -> dict[str, Any]: ...
def evaluate(config: _Config, seeds: np.ndarray | None) -> tuple[_Array, dict[str, _Array] | None]: ...
def devices() -> list[dict[str, Any]]: ...
def bench(config: _Config, progress: _Told) -> dict[str, Any]: ...
def tiled(folder: Path) -> _Array: ...
def top(
    directory: Path, query: int | None, example: int | None, output: int | None, count: int, of: str
) -> dict[str, Any]: ...
def self_influence(directory: Path, output: int | None, count: int) -> dict[str, Any]: ...
def check(directory: Path) -> tuple[str, str]: ...
def report(directory: Path, overrides: list[str]) -> Path: ...
