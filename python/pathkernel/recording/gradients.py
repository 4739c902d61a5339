"""What a loop does to gradients between the backward pass and the step: clipping, unscaling, dropping."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .hook import Hook


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
        #: Norms and largest entries at the end of the last backward pass.
        self._before: list[Tensor] = []
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

    def sizes(self) -> Tensor:
        """Norms and largest entries of each gradient after the last backward pass, and as they are now, [2, 2,
        parameters].
        """
        now = self._sizes()
        return torch.stack([*(self._before or now), *now]).reshape(2, 2, -1)

    def missing(self) -> list[int]:
        """Which parameters have no gradient."""
        return [place for place, one in enumerate(self._parameters) if one.grad is None]

    def _arrived(self, _: Tensor) -> None:
        self.begin()

    def _finished(self) -> None:
        self._is_awaited = False
        self._before = self._sizes()
        self._versions = self._now()

    @torch.no_grad()
    def _sizes(self) -> list[Tensor]:
        """Norms, and after them largest entries; 0 where there is no gradient."""
        gradients = [one.grad for one in self._parameters if one.grad is not None]
        norms, largest = torch._foreach_norm(gradients), torch._foreach_max(gradients)
        if len(gradients) == len(self._parameters):
            return [*norms, *largest]
        none = torch.zeros_like(norms[0])
        places = iter(range(len(gradients)))
        own = [next(places) if one.grad is not None else -1 for one in self._parameters]
        return [none if place < 0 else sizes[place] for sizes in (norms, largest) for place in own]

    def _now(self) -> list[int | None]:
        return [None if one.grad is None else one.grad._version for one in self._parameters]

    def _known(self) -> zip[tuple[Tensor, int | None]]:
        return zip(self._parameters, self._versions)

    @staticmethod
    def _is_kept(gradient: Tensor, version: int | None) -> bool:
        # Whoever sets gradients to zero in place changes them; only then is it looked at the numbers.
        return gradient._version == version or bool(gradient.any())
