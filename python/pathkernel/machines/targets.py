"""What a machine is fitted to: the numbers that its outputs should be, and how well outputs meet them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import ArrayLike, array
from ..errors import PathkernelError
from ..legend import NO_CLASS, read
from ..result import Result

#: Losses whose outputs are meant to be the targets themselves.
_OF_NUMBERS = ("squared_error", "mse", "huber", "l1")


@dataclass(frozen=True)
class Targets:
    """Targets of examples, or of queries."""

    #: "classes": one of them for each row; "signs": yes or no for each output; "numbers".
    kind: str
    #: [rows, C]: 1 for the row's class and 0 for others, 1 for yes and -1 for no, or the numbers. NaN where a row has
    #: none.
    values: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """The places of the rows that have targets."""
        return np.flatnonzero(np.isfinite(self.values).all(1))

    @property
    def offset(self) -> float:
        """What an output is that knows nothing: an equal share of the classes, or 0."""
        return 1 / self.values.shape[1] if self.kind == "classes" else 0.0

    @property
    def measure(self) -> str:
        """What `score` is called."""
        return "rmse" if self.kind == "numbers" else "accuracy"

    def kept(self, rows: np.ndarray) -> Targets:
        """The same of some rows."""
        return Targets(self.kind, self.values[rows])

    def answers(self, outputs: np.ndarray) -> np.ndarray:
        """What outputs say: a class for each row, yes or no for each output, or numbers."""
        if self.kind == "classes":
            return np.asarray(outputs.argmax(1))
        return outputs > 0 if self.kind == "signs" else outputs

    def score(self, outputs: np.ndarray) -> float:
        """The share of right answers, or the root of the mean square of what numbers are off."""
        known = self.known
        if self.kind == "numbers":
            return float(np.sqrt(np.mean((outputs - self.values)[known] ** 2)))
        return float(np.mean((self.answers(outputs) == self.answers(self.values))[known]))


def of_examples(what: Result | ArrayLike, targets: ArrayLike | None, columns: int) -> Targets:
    """Those of a result's training examples, or those that are given."""
    if targets is not None:
        return _checked(given(targets), columns, "targets")
    if not isinstance(what, Result):
        raise ValueError("targets: an array has none; give targets=…")
    train = what.config["data"]["train"]
    drop = read(train.get("exclude"))
    found = _of_loss(what, train)
    kept = (
        np.arange(len(found.values))
        if drop is None
        else np.delete(np.arange(len(found.values)), np.asarray(drop, np.int64))
    )
    return _checked(found.kept(kept), columns, "targets of the training set")


def of_queries(result: Result, targets: ArrayLike | None, like: Targets) -> Targets:
    """Those of a result's queries, of the kind that a machine was fitted to."""
    query = result.config["data"].get("query")
    queries = len(result.prediction)
    if targets is not None:
        found = given(targets, like.values.shape[1] if like.kind == "classes" else None)
        found = Targets(like.kind, np.where(found.values > 0, 1.0, -1.0)) if like.kind == "signs" else found
    elif query is None:
        return of_examples(result, None, queries)
    else:
        found = _of_loss(result, query)
    if found.kind != like.kind or found.values.shape[1] != like.values.shape[1]:
        raise ValueError(
            f"targets of queries: are {found.kind} of {found.values.shape[1]} outputs; "
            f"the machine was fitted to {like.kind} of {like.values.shape[1]}"
        )
    return _checked(found, queries, "targets of queries")


def given(targets: ArrayLike, classes: int | None = None) -> Targets:
    """Bools are yes or no; whole numbers, one for each row, are classes, so many or as many as there are; others are
    numbers.

    >>> given([[True, False]]).values.tolist()
    [[1.0, -1.0]]
    >>> given([2, 0]).values.tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    found = array(targets, "targets")
    if found.dtype.kind == "b":
        return Targets("signs", np.where(found.reshape(len(found), -1), 1.0, -1.0))
    if found.ndim == 1 and found.dtype.kind in "iu":
        return _classes(found.astype(np.int64), classes or int(found.max(initial=0)) + 1)
    return Targets("numbers", found.reshape(len(found), -1).astype(np.float64))


def _of_loss(result: Result, section: Mapping[str, Any]) -> Targets:
    """The targets of a section of data, as the run's loss takes them."""
    training = result.config.get("training", {})
    loss = training.get("loss")
    name = loss.get("type") if isinstance(loss, Mapping) else loss
    targets = read(section.get("targets"))
    if targets is None:
        raise ValueError("targets: the run's are not there to be read; give targets=…")
    outputs = result.prediction.shape[1]
    rows = np.asarray(targets).reshape(len(targets), -1)
    if name == "cross_entropy" and rows.shape[1] == 1:
        labels = rows[:, 0].astype(np.int64)
        return _classes(np.where(labels == training.get("ignore", NO_CLASS), NO_CLASS, labels), outputs)
    if name == "logistic" and rows.shape[1] == outputs and np.isin(rows, (0, 1)).all():
        return Targets("signs", 2.0 * rows - 1)
    if name in _OF_NUMBERS and rows.shape[1] == outputs:
        return Targets("numbers", rows.astype(np.float64))
    raise PathkernelError(
        f"targets {list(np.shape(targets))} of the loss {name} with {outputs} outputs: a machine is fitted to one class "
        "for each example, to yes or no for each output, or to the numbers that outputs should be; give such as targets=…"
    )


def _classes(labels: np.ndarray, classes: int) -> Targets:
    """Classes as numbers; those below 0 are none."""
    if labels.max(initial=0) >= classes:
        raise ValueError(f"targets: there is a class {labels.max()}, and {classes} outputs, numbered from 0")
    values = np.zeros((len(labels), classes))
    values[labels < 0] = np.nan
    known = np.flatnonzero(labels >= 0)
    values[known, labels[known]] = 1
    return Targets("classes", values)


def _checked(targets: Targets, rows: int, what: str) -> Targets:
    if len(targets.values) != rows:
        raise ValueError(f"{what}: there are {len(targets.values)} for {rows} rows")
    return targets
