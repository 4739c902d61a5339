"""Predictions taken apart, and tangent kernels."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path as File
from typing import Any

import numpy as np

from . import data, engine, networks
from .arrays import ArrayLike
from .errors import PathkernelError
from .logs import heard
from .networks import Network
from .path import Path
from .questions import question, sections
from .result import Result
from .trained import precision_of


def attribute(
    path: Path,
    queries: Any = None,
    targets: ArrayLike | None = None,
    *,
    readout: Any = "outputs",
    rule: str | None = None,
    kernel: str | None = None,
    layers: bool | None = None,
    coefficients: bool | None = None,
    tangent: bool | None = None,
    own: bool | None = None,
    influence: bool | Mapping[str, float] | None = None,
    top: int | None = None,
    precision: str | None = None,
    device: str | None = None,
    directory: str | os.PathLike[str] | None = None,
    progress: Any = None,
    **settings: Any,
) -> Result:
    """What each training example contributed to each prediction.

    Args:
        path: from `train`, `record` or `checkpoints`.
        queries: an array of inputs, a table of arrays by name, a Dataset or a DataLoader; None: the training set.
        targets: of the queries; of a Dataset or a DataLoader they are the last of its items.
        readout: "outputs", "probabilities", "log_probabilities", "loss", "target", "margin", or a table such as
            {"type": "difference", "classes": [5, 9]}.
        rule: "auto", "gauss" (with `nodes=3`), "left" or "adaptive" (with `tolerance=1e-6`).
        kernel: "none", "trace", "diagonal" or "full": the path kernel beside the contributions.
        layers: also split by layer. coefficients, tangent: the kernel's. own: what each example did to itself.
        influence: also the derivative of each prediction by each example's weight in the loss, held against training again; or a
            table with any of weight, eps and smooth.
        top: keep this many of the most positive and most negative contributions of each output, and influences, in place of all.
        precision: "f32", "f64" or "mixed"; that of the path if None. device: likewise; "auto", "cpu", "gpu", …
        directory: where the run is kept; the same call goes on there, or returns at once. None: that of the path, or in
            memory.
        progress: False is silent; a callable gets (phase, done, total).
        settings: any other key of `[run]` and `[kernel]` of a run file, the names `classes` and `names`, and `outputs`,
            what the module itself says of the queries, to be compared.

    >>> import numpy as np, pathkernel as pk
    >>> x, y = np.eye(4), np.arange(4) % 2
    >>> path = pk.train([{"type": "linear", "features": 2}], x, y, loss="cross_entropy", optimizer=pk.SGD(0.5), steps=5)
    >>> pk.attribute(path, x[:1]).attribution.shape
    (1, 4, 2)
    """
    asked = {
        "readout": readout, "rule": rule, "kernel": kernel, "layers": layers, "coefficients": coefficients, "tangent": tangent,
        "own": own, "influence": influence, "top": top, "precision": precision, "device": device, **settings,
    }  # fmt: skip
    names = asked.pop("names", None)
    config = question(path, queries, targets, asked)
    place = path.directory if directory is None else File(directory)
    with heard(path):
        outcome = engine.explain(config, directory=place, progress=progress)
    return Result.of(outcome, names)


def tangent_kernel(
    net: Network,
    x: Any,
    queries: Any = None,
    *,
    kernel: str = "full",
    precision: str | None = None,
    device: str | None = None,
    directory: str | os.PathLike[str] | None = None,
    progress: Any = None,
    **settings: Any,
) -> np.ndarray:
    """The tangent kernel ∇f(q)·∇f(x) at the weights that a network has: [n, m, C, C], or "diagonal" [n, m, C], "trace"
    [n, m].

    Without queries they are the examples. No targets, optimizer or steps are needed.

    >>> import numpy as np, pathkernel as pk
    >>> pk.tangent_kernel([{"type": "linear", "features": 1, "bias": False}], [[1.0, 2.0]], kernel="trace").tolist()
    [[5.0]]
    """
    if kernel not in ("full", "diagonal", "trace"):
        raise ValueError(f'kernel: {kernel!r} is none; give "full", "diagonal" or "trace"')
    inputs, _ = data.split(x, what="x")
    graph = networks.with_ending(networks.graph_of(net, inputs))
    run, rest = sections({"precision": precision or precision_of(graph), "device": device, **settings})
    examples = networks.prepared(graph, inputs)
    asked = examples if queries is None else networks.prepared(graph, data.split(queries, what="queries")[0])
    config = {
        "run": run,
        "data": {"train": {"inputs": examples}, "query": {"inputs": asked}},
        "model": {**graph.model, **({"weights": graph.weights} if graph.weights else {})},
        "training": {"steps": 0},
        "kernel": {"kernel": kernel, "tangent": True, "attribution": False, **rest},
    }
    found = engine.explain(config, directory=None if directory is None else File(directory), progress=progress).arrays
    if "tangent_initial" not in found:
        raise PathkernelError("the run left no tangent kernel")
    return found["tangent_initial"]
