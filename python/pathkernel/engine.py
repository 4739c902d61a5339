"""The engine: everything of this package that computes goes through here.

A config is a nested dict with the sections and keys of a run file, in which arrays, or dicts of arrays by name, stand
wherever a run file names files. Its paths start at the current directory. `trajectory.record` may be a dict, too.
"""

from __future__ import annotations

import json
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import _pathkernel
from .errors import PlanError
from .inputs import Folder, Held, prepared
from .progress import Progress, shown
from .tensor_files import read

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a run gives: its arrays, and what it says of itself."""

    #: The arrays, by the names of their files without their ends, such as `attribution`.
    arrays: dict[str, np.ndarray]
    #: The weights after the last step, by tensor.
    weights_final: dict[str, np.ndarray]
    #: What `summary.json` says.
    summary: dict[str, Any]
    #: The run file as it was understood, with every default; arrays stand where they stood.
    config: dict[str, Any]
    #: What `metrics.jsonl` says of each step.
    metrics: list[dict[str, Any]]
    #: The run directory; None of a run in memory.
    directory: Path | None = None


@dataclass(frozen=True)
class Trained:
    """A path that was made. Its weights stand for `trajectory.import`."""

    #: The weights before each step and after the last, by tensor, with a first axis over these points.
    weights: dict[str, np.ndarray]
    #: The loss of each step's batch.
    losses: np.ndarray
    #: The run directory, whose run goes on with the path; None of a path in memory.
    directory: Path | None = None

    @property
    def final(self) -> dict[str, np.ndarray]:
        """The weights after the last step."""
        return {name: points[-1] for name, points in self.weights.items()}


def explain(config: Config, *, directory: str | Path | None = None, progress: Progress = None) -> Outcome:
    """Does a run: in memory, or in a directory, where the same call goes on with it or finds that it is done."""
    if directory is not None:
        folder = Path(directory).absolute()
        with shown(progress) as told:
            _pathkernel.run(_in(folder, config), told)
        return open(folder)
    held = Held()
    with shown(progress) as told:
        found = _pathkernel.explain(_in_memory(held, config), told)
    return Outcome(
        arrays=_arrays(found["arrays"]),
        weights_final=_arrays(found["weights_final"]),
        summary=found["summary"],
        config=held.put_back(found["config"]),
        metrics=found["metrics"],
    )


def train(config: Config, *, directory: str | Path | None = None, progress: Progress = None) -> Trained:
    """Makes the path of a run and goes no further: in memory, or in a directory, where `explain` goes on with it."""
    if directory is None:
        with shown(progress) as told:
            points, layout, losses = _pathkernel.train(_in_memory(Held(), config), told)
        return Trained(_tensors(_array(points), layout), np.asarray(losses))
    folder = Path(directory).absolute()
    with shown(progress) as told:
        losses = _pathkernel.make_path(_in(folder, config), told)
    trajectory = folder / "trajectory"
    layout = json.loads((trajectory / "layout.json").read_text())
    places = [(name, place["offset"], place["shape"]) for name, place in layout.items()]
    points = np.load(trajectory / "weights.npy", mmap_mode="r")
    return Trained(_tensors(points, places), np.asarray(losses), folder)


def plan(config: Config) -> dict[str, Any]:
    """What a run would take, as `pathkernel plan --json` says it, with `words`, what it says without."""
    figures, words = _pathkernel.plan(_in_memory(Held(), config))
    if not figures["tiles"]:
        memory = config.get("run", {}).get("memory")
        allowed = "there is" if memory is None else f"run.memory allows ({memory})"
        raise PlanError(
            f"one query with one example takes more memory than {allowed}: {figures['memory']:,} bytes with the data "
            "and the "
            f"program; give run.memory more, choose a smaller kernel.kernel, or make model.layers smaller\n{words}"
        )
    return {**figures, "words": words}


def resolve(config: Config | str | Path, **overrides: Any) -> dict[str, Any]:
    """A config, or a run file, with every default; overrides of a file are `training__steps=50`."""
    if isinstance(config, Mapping):
        held = Held()
        return held.put_back(_pathkernel.resolve(_in_memory(held, config), []))
    words = [f"{name.replace('__', '.')}={json.dumps(value)}" for name, value in overrides.items()]
    return _pathkernel.resolve(str(config), words)


def evaluate(
    model: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    inputs: np.ndarray | Mapping[str, np.ndarray],
    output_gradients: np.ndarray | None = None,
    precision: str = "f64",
) -> tuple[np.ndarray, dict[str, np.ndarray] | None]:
    """A network's outputs `[n, C...]` as it predicts; with `output_gradients` of their shape its gradients, too.

    The gradients are those of the sum of both's product, by the model's tensors: of those that training holds as well,
    and zeros of what no output depends on.
    """
    config = {
        "run": {"precision": precision, "device": "cpu"},
        "data": {"train": {"inputs": inputs}},
        "model": {**model, "weights": dict(weights)},
        "training": {"steps": 0},
        "kernel": {"attribution": False},
    }
    seeds = None if output_gradients is None else np.ascontiguousarray(output_gradients)
    outputs, gradients = _pathkernel.evaluate(_in_memory(Held(), config), seeds)
    return _array(outputs), None if gradients is None else _arrays(gradients)


def devices() -> list[dict[str, Any]]:
    """What a run could use: each adapter, and the CPU. A `problem` is why one is never taken."""
    return _pathkernel.devices()


def bench(config: Config, *, progress: Progress = None) -> dict[str, Any]:
    """Steps a second of a whole run in a temporary directory, as `pathkernel bench run --json` says it."""
    with tempfile.TemporaryDirectory(prefix="pathkernel-bench-") as folder, shown(progress) as told:
        return _pathkernel.bench(_in(Path(folder), config), told)


def open(directory: str | Path) -> Outcome:
    """The finished run in a directory. Its arrays are memory maps, but for those in tiles (`run.store = "zarr"`)."""
    folder = Path(directory).absolute()
    if not (folder / "summary.json").is_file():
        raise ValueError(
            f"{folder}: holds no finished run (there is no summary.json); name a run directory, or run it to its end"
        )
    arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
    arrays |= {path.stem: _array(_pathkernel.tiled(path)) for path in sorted(folder.glob("*.zarr"))}
    vectors = folder / "superposition.safetensors"
    if vectors.is_file():
        arrays |= {f"superposition.{name}": own for name, own in read(vectors).items()}
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return Outcome(
        arrays=arrays,
        weights_final=read(folder / "weights_final.safetensors"),
        summary=json.loads((folder / "summary.json").read_text()),
        config=tomllib.loads((folder / "run.toml").read_text()),
        metrics=[json.loads(line) for line in lines],
        directory=folder,
    )


def top(
    directory: str | Path,
    *,
    query: int | None = None,
    example: int | None = None,
    output: int | None = None,
    k: int = 10,
    of: str = "attribution",
) -> dict[str, Any]:
    """What moved a query of a finished run most, or what an example moved most, as `pathkernel top --json` says it."""
    return _pathkernel.top(Path(directory), query, example, output, k, of)


def self_influence(directory: str | Path, *, output: int | None = None, k: int = 20) -> dict[str, Any]:
    """Which examples of a finished run did most to themselves, as `pathkernel self --json` says it."""
    return _pathkernel.self_influence(Path(directory), output, k)


def check(directory: str | Path) -> tuple[str, str]:
    """The verdict of a finished run and its reason, made again from its arrays; each is held against its checksum."""
    return _pathkernel.check(Path(directory))


def report(directory: str | Path, **overrides: Any) -> Path:
    """Writes the report of a finished run; overrides are keys of `[report]`."""
    words = [f"report.{name}={json.dumps(value)}" for name, value in overrides.items()]
    return Path(_pathkernel.report(Path(directory), words))


def _in_memory(held: Held, config: Config) -> dict[str, Any]:
    """A config for a run in memory."""
    plain = prepared(config, held)
    plain["run"] = {name: value for name, value in plain.get("run", {}).items() if name != "directory"}
    return plain


def _in(folder: Path, config: Config) -> dict[str, Any]:
    """A config for a run in a directory, where its arrays are files."""
    plain = prepared(config, Folder(folder))
    plain["run"] = {**plain.get("run", {}), "directory": str(folder)}
    return plain


def _array(memory: tuple[Any, str, tuple[int, ...]]) -> np.ndarray:
    """An array on the engine's memory."""
    numbers, dtype, shape = memory
    # NumPy takes no empty buffer.
    return np.frombuffer(numbers, dtype).reshape(shape) if 0 not in shape else np.zeros(shape, dtype)


def _arrays(all_: Mapping[str, tuple[Any, str, tuple[int, ...]]]) -> dict[str, np.ndarray]:
    return {name: _array(memory) for name, memory in all_.items()}


def _tensors(points: np.ndarray, layout: list[tuple[str, int, list[int]]]) -> dict[str, np.ndarray]:
    """Views of flat weights `[points, …]` by tensor."""
    tensors = {}
    for name, offset, shape in layout:
        size = int(np.prod(shape, dtype=np.int64))
        tensors[name] = points[:, offset : offset + size].reshape(len(points), *shape)
    return tensors
