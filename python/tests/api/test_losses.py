"""Every loss of PyTorch that is taken is PyTorch's: the same numbers and the same steps."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import pathkernel as pk
from pathkernel.losses import ending_of, loss_table

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def trained_by_torch(
    net: nn.Module, loss: Any, x: np.ndarray, y: np.ndarray, batches: list[list[int]]
) -> tuple[list[float], dict[str, np.ndarray]]:
    optimizer = torch.optim.SGD(net.parameters(), 0.02, momentum=0.5)
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        value = loss(net(torch.tensor(x[batch])), torch.tensor(y[batch]))
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses, {name: values.numpy() for name, values in net.state_dict().items()}


def reals(y: np.ndarray, outputs: int) -> np.ndarray:
    return np.sin(np.arange(len(y) * outputs).reshape(len(y), outputs) + y[:, None])


def labels(y: np.ndarray, outputs: int) -> np.ndarray:
    return (reals(y, outputs) > 0).astype(float)


WEIGHTS = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
CLASSES: dict[str, Any] = {
    "cross entropy": nn.CrossEntropyLoss(),
    "sum": nn.CrossEntropyLoss(reduction="sum"),
    "smoothed": nn.CrossEntropyLoss(label_smoothing=0.2),
    "weighted": nn.CrossEntropyLoss(weight=WEIGHTS),
    "weighted and smoothed": nn.CrossEntropyLoss(weight=WEIGHTS, label_smoothing=0.1),
    "ignoring": nn.CrossEntropyLoss(ignore_index=1),
    "function": F.cross_entropy,
    "function with options": functools.partial(F.cross_entropy, label_smoothing=0.3, reduction="sum"),
}
REALS: dict[str, tuple[Any, int, Any]] = {
    "mse": (nn.MSELoss(), 3, reals),
    "mse function": (F.mse_loss, 3, reals),
    "sum of one": (nn.MSELoss(reduction="sum"), 1, reals),
    "l1": (nn.L1Loss(), 3, reals),
    "huber": (nn.HuberLoss(delta=0.3), 3, reals),
    "smooth l1": (nn.SmoothL1Loss(), 3, reals),
    "smooth l1 without smoothness": (nn.SmoothL1Loss(beta=0.0), 3, reals),
    "logistic of one": (nn.BCEWithLogitsLoss(), 1, labels),
    "logistic, sum": (nn.BCEWithLogitsLoss(reduction="sum"), 3, labels),
    "positives count more": (nn.BCEWithLogitsLoss(pos_weight=WEIGHTS, reduction="sum"), 3, labels),
    "poisson of one": (nn.PoissonNLLLoss(), 1, labels),
}


def check(net: nn.Module, loss: Any, x: np.ndarray, y: np.ndarray, batches: list[list[int]]) -> None:
    path = pk.train(net, x, y, loss=loss, optimizer=pk.SGD(0.02, momentum=0.5), batches=batches)
    losses, state = trained_by_torch(net, loss, x, y, batches)
    assert path.losses is not None
    np.testing.assert_allclose(path.losses, losses, rtol=1e-13)
    for name, values in state.items():
        np.testing.assert_allclose(path.final[name], values, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", CLASSES)
def test_losses_of_classes(name: str, net: nn.Module, digits: Data, batches: list[list[int]]) -> None:
    check(net, CLASSES[name], digits[0], digits[1], batches)


@pytest.mark.parametrize("name", REALS)
def test_losses_of_reals(name: str, digits: Data, batches: list[list[int]]) -> None:
    loss, outputs, targets = REALS[name]
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, outputs)).double()
    check(net, loss, digits[0], targets(digits[1], outputs), batches)


def test_probabilities_as_targets(net: nn.Module, digits: Data, batches: list[list[int]]) -> None:
    x, y, _, _ = digits
    spread = np.exp(reals(y, 3)) / np.exp(reals(y, 3)).sum(1, keepdims=True)
    check(net, nn.CrossEntropyLoss(), x, spread, batches)


REFUSED: list[tuple[Any, int, str]] = [
    (nn.CrossEntropyLoss(reduction="none"), 1, "leaves no loss of a batch"),
    (nn.MSELoss(reduction="sum"), 3, "adds up the outputs"),
    (nn.BCEWithLogitsLoss(), 3, "mean over the outputs"),
    (nn.SmoothL1Loss(beta=0.5), 3, "divided by 0.5"),
    (nn.PoissonNLLLoss(log_input=False), 1, "log_input=False"),
    (nn.NLLLoss(), 1, "ends with log_softmax"),
    (nn.BCELoss(), 1, "ends with sigmoid"),
    (nn.CosineEmbeddingLoss(), 1, "is not known"),
    (lambda outputs, targets: outputs.sum(), 1, "is not known"),
]


@pytest.mark.parametrize(("loss", "outputs", "why"), REFUSED)
def test_what_has_no_counterpart_is_refused_with_the_reason(loss: Any, outputs: int, why: str) -> None:
    with pytest.raises(pk.UnsupportedError, match=why):
        loss_table(loss, np.zeros((4, outputs)))


def test_a_loss_of_ones_own_is_not_taken_for_its_base() -> None:
    class Half(nn.MSELoss):
        def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            return 0.5 * super().forward(input, target)

    class Named(nn.MSELoss):
        pass

    assert loss_table(Named(), np.zeros((4, 2)))["loss"] == "mse"
    with pytest.raises(pk.UnsupportedError, match="is not known"):
        loss_table(Half(), np.zeros((4, 2)))


def test_a_table_is_taken_as_it_is() -> None:
    assert loss_table({"type": "huber", "delta": 2.0}) == {"loss": "huber", "delta": 2.0}
    assert ending_of(nn.BCELoss()) == "sigmoid" and ending_of(nn.BCEWithLogitsLoss()) is None
