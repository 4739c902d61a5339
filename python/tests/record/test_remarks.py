"""What is said of a path when it is closed, and what is not said of it afterwards."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import pathkernel as pk
from loops import data, network

X, Y = data()
ADAM = torch.optim.Adam


def normed(bias: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8, bias=bias), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 4))


class Twice(nn.Module):
    """A layer that a norm reads, and the sum after it too: its bias is not taken out."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.first(x)
        return self.last(first + torch.tanh(self.norm(first)))


def recorded(net: nn.Module, make: Any = ADAM, steps: int = 4, **options: Any) -> pk.Path:
    kind = next(net.parameters()).dtype
    optimizer = make(net.parameters(), lr=0.02, **options)
    rec = pk.record(net, optimizer)
    loader = DataLoader(TensorDataset(X.to(kind), Y), batch_size=-(-len(X) // steps))
    for xb, yb in rec.watch(loader):
        F.cross_entropy(net(xb), yb).backward()
        optimizer.step()
        optimizer.zero_grad()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return rec.close("cross_entropy")


def about_biases(path: pk.Path) -> list[str]:
    return [remark for remark in path.remarks if "takes this bias out again" in remark]


def test_a_bias_that_a_batch_norm_takes_out_is_named() -> None:
    """Its gradient is rounding, which Adam makes as large as any other."""
    path = recorded(normed())
    assert [remark.split(":")[0] for remark in about_biases(path)] == ["0.bias"]
    assert "bias=False" in about_biases(path)[0] and "adam" in about_biases(path)[0]
    moved = np.abs(path.config["trajectory"]["import"]["0.bias"][-1] - path.graph.weights["0.bias"]).max()
    assert moved > 1e-3, "a rate of 0.02 over four steps moves what has a gradient by more"
    without = recorded(normed(bias=False))
    assert not without.remarks


@pytest.mark.parametrize(
    ("make", "how"),
    [
        (lambda: normed().double(), ADAM),  # rounding is far below eps
        (normed, torch.optim.SGD),  # a gradient of zero moves nothing
        (lambda: normed().eval(), ADAM),  # given statistics take nothing out
        (Twice, ADAM),
        (lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.BatchNorm1d(8), nn.Linear(8, 4)), ADAM),
    ],
)
def test_other_biases_are_not_named(make: Any, how: Any) -> None:
    assert not about_biases(recorded(make(), how))


def test_masks_that_are_the_engines_own_are_not_doubted(caplog: pytest.LogCaptureFixture) -> None:
    """The engine warns of an imported path whose network drops; of one that was recorded it would be wrong."""
    path = recorded(network(nn.Dropout(0.3)))
    queries = X[:5].numpy()
    with caplog.at_level(logging.WARNING, "pathkernel"):
        found = pk.attribute(path, queries, progress=False)
        pk.plan(path, queries)
    assert "dropout" not in caplog.text and found.verdict == "exact"
    change = np.abs(found.prediction - found.initial).max()
    assert np.abs(found.unexplained).max() <= 1e-12 * change
    with caplog.at_level(logging.WARNING, "pathkernel"):
        pk.attribute(replace(path, is_drawn=False), queries, progress=False)
    assert "the network has dropout" in caplog.text
