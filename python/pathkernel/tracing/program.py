"""What the values of an exported graph depend on, and their evaluation in PyTorch."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.nn import functional

from .export import Exported
from .layout import Layout, Mixed, is_tensor, layout_of

HALVES = (torch.float16, torch.bfloat16, torch.float32)


class Kind(Enum):
    """What a value depends on."""

    CONSTANT = "nothing"
    INPUTS = "inputs alone"
    PARAMETERS = "parameters alone"
    TRAINED = "inputs and parameters, or chance"


class Program:
    """An exported graph with what its values depend on."""

    def __init__(self, exported: Exported, state: Mapping[str, torch.Tensor]) -> None:
        self.exported = exported
        self.graph = exported.graph_module.graph
        self._state = state
        self.kinds: dict[fx.Node, Kind] = {}
        self._layouts: dict[fx.Node, Layout] = {}
        for node in self.graph.nodes:
            self.kinds[node] = self._kind(node)
        self.needed = self._ancestors([exported.output])
        #: The value that the module's last function is of, where that belongs to the loss.
        self.ending_source: fx.Node | None = None
        self._first: dict[int, str] = {}
        #: Tables whose rows of padding have a gradient as others do.
        self.unpadded: set[str] = set()

    def _kind(self, node: fx.Node) -> Kind:
        if node.op == "placeholder":
            if node.name in self.exported.inputs:
                return Kind.INPUTS
            return Kind.PARAMETERS if node.name in self.exported.parameters else Kind.CONSTANT
        if node.op == "get_attr" or is_number(node):
            return Kind.CONSTANT
        kinds = {self.kinds[read] for read in node.all_input_nodes} - {Kind.CONSTANT}
        if draws(node) or Kind.TRAINED in kinds or len(kinds) > 1:
            return Kind.TRAINED
        return kinds.pop() if kinds else Kind.CONSTANT

    def layout(self, node: fx.Node) -> Layout:
        """How an example's value lies in that of a batch."""
        if node not in self._layouts:
            self._layouts[node] = layout_of(node.meta["val"])
        return self._layouts[node]

    def canonical(self, name: str) -> str:
        """The first of the names that a tensor goes by."""
        if not self._first:
            for known, tensor in self._state.items():
                self._first.setdefault(id(tensor), known)
        return self._first[id(self._state[name])]

    def tensor(self, node: fx.Node) -> torch.Tensor | None:
        """The parameter or buffer that a placeholder is."""
        name = self.exported.tensors.get(node.name) if node.op == "placeholder" else None
        return None if name is None else self._state[name]

    def constant(self, node: fx.Node) -> np.ndarray:
        """The value of a constant, for one example."""
        value = self.evaluate([node], {}, 2)[node]
        layout = self.layout(node)
        if layout.batch is not None:
            first, second = value.tensor_split(2, dim=layout.batch)
            if not torch.equal(first, second):
                raise Mixed()
            value = first.reshape(layout.shape)
        array: np.ndarray = value.detach().numpy()
        return array

    def evaluate(
        self,
        wanted: Iterable[fx.Node],
        inputs: Mapping[str, torch.Tensor],
        rows: int,
        weights: Mapping[str, torch.Tensor] | None = None,
    ) -> dict[fx.Node, Any]:
        """Values of nodes in double precision and evaluation mode, for a batch of so many rows."""
        wanted = list(wanted)
        needed = self._ancestors(wanted)
        values: dict[fx.Node, Any] = {}
        left = {node: sum(user in needed for user in node.users) for node in needed}
        for node in self.graph.nodes:
            if node not in needed:
                continue
            values[node] = self._value(node, values, inputs, rows, weights)
            for read in node.all_input_nodes:
                if read in left:
                    left[read] -= 1
                    if left[read] == 0 and read not in wanted:
                        values.pop(read, None)
        return {node: values[node] for node in wanted}

    def _value(
        self,
        node: fx.Node,
        values: Mapping[fx.Node, Any],
        inputs: Mapping[str, torch.Tensor],
        rows: int,
        weights: Mapping[str, torch.Tensor] | None,
    ) -> Any:
        if is_number(node):
            return number_of(node.meta["val"], rows)
        if node.op == "get_attr":
            return doubled(getattr(self.exported.graph_module, str(node.target)))
        if node.op == "placeholder":
            return doubled(self._placeholder(node, inputs, weights))
        args, kwargs = fx.map_arg(
            (node.args, node.kwargs), lambda read: values[read] if read in values else number_of(read.meta["val"], rows)
        )
        if operator_name(node) == "embedding" and self._is_unpadded(node.args[0]):
            args = args[:2]
        return evaluated(node, args, kwargs)

    def _is_unpadded(self, table: Any) -> bool:
        name = self.exported.tensors.get(table.name) if isinstance(table, fx.Node) else None
        return name is not None and self.canonical(name) in self.unpadded

    def roundings(self) -> set[torch.dtype]:
        """The precisions that values are rounded to on the way."""
        arguments = (argument for node in self.needed for argument in (*node.args, *node.kwargs.values()))
        return {argument for argument in arguments if isinstance(argument, torch.dtype) and argument in HALVES}

    def _placeholder(
        self, node: fx.Node, inputs: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor] | None
    ) -> Any:
        if node.name in self.exported.inputs:
            return inputs[self.exported.inputs[node.name]]
        if node.name in self.exported.constants:
            return self.exported.constants[node.name]
        name = self.exported.tensors[node.name]
        return (weights or {}).get(name, self._state[name])

    def _ancestors(self, nodes: Iterable[fx.Node]) -> set[fx.Node]:
        """Some nodes and all whose values these need; shapes need none."""
        found: set[fx.Node] = set()
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += [] if is_number(node) else [read for read in node.all_input_nodes if not is_number(read)]
        return found


