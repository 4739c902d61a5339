"""Kernels between training examples, read from where they lie: no more of one than a block of rows is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import ArrayLike, array
from ..errors import PathkernelError
from ..legend import read
from ..result import Result

#: The kernels of a run, by what people call them, and the arrays that hold them.
ARRAYS = {"path": "kernel", "tangent_initial": "tangent_initial", "tangent_final": "tangent_final"}
#: How many numbers of a kernel are read at once.
_BLOCK = 1 << 23
#: The key of each place that says which entries a kernel has, by its number of axes.
ENTRIES = {2: "trace", 3: "diagonal", 4: "full"}


@dataclass(frozen=True)
class Kernel:
    """A kernel between the examples that a machine is fitted to, and any rows of it."""

    #: [n, m], [n, m, C] or [n, m, C, C]: as it lies in memory or in a file.
    values: np.ndarray
    #: The rows and the columns of the examples, in one order.
    rows: np.ndarray
    columns: np.ndarray
    #: The mean of the diagonal, by which it is divided: eigenvalues and alpha are then of one size for every kernel.
    scale: float

    @property
    def entries(self) -> str:
        """trace, diagonal or full."""
        return ENTRIES[self.values.ndim]

    def kept(self, places: np.ndarray) -> Kernel:
        """The same between some of its examples."""
        return Kernel(self.values, self.rows[places], self.columns[places], self.scale)

    def traced(self) -> Gram:
        """The mean over outputs, of whatever entries there are."""
        return self._gram(
            {
                "trace": lambda block: block,
                "diagonal": lambda block: block.mean(2),
                "full": lambda block: np.trace(block, axis1=2, axis2=3) / block.shape[2],
            }[self.entries]
        )

    def grams(self) -> list[Gram]:
        """What a machine is fitted to: a matrix for all outputs, one for each, or one of examples with outputs."""
        if self.entries == "diagonal":
            return [self._gram(_of_output(output)) for output in range(self.values.shape[2])]
        return [self._gram(_paired if self.entries == "full" else lambda block: block)]

    def _gram(self, entries: Callable[[np.ndarray], np.ndarray]) -> Gram:
        return Gram(self.values, self.rows, self.columns, self.scale, entries)


@dataclass(frozen=True)
class Gram:
    """A symmetric matrix of a kernel, which lies elsewhere.

    A path kernel of finite steps is symmetric but for their curvature and, with mini-batches, for the steps that an
    example was in; its symmetric part stands for it.
    """

    values: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    scale: float
    #: A block of the kernel as a matrix.
    entries: Callable[[np.ndarray], np.ndarray]

    @property
    def precision(self) -> float:
        """A rounding of the numbers, relative to the largest."""
        return float(np.finfo(self.values.dtype).eps)

    def diagonal(self) -> np.ndarray:
        """The entry of each row with itself."""
        parts = [
            self._entries(np.asarray(self.values[row, column])[None, None])
            for row, column in zip(self.rows, self.columns, strict=True)
        ]
        return np.concatenate([part.diagonal() for part in parts])

    def beside(self, examples: np.ndarray) -> np.ndarray:
        """The columns of some examples."""
        here, there = replace(self, columns=self.columns[examples]), replace(self, rows=self.rows[examples])
        down, across = (np.concatenate([block for _, block in side.blocks()]) for side in (here, there))
        return np.asarray((down + across.T) / 2)

    def matrix(self) -> np.ndarray:
        """All of it."""
        return self.beside(np.arange(len(self.columns)))

    def times(self, vectors: np.ndarray) -> np.ndarray:
        """Its product with the columns of `vectors`, by one pass over the rows."""
        found = np.zeros_like(vectors)
        for rows, block in self.blocks():
            found[rows] += block @ vectors
            found += block.T @ vectors[rows]
        return found / 2

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks of rows with their places in the matrix."""
        each = max(1, _BLOCK // max(1, len(self.columns) * int(np.prod(self.values.shape[2:]))))
        begin = 0
        for first in range(0, len(self.rows), each):
            # Of a file only the pages are read that hold these columns.
            block = self._entries(self.values[np.ix_(self.rows[first : first + each], self.columns)])
            yield slice(begin, begin + len(block)), block
            begin += len(block)

    def _entries(self, block: np.ndarray) -> np.ndarray:
        return np.asarray(self.entries(np.asarray(block, np.float64)) / self.scale)


def of(what: Result | ArrayLike, kernel: str = "path", rows: ArrayLike | None = None) -> Kernel:
    """The kernel between the training examples of a result, or an array that is one.

    `rows` are the queries that are the examples, in the order of the columns; not needed where the queries are the
    training set.
    """
    values = named(what, kernel)
    if values.ndim not in ENTRIES or values.shape[2:] != values.shape[2:3] * (values.ndim - 2):
        raise ValueError(f"kernel: has the shape {list(values.shape)}; give [m, m], [m, m, C] or [m, m, C, C]")
    columns = np.arange(values.shape[1])
    if rows is not None:
        found = array(rows, "rows").astype(np.int64)
    elif isinstance(what, Result) and not what.legend.asks_itself:
        raise ValueError(
            "a machine is fitted where both sides are training examples: take "
            'pk.attribute(path, kernel="trace") without queries, or say with rows=… which query each example is'
        )
    else:
        found = np.arange(len(values))
    if found.shape != columns.shape or not ((found >= 0) & (found < len(values))).all():
        raise ValueError(f"rows: give for each of {len(columns)} examples the number of its row, of {len(values)}")
    return Kernel(values, found, columns, _mean_diagonal(values, found, columns))


def named(what: Result | ArrayLike, kernel: str) -> np.ndarray:
    """Rows of a kernel, of a result by its name."""
    if not isinstance(what, Result):
        found = what if isinstance(what, np.ndarray) and what.dtype.kind == "f" else array(what, "kernel")
        return found if found.dtype.kind == "f" else found.astype(np.float64)
    if kernel not in ARRAYS:
        raise ValueError(f"kernel: {kernel!r} is none; give {', '.join(map(repr, ARRAYS))}")
    readout: Any = what.config.get("kernel", {}).get("readout", "outputs")
    if (readout.get("type") if isinstance(readout, dict) else readout) != "outputs":
        raise PathkernelError(
            f"the kernel of this result pairs the readout {readout!r} with outputs, and is none between outputs; "
            'take pk.attribute(…, readout={"type": "outputs"})'
        )
    if read(what.config["data"]["train"].get("groups")) is not None:
        raise PathkernelError(
            "columns of this result are groups of examples; a machine needs one for each example, so leave out groups"
        )
    return what.array(ARRAYS[kernel])


def _mean_diagonal(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> float:
    """The mean over examples and outputs."""
    own = np.stack([values[row, column] for row, column in zip(rows, columns, strict=True)]).astype(np.float64)
    mean = float((own.diagonal(axis1=1, axis2=2) if own.ndim == 3 else own).mean())
    if not mean > 0:
        raise PathkernelError(
            f"the kernel's diagonal has the mean {mean:.3g}, and a kernel's is above 0: no output moved with any weight"
        )
    return mean


def _of_output(output: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda block: block[:, :, output]


def _paired(block: np.ndarray) -> np.ndarray:
    """[a, b, C, C] as a matrix [a C, b C]."""
    rows, columns, outputs, _ = block.shape
    return block.transpose(0, 2, 1, 3).reshape(rows * outputs, columns * outputs)
