"""What the tests of `trace` share: a comparison of a graph with its module, apart from the package's own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pathkernel import engine
from pathkernel.graph import Graph
from pathkernel.tracing import trace

#: Roundings of double precision, of which a deep network adds up many.
TOLERANCE = 1e-10

Same = Callable[..., Graph]


def doubled(value: Any) -> Any:
    """The same arguments with real numbers in double precision."""
    if isinstance(value, dict):
        return {name: doubled(own) for name, own in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(doubled(own) for own in value)
    return value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def output_of(module: nn.Module, inputs: Any) -> torch.Tensor:
    """The output of a module called with a tensor, arguments or arguments by name."""
    if isinstance(inputs, dict):
        value = module(**inputs)
    else:
        value = module(*inputs) if isinstance(inputs, tuple) else module(inputs)
    value = getattr(value, "logits", value)
    return value if isinstance(value, torch.Tensor) else value[0]


def whole(graph: Graph) -> Graph:
    """A graph with the function that its module ends with."""
    return graph.with_ending()


def gradients_of(module: nn.Module, value: torch.Tensor) -> dict[str, np.ndarray]:
    """The gradient of a number with respect to each trained parameter, tied ones under their first name."""
    named = {name: own for name, own in module.named_parameters() if own.requires_grad}
    found = torch.autograd.grad(value, list(named.values()), allow_unused=True)
    return {name: gradient.numpy() for name, gradient in zip(named, found, strict=True) if gradient is not None}


def in_module(graph: Graph, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Gradients of a graph's tensors as those of the state_dict's."""
    places = graph.model.get("parameters", {})
    result = {}
    for name, gradient in found.items():
        place = places.get(name, {"tensor": name})
        result[place["tensor"]] = gradient.T if place.get("transposed") else gradient
    return result


@pytest.fixture
def same() -> Same:
    """Traces a module, and compares the graph with the module itself, in double precision and evaluation mode."""

    def compare(module: nn.Module, inputs: Any, tolerance: float = TOLERANCE, **options: Any) -> Graph:
        graph = trace(module, inputs, **options)
        copied = copy.deepcopy(module).double().eval()
        own = doubled(inputs)
        wanted = output_of(copied, own)
        direction = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        held = {
            name: array.astype(np.float64) if array.dtype.kind == "f" else array
            for name, array in graph.weights.items()
        }
        arrays = arrays_of(graph, own)
        outputs, found = engine.evaluate(whole(graph).model, held, arrays, direction.numpy(), precision="f64")
        largest = wanted.abs().max().item()
        assert np.abs(np.asarray(outputs).reshape(wanted.shape) - wanted.detach().numpy()).max() <= tolerance * largest
        gradients = gradients_of(copied, (wanted * direction).sum())
        theirs = in_module(graph, found)
        size = max(np.abs(gradient).max() for gradient in gradients.values())
        assert size > 0
        for name, gradient in gradients.items():
            assert np.abs(theirs[name].reshape(gradient.shape) - gradient).max() <= tolerance * size, name
        return graph

    return compare


def arrays_of(graph: Graph, inputs: Any) -> Any:
    """A graph's inputs in double precision."""
    arrays = graph.arrays(inputs)

    def double(array: np.ndarray) -> np.ndarray:
        return array.astype(np.float64) if array.dtype.kind == "f" else array

    return {name: double(array) for name, array in arrays.items()} if isinstance(arrays, dict) else double(arrays)
