"""What the network was fed, each different row once."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Arrays by name whose first axes are the same rows.
Arrays = dict[str, np.ndarray]


class Rows:
    """Rows of inputs and targets, and the example that each of them is.

    An example that comes again with other numbers (a random crop, another label) gets a row of its own.
    """

    def __init__(self) -> None:
        self._examples, self._kinds = _Growing(), _Growing()
        self._arrays: dict[str, _Growing] = {}
        #: Each example's first row, by the kind of batch that it came in; -1: none yet.
        self._first: dict[int, np.ndarray] = {}
        #: Other rows of examples, by their numbers.
        self._others: dict[tuple[int, int, bytes], int] = {}

    def __len__(self) -> int:
        return len(self._examples)

    @property
    def examples(self) -> np.ndarray:
        """The example of each row."""
        return self._examples.values

    @property
    def kinds(self) -> np.ndarray:
        """The kind of batch that each row came in."""
        return self._kinds.values

    @property
    def arrays(self) -> Arrays:
        return {name: own.values for name, own in self._arrays.items()}

    def add(self, examples: np.ndarray, arrays: Arrays, kind: int = 0) -> np.ndarray:
        """The rows of a batch; those that are new are added. Rows of batches of another `kind` are other rows."""
        self._check(arrays)
        first = self._known(kind, int(examples.max(initial=-1)) + 1)
        new = np.flatnonzero(first[examples] < 0)
        if len(new):
            # An example that the batch repeats is new once.
            new = new[np.sort(np.unique(examples[new], return_index=True)[1])]
            first[examples[new]] = self._append(
                examples[new], {name: values[new] for name, values in arrays.items()}, kind
            )
        rows: np.ndarray = first[examples]
        for place in np.flatnonzero(~self._are_equal(rows, arrays)):
            rows[place] = self._other(int(examples[place]), {name: own[place] for name, own in arrays.items()}, kind)
        return rows

    def extend(self, examples: np.ndarray, arrays: Arrays) -> None:
        """Adds rows as they are, of examples that were not fed."""
        self._check(arrays)
        self._append(examples, arrays, 0)

    def restore(self, examples: np.ndarray, kinds: np.ndarray, arrays: Arrays) -> None:
        """Adds rows that another `Rows` had, in its order."""
        for place, (example, kind) in enumerate(zip(examples.tolist(), kinds.tolist(), strict=True)):
            row = {name: values[place] for name, values in arrays.items()}
            first = self._known(kind, example + 1)
            if first[example] < 0:
                first[example] = self._append(
                    examples[place : place + 1], {name: one[None] for name, one in row.items()}, kind
                )[0]
            else:
                self._other(example, row, kind)

    def _check(self, arrays: Arrays) -> None:
        for name, own in self._arrays.items():
            given = arrays.get(name)
            if given is None or given.shape[1:] != own.shape:
                has = "is not given" if given is None else f"has examples of shape {list(given.shape[1:])}"
                raise ValueError(
                    f"input {name} {has}, and had {list(own.shape)} before: a path is recorded with inputs of one "
                    "shape; pad them "
                    "to one length"
                )

    def _known(self, kind: int, count: int) -> np.ndarray:
        known = self._first.get(kind, np.empty(0, np.int64))
        if len(known) < count:
            more = max(count, 2 * len(known)) - len(known)
            known = self._first[kind] = np.concatenate([known, np.full(more, -1)])
        return known

    def _append(self, examples: np.ndarray, arrays: Arrays, kind: int) -> np.ndarray:
        begin = len(self)
        self._examples.extend(examples)
        self._kinds.extend(np.full(len(examples), kind))
        for name, values in arrays.items():
            self._arrays.setdefault(name, _Growing()).extend(values)
        return np.arange(begin, len(self))

    def _are_equal(self, rows: np.ndarray, arrays: Arrays) -> np.ndarray:
        equal = np.ones(len(rows), bool)
        for name, values in arrays.items():
            stored = self._arrays[name].values[rows]
            if not np.array_equal(stored, values):
                equal &= (stored == values).reshape(len(rows), -1).all(1)
        return equal

    def _other(self, example: int, row: Arrays, kind: int) -> int:
        numbers = b"".join(np.ascontiguousarray(row[name]).tobytes() for name in sorted(row))
        key = (kind, example, numbers)
        if key not in self._others:
            added = self._append(np.array([example]), {name: values[None] for name, values in row.items()}, kind)
            self._others[key] = int(added[0])
        return self._others[key]


class _Growing:
    """An array that grows along its first axis."""

    def __init__(self) -> None:
        self._held: np.ndarray | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def shape(self) -> tuple[Any, ...]:
        return () if self._held is None else self._held.shape[1:]

    @property
    def values(self) -> np.ndarray:
        return np.empty(0, np.int64) if self._held is None else self._held[: self._count]

    def extend(self, values: np.ndarray) -> None:
        count = self._count + len(values)
        if self._held is None or len(self._held) < count:
            grown = np.empty((max(count, 2 * self._count), *values.shape[1:]), values.dtype)
            grown[: self._count] = self.values if self._held is not None else 0
            self._held = grown
        self._held[self._count : count] = values
        self._count = count