def is_number(node: fx.Node) -> bool:
    """Whether a value is a number that follows from shapes."""
    return isinstance(node.meta.get("val"), (int, float, bool, torch.SymInt, torch.SymFloat, torch.SymBool))


def number_of(value: Any, rows: int) -> Any:
    """A number that follows from shapes, for a batch of so many rows."""
    if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        expression = value.node.expr
        result = expression.subs({symbol: rows for symbol in expression.free_symbols})
        return float(result) if isinstance(value, torch.SymFloat) else int(result)
    return value


def draws(node: fx.Node) -> bool:
    """Whether an operator draws numbers at random."""
    if node.op != "call_function":
        return False
    tags = getattr(node.target, "tags", ())
    arguments = bound(node)
    is_idle = not arguments.get("train", arguments.get("training", True)) or arguments.get("p") == 0
    return (
        torch.Tag.nondeterministic_seeded in tags
        and not is_idle
        and arguments.get("dropout_p", 1) != 0
        or (operator_name(node) in ("dropout", "feature_dropout", "alpha_dropout") and not is_idle)
    )


def operator_name(node: fx.Node) -> str:
    """The name of an operator, without its overload."""
    packet = getattr(node.target, "overloadpacket", None)
    return str(packet.__name__ if packet is not None else getattr(node.target, "__name__", node.target))


def bound(node: fx.Node) -> dict[str, Any]:
    """The arguments of an operator by name, with its defaults."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return {str(at): arg for at, arg in enumerate(node.args)}
    given = {argument.name: value for argument, value in zip(schema.arguments, node.args, strict=False)} | node.kwargs
    defaults = {argument.name: argument.default_value for argument in schema.arguments if argument.has_default_value()}
    return {argument.name: (defaults | given)[argument.name] for argument in schema.arguments}


def evaluated(node: fx.Node, args: Any, kwargs: Any) -> Any:
    """The value of an operator in evaluation mode and double precision."""
    schema = getattr(node.target, "_schema", None)
    if schema is None or node.target is operator.getitem:
        return node.target(*args, **kwargs)  # type: ignore[operator]
    values = {argument.name: value for argument, value in zip(schema.arguments, args, strict=False)} | kwargs
    if (name := operator_name(node)) in INSTEAD:
        return INSTEAD[name](**values)
    for name, off in {"train": False, "training": False, "dropout_p": 0.0, "use_input_stats": None}.items():
        if name in values and off is not None:
            values[name] = off
    values = {
        name: torch.float64 if isinstance(value, torch.dtype) and value in HALVES else value
        for name, value in values.items()
    }
    positional = [
        values.pop(argument.name)
        for argument in schema.arguments
        if not argument.kwarg_only and argument.name in values
    ]
    return node.target(*positional, **values)  # type: ignore[operator]


#: Operators without a derivative in PyTorch, or with one in single precision: the same in others.
INSTEAD: dict[str, Callable[..., torch.Tensor]] = {
    "copy": lambda self, src, **_: src.expand_as(self),
    "hardsigmoid": lambda self: functional.relu6(self + 3) / 6,
}


def doubled(value: Any) -> Any:
    return value.double() if is_tensor(value) and value.is_floating_point() else value
