"""Influence as captum's methods are called for it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from ..path import Path
from .scoring import own_scores, scores


class KMostInfluentialResults(NamedTuple):
    """The k examples that helped, or hurt, each test example most, and how much."""

    indices: torch.Tensor
    influence_scores: torch.Tensor


class CaptumInfluence:
    """Called as captum's TracInCP: `influence((x, y))` is [test, train], of which more helps.

    `readout` is "loss", "target" or "margin"; `settings` are those of `pathkernel.attribute`.
    """

    def __init__(self, path: Path, *, readout: str = "loss", **settings: Any) -> None:
        self.path, self.readout, self.settings = path, readout, settings

    def influence(
        self, inputs: Any, k: int | None = None, proponents: bool = True, show_progress: bool = False
    ) -> torch.Tensor | KMostInfluentialResults:
        """All scores, or with k those of the examples that helped most, or, as `proponents=False`, hurt most.

        `inputs` are (inputs…, targets), or a DataLoader. `show_progress` is captum's; progress shows by itself.
        """
        queries, targets = (
            (inputs, None) if not isinstance(inputs, (tuple, list)) else (_inputs(inputs[:-1]), inputs[-1])
        )
        found = torch.from_numpy(scores(self.path, queries, targets, readout=self.readout, **self.settings))
        if k is None:
            return found
        values, indices = torch.topk(found, min(k, found.shape[1]), dim=1, largest=proponents)
        return KMostInfluentialResults(indices, values)

    def self_influence(self, inputs: Any = None, show_progress: bool = False) -> torch.Tensor:
        """[train]: how much each training example helped itself."""
        if inputs is not None:
            raise ValueError("inputs: self-influence is that of the training examples; leave them out")
        return torch.from_numpy(own_scores(self.path, readout=self.readout, **self.settings))


def _inputs(inputs: tuple[Any, ...] | list[Any]) -> Any:
    return inputs[0] if len(inputs) == 1 else tuple(inputs)
