"""A small training of double precision, with an example that is labelled wrongly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small import WRONG, Trained
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import pathkernel as pk


@pytest.fixture(scope="session")
def trained() -> Trained:
    draws = np.random.default_rng(5)
    centres = 1.5 * draws.normal(size=(3, 6))
    y, qy = draws.integers(0, 3, 40), draws.integers(0, 3, 8)
    x, queries = (centres[one] + 0.3 * draws.normal(size=(len(one), 6)) for one in (y, qy))
    y[WRONG] = (y[WRONG] + 1) % 3
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    path = pk.train(net, x, y, loss="cross_entropy", optimizer=pk.SGD(0.1), steps=12, batch_size=10)
    net.load_state_dict(path.state_dict())
    data: Any = [TensorDataset(torch.tensor(a), torch.tensor(b)) for a, b in ((x, y), (queries, qy))]
    return Trained(net, path, *data)


@pytest.fixture
def loaders(trained: Trained) -> tuple[Any, Any]:
    return DataLoader(trained.train, batch_size=16), DataLoader(trained.test, batch_size=8)
