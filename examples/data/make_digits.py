"""Writes digits.npz from the copy of the UCI optical digits that scikit-learn ships (pip install scikit-learn)."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()
pixels = (digits.images.reshape(-1, 1, 8, 8) / 16.0).astype(np.float16)  # multiples of 1/16: exact
classes = digits.target.astype(np.uint8)
order = np.random.default_rng(0).permutation(len(classes))
train, query = order[:1437], order[1437:]
np.savez_compressed(
    Path(__file__).parent / "digits.npz",
    train_x=pixels[train], train_y=classes[train], query_x=pixels[query], query_y=classes[query],
)
