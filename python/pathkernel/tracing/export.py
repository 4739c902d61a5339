"""A module as a graph of ATen's operators, before these are taken apart."""

from __future__ import annotations

import copy
import inspect
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.utils import _pytree as pytree

from ..errors import UnsupportedError
from .inline import inline_regions

#: The least rows of a batch at which nothing of torch.export takes the batch's axis for one of length 1.
ROWS = 2


@dataclass(frozen=True)
class Call:
    """How a module is called: what its tensors are, by name, and what stands beside them."""

    #: Names of the tensors that have a row for each example.
    names: tuple[str, ...]
    spec: pytree.TreeSpec
    #: Every leaf of the arguments; None where a tensor of the examples stands.
    fixed: tuple[Any, ...]
    #: Whether the module is called with one positional tensor.
    is_single: bool

    def leaves(self, tensors: Sequence[torch.Tensor]) -> list[Any]:
        """All leaves, with these tensors in their places."""
        rows = iter(tensors)
        return [next(rows) if leaf is PLACE else leaf for leaf in self.fixed]


class _Place:
    """Where a tensor of the examples stands."""


PLACE = _Place()


class Called(nn.Module):
    """A module as a function of the examples' tensors alone, with one tensor as its output."""

    def __init__(self, module: nn.Module, call: Call, output: str | int | None) -> None:
        super().__init__()
        self.module = module
        self._call = call
        self._output = output

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        args, kwargs = pytree.tree_unflatten(self._call.leaves(tensors), self._call.spec)
        return chosen(self.module(*args, **kwargs), self._output)


def chosen(value: Any, output: str | int | None) -> torch.Tensor:
    """The tensor of what a module returns that is its output."""
    if output is not None:
        value = getattr(value, output) if isinstance(output, str) and hasattr(value, output) else value[output]
    elif hasattr(value, "logits"):
        value = value.logits
    if isinstance(value, torch.Tensor):
        return value
    leaves = [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]
    if not leaves and isinstance(value, Mapping):
        leaves = [leaf for leaf in value.values() if isinstance(leaf, torch.Tensor)]
    if not leaves:
        raise TypeError(f"the module returns {type(value).__name__} without a tensor; name one by `output`")
    return leaves[0]


def call_of(module: nn.Module, examples: Any) -> tuple[Call, list[torch.Tensor]]:
    """How a module is called with some examples, and their tensors."""
    args, kwargs = arguments(examples)
    leaves, spec = pytree.tree_flatten((args, kwargs))
    leaves = [as_tensor(leaf) for leaf in leaves]
    lengths = Counter(len(leaf) for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.ndim)
    [(rows, _)] = lengths.most_common(1) or [(0, 0)]
    if not rows:
        raise ValueError("example_inputs has no tensor with a row for each example")
    is_examples = [isinstance(leaf, torch.Tensor) and leaf.ndim > 0 and len(leaf) == rows for leaf in leaves]
    names = [name for name, held in zip(names_of(module, args, kwargs), is_examples, strict=True) if held]
    fixed = tuple(PLACE if held else leaf for leaf, held in zip(leaves, is_examples, strict=True))
    tensors = [leaf for leaf, held in zip(leaves, is_examples, strict=True) if held]
    is_single = len(tensors) == 1 and len(args) == 1 and isinstance(args[0], (torch.Tensor, np.ndarray))
    return Call(tuple(names), spec, fixed, is_single), tensors


