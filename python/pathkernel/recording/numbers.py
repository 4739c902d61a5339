"""The optimizer's numbers over all steps, in the run file's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..torch_optimizers import Kind, Numbers, table


def optimizer(
    kind: Kind, flags: dict[str, bool], steps: Sequence[Sequence[Numbers]], names: Sequence[Sequence[str]]
) -> tuple[dict[str, Any], list[str]]:
    """`[training.optimizer]`, and what it does not say, in words.

    Numbers that change are lists of one for each step.
    """
    count = max(len(groups) for groups in steps)
    remarks = []
    if any(len(groups) < count for groups in steps):
        late = next(number for number, groups in enumerate(steps) if len(groups) == count)
        remarks.append(f"step {late}: a group of parameters was added; before, the engine takes steps of it at rate 0")
    whole = [_over_time([_of_group(groups, place, steps) for groups in steps]) for place in range(count)]
    return table(kind, flags, whole, names), remarks


def _of_group(groups: Sequence[Numbers], place: int, steps: Sequence[Sequence[Numbers]]) -> Numbers:
    """A group's numbers in a step; where it is not there yet, its first ones with a rate of 0."""
    if place < len(groups):
        return groups[place]
    first = next(groups[place] for groups in steps if place < len(groups))
    return {**first, "learning_rate": 0.0}


def _over_time(steps: Sequence[Numbers]) -> Numbers:
    """Each number, or the list of its values where it changes."""
    numbers = {}
    for key, first in steps[0].items():
        values = [step[key] for step in steps]
        numbers[key] = first if all(value == first for value in values) else values
    return numbers
