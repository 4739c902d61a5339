"""Whether a graph is the module that it was made of: its outputs and its gradients, for a few examples."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import PathkernelError
from ..graph import Graph
from .export import Call, Called
from .inputs import Prepare
from .program import Program
from .translate import Translator

#: Examples that are compared, at the most.
EXAMPLES = 3
#: How far values may differ, of the largest: roundings of double precision, of which a deep network adds up many.
TOLERANCE = 1e-10
#: The same where the module rounds on the way to single precision, or to half, which the graph does not.
ROUNDED = {torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.1}


class Difference(PathkernelError):
    """A graph that is not the module that it was made of."""


def check(
    graph: Graph,
    module: nn.Module,
    translator: Translator,
    prepare: Prepare,
    tensors: Mapping[str, torch.Tensor],
    output: Any,
) -> None:
    """Compares outputs and gradients in double precision.

    Raises:
        Difference: They differ; the message names the first node that does.
    """
    from .. import engine

    program = translator.program
    tensors = {name: tensor[:EXAMPLES] for name, tensor in tensors.items()}
    rows = len(next(iter(tensors.values())))
    weights = leaves(program, graph)
    wanted = program.evaluate([program.exported.output], tensors, rows, weights)[program.exported.output]
    same_module(wanted, module, program, tensors, output)
    if graph.ending:
        wanted = before_ending(program, graph, tensors, rows, weights)
    direction = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    held = {
        name: array.astype(np.float64) if array.dtype.kind == "f" else array for name, array in graph.weights.items()
    }
    arrays = prepare.arrays(tensors, torch.float64)
    inputs: Any = next(iter(arrays.values())) if "input" in graph.model else arrays
    outputs, found = engine.evaluate(graph.model, held, inputs, direction.numpy(), precision="f64")
    if far(np.asarray(outputs).reshape(wanted.shape), wanted.detach().numpy()) > TOLERANCE:
        raise Difference(first_difference(graph, translator, tensors, inputs, held, rows))
    compare_gradients(graph, weights, (wanted * direction).sum(), found or {})


def leaves(program: Program, graph: Graph) -> dict[str, torch.Tensor]:
    """The graph's tensors in double precision; those that are trained want a gradient."""
    frozen = {program_name(graph, name) for name in graph.model.get("frozen", [])}
    named = set(program.exported.tensors[name] for name in program.exported.parameters)
    found = {}
    for name, array in graph.weights.items():
        tensor = torch.tensor(array)
        tensor = tensor.double() if tensor.is_floating_point() else tensor
        found[name] = tensor.requires_grad_(name in named and name not in frozen)
    return every_name(program, found)


