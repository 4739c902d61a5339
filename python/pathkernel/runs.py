"""Run files, and the machine that they run on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path as File
from typing import Any

from . import engine
from .result import Result


def run(
    file: str | os.PathLike[str],
    *,
    progress: Any = None,
    **overrides: Any,
) -> Result:
    """Does what a run file says, goes on with it, or finds it done, as `pathkernel run` on the command line.

    Keys that are to be others are given by section, or with their dots: `run("digits.toml", training={"steps": 50})`,
    `run("digits.toml", **{"run.device": "cpu"})`.
    """
    config = run_file(file, overrides)
    return Result.of(engine.explain(config, directory=config["run"]["directory"], progress=progress))


def run_file(file: str | os.PathLike[str], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A run file as it is understood, with every default."""
    return engine.resolve(File(file), **dict(_dotted(overrides)))


def devices() -> list[dict[str, Any]]:
    """The adapters and the CPU, with what matters for a run."""
    return engine.devices()


def _dotted(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of nested tables with dots.

    >>> list(_dotted({"training": {"optimizer": {"eps": 0.1}}, "run.device": "cpu"}))
    [('training.optimizer.eps', 0.1), ('run.device', 'cpu')]
    """
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{before}{key}.")
        else:
            yield before + key, value
