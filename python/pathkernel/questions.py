"""What is asked of a path, as a run file has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import data, networks
from .arrays import ArrayLike, array
from .data import Inputs
from .path import Path

#: Keys of `[run]`; what a call takes beside its own arguments belongs to `[kernel]` if it is none of them.
RUN_KEYS = frozenset({"device", "fallback", "precision", "memory", "store", "seed", "tune"})

#: What the outputs of a module are called that ends with what its graph leaves out.
_ENDED_OUTPUTS = {"log_softmax": "log_probabilities", "sigmoid": "probabilities"}


def sections(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """`[run]` and `[kernel]` of settings by their keys; those that are None are left to their defaults.

    >>> sections({"memory": "4 GiB", "nodes": 3, "device": None})
    ({'memory': '4 GiB'}, {'nodes': 3})
    """
    given = {key: value for key, value in settings.items() if value is not None}
    run = {key: value for key, value in given.items() if key in RUN_KEYS}
    return run, {key: value for key, value in given.items() if key not in RUN_KEYS}


def question(path: Path, queries: Any, targets: ArrayLike | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The run that takes queries apart along a path. Without queries they are the training set."""
    settings = dict(settings)
    outputs, classes = settings.pop("outputs", None), settings.pop("classes", None)
    run, kernel = sections(settings)
    kernel["readout"] = _readout(path, kernel.get("readout", "outputs"))
    config = {
        **path.config,
        "run": {**path.config.get("run", {}), **run},
        "data": dict(path.config["data"]),
        "model": model(path),
        "kernel": kernel,
    }
    if queries is not None:
        inputs, targets = data.split(queries, targets, "queries")
        config["data"]["query"] = query(path, inputs, targets)
        if outputs is not None:
            config["data"]["query"]["outputs"] = array(outputs, "outputs")
    return config if classes is None else {**config, "report": {"class_names": [str(name) for name in classes]}}


def model(path: Path) -> dict[str, Any]:
    """`[model]`: the first weights are the graph's, unless the path was recorded with them, or they are drawn."""
    recorded = "import" in path.config.get("trajectory", {})
    weights = {} if recorded or not path.graph.weights else {"weights": path.graph.weights}
    return {**path.graph.model, **weights}


def query(path: Path, inputs: Inputs, targets: Any) -> dict[str, Any]:
    """`[data.query]`."""
    return {"inputs": networks.prepared(path.graph, inputs), **({} if targets is None else {"targets": targets})}


def _readout(path: Path, readout: Any) -> Any:
    """The readout of the graph that is this one of the module."""
    if readout == "outputs" and path.graph.ending is not None:
        return _ENDED_OUTPUTS[path.graph.ending]
    return readout
