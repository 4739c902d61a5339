"""Run files, plans and devices, and a loop that is recorded."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import pathkernel as pk

DIGITS = File(__file__).resolve().parents[3] / "examples" / "digits.toml"


def test_a_run_file(tmp_path: File) -> None:
    here = {"directory": str(tmp_path / "digits"), "device": "cpu"}
    result = pk.run(
        DIGITS, run=here, training={"steps": 2}, **{"training.optimizer.learning_rate": 0.25}, progress=False
    )
    assert (
        result.attribution.shape == (360, 1437, 10) and result.config["training"]["optimizer"]["learning_rate"] == 0.25
    )
    assert result.directory == tmp_path / "digits" and isinstance(result.attribution, np.memmap)
    with np.load(DIGITS.parent / "data" / "digits.npz") as data:
        assert result.top(3, k=2)["label"].tolist() == data["train_y"][result.top(3, k=2)["example"]].tolist()
    again = pk.open(tmp_path / "digits")
    assert again.check() == result.check()
    plan = pk.plan(DIGITS, run=here, training={"steps": 2})
    assert plan.memory > 0 and "360 queries" in str(plan)


def test_devices() -> None:
    assert any("cpu" in str(device).lower() for device in pk.devices())


def test_a_loop_that_exists(tmp_path: File) -> None:
    draws = np.random.default_rng(2)
    data = TensorDataset(torch.tensor(draws.normal(size=(24, 6))), torch.tensor(draws.integers(0, 3, 24)))
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.5)
    loader = DataLoader(data, batch_size=8, shuffle=True)
    rec = pk.record(net, optimizer, tmp_path / "mine")
    for _ in range(2):
        for xb, yb in rec.watch(loader):
            F.cross_entropy(net(xb), yb).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    path = rec.close(loss="cross_entropy")
    test_set = TensorDataset(data.tensors[0][:5], data.tensors[1][:5])
    result = pk.attribute(path, test_set, readout="loss")
    losses = F.cross_entropy(net(test_set.tensors[0]), test_set.tensors[1], reduction="none").detach().numpy()
    # Sums of a few numbers of double precision, in another order.
    np.testing.assert_allclose(result.prediction[:, 0], losses, atol=1e-13)
    assert result.verdict == "exact" and result.check().unexplained < 1e-12
    assert pk.open(tmp_path / "mine").legend.labels is not None


def test_a_plan_that_does_not_fit_is_an_error() -> None:
    x, y = np.eye(4), np.arange(4) % 2
    path = pk.train([{"type": "linear", "features": 2}], x, y, loss="cross_entropy", optimizer=pk.SGD(0.5), steps=5)
    assert pk.plan(path, x[:1]).tiles == 1
    settings: dict[str, Any]
    for settings in ({}, {"kernel": "full"}, {"attribution": False, "own": True}, {"superposition": True}):
        with pytest.raises(pk.PlanError, match="one query with one example takes more memory than run.memory allows"):
            pk.plan(path, x[:1], memory="1 KiB", **settings)
