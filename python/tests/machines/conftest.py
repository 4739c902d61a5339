"""A small trained network of double precision with all of its kernels, the same in every test."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import pathkernel as pk

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="session")
def data() -> Data:
    """Made-up examples of three classes that overlap, and queries: 40 and 15 of 5 numbers."""
    draws = np.random.default_rng(5)
    centres = draws.normal(size=(3, 5))
    y, asked = draws.integers(0, 3, 40), draws.integers(0, 3, 15)
    return centres[y] + draws.normal(size=(40, 5)), y, centres[asked] + draws.normal(size=(15, 5)), asked


@pytest.fixture(scope="session")
def path(data: Data) -> pk.Path:
    """5-6-3 with tanh, by steps of the full batch."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    return pk.train(net, data[0], data[1], loss="cross_entropy", optimizer=pk.SGD(0.2), steps=30, progress=False)


@pytest.fixture(scope="session")
def known(path: pk.Path) -> dict[str, pk.Result]:
    """The training set asked, by the kernel's entries."""
    kinds = ("trace", "diagonal", "full")
    return {kind: pk.attribute(path, kernel=kind, tangent=True, nodes=3, progress=False) for kind in kinds}


@pytest.fixture(scope="session")
def asked(path: pk.Path, data: Data) -> dict[str, pk.Result]:
    """The queries asked, likewise."""
    kinds = ("trace", "diagonal", "full")
    return {kind: pk.attribute(path, *data[2:], kernel=kind, tangent=True, nodes=3, progress=False) for kind in kinds}


@pytest.fixture(scope="session")
def onehot(data: Data) -> np.ndarray:
    return np.eye(3)[data[1]] - 1 / 3
