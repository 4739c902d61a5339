"""Inputs and targets, from arrays, tables of arrays, and what PyTorch loads from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import array

#: Inputs of examples, a row each: an array, a tuple of them as a module takes several, or a table of them by name.
Inputs = np.ndarray | tuple[np.ndarray, ...] | dict[str, np.ndarray]

#: What a table of a batch calls its targets, as Hugging Face's do.
_TARGETS = ("labels", "label", "targets", "target")


def split(data: Any, targets: Any = None, what: str = "data") -> tuple[Inputs, np.ndarray | None]:
    """Inputs and targets of what was given: arrays, a Dataset or a DataLoader, whose items have the targets last.

    >>> inputs, targets = split([[1.0, 2.0]], [1])
    >>> inputs.shape, targets.shape
    ((1, 2), (1,))
    """
    if targets is None and _is_loaded(data):
        inputs, found = _inputs_and_targets(_whole(data, what), what)
    elif targets is None and isinstance(data, Mapping):
        inputs, found = _inputs_and_targets(data, what)
    else:
        inputs, found = _inputs(data, what), targets
    return inputs, None if found is None else array(found, f"targets of {what}")


def count(inputs: Inputs) -> int:
    """How many examples there are."""
    return len(next(iter(columns(inputs))))


def columns(inputs: Inputs) -> Iterable[np.ndarray]:
    """Each of the arrays of inputs."""
    if isinstance(inputs, np.ndarray):
        return [inputs]
    return inputs.values() if isinstance(inputs, dict) else inputs


def each(inputs: Inputs, change: Callable[[np.ndarray], Any]) -> Any:
    """The same inputs with each array changed."""
    if isinstance(inputs, np.ndarray):
        return change(inputs)
    if isinstance(inputs, dict):
        return {name: change(values) for name, values in inputs.items()}
    return tuple(change(values) for values in inputs)


def _is_loaded(data: Any) -> bool:
    """Whether items, not arrays, have to be asked for: a Dataset, a DataLoader, or a list of pairs."""
    if _is_loader(data) or (isinstance(data, Sequence) and data and _is_item(data[0])):
        return True
    is_array = any(hasattr(data, name) for name in ("__array__", "__dlpack__", "__array_interface__", "detach"))
    is_plain = isinstance(data, (Sequence, Mapping)) or is_array
    return not is_plain and (hasattr(data, "__getitem__") or hasattr(data, "__iter__"))


def _is_loader(data: Any) -> bool:
    return hasattr(data, "dataset") and hasattr(data, "collate_fn")


def _is_item(one: Any) -> bool:
    """Whether this is an example with its target, or a table of an example."""
    return isinstance(one, Mapping) or (isinstance(one, tuple) and len(one) == 2 and np.ndim(_size(one[0])) >= 1)


def _size(values: Any) -> Any:
    return np.zeros(getattr(values, "shape", np.shape(values)), dtype=bool)


def _whole(data: Any, what: str) -> Any:
    """All items of a data set as one batch, in their own order, whatever the order that they are loaded in."""
    items, collate = (data.dataset, data.collate_fn) if _is_loader(data) else (data, _stacked)
    if not hasattr(items, "__len__"):  # an iterable data set has no order but that in which it comes
        return _joined(list(data) if _is_loader(data) else [_stacked(list(items))], what)
    rows = [items[number] for number in range(len(items))]
    if not rows:
        raise ValueError(f"{what}: has no examples")
    return collate(rows)


def _stacked(rows: list[Any]) -> Any:
    """Items side by side, as PyTorch's default_collate puts them."""
    first = rows[0] if rows else ()
    if isinstance(first, Mapping):
        return {name: _stacked([row[name] for row in rows]) for name in first}
    if isinstance(first, (tuple, list)):
        return tuple(_stacked([row[place] for row in rows]) for place in range(len(first)))
    return np.stack([array(row) for row in rows])


def _joined(batches: list[Any], what: str) -> Any:
    """Batches one after another."""
    if not batches:
        raise ValueError(f"{what}: has no examples")
    first = batches[0]
    if isinstance(first, Mapping):
        return {name: _joined([batch[name] for batch in batches], what) for name in first}
    if isinstance(first, (tuple, list)):
        return tuple(_joined([batch[place] for batch in batches], what) for place in range(len(first)))
    return np.concatenate([array(batch, what) for batch in batches])


def _inputs_and_targets(batch: Any, what: str) -> tuple[Inputs, Any]:
    if isinstance(batch, Mapping):
        name = next((name for name in _TARGETS if name in batch), None)
        rest = {key: value for key, value in batch.items() if key != name}
        return _inputs(rest, what), None if name is None else batch[name]
    if isinstance(batch, (tuple, list)):
        if len(batch) == 1:
            return _inputs(batch[0], what), None
        return _inputs(batch[0] if len(batch) == 2 else tuple(batch[:-1]), what), batch[-1]
    return _inputs(batch, what), None


def _inputs(data: Any, what: str) -> Inputs:
    if isinstance(data, Mapping):
        found: Inputs = {str(name): array(values, f"{what} {name!r}") for name, values in data.items()}
    elif isinstance(data, tuple) and data and all(np.ndim(_size(values)) >= 1 for values in data):
        found = tuple(array(values, f"{what}, input {place}") for place, values in enumerate(data))
        found = found[0] if len(found) == 1 else found
    else:
        found = array(data, what)
    lengths = {len(values) if values.ndim else 0 for values in columns(found)}
    if len(lengths) > 1 or not lengths:
        raise ValueError(f"{what}: the inputs have different numbers of rows: {sorted(lengths)}")
    if lengths == {0}:
        raise ValueError(f"{what}: has no rows; the first axis is that of the examples")
    return found
