"""What is kept of a recording, in memory or in a directory."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import PathkernelError
from ..tensor_files import Tensors, read, write
from .host import Arrival, AtOnce, Background, Copies, array, copied_now
from .journal import Journal
from .rows import Rows
from .step import Part, Seen, Step
from .weights import InMemory, OnDisk, Weights

#: Where the state of an optimizer that had stepped before is kept.
_STATE = "optimizer_state.safetensors"
#: Steps in memory that are kept together.
_TOGETHER = 64


@dataclass
class Fed:
    """What a forward pass was given, and what was seen of it; its tensors may still be on their way to the host."""

    #: The numbers of its examples.
    examples: np.ndarray
    #: Inputs by name, and the targets.
    arrays: dict[str, Tensor]
    #: Their rows, where they had to be known at once.
    rows: np.ndarray | None = None
    #: Rows of the outputs and of the gradient by them.
    outputs: Tensor | None = None
    gradients: Tensor | None = None
    stride: int = 1
    positions: int = 1


@dataclass
class Made:
    """A step that was made; its tensors may still be on their way to the host."""

    parts: list[Fed]
    numbers: list[dict[str, Any]]
    #: Norms and largest entries of the gradients after the last backward pass and in the step, [2, 2, parameters].
    sizes: Tensor
    scale: float
    missing: list[int]
    remarks: list[str] = field(default_factory=list)
    #: The weights after it; None where they are not recorded.
    weights: Copies | None = None
    arrival: Arrival | None = None


class Recording:
    """The rows, the steps and the weights."""

    def __init__(self, folder: Path | None, devices: Sequence[torch.device], every: int) -> None:
        self.folder, self.every = folder, every
        self.rows = Rows()
        self.steps: list[Step] = []
        self.weights: Weights = InMemory()
        #: How many steps were recorded, those that are on their way too.
        self.count = 0
        self._is_finished = False
        #: What the optimizer kept of steps before the first.
        self.optimizer_state: Tensors = {}
        #: Memory of weights that were written, to be used again.
        self.spare: deque[Copies] = deque()
        #: Rows may be added where the loop is and where they are written.
        self._lock = Lock()
        self._journal = None if folder is None else Journal(folder / "steps.journal")
        #: Steps that are kept together: less is done for each of many.
        self._waiting: list[Made] = []
        self._together = _TOGETHER if folder is None else 1
        # What is on the host and goes nowhere else needs no thread.
        is_here = folder is None and all(device.type == "cpu" for device in devices)
        self._work: AtOnce | Background = AtOnce() if is_here else Background()

    def begin(self, first: dict[str, Tensor], optimizer_state: Tensors) -> None:
        """Begins with the weights before the first step, or goes on where a directory has a step with these weights."""
        tensors = copied_now(first)
        self.optimizer_state = optimizer_state
        if self._journal is None or self.folder is None:
            self.weights.add(tensors)
            return
        points = self._resume(self._journal, self.folder, tensors)
        self._journal.cut(self.count, len(self.rows))
        self.weights = OnDisk(self.folder / "weights", points)
        if points == 0:
            self.weights.add(tensors)
            write(self.folder / _STATE, optimizer_state)

    def rows_of(self, fed: Fed) -> np.ndarray:
        """The rows of what a forward pass was given, at once; batches of another size have other rows."""
        with self._lock:
            return self.rows.add(fed.examples, copied_now(fed.arrays), len(fed.examples))

    def add(self, made: Made) -> None:
        """Keeps a step, when its numbers are there."""
        self.count += 1
        self._waiting.append(made)
        if len(self._waiting) == self._together:
            self._keep_waiting()

    def _keep_waiting(self) -> None:
        steps, self._waiting = self._waiting, []
        self._work.do(lambda: self._keep(steps))

    def finish(self, last: dict[str, Tensor]) -> None:
        """Waits until everything is kept; `last` are the weights after the last step, which may not be recorded."""
        if self._is_finished:
            return
        self._is_finished = True
        self._keep_waiting()
        self._work.finish()
        if self.count % self.every:
            self.weights.add({name: array(tensor) for name, tensor in last.items()})
        if self._journal is not None:
            self._journal.close()

    def _keep(self, steps: Sequence[Made]) -> None:
        for made in steps:
            if made.arrival is not None:
                made.arrival.wait()
        self._find_rows([fed for made in steps for fed in made.parts if fed.rows is None])
        for made in steps:
            self._keep_one(made)

    def _find_rows(self, parts: Sequence[Fed]) -> None:
        """Finds the rows of parts, those of one shape together."""
        for _, alike in groupby(parts, lambda fed: [(name, tensor.shape[1:]) for name, tensor in fed.arrays.items()]):
            own = list(alike)
            arrays = {name: np.concatenate([array(fed.arrays[name]) for fed in own]) for name in own[0].arrays}
            with self._lock:
                rows = self.rows.add(np.concatenate([fed.examples for fed in own]), arrays)
            ends = np.cumsum([len(fed.examples) for fed in own])
            for fed, part in zip(own, np.split(rows, ends[:-1]), strict=True):
                fed.rows = part

    def _keep_one(self, made: Made) -> None:
        before, after = array(made.sizes)
        step = Step(
            [_part(fed) for fed in made.parts],
            made.numbers,
            before,
            # What unscales gradients leaves no other trace than their sizes.
            None if np.array_equal(before, after) else after,
            made.scale,
            made.missing,
            made.remarks,
        )
        # A step without its weights is no step: they come first.
        if made.weights is not None and (len(self.steps) + 1) % self.every == 0:
            self.weights.add({name: array(tensor) for name, tensor in made.weights.tensors.items()})
            if self.folder is not None:
                self.spare.append(made.weights)
        if self._journal is not None:
            with self._lock:
                self._journal.append(step, self.rows)
        self.steps.append(step)

    def _resume(self, journal: Journal, folder: Path, tensors: Tensors) -> int:
        """Reads what a directory has up to the step with these weights; how many points of it stay."""
        points = len(list((folder / "weights").glob("*.safetensors")))
        if points == 0:
            return 0
        recorded, rows = OnDisk(folder / "weights", points), Rows()
        steps = journal.read(rows)
        for place in range(min(points - 1, len(steps) // self.every), -1, -1):
            point = recorded.point(place)
            if point.keys() == tensors.keys() and all(np.array_equal(point[name], tensors[name]) for name in tensors):
                self.steps = steps[: place * self.every]
                self.count = len(self.steps)
                self.rows = self._up_to(rows)
                if place:
                    self.optimizer_state = read(folder / _STATE)
                return place + 1 if place else 0
        raise PathkernelError(
            f"{self.folder}: holds a recording of {len(steps)} steps, none of which has the network's weights; load "
            "the weights "
            "of a step of it to go on, name another directory, or remove this one"
        )

    def _up_to(self, rows: Rows) -> Rows:
        """The rows that the steps have, which are the first ones."""
        last = max((int(part.rows.max()) + 1 for step in self.steps for part in step.parts), default=0)
        kept = Rows()
        kept.restore(rows.examples[:last], rows.kinds[:last], {name: own[:last] for name, own in rows.arrays.items()})
        return kept


def _part(fed: Fed) -> Part:
    assert fed.rows is not None, "rows are found before"
    if fed.outputs is None or fed.gradients is None:
        return Part(fed.examples, fed.rows, None)
    rounding = float(torch.finfo(fed.outputs.dtype).eps)
    seen = Seen(array(fed.outputs), array(fed.gradients), fed.stride, fed.positions, rounding)
    return Part(fed.examples, fed.rows, seen)
