"""A network's kernels put to use: machines whose outputs are sums over examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..arrays import ArrayLike
from ..errors import PathkernelError
from ..result import Result
from . import kernels, logistic, ridge, svm
from . import targets as targets_
from .features import Features
from .fit import Fit, Part
from .kernels import Kernel
from .landmarks import places
from .targets import Targets

#: How each kind of machine is fitted.
_KINDS: dict[str, Callable[[Sequence[Part], Targets, float | None], Fit]] = {
    "ridge": ridge.fit,
    "svm": svm.fit,
    "logistic": logistic.fit,
}
#: How many rows of a kernel are read at once.
_ROWS = 256


@dataclass(frozen=True)
class Score:
    """How well a machine and the network that its kernel is of answer the same queries."""

    #: "accuracy", or "rmse", the root of the mean square.
    measure: str
    machine: float
    network: float
    #: How many queries have targets.
    queries: int


@dataclass(frozen=True)
class Machine:
    """outputs(x) = Σ_i K(x, x_i) coefficients[i] + offset."""

    #: "ridge", "svm" or "logistic".
    kind: str
    #: "path", "tangent_initial" or "tangent_final".
    kernel: str
    #: "trace", "diagonal" or "full".
    entries: str
    #: How much the function's squared norm counts beside the losses, of the kernel divided by its mean diagonal.
    alpha: float
    #: The columns of the examples that outputs are sums over.
    columns: np.ndarray
    #: [examples, C], of the kernel as it is.
    coefficients: np.ndarray
    #: [C].
    offset: np.ndarray
    #: The numbers of the examples.
    examples: np.ndarray
    #: How much of the kernel was negative, of the sizes of its eigenvalues, and left out: roundings, or mini-batches.
    negative: float
    #: [m, C], of a ridge: what its outputs for each example that has a target would be without it.
    left_out: np.ndarray | None = field(repr=False)
    #: What it was fitted to.
    targets: Targets = field(repr=False)

    def outputs(self, rows: Result | ArrayLike) -> np.ndarray:
        """[n, C], for rows of the kernel with all columns, of the machine's entries, or a result that has them."""
        values = kernels.named(rows, self.kernel)
        if kernels.ENTRIES.get(values.ndim) != self.entries or values.shape[1] <= self.columns.max():
            raise ValueError(
                f"rows: have the shape {list(values.shape)}; give rows of the machine's kernel, {self.entries}, "
                "with all columns"
            )
        found = [self._sum(values[first : first + _ROWS]) for first in range(0, len(values), _ROWS)]
        return np.asarray(np.concatenate([np.zeros((0, len(self.offset))), *found]) + self.offset)

    def predict(self, rows: Result | ArrayLike) -> np.ndarray:
        """What its outputs say of each row: a class, yes or no for each output, or numbers."""
        return self.targets.answers(self.outputs(rows))

    def score(self, result: Result, targets: ArrayLike | None = None) -> Score:
        """How well it answers a result's queries, beside the network itself. `targets` are in place of the queries'."""
        asked = targets_.of_queries(result, targets, self.targets)
        return Score(asked.measure, asked.score(self.outputs(result)), asked.score(result.prediction), len(asked.known))

    def _sum(self, rows: np.ndarray) -> np.ndarray:
        sums = {"trace": "nm,mc->nc", "diagonal": "nmc,mc->nc", "full": "nmcd,md->nc"}
        chosen = np.take(rows, self.columns, axis=1).astype(np.float64)
        return np.asarray(np.einsum(sums[self.entries], chosen, self.coefficients, optimize=True))


def machine(
    result: Result | ArrayLike,
    kind: str = "ridge",
    *,
    kernel: str = "path",
    alpha: float | None = None,
    landmarks: int | ArrayLike | None = None,
    targets: ArrayLike | None = None,
    rows: ArrayLike | None = None,
) -> Machine:
    """A kernel machine fitted to the training set by one of a run's kernels.

    Args:
        result: of the training set: `pk.attribute(path, kernel="trace", tangent=True)` without queries. An array is a
            kernel itself.
        kind: "ridge", "svm" or "logistic"; the last two need scikit-learn, and classes, or yes or no.
        kernel: "path", "tangent_initial" or "tangent_final".
        alpha: what the function's squared norm counts beside the sum of the losses. None: chosen, by leaving each
            example out (ridge, in closed form), or by cross-validation.
        landmarks: how many examples, or the numbers of those, that outputs are sums over; the others only say what the
            outputs should be. None: all. The matrix of all pairs is in memory without landmarks alone.
        targets: in place of the run's: bools are yes or no, whole numbers are classes, others are numbers.
        rows: where the result has other queries: which of them is each training example, in order.

    >>> import numpy as np
    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> found = machine(x @ x.T, alpha=1e-9, targets=x[:, 0])
    >>> found.predict([[5.0, 10.0, 15.0]]).round(6)  # of the row that 5 has
    array([[5.]])
    """
    if kind not in _KINDS:
        raise ValueError(f"kind: {kind!r} is none; give {', '.join(map(repr, _KINDS))}")
    if alpha is not None and not alpha > 0:
        raise ValueError(f"alpha: is {alpha}; give a number above 0, or None to have it chosen")
    whole = kernels.of(result, kernel, rows)
    wanted = targets_.of_examples(result, targets, len(whole.columns))
    numbers = result.legend.numbers if isinstance(result, Result) else whole.columns
    _check(kind, whole, wanted)
    fitted, wanted = whole.kept(wanted.known), wanted.kept(wanted.known)
    chosen = places(fitted, landmarks, numbers)
    features = [Features.of(gram, chosen) for gram in fitted.grams()]
    fit = _KINDS[kind](_parts(features, wanted, fitted.entries), wanted, alpha)
    coefficients = [one.map @ weights.values for one, weights in zip(features, fit.weights, strict=True)]
    columns, outputs = fitted.columns[chosen], wanted.values.shape[1]
    return Machine(
        kind=kind,
        kernel=kernel,
        entries=fitted.entries,
        alpha=fit.alpha,
        columns=columns,
        coefficients=np.concatenate(coefficients, axis=1).reshape(len(columns), outputs) / fitted.scale,
        offset=np.broadcast_to(np.concatenate([one.offset for one in fit.weights]), outputs).copy(),
        examples=numbers[columns],
        negative=max(one.negative for one in features),
        left_out=fit.left_out,
        targets=wanted,
    )


def _parts(features: Sequence[Features], targets: Targets, entries: str) -> list[Part]:
    """What is fitted by each of the features."""
    if entries == "diagonal":
        return [Part(one.values, values[:, None]) for one, values in zip(features, targets.values.T, strict=True)]
    values = targets.values.reshape(-1, 1) if entries == "full" else targets.values
    return [Part(one.values, values) for one in features]


def _check(kind: str, kernel: Kernel, targets: Targets) -> None:
    """What a kind of machine cannot be fitted to is said before anything is computed."""
    outputs = kernel.values.shape[2:3]
    if outputs and outputs != targets.values.shape[1:]:
        raise ValueError(f"targets: are {targets.values.shape[1]} a row, and the kernel is of {outputs[0]} outputs")
    if not len(targets.known):
        raise ValueError("targets: no example has one")
    if kind == "ridge":
        return
    if targets.kind == "numbers":
        raise PathkernelError(
            f'kind {kind!r} answers with classes, or yes or no, and the targets are numbers; kind "ridge" fits numbers'
        )
    if kernel.entries == "full":
        raise PathkernelError(
            f'kind {kind!r} has no kernel between pairs of outputs; take kernel="trace" or "diagonal", or kind "ridge"'
        )
