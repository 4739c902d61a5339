"""An explainer for quanda's metrics and benchmarks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from quanda.explainers import Explainer

from ..path import Path
from .scoring import own_scores, scores


class QuandaExplainer(Explainer):  # type: ignore[misc]
    """What quanda calls an explainer: `explain` is [test, train], of which more helps.

    A benchmark makes it by `explainer_cls=QuandaExplainer, expl_kwargs={"path": path}`. `readout` is "loss", "target"
    or "margin"; `settings` are those of `pathkernel.attribute`.
    """

    accepted_tasks = ["image_classification", "text_classification", "causal_lm"]

    def __init__(
        self,
        model: torch.nn.Module,
        train_dataset: Any,
        path: Path,
        *,
        task: Any = "image_classification",
        checkpoints: Any = None,
        checkpoints_load_func: Any = None,
        readout: str = "loss",
        **settings: Any,
    ) -> None:
        super().__init__(
            model=model,
            train_dataset=train_dataset,
            task=task,
            checkpoints=checkpoints,
            checkpoints_load_func=checkpoints_load_func,
        )
        self.path, self.readout, self.settings = path, readout, settings

    def explain(self, test_data: Any, targets: Any) -> torch.Tensor:
        """[test, train]: how much each training example helped each test example."""
        found = scores(self.path, test_data, targets, readout=self.readout, **self.settings)
        return torch.from_numpy(found).to(torch.float32).to(self.device)

    def self_influence(self, batch_size: int = 32) -> torch.Tensor:
        """[train]: how much each training example helped itself."""
        found = own_scores(self.path, readout=self.readout, **self.settings)
        return torch.from_numpy(np.asarray(found)).to(torch.float32).to(self.device)
