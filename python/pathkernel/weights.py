"""Weights under the names of a module's state_dict."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .arrays import array
from .graph import Graph
from .optional import needed

#: Under what a checkpoint keeps the state_dict beside other things.
_INSIDE = ("state_dict", "model_state_dict", "model", "net", "module")


def of_model(graph: Graph, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of a module of the tensors of its graph, which are parts of them where `model.parameters` says so."""
    views: Mapping[str, Any] = graph.model.get("parameters", {})
    found = {name: values for name, values in weights.items() if name not in views}
    for name in views:
        if name in weights:
            whole = found.setdefault(views[name]["tensor"], np.array(graph.weights[views[name]["tensor"]]))
            part = whole[slice(*views[name].get("rows", (None,)))]
            part[...] = _put_back(weights[name], part.shape, views[name])
    return found


def in_graph(graph: Graph, names: Iterable[str]) -> list[str]:
    """What a graph calls a module's tensors: some of them are cut into parts."""
    views: dict[str, list[str]] = {}
    for part, view in graph.model.get("parameters", {}).items():
        views.setdefault(view.get("tensor", part), []).append(part)
    return [part for name in names for part in views.get(name, [name])]


def _put_back(values: np.ndarray, shape: tuple[int, ...], view: Mapping[str, Any]) -> np.ndarray:
    """A part as it lies in its tensor, whose rows there have this shape: taken with the axes exchanged, then
    reshaped.
    """
    if not view.get("transposed"):
        return values.reshape(shape)
    return values.reshape(shape[::-1]).T


def module_state(net: Any, weights: Mapping[str, np.ndarray], steps: int) -> dict[str, np.ndarray]:
    """A module's whole state with these weights: what the graph does not have stays, and a tied tensor has all its
    names.

    A list of layers has its weights alone.
    """
    if not hasattr(net, "state_dict"):
        return dict(weights)
    state = net.state_dict(keep_vars=True)
    trained = {_place(state[name]): values for name, values in weights.items() if name in state}
    found = {
        name: trained[_place(value)] if _place(value) in trained else array(value, name)
        for name, value in state.items()
    }
    counted = {name: values + steps for name, values in found.items() if name.endswith("num_batches_tracked")}
    return {**found, **counted}


def _place(tensor: Any) -> tuple[Any, ...]:
    """Where a tensor lies; tied ones lie in one place. Empty ones lie nowhere, and are told apart by their number."""
    return (tensor.data_ptr(), tuple(tensor.shape)) if tensor.numel() else (id(tensor),)


def read_state(state: Any) -> dict[str, np.ndarray]:
    """The state_dict of a checkpoint: a table of tensors, a module, or a file that PyTorch or safetensors wrote."""
    if hasattr(state, "state_dict"):
        state = state.state_dict()
    if isinstance(state, (str, os.PathLike)):
        state = _read(os.fspath(state))
    for name in _INSIDE:
        if isinstance(state.get(name), Mapping):
            state = state[name]
            break
    return {name: array(values, name) for name, values in state.items() if hasattr(values, "shape")}


def _read(file: str) -> Any:
    if file.endswith(".safetensors"):
        return needed("safetensors.numpy", file).load_file(file)
    if file.endswith(".npz"):
        with np.load(file) as found:
            return dict(found)
    return needed("torch", file).load(file, map_location="cpu", weights_only=True)
