"""Files of tensors by name: safetensors, whose parts are the length of a JSON object, the object, and the numbers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Tensors = dict[str, np.ndarray]

#: What the types of arrays are called there.
_KINDS = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "bool": "BOOL"}
#: The other way round.
_TYPES = {word: np.dtype(name) for name, word in _KINDS.items()}


def write(file: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Writes tensors beside the file's name, and renames them to it."""
    arrays = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    beside = file.with_suffix(".tmp")
    with beside.open("wb") as out:
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
    """The tensors of a file that `write` or the engine wrote, as memory maps."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(length))
    header.pop("__metadata__", None)
    # There is no map of nothing.
    is_empty = file.stat().st_size == 8 + length
    numbers = np.empty(0, np.uint8) if is_empty else np.memmap(file, np.uint8, "r", 8 + length)
    return {name: _tensor(numbers, about) for name, about in header.items()}


def _tensor(numbers: np.ndarray, about: Mapping[str, Any]) -> np.ndarray:
    begin, end = about["data_offsets"]
    return numbers[begin:end].view(_TYPES[about["dtype"]]).reshape(about["shape"])