def arguments(examples: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional arguments and those by name."""
    if isinstance(examples, Mapping):
        return (), dict(examples)
    if isinstance(examples, (tuple, list)):
        return tuple(examples), {}
    return (examples,), {}


def as_tensor(leaf: Any) -> Any:
    """An array as a tensor in main memory; what is no array as it is."""
    if isinstance(leaf, torch.Tensor):
        return leaf.detach().cpu()
    if hasattr(leaf, "__dlpack__") or hasattr(leaf, "__array__"):
        return torch.from_numpy(np.array(leaf))
    return leaf


def names_of(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
    """A name for every leaf of the arguments: that of its argument, with a number or key where this holds several."""
    parameters = list(inspect.signature(module.forward).parameters.values())
    single = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [parameter.name for parameter in parameters if parameter.kind in single]
    named = [(positional[at] if at < len(positional) else f"input_{at}", arg) for at, arg in enumerate(args)]
    names: list[str] = []
    for name, value in [*named, *kwargs.items()]:
        paths, _ = pytree.tree_flatten_with_path(value)
        for path, _ in paths:
            keys = "".join(f"_{getattr(key, 'key', getattr(key, 'idx', ''))}" for key in path)
            names.append(name + keys)
    return names


@dataclass
class Exported:
    """A module's graph, and what its placeholders are."""

    graph_module: fx.GraphModule
    call: Call
    #: Name in the state_dict of each placeholder of a tensor, by the placeholder's name.
    tensors: dict[str, str]
    #: Those of them that are parameters.
    parameters: set[str]
    #: Name of the module's input of each placeholder that has a row for each example.
    inputs: dict[str, str]
    #: Value of each placeholder or attribute that is a constant.
    constants: dict[str, Any]
    output: fx.Node


def export(module: nn.Module, call: Call, tensors: list[torch.Tensor], output: str | int | None) -> Exported:
    """The graph of a module. Its examples are a batch of unknown length."""
    rows = [repeated(tensor) for tensor in tensors]
    batch = torch.export.Dim("batch", min=ROWS)
    called = Called(module, call, output)
    # The order of several products, where a package chooses it, is chosen by the length of the batch.
    with quiet(), torch.backends.opt_einsum.flags(enabled=False):
        program = exported_program(called, rows, {"tensors": tuple({0: batch} for _ in rows)})
        if changes_values(program):
            program = program.run_decompositions({})
    return taken_apart(program, call)


def exported_program(called: Called, rows: list[torch.Tensor], dynamic: Any) -> torch.export.ExportedProgram:
    """The module as it runs; where that fails, as its code reads, which follows `len(x)` as well."""
    try:
        return torch.export.export(called, tuple(rows), dynamic_shapes=dynamic, strict=False)
    except Exception as error:
        try:
            return torch.export.export(called, tuple(rows), dynamic_shapes=dynamic, strict=True)
        except Exception:
            raise own_failure(called, rows) or refusal(error) from error


def own_failure(called: Called, rows: list[torch.Tensor]) -> ValueError | None:
    """What the module itself says of its examples, where it cannot be called with them."""
    try:
        called(*rows)
    except Exception as error:
        shapes = ", ".join(str(["n", *row.shape[1:]]).replace("'", "") for row in rows)
        return ValueError(f"the module itself fails on examples of the shape {shapes}: {error}")
    return None


def refusal(error: Exception) -> UnsupportedError:
    """What torch.export could not follow, in words."""
    said = str(error).strip()
    where = user_line(error)
    flow = "control flow depends on the values of the inputs; write it so that every example takes the same way"
    count = "the number of examples is fixed in the module; let it follow the inputs, as `x.shape[0]` does"
    hints = {
        "data-dependent": flow,
        "GuardOnDataDependent": flow,
        "specialized": count,
        "Constraints violated": count,
    }
    name = type(error).__name__
    hint = next(
        (hint for word, hint in hints.items() if word in said or word in name), "torch.export does not follow it"
    )
    first = said.splitlines()[0] if said else name
    return UnsupportedError(f"the module cannot be traced{where}: {hint}. PyTorch says: {first}")


def user_line(error: Exception) -> str:
    """The last line of a traceback that is not PyTorch's."""
    trace = error.__traceback__
    found = ""
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if "/torch/" not in file and "/pathkernel/tracing/" not in file and not file.startswith("<"):
            found = f", at {file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def repeated(tensor: torch.Tensor) -> torch.Tensor:
    """Enough rows that none are taken for an axis of length 1."""
    return torch.cat([tensor] * ROWS) if len(tensor) < ROWS else tensor


def changes_values(program: torch.export.ExportedProgram) -> bool:
    """Whether an operator writes into a value, which is not a buffer that only counts."""
    written = (node for node in program.graph.nodes if is_mutation(node))
    return any(not is_counter(node.args[0]) for node in written)


def is_mutation(node: fx.Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return bool(schema and schema.is_mutable)


def is_counter(node: Any) -> bool:
    return isinstance(node, fx.Node) and node.op == "placeholder" and node.name.endswith("num_batches_tracked")


def taken_apart(program: torch.export.ExportedProgram, call: Call) -> Exported:
    """The graph of a program with its placeholders told apart."""
    signature = program.graph_signature
    graph_module = inline_regions(program.graph_module)
    parameters = {name: target.removeprefix("module.") for name, target in signature.inputs_to_parameters.items()}
    buffers = {name: target.removeprefix("module.") for name, target in signature.inputs_to_buffers.items()}
    constants: dict[str, Any] = {
        name: program.constants[target] for name, target in signature.inputs_to_lifted_tensor_constants.items()
    }
    kept = set(program.state_dict)
    for name, target in signature.inputs_to_buffers.items():
        if target not in kept:
            constants[name] = program.constants[target]
            buffers.pop(name)
    known = {*parameters, *buffers, *constants}
    placeholders = [
        node.name for node in graph_module.graph.nodes if node.op == "placeholder" and node.name not in known
    ]
    result = next(node for node in graph_module.graph.nodes if node.op == "output").args[0]
    position = next(at for at, spec in enumerate(signature.output_specs) if spec.kind.name == "USER_OUTPUT")
    return Exported(
        graph_module,
        call,
        {**parameters, **buffers},
        set(parameters),
        dict(zip(placeholders, call.names, strict=True)),
        constants,
        result[position],
    )


def plain_copy(module: nn.Module) -> nn.Module:
    """A copy in main memory, in single or double precision, that keeps no state of generation."""
    if not isinstance(module, nn.Module):
        raise TypeError(f"trace takes a torch.nn.Module, not {type(module).__name__}")
    module = copy.deepcopy(unwrapped(module)).cpu()
    if any(tensor.dtype in (torch.float16, torch.bfloat16) for tensor in module.parameters()):
        module = module.float()
    for part in module.modules():
        config = getattr(part, "config", None)
        if config is not None and hasattr(config, "use_cache"):
            config.use_cache = False
    return module


def unwrapped(module: nn.Module) -> nn.Module:
    """The module inside what torch.compile and the parallel wrappers put around it."""
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while isinstance(module, wrappers) or hasattr(module, "_orig_mod"):
        inner = module.module if isinstance(module, wrappers) else module._orig_mod
        assert isinstance(inner, nn.Module)
        module = inner
    return module


@contextmanager
def quiet() -> Iterator[None]:
    """Without torch.export's own remarks."""
    parts = ("torch.export", "torch._export", "torch.fx", "torch._dynamo", "torch._subclasses")
    loggers = [logging.getLogger(name) for name in parts]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
