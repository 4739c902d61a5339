"""What the tests of recorded loops share: networks, data, and how far a path is explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

import pathkernel as pk
from pathkernel import engine

#: The layer of a run file for each module of nn.Sequential.
_LAYERS: dict[type[nn.Module], Any] = {
    nn.Linear: lambda one: {"type": "linear", "features": one.out_features, "bias": one.bias is not None},
    nn.Conv2d: lambda one: {
        "type": "conv2d",
        "channels": one.out_channels,
        "kernel": one.kernel_size[0],
        "bias": one.bias is not None,
    },
    nn.BatchNorm2d: lambda one: {"type": "batch_norm", "statistics": "batch"},
    nn.Dropout: lambda one: {"type": "dropout", "p": one.p},
    nn.Tanh: lambda _: {"type": "tanh"},
    nn.ReLU: lambda _: {"type": "relu"},
    nn.Flatten: lambda _: {"type": "flatten"},
    nn.LogSoftmax: lambda _: None,
}


def graph_of(net: nn.Sequential, shape: list[int]) -> pk.Graph:
    """An nn.Sequential as a graph, by hand."""
    layers = [layer for one in net if (layer := _LAYERS[type(one)](one)) is not None]
    return pk.Graph(
        model={"input": shape, "layers": layers},
        weights={
            name: one.detach().numpy().copy() for name, one in net.state_dict().items() if one.is_floating_point()
        },
        ending="log_softmax" if isinstance(net[-1], nn.LogSoftmax) else None,
    )


def network(*inside: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), *inside, nn.Linear(16, 4)).double()


def data(count: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(count, 6, generator=draw, dtype=torch.float64)
    return x, (x @ torch.randn(6, 4, generator=draw, dtype=torch.float64)).argmax(1)


def dataset(count: int = 40) -> Dataset[Any]:
    return TensorDataset(*data(count))


def explained(path: pk.Path, queries: Any, **settings: Any) -> engine.Outcome:
    """The path's attribution of queries."""
    config = {
        **path.config,
        "data": {**path.config["data"], "query": {"inputs": queries}},
        "model": {
            **path.graph.model,
            **({} if "import" in path.config["trajectory"] else {"weights": path.graph.weights}),
        },
        "kernel": {"rule": "gauss", "nodes": 4, **settings},
    }
    return engine.explain(config, progress=False)


def unexplained(path: pk.Path, queries: Any) -> float:
    """What a path holds beyond the optimizer's steps, of the largest change of an output."""
    found = explained(path, queries).arrays
    change = np.abs(found["prediction"] - found["initial"]).max()
    return float(np.abs(found["unexplained"]).max() / change)
