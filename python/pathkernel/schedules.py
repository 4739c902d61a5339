"""The course of an optimizer's numbers over training."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from .arrays import array
from .optimizers import optimizer_table


def scheduled(
    optimizer: Any, schedule: Any, steps: int | None, names: Mapping[Any, str] | None = None
) -> dict[str, Any]:
    """The keys of `[training]` for an optimizer and a schedule: a name, a table, a rate for each step, or a scheduler
    of PyTorch.

    A scheduler is asked for its numbers as if it were called after each step; it stays as it is.

    >>> scheduled({"type": "sgd", "learning_rate": 0.1}, "cosine", 10)
    {'optimizer': {'type': 'sgd', 'learning_rate': 0.1}, 'schedule': {'type': 'cosine'}}
    """
    if hasattr(schedule, "get_last_lr"):
        return {"optimizer": _of_scheduler(optimizer, schedule, steps, names)}
    table = optimizer_table(optimizer, names)
    if schedule is None:
        return {"optimizer": table}
    if isinstance(schedule, (str, Mapping)):
        return {"optimizer": table, "schedule": {"type": schedule} if isinstance(schedule, str) else dict(schedule)}
    table.pop("learning_rate", None)
    return {"optimizer": table, "learning_rates": array(schedule, "schedule").astype(float).tolist()}


def _of_scheduler(optimizer: Any, scheduler: Any, steps: int | None, names: Mapping[Any, str] | None) -> dict[str, Any]:
    """An optimizer's table with a list of one a step for each number that a scheduler moves."""
    from . import torch_optimizers as known

    if scheduler.optimizer is not optimizer:
        raise ValueError("schedule: the scheduler is that of another optimizer; give both")
    if steps is None:
        raise ValueError("steps: a scheduler needs to know how many there are")
    kind = known.kind_of(optimizer)
    own = copy.deepcopy(scheduler)
    courses: list[list[dict[str, Any]]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses the optimizer's steps
        for _ in range(steps):
            courses.append([known.numbers_of(kind, group) for group in own.optimizer.param_groups])
            own.step()
    moved = {
        key
        for course in zip(*courses, strict=True)
        for key in course[0]
        if any(at[key] != course[0][key] for at in course)
    }
    groups = [_together(course, moved) for course in zip(*courses, strict=True)]
    return known.table(kind, known.flags_of(kind, optimizer), groups, known.names_of(optimizer, names))


def _together(course: Sequence[Mapping[str, Any]], moved: set[str]) -> dict[str, Any]:
    """The numbers of a group: those that move, in whichever group, as lists of one a step."""
    return {key: [numbers[key] for numbers in course] if key in moved else value for key, value in course[0].items()}
