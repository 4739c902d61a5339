"""Steps on the disk, one after the other in one file, so that a recording outlives its process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .rows import Rows
from .step import Part, Seen, Step


class Journal:
    """A file that a step is appended to when it is done.

    What a killed process left half-written at its end is not read.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        #: Where each step ends.
        self._ends: list[int] = []
        self._rows = 0
        self._out: BinaryIO | None = None

    def read(self, rows: Rows) -> list[Step]:
        """The steps that are there, whose rows are added to `rows`."""
        steps: list[Step] = []
        if self._file.exists():
            with open(self._file, "rb") as file:
                while (step := _read(file, rows)) is not None:
                    steps.append(step)
                    self._ends.append(file.tell())
        return steps

    def cut(self, steps: int, rows: int) -> None:
        """Goes on after so many steps, which have so many rows; what comes after them is forgotten."""
        self._ends, self._rows = self._ends[:steps], rows
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._out = open(self._file, "ab")
        self._out.truncate(self._ends[-1] if steps else 0)

    def append(self, step: Step, rows: Rows) -> None:
        """Writes a step, with the rows that are new."""
        assert self._out is not None, "the journal is cut before it is written"
        _write(self._out, step, rows, self._rows)
        self._out.flush()
        self._rows = len(rows)

    def close(self) -> None:
        if self._out is not None:
            self._out.close()


def _write(out: BinaryIO, step: Step, rows: Rows, begin: int) -> None:
    arrays = {name: values[begin:] for name, values in rows.arrays.items()}
    header = {
        "parts": [_seen_header(part.seen) for part in step.parts],
        "numbers": step.numbers,
        "scale": step.scale,
        "missing": step.missing,
        "remarks": step.remarks,
        "is_changed": step.after is not None,
        "rows": list(arrays),
    }
    _put(out, np.frombuffer(json.dumps(header).encode(), np.uint8))
    for values in (rows.examples[begin:], rows.kinds[begin:], *arrays.values(), step.before):
        _put(out, values)
    if step.after is not None:
        _put(out, step.after)
    for part in step.parts:
        _put(out, part.examples)
        _put(out, part.rows)
        if part.seen is not None:
            _put(out, part.seen.outputs)
            _put(out, part.seen.gradients)


def _read(file: BinaryIO, rows: Rows) -> Step | None:
    """The next step; None at the end, or where the rest is not whole."""
    try:
        header = json.loads(_get(file).tobytes())
        examples, kinds = _get(file), _get(file)
        arrays = {name: _get(file) for name in header["rows"]}
        before = _get(file)
        after = _get(file) if header["is_changed"] else None
        parts = [_part(file, seen) for seen in header["parts"]]
    except (EOFError, ValueError, OSError):
        return None
    rows.restore(examples, kinds, arrays)
    return Step(parts, header["numbers"], before, after, header["scale"], header["missing"], header["remarks"])


def _part(file: BinaryIO, seen: dict[str, Any] | None) -> Part:
    examples, rows = _get(file), _get(file)
    return Part(examples, rows, None if seen is None else Seen(_get(file), _get(file), **seen))


def _seen_header(seen: Seen | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    return {"stride": seen.stride, "positions": seen.positions, "rounding": seen.rounding}


def _put(out: BinaryIO, values: np.ndarray) -> None:
    np.lib.format.write_array(out, np.ascontiguousarray(values), allow_pickle=False)


def _get(file: BinaryIO) -> np.ndarray:
    return np.lib.format.read_array(file, allow_pickle=False)
