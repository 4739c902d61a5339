"""What a kernel knows: its eigenvalues, its rank, and how it goes with labels and with other kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import ArrayLike
from ..errors import PathkernelError
from ..result import Result
from . import kernels
from . import targets as targets_


@dataclass(frozen=True)
class Spectrum:
    """Of a kernel's mean over outputs, divided by its mean diagonal: the eigenvalues add up to their number."""

    #: The largest first.
    eigenvalues: np.ndarray = field(repr=False)
    #: exp of the entropy of the eigenvalues' shares (Roy and Vetterli 2007).
    effective_rank: float
    #: (Σ λ)² / Σ λ².
    participation_ratio: float
    #: With the labels: centred (Cortes, Mohri and Rostamizadeh 2012, after Cristianini's), from -1 to 1; None without
    #: labels.
    alignment: float | None
    #: The share of the eigenvalues' sizes that is negative, which no kernel's are: roundings, or mini-batches.
    negative: float


def spectrum(
    of: Any, *, kernel: str = "path", targets: ArrayLike | None = None, rows: ArrayLike | None = None
) -> Spectrum | list[Spectrum]:
    """The spectrum of a result's kernel, or of an array that is one; of a list of them a list.

    Args:
        of: a result of the training set, as `machine` takes it, or a kernel [m, m], [m, m, C] or [m, m, C, C].
        kernel: "path", "tangent_initial" or "tangent_final", of a result.
        targets: labels, or numbers, to be aligned with; those of the run if None.
        rows: as of `machine`.

    >>> import numpy as np
    >>> spectrum(np.diag([3.0, 1.0, 0.0, 0.0])).participation_ratio
    1.6
    """
    if isinstance(of, Sequence):
        return [_of_one(one, kernel, targets, rows) for one in of]
    return _of_one(of, kernel, targets, rows)


def alignment(one: Any, other: Any, *, kernel: str = "path", other_kernel: str | None = None) -> float:
    """How alike two kernels between the same examples are, both centred: 1 where one is a multiple of the other.

    Also known as CKA; a distance is 1 less it. Of results the kernels are named by `kernel`, and `other_kernel` where
    the second's is another.

    >>> import numpy as np
    >>> x = np.array([[1.0], [2.0], [4.0]])
    >>> round(alignment(x @ x.T, 3 * x @ x.T), 12)
    1.0
    """
    first = kernels.of(one, kernel).traced().matrix()
    second = kernels.of(other, other_kernel or kernel).traced().matrix()
    if first.shape != second.shape:
        raise ValueError(f"the kernels are between {len(first)} and {len(second)} examples; give two between the same")
    return _cosine(_centred(first), _centred(second))


def _of_one(what: Any, kernel: str, targets: ArrayLike | None, rows: ArrayLike | None) -> Spectrum:
    whole = kernels.of(what, kernel, rows)
    matrix = whole.traced().matrix()
    eigenvalues = np.linalg.eigvalsh(matrix)[::-1]
    sizes = np.maximum(eigenvalues, 0)
    shares = sizes[sizes > 0] / sizes.sum()
    return Spectrum(
        eigenvalues=eigenvalues,
        effective_rank=float(np.exp(-(shares * np.log(shares)).sum())),
        participation_ratio=float(1 / (shares**2).sum()),
        alignment=_with_labels(what, targets, matrix),
        negative=float(np.abs(eigenvalues[eigenvalues < 0]).sum() / np.abs(eigenvalues).sum()),
    )


def _with_labels(what: Any, targets: ArrayLike | None, matrix: np.ndarray) -> float | None:
    """The alignment with what the targets have in common, among the examples that have one."""
    if targets is None and not isinstance(what, Result):
        return None
    try:
        wanted = targets_.of_examples(what, targets, len(matrix))
    except PathkernelError:
        return None  # the run's targets are no labels: probabilities, counts, positions
    known = wanted.known
    values = wanted.values[known]
    return _cosine(_centred(matrix[np.ix_(known, known)]), _centred(values @ values.T))


def _centred(matrix: np.ndarray) -> np.ndarray:
    """H K H with H = 1 - 1/m: features less their mean."""
    return np.asarray(matrix - matrix.mean(0) - matrix.mean(1)[:, None] + matrix.mean())


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / size if size > 0 else 0.0
