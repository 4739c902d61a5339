"""What the rows and columns of a result stand for."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import numpy as np

from .errors import PathkernelError

#: The class of what has none, such as an ignored target.
NO_CLASS = -1
#: Readouts that have a value for each output.
PER_OUTPUT = ("outputs", "probabilities", "log_probabilities")


@dataclass(frozen=True)
class Legend:
    """What examples, queries and outputs are called, and of which class they are."""

    #: The number of each column's example in the training set, or that of its group.
    numbers: np.ndarray
    #: The class of each column's example, NO_CLASS where it has none; None where targets are no classes.
    labels: np.ndarray | None = None
    #: The class of each query, likewise.
    query_labels: np.ndarray | None = None
    #: What each column's example is called.
    names: Sequence[str] | None = None
    #: What the classes are called.
    classes: Sequence[str] | None = None
    #: Whether the readout has a value for each class.
    has_classes: bool = False
    #: Whether the readout is a loss.
    is_loss: bool = False
    #: Whether the queries are the training examples.
    asks_itself: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any], columns: int, names: Sequence[str] | None = None) -> Legend:
        """What a run's configuration tells of so many columns."""
        train, query = config["data"]["train"], config["data"].get("query")
        report, groups = config.get("report", {}), read(train.get("groups"))
        excluded = read(train.get("exclude"))
        drop = np.unique([] if excluded is None else excluded).astype(np.int64)
        kept = np.delete(np.arange(columns + len(drop) if groups is None else len(groups)), drop)
        labels, asked = _classes(train, config), _classes(train if query is None else query, config)
        numbers, rows = (kept, kept[:, None]) if groups is None else _grouped(groups, kept)
        names = _names(report.get("names")) if names is None else names
        readout = config.get("kernel", {}).get("readout", "outputs")
        kind = readout.get("type") if isinstance(readout, Mapping) else readout
        return cls(
            numbers=numbers,
            labels=None if labels is None else np.array([_common(labels[own]) for own in rows]),
            query_labels=asked if query is not None or asked is None else asked[kept],
            names=names if names is None or len(names) == columns else [names[own[0]] for own in rows],
            classes=report.get("class_names"),
            has_classes=_takes_classes(config) and kind in PER_OUTPUT,
            is_loss=kind == "loss",
            asks_itself=query is None and groups is None,
        )

    def column(self, example: int) -> int:
        """The column of an example by its number."""
        found = np.flatnonzero(self.numbers == example)
        if not len(found):
            raise IndexError(
                f"there is no example {example}; the columns are those of {self.numbers[0]} to {self.numbers[-1]}"
            )
        return int(found[0])

    def output(self, output: int | str, values: int) -> int:
        """The place of an output by its number or its class's name."""
        if isinstance(output, str):
            if self.classes is None or output not in self.classes:
                raise KeyError(
                    f"there is no output {output!r}; outputs are called {list(self.classes or range(values))}"
                )
            return list(self.classes).index(output)
        if not 0 <= output < values:
            raise IndexError(f"there is no output {output}; they are numbered from 0 to {values - 1}")
        return int(output)

    def class_name(self, number: int) -> str:
        """What a class, or an output, is called."""
        return (
            str(self.classes[number]) if self.classes is not None and 0 <= number < len(self.classes) else str(number)
        )

    def shown(self, labels: np.ndarray) -> np.ndarray:
        """Classes by their names, where they have any."""
        if self.classes is None:
            return labels
        return np.array([self.class_name(label) if label != NO_CLASS else "" for label in labels], dtype=object)


def _takes_classes(config: Mapping[str, Any]) -> bool:
    loss = config.get("training", {}).get("loss")
    return (loss.get("type") if isinstance(loss, Mapping) else loss) == "cross_entropy"


def _classes(section: Mapping[str, Any], config: Mapping[str, Any]) -> np.ndarray | None:
    """Classes of the rows of a section's targets, where these are one class each."""
    targets = read(section.get("targets"))
    if targets is None or not _takes_classes(config):
        return None
    targets = targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets
    found: np.ndarray = np.asarray(targets).astype(np.int64)
    if targets.ndim != 1 or not np.array_equal(found, targets):
        return None
    return np.where((found < 0) | (found == config["training"].get("ignore", NO_CLASS)), NO_CLASS, found)


def _grouped(groups: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """The numbers of the groups, in the order of their columns, and the rows of each."""
    order = np.argsort(groups[kept], kind="stable")
    numbers, starts = np.unique(groups[kept][order], return_index=True)
    return numbers, np.split(kept[order], starts[1:])


def _common(labels: np.ndarray) -> int:
    """The class that rows share."""
    return int(labels[0]) if (labels == labels[0]).all() else NO_CLASS


def _names(names: Any) -> list[str] | None:
    if isinstance(names, str):
        return File(names).read_text(encoding="utf-8").splitlines() if File(names).is_file() else None
    return None if names is None else [str(name) for name in names]


def read(values: Any) -> np.ndarray | None:
    """An array, or that of a file that a run file names; None where there is none any more."""
    if values is None or isinstance(values, np.ndarray):
        return values
    file, _, key = str(values).partition(".npz:")
    place = File(file + ".npz" if key else file)
    if not place.is_file():
        return None
    if key:
        with np.load(place) as found:
            return np.asarray(found[key])
    readers = {".npy": np.load, ".csv": _read_csv, ".idx": _read_idx, ".gz": _read_idx}
    return readers[place.suffix](place) if place.suffix in readers else None


def _read_csv(file: File) -> np.ndarray:
    """Rows of numbers; a first line of names is left out."""
    with file.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.reader(lines) if row]
    try:
        float(rows[0][0])
    except (IndexError, ValueError):
        rows = rows[1:]
    return (
        np.squeeze(np.array(rows, dtype=float), axis=1) if rows and len(rows[0]) == 1 else np.array(rows, dtype=float)
    )


def _read_idx(file: File) -> np.ndarray:
    """An IDX file: its magic number says the type and how many sides follow, big-endian."""
    kinds = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    if len(content) < 4 or content[2] not in kinds:
        raise PathkernelError(f"{file}: is no IDX file")
    shape = np.frombuffer(content, ">u4", content[3], 4)
    return np.frombuffer(content, kinds[content[2]], int(np.prod(shape)), 4 + 4 * content[3]).reshape(shape)
