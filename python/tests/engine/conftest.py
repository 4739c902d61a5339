"""Small runs that many tests begin with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

Config = dict[str, Any]


def small(**sections: dict[str, Any]) -> Config:
    """A run of seconds' fractions: 12 examples of three classes, 4 queries, 9 steps; with changes of some sections."""
    numbers = np.random.default_rng(7)
    config: Config = {
        "run": {"seed": 3, "device": "cpu", "precision": "f64"},
        "data": {
            "train": {"inputs": numbers.normal(size=(12, 5)), "targets": numbers.integers(0, 3, 12)},
            "query": {"inputs": numbers.normal(size=(4, 5)), "targets": numbers.integers(0, 3, 4)},
        },
        "model": {
            "input": [5],
            "layers": [{"type": "linear", "features": 6}, {"type": "tanh"}, {"type": "linear", "features": 3}],
        },
        "training": {
            "loss": "cross_entropy",
            "optimizer": {"type": "sgd", "learning_rate": 0.2, "momentum": 0.5},
            "steps": 9,
            "batch_size": 4,
        },
        "kernel": {},
    }
    for name, section in sections.items():
        config[name] = {**config.get(name, {}), **section}
    return config


@pytest.fixture
def config() -> Config:
    return small()
