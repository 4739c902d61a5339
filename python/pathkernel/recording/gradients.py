"""What a loop does to gradients between the backward pass and the step: clipping, unscaling, dropping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from .hook import Hook
from .host import array, copied


@dataclass
class Moment:
    """The gradients at one moment. On the host they are kept, since many moments are measured faster together."""

    #: The parameters that have one.
    places: list[int]
    #: Their numbers side by side; of gradients on a device norms and largest entries, [2, places].
    values: Tensor
    is_measured: bool


def sizes(moments: Sequence[Moment], lengths: Sequence[int]) -> np.ndarray:
    """Norms and largest entries of each gradient, [moments, 2, parameters]; 0 where there is none.

    `lengths` are how many numbers each parameter has.
    """
    parts = []
    for (places, is_measured), alike in groupby(moments, lambda one: (one.places, one.is_measured)):
        values = torch.stack([one.values for one in alike])
        found = values if is_measured else _measured(values, [lengths[place] for place in places])
        part = np.zeros((len(values), 2, len(lengths)), array(found).dtype)
        part[:, :, places] = array(found)
        parts.append(part)
    return np.concatenate(parts)


def _measured(values: Tensor, lengths: Sequence[int]) -> Tensor:
    """The norm and the largest entry of each stretch of rows, [rows, 2, stretches]."""
    stretches = values.split(list(lengths), 1)  # type: ignore[no-untyped-call]
    norms = [torch.linalg.vector_norm(one, dim=1) for one in stretches]
    return torch.stack([torch.stack(norms, 1), torch.stack([one.amax(1) for one in stretches], 1)], 1)


class Gradients:
    """Watches the gradients of a network's parameters."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._parameters = list(parameters)
        self._handles = [
            one.register_post_accumulate_grad_hook(Hook(self._arrived))  # type: ignore[no-untyped-call]
            for one in self._parameters
            if one.requires_grad
        ]
        self._is_awaited = False
        #: The end of the last backward pass.
        self._before: Moment | None = None
        self._versions: list[int | None] = []

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()

    def are_left(self) -> bool:
        """Whether gradients of the backward passes before are still there, to be added to."""
        return any(one.grad is not None and self._is_kept(one.grad, version) for one, version in self._known())

    def forget(self) -> None:
        """No backward pass is under way; one may have failed."""
        self._is_awaited = False

    def begin(self) -> bool:
        """A backward pass is under way; whether it has just begun."""
        if self._is_awaited:
            return False
        self._is_awaited = True
        # Once for each backward pass, after its last gradient.
        torch.autograd.Variable._execution_engine.queue_callback(self._finished)
        return True

    def moments(self) -> tuple[Moment, Moment]:
        """The gradients after the last backward pass, and as they are now."""
        now = self._moment()
        return self._before or now, now

    def missing(self) -> list[int]:
        """Which parameters have no gradient."""
        return [place for place, one in enumerate(self._parameters) if one.grad is None]

    def _arrived(self, _: Tensor) -> None:
        self.begin()

    def _finished(self) -> None:
        self._is_awaited = False
        self._before = self._moment()
        self._versions = self._now()

    @torch.no_grad()
    def _moment(self) -> Moment:
        found = [(place, one.grad) for place, one in enumerate(self._parameters) if one.grad is not None]
        places, gradients = [place for place, _ in found], [gradient for _, gradient in found]
        if all(gradient.is_cpu for gradient in gradients):
            return Moment(places, torch.cat([gradient.reshape(-1) for gradient in gradients]), False)
        norms, largest = torch._foreach_norm(gradients), torch._foreach_max(gradients)
        return Moment(places, copied(torch.stack([*norms, *largest]).reshape(2, -1)), True)

    def _now(self) -> list[int | None]:
        return [None if one.grad is None else one.grad._version for one in self._parameters]

    def _known(self) -> zip[tuple[Tensor, int | None]]:
        return zip(self._parameters, self._versions)

    @staticmethod
    def _is_kept(gradient: Tensor, version: int | None) -> bool:
        # Whoever sets gradients to zero in place changes them; only then is it looked at the numbers.
        return gradient._version == version or bool(gradient.any())
