"""What the tests of other libraries are given."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn
from torch.utils.data import TensorDataset

import pathkernel as pk

#: Examples that are labelled wrongly.
WRONG = [3, 17]


class Trained(NamedTuple):
    """A network, its path, and what it was trained on and asked."""

    net: nn.Module
    path: pk.Path
    train: TensorDataset
    test: TensorDataset
