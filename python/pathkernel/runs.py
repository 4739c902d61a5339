"""Run files, and the machine that they run on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

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
    return engine.resolve(file, [f"{key}={_value(value)}" for key, value in _dotted(overrides)])


def devices() -> list[dict[str, Any]]:
    """The adapters and the CPU, with what matters for a run."""
    return engine.devices()


def bench(**settings: Any) -> dict[str, Any]:
    """Throughput of kernels on a device, as `pathkernel bench kernel` measures it."""
    return engine.bench(**settings)


def _dotted(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of nested tables with dots.

    >>> list(_dotted({"training": {"steps": 5}, "run.device": "cpu"}))
    [('training.steps', 5), ('run.device', 'cpu')]
    """
    for key, value in table.items():
        if isinstance(value, Mapping) and not before:
            yield from _dotted(value, f"{key}.")
        else:
            yield before + key, value


def _value(value: Any) -> str:
    """A value as TOML has it.

    >>> _value({"type": "sgd", "learning_rate": 0.1}), _value("cpu")
    ('{ type = "sgd", learning_rate = 0.1 }', '"cpu"')
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)[1:-1]} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple, np.ndarray)):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        value = value.item()
    return json.dumps(os.fspath(value) if isinstance(value, os.PathLike) else value)
