"""Arrays where a run file names files: handed to the engine as they are, or written to a run directory as files."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

#: The folder of a run directory that arrays are written to.
FOLDER = "inputs"

#: Keys whose file is an array.
_ARRAYS = re.compile(
    r"data\.(train|query)\.(inputs(\..+)?|targets|weights|groups|exclude|outputs)"
    r"|training\.batches|training\.optimizer\.(groups\[\d+\]\.)?[^.]+|model\.layers\[\d+\]\.values"
)
#: Keys whose file holds tensors by name.
_TENSORS = ("model.weights", "trajectory.import", "training.optimizer_state")
#: What a record says that is no key of `[training]`.
_OF_TRAJECTORY = "losses"

Tensors = dict[str, np.ndarray]
Place = Callable[[str, "np.ndarray | Tensors"], Any]


def prepared(config: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """A config with plain lists and numbers, in which `place` says what stands for each array, by its key."""
    filled = _with_record(config)
    return {name: _placed(name, value, place) for name, value in filled.items() if value is not None}


class Held:
    """Leaves arrays where they lie, for the engine to read them there."""

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray | Tensors] = {}

    def __call__(self, key: str, arrays: np.ndarray | Tensors) -> np.ndarray | Tensors:
        self._arrays[key] = arrays
        return arrays

    def put_back(self, config: dict[str, Any]) -> dict[str, Any]:
        """What the engine understood of a config, with the arrays in place of the names that it gave them."""
        run = {name: value for name, value in config.get("run", {}).items() if name != "directory" or value}
        return {name: self._restored(value) for name, value in {**config, "run": run}.items()}

    def _restored(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._restored(own) for name, own in value.items()}
        if isinstance(value, list):
            return [self._restored(own) for own in value]
        if isinstance(value, str) and value.startswith("array:"):
            return self._arrays.get(value.split(":", 2)[-1], value)
        return value


class Folder:
    """Writes arrays to files of a run directory, and leaves those that are there already."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / FOLDER
        #: Whether the files belong to a run, which other data would take them away from.
        self._taken = (directory / "run.toml").exists()

    def __call__(self, key: str, arrays: np.ndarray | Tensors) -> str:
        end = "npz" if isinstance(arrays, dict) else "npy"
        path = self._folder / f"{key}.{end}"
        if path.exists() and _holds(path, arrays):
            return str(path)
        if path.exists() and self._taken:
            raise ValueError(
                f"{self._folder.parent}: holds a run of other data: {key} is not what it was; "
                "name another directory or remove it"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".tmp")
        with beside.open("wb") as file:
            if isinstance(arrays, dict):
                _write_npz(file, arrays)
            else:
                np.lib.format.write_array(file, arrays, allow_pickle=False)
        os.replace(beside, path)
        return str(path)


def _with_record(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config whose record, where it is a dict, stands in the sections that it says something of."""
    filled = dict(config)
    trajectory = dict(filled.get("trajectory") or {})
    record = trajectory.get("record")
    if not isinstance(record, Mapping):
        return filled
    del trajectory["record"]
    training = dict(filled.get("training") or {})
    for name, value in record.items():
        into, section = (trajectory, "trajectory") if name == _OF_TRAJECTORY else (training, "training")
        if name in into:
            raise ValueError(f"trajectory.record.{name}: is given as {section}.{name} too; remove one of them")
        into[name] = value
    return {**filled, "training": training, "trajectory": trajectory}


def _placed(key: str, value: Any, place: Place) -> Any:
    if key in _TENSORS and isinstance(value, Mapping):
        return place(key, {name: _array(f"{key}: tensor {name}", own) for name, own in value.items()})
    if isinstance(value, Mapping):
        return {name: _placed(f"{key}.{name}", own, place) for name, own in value.items() if own is not None}
    if key == "training.batches" and isinstance(value, (list, tuple)) and value:
        value = _rectangle(value)
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return place(key, _array(key, value)) if _ARRAYS.fullmatch(key) else value.tolist()
    if isinstance(value, np.generic | np.ndarray):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [_placed(f"{key}[{index}]", own, place) for index, own in enumerate(value)]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def _array(key: str, value: Any) -> np.ndarray:
    """An array as the engine reads it: of numbers, in C order, in the machine's byte order."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{key}: holds elements of type {array.dtype}; give floats, integers or bool")
    if array.dtype == np.uint64:
        if array.size and array.max() > np.iinfo(np.int64).max:
            raise ValueError(f"{key}: holds integers beyond 63 bits")
        array = array.astype(np.int64)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")).reshape(array.shape)


def _rectangle(batches: list[Any] | tuple[Any, ...]) -> Any:
    """Lists of examples as one array of integers, in which shorter ones are filled up with -1."""
    rows = [np.asarray(batch) for batch in batches]
    if any(row.ndim != 1 or (row.size and row.dtype.kind not in "iu") for row in rows):
        return batches
    filled = np.full((len(rows), max(row.size for row in rows)), -1, dtype=np.int64)
    for place, row in zip(filled, rows, strict=True):
        if row.size and row.min() < 0:
            return batches
        place[: row.size] = row
    return filled


def _holds(path: Path, arrays: np.ndarray | Tensors) -> bool:
    """Whether a file holds arrays, to the bit."""
    try:
        if not isinstance(arrays, dict):
            return _same(np.load(path, mmap_mode="r", allow_pickle=False), arrays)
        with np.load(path, allow_pickle=False) as held:
            return set(held.files) == set(arrays) and all(_same(held[name], own) for name, own in arrays.items())
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def _write_npz(file: Any, arrays: Tensors) -> None:
    """As `numpy.savez`, whose arrays cannot have every name."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in arrays.items():
            # A fixed date: the same arrays are the same bytes.
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w", force_zip64=True) as inside:
                np.lib.format.write_array(inside, array, allow_pickle=False)
