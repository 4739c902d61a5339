"""Who moved a query most, what an example moved most, and who moved itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import PathkernelError
from .frames import frame
from .legend import NO_CLASS, Legend

#: Arrays of a run by their names.
Arrays = Mapping[str, np.ndarray]
#: What questions may be of: the array that holds all of it, what the names of its largest begin with, and how to ask for it.
_KINDS = {"attribution": ("", "contributions", "attribution=True"), "influence": ("influence_", "influences", "influence=True")}


def shown_output(arrays: Arrays, legend: Legend, query: int) -> int:
    """The value of a query that is shown where none is asked for: of classes the predicted one, of others the one that
    moved most.
    """
    last = np.asarray(arrays["prediction"])[query]
    return int(np.argmax(last if legend.has_classes else np.abs(last - np.asarray(arrays["initial"])[query])))


def amounts(arrays: Arrays, query: int, output: int, of: str = "attribution") -> tuple[np.ndarray, np.ndarray]:
    """Columns, and the contribution or influence of each: all of them, or with `top` those that were kept."""
    if of not in _KINDS:
        raise ValueError(f'of: {of!r} is none; give "attribution" or "influence"')
    prefix, words, how = _KINDS[of]
    if of in arrays:
        row = np.asarray(arrays[of][query, :, output], dtype=np.float64)
        return np.arange(len(row)), row
    if f"{prefix}top_values" not in arrays:
        raise PathkernelError(f"the run has no {words}; ask with {how}")
    columns, values = arrays[f"{prefix}top_examples"][query, output], arrays[f"{prefix}top_values"][query, output]
    kept = np.asarray(columns) >= 0
    return np.asarray(columns)[kept], np.asarray(values, dtype=np.float64)[kept]


def sums(arrays: Arrays, query: int, output: int, of: str = "attribution") -> tuple[float, float]:
    """What all above 0 add up to, and all below, listed or not."""
    _, values = amounts(arrays, query, output, of)
    kept = arrays.get(f"{_KINDS[of][0]}top_rest")
    rest = np.zeros(2) if kept is None else np.asarray(kept[query, output], dtype=np.float64)
    return float(values[values > 0].sum() + rest[0]), float(values[values < 0].sum() + rest[1])


def amount(of: str) -> str:
    """What a column of amounts is called.

    >>> amount("attribution")
    'contribution'
    """
    return "contribution" if of == "attribution" else of


def largest(values: np.ndarray, k: int) -> np.ndarray:
    """Places of the k largest values above 0, the largest first, then of the k smallest below, the smallest first."""
    order = np.argsort(-values, kind="stable")
    raised = [place for place in order[:k] if values[place] > 0]
    lowered = [place for place in np.argsort(values, kind="stable")[:k] if values[place] < 0]
    return np.array(raised + lowered, dtype=np.int64)


def by_size(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Places in the order of the sizes of their values, the largest first."""
    return places[np.argsort(-np.abs(values[places]), kind="stable")]


def of_query(arrays: Arrays, legend: Legend, query: int, output: int, k: int, of: str = "attribution") -> Any:
    """The k examples that raised a value of a query most, then the k that lowered it most; of a loss all by size.

    A share is of all that raised it, or of all that lowered it.
    """
    columns, values = amounts(arrays, query, output, of)
    places = largest(values, k)
    places = by_size(values, places) if legend.is_loss else places
    columns, values = columns[places], values[places]
    table = {"example": legend.numbers[columns], amount(of): values}
    if legend.labels is not None:
        table["label"] = legend.shown(legend.labels[columns])
    table["share"] = _shares(values, sums(arrays, query, output, of))
    if legend.names is not None:
        table["name"] = np.array([legend.names[column] for column in columns], dtype=object)
    return frame(table)


def of_example(arrays: Arrays, legend: Legend, example: int, output: int | None, k: int, of: str = "attribution") -> Any:
    """The k queries of which an example raised a value most, then the k of which it lowered it most."""
    column, queries = legend.column(example), len(arrays["prediction"])
    outputs = np.array([shown_output(arrays, legend, query) if output is None else output for query in range(queries)])
    values = np.array([_of_column(arrays, query, outputs[query], column, of) for query in range(queries)])
    places = largest(values, k)
    table = {"query": places, amount(of): values[places]}
    if legend.query_labels is not None:
        table["label"] = legend.shown(legend.query_labels[places])
    table["share"] = _shares(values[places], (float(values[values > 0].sum()), float(values[values < 0].sum())))
    return frame({**table, "output": outputs[places]})


def by_itself(arrays: Arrays, legend: Legend, output: int | None, k: int | None) -> Any:
    """Examples by what they contributed to themselves, the largest first: those with wrong labels have to teach
    themselves.
    """
    own = _own(arrays, legend)
    labels = legend.labels if legend.labels is not None and len(legend.labels) == len(own) else None
    values = _values(own, labels if legend.has_classes else None, output)
    size = np.abs(values)
    order = np.argsort(-size, kind="stable")[:k]
    median = float(np.median(size))
    table = {"example": legend.numbers[order] if len(legend.numbers) == len(own) else order, "contribution": values[order]}
    if labels is not None:
        table["label"] = legend.shown(labels[order])
    table["times"] = size[order] / median if median > 0 else np.full(len(order), np.nan)
    if legend.names is not None:
        table["name"] = np.array([legend.names[row] for row in order], dtype=object)
    return frame(table)


def _own(arrays: Arrays, legend: Legend) -> np.ndarray:
    """[m, C]: what was computed for it, or the diagonal where the queries are the training examples."""
    if "own" in arrays:
        return np.asarray(arrays["own"], dtype=np.float64)
    if "attribution" in arrays and legend.asks_itself:
        rows = range(len(arrays["attribution"]))
        return np.array([arrays["attribution"][row, row] for row in rows], dtype=np.float64)
    raise PathkernelError("the run does not tell what examples did to themselves; ask with own=True")


def _values(own: np.ndarray, labels: np.ndarray | None, output: int | None) -> np.ndarray:
    """One value of each example: the one asked for, the only one, that of its class, or the sum of the sizes of all."""
    if output is not None or own.shape[1] == 1:
        return own[:, output or 0]
    if labels is None:
        return np.asarray(np.abs(own).sum(axis=1))
    known = np.where(labels == NO_CLASS, 0, labels)
    return np.asarray(own[np.arange(len(own)), known])


def _of_column(arrays: Arrays, query: int, output: int, column: int, of: str) -> float:
    if of in arrays:
        return float(arrays[of][query, column, output])
    columns, values = amounts(arrays, query, output, of)
    return float(values[columns == column].sum())


def _shares(values: np.ndarray, totals: tuple[float, float]) -> np.ndarray:
    raised, lowered = totals
    return np.array([value / (raised if value > 0 else lowered) for value in values])
