"""A recording as a path: the run file's words for what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..graph import Graph
from ..losses import loss_table
from ..path import Path
from ..torch_optimizers import Kind
from ..weights import in_graph
from . import noisy, numbers, shares
from .store import Recording
from .rows import Arrays
from .step import NO_CLASS, TARGETS, Step

#: Digits of a weight by which examples of one weight are known.
_DIGITS = {"f32": 6, "f64": 13}


@dataclass
class Told:
    """What a recording does not say by itself."""

    graph: Graph
    loss: Any
    #: Targets of all examples, where they were not fed.
    targets: np.ndarray | None
    kind: Kind
    flags: dict[str, bool]
    #: Names of the parameters that the optimizer moves, in the order of its gradients.
    names: list[str]
    #: Names of each group's tensors.
    groups: list[list[str]]
    seed: int
    #: Whether masks were drawn by the numbers of rows, which must stay as they are then.
    is_drawn: bool
    #: Which examples there are that were not fed, with what they would have been fed; None where that is not known.
    unfed: tuple[np.ndarray, Arrays] | None


def path(recording: Recording, told: Told) -> tuple[Path, list[str]]:
    """The path, and what of it is not explained, in words."""
    if told.unfed is not None:
        recording.rows.extend(*told.unfed)
    steps = recording.steps
    targets = _targets(recording, told)
    loss = loss_table(told.loss, targets, told.graph.ending)
    if loss["loss"] == "cross_entropy" and targets.dtype.kind in "iu" and (targets == NO_CLASS).any():
        loss.setdefault("ignore", NO_CLASS)
    found = shares.find(steps, targets, loss, told.graph.ending)
    groups = [in_graph(told.graph, names) for names in told.groups]
    optimizer, remarks = numbers.optimizer(told.kind, told.flags, [step.numbers for step in steps], groups)
    precision = "f64" if any(one.dtype == np.float64 for one in recording.weights.point(0).values()) else "f32"
    rows = _Rows.of(recording, told, found.weights, _DIGITS[precision])
    train = rows.data({**recording.rows.arrays, TARGETS: targets}, told.graph)
    training = {
        **loss,
        **found.keys,
        "optimizer": optimizer,
        "steps": len(steps),
        "batches": _even(rows.batches),
    }
    if recording.optimizer_state:
        training["optimizer_state"] = recording.optimizer_state
    losses = {} if found.losses is None or recording.every > 1 else {"losses": found.losses.tolist()}
    config = {
        "run": {"precision": precision, "seed": told.seed},
        "data": {"train": train},
        "training": training,
        "trajectory": {**_trajectory(recording), **losses},
    }
    first, last = recording.weights.point(0), recording.weights.point(-1)
    graph = replace(told.graph, weights={**told.graph.weights, **first}, model=_frozen(told, steps))
    remarks += (
        noisy.remarks(graph.model, told.kind.name, precision)
        + found.remarks
        + rows.remarks
        + [f"step {number}: {one}" for number, step in enumerate(steps) for one in step.remarks]
    )
    place = recording.folder and recording.folder.parent
    made = Path(graph, config, last, place, found.losses, _unique(remarks), told.is_drawn)
    return made, made.remarks


def _targets(recording: Recording, told: Told) -> np.ndarray:
    """The targets of all rows."""
    fed = recording.rows.arrays.get(TARGETS)
    if fed is not None:
        return fed
    if told.targets is None:
        raise ValueError(
            "the targets are not known: give them as rec.batch(indices, targets), or all of them as rec.close(loss, "
            "targets=y)"
        )
    found: np.ndarray = told.targets[recording.rows.examples]
    return found


def _trajectory(recording: Recording) -> dict[str, Any]:
    """The recorded weights, or how the steps between them are made again."""
    return {"import": recording.weights.imported()} if recording.every == 1 else {"every": recording.every}


def _frozen(told: Told, steps: Sequence[Step]) -> dict[str, Any]:
    """`[model]`, in which what the optimizer never moved is frozen."""
    never = set.intersection(*(set(step.missing) for step in steps))
    moved = {name for place, name in enumerate(told.names) if place not in never}
    buffers = ("running_mean", "running_var")
    still = [name for name in told.graph.weights if name not in moved and not name.endswith(buffers)]
    frozen = list(dict.fromkeys([*told.graph.model.get("frozen", []), *in_graph(told.graph, still)]))
    return {**told.graph.model, **({"frozen": frozen} if frozen else {})}


@dataclass
class _Rows:
    """The rows of `data.train`: rows that were fed, some of them several times with another weight."""

    #: The fed row that each is.
    source: np.ndarray
    #: The example that each is.
    examples: np.ndarray
    weights: np.ndarray | None
    #: The rows of each step.
    batches: list[np.ndarray]
    remarks: list[str]

    @classmethod
    def of(cls, recording: Recording, told: Told, weights: shares.Weights | None, digits: int) -> _Rows:
        rows = recording.rows
        batches = [np.concatenate([part.rows for part in step.parts]) for step in recording.steps]
        own = None if weights is None else [np.concatenate(parts) for parts in weights]
        if told.is_drawn:
            return cls._as_drawn(rows.examples, batches, own)
        every = np.concatenate([*batches, np.arange(len(rows))])
        if own is None:
            keys = every[:, None].astype(float)
        else:
            # Of rows that no step has, the weight is of no matter.
            used = _rounded(np.concatenate(own), digits)
            known = dict(zip(every[: len(used)].tolist(), used, strict=True))
            rest = [known.get(row, np.zeros(used.shape[1])) for row in range(len(rows))]
            keys = np.column_stack([every, np.concatenate([used, np.stack(rest)])])
        examples = rows.examples[every]
        unique, places = np.unique(np.column_stack([examples, keys]), axis=0, return_inverse=True)
        places = places.reshape(-1)
        cuts = np.cumsum([len(batch) for batch in batches])
        return cls(
            unique[:, 1].astype(np.int64),
            unique[:, 0].astype(np.int64),
            None if own is None else unique[:, 2:],
            np.split(places[: cuts[-1]], cuts[:-1]),
            [],
        )

    @classmethod
    def _as_drawn(cls, examples: np.ndarray, batches: list[np.ndarray], own: list[np.ndarray] | None) -> _Rows:
        """Rows in the order in which masks were drawn for them: each can have one weight."""
        source, remarks, weights = np.arange(len(examples)), [], None
        if own is not None:
            weights = np.zeros((len(examples), own[0].shape[1]))
            for number, (rows, used) in enumerate(zip(batches, own, strict=True)):
                had = weights[rows].any(1)
                if not np.allclose(weights[rows][had], used[had], rtol=1e-4):
                    remarks.append(
                        f"step {number}: an example had another weight than before, which masks that are drawn by its "
                        "row do not allow; "
                        "train with micro-batches of one size, or without dropout"
                    )
                weights[rows] = used
        return cls(source, examples, weights, batches, remarks)

    def data(self, arrays: Arrays, graph: Graph) -> dict[str, Any]:
        """`[data.train]`."""
        inputs = {name: values[self.source] for name, values in arrays.items() if name != TARGETS}
        given: Any = next(iter(inputs.values())) if len(inputs) == 1 else inputs
        train: dict[str, Any] = {
            "inputs": given if graph.prepare is None else graph.prepare(given),
            "targets": arrays[TARGETS][self.source],
        }
        if self.weights is not None:
            is_one = (self.weights == self.weights[:, :1]).all()
            train["weights"] = np.ascontiguousarray(self.weights[:, 0] if is_one else self.weights)
        if not np.array_equal(self.examples, np.arange(len(self.examples))):
            train["groups"] = self.examples
        return train


def _rounded(weights: np.ndarray, digits: int) -> np.ndarray:
    """Weights that are equal but for the measurement, as equal; a part of one, such as 1/32, as itself."""
    with np.errstate(divide="ignore"):
        parts = np.round(1 / weights)
        is_part = np.abs(weights * parts - 1) < 10.0 ** (2 - digits)
        whole = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(weights))))
    rounded = np.round(weights * np.where(np.isfinite(whole), whole, 1)) / np.where(np.isfinite(whole), whole, 1)
    return np.where(is_part, 1 / np.where(is_part, parts, 1), rounded)


def _even(batches: Sequence[np.ndarray]) -> Any:
    """An array where all steps have as many examples, else a list."""
    return np.stack(batches) if len({len(batch) for batch in batches}) == 1 else [batch.tolist() for batch in batches]


def _unique(remarks: Sequence[str]) -> list[str]:
    """Remarks, of those that several steps have the first, with their number."""
    first: dict[str, tuple[str, int]] = {}
    for remark in remarks:
        what = remark.split(": ", 1)[-1]
        first[what] = (first[what][0] if what in first else remark, first.get(what, ("", 0))[1] + 1)
    return [f"{remark} (so in {count} steps)" if count > 1 else remark for remark, count in first.values()]
