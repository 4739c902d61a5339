"""Small data and networks of double precision, the same in every test."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn


@pytest.fixture
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Made-up examples of three classes, and queries: 24 and 5 of 6 numbers."""
    draws = np.random.default_rng(7)
    centres = draws.normal(size=(3, 6))
    y, qy = draws.integers(0, 3, 24), draws.integers(0, 3, 5)
    return centres[y] + 0.5 * draws.normal(size=(24, 6)), y, centres[qy] + 0.5 * draws.normal(size=(5, 6)), qy


@pytest.fixture
def net() -> nn.Sequential:
    """6-5-3 with tanh."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()


@pytest.fixture
def batches() -> list[list[int]]:
    """The examples of six steps, of two epochs."""
    draws = np.random.default_rng(11)
    return [part.tolist() for _ in range(2) for part in np.split(draws.permutation(24), 3)]
