"""Few examples in place of all: those whose kernels tell the most of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..arrays import ArrayLike, array
from ..result import Result
from . import kernels
from . import targets as targets_
from .kernels import Gram, Kernel

#: Below this share of the mean diagonal an example is a sum of those chosen, but for roundings.
_NOTHING = 1e-10


@dataclass(frozen=True)
class Landmarks:
    """Examples in the order in which they were chosen."""

    #: Their numbers.
    examples: np.ndarray
    #: [examples + 1]: what share is left without any, with the first, with two, …: of the kernel's trace, or of the
    #: targets' squares.
    left: np.ndarray


@dataclass
class _Choice:
    """A Cholesky decomposition with pivots as far as it has come, and what the chosen leave of the diagonal."""

    gram: Gram
    #: What is left of the diagonal.
    left: np.ndarray
    #: [chosen, m].
    factors: list[np.ndarray] = field(default_factory=list)
    chosen: list[int] = field(default_factory=list)

    def take(self, example: int) -> np.ndarray:
        """Takes one more example, and returns its factor."""
        column = self.gram.beside(np.array([example]))[:, 0]
        told = sum((factor[example] * factor for factor in self.factors), np.zeros_like(column))
        factor = (column - told) / np.sqrt(self.left[example])
        self.left = np.maximum(self.left - factor**2, 0)
        self.factors.append(factor)
        self.chosen.append(example)
        # Chosen twice, an example would tell nothing but roundings.
        self.left[self.chosen] = 0
        return np.asarray(factor)


def landmarks(
    result: Result | ArrayLike,
    count: int,
    *,
    by: str = "kernel",
    kernel: str = "path",
    targets: ArrayLike | None = None,
    rows: ArrayLike | None = None,
) -> Landmarks:
    """Chooses examples one after the other, so that few carry what all do: for `machine(…, landmarks=….examples)`.

    Only the rows and columns of those chosen are read, and with `by="targets"` the whole kernel once for each, a block
    at a time.

    Args:
        result, kernel, targets, rows: as of `machine`.
        count: how many at the most; fewer where these tell all.
        by: "kernel" takes the example of which the least is known (Cholesky's decomposition with pivots); "targets" the
            one that goes best with what is left of the targets, such as the network's own outputs,
            `targets=result.prediction`.

    >>> import numpy as np
    >>> x = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> landmarks(x @ x.T, 3).examples.tolist()
    [1, 2]
    """
    whole = kernels.of(result, kernel, rows)
    numbers = result.legend.numbers if isinstance(result, Result) else whole.columns
    if by == "kernel":
        chosen, left = _by_kernel(whole.traced(), count)
    elif by == "targets":
        wanted = targets_.of_examples(result, targets, len(whole.columns))
        known = wanted.known
        places_, left = _by_targets(whole.kept(known).traced(), wanted.values[known], count)
        chosen = known[places_]
    else:
        raise ValueError(f'by: {by!r} is none; give "kernel" or "targets"')
    return Landmarks(numbers[chosen], left)


def places(kernel: Kernel, wanted: int | ArrayLike | None, numbers: np.ndarray) -> np.ndarray:
    """Where the landmarks that are wanted are among the examples that a machine is fitted to."""
    if wanted is None:
        return np.arange(len(kernel.columns))
    if isinstance(wanted, (int, np.integer)):
        return _by_kernel(kernel.traced(), int(wanted))[0]
    asked = array(wanted, "landmarks").astype(np.int64)
    there = {int(numbers[column]): place for place, column in enumerate(kernel.columns)}
    missing = [int(one) for one in asked if int(one) not in there]
    if missing or len(set(asked.tolist())) != len(asked) or not len(asked):
        raise ValueError(f"landmarks: give examples that have targets, each once; {missing or asked.tolist()} are not")
    return np.array([there[int(one)] for one in asked])


def _by_kernel(gram: Gram, count: int) -> tuple[np.ndarray, np.ndarray]:
    choice = _begun(gram, count)
    left = [1.0]
    whole = choice.left.sum()
    while len(choice.chosen) < count and choice.left.max() > _NOTHING:
        choice.take(int(choice.left.argmax()))
        left.append(float(choice.left.sum() / whole))
    return np.array(choice.chosen, np.int64), np.array(left)


def _by_targets(gram: Gram, values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthogonal matching pursuit: targets less what the chosen examples' kernels fit of them."""
    choice = _begun(gram, count)
    residual = values - values.mean(0)
    whole = float((residual**2).sum()) or 1.0
    directions: list[np.ndarray] = []
    left = [float((residual**2).sum()) / whole]
    while len(choice.chosen) < count and choice.left.max() > _NOTHING:
        told = sum((np.outer(factor, factor @ residual) for factor in choice.factors), np.zeros_like(residual))
        gain = ((gram.times(residual) - told) ** 2).sum(1)
        free = choice.left > _NOTHING
        score = np.where(free, gain / np.where(free, choice.left, 1), -np.inf)
        direction = _orthogonal(choice.take(int(score.argmax())), directions)
        directions.append(direction)
        residual = residual - np.outer(direction, direction @ residual)
        left.append(float((residual**2).sum()) / whole)
    return np.array(choice.chosen, np.int64), np.array(left)


def _orthogonal(vector: np.ndarray, directions: list[np.ndarray]) -> np.ndarray:
    """What is new in a vector, of length 1: twice, since a first time leaves roundings."""
    project: Callable[[np.ndarray], np.ndarray] = lambda one: (
        one - sum((d * (d @ one) for d in directions), np.zeros_like(one))
    )
    new = project(project(vector))
    return np.asarray(new / (np.linalg.norm(new) or 1.0))


def _begun(gram: Gram, count: int) -> _Choice:
    if count < 1:
        raise ValueError(f"count: is {count}; give how many examples, at least 1")
    return _Choice(gram, np.maximum(gram.diagonal(), 0))
