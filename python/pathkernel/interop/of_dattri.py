"""An attributor for dattri's metrics."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import data
from ..networks import prepared
from ..path import Path
from .scoring import own_scores, scores


class DattriAttributor:
    """What dattri calls an attributor: `attribute(train_loader, test_loader)` is [train, test], of which more helps.

    `readout` is "loss", "target" or "margin"; `settings` are those of `pathkernel.attribute`.
    """

    def __init__(self, path: Path, *, readout: str = "loss", **settings: Any) -> None:
        self.path, self.readout, self.settings = path, readout, settings

    def cache(self, full_train_dataloader: Any) -> None:
        """The path has what was trained on; a loader of other examples is an error."""
        self._check(full_train_dataloader)

    def attribute(self, train_dataloader: Any, test_dataloader: Any) -> Any:
        """[train, test]: how much each training example helped each test example."""
        import torch

        self._check(train_dataloader)
        found = scores(self.path, test_dataloader, readout=self.readout, **self.settings)
        return torch.from_numpy(np.ascontiguousarray(found.T))

    def self_attribute(self, train_dataloader: Any) -> Any:
        """[train]: how much each training example helped itself; `mislabel_detection_auc` takes it."""
        import torch

        self._check(train_dataloader)
        return torch.from_numpy(own_scores(self.path, readout=self.readout, **self.settings))

    def _check(self, loader: Any) -> None:
        """A loader has the path's own examples, in their order, as its data set has them."""
        if loader is None:
            return
        inputs, _ = data.split(loader, what="train_dataloader")
        given, own = (
            list(data.columns(one))
            for one in (prepared(self.path.graph, inputs), self.path.config["data"]["train"]["inputs"])
        )
        if any(
            one.size != other.size or not np.array_equal(one.ravel(), other.ravel())
            for one, other in zip(given, own, strict=True)
        ):
            raise ValueError("train_dataloader: its data set is not what the path was trained on, in the same order")