def every_name(program: Program, found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same under each name that a tensor goes by."""
    return {
        name: found[program.canonical(name)]
        for name in program.exported.tensors.values()
        if program.canonical(name) in found
    }


def program_name(graph: Graph, tensor: str) -> str:
    """The state_dict's name of a tensor of the graph."""
    place = graph.model.get("parameters", {}).get(tensor, {})
    return str(place.get("tensor", tensor))


def same_module(
    wanted: torch.Tensor, module: nn.Module, program: Program, tensors: Mapping[str, torch.Tensor], output: Any
) -> None:
    """Fails unless the exported graph has the module's own outputs."""
    call = program.exported.call
    own = [tensors[name] for name in call.names]
    allowed = max((ROUNDED[dtype] for dtype in program.roundings()), default=TOLERANCE)
    try:
        copied = copy.deepcopy(module).double().eval()
        found = called(copied, call, [own.double() if own.is_floating_point() else own for own in own], output)
    except RuntimeError:
        # Its own casts, which double precision does not go with.
        allowed = max(allowed, ROUNDED[torch.float32])
        found = called(copy.deepcopy(module).eval(), call, own, output)
    if found.shape != wanted.shape or not far(found.double().numpy(), wanted.detach().numpy()) <= allowed:
        raise Difference(
            "torch.export made another function of the module: its outputs are not the module's own in evaluation mode"
        )


def called(module: nn.Module, call: Call, tensors: list[torch.Tensor], output: Any) -> torch.Tensor:
    """A module's output. Gradients are on: without them nn.TransformerEncoder goes a shorter way, to other numbers."""
    with torch.enable_grad():
        result: torch.Tensor = Called(module, call, output)(*tensors)
    return result.detach()


def before_ending(
    program: Program, graph: Graph, tensors: Mapping[str, torch.Tensor], rows: int, weights: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """The value that the module's last function is of."""
    last = program.ending_source
    assert last is not None
    value: torch.Tensor = program.evaluate([last], tensors, rows, weights)[last]
    return value


def compare_gradients(
    graph: Graph, weights: Mapping[str, torch.Tensor], value: torch.Tensor, found: Mapping[str, np.ndarray]
) -> None:
    """Fails where a gradient of the graph's is not PyTorch's."""
    unique = {id(tensor): (name, tensor) for name, tensor in reversed(list(weights.items())) if tensor.requires_grad}
    if not unique:
        return
    names, own = zip(*unique.values(), strict=True)
    gradients = torch.autograd.grad(value, own, allow_unused=True)
    wanted = {
        name: torch.zeros_like(tensor) if gradient is None else gradient
        for name, tensor, gradient in zip(names, own, gradients, strict=True)
    }
    theirs = {
        program_name(graph, name): as_in_module(graph, name, np.asarray(gradient)) for name, gradient in found.items()
    }
    largest = max(float(gradient.abs().max()) for gradient in wanted.values())
    for name, gradient in wanted.items():
        if name not in theirs:
            raise Difference(f"{name} is trained, and the graph has no gradient of it")
        mine, other = gradient.numpy(), theirs[name].reshape(tuple(gradient.shape))
        if np.abs(mine - other).max(initial=0) > TOLERANCE * max(largest, 1e-30):
            worst = np.abs(mine - other).max() / largest
            raise Difference(
                f"the gradient of {name} differs from PyTorch's, by {worst:.1e} of the largest of all gradients"
            )


def as_in_module(graph: Graph, tensor: str, gradient: np.ndarray) -> np.ndarray:
    """A gradient of a tensor of the graph as one of the module's, but for its shape."""
    place = graph.model.get("parameters", {}).get(tensor, {})
    return gradient.T if place.get("transposed") else gradient


def far(found: np.ndarray, wanted: np.ndarray) -> float:
    """How far values are apart, of the largest of those that are finite."""
    finite = np.isfinite(wanted)
    if not np.isfinite(found[finite]).all():
        return float("inf")
    largest = max(float(np.abs(wanted[finite]).max(initial=0)), 1e-30)
    return float(np.abs(found[finite] - wanted[finite]).max(initial=0)) / largest


def first_difference(
    graph: Graph,
    translator: Translator,
    tensors: Mapping[str, torch.Tensor],
    inputs: Any,
    held: Mapping[str, np.ndarray],
    rows: int,
) -> str:
    """Names the first value that differs, among those that are the graph's and the exported graph's."""
    from .. import engine

    program = translator.program
    names = {layer["name"] for layer in graph.model["layers"]}
    for node, name in translator.translated():
        name = translator.renamed.get(name, name)
        if name not in names:
            continue
        layout = program.layout(node)
        value = program.evaluate([node], tensors, rows)[node]
        value = value.movedim(layout.batch, 0) if layout.batch is not None else value[None].expand(rows, *value.shape)
        outputs, _ = engine.evaluate({**graph.model, "output": name}, held, inputs, None, precision="f64")
        if far(np.asarray(outputs).reshape(-1), value.detach().double().reshape(-1).numpy()) > TOLERANCE:
            source = graph.sources.get(name)
            where = f"{source.module}: {source.operator} at {source.line}" if source else name
            return f"the translation differs from the module first at {where} (layer {name!r})"
    return (
        "the translation differs from the module at its output, and at no node before; "
        "the examples of a batch may meet in the module"
    )
