"""What work takes, before it is done."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from . import engine, notebook
from .arrays import ArrayLike
from .logs import heard
from .path import Path
from .questions import question
from .runs import run_file


@dataclass(frozen=True)
class Plan:
    """What a run takes: memory and disk in bytes, time in seconds."""

    numbers: dict[str, Any]

    @property
    def memory(self) -> int:
        """Bytes of memory."""
        return int(self.numbers["memory"])

    @property
    def disk(self) -> int:
        """Bytes on the disk, at the most; of a run that is kept in a directory."""
        return int(self.numbers["disk"]["most"])

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return float(sum(self.numbers["seconds"].values()))

    @property
    def tiles(self) -> int:
        """Into how many parts the pairs are cut."""
        return int(self.numbers["tiles"])

    def lines(self) -> list[tuple[str, str]]:
        """What people read, line by line."""
        found = [
            ("time", _time(self.seconds)),
            ("memory", _size(self.memory)),
            ("disk", _size(self.disk)),
            ("tiles", str(self.tiles)),
        ]
        assumed = self.numbers.get("assumed")
        return [*found, ("assumed", str(assumed))] if assumed else found

    def __repr__(self) -> str:
        return f"Plan({', '.join(f'{name} {value}' for name, value in self.lines()[:4])})"

    def __str__(self) -> str:
        return str(self.numbers["words"])

    def _repr_html_(self) -> str:
        return notebook.of_plan(self)


def plan(
    path: Path | str | os.PathLike[str], queries: Any = None, targets: ArrayLike | None = None, **settings: Any
) -> Plan:
    """What `attribute` takes with the same arguments, or `run` of a run file. Computes nothing."""
    with _heard(path):
        return Plan(engine.plan(_config(path, queries, targets, settings)))


def bench(
    path: Path | str | os.PathLike[str],
    queries: Any = None,
    targets: ArrayLike | None = None,
    *,
    progress: Any = None,
    **settings: Any,
) -> dict[str, Any]:
    """How fast `attribute` is with the same arguments, or `run` of a run file: steps a second, and what else was
    measured.
    """
    with _heard(path):
        return engine.bench(_config(path, queries, targets, settings), progress=progress)


def _heard(path: Any) -> AbstractContextManager[None]:
    return heard(path) if isinstance(path, Path) else nullcontext()


def _config(path: Any, queries: Any, targets: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    return question(path, queries, targets, settings) if isinstance(path, Path) else run_file(path, settings)


def _time(seconds: float) -> str:
    """
    >>> _time(0.25), _time(90), _time(7200)
    ('0.25 s', '1.5 min', '2.0 h')
    """
    if seconds < 60:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _size(count: int) -> str:
    """
    >>> _size(1536), _size(3 * 2**30)
    ('1.5 KiB', '3.0 GiB')
    """
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    power = min(max(count.bit_length() - 1, 0) // 10, len(units) - 1)
    return f"{count / 1024**power:.1f} {units[power]}" if power else f"{count} B"
