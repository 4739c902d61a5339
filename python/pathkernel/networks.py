"""Networks as they are given: a module of PyTorch, a graph, or a list of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from . import data
from .data import Inputs
from .graph import Graph
from .weights import read_state

#: A `torch.nn.Module`, a Graph, a list of layers in a run file's words, or its whole `[model]`.
Network = Any


def graph_of(net: Network, inputs: Inputs) -> Graph:
    """The network as the engine reads it; `inputs` are some that it takes.

    >>> graph_of([{"type": "linear", "features": 2}], np.zeros((5, 3))).model["input"]
    [3]
    """
    if isinstance(net, Graph):
        return net
    if hasattr(net, "named_modules"):
        return _traced(net, inputs)
    if isinstance(net, Mapping):
        model = dict(net)
        weights = model.pop("weights", None)
        return Graph(
            model={**_inputs_of(model, inputs), **model}, weights={} if weights is None else read_state(weights)
        )
    if isinstance(net, Sequence) and all(isinstance(layer, Mapping) for layer in net):
        layers = [dict(layer) for layer in net]
        return Graph(model={**_inputs_of({}, inputs), "layers": layers}, weights={})
    raise TypeError(
        f"net: {type(net).__name__} is no network; give a torch.nn.Module, a pathkernel.Graph, or a list of layers "
        "such as "
        '[{"type": "linear", "features": 10}]'
    )


def prepared(graph: Graph, inputs: Inputs) -> np.ndarray | dict[str, np.ndarray]:
    """The graph's inputs, of what the module is called with."""
    if graph.prepare is not None:
        return graph.prepare(data.each(inputs, _as_torch_has_it))
    names = list(graph.model.get("inputs", {}))
    found = list(data.columns(inputs))
    if names and isinstance(inputs, dict) and set(names) <= set(inputs):
        return {name: inputs[name] for name in names}
    if len(found) != (len(names) or 1):
        given = f"the inputs {', '.join(inputs)}" if isinstance(inputs, dict) else f"{len(found)} arrays"
        raise ValueError(f"the network takes {', '.join(names) or 'one input'}, and {given} are given")
    return dict(zip(names, found, strict=True)) if names else found[0]


def with_ending(graph: Graph) -> Graph:
    """The whole of a module, where the graph leaves out what it ends with."""
    if graph.ending is None:
        return graph
    layers = [*graph.model["layers"], _ending(graph)]
    return replace(graph, model={**graph.model, "layers": layers, "output": len(layers) - 1}, ending=None)


def _ending(graph: Graph) -> dict[str, Any]:
    """The layer that a graph leaves out at its end."""
    output = graph.model.get("output")
    return {"type": graph.ending, **({} if output is None else {"from": output})}


def _traced(net: Any, inputs: Inputs) -> Graph:
    from .tracing import trace

    return trace(net, arguments(net, data.each(inputs, _some)))


def arguments(net: Any, inputs: Inputs) -> Any:
    """Inputs as a module takes them: tensors on the device of its parameters, real ones of their type."""
    import torch

    first = next(iter(net.parameters()), torch.zeros(0))

    def tensor(values: np.ndarray) -> Any:
        made = torch.from_numpy(np.array(_as_torch_has_it(values))).to(first.device)
        return made.to(first.dtype) if made.is_floating_point() else made

    return data.each(inputs, tensor)


def _some(values: np.ndarray) -> np.ndarray:
    """The first few examples; a batch of one would be taken for no batch."""
    return values[:4] if len(values) > 1 else np.repeat(values, 2, axis=0)


def _as_torch_has_it(values: np.ndarray) -> np.ndarray:
    """Whole numbers as PyTorch counts: not all of NumPy's types are PyTorch's."""
    return values.astype(np.int64, copy=False) if values.dtype.kind in "iu" else values


def _inputs_of(model: Mapping[str, Any], inputs: Inputs) -> dict[str, Any]:
    """What `[model]` says of the inputs, from the inputs."""
    if "input" in model or "inputs" in model or "graph" in model:
        return {}
    if isinstance(inputs, np.ndarray):
        return {"input": list(inputs.shape[1:]) or [1]}
    named = inputs if isinstance(inputs, dict) else {str(place): values for place, values in enumerate(inputs)}
    return {"inputs": {name: _input(values) for name, values in named.items()}}


def _input(values: np.ndarray) -> dict[str, Any]:
    kind = "integer" if values.dtype.kind in "iu" else "real"
    return {"shape": list(values.shape[1:]) or [1], "type": kind}
